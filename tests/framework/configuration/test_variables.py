"""What the environment says in a configuration: ``${NAME}``."""

import os

import pytest

import seealso
from seealso.configuration.variables import expand

ENVIRONMENT = {"NAME": "value", "EMPTY": "", "INNER": "${NAME}", "YAML": "a: [1, 2]\nb: &x *x"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${NAME}", "value"),
        ("a${NAME}b${NAME}", "avaluebvalue"),
        ("${NONE:-default}", "default"),
        ("${EMPTY:-default}", "default"),
        ("${NAME:-default}", "value"),
        ("${NONE:-}", ""),
        ("${NONE:-a b:c}", "a b:c"),
        ("$${NAME}", "${NAME}"),
        ("$$NAME $ $5 ${NAME}$", "$$NAME $ $5 value$"),
        ("${INNER}", "${NAME}"),  # what was put in is not looked at again
        ("plain", "plain"),
    ],
)
def test_references(text, expected):
    assert expand(text, ENVIRONMENT) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${NONE}", "the environment variable NONE is not set; set it, or give a default: \\${NONE:-…}"),
        ("${EMPTY}", "the environment variable EMPTY is not set"),
        ("${", "holds no whole reference; write \\${NAME} or \\${NAME:-default}"),
        ("${}", "no whole reference"),
        ("${NA ME}", "no whole reference"),
        ("${NAME", "no whole reference"),
        ("${1}", "no whole reference"),
        ("${NAME:-${OTHER}}", "no whole reference"),
    ],
)
def test_what_is_no_reference(text, expected):
    with pytest.raises(ValueError, match=expected):
        expand(text, ENVIRONMENT)


@pytest.fixture
def load(tmp_path, monkeypatch):
    def load(text: str, **environment: str) -> seealso.Config:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        (tmp_path / "seealso.yaml").write_text(text)
        return seealso.load_config(tmp_path / "seealso.yaml")

    return load


def test_values_are_what_the_key_wants(load):
    config = load(
        "collections:\n  photos:\n    path: ${ROOT}/photos.seealso\n    store: ${STORE}\n    text: ${TEXT}\n"
        "    search:\n      candidates: ${CANDIDATES}\n"
        "frontends:\n  - plugin: web\n    port: ${PORT:-8001}\n    token: '${TOKEN}'\n",
        ROOT="/data",
        STORE="lmdb",
        TEXT="false",
        CANDIDATES="77",
        TOKEN="12345678901234567890",
    )
    photos = config.collections["photos"]
    assert str(photos.path) == "/data/photos.seealso"
    assert (photos.store.plugin, photos.text, photos.search.candidates) == ("lmdb", False, 77)
    # In quotes it is text, whatever it looks like.
    assert config.frontends[0].options == {"port": 8001, "token": "12345678901234567890"}


def test_a_value_is_never_structure(load):
    for value in ("a: [1, 2]", "&x *x", "]}", "'", "!!python/object/apply:os.system [true]", "a\nb: c"):
        config = load("collections:\n  photos:\n    path: ${HOSTILE}\n", HOSTILE=value)
        assert config.collections["photos"].path.name == os.path.basename(os.path.normpath(value))


def test_keys_are_left_alone(load):
    config = load("collections:\n  $${NAME}: {path: a}\n  ${NAME}: {path: b}\n", NAME="photos")
    assert list(config.collections) == ["$${NAME}", "${NAME}"]


def test_plugin_files(load, tmp_path, monkeypatch):
    monkeypatch.setenv("PLUGIN", "mine")
    (tmp_path / "seealso.yaml").write_text("plugins:\n- ./${PLUGIN}.py\ncollections: {a: {path: a}}\n")
    assert seealso.read_plugin_files(tmp_path / "seealso.yaml") == [tmp_path / "mine.py"]


def test_an_unset_one_is_said_with_its_line(load, tmp_path):
    with pytest.raises(seealso.ConfigError, match=r"seealso.yaml, line 3: the environment variable NOWHERE is not set"):
        load("collections:\n  photos:\n    path: ${NOWHERE}/x\n")


def test_without_quotes_in_a_line_of_several(load):
    with pytest.raises(
        seealso.ConfigError, match=r"line 1: inside \{ \} or \[ \] a value such as \$\{NAME\} needs quotes"
    ):
        load("collections: {a: {path: ${ROOT}}}\n", ROOT="x")
    assert load("collections: {a: {path: '${ROOT}'}}\n", ROOT="x").collections["a"].path.name == "x"


def test_anchors_and_a_place_for_them(load):
    config = load(
        "x-common: &common\n  store:\n    plugin: lmdb\n    map_size: ${SIZE}\n  distance: cosine\n"
        "collections:\n  a: {<<: *common, path: a}\n  b: {<<: *common, path: b, distance: euclidean}\n",
        SIZE="4096",
    )
    for name, distance in (("a", "cosine"), ("b", "euclidean")):
        collection = config.collections[name]
        assert collection.path.name == name
        assert collection.distance.plugin == distance
        assert collection.store.options == {"map_size": 4096}


def test_other_keys_at_the_top_are_still_refused(load):
    with pytest.raises(seealso.ConfigError, match="y-common: unknown key"):
        load("y-common: {}\ncollections: {a: {path: a}}\n")
