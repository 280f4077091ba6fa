"""A configuration to start from: every key, with its meaning and its default, written from the models themselves."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from seealso.configuration.models import CollectionConfig, Config
from seealso.registry.kinds import AUTO, FRONTEND, KINDS, Kind
from seealso.registry.registry import Plugins

WIDTH = 110

HEAD = """\
# The configuration of seealso. Found at --config, then in the variable SEEALSO_CONFIG, then as ./seealso.yaml.
# What stands behind a single # is the default. Relative paths start from this file's folder.
# One value may be overridden by the environment: SEEALSO__COLLECTIONS__PHOTOS__SEARCH__CANDIDATES=1000
"""


def commented_configuration(plugins: Plugins) -> str:
    """A YAML configuration with one collection, ``photos``; all that has a default is commented out."""
    fields = Config.model_fields
    lines = [HEAD]
    lines += [f"# {fields['plugins'].description}", "# plugins: [./my_plugin.py]", ""]
    lines += [f"# {fields['collections'].description}", "collections:", "  photos:"]
    lines += _collection(plugins)
    lines += ["", f"# {fields['frontends'].description}", "# frontends:"]
    preferred = plugins.preferred(FRONTEND)
    lines += [f"#   - plugin: {preferred}"]
    lines += [line.replace("    #   ", "#     ", 1) for line in _options(plugins.get(FRONTEND, preferred).Options)]
    return "\n".join(lines) + "\n"


def _collection(plugins: Plugins) -> Iterator[str]:
    for key, field in CollectionConfig.model_fields.items():
        yield from (f"    # {line}" for line in textwrap.wrap(field.description or "", WIDTH))
        if key == "path":
            yield "    path: ./photos.seealso"
        elif isinstance(field.default, BaseModel):
            yield f"    # {key}:"
            yield from _options(type(field.default))
        else:
            kind = KINDS[key]
            installed = ", ".join(sorted(plugins.classes(kind)))
            yield f"    # (installed: {installed or 'none'})"
            yield from _choice(plugins, kind)


def _choice(plugins: Plugins, kind: Kind[Any]) -> Iterator[str]:
    """The default of a kind, with its options; not those of what the size of the collection chooses."""
    defaults = plugins.defaults(kind)
    if kind.automatic:
        yield f"    # {kind.word}: {AUTO}"
    elif kind.several:
        yield f"    # {kind.word}: [{', '.join(defaults)}]"
    elif not defaults:
        yield f"    # {kind.word}: {_written(kind.without)}"
    else:
        yield f"    # {kind.word}:"
        yield f"    #   plugin: {defaults[0]}"
        yield from _options(plugins.get(kind, defaults[0]).Options)


def _options(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield from (f"    #   # {line}" for line in textwrap.wrap(field.description or "", WIDTH))
        yield f"    #   {name}: {_default(field)}"


def _default(field: FieldInfo) -> str:
    value: Any = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    return _written(value)


def _written(value: Any) -> str:
    # On one line, however long.
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000)
    return text.removesuffix("...\n").strip()
