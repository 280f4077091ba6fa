"""What is wrong with a configuration, in one line: where it stands, which key, what was expected."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from seealso.configuration.reading import Location
from seealso.interfaces.plugin import secret_options
from seealso.registry.registry import did_you_mean


class Source:
    """Where the values of a configuration stand: in which file and line, or in which environment variable; or ``what`` else gave them."""

    def __init__(
        self,
        path: Path | None = None,
        lines: Mapping[Location, int] | None = None,
        overrides: Mapping[Location, str] | None = None,
        what: str = "the built-in configuration",
    ) -> None:
        self.path = path
        self.lines = lines or {}
        self.overrides = overrides or {}
        self._what = what

    @property
    def name(self) -> str:
        """The file's path, or what there is instead of a file."""
        return str(self.path) if self.path else self._what

    @property
    def base(self) -> Path:
        """The folder that relative paths start from."""
        return self.path.parent if self.path else Path.cwd()

    def place(self, location: Location) -> str:
        """``FILE, line N: key.key``, for the nearest enclosing key that has a line; or the variable that made it."""
        key = ".".join(str(part) for part in location)
        for end in range(len(location), -1, -1):
            if location[:end] in self.overrides:
                return f"environment variable {self.overrides[location[:end]]}: {key}"
            if location[:end] in self.lines:
                return f"{self.name}, line {self.lines[location[:end]]}" + (f": {key}" if key else "")
            # A key that no line holds may be one on the way to what a variable sets.
            for overridden, variable in self.overrides.items():
                if end and overridden[:end] == location[:end]:
                    return f"environment variable {variable}: {key}"
        return f"{self.name}: {key}" if key else self.name


def explain(error: ValidationError, model: type[BaseModel], source: Source, prefix: Location) -> str:
    """The first error of a validation as one line; what is missing comes last, for it may only be misspelt."""
    first = min(error.errors(include_url=False), key=lambda found: found["type"] == "missing")
    # A choice's inner fields are pydantic's affair; the user sees `store:`, not `store.options`.
    location = prefix + tuple(first["loc"])
    secret = bool(first["loc"]) and first["loc"][0] in secret_options(model)
    found = "" if secret else f", found {shown(first['input'])}"
    return f"{source.place(location)}: {_expectation(first, model, found)}"


def _expectation(error: ErrorDetails, model: type[BaseModel], found: str) -> str:
    kind, key = error["type"], str(error["loc"][-1]) if error["loc"] else ""
    if kind == "extra_forbidden":
        fields = _fields_at(model, tuple(error["loc"][:-1]))
        valid = f" (valid: {', '.join(fields)})" if fields else " (it takes none)"
        return f"unknown key{did_you_mean(key, fields)}{valid}"
    if kind == "missing":
        return "this key is missing"
    message = error["msg"].removeprefix("Value error, ")
    if kind == "value_error":
        return message
    if kind == "path_type":
        return f"expected a path{found}"
    if kind == "tuple_type":
        return f"expected a list{found}"
    return f"{message[0].lower()}{message[1:]}{found}"


def _fields_at(model: type[BaseModel], location: Location) -> list[str]:
    """The valid keys at a place inside a model."""
    for key in location:
        if isinstance(key, str) and key in model.model_fields:
            inner = _model_in(model.model_fields[key].annotation)
            if inner is None:
                return []
            model = inner
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(part) for part in get_args(annotation))
    return next((part for part in found if part), None)


def shown(value: object) -> str:
    """A value as Python writes it, cut short where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
