"""The text side of the extractor onnx: its files and options, and images that are found by words. Against the original: test_clip.py."""

import json
import os
import sys

import numpy as np
import pytest
from onnx import TensorProto
from PIL import Image
from pydantic import ValidationError

import seealso
from lengths import campaign
from plugins.text_models import (
    COLOURS,
    DIRECTIONS,
    VOCABULARY,
    padding,
    write_image_model,
    write_text_model,
    write_tokenizer,
)
from seealso.testing import ExtractorTests
from seealso_cli.app import run
from seealso_cli.session import Session
from seealso_onnx.extractor import OnnxExtractor
from seealso_onnx.options import OnnxOptions
from seealso_onnx.text_options import WordsOptions
from seealso_onnx.text_side import TextSide
from seealso_onnx.tokenizer import Tokenizer

S, E, PAD, UNKNOWN = (VOCABULARY.index(token) for token in ("<s>", "</s>", "[PAD]", "[UNK]"))
RED, GREEN = (VOCABULARY.index(word) for word in ("red", "green"))


def options(folder, **given) -> WordsOptions:
    files = {"model": "text.onnx", "tokenizer": "tokenizer.json", "length": 8}
    return WordsOptions.model_validate(files | given, context={"base": folder})


def side(folder, **given) -> TextSide:
    return TextSide(options(folder, **given), 3, 1)


def tokenizer(folder, axis=None, changed=None, **given) -> Tokenizer:
    return Tokenizer(write_tokenizer(folder, **changed or {}).read_bytes(), options(folder, **given), axis)


@pytest.fixture
def folder(tmp_path):
    write_image_model(tmp_path)
    write_text_model(tmp_path)
    write_tokenizer(tmp_path)
    return tmp_path


class TestWithATextSide(ExtractorTests):
    extractor_class = OnnxExtractor

    @pytest.fixture(scope="class")
    @classmethod
    def extractor(cls, tmp_path_factory):
        folder = tmp_path_factory.mktemp("pair")
        files = {"model": str(write_text_model(folder)), "tokenizer": str(write_tokenizer(folder)), "length": 8}
        extractor = cls.made(folder / "cache", model=str(write_image_model(folder)), words=files)
        yield extractor
        extractor.close()


# Tokens


@pytest.mark.parametrize(
    ("given", "axis", "changed", "ids"),
    [
        ({}, None, {}, [S, RED, E]),
        ({"template": "a photo of {}"}, None, {}, [S, 7, 8, 9, RED, E]),
        # What fills up: as the options say, as the tokenizer says, or as the model's input wants it.
        ({"pad": 0}, None, {}, [S, RED, E, 0, 0, 0, 0, 0]),
        ({"pad": "</s>"}, None, {}, [S, RED, E, E, E, E, E, E]),
        ({"length": None}, None, {"padding": padding(5)}, [S, RED, E, PAD, PAD]),
        ({}, None, {"padding": padding(None)}, [S, RED, E]),
        ({}, None, {"padding": padding(5)}, [S, RED, E, PAD, PAD, PAD, PAD, PAD]),
        ({"length": None}, 5, {"padding": padding(None)}, [S, RED, E, PAD, PAD]),
        ({"length": 4, "pad": 1}, 5, {}, [S, RED, E, PAD, PAD]),
        ({"length": None}, 5, {"padding": padding(3, "Left")}, [PAD, PAD, S, RED, E]),
    ],
)
def test_tokens(tmp_path, given, axis, changed, ids):
    found = tokenizer(tmp_path, axis, changed, **given)("Red")
    assert found.ids.tolist() == [ids]
    start, end = ids.index(S), ids.index(E)
    assert found.mask.tolist() == [[int(start <= place <= end) for place in range(len(ids))]]
    assert (found.ids.dtype, found.mask.dtype) == (np.int64, np.int64)


@pytest.mark.parametrize(
    ("phrase", "said"),
    [
        ("", "there are no words to look for"),
        (" \n\t", "there are no words to look for"),
        ("red " * 7, "the words make 9 tokens, and the text model reads 8; give fewer"),
        ("red " * 2000, "the words make 2,002 tokens, and the text model reads 8; give fewer"),
        ("red " * 10_000, "the words have 40,000 characters; give 10,000 at most"),
        ("red \ud800", "the words cannot be read"),
    ],
)
@pytest.mark.parametrize(
    "changed", [{}, {"truncation": {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}}]
)
def test_words_that_cannot_be_asked(tmp_path, phrase, said, changed):
    """They are refused, also where the tokenizer would silently leave out the end."""
    with pytest.raises(seealso.QueryError, match=said) as caught:
        tokenizer(tmp_path, changed=changed)(phrase)
    assert len(str(caught.value)) < 400


def test_other_scripts_are_the_tokenizers_affair(tmp_path):
    assert tokenizer(tmp_path)("犬 щенок red").ids.tolist() == [[S, UNKNOWN, UNKNOWN, RED, E]]
    assert tokenizer(tmp_path)("red\0green").ids.shape[1] >= 3


def test_a_tokenizer_that_makes_nothing(tmp_path):
    nothing = {"pre_tokenizer": {"type": "Whitespace"}, "post_processor": None}
    with pytest.raises(seealso.QueryError, match="the text model's tokenizer makes nothing of these words"):
        tokenizer(
            tmp_path, changed=nothing | {"normalizer": {"type": "Replace", "pattern": {"Regex": "."}, "content": ""}}
        )("red")


@pytest.mark.parametrize(
    ("given", "axis", "changed", "said"),
    [
        (
            {"length": None},
            None,
            {},
            r"tokenizer\.json: neither it nor the model says how many tokens the model reads; say `length:`",
        ),
        ({"length": 9}, 8, {}, r"text\.onnx: it takes 8 tokens, and `length: 9` is more"),
        ({}, 8, {}, r"text\.onnx: it takes 8 tokens, no fewer; say `pad:`"),
        ({"pad": "[MASK]"}, None, {}, r"tokenizer\.json: it has no token '\[MASK\]', which `pad:` names"),
        # A length beyond reason counts for none.
        ({"length": None}, None, {"padding": padding(10**12)}, "neither it nor the model says how many tokens"),
        ({}, 10**12, {}, r"text\.onnx: it takes 1,000,000,000,000 tokens, and more than 4,096 are not given"),
    ],
)
def test_a_tokenizer_and_options_that_do_not_fit(tmp_path, given, axis, changed, said):
    with pytest.raises(seealso.PluginError, match=said) as caught:
        tokenizer(tmp_path, axis, changed, **given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not JSON",
        b"\xff\xfe\0" * 100,
        b"{}",
        b"[" * 100_000,
        b'{"version": "1.0", "model": {"type": "Unheard-of"}}',
        b'{"a": ' * 50_000 + b"1" + b"}" * 50_000,
        json.dumps({"version": "1.0", "model": {"type": "WordLevel", "vocab": {"a": -1}, "unk_token": "b"}}).encode(),
    ],
    ids=lambda content: repr(content[:12]),
)
def test_what_is_no_tokenizer(folder, content):
    (folder / "tokenizer.json").write_bytes(content)
    with pytest.raises(
        seealso.PluginError, match=r"tokenizer\.json: it is no tokenizer\.json that can be used: "
    ) as caught:
        side(folder)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_damaged_tokenizer_works_or_is_refused_in_one_line(tmp_path):
    whole = write_tokenizer(tmp_path, padding=padding(6)).read_bytes()
    random = np.random.default_rng(0)
    told = []
    for _ in range(campaign(200, 10_000)):
        data = bytearray(whole)
        for _ in range(random.integers(1, 4)):
            change, at = random.integers(3), random.integers(len(data))
            if change == 0:
                data[at] ^= 1 << random.integers(8)
            elif change == 1:
                del data[at : at + random.integers(1, 30)]
            else:
                data[at:at] = data[random.integers(len(data)) :][: random.integers(1, 60)]
        try:
            found = Tokenizer(bytes(data), options(tmp_path), None)("a red photo")
        except (seealso.PluginError, seealso.QueryError) as error:
            told.append(str(error))
        else:
            assert found.ids.shape[1] <= 8
    assert told
    assert max(map(len, told)) < 500 + len(str(tmp_path))
    assert not any("\n" in each for each in told)


def test_only_files_of_a_sensible_size_are_read(folder):
    with (folder / "large.json").open("wb") as file:
        file.truncate((1 << 26) + 1)
    os.mkfifo(folder / "pipe")
    for given, said in (
        ({"tokenizer": "large.json"}, "more than 67,108,864 are not read"),
        ({"tokenizer": "pipe"}, "it is no regular file"),
        ({"tokenizer": "nothing.json"}, "it cannot be read: No such file"),
        ({"model": "pipe"}, "it is no regular file"),
        ({"model": "nothing.onnx"}, "it cannot be read: No such file"),
        ({"model": "tokenizer.json"}, "not an ONNX model that can be run"),
    ):
        with pytest.raises(seealso.PluginError, match=said):
            side(folder, **given)


def test_the_missing_package_is_said(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(
        seealso.MissingExtra, match=r"a model's text side needs the package tokenizers: pip install 'seealso\[words\]'"
    ):
        side(folder)


# The model


@pytest.mark.parametrize(
    ("model", "given"),
    [
        ({}, {}),
        ({"kind": TensorProto.INT32}, {}),
        ({"inputs": ("input_ids", "attention_mask", "token_type_ids")}, {}),
        ({"inputs": ("text",)}, {}),
        ({"shape": (1, 8)}, {"pad": "[PAD]", "length": None}),
        ({"output": TensorProto.FLOAT16}, {}),
        ({"second": True}, {"output": "text_embeds"}),
    ],
    ids=str,
)
def test_a_text_model(tmp_path, model, given):
    write_text_model(tmp_path, **model)
    write_tokenizer(tmp_path)
    text = side(tmp_path, **given)
    for word, direction in DIRECTIONS.items():
        found = text.direction(word)
        assert (found.shape, found.dtype) == ((3,), np.float32)
        assert np.linalg.norm(found) == pytest.approx(1, abs=1e-6)
        np.testing.assert_allclose(found, direction, atol=0.01)
    np.testing.assert_allclose(text.direction("red green"), np.array([1, 1, 0]) / np.sqrt(2), atol=0.01)


def test_distances_are_angles(folder):
    """Whatever the lengths of the descriptors."""
    descriptors = np.array([[9, 0, 0], [3, 3, 0], [0, 0, 0.1], [-5, 0, 0], [0, 0, 0]], np.float32)
    found = side(folder).distances("red", descriptors)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.pi * np.array([0, 1 / 4, 1 / 2, 1, 1 / 2]), atol=0.01)


@pytest.mark.parametrize(
    ("model", "given", "said"),
    [
        ({"dim": 5}, {}, "it gives 5 values, and the image model gives 3; both have to be of one pair"),
        (
            {"second": True},
            {},
            r"it has several outputs; say which, as in `output: NAME`: text_embeds .*, last_hidden_state",
        ),
        ({"second": True}, {"output": "last_hidden_state"}, r"its output last_hidden_state has shape \(1, \d, 3\)"),
        ({}, {"output": "nothing"}, "it has no output 'nothing'"),
        (
            {"inputs": ("input_ids", "pixel_values")},
            {},
            "a text model takes input_ids .*; export the text side by itself",
        ),
        ({"inputs": ("attention_mask", "token_type_ids")}, {}, "it has no input input_ids"),
        ({"shape": (4, "n")}, {}, "its batch is fixed at 4"),
        ({"shape": ("b", 8)}, {}, "it takes 8 tokens, no fewer; say `pad:`"),
    ],
)
def test_a_text_model_that_does_not_fit(tmp_path, model, given, said):
    write_text_model(tmp_path, **model)
    write_tokenizer(tmp_path)
    with pytest.raises(seealso.PluginError, match=said) as caught:
        side(tmp_path, **given)
    assert str(tmp_path / "text.onnx") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_image_model_for_a_text_model(folder):
    with pytest.raises(seealso.PluginError, match=r"image\.onnx: a text model takes input_ids"):
        side(folder, model="image.onnx")


def test_a_tokenizer_of_another_model(tmp_path):
    """Its numbers are beyond the model's: the model says so, for that phrase."""
    write_text_model(tmp_path)
    words = {**{word: number for number, word in enumerate(VOCABULARY)}, "violet": 5000}
    write_tokenizer(tmp_path, model={"type": "WordLevel", "vocab": words, "unk_token": "[UNK]"})
    text = side(tmp_path)
    with pytest.raises(seealso.QueryError, match=r"text\.onnx: the model fails: ") as caught:
        text.direction("violet")
    assert "\n" not in str(caught.value)
    np.testing.assert_allclose(text.direction("red"), [1, 0, 0], atol=0.01)


@pytest.mark.parametrize("scale", [float("nan"), 0, 1e38])
def test_a_model_that_gives_no_direction(tmp_path, scale):
    write_text_model(tmp_path, scale=scale)
    write_tokenizer(tmp_path)
    with pytest.raises(seealso.QueryError, match="the model gives no direction for these words"):
        side(tmp_path).direction("red " * 6)


# Options


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"model": "efficientnet-lite0"}, "`words:` is for a model of your own"),
        ({"words": {"model": "t.onnx"}}, "tokenizer"),
        ({"words": {"model": "t.onnx", "tokenizer": "t.json", "lenght": 3}}, "lenght"),
        ({"words": {"model": "t.onnx", "tokenizer": "t.json", "length": 0}}, "greater than or equal to 1"),
        ({"words": {"model": "t.onnx", "tokenizer": "t.json", "length": 10**9}}, "less than or equal to 4096"),
        ({"words": {"model": "t.onnx", "tokenizer": "t.json", "pad": -1}}, "pad"),
        ({"words": {"model": "t.onnx", "tokenizer": "t.json", "template": "a photo"}}, "go in at one place"),
        ({"words": {"model": "t.onnx", "tokenizer": "t.json", "template": "{} {}"}}, "go in at one place"),
        ({"words": {"model": "t\0.onnx", "tokenizer": "t.json"}}, "NUL"),
    ],
)
def test_options_are_checked(given, said):
    pair = {"model": "a.onnx", "words": {"model": "t.onnx", "tokenizer": "t.json"}}
    with pytest.raises(ValidationError, match=said):
        OnnxOptions.model_validate(pair | given)


def test_paths_start_from_the_configuration(tmp_path):
    given = {"model": "a.onnx", "words": {"model": "sub/t.onnx", "tokenizer": "../t.json"}}
    checked = OnnxOptions.model_validate(given, context={"base": tmp_path})
    assert checked.words.model == tmp_path / "sub/t.onnx"
    assert checked.words.tokenizer == tmp_path.parent / "t.json"
    # As they are recorded, they are read again.
    assert OnnxOptions.model_validate(checked.model_dump(mode="json")) == checked


# End to end


@pytest.fixture
def home(folder, monkeypatch):
    """A folder with images of four colours, and a configuration with the pair of models, in the current directory."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr("seealso.collection.intake.reading.SETTLED_NS", -1)
    (folder / "photos").mkdir()
    for name, colour in COLOURS.items():
        Image.new("RGB", (20, 20), colour).save(folder / "photos" / f"{name}.png")
    (folder / "seealso.yaml").write_text(
        "collections:\n  photos:\n    path: ./c.seealso\n    distance: cosine\n    extractor:\n      plugin: onnx\n      model: ./image.onnx\n"
        "      words: {model: ./text.onnx, tokenizer: ./tokenizer.json, length: 8}\n"
    )
    return folder


@pytest.fixture
def call(home, capfd):
    """Run a command line in this process; gives exit status, standard output and standard error."""

    def call(*arguments: str) -> tuple[int, str, str]:
        with Session() as session:
            status = run(arguments, session)
        return status, *capfd.readouterr()

    return call


def best(out: str) -> str:
    return json.loads(out)["hits"][0]["path"].rpartition("/")[2].removesuffix(".png")


def test_images_are_found_by_words(call, home):
    assert call("config", "check")[0] == 0
    assert call("index", "photos")[0] == 0
    for colour in DIRECTIONS:
        for command in (["similar", "--words", colour], ["text", colour], ["text", colour, "--by", "looks"]):
            status, out, err = call(*command, "--json")
            assert (status, best(out), err) == (0, colour, ""), command
    assert call("similar", "photos/red.png", "--words", "blue", "--unlike", "photos/green.png")[0] == 0
    told = json.loads(call("status", "--json")[1])["words_provenance"]
    assert told.startswith("text model SHA-256 ")
    assert f"words        {told}\n" in call("status")[1]
    status, _, err = call("similar", "--words", "red " * 7)
    assert (status, err) == (1, "seealso: the words make 9 tokens, and the text model reads 8; give fewer\n")
    status, _, err = call("similar", "--words", " ")
    assert status != 0
    assert len(err.splitlines()) == 1


def test_the_angle_counts_whatever_the_distance_is(call, home):
    configuration = (home / "seealso.yaml").read_text()
    assert "distance: cosine" in configuration
    (home / "seealso.yaml").write_text(configuration.replace("distance: cosine", "distance: euclidean"))
    Image.new("RGB", (20, 20), (9, 0, 0)).save(home / "photos" / "dark.png")
    call("index", "photos")
    hits = json.loads(call("similar", "--words", "red", "--json")[1])["hits"]
    assert [hit["path"].rpartition("/")[2] for hit in hits][:3] == ["dark.png", "red.png", "purple.png"]
    assert [hit["distance"] for hit in hits][:3] == pytest.approx([0.003, 0.045, np.pi / 4], abs=0.003)


def test_a_text_side_that_has_changed(call, home, caplog):
    """Words are refused until the next `index`; images are found by images all the while."""
    call("index", "photos")
    write_text_model(home, scale=8)
    status, _, err = call("similar", "--words", "red")
    assert status == 1
    assert "its text side has changed since it was recorded (text model SHA-256 " in err
    assert "put the former back, or run `seealso index` to go on with this one" in err
    assert call("similar", "photos/red.png")[0] == 0
    status, _, err = call("text", "red")
    assert "its text side has changed" in err
    assert caplog.messages == []
    assert call("index", "photos")[0] == 0
    (told,) = caplog.messages
    assert told.startswith(
        "collection photos: the text side has changed; words are read by this one from now on: text model SHA-256 "
    )
    status, out, err = call("similar", "--words", "red", "--json")
    assert (status, best(out), err) == (0, "red", "")
    call("index", "photos")
    assert caplog.messages == [told]


@pytest.mark.parametrize("missing", ["text.onnx", "tokenizer.json"])
def test_a_text_side_that_is_gone(call, home, missing, caplog):
    call("index", "photos")
    (home / missing).unlink()
    status, _, err = call("similar", "--words", "red")
    assert (status, len(err.splitlines())) == (1, 1)
    assert f"{home / missing}: it cannot be read: No such file" in err
    assert call("similar", "photos/red.png")[0] == 0
    Image.new("RGB", (20, 20), "white").save(home / "photos" / "white.png")
    assert call("index", "photos")[0] == 0
    told = f"images are not found by words, since {home / missing}: it cannot be read: No such file or directory"
    assert caplog.messages == [f"collection photos: {told}"]
    assert call("similar", "photos/white.png")[0] == 0
    status, _, err = call("config", "check")
    assert (status, len(err.splitlines())) == (1, 1)
    assert "seealso.yaml, line 8: collections.photos.extractor.words: " in err


def test_a_text_side_that_comes_later(call, home, caplog):
    """No descriptor depends on it, so nothing is extracted again."""
    configuration = (home / "seealso.yaml").read_text()
    (home / "seealso.yaml").write_text("\n".join(configuration.splitlines()[:-1]) + "\n")
    call("index", "photos")
    status, _, err = call("similar", "--words", "red")
    assert status == 1
    assert "image.onnx turns images into descriptors, not words; if it has a text side, name it with `words:`" in err
    (home / "seealso.yaml").write_text(configuration)
    assert best(call("similar", "--words", "red", "--json")[1]) == "red"
    assert json.loads(call("status", "--json")[1])["words_provenance"] == ""
    assert call("index", "photos")[0] == 0
    assert json.loads(call("status", "--json")[1])["words_provenance"] != ""
    assert caplog.messages == []


def test_a_pair_that_is_none(call, home):
    """It is refused before anything is extracted."""
    write_text_model(home, dim=5)
    for command in (["config", "check"], ["index", "photos"]):
        status, _, err = call(*command)
        assert status == 1
        assert "seealso.yaml, line 8: collections.photos.extractor.words: " in err
        assert "text.onnx: it gives 5 values, and the image model gives 3" in err
        assert len(err.splitlines()) == 1
    assert not (home / "c.seealso").exists()
