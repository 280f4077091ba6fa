"""What the classes of every kind of plugin have in common."""

import os
from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo
from pydantic_core import core_schema

from seealso.paths import can_be_a_path


def _from_base(path: Path, info: ValidationInfo) -> Path:
    if not can_be_a_path(path):
        raise ValueError("a path holds neither NUL nor halves of a character")
    base = (info.context or {}).get("base", Path.cwd())
    return Path(os.path.abspath(base / os.path.expanduser(path)))


RelativePath = Annotated[Path, AfterValidator(_from_base)]
"""A path; ``~`` is the home directory, and a relative one starts from the configuration file's folder."""


class PluginOptions(BaseModel):
    """The options of a plugin, as they stand in the YAML beside ``plugin:``.

    Subclass it as ``Options`` in the plugin's class, one typed field an option; a path is a `RelativePath`. Unknown keys are
    errors. While the options of a configuration file are validated, ``info.context["base"]`` is the folder
    (`pathlib.Path`) that relative paths in that file start from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    query_time: ClassVar[frozenset[str]] = frozenset()
    """The options that matter only when a query is answered: an index need not be built anew when one changes."""


@dataclass(frozen=True, slots=True)
class PluginChoice:
    """The choice of one plugin with its options; in YAML ``{plugin: NAME, option: value, …}``, or just ``NAME``.

    It may be the type of a field in any pydantic model.
    """

    plugin: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read the YAML form.

        Raises:
            ValueError: it is not of that form.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            return cls(value)
        if not isinstance(value, dict):
            raise ValueError("expected the name of a plugin, or `{plugin: NAME, option: value, …}`")
        if not isinstance(value.get("plugin"), str):
            raise ValueError("`plugin:` is missing; name the plugin, as in `{plugin: NAME}`")
        return cls(value["plugin"], {str(key): option for key, option in value.items() if key != "plugin"})

    def as_yaml(self) -> str | dict[str, Any]:
        """The shortest form that a configuration file takes for this choice."""
        return {"plugin": self.plugin, **self.options} if self.options else self.plugin

    @classmethod
    def __get_pydantic_json_schema__(cls, core: object, handler: object) -> dict[str, Any]:
        named = {"type": "object", "properties": {"plugin": {"type": "string"}}, "required": ["plugin"]}
        return {"anyOf": [{"type": "string"}, named]}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.plain_serializer_function_ser_schema(cls.as_yaml)
        )


class Plugin(ABC):
    """The base of every plugin class that a ``register_…`` hook returns."""

    name: ClassVar[str]
    """How the configuration selects it: lower case, words joined by hyphens."""

    preference: ClassVar[int] = 0
    """Among the installed plugins of a kind, a new collection whose configuration names none gets the one with the
    highest preference above zero; 0 means: only when it is named."""

    Options: ClassVar[type[PluginOptions]] = PluginOptions
    """The model of its options; by default it has none."""

    options: PluginOptions

    @classmethod
    def lacking(cls) -> str:
        """What has to be installed before it can be used, in words that end in the command; empty where all is there.

        For a package that is large and not everybody's. Cheap: look for it (`importlib.util.find_spec`), do not import it.
        """
        return ""
