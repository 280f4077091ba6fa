"""What it would take to index so many images, and to answer: found out by a short trial on this machine."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from seealso.collection import Collection
from seealso.durability import writing_in
from seealso.errors import ConfigError, QueryError, SeealsoError
from seealso.interfaces.plugin import PluginChoice
from seealso.paths import PathLike
from seealso.planning.sample import plan_sample
from seealso.planning.trial import NAME, Pilot, Trial, give_up, parts_for, pilot_of, take_in
from seealso.registry.kinds import CHOSEN, DISTANCE, EXTRACTOR, INDEX, KINDS, SKETCH, STORE

SECONDS = 10.0
COMPARED = {word: kind for word, kind in KINDS.items() if kind.compared}


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number, and what it rests on, in words."""

    value: float
    basis: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What to expect of one choice of parts.

    Attributes:
        extractor: with its options, as in the configuration.
        index: likewise.
        store: likewise, its codec included.
        seconds: from the beginning of the indexing to its end.
        disk: bytes of the collection's directory.
        memory: bytes that a process holds that answers queries by image.
        query: milliseconds of a query by ID, when what it reads lies in the system's cache.
        cold_query: the same, when all of it is read from the disk; None where the system cannot be made to forget.
        sketch: the sketch, as in the configuration; None where there is none. What it takes is counted with the index.
    """

    extractor: object
    index: object
    store: object
    seconds: Estimate
    disk: Estimate
    memory: Estimate
    query: Estimate
    cold_query: Estimate | None
    sketch: object = None


@dataclass(frozen=True, slots=True)
class Plans:
    """Plans for the parts as they are configured, and for others in their place.

    Attributes:
        objects: for how many objects.
        sample: what was tried, in words.
        plans: the first is for the parts as they are configured.
        unusable: parts that cannot be used here, and images of the sample that cannot be taken in; a line each.
    """

    objects: int
    sample: str
    plans: tuple[Plan, ...]
    unusable: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """As the command line's ``--json`` shows it."""
        return asdict(self)


def plan(
    collection: Collection,
    paths: Sequence[PathLike] = (),
    *,
    objects: int | None = None,
    also: Mapping[str, Sequence[str]] | None = None,
    seconds: float = SECONDS,
    folder: Path | None = None,
    tell: Callable[[str], None] = lambda what: None,
) -> Plans:
    """Find out what a collection would take, for as many objects as there are images below ``paths``, or for ``objects``.

    Some images are taken in as they would be, for a few seconds and into a folder that is removed again; descriptors like theirs fill a
    pilot collection of up to 50,000, which is measured at a quarter of its size and in full; from there it is carried on. Nothing is
    written to the collection itself, and what a store keeps elsewhere for the trial is removed, too. The hooks that watch are called, for collections of the name ``plan``.

    Args:
        collection: what is planned, as it is configured; it need not exist.
        paths: images and folders of images, or one file of descriptors (see `Collection.import_descriptors`). Without any, the
            collection's own are the sample; without a collection, pictures that are made up.
        objects: how many there will be; by default as many as there are.
        also: by kind (``extractor``, ``index``, ``store``, ``codec``) names of others that are tried in the place of what is configured;
            ``all`` for every one.
        seconds: how long images are taken in, for each extractor.
        folder: where the trial is done, on the disk that is to be measured; by default beside the collection, if that can be written.
        tell: told what is being done.

    Raises:
        QueryError: there is nothing to be tried; or neither paths nor a number are given, and there is no collection.
        FileError: a path is not there, there is nothing below it, or it cannot be used.
        ConfigError: the parts as they are configured cannot be used.
        PluginError: there is no other part of such a name.
    """
    if objects is not None and objects < 1:
        raise QueryError(f"a plan for {objects} objects makes no sense; plan for 1 or more")
    if not paths and objects is None and not (collection.exists() and collection.counts().objects):
        raise QueryError("say what to plan for: a folder of images, or `--objects N`")
    plans: list[Plan] = []
    unusable: list[str] = []
    place = folder or _beside(collection)
    with (
        writing_in(place or Path(tempfile.gettempdir())),
        tempfile.TemporaryDirectory(prefix=".seealso-plan-", dir=place) as temporary,
        ExitStack() as cleanup,
    ):
        scratch = Path(temporary)
        sample = plan_sample(collection, paths, scratch / "pictures")
        base = collection
        if sample.descriptors is not None and collection.parts.chosen(EXTRACTOR).cls.takes_images:
            (distance,) = collection.settings.choices(DISTANCE) or (None,)
            base = collection.variant(scratch, name=NAME, extractor=sample.imported(), distance=distance)
        choices = [{}, *_others(base, also or {})]
        trials: dict[str, Trial] = {}
        count = 0
        for number, changes in enumerate(choices):
            below = scratch / str(number)
            below.mkdir()
            parts = base.variant(below, name=NAME, **changes)
            cleanup.callback(give_up, below, parts)
            try:
                chosen = parts.parts.choices()
                key = json.dumps(chosen[EXTRACTOR.word].as_yaml())
                if key not in trials:
                    tell(f"trying the extractor {chosen['extractor'].plugin}")
                    trials[key] = take_in(parts, sample, below, seconds)
                    unusable += trials[key].unusable
                trial = trials[key]
                count = count or objects or max(1, round(sample.count * trial.share))
                fitting = parts_for(parts, count, trial.descriptors)
                chosen |= {word: choice for word, choice in fitting.items() if choice is not None}
                tell(
                    f"trying the index {chosen['index'].plugin} on the store {shown_choice(chosen['store'].as_yaml())}"
                )
                pilot = pilot_of(trial, parts, below, count, sample.path_bytes)
                plans.append(_plan(chosen, trial, pilot, count))
            except (SeealsoError, OSError, ValueError) as error:
                if not number:
                    raise
                unusable.append(f"{shown_choice(next(iter(changes.values())))}: {error}")
    return Plans(count, sample.told, tuple(plans), tuple(unusable))


def _beside(collection: Collection) -> Path | None:
    """The folder that the collection is in or will be in, for it is that disk that counts; None where it cannot be written."""
    parent = next(folder for folder in collection.path.parents if folder.is_dir())
    return parent if os.access(parent, os.W_OK) else None


def shown_choice(choice: object) -> str:
    """A part, in a few words: its name; of a store with a codec, that of the codec too."""
    chosen = PluginChoice.parse(choice)
    codec = chosen.options.get("codec")
    return chosen.plugin if codec is None else f"{chosen.plugin} ({PluginChoice.parse(codec).plugin})"


def _others(collection: Collection, also: Mapping[str, Sequence[str]]) -> Iterator[dict[str, Any]]:
    """What is changed, one choice at a time."""
    chosen = collection.parts.choices()
    for word, names in also.items():
        if word not in COMPARED:
            raise QueryError(f"a plan compares {', '.join(COMPARED)}, not {word}")
        kind = COMPARED[word]
        if kind.within and word not in chosen[kind.within].options:
            raise ConfigError(f"the {kind.within} {chosen[kind.within].plugin} has no {word}s to choose from")
        classes = collection.plugins.classes(kind)
        every = sorted(name for name, cls in classes.items() if getattr(cls, "takes_images", True))
        for name in every if "all" in names else dict.fromkeys(names):
            collection.plugins.get(kind, name)
            if kind.within:
                outer = chosen[kind.within]
                yield {kind.within: replace(outer, options={**outer.options, word: name})}
            elif name != chosen[word].plugin:
                # What follows it, as the distance does the extractor, need not fit any more.
                yield {word: PluginChoice(name), **{other.word: None for other in CHOSEN if other.follows == word}}


# From what was measured to what is to be expected


def _plan(chosen: Mapping[str, PluginChoice], trial: Trial, pilot: Pilot, objects: int) -> Plan:
    return Plan(
        extractor=chosen[EXTRACTOR.word].as_yaml(),
        index=chosen[INDEX.word].as_yaml(),
        store=chosen[STORE.word].as_yaml(),
        seconds=_seconds(trial, pilot, objects),
        disk=_disk(trial, pilot, objects),
        memory=_memory(pilot, objects),
        query=_query(pilot, objects),
        cold_query=_cold_query(pilot, objects),
        sketch=chosen[SKETCH.word].as_yaml() if SKETCH.word in chosen else None,
    )


def _carried_on(pilot: Pilot, objects: int, small: float, full: float) -> float:
    """What grows by the same for each object, at a larger size than those at which it was measured."""
    if objects <= pilot.full.objects or pilot.small.objects == pilot.full.objects:
        return full
    each = max(0.0, (full - small) / (pilot.full.objects - pilot.small.objects))
    return full + each * (objects - pilot.full.objects)


def _in_memory(pilot: Pilot) -> str:
    """What is made of the descriptors, in words."""
    return "index and the sketches" if SKETCH.word in pilot.full.disk else "index"


def _measured_at(pilot: Pilot) -> str:
    return f"measured with {pilot.small.objects:,} and {pilot.full.objects:,} descriptors"


def _seconds(trial: Trial, pilot: Pilot, objects: int) -> Estimate:
    if not trial.query:
        first = pilot.small
        each = pilot.full.taking / max(1, pilot.full.objects - first.objects)
        return Estimate(
            first.taking + each * max(0, objects - first.objects),
            f"{first.taking:.1f} s for the first {first.objects:,}, {1000 * each:.2f} ms a descriptor from there to {pilot.full.objects:,}",
        )
    files = objects / trial.share
    index = _carried_on(pilot, objects, pilot.small.indexing, pilot.full.indexing)
    return Estimate(
        trial.start + files * trial.each + index,
        f"{trial.start:.1f} s to start, {1000 * trial.each:.2f} ms an image ({trial.told}), {index:.1f} s to build the {_in_memory(pilot)} "
        f"({_measured_at(pilot)})",
    )


def _disk(trial: Trial, pilot: Pilot, objects: int) -> Estimate:
    parts = {part: _carried_on(pilot, objects, pilot.small.disk[part], full) for part, full in pilot.full.disk.items()}
    if trial.query:
        parts["catalogue"] += max(0.0, objects * trial.beside - parts["catalogue"])
    told = ", ".join(f"{part} {size / objects:,.0f}" for part, size in parts.items())
    return Estimate(sum(parts.values()), f"bytes an object: {told}; {_measured_at(pilot)}")


def _memory(pilot: Pilot, objects: int) -> Estimate:
    index = _carried_on(pilot, objects, pilot.small.index_memory, pilot.full.index_memory)
    more = max(0.0, index - pilot.full.index_memory)
    return Estimate(
        pilot.memory + more,
        f"{pilot.memory / 1e6:,.0f} MB of a process that has answered with {pilot.full.objects:,} descriptors; "
        f"{more / 1e6:,.1f} MB more of the {_in_memory(pilot)}",
    )


def _power(pilot: Pilot, small: float, full: float) -> float:
    """The power of the number of objects with which a time grows."""
    if pilot.small.objects == pilot.full.objects or min(small, full) <= 0:
        return 0.0
    return min(1.0, max(0.0, math.log(full / small) / math.log(pilot.full.objects / pilot.small.objects)))


def _query(pilot: Pilot, objects: int) -> Estimate:
    small, full = pilot.small, pilot.full
    index, rest = pilot.query.index, pilot.query.rest
    basis = f"{index:.1f} ms of the {_in_memory(pilot)} and {rest:.1f} ms of the rest with {full.objects:,} descriptors"
    if objects > full.objects:
        times = objects / full.objects
        before, after = pilot.few_small, pilot.few_full
        powers = _power(pilot, before.index, after.index), _power(pilot, before.rest, after.rest)
        index *= times ** powers[0]
        # What is read lies further and further apart on the disk, until each is read by itself.
        rest *= min(times ** powers[1], max(1.0, pilot.refined / max(pilot.reads, 1.0)))
        basis += (
            f"; from {small.objects:,} on they grew with the {powers[0]:.2f}th and {powers[1]:.2f}th power of the number (with few "
            f"candidates, as they are among many objects), which is carried on to {index:.1f} and {rest:.1f} ms"
        )
    return Estimate(index + rest, basis)


def _cold_query(pilot: Pilot, objects: int) -> Estimate | None:
    if pilot.cold is None:
        return None
    more = _query(pilot, objects).value - pilot.query.index - pilot.query.rest
    basis = f"{pilot.reads:,.0f} reads a query with {pilot.full.objects:,} descriptors, on the disk of this trial"
    return Estimate(pilot.cold + more, basis)
