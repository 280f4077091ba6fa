"""A configuration file: whatever stands in it, what is wrong is one line with its place."""

import textwrap

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import seealso
from lengths import campaign
from seealso.configuration.models import load_config
from seealso.configuration.reading import read_plugin_files
from seealso.registry.loading import load_plugins


@pytest.fixture
def write(tmp_path):
    def write(text: str):
        path = tmp_path / "seealso.yaml"
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("? {a: b}\n: c\n", "line 1: a key has to be a word, not a list or a mapping"),
        ("collections:\n  ? [a]\n  : c\n", "line 2: a key has to be a word"),
        ("a: !!timestamp x\n", "line 1: 'x' cannot be read as timestamp"),
        ("x-a:\n  - !!bool maybe\n", "line 2: 'maybe' cannot be read as bool"),
        ("x-a: !!int ''\n", "line 1: '' cannot be read as int"),
        ("x-a: !!float x\n", "line 1: 'x' cannot be read as float"),
        ("x-a: 2001-02-30\n", "line 1: '2001-02-30' cannot be read as timestamp"),
        (f"x-a: !!int {'9' * 60_000}\n", "line 1: '999"),
        ("x-a: !!python/object:os.system {}\n", "line 1: could not determine a constructor"),
        ('collections: {photos: {path: "\\0"}}\n', "line 1: collections.photos.path: a path holds neither NUL nor"),
        ('collections: {photos: {path: "\\ud800"}}\n', "line 1: collections.photos.path: a path holds neither NUL nor"),
        ('plugins: ["a\\0.py"]\ncollections: {photos: {path: a}}\n', "line 1: plugins.0: a path holds neither"),
        (f"collections:\n  photos:\n    path: a\n    ? {'x' * 60_000}\n    : 1\n", "line 4: collections.photos.xxx"),
        (f"{'[' * 5000}\n", "not YAML: "),
        (
            "x-a: 0100\n",
            "line 1: YAML reads 0100 as a number of base 8, since it begins with 0; leave the 0 out, or write it in quotes",
        ),
        ("x-a:\n  - -007\n", "line 2: YAML reads -007 as a number of base 8"),
        (
            "x-a: {b: 1:30}\n",
            "line 1: YAML reads 1:30 as a number of base 60, as of minutes and seconds, or write it in quotes",
        ),
        ("x-a: 1:30.5\n", "line 1: YAML reads 1:30.5 as a number of base 60"),
        (
            "collections:\n  no: {path: a}\n",
            'line 2: YAML reads the key no as true or false; write it in quotes: "no":',
        ),
        (
            "collections:\n  2024: {path: a}\n",
            'line 2: YAML reads the key 2024 as a number; write it in quotes: "2024":',
        ),
        ("collections:\n  2024-01-01: {path: a}\n", "line 2: YAML reads the key 2024-01-01 as a date"),
        ("collections:\n  ~: {path: a}\n", "line 2: YAML reads the key ~ as nothing"),
    ],
)
def test_what_no_configuration_is(write, text, expected):
    with pytest.raises(seealso.ConfigError) as caught:
        load_config(write(text))
    assert expected in str(caught.value)
    assert len(str(caught.value)) <= 1000


@pytest.mark.parametrize("written", ["'0100'", '"1:30"', "0", "10", "0x10", "1.5", "'007'", "08:15 in the morning"])
def test_what_is_no_trap(write, written):
    config = load_config(
        write(f"x-a: &a {{path: a}}\nx-b: {written}\ncollections:\n  'no': {{<<: *a}}\n  \"2024\": {{path: b}}\n")
    )
    assert list(config.collections) == ["no", "2024"]


def test_a_variable_that_looks_like_a_number_of_base_8(write, monkeypatch):
    monkeypatch.setenv("SEEALSO__COLLECTIONS__PHOTOS__SEARCH__CANDIDATES", "0100")
    with pytest.raises(seealso.ConfigError, match=r"CANDIDATES: .*input should be a valid integer, found '0100'"):
        load_config(write("collections: {photos: {path: a}}\n"))
    monkeypatch.delenv("SEEALSO__COLLECTIONS__PHOTOS__SEARCH__CANDIDATES")
    monkeypatch.setenv("MANY", "0100")
    with pytest.raises(seealso.ConfigError, match="line 5: YAML reads 0100 as a number of base 8"):
        load_config(write("collections:\n  photos:\n    path: a\n    search:\n      candidates: ${MANY}\n"))


def test_a_home_that_nobody_has_is_a_folder_like_any_other(write, tmp_path):
    config = load_config(
        write("plugins: [~nobody-of-this-name/a.py]\ncollections: {photos: {path: ~nobody-of-this-name/a}}\n")
    )
    assert config.collections["photos"].path == tmp_path / "~nobody-of-this-name" / "a"
    assert read_plugin_files(tmp_path / "seealso.yaml") == config.plugins


@pytest.mark.parametrize("value", ["!!timestamp x", "[", "? {a: b}\n: c", "[" * 5000, "\x1b[2J"])
def test_a_variable_that_is_no_yaml_is_a_word(write, monkeypatch, value):
    monkeypatch.setenv("SEEALSO__COLLECTIONS__PHOTOS__DISTANCE", value)
    config = load_config(write("collections: {photos: {path: a}}\n"))
    assert config.collections["photos"].distance.plugin == value


KEYS = [
    "collections",
    "photos",
    "path",
    "plugins",
    "frontends",
    "plugin",
    "extractor",
    "store",
    "search",
    "images",
    "x-a",
]
SCALARS = st.sampled_from(
    ["!!timestamp x", "!!bool x", "!!int ''", "!!float .", "!!binary x", "!!set {a}", "!!omap [a: b]", "!!pairs [a: b]",
     "!!null x", "!!str 1", "~", "1e999", ".nan", "0x", "1:60:60", "2001-01-01", "2001-99-99", "'\\0'", '"\\0"', '"\\ud800"',
     "*a", "&a b", "|\n  a", "<<", "${HOME}", "${", "lmdb", "-1", "[]", "{}", "99999999999999999999999999"]
)  # fmt: skip
LINES = st.builds(
    lambda depth, dash, key, colon, value: f"{'  ' * depth}{dash}{key}{colon}{value}",
    st.integers(0, 3), st.sampled_from(["", "- ", "? "]), st.sampled_from(KEYS) | SCALARS,
    st.sampled_from([": ", ":", " ", ""]), SCALARS | st.sampled_from(KEYS) | st.just(""),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS | st.sampled_from(KEYS) | st.text(max_size=5).map(repr),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda each: f"[{', '.join(each)}]")
        | st.lists(st.tuples(st.sampled_from(KEYS) | inner, inner), max_size=4).map(
            lambda pairs: "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"
        )
    ),
    max_leaves=12,
)
PHOTOS = "collections: {{photos: {{path: ./a, {key}: {value}}}}}"
WHOLE = st.builds(
    lambda key, value: PHOTOS.format(key=key, value=value),
    st.sampled_from(["extractor", "distance", "index", "store", "keywords", "text", "search", "images"]),
    VALUES,
)


@given(st.lists(LINES, max_size=6).map("\n".join) | VALUES | WHOLE | st.text(max_size=60))
@example("? {a: b}\n: c")
@settings(max_examples=campaign(150, 3000), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_a_configuration_or_one_line(tmp_path, text):
    path = tmp_path / "seealso.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    told = ""
    try:
        load_config(path).check(PLUGINS)
    except seealso.SeealsoError as error:
        told = str(error)
    assert len(told) <= 1000
    assert told.isprintable()


PLUGINS = load_plugins()
