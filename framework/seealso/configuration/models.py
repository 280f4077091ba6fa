"""The configuration: YAML → checked models.

A configuration is looked for at the place given, then at ``SEEALSO_CONFIG``, then at ``./seealso.yaml``; without any there
is one collection, ``default``, in the user's data directory. ``SEEALSO__COLLECTIONS__PHOTOS__STORE__PLUGIN=lmdb`` in the
environment overrides one value; ``${NAME}`` in a value is what the environment says (`seealso.configuration.variables`). A key at the top
that begins with ``x-`` is passed over.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import platformdirs
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    StrictInt,
    ValidationError,
    create_model,
)

from seealso.configuration.explaining import Source, explain, shown
from seealso.configuration.overriding import override, refuse_unknown_collections
from seealso.configuration.reading import Location, find_config, read_yaml
from seealso.errors import ConfigError, PluginError
from seealso.interfaces.image_limits import ImageLimits
from seealso.interfaces.plugin import Plugin, PluginChoice, PluginOptions, RelativePath
from seealso.interfaces.scan_rules import ScanRules
from seealso.registry.kinds import AUTO, CHOSEN, FRONTEND, Kind, P
from seealso.registry.registry import Plugins, did_you_mean

OWN_KEYS = "x-"
M = TypeVar("M", bound=BaseModel)


class SearchConfig(BaseModel):
    """How a collection is searched."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    candidates: StrictInt = Field(
        default=5000,
        gt=0,
        description="how many candidates are looked at, at most; without a sketch all of them are read",
    )
    reads: StrictInt = Field(
        default=200,
        gt=0,
        description=(
            "where there is a sketch, how many of the candidates are read and refined with the true distance, at most; but at least four for "
            "each hit that is wanted; as many as candidates, or more: all. Without a sketch it has no effect"
        ),
    )
    patience: StrictInt | None = Field(
        default=None,
        gt=0,
        description=(
            "stop refining when the nearest have not changed over so many steps of 500 candidates, or of 32 with a sketch; null: refine all"
        ),
    )


def _with_choices(model: type[M]) -> type[M]:
    """The same model with a field for every kind of plugin that a collection chooses."""
    fields: dict[str, Any] = {}
    for kind in CHOSEN:
        choice: Any = list[PluginChoice] if kind.several else PluginChoice
        words: list[Any] = [*([AUTO] if kind.automatic else []), *([kind.without] if kind.optional else [])]
        admitted = choice | Literal[tuple(words)] | None if words else choice | None
        fields[kind.word] = (admitted, Field(default=None, description=kind.meaning))
    made: type[M] = create_model(model.__name__, __base__=model, __module__=model.__module__, **fields)
    return made


@_with_choices
class PartsConfig(BaseModel):
    """Where a collection is, and the plugins that it is made of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: RelativePath = Field(description="the directory that holds the collection")

    def choices(self, kind: Kind[Any]) -> tuple[PluginChoice, ...] | None:
        """What is chosen of a kind: nothing where it is switched off; None where nothing is said of it, or `AUTO`."""
        chosen: Any = getattr(self, kind.word)
        if chosen is None or self.says_auto(kind):
            return None
        # A word in the place of a plugin reads like the name of one.
        if kind.optional and kind.without in (chosen, getattr(chosen, "plugin", chosen)):
            return ()
        return (chosen,) if isinstance(chosen, PluginChoice) else tuple(chosen)

    def says_auto(self, kind: Kind[Any]) -> bool:
        """Whether it says in so many words that the size of the collection chooses."""
        return kind.automatic and getattr(self, kind.word) in (AUTO, PluginChoice(AUTO))


class CollectionConfig(PartsConfig):
    """One collection. What is left out is the best that the installed plugins give."""

    scan: ScanRules = Field(default=ScanRules(), description="which files below a folder are taken in")
    search: SearchConfig = Field(default=SearchConfig(), description="how it is searched")
    images: ImageLimits = Field(default=ImageLimits(), description="what the image files that are taken in may be")


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
            for kind in CHOSEN:
                for place, choice in enumerate(collection.choices(kind) or ()):
                    self.options(plugins, kind, choice, place_of(name, kind, place))
        for place, choice in enumerate(self.frontends):
            self.options(plugins, FRONTEND, choice, ("frontends", place))

    def options(
        self, plugins: Plugins, kind: Kind[P], choice: PluginChoice, location: Location
    ) -> tuple[type[P], PluginOptions]:
        """The class that a choice names, and its options, checked.

        Raises:
            ConfigError: there is no such plugin, or an option does not fit; says where.
        """
        if kind.automatic and choice.plugin == AUTO:
            raise ConfigError(
                f"{self._source.place(location)}: `{AUTO}` takes no options; write `{kind.word}: {AUTO}`, or name a plugin to give it some"
            )
        try:
            cls = plugins.get(kind, choice.plugin)
        except PluginError as error:
            raise ConfigError(f"{self._source.place((*location, 'plugin'))}: {error}") from None
        return cls, validate_options(cls, choice, self._source, location)


def place_of(collection: str, kind: Kind[Any], place: int = 0) -> Location:
    """Where the configuration of a collection chooses a plugin; ``place`` counts those of a kind of which it has several."""
    return ("collections", collection, kind.word, *((place,) if kind.several else ()))


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
        raise ConfigError(f"{source.place(())}: expected keys such as `collections:`, found {shown(data)}")
    # Such keys are the author's own, as a place for anchors.
    data = {key: value for key, value in data.items() if not str(key).startswith(OWN_KEYS)}
    source.overrides = dict(override(data, environment))
    refuse_unknown_collections(data, source)
    try:
        config = Config.model_validate(data, context={"base": source.base})
    except ValidationError as error:
        raise ConfigError(explain(error, Config, source, ())) from None
    config._source = source
    return config


def validate_options(
    cls: type[Plugin], choice: PluginChoice, source: Source | None = None, location: Location = ()
) -> PluginOptions:
    """The options of a choice, checked by the plugin's own model.

    Raises:
        ConfigError: an option does not fit: where, which, what was expected.
    """
    source = source or Source()
    try:
        return cls.Options.model_validate(choice.given(), context={"base": source.base})
    except ValidationError as error:
        raise ConfigError(explain(error, cls.Options, source, location)) from None
