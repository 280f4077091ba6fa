"""The JSON Schema of the configuration: it admits what the configuration admits."""

from pathlib import Path

import jsonschema_rs
import pytest
import yaml

import seealso

CONFIGURATIONS = sorted((Path(__file__).parents[3] / "configs").glob("*.yaml"))


@pytest.fixture(scope="module")
def validator():
    schema = seealso.configuration_schema(seealso.load_plugins())
    assert jsonschema_rs.Draft202012Validator({"$ref": "https://json-schema.org/draft/2020-12/schema"}).is_valid(schema)
    return jsonschema_rs.Draft202012Validator(schema)


@pytest.mark.parametrize("file", CONFIGURATIONS, ids=lambda file: file.name)
def test_ready_configurations_fit(validator, file):
    validator.validate(yaml.safe_load(file.read_text()))


def test_what_init_writes_fits_also_with_every_line_in_force(validator):
    text = seealso.commented_configuration(seealso.load_plugins())
    validator.validate(yaml.safe_load(text))
    bare = "\n".join(line.replace("# ", "", 1) for line in text.splitlines() if not line.lstrip(" #").startswith("#"))
    # A line of prose is none of YAML's.
    keys = [line for line in bare.splitlines() if ":" in line.split("#")[0]]
    assert len(keys) > 20


@pytest.mark.parametrize(
    "text",
    [
        "collections: {a: {path: x}}",
        "collections: {a: {path: x, store: lmdb, index: ppp-codes, extractor: onnx, distance: cosine}}",
        "collections: {a: {path: x, store: {plugin: lmdb, codec: zstd}}}",
        "collections: {a: {path: x, store: {plugin: flat-file, codec: {plugin: zstd, level: 9}}}}",
        "collections: {a: {path: x, store: {plugin: flat-file, codec: auto}}}",
        "collections: {a: {path: x, text: false, keywords: []}}",
        "collections: {a: {path: x, index: auto, sketch: auto}, b: {path: y, sketch: none}}",
        "collections: {a: {path: x, keywords: [embedded, {plugin: names, folders: 2}]}}",
        "collections: {a: {path: x, search: {candidates: '${N}'}}}",
        "{x-own: [1, {any: thing}], collections: {a: {path: x}}, frontends: [cli, {plugin: web, port: '${PORT:-1}'}]}",
    ],
)
def test_what_fits(validator, text):
    validator.validate(yaml.safe_load(text))


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "collections: {}",
        "collections: {a: {}}",
        "collections: {a: {path: 5}}",
        "collections: {a: {path: x, stor: lmdb}}",
        "collections: {a: {path: x, store: lmbd}}",
        "collections: {a: {path: x, store: auto}}",
        "collections: {a: {path: x, store: {codec: raw}}}",
        "collections: {a: {path: x, store: {plugin: lmdb, codec: zst}}}",
        "collections: {a: {path: x, store: {plugin: flat-file, codec: {plugin: zstd, level: 99}}}}",
        "collections: {a: {path: x, store: {plugin: lmdb, level: 3}}}",
        "collections: {a: {path: x, search: {candidates: many}}}",
        "collections: {a: {path: x, search: {candidates: 0}}}",
        "collections: {a: {path: x, keywords: embedded}}",
        "{collections: {a: {path: x}}, frontends: [{plugin: web, port: 70000}]}",
        "{collections: {a: {path: x}}, other: 1}",
    ],
)
def test_what_does_not_fit(validator, text):
    assert not validator.is_valid(yaml.safe_load(text))


def test_an_editor_gets_descriptions_and_defaults(validator):
    schema = seealso.configuration_schema(seealso.load_plugins())
    choices = schema["$defs"]["choice of codec"]["anyOf"]
    (zstd,) = (each for each in choices if each.get("properties", {}).get("plugin", {}).get("const") == "zstd")
    assert zstd["properties"]["level"]["description"] == "higher is smaller and slower to write"
    assert zstd["properties"]["level"]["default"] == 3
    assert "Zstandard" in zstd["properties"]["plugin"]["description"]
