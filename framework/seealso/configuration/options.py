"""The options of a plugin in words, read off its model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

PLAIN = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text", "null": "null"}
LIMITS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} of them",
    "maxItems": "at most {} of them",
}


@dataclass(frozen=True, slots=True)
class Option:
    """One option.

    Attributes:
        name: its key.
        type: what it may be, in words, with its limits.
        default: as YAML takes it, on one line; None where it has to be given.
        description: what it means.
    """

    name: str
    type: str
    default: str | None
    description: str


def options_of(model: type[BaseModel]) -> list[Option]:
    """The options of a model, in their order."""
    schema = model.model_json_schema(mode="validation")
    required = schema.get("required", [])
    return [
        Option(
            name,
            words_of(each, schema.get("$defs", {})),
            None if name in required else _default(each.get("default")),
            " ".join(each.get("description", "").split()),
        )
        for name, each in schema.get("properties", {}).items()
    ]


def _default(value: Any) -> str:
    # JSON is YAML, too.
    return json.dumps(value, ensure_ascii=False)


def words_of(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """What a JSON Schema admits, in words: ``whole number, at least 1``."""
    exact = schema.get("minItems") == schema.get("maxItems")
    limits = [
        text.format(schema[key]) for key, text in LIMITS.items() if key in schema and not (exact and "Items" in key)
    ]
    return ", ".join([*dict.fromkeys(_kinds(schema, definitions)), *limits])


def _kinds(schema: dict[str, Any], definitions: dict[str, Any]) -> Iterator[str]:
    if "$ref" in schema:
        yield from _kinds(definitions.get(schema["$ref"].rpartition("/")[2], {}), definitions)
    elif any("plugin" in each.get("properties", {}) for each in schema.get("anyOf", ())):
        rest = [
            each
            for each in schema["anyOf"]
            if {"const", "enum"} & each.keys() or each.get("type") not in ("string", "object")
        ]
        yield " or ".join(["plugin", *(words_of(each, definitions) for each in rest)])
    elif "anyOf" in schema:
        yield " or ".join(dict.fromkeys(words_of(each, definitions) for each in schema["anyOf"]))
    elif "enum" in schema or "const" in schema:
        yield " or ".join(map(_default, schema.get("enum", [schema.get("const")]))).replace('"', "")
    elif schema.get("type") == "array":
        inner = [words_of(each, definitions) for each in schema.get("prefixItems", [])] or [
            words_of(schema.get("items", {}), definitions)
        ]
        many = (
            f"{schema['minItems']} times "
            if "minItems" in schema and schema["minItems"] == schema.get("maxItems")
            else ""
        )
        yield f"list of {many}{', '.join(dict.fromkeys(inner))}"
    elif schema.get("type") == "object":
        inside = [f"{name} ({words_of(each, definitions)})" for name, each in schema.get("properties", {}).items()]
        yield f"mapping of {', '.join(inside)}" if inside else "mapping"
    elif schema.get("format") == "path":
        yield "path"
    else:
        yield PLAIN.get(schema.get("type", ""), "anything")
