"""What a collection consists of: which plugins, with which options, and what made its descriptors."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, Literal

import numpy as np
import platformdirs

from seealso.codecs.choice import choose_codec
from seealso.collection.parts.automatic import Grounds, default_of, estimates, has_sketch, leaves_open, usable
from seealso.collection.parts.recorded import keeping, upgraded, with_secrets
from seealso.configuration.explaining import Source
from seealso.configuration.models import Config, place_of, validate_options
from seealso.configuration.reading import Location
from seealso.errors import ConfigError, PluginError, ProvenanceMismatch
from seealso.images.ways import NEWEST
from seealso.interfaces.codec import Codec, CodecContext
from seealso.interfaces.distance import Distance
from seealso.interfaces.extractor import Extractor, ExtractorContext, Provenance
from seealso.interfaces.image_limits import ImageLimits
from seealso.interfaces.keywords import KeywordSource
from seealso.interfaces.plugin import PluginChoice, PluginOptions
from seealso.interfaces.scan_rules import ScanRules
from seealso.interfaces.store import ObjectStore, StoreContext, StoreOptions
from seealso.registry.kinds import CHOSEN, CODEC, DISTANCE, EXTRACTOR, INDEX, KEYWORDS, SKETCH, STORE, Kind, P
from seealso.registry.registry import Plugins


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
        return PluginChoice.of(self.cls.name, self.options)

    def as_built(self) -> str | dict[str, Any]:
        """What shapes what the plugin keeps: its name, and all options but those that matter only to a query, or are secret."""
        choice = self.as_choice()
        options = {name: value for name, value in choice.options.items() if name not in self.options.query_time}
        return PluginChoice(choice.plugin, options).as_yaml()


class Parts:
    """The parts of one collection: chosen by the configuration, else by what made the collection, else by default.

    Each choice is looked up and checked once, when it is first asked for; the extractor and the distance are made once.

    Args:
        config: the deployment's configuration.
        name: the collection's name in it.
        plugins: what is installed.
        recorded: the choices that the collection was made with; empty for a new one.

    Attributes:
        grounds: for what those were chosen that the collection leaves open; None for a new one, and for one that an earlier release made.
            Whoever opens the collection sets it.
        way: in which image files are decoded; the newest for a new collection. Whoever opens the collection sets it.
    """

    def __init__(self, config: Config, name: str, plugins: Plugins, recorded: dict[str, PluginChoice]) -> None:
        self.config = config
        self.name = name
        self.plugins = plugins
        self.recorded = recorded
        self.grounds: dict[str, Grounds] | None = None
        self.way = NEWEST
        self._moved: set[str] = set()
        self._collection = config.collections[name]
        self.threads = usable_threads()
        self._extracting = threading.Lock()
        self._chosen: dict[str, Chosen[Any]] = {}
        self._metrics: dict[str, Distance] = {}

    @property
    def scan(self) -> ScanRules:
        """What the configuration says of which files are taken."""
        return self._collection.scan

    @property
    def limits(self) -> ImageLimits:
        """What an image file may be. Where the configuration says nothing of damaged pictures, the way of decoding does."""
        return self._collection.images.with_default(self.way.damaged)

    def follow(self, recorded: dict[str, PluginChoice]) -> None:
        """Go by what is recorded by now, which others may have changed since. What is made already stays in use.

        What the configuration says of a part counts no more once the record of that part has changed: it says where the collection
        was when it was opened, and nobody who asks it shall notice that it was converted meanwhile.
        """
        for word, choice in self.recorded.items():
            if word in recorded and not recorded[word].secrets:
                # A record never holds them: they are known from the configuration.
                recorded = with_secrets(recorded, word, choice)
        # Two choices that differ in their secrets alone are equal.
        known = all(
            choice.secrets == self.recorded[word].secrets for word, choice in recorded.items() if word in self.recorded
        )
        if recorded != self.recorded or not known:
            self._moved |= {word for word, choice in self.recorded.items() if recorded.get(word) != choice}
            self.recorded = recorded
            self._chosen.clear()

    def chosen_or_none(self, kind: Kind[P]) -> Chosen[P] | None:
        """The plugin in force for a kind; None where the configuration wants none, or none offers itself."""
        return self.chosen(kind) if self._has(kind) else None

    def _has(self, kind: Kind[Any]) -> bool:
        """Whether the collection has a plugin of a kind; of one that it may do without it may have none."""
        named = self._collection.choices(kind)
        if not kind.optional or named:
            return True
        if named is not None:
            return False
        if kind is SKETCH and leaves_open(self, SKETCH):
            return has_sketch(self)
        # An earlier release, which knew of no sketches, gave none.
        offered = kind is not SKETCH and bool(self.plugins.defaults(kind))
        return kind.word in self.recorded or offered

    def chosen_sources(
        self, given: Sequence[PluginChoice] = (), *, recorded: bool = False
    ) -> dict[str, Chosen[KeywordSource]]:
        """The keyword sources in force, by name: those that the configuration names, else all that offer themselves; then
        those ``given`` beside it, now or, as ``recorded``, at some time before.

        Raises:
            ConfigError: one does not exist, or its options do not fit, or it is named twice.
        """
        found = dict(self._configured_sources)
        for place, choice in enumerate(given, start=len(found)):
            location = place_of(self.name, KEYWORDS, place)
            if choice.plugin in found:
                raise self._named_twice(location[:-1], choice)
            cls = self.plugins.classes(KEYWORDS).get(choice.plugin)
            if recorded and cls is not None:
                choice = upgraded(KEYWORDS, cls, choice, self.name)
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

    def chosen(self, kind: Kind[P]) -> Chosen[P]:
        """The plugin in force for a kind.

        Raises:
            ConfigError: it does not exist, or its options do not fit.
            PluginError: nothing is chosen and nothing can be the default.
        """
        chosen = self._chosen.get(kind.word)
        if chosen is None:
            chosen = self._chosen[kind.word] = self._choose(kind)
        return chosen

    def _named(self, kind: Kind[Any]) -> PluginChoice | None:
        """What the configuration names; None where it says nothing of the kind, or says where the collection was before."""
        named = self._collection.choices(kind)
        return named[0] if named and kind.word not in self._moved else None

    def _choose(self, kind: Kind[P]) -> Chosen[P]:
        choice = self._named(kind)
        if choice is not None:
            place = place_of(self.name, kind)
            if kind.word == EXTRACTOR.word and (made_by := self.plugins.classes(EXTRACTOR).get(choice.plugin)):
                choice = keeping(made_by, choice, self.recorded.get(kind.word))
            cls, options = self.config.options(self.plugins, kind, choice, place)
            try:
                return Chosen(cls, self._with_codec(options))
            except (ConfigError, PluginError) as error:
                raise ConfigError(f"{self.config.source.place((*place, 'codec'))}: {error}") from None
        default = self.recorded.get(kind.word)
        if kind is INDEX and default is not None and leaves_open(self, INDEX) and not usable(self, default):
            default = None
        return self.checked(kind, default or PluginChoice(self._default(kind)), recorded=default is not None)

    def _default(self, kind: Kind[Any]) -> str:
        """The plugin that a new collection gets, where the configuration names none."""
        best = default_of(self, kind) if kind.automatic else None
        if best is not None:
            return best
        return self.plugins.default(kind, lambda other: self.chosen(other).cls)

    def checked(self, kind: Kind[P], choice: PluginChoice, *, recorded: bool = False) -> Chosen[P]:
        """A choice that the configuration does not name, with its class and its options.

        Args:
            kind: of what kind it is.
            choice: the choice.
            recorded: it was made before, perhaps with another release of the plugin: what that does not know any more is left out,
                with a warning.

        Raises:
            ConfigError: its options do not fit.
            PluginError: it does not exist.
        """
        cls = self.plugins.get(kind, choice.plugin)
        source = Source(what=f"collection {self.name}" + (", as it was made" if recorded else ""))
        if recorded:
            choice = upgraded(kind, cls, choice, self.name)
        options = validate_options(cls, choice, source, (kind.word,))
        return Chosen(cls, self._with_codec(options, recorded=recorded))

    def _with_codec(self, options: PluginOptions, *, recorded: bool = False) -> PluginOptions:
        """The options of a store with its codec checked; before a collection is made with one that does not exist, or does not fit.

        What is secret of the codec's is known to be so from here on.
        """
        if not isinstance(options, StoreOptions) or options.codec is None:
            return options
        codec = options.codec
        cls = self.checked(CODEC, codec, recorded=recorded).cls
        if recorded:
            codec = upgraded(CODEC, cls, codec, self.name)
        return options.model_copy(update={"codec": codec.hiding(cls.Options)})

    def choices(self, kinds: Iterable[Kind[Any]] = CHOSEN) -> dict[str, PluginChoice]:
        """The choices in force that a collection keeps to, of these kinds, with every option. Of an extractor that is not installed it is
        what the collection was made with: most of what can be asked does without the plugin."""
        return {kind.word: self._kept(kind) for kind in kinds if kind.recorded and self._has(kind)}

    def _kept(self, kind: Kind[Any]) -> PluginChoice:
        recorded = self.recorded.get(kind.word)
        if recorded is not None and kind.word == EXTRACTOR.word and self.missing(kind):
            return recorded
        return self.chosen(kind).as_choice()

    def missing(self, kind: Kind[Any]) -> str:
        """Why the plugin that is named for a kind cannot be had, where it is not installed; empty where it is."""
        named = self._named(kind) or self.recorded.get(kind.word)
        if named is None or named.plugin in self.plugins.classes(kind):
            return ""
        try:
            self.chosen(kind)
        except (ConfigError, PluginError) as error:
            return str(error)
        return ""

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

    def words_distances(self, phrase: str, descriptors: np.ndarray) -> np.ndarray | None:
        """Call the extractor's `words_distances`.

        Raises:
            PluginError: it gives something else than its contract promises.
        """
        return self._one_each("words_distances", self.extractor.words_distances(phrase, descriptors), len(descriptors))

    def words_roughly(self, phrase: str, descriptors: np.ndarray) -> np.ndarray | None:
        """Call the extractor's `words_roughly`.

        Raises:
            PluginError: it gives something else than its contract promises.
        """
        return self._one_each("words_roughly", self.extractor.words_roughly(phrase, descriptors), len(descriptors))

    def _one_each(self, method: str, found: np.ndarray | None, count: int) -> np.ndarray | None:
        """Hold the extractor to a number for each descriptor, where it gives any.

        Raises:
            PluginError: it gives something else.
        """
        if found is not None and (found.shape != (count,) or found.dtype != np.float32):
            raise PluginError(
                f"{self.extractor.name}.{method} returned {found.dtype} of shape {found.shape}; its contract promises "
                f"float32 of shape ({count},)"
            )
        return found

    def can(self, ability: Literal["takes_words", "gives_words"]) -> bool:
        """Whether the extractor can do more than extract; one whose plugin is gone can do nothing."""
        try:
            return bool(getattr(self.extractor, ability))
        except (ConfigError, PluginError):
            return False

    def looks_like(self, descriptors: np.ndarray) -> list[list[tuple[str, float]]]:
        """Call the extractor's `looks_like`.

        Raises:
            PluginError: it gives something else than its contract promises.
        """
        said = self.extractor.looks_like(descriptors)
        if len(said) != len(descriptors) or not all(word and 0 < sure <= 1 for words in said for word, sure in words):
            raise PluginError(
                f"{self.extractor.name}.looks_like returned words for {len(said)} descriptors; its contract promises some for each of "
                f"{len(descriptors)}, and how sure each is: above 0, and at most 1"
            )
        return [[(word, float(sure)) for word, sure in words] for words in said]

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
        return self.metric(chosen)

    def metric(self, chosen: Chosen[Distance]) -> Distance:
        """The distance of a choice, made when it is first asked for."""
        key = json.dumps(chosen.as_choice().as_yaml(), sort_keys=True)
        if key not in self._metrics:
            self._metrics[key] = chosen.cls(chosen.options)
        return self._metrics[key]

    def check_sketch(self) -> None:
        """Refuse a sketch that cannot estimate the collection's distance, and an index that ranks by sketches where there are none.

        Raises:
            ConfigError: it cannot, or there are none; says what to write instead.
        """
        self._check_needed_sketch()
        sketch, distance = self.chosen_or_none(SKETCH), self.chosen(DISTANCE).cls
        if sketch is not None and not estimates(sketch.cls, distance):
            classes = self.plugins.classes(DISTANCE)
            able = sorted(name for name, cls in classes.items() if estimates(sketch.cls, cls))
            raise ConfigError(
                f"{self.config.source.place(place_of(self.name, SKETCH))}: the sketch {sketch.cls.name} estimates the distances "
                f"{', '.join(able)}, and not {distance.name}; write `sketch: none`, or choose another"
            )

    def _check_needed_sketch(self) -> None:
        index = self.chosen(INDEX).cls
        if not index.needs_sketch or self.chosen_or_none(SKETCH) is not None:
            return
        distance = self.chosen(DISTANCE).cls
        # One that is for this distance rather than one that is for any.
        known = sorted(self.plugins.classes(SKETCH).values(), key=lambda cls: (cls.distance_kinds is None, cls.name))
        able = [cls.name for cls in known if cls.distance_kinds is None or distance.kind in cls.distance_kinds]
        write = f"write `sketch: {able[0]}` beside it, or " if able else ""
        raise ConfigError(
            f"{self.config.source.place(place_of(self.name, INDEX))}: the index {index.name} ranks by sketches, and the collection has "
            f"none; {write}choose another index"
        )

    def store(self, directory: Path, provenance: Provenance, *, read_only: bool, identity: str = "") -> ObjectStore:
        """The object store in a directory, which the collection knows by an identity.

        Raises:
            ConfigError: the configuration names another store than the one that holds the descriptors, or another place.
        """
        self.check_store()
        return self.make_store(self.chosen(STORE), directory, provenance, read_only=read_only, identity=identity)

    def check_store(self) -> None:
        """Refuse a configuration that looks for the descriptors in another store, or at another place, than they are.

        Raises:
            ConfigError: it does; says where they are.
        """
        recorded, chosen = self.recorded.get(STORE.word), self.chosen(STORE)
        if recorded is None:
            return
        if recorded.plugin != chosen.cls.name:
            raise ConfigError(
                f"{self.config.source.place(place_of(self.name, STORE))}: this collection keeps its "
                f"descriptors in the store {recorded.plugin}, not {chosen.cls.name}; write `store: {recorded.plugin}`, or "
                "run `seealso convert`"
            )
        now, was = chosen.as_choice().options, upgraded(STORE, chosen.cls, recorded, self.name).options
        for option in sorted(chosen.options.located_by):
            if option in now and option in was and now[option] != was[option]:
                raise ConfigError(
                    f"{self.config.source.place((*place_of(self.name, STORE), option))}: this collection keeps its descriptors at "
                    f"{option} {was[option]}, and not at {now[option]}; write the former, or run `seealso convert` to move them"
                )

    def make_store(
        self,
        chosen: Chosen[ObjectStore],
        directory: Path,
        provenance: Provenance,
        *,
        read_only: bool,
        identity: str = "",
    ) -> ObjectStore:
        """A store, whatever the configuration says."""
        dtype = np.dtype(provenance.dtype)
        encoded = CodecContext(provenance.dim, dtype)
        named = chosen.options.codec if isinstance(chosen.options, StoreOptions) else None

        def make(choice: PluginChoice) -> Codec:
            # What a store has recorded of its codec is without the secrets.
            if named is not None and named.plugin == choice.plugin:
                choice = replace(choice, secrets=named.secrets)
            codec = self.checked(CODEC, choice, recorded=True)
            return codec.cls(codec.options, encoded)

        def choose(descriptors: np.ndarray) -> PluginChoice:
            return choose_codec(self.plugins.classes(CODEC), encoded, descriptors)

        context = StoreContext(directory, provenance.dim, dtype, read_only, make, choose, identity)
        return chosen.cls(chosen.options, context)

    def called(self, chosen: Chosen[ObjectStore], directory: Path) -> str:
        """What messages call a store: its directory, and the place of its data, where that is another."""
        options = chosen.as_choice().options
        places = [
            f"{name} {options[name]}" for name in sorted(chosen.options.located_by) if options.get(name) is not None
        ]
        return f"{directory} ({', '.join([f'store {chosen.cls.name}', *places])})" if places else str(directory)

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
