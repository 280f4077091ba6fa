"""Which files and folders the rules of a scan leave out."""

import os

import pytest

from seealso.collection.intake.sieve import Sieve, relative_to
from seealso.interfaces.scan_rules import LEFT_OUT, ScanRules

ROOT = b"/srv/p"


def leaves_out(path: str, **rules: object) -> bool:
    """Whether rules leave out a file below `ROOT`, by its path from there."""
    rules.setdefault("exclude", ())
    return Sieve(ScanRules(**rules)).leaves_out(ROOT + b"/" + os.fsencode(path), ROOT)


@pytest.mark.parametrize("folder", [*LEFT_OUT[:4], ".Trash-1000", ".Trashes", LEFT_OUT[5]])
def test_what_a_new_collection_leaves_out(folder):
    sieve = Sieve(ScanRules(hidden=True))
    assert sieve.leaves_out(os.fsencode(f"/srv/p/a/{folder}/b/1.jpg"), ROOT)
    assert sieve.leaves_out(os.fsencode(f"/srv/p/{folder}/1.jpg"), ROOT)
    assert not sieve.leaves_out(os.fsencode(f"/srv/p/{folder}/1.jpg"), os.fsencode(f"/srv/p/{folder}"))


@pytest.mark.parametrize("path", ["1.jpg", "a/1.jpg", "eaDir/1.jpg", "x@eaDir/1.jpg", "recycle/1.jpg", "Trash/1.jpg"])
def test_what_it_does_not(path):
    assert not Sieve(ScanRules()).leaves_out(ROOT + b"/" + path.encode(), ROOT)


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("thumbs", "thumbs/1.jpg", True),
        ("thumbs", "a/b/thumbs/c/1.jpg", True),
        ("thumbs", "mythumbs/1.jpg", False),
        ("thumbs/", "a/thumbs/1.jpg", True),
        ("thumb?", "a/thumbs/1.jpg", True),
        ("[ab]", "b/1.jpg", True),
        ("*.png", "a/1.png", True),
        ("*.png", "a/1.PNG", False),
        ("*.png", "a.png/1.jpg", True),
        ("a/thumbs", "a/thumbs/c/1.jpg", True),
        ("a/thumbs", "b/a/thumbs/1.jpg", False),
        ("*/thumbs", "b/a/thumbs/1.jpg", True),
        ("a/*", "a/b/c/1.jpg", True),
        ("./a", "a/1.jpg", True),
        ("./a", "b/a/1.jpg", False),
        ("/srv/p/a", "a/b/1.jpg", True),
        ("/srv/p/a/", "a/b/1.jpg", True),
        ("/srv/*/b", "a/b/1.jpg", True),
        ("/a", "a/1.jpg", False),
        ("/srv/p", "a/1.jpg", False),
        ("/", "a/1.jpg", False),
        ("./", "a/1.jpg", False),
        ("[", "[/1.jpg", True),
        ("a\nb", "a\nb/1.jpg", True),
    ],
)
def test_a_pattern(pattern, path, matches):
    assert leaves_out(path, exclude=(pattern,)) == matches
    # What does not match is left out where only what matches is taken.
    assert leaves_out(path, include=(pattern,)) != matches


def test_several_patterns_of_every_kind():
    rules = {"exclude": ("x", "a/y", "/srv/p/z", "w*")}
    found = [path for path in ("x/1", "a/y/1", "z/1", "who/1", "y/1", "a/z/1", "v") if leaves_out(path, **rules)]
    assert found == ["x/1", "a/y/1", "z/1", "who/1"]


def test_hidden_ones():
    assert leaves_out(".h.jpg")
    assert leaves_out("a/.b/h.jpg")
    assert not leaves_out("a/.b/h.jpg", hidden=True)
    assert not leaves_out("a./b.c/h.jpg")


def test_what_is_named_itself_is_never_left_out():
    for rules in (ScanRules(exclude=("*",)), ScanRules(include=("nothing",))):
        assert not Sieve(rules).leaves_out(ROOT, ROOT)
    assert not Sieve(ScanRules()).leaves_out(b"/srv/.p", b"/srv/.p")


def test_from_the_root_of_the_file_system():
    assert relative_to(b"/a/b", b"/") == "a/b"
    assert Sieve(ScanRules(exclude=("/a",))).leaves_out(b"/a/b", b"/")
    assert not Sieve(ScanRules(exclude=("/b",))).leaves_out(b"/a/b", b"/")


@pytest.mark.parametrize(
    "rules",
    [
        {"exclude": ("b", "a/c", "/srv/p/d", "*.png")},
        {"include": ("b", "a/c", "/srv/p/d", "*.png")},
        {"include": ("*.jpg",), "exclude": ("a",), "hidden": True},
        {},
    ],
)
def test_a_walk_and_a_look_at_a_path_agree(rules):
    """A scan asks for each folder on its way, then for the file; later only the path of the file is there."""
    sieve = Sieve(ScanRules(**rules))
    names = ["a", "b", "c", "d", ".e", "@eaDir"]
    for path in ([one, two, f"f{end}"] for one in names for two in names for end in (".jpg", ".png")):
        relative = "/".join(path)
        way = ["/".join(path[:end]) for end in (1, 2)]
        hidden = not rules.get("hidden") and any(part.startswith(".") for part in path)
        whole = [ROOT + b"/" + each.encode() for each in (*way, relative)]
        walked = hidden or any(map(sieve.excludes, (*way, relative), whole)) or sieve.misses(relative, whole[-1])
        assert sieve.leaves_out(whole[-1], ROOT) == walked, relative
