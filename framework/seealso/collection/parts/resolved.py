"""What a collection consists of: which plugins, with which options, and what made its descriptors."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import platformdirs

from seealso.catalogue.reader import Catalog
from seealso.codecs.choice import choose_codec
from seealso.collection.derived.descriptors import Descriptors
from seealso.collection.derived.keeper import Keeper
from seealso.collection.derived.source import Recipe, Record
from seealso.collection.derived.words import WordsOfObjects
from seealso.configuration.models import Config, place_of, validate_options
from seealso.configuration.reading import Location
from seealso.errors import ConfigError, FormatError, PluginError, ProvenanceMismatch
from seealso.interfaces.codec import Codec, CodecContext
from seealso.interfaces.derived import Derived
from seealso.interfaces.distance import Distance
from seealso.interfaces.extractor import Extractor, ExtractorContext, Provenance
from seealso.interfaces.index import IndexContext, MetricIndex
from seealso.interfaces.keywords import KeywordSource
from seealso.interfaces.plugin import PluginChoice, PluginOptions
from seealso.interfaces.store import ObjectStore, StoreContext, StoreOptions
from seealso.interfaces.text import TextContext, TextIndex
from seealso.registry.kinds import CHOSEN, CODEC, DISTANCE, EXTRACTOR, INDEX, KEYWORDS, STORE, TEXT, Kind, P
from seealso.registry.registry import Plugins

SOURCES = "keyword_sources"  # where the catalogue keeps those that were given beside the configuration
CONFIGURATION = "configuration"  # where the catalogue keeps the choices

D = TypeVar("D", bound=Derived[Any])


def usable_threads() -> int:
    """How many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_cache() -> Path:
    """The user's folder for what can be made again."""
    return Path(platformdirs.user_cache_dir("seealso"))


@dataclass(frozen=True, slots=True)
class Chosen(Generic[P]):
    """A plugin's class with its checked options."""

    cls: type[P]
    options: PluginOptions

    def as_choice(self) -> PluginChoice:
        """The choice that gives the same again."""
        return PluginChoice(self.cls.name, self.options.model_dump(mode="json"))

    def as_built(self) -> str | dict[str, Any]:
        """What shapes what the plugin keeps: its name, and all options but those that matter only to a query."""
        options = self.options.model_dump(mode="json", exclude=set(self.options.query_time))
        return PluginChoice(self.cls.name, options).as_yaml()


class Parts:
    """The parts of one collection: chosen by the configuration, else by what made the collection, else by default.

    Each choice is looked up and checked once, when it is first asked for; the extractor and the distance are made once.

    Args:
        config: the deployment's configuration.
        name: the collection's name in it.
        plugins: what is installed.
        recorded: the choices that the collection was made with; empty for a new one.
    """

    def __init__(self, config: Config, name: str, plugins: Plugins, recorded: dict[str, PluginChoice]) -> None:
        self.config = config
        self.name = name
        self.plugins = plugins
        self.recorded = recorded
        self._moved: set[str] = set()
        self._collection = config.collections[name]
        self.threads = usable_threads()
        self._extracting = threading.Lock()
        self._chosen: dict[str, Chosen[Any]] = {}
        self._metrics: dict[str, Distance] = {}

    def follow(self, recorded: dict[str, PluginChoice]) -> None:
        """Go by what is recorded by now, which others may have changed since. What is made already stays in use.

        What the configuration says of a part counts no more once the record of that part has changed: it says where the collection
        was when it was opened, and nobody who asks it shall notice that it was converted meanwhile.
        """
        if recorded != self.recorded:
            self._moved |= {word for word, choice in self.recorded.items() if recorded.get(word) != choice}
            self.recorded = recorded
            self._chosen.clear()

    def chosen_text(self) -> Chosen[TextIndex] | None:
        """The text index in force; None where the configuration wants none, or none is installed."""
        return self.chosen(TEXT) if self._has(TEXT) else None

    def _has(self, kind: Kind[Any]) -> bool:
        """Whether the collection has a plugin of a kind; of one that it may do without it may have none."""
        named = self._collection.choices(kind)
        if not kind.optional or named:
            return True
        return named is None and (kind.word in self.recorded or bool(self.plugins.classes(kind)))

    def chosen_sources(self, given: Sequence[PluginChoice] = ()) -> dict[str, Chosen[KeywordSource]]:
        """The keyword sources in force, by name: those that the configuration names, else all that offer themselves; then
        those ``given`` beside it.

        Raises:
            ConfigError: one does not exist, or its options do not fit, or it is named twice.
        """
        found = dict(self._configured_sources)
        for place, choice in enumerate(given, start=len(found)):
            location = place_of(self.name, KEYWORDS, place)
            if choice.plugin in found:
                raise self._named_twice(location[:-1], choice)
            found[choice.plugin] = Chosen(*self.config.options(self.plugins, KEYWORDS, choice, location))
        return found

    @cached_property
    def _configured_sources(self) -> dict[str, Chosen[KeywordSource]]:
        named = self._collection.choices(KEYWORDS)
        if named is None:
            named = tuple(PluginChoice(name) for name in self.plugins.defaults(KEYWORDS))
        found: dict[str, Chosen[KeywordSource]] = {}
        for place, choice in enumerate(named):
            location = place_of(self.name, KEYWORDS, place)
            if choice.plugin in found:
                raise self._named_twice(location, choice)
            found[choice.plugin] = Chosen(*self.config.options(self.plugins, KEYWORDS, choice, location))
        return found

    def _named_twice(self, location: Location, choice: PluginChoice) -> ConfigError:
        return ConfigError(f"{self.config.source.place(location)}: the keyword source {choice.plugin} is named twice")

    def text_keeper(self, directory: Path) -> Keeper[TextIndex] | None:
        """What looks after the text index, whose snapshots are in a directory; None where there is to be none."""
        if self.chosen_text() is None:
            return None

        def make(made_by: Record, scratch: Callable[[], Path]) -> TextIndex:
            made = self._as_made(TEXT, made_by)
            return made.cls(made.options, TextContext(scratch))

        return Keeper(WordsOfObjects(self.name, self._recipe((TEXT,), make)), directory)

    def index_keeper(self, directory: Path, store: ObjectStore, provenance: Provenance) -> Keeper[MetricIndex]:
        """What looks after the metric index, whose snapshots are in a directory."""
        dim, dtype = provenance.dim, np.dtype(provenance.dtype)

        def make(made_by: Record, scratch: Callable[[], Path]) -> MetricIndex:
            index, distance = self._as_made(INDEX, made_by), self._as_made(DISTANCE, made_by)
            context = IndexContext(self._metric(distance), store, dim, dtype, self.threads)
            return index.cls(index.options, context)

        source = Descriptors(self.name, self._recipe((INDEX, DISTANCE), make), store, dim, dtype)
        return Keeper(source, directory)

    def _recipe(self, kinds: Sequence[Kind[Any]], make: Callable[[Record, Callable[[], Path]], D]) -> Recipe[D]:
        """How something derived is made of plugins of some kinds."""

        def as_made(recorded: Record) -> Record:
            return {kind.word: self._as_made(kind, recorded).as_built() for kind in kinds}

        return Recipe({kind.word: self.chosen(kind).as_built() for kind in kinds}, as_made, make)

    def _as_made(self, kind: Kind[P], made_by: Record) -> Chosen[P]:
        """The plugin that something was made with; what matters only to a query is as the configuration says.

        Raises:
            SeealsoError: it is not installed, or has no such options any more.
        """
        recorded, chosen = PluginChoice.parse(made_by[kind.word]), self.chosen(kind)
        if recorded == PluginChoice.parse(chosen.as_built()):
            return chosen
        options = dict(recorded.options)
        if recorded.plugin == chosen.cls.name:
            options |= chosen.options.model_dump(mode="json", include=set(chosen.options.query_time))
        return self.checked(kind, PluginChoice(recorded.plugin, options))

    def chosen(self, kind: Kind[P]) -> Chosen[P]:
        """The plugin in force for a kind.

        Raises:
            ConfigError: it does not exist, or its options do not fit.
            PluginError: nothing is chosen and nothing can be the default.
        """
        if kind.word not in self._chosen:
            self._chosen[kind.word] = self._choose(kind)
        return self._chosen[kind.word]

    def _choose(self, kind: Kind[P]) -> Chosen[P]:
        named = self._collection.choices(kind)
        if named and kind.word not in self._moved:
            place = place_of(self.name, kind)
            chosen = Chosen(*self.config.options(self.plugins, kind, named[0], place))
            try:
                self._check_codec(chosen.options)
            except (ConfigError, PluginError) as error:
                raise ConfigError(f"{self.config.source.place((*place, 'codec'))}: {error}") from None
            return chosen
        default = self.recorded.get(kind.word)
        choice = default or PluginChoice(self.plugins.default(kind, lambda other: self.chosen(other).cls))
        return self.checked(kind, choice)

    def checked(self, kind: Kind[P], choice: PluginChoice) -> Chosen[P]:
        """A choice that the configuration does not name, with its class and its options.

        Raises:
            ConfigError: its options do not fit.
            PluginError: it does not exist.
        """
        cls = self.plugins.get(kind, choice.plugin)
        options = validate_options(cls, choice, location=(kind.word,))
        self._check_codec(options)
        return Chosen(cls, options)

    def _check_codec(self, options: PluginOptions) -> None:
        """Refuse a store's codec that does not exist or whose options do not fit, before a collection is made with it."""
        if isinstance(options, StoreOptions) and options.codec is not None:
            self.checked(CODEC, options.codec)

    def choices(self) -> dict[str, PluginChoice]:
        """The choices in force that a collection keeps to, with every option."""
        return {kind.word: self.chosen(kind).as_choice() for kind in CHOSEN if kind.recorded and self._has(kind)}

    @cached_property
    def extractor(self) -> Extractor:
        """The extractor. Its constructor is cheap; the network is loaded when it is first used."""
        chosen = self.chosen(EXTRACTOR)
        return chosen.cls(chosen.options, ExtractorContext(default_cache(), self.threads))

    def extract(self, batch: np.ndarray) -> np.ndarray:
        """Call the extractor's `extract`, one thread at a time, since queries run while images are indexed.

        Raises:
            PluginError: it gives something else than its provenance promises.
        """
        with self._extracting:
            descriptors = np.asarray(self.extractor.extract(batch))
        return self._as_promised("extract", descriptors, len(batch))

    def extract_words(self, phrases: Sequence[str]) -> np.ndarray:
        """Call the extractor's `extract_words`, one thread at a time.

        Raises:
            QueryError: it reads no words.
            PluginError: it gives something else than its provenance promises.
        """
        with self._extracting:
            descriptors = np.asarray(self.extractor.extract_words(phrases))
        return self._as_promised("extract_words", descriptors, len(phrases))

    def _as_promised(self, method: str, descriptors: np.ndarray, count: int) -> np.ndarray:
        """Hold the extractor to its contract."""
        promised = self.extractor.provenance
        wanted = (count, promised.dim)
        if descriptors.shape != wanted or descriptors.dtype != promised.dtype:
            raise PluginError(
                f"{self.extractor.name}.{method} returned {descriptors.dtype} of shape {descriptors.shape}; its provenance "
                f"promises {promised.dtype} of shape {wanted}"
            )
        return descriptors

    def distance(self, dtype: str) -> Distance:
        """The metric; one for all that compare descriptors.

        Raises:
            ConfigError: it does not take descriptors of this type.
        """
        chosen = self.chosen(DISTANCE)
        if dtype not in chosen.cls.dtypes:
            raise ConfigError(
                f"collection {self.name}: the distance {chosen.cls.name} takes {', '.join(chosen.cls.dtypes)}, and the "
                f"extractor's descriptors are {dtype}; choose another `distance:`"
            )
        return self._metric(chosen)

    def _metric(self, chosen: Chosen[Distance]) -> Distance:
        """The distance of a choice, made when it is first asked for."""
        key = json.dumps(chosen.as_choice().as_yaml(), sort_keys=True)
        if key not in self._metrics:
            self._metrics[key] = chosen.cls(chosen.options)
        return self._metrics[key]

    def store(self, directory: Path, provenance: Provenance, *, read_only: bool) -> ObjectStore:
        """The object store in a directory.

        Raises:
            ConfigError: the configuration names another store than the one that holds the descriptors.
        """
        recorded = self.recorded.get(STORE.word)
        chosen = self.chosen(STORE)
        if recorded is not None and recorded.plugin != chosen.cls.name:
            raise ConfigError(
                f"{self.config.source.place(place_of(self.name, STORE))}: this collection keeps its "
                f"descriptors in the store {recorded.plugin}, not {chosen.cls.name}; write `store: {recorded.plugin}`, or "
                "run `seealso convert`"
            )
        return self.make_store(chosen, directory, provenance, read_only=read_only)

    def make_store(
        self, chosen: Chosen[ObjectStore], directory: Path, provenance: Provenance, *, read_only: bool
    ) -> ObjectStore:
        """A store, whatever the configuration says."""
        dtype = np.dtype(provenance.dtype)
        encoded = CodecContext(provenance.dim, dtype)

        def make(choice: PluginChoice) -> Codec:
            codec = self.checked(CODEC, choice)
            return codec.cls(codec.options, encoded)

        def choose(descriptors: np.ndarray) -> PluginChoice:
            return choose_codec(self.plugins.classes(CODEC), encoded, descriptors)

        return chosen.cls(chosen.options, StoreContext(directory, provenance.dim, dtype, read_only, make, choose))

    def takes_images(self, provenance: Provenance) -> bool:
        """Whether what made a collection's descriptors was given images; of a plugin that is gone it is taken to be so."""
        made_by = self.plugins.classes(EXTRACTOR).get(provenance.plugin)
        return made_by is None or made_by.takes_images

    def check_provenance(self, recorded: Provenance) -> None:
        """Refuse an extractor whose descriptors are not the collection's.

        Raises:
            ProvenanceMismatch: says what differs and what to do.
        """
        current = self.extractor.provenance
        if current == recorded:
            return
        differing = [
            f"{field.name} is {getattr(current, field.name)!r} and was {getattr(recorded, field.name)!r}"
            for field in fields(Provenance)
            if getattr(current, field.name) != getattr(recorded, field.name)
        ]
        raise ProvenanceMismatch(
            f"collection {self.name} ({self._collection.path}) was made by another extractor: {'; '.join(differing)}; "
            "configure the one that made it, or index into a new collection (another `path:`)"
        )


def record(choices: dict[str, PluginChoice], provenance: Provenance) -> dict[str, str]:
    """What the catalogue keeps of the parts of a new collection."""
    return {CONFIGURATION: configuration_record(choices), "provenance": json.dumps(asdict(provenance))}


def configuration_record(choices: dict[str, PluginChoice]) -> str:
    """The choices in the form in which the catalogue keeps them."""
    return json.dumps({kind: choice.as_yaml() for kind, choice in choices.items()})


def recorded_choices(catalog: Catalog) -> dict[str, PluginChoice]:
    """The choices that a collection was made with.

    Raises:
        FormatError: the record cannot be read.
    """
    try:
        stored = json.loads(catalog.meta(CONFIGURATION) or "")
        return {kind: PluginChoice.parse(choice) for kind, choice in stored.items()}
    except (ValueError, AttributeError):
        raise FormatError(f"{catalog.file}: the record of the collection's configuration is damaged") from None


def recorded_sources(catalog: Catalog) -> list[PluginChoice]:
    """The keyword sources that were given beside the configuration.

    Raises:
        FormatError: the record cannot be read.
    """
    try:
        return [PluginChoice.parse(choice) for choice in json.loads(catalog.meta(SOURCES) or "[]")]
    except (ValueError, TypeError):
        raise FormatError(f"{catalog.file}: the record of the collection's keyword sources is damaged") from None


def sources_record(choices: Sequence[PluginChoice]) -> dict[str, str]:
    """They, in the form in which the catalogue keeps them."""
    return {SOURCES: json.dumps([choice.as_yaml() for choice in choices])}


def recorded_provenance(catalog: Catalog) -> Provenance:
    """What made a collection's descriptors.

    Raises:
        FormatError: the record cannot be read.
    """
    try:
        return Provenance(**json.loads(catalog.meta("provenance") or ""))
    except (ValueError, TypeError):
        raise FormatError(f"{catalog.file}: the record of what made the descriptors is damaged") from None
