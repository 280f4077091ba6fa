"""The environment's word: ``SEEALSO__COLLECTIONS__PHOTOS__STORE__PLUGIN=lmdb`` sets one value of the configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from seealso.configuration.explaining import Source
from seealso.configuration.reading import Location, read_value
from seealso.errors import ConfigError
from seealso.registry.registry import did_you_mean

PREFIX = "SEEALSO__"


def override(data: dict[str, Any], environment: Mapping[str, str]) -> Iterator[tuple[Location, str]]:
    """Put the values of ``SEEALSO__A__B=value`` into ``data``; yields where each went."""
    for variable in sorted(environment):
        if not variable.startswith(PREFIX):
            continue
        value = read_value(environment[variable])
        keys = variable.removeprefix(PREFIX).split("__")
        target: Any = data
        location: list[str | int] = []
        for depth, raw in enumerate(keys):
            key = _existing_key(target, raw)
            location.append(key)
            if isinstance(target, list) and not (isinstance(key, int) and 0 <= key < len(target)):
                raise ConfigError(f"environment variable {variable}: there is no {'.'.join(map(str, location))}")
            if depth == len(keys) - 1:
                target[key] = value
                break
            below = target[key] if isinstance(target, list) else target.get(key)
            if isinstance(below, str):  # the short form of a plugin's choice
                below = {"plugin": below}
            target[key] = below if isinstance(below, dict | list) else {}
            target = target[key]
        yield tuple(location), variable


def refuse_unknown_collections(data: dict[str, Any], source: Source) -> None:
    """A variable that sets something in a collection that is none, for nothing says where it lies, means another one."""
    collections = data.get("collections")
    made = collections if isinstance(collections, dict) else {}
    known = [name for name, collection in made.items() if isinstance(collection, dict) and "path" in collection]
    for location, variable in source.overrides.items():
        if len(location) > 2 and location[0] == "collections" and location[:2] not in source.lines:
            name = str(location[1])
            if name not in known:
                raise ConfigError(
                    f"environment variable {variable}: there is no collection {name!r}{did_you_mean(name, known)}"
                    f" (there are: {', '.join(known)})"
                )


def _existing_key(target: Any, raw: str) -> Any:
    """The key that an environment variable's part means: case does not count, and ``_`` may stand for ``-``."""
    if isinstance(target, list):
        return int(raw) if raw.isdecimal() else raw
    plain = raw.lower()
    return next((key for key in target if str(key).lower().replace("-", "_") == plain.replace("-", "_")), plain)
