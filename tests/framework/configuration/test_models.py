"""The configuration: what is accepted, and what an error says."""

import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import seealso
from seealso.configuration.models import load_config
from seealso.configuration.reading import read_plugin_files
from seealso.interfaces.plugin import PluginChoice
from seealso.registry.kinds import INDEX, SKETCH
from seealso.registry.loading import load_plugins

FULL = """
plugins: [./mine.py]
collections:
  photos:
    path: ./photos.seealso
    extractor: {plugin: onnx, model: efficientnet-lite0}
    distance: euclidean
    index: exact
    store: {plugin: lmdb}
    search: {candidates: 500}
  more-photos:
    path: ~/more
frontends:
  - {plugin: cli}
"""


@pytest.fixture
def write(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "seealso.yaml"
        path.write_text(textwrap.dedent(text))
        return path

    return write


def test_a_full_configuration(write, tmp_path):
    config = load_config(write(FULL))
    photos = config.collections["photos"]
    assert photos.path == tmp_path / "photos.seealso"
    assert photos.extractor == PluginChoice(plugin="onnx", options={"model": "efficientnet-lite0"})
    assert photos.index == PluginChoice(plugin="exact")
    assert photos.search.candidates == 500
    assert config.collections["more-photos"].path == Path.home() / "more"
    assert config.collections["more-photos"].store is None
    assert config.plugins == [tmp_path / "mine.py"]
    config.check(load_plugins())


def test_where_it_is_found(write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert list(load_config().collections) == ["default"]
    here = write("collections: {here: {path: a}}")
    assert list(load_config().collections) == ["here"]
    other = tmp_path / "other.yaml"
    other.write_text("collections: {named: {path: a}}")
    monkeypatch.setenv("SEEALSO_CONFIG", str(other))
    assert list(load_config().collections) == ["named"]
    assert list(load_config(here).collections) == ["here"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "collections:\n  photos:\n    path: a\n    stor: lmdb",
            r"line 4: collections.photos.stor: unknown key; did you mean `store`\?",
        ),
        (
            "collection:\n  photos: {path: a}",
            r"line 1: collection: unknown key; did you mean `collections`",
        ),
        ("collections:\n  p:\n    pth: a", r"line 3: collections.p.pth: unknown key; did you mean `path`"),
        ("collections:\n  photos:\n    extractor: onnx", r"line 2: collections.photos.path: this key is missing"),
        (
            "collections:\n  photos:\n    path: a\n    search:\n      candidates: many",
            r"line 5: .*candidates: input should be a valid integer.*'many'",
        ),
        ("collections:\n  photos:\n    path: a\n    search:\n      candidates: 0", r"line 5: .*greater than 0"),
        ("collections:\n  photos:\n\tpath: a", r"line 3: a tab; YAML is indented with spaces"),
        ("collections:\n  photos: [", r"line 2: "),
        ("collections:\n  photos: {path: a}\n  photos: {path: b}", r"line 3: the key `photos` stands twice"),
        ("- a", r"line 1: expected keys such as `collections:`"),
        ("", r"is empty; `seealso init` writes one"),
        ("collections: {}", r"line 1: collections: .*at least 1"),
        ("collections:\n  photos:\n    path: a\n    store: {codec: raw}", r"line 4: .*`plugin:` is missing"),
        ("collections:\n  photos:\n    path: a\n    store: 5", r"line 4: .*expected the name of a plugin"),
        ("a: &a [*a]", r"more values, or deeper, than any"),
        (
            "\n".join(["a: &a0 [1]", *(f"b{i}: &a{i + 1} [{', '.join([f'*a{i}'] * 9)}]" for i in range(9))]),
            r"more values, or deeper, than any",
        ),
        ("!!python/object/apply:os.system [true]", r"could not determine a constructor"),
    ],
)
def test_an_error_names_the_place_and_the_remedy(write, text, expected):
    with pytest.raises(seealso.ConfigError, match=expected) as caught:
        load_config(write(text))
    assert "seealso.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (
            "store: lmbd",
            r"line 4: collections.photos.store.plugin: there is no store named 'lmbd'; did you mean `lmdb`",
        ),
        (
            "extractor: {plugin: onnx, modell: a}",
            r"line 4: collections.photos.extractor.modell: unknown key; did you mean `model`",
        ),
        ("index: {plugin: exact, pivots: 3}", r"line 4: .*pivots: unknown key"),
        (
            "index: {plugin: auto, pivots: 3}",
            r"line 4: collections.photos.index: `auto` takes no options; write `index: auto`",
        ),
        ("store: auto", r"line 4: .*there is no store named 'auto'"),
    ],
)
def test_plugins_and_their_options_are_checked(write, choice, expected):
    config = load_config(write(f"collections:\n  photos:\n    path: a\n    {choice}"))
    with pytest.raises(seealso.ConfigError, match=expected):
        config.check(load_plugins())


def test_auto_is_as_if_nothing_were_said_and_is_told_apart(write):
    file = write(
        "collections:\n  a: {path: a, index: auto, sketch: {plugin: auto}}\n  b: {path: b}\n  c: {path: c, sketch: none}"
    )
    config = load_config(file)
    config.check(load_plugins())
    said = {
        (name, kind.word): (settings.choices(kind), settings.says_auto(kind))
        for name, settings in config.collections.items()
        for kind in (INDEX, SKETCH)
    }
    assert said == {
        ("a", "index"): (None, True),
        ("a", "sketch"): (None, True),
        ("b", "index"): (None, False),
        ("b", "sketch"): (None, False),
        ("c", "index"): (None, False),
        ("c", "sketch"): ((), False),
    }


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(seealso.ConfigError, match="No such file"):
        load_config(tmp_path / "nothing.yaml")
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"collections: {\xe9t\xe9: {path: a}}")
    with pytest.raises(seealso.ConfigError, match="not UTF-8 text"):
        load_config(latin)
    huge = tmp_path / "huge.yaml"
    huge.write_bytes(b"#" * (2 << 20))
    with pytest.raises(seealso.ConfigError, match="larger than"):
        load_config(huge)


def test_the_environment_overrides_one_value(write, monkeypatch):
    path = write(FULL)
    monkeypatch.setenv("SEEALSO__COLLECTIONS__PHOTOS__STORE__PLUGIN", "other")
    monkeypatch.setenv("SEEALSO__COLLECTIONS__PHOTOS__INDEX__PIVOTS", "7")
    monkeypatch.setenv("SEEALSO__COLLECTIONS__MORE_PHOTOS__SEARCH__CANDIDATES", "9")
    monkeypatch.setenv("SEEALSO__FRONTENDS__0__PLUGIN", "web")
    config = load_config(path)
    assert config.collections["photos"].store.plugin == "other"
    assert config.collections["photos"].index == PluginChoice(plugin="exact", options={"pivots": 7})
    assert config.collections["more-photos"].search.candidates == 9
    assert config.frontends[0].plugin == "web"
    monkeypatch.delenv("SEEALSO__COLLECTIONS__PHOTOS__INDEX__PIVOTS")
    config = load_config(path)
    with pytest.raises(seealso.ConfigError, match=r"environment variable SEEALSO__COLLECTIONS__PHOTOS__STORE__PLUGIN"):
        config.check(load_plugins())


def test_a_wrong_override_names_its_variable(write, monkeypatch):
    path = write(FULL)
    monkeypatch.setenv("SEEALSO__COLLECTIONS__PHOTOS__SEARCH__CANDIDATES", "many")
    with pytest.raises(
        seealso.ConfigError, match=r"environment variable SEEALSO__COLLECTIONS__PHOTOS__SEARCH__CANDIDATES"
    ):
        load_config(path)
    monkeypatch.delenv("SEEALSO__COLLECTIONS__PHOTOS__SEARCH__CANDIDATES")
    monkeypatch.setenv("SEEALSO__FRONTENDS__3__PLUGIN", "web")
    with pytest.raises(seealso.ConfigError, match=r"SEEALSO__FRONTENDS__3__PLUGIN: there is no frontends\.3"):
        load_config(path)


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("COLLECTIONS__PHOTOS__SERCH__X", r"collections\.photos\.serch: unknown key; did you mean `search`"),
        (
            "COLLECTIONS__PHOTO__SEARCH__CANDIDATES",
            r"there is no collection 'photo'; did you mean `photos`\? .there are: p",
        ),
        ("COLECTIONS__PHOTOS__SEARCH__CANDIDATES", r"colections: unknown key; did you mean `collections`"),
    ],
)
def test_a_variable_that_leads_nowhere_is_named(write, monkeypatch, variable, expected):
    path = write(FULL)
    monkeypatch.setenv(f"SEEALSO__{variable}", "7")
    with pytest.raises(seealso.ConfigError, match=f"^environment variable SEEALSO__{variable}: {expected}"):
        load_config(path)
    monkeypatch.delenv(f"SEEALSO__{variable}")
    # A collection may also stand in variables alone.
    monkeypatch.setenv("SEEALSO__COLLECTIONS__OTHER__EXTRACTOR", "onnx")
    monkeypatch.setenv("SEEALSO__COLLECTIONS__OTHER__PATH", "./other")
    assert load_config(path).collections["other"].extractor == PluginChoice("onnx")


def test_picking_a_collection(write):
    config = load_config(write(FULL))
    assert config.collection("photos")[0] == "photos"
    with pytest.raises(seealso.ConfigError, match="pick one with `--in NAME`"):
        config.collection()
    with pytest.raises(seealso.ConfigError, match="did you mean `photos`"):
        config.collection("photo")


def test_plugin_files_are_read_leniently(write, tmp_path):
    assert read_plugin_files(write("plugins: [a.py, 5]\nnonsense: true")) == [tmp_path / "a.py"]
    assert read_plugin_files(write("plugins: 7")) == []


@given(st.binary(max_size=300))
def test_whatever_a_file_holds_there_is_one_clear_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("fuzz") / "seealso.yaml"
    path.write_bytes(data)
    with pytest.raises(seealso.ConfigError) as caught:
        load_config(path)
    assert "\n" not in str(caught.value)
