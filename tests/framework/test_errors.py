import pickle
import re

import pytest

import seealso
from seealso import errors


def test_the_tree_in_the_docstring_is_that_of_the_classes():
    drawn, above = {}, []
    for indent, name in re.findall(r"^( *)- (\w+):", errors.__doc__, re.MULTILINE):
        del above[len(indent) // 2 :]
        drawn[name] = above[-1] if above else "Exception"
        above.append(name)
    classes = {
        name: cls.__base__.__name__
        for name, cls in vars(errors).items()
        if isinstance(cls, type) and issubclass(cls, Exception)
    }
    assert drawn == classes
    assert all(name in seealso.__all__ for name in classes)


@pytest.mark.parametrize(
    ("package", "expected"),
    [("seealso[hdf5]", "it needs h5py: pip install 'seealso[hdf5]'"), ("h5py", "it needs h5py: pip install h5py")],
)
def test_a_missing_extra_ends_in_the_command(package, expected):
    error = seealso.MissingExtra("it needs h5py", package)
    assert str(error) == expected
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.package) == (expected, package)


@pytest.mark.parametrize("kind", [seealso.ConfigError, seealso.ImageError, seealso.QueryError])
def test_no_error_repeats_what_is_long_or_steers_a_terminal(kind):
    error = kind(f"no \x1b[2J{'x' * 60_000}\nat all")
    assert str(error).startswith(r"no \x1b[2Jxxx")
    assert str(error).endswith(r"xxx\nat all")
    assert len(str(error)) == 1000
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_nor_does_a_missing_extra():
    told = str(seealso.MissingExtra("x" * 60_000, "h5py"))
    assert told.endswith("xxx: pip install h5py")
    assert len(told) == 1000


def test_an_unknown_word_knows_what_to_ask_instead():
    error = pickle.loads(pickle.dumps(seealso.UnknownWord("no word is dgo; it knows dog, do", "dgo", ["dog", r"d\1"])))
    assert str(error) == "no word is dgo; it knows dog, do"
    assert seealso.UnknownWord("no word is dgo; it knows dog, do", "dgo", ["dog", "do"]).brief == "no word is dgo"
    assert seealso.UnknownWord("no word is dgo; try another", "dgo").brief == "no word is dgo; try another"
    assert (error.word, error.near) == ("dgo", ("dog", r"d\1"))
    assert error.instead('red Dgo -"dgos dgo"') == ('red dog -"dgos dog"', r'red d\1 -"dgos d\1"')
    assert error.instead("dogs") == ()


def test_an_unknown_word_is_a_whole_word():
    error = seealso.UnknownWord("no word is blac", "blac", ["black", "black", "Black"])
    assert error.near == ("black", "Black")
    assert [error.is_in(text) for text in ("black", "Blac", "red_blac!", "blacblac")] == [False, True, True, False]
    assert error.instead("a blac, black") == ("a black, black", "a Black, black")
    twice = seealso.UnknownWord("no word is blac", "blac", ["black", "black"])
    assert twice.instead("red_blac") == ("red_black",)


def test_an_object_that_is_not_there_is_named():
    error = pickle.loads(pickle.dumps(seealso.NoObject(99, "photos")))
    assert (str(error), error.id) == ("there is no object 99 in the collection photos", 99)
