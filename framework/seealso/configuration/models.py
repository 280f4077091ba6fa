"""The configuration: YAML → checked models.

A configuration is looked for at the place given, then at ``SEEALSO_CONFIG``, then at ``./seealso.yaml``; without any there
is one collection, ``default``, in the user's data directory. ``SEEALSO__COLLECTIONS__PHOTOS__STORE__PLUGIN=lmdb`` in the
environment overrides one value; ``${NAME}`` in a value is what the environment says (`seealso.configuration.variables`). A key at the top
that begins with ``x-`` is passed over.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import platformdirs
import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    StrictInt,
    ValidationError,
)
from pydantic_core import ErrorDetails

from seealso.configuration.reading import Location, find_config, read_yaml
from seealso.errors import ConfigError, PluginError
from seealso.interfaces.image_limits import ImageLimits
from seealso.interfaces.plugin import Plugin, PluginChoice, PluginOptions, RelativePath
from seealso.registry.registry import Plugins, did_you_mean

ENVIRONMENT_PREFIX = "SEEALSO__"
OWN_KEYS = "x-"


class SearchConfig(BaseModel):
    """How a collection is searched."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    candidates: StrictInt = Field(
        default=5000, gt=0, description="how many candidates are refined with the true distance, at most"
    )
    patience: StrictInt | None = Field(
        default=None,
        gt=0,
        description="stop refining when the nearest have not changed over so many steps of 500 candidates; null: refine all",
    )


class CollectionConfig(BaseModel):
    """One collection. What is left out is the best that the installed plugins give."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: RelativePath = Field(description="the directory that holds the collection")
    extractor: PluginChoice | None = Field(default=None, description="what turns an image into a descriptor")
    distance: PluginChoice | None = Field(default=None, description="the metric that compares descriptors")
    index: PluginChoice | None = Field(default=None, description="what narrows a search")
    store: PluginChoice | None = Field(default=None, description="what keeps the descriptors on disk")
    keywords: list[PluginChoice] | None = Field(
        default=None, description="where the words that describe an image are taken from; []: from nowhere"
    )
    text: PluginChoice | Literal[False] | None = Field(
        default=None, description="what finds images by such words; false: nothing does"
    )
    search: SearchConfig = Field(default=SearchConfig(), description="how it is searched")
    images: ImageLimits = Field(default=ImageLimits(), description="limits on the image files that are taken in")


class Config(BaseModel):
    """A deployment: its collections, and the frontends that serve them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    plugins: list[RelativePath] = Field(default_factory=list, description="plugins that are a Python file each")
    collections: dict[str, CollectionConfig] = Field(min_length=1, description="the collections by name")
    frontends: list[PluginChoice] = Field(default_factory=list, description="what `seealso serve` runs")

    _source: Source = PrivateAttr(default_factory=lambda: Source())

    @property
    def source(self) -> Source:
        """Where the configuration was read from."""
        return self._source

    def collection(self, name: str | None = None) -> tuple[str, CollectionConfig]:
        """A collection by name; without a name the only one.

        Raises:
            ConfigError: there is none of that name, or several and no name was given.
        """
        if name is None:
            if len(self.collections) == 1:
                return next(iter(self.collections.items()))
            raise ConfigError(
                f"there are several collections ({', '.join(self.collections)}); pick one with `--in NAME`"
            )
        if name not in self.collections:
            raise ConfigError(
                f"there is no collection {name!r} in {self._source.name}{did_you_mean(name, self.collections)}"
                f" (there are: {', '.join(self.collections)})"
            )
        return name, self.collections[name]

    def check(self, plugins: Plugins) -> None:
        """Check every choice of a plugin and its options, and that every collection has a directory of its own.

        Raises:
            ConfigError: the first that does not fit, with its place.
        """
        directories: dict[str, str] = {}
        for name, collection in self.collections.items():
            other = directories.setdefault(os.path.realpath(collection.path), name)
            if other != name:
                raise ConfigError(
                    f"{self._source.place(('collections', name, 'path'))}: {collection.path} is the directory of the "
                    f"collection {other}; give each a `path:` of its own"
                )
            for kind in ("extractor", "distance", "index", "store", "text"):
                choice: PluginChoice | Literal[False] | None = getattr(collection, kind)
                if choice:
                    self.options(plugins, kind, choice, ("collections", name, kind))
            for place, source in enumerate(collection.keywords or ()):
                self.options(plugins, "keywords", source, ("collections", name, "keywords", place))
        for place, choice in enumerate(self.frontends):
            self.options(plugins, "frontend", choice, ("frontends", place))

    def options(
        self, plugins: Plugins, kind: str, choice: PluginChoice, location: Location
    ) -> tuple[type[Plugin], PluginOptions]:
        """The class that a choice names, and its options, checked.

        Raises:
            ConfigError: there is no such plugin, or an option does not fit; says where.
        """
        try:
            cls = plugins.get(kind, choice.plugin)
        except PluginError as error:
            raise ConfigError(f"{self._source.place((*location, 'plugin'))}: {error}") from None
        return cls, validate_options(cls, choice, self._source, location)


class Source:
    """Where the values of a configuration stand: in which file and line, or in which environment variable."""

    def __init__(
        self,
        path: Path | None = None,
        lines: Mapping[Location, int] | None = None,
        overrides: Mapping[Location, str] | None = None,
    ) -> None:
        self.path = path
        self.lines = lines or {}
        self.overrides = overrides or {}

    @property
    def name(self) -> str:
        """The file's path, or what there is instead of a file."""
        return str(self.path) if self.path else "the built-in configuration"

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


def load_config(path: Path | str | None = None) -> Config:
    """Read and check the configuration in force. The plugins that it names are checked by `Config.check`.

    Raises:
        ConfigError: it cannot be read or does not fit: the file, the line, the key, what was expected.
    """
    file = find_config(Path(path) if path is not None else None)
    if file is None:
        default = platformdirs.user_data_path("seealso") / "default"
        return _validate({"collections": {"default": {"path": str(default)}}}, Source(), os.environ)
    data, lines = read_yaml(file)
    return _validate(data, Source(Path(os.path.abspath(file)), lines), os.environ)


def check_data(data: dict[str, Any]) -> Config:
    """A configuration from data instead of a file; the environment overrides nothing.

    Raises:
        ConfigError: it does not fit.
    """
    return _validate(data, Source(), {})


def _validate(data: Any, source: Source, environment: Mapping[str, str]) -> Config:
    if data is None:
        raise ConfigError(f"{source.name} is empty; `seealso init` writes one to start from")
    if not isinstance(data, dict):
        raise ConfigError(f"{source.place(())}: expected keys such as `collections:`, found {_shown(data)}")
    # Such keys are the author's own, as a place for anchors.
    data = {key: value for key, value in data.items() if not str(key).startswith(OWN_KEYS)}
    source.overrides = dict(_override(data, environment))
    _refuse_unknown_collections(data, source)
    try:
        config = Config.model_validate(data, context={"base": source.base})
    except ValidationError as error:
        raise ConfigError(_explain(error, Config, source, ())) from None
    config._source = source
    return config


def _override(data: dict[str, Any], environment: Mapping[str, str]) -> Iterator[tuple[Location, str]]:
    """Put the values of ``SEEALSO__A__B=value`` into ``data``; yields where each went."""
    for variable in sorted(environment):
        if not variable.startswith(ENVIRONMENT_PREFIX):
            continue
        try:
            value = yaml.safe_load(environment[variable])
        except yaml.YAMLError:
            value = environment[variable]
        keys = variable.removeprefix(ENVIRONMENT_PREFIX).split("__")
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


def _refuse_unknown_collections(data: dict[str, Any], source: Source) -> None:
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


def validate_options(
    cls: type[Plugin], choice: PluginChoice, source: Source | None = None, location: Location = ()
) -> PluginOptions:
    """The options of a choice, checked by the plugin's own model.

    Raises:
        ConfigError: an option does not fit: where, which, what was expected.
    """
    source = source or Source()
    try:
        return cls.Options.model_validate(dict(choice.options), context={"base": source.base})
    except ValidationError as error:
        raise ConfigError(_explain(error, cls.Options, source, location)) from None


def _explain(error: ValidationError, model: type[BaseModel], source: Source, prefix: Location) -> str:
    """The first error of a validation as one line; what is missing comes last, for it may only be misspelt."""
    first = min(error.errors(include_url=False), key=lambda found: found["type"] == "missing")
    # A choice's inner fields are pydantic's affair; the user sees `store:`, not `store.options`.
    location = prefix + tuple(first["loc"])
    return f"{source.place(location)}: {_expectation(first, model)}"


def _expectation(error: ErrorDetails, model: type[BaseModel]) -> str:
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
        return f"expected a path, found {_shown(error['input'])}"
    return f"{message[0].lower()}{message[1:]}, found {_shown(error['input'])}"


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


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
