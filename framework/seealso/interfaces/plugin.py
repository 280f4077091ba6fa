"""What the classes of every kind of plugin have in common."""

import os
from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Secret, SecretBytes, SecretStr, ValidationInfo
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

    An option of the type `pydantic.SecretStr` is secret: it is never recorded, printed, logged or sent, and comes from the
    configuration or the environment whenever the plugin is made.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    query_time: ClassVar[frozenset[str]] = frozenset()
    """The options that matter only when a query is answered: an index need not be built anew when one changes."""

    located_by: ClassVar[frozenset[str]] = frozenset()
    """The options of a store that say where its data is. A collection keeps to the place that it was made with: a configuration
    that names another is refused, and `convert` moves the data there."""

    @classmethod
    def upgrade(cls, recorded: dict[str, Any]) -> dict[str, Any]:
        """The options that a collection was made with, in the words of this release of the plugin.

        Override it where an option was renamed, or means something else than it did. It is called whenever a record is read, of any
        release, also of this one. What it leaves that `Options` does not know is dropped, with a warning; the base changes nothing.

        Args:
            recorded: the options as an earlier release wrote them, in the form of the YAML; it may be changed.
        """
        return recorded


SECRETS = (Secret, SecretBytes, SecretStr)


def secret_options(model: type[BaseModel]) -> frozenset[str]:
    """The names of the options that are secret."""
    return frozenset(name for name, field in model.model_fields.items() if _is_secret(field.annotation))


def _plain(value: Any) -> Any:
    """What a secret value says, as JSON has it."""
    if isinstance(value, SECRETS):
        value = value.get_secret_value()
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    return value.decode() if isinstance(value, bytes) else value


def _is_secret(annotation: Any) -> bool:
    kind = get_origin(annotation) or annotation
    if isinstance(kind, type) and issubclass(kind, SECRETS):
        return True
    return any(_is_secret(inner) for inner in get_args(annotation))


@dataclass(frozen=True, slots=True)
class PluginChoice:
    """The choice of one plugin with its options; in YAML ``{plugin: NAME, option: value, …}``, or just ``NAME``.

    It may be the type of a field in any pydantic model.

    Attributes:
        plugin: its name.
        options: its options, in the form of the YAML.
        secrets: those that are secret, once the plugin's class has told which are. They are never shown, and two choices that
            differ only in them are equal.
    """

    plugin: str
    options: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, plugin: str, options: PluginOptions) -> Self:
        """The choice, with every option, that gives the same plugin again."""
        secret = secret_options(type(options))
        written: dict[str, Any] = options.model_dump(mode="json", exclude=set(secret))
        for name in written:
            value = getattr(options, name)
            if isinstance(value, PluginChoice) and value.secrets:
                written[name] = value  # written as YAML it would lose them
        return cls(plugin, written, {name: getattr(options, name) for name in secret})

    def hiding(self, model: type[BaseModel]) -> Self:
        """The same with the options that a model marks as secret among the secrets."""
        secret = secret_options(model) & set(self.options)
        if not secret:
            return self
        shown = {name: value for name, value in self.options.items() if name not in secret}
        return replace(self, options=shown, secrets={**self.secrets, **{name: self.options[name] for name in secret}})

    def given(self) -> dict[str, Any]:
        """All options, the secret ones too."""
        return {**self.options, **self.secrets}

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

    def revealed(self) -> dict[str, Any]:
        """The form of the YAML with what is secret in plain words: for a process that opens the same, and for nobody's eyes."""
        options = {
            name: value.revealed() if isinstance(value, PluginChoice) else value for name, value in self.options.items()
        }
        return {"plugin": self.plugin, **options, **{name: _plain(value) for name, value in self.secrets.items()}}

    def as_yaml(self) -> str | dict[str, Any]:
        """The shortest form that a configuration file takes for this choice; without what is secret."""
        options = {
            name: value.as_yaml() if isinstance(value, PluginChoice) else value for name, value in self.options.items()
        }
        return {"plugin": self.plugin, **options} if options else self.plugin

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
    highest preference above zero; of indexes and sketches, of those that suit its size and its distance. 0 means: only when it is
    named."""

    Options: ClassVar[type[PluginOptions]] = PluginOptions
    """The model of its options; by default it has none."""

    options: PluginOptions

    @classmethod
    def lacking(cls) -> str:
        """What has to be installed before it can be used, in words that end in the command; empty where all is there.

        For a package that is large and not everybody's. Cheap: look for it (`importlib.util.find_spec`), do not import it.
        """
        return ""
