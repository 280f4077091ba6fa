"""The configuration as a JSON Schema (2020-12), made from the models of the framework and of every installed plugin.

With it an editor completes and checks a configuration while it is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from seealso.configuration.models import OWN_KEYS, CollectionConfig, Config
from seealso.interfaces.plugin import Plugin, PluginChoice
from seealso.interfaces.store import AUTO
from seealso.registry.kinds import KINDS, Kind
from seealso.registry.registry import Plugins

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]

REFERENCE: Schema = {"type": "string", "pattern": r"\$\{"}
"""A value that the environment gives: ``${NAME}``."""


def configuration_schema(plugins: Plugins) -> Schema:
    """What a configuration file may hold, with these plugins."""
    definitions: Schema = {}
    root = _of_model(Config, "config", plugins, definitions)
    collection = _of_model(CollectionConfig, "collection", plugins, definitions)
    root["properties"]["collections"]["additionalProperties"] = collection
    root["properties"]["frontends"]["items"] = _reference_to("frontend")
    root["patternProperties"] = {f"^{OWN_KEYS}": {}}
    for kind in KINDS:
        definitions[_choice(kind)] = _choices(kind, plugins, definitions)
    return {"$schema": DIALECT, "title": "The configuration of seealso", **root, "$defs": definitions}


def _choice(kind: str) -> str:
    return f"choice of {kind}"


def _reference_to(kind: str) -> Schema:
    return {"$ref": f"#/$defs/{_choice(kind).replace(' ', '%20')}"}


def _choices(kind: str, plugins: Plugins, definitions: Schema) -> Schema:
    """A plugin of a kind: its name alone, or with its options."""
    classes = plugins.classes(kind)
    names: Schema = {"enum": sorted(classes)} if classes else {"type": "string"}
    return {"anyOf": [names, REFERENCE, *(_with_options(kind, cls, plugins, definitions) for cls in classes.values())]}


def _with_options(kind: str, cls: type[Plugin], plugins: Plugins, definitions: Schema) -> Schema:
    schema = _of_model(cls.Options, f"{kind} {cls.name}", plugins, definitions)
    described = (cls.__doc__ or "").strip().splitlines()
    schema["properties"] = {
        "plugin": {"const": cls.name, "description": described[0] if described else ""},
        **schema.get("properties", {}),
    }
    schema["required"] = ["plugin", *schema.get("required", [])]
    return schema


def _of_model(model: type[BaseModel], name: str, plugins: Plugins, definitions: Schema) -> Schema:
    """The schema of a model; what it refers to goes to the definitions, under a name of its own."""
    schema = model.model_json_schema(ref_template=f"#/$defs/{name.replace(' ', '%20')}%20{{model}}")
    for inner, definition in schema.pop("$defs", {}).items():
        definitions[f"{name} {inner}"] = _admit_references(definition)
    schema = dict(_admit_references(schema))
    for key, field in model.model_fields.items():
        if key in KINDS and PluginChoice in _types(field.annotation):
            schema["properties"][key] = _chosen(KINDS[key], schema["properties"][key], field.annotation)
    return schema


def _chosen(kind: Kind[Any], written: Schema, annotation: Any) -> Schema:
    """A key that names plugins of a kind, in the place of what pydantic knows of it."""
    said = {key: written[key] for key in ("description",) if key in written}
    one = _reference_to(kind.word)
    if kind.several:
        return {**said, "anyOf": [{"type": "array", "items": one}, {"type": "null"}]}
    others: list[Schema] = [{"type": "null"}] if type(None) in _types(annotation) else []
    if kind.within:
        others.append({"const": AUTO})  # the plugin around it may choose by itself
    others += [{"const": word} for word in _literals(annotation)]
    return {**said, "anyOf": [one, *others]}


def _literals(annotation: Any) -> list[Any]:
    """The words, and ``False``, that may stand in the place of a plugin."""
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [word for inner in get_args(annotation) for word in _literals(inner)]


def _types(annotation: Any) -> set[Any]:
    inner = get_args(annotation)
    return {annotation} if not inner else {found for each in inner for found in _types(each)}


def _admit_references(schema: Any) -> Any:
    """Where a number, a switch or a fixed word is wanted, ``${NAME}`` may stand too."""
    if isinstance(schema, list):
        return [_admit_references(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    found = {key: value if key == "default" else _admit_references(value) for key, value in schema.items()}
    if found.get("type") in ("integer", "number", "boolean") or "enum" in found:
        said = {key: found.pop(key) for key in ("title", "description", "default") if key in found}
        return {**said, "anyOf": [found, REFERENCE]}
    return found
