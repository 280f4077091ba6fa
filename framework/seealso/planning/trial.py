"""The trials that a plan rests on: images taken in for some seconds, and a pilot collection of descriptors like theirs."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seealso.catalogue.writer import create_catalog
from seealso.collection import Collection
from seealso.collection.parts.creation import exists
from seealso.collection.parts.growth import suited
from seealso.collection.upkeep.leaving import empty_store
from seealso.collection.upkeep.maintain import bytes_below
from seealso.errors import QueryError, SeealsoError
from seealso.imported.extractor import Imported
from seealso.interfaces.answer import Times
from seealso.interfaces.plugin import PluginChoice
from seealso.layout import INDEX, SKETCH, STORE
from seealso.planning.sample import PlanSample
from seealso.registry.kinds import CHOSEN, EXTRACTOR, KINDS
from seealso.registry.kinds import SKETCH as SKETCHES

log = logging.getLogger("seealso")

LARGEST_PILOT = 50_000
PILOT_BYTES = 1 << 28
SPREAD = 0.5
WARM_UP, QUERIES, COLD_QUERIES = 5, 40, 10
NEIGHBOURS = 10
FEW = 8
"""Among many objects the candidates are a small share of all, and an index looks at a small part of itself. In a pilot it may have to go
through everything for as many. So growth is measured with an eighth of them."""
NAME = "plan"
"""What the collections of a trial are called, so that a plugin that watches can tell them from others."""
TRIAL, PILOT, QUARTER = "trial", "pilot", "quarter"
"""Their folders."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What became known by taking images in.

    Attributes:
        start: seconds before the first image is done.
        each: seconds an image; of descriptors, none.
        share: objects for each file.
        beside: bytes an object that are neither of the store nor of the index nor of the sketch.
        descriptors: ``(n, dim)``.
        parts: the parts, at the place where it was done.
        query: an image that was taken in; empty where there is none.
        told: what was done, in words.
        unusable: images that could not be taken in, a line each.
    """

    start: float
    each: float
    share: float
    beside: float
    descriptors: np.ndarray
    parts: Collection
    query: bytes
    told: str
    unusable: tuple[str, ...] = ()


def take_in(collection: Collection, sample: PlanSample, folder: Path, seconds: float) -> Trial:
    """Take images in for some seconds. Of what are descriptors already, nothing has to be tried.

    Raises:
        QueryError: not one can be taken in, or there are no images.
    """
    if sample.descriptors is not None:
        if collection.parts.chosen(EXTRACTOR).cls.takes_images:
            raise QueryError("there are no images to try it with")
        return Trial(0.0, 0.0, 1.0, 0.0, sample.descriptors, collection, b"", sample.told)
    # Without an index and a sketch: the pilot tells what these take.
    without = {"index": PluginChoice("exact"), SKETCHES.word: SKETCHES.without}
    parts = collection.variant(folder / TRIAL, name=NAME, **without)
    with parts as trial:
        batch = trial.parts.extractor.batch_size
        started = time.perf_counter()
        reports = [trial.index(sample.files[:batch])]
        begun = time.perf_counter()
        done = batch
        while done < len(sample.files) and time.perf_counter() - begun < seconds:
            # Large enough that what comes once a call does not count.
            reports.append(trial.index(sample.files[done : done + 8 * batch]))
            done += 8 * batch
        ended = time.perf_counter()
        files, later = sum(report.files for report in reports), sum(report.files for report in reports[1:])
        unusable = [line for report in reports for line in report.unusable]
        objects = trial.counts().objects
        if not objects:
            first = unusable[0] if unusable else "it is gone"
            raise QueryError(f"of {files:,} images that were tried not one can be taken in; the first: {first}")
        each = (ended - begun) / later if later else (begun - started) / max(files, 1)
        descriptors = trial.descriptors(np.random.default_rng(0).permutation(trial.ids())[:2000])
        query = trial.show(int(trial.ids()[0])).paths[0]
    start = begun - started - each * reports[0].files if later else 0.0
    beside = bytes_below(parts.path) - bytes_below(parts.path / STORE) - bytes_below(parts.path / INDEX)
    told = f"{later:,} images in {ended - begun:.1f} s" if later else f"{files:,} images in {begun - started:.1f} s"
    return Trial(
        max(start, 0.0), each, objects / files, (beside - _empty_catalogue(folder)) / objects, descriptors, parts,
        query, told, tuple(unusable),
    )  # fmt: skip


def _empty_catalogue(folder: Path) -> int:
    empty = folder / "empty"
    empty.mkdir()
    create_catalog(empty, {})
    return bytes_below(empty)


@dataclass(frozen=True, slots=True)
class QueryTimes:
    """Medians, in milliseconds.

    Attributes:
        index: of the index, and of the sketches: what is done in memory.
        rest: of the whole query, what is neither.
    """

    index: float
    rest: float


@dataclass(frozen=True, slots=True)
class PilotSize:
    """What was measured with so many descriptors.

    Attributes:
        objects: so many.
        indexing: seconds to build the index, and the sketches, of what the store holds.
        taking: seconds to take the descriptors in.
        disk: bytes by part: ``store``, ``index``, ``sketch`` where there is one, ``catalogue``.
        index_memory: bytes of the index, and of the sketches, in memory.
    """

    objects: int
    indexing: float
    taking: float
    disk: Mapping[str, int]
    index_memory: float


@dataclass(frozen=True, slots=True)
class Pilot:
    """A collection of descriptors like those of the sample, at a part of its size and in full.

    Attributes:
        small, full: what was measured.
        refined: how many descriptors a query reads and compares, at most: its candidates; where there are sketches, the best of them.
        query: of queries with as many, when the pilot is full.
        few_small, few_full: of queries with an eighth of them (`FEW`), at both sizes.
        cold: milliseconds of a query when nothing lies in the system's cache; None where it cannot be told to forget.
        reads: separate reads a query.
        memory: bytes that a process holds that has answered some queries, the extractor's network included.
    """

    small: PilotSize
    full: PilotSize
    refined: float
    query: QueryTimes
    few_small: QueryTimes
    few_full: QueryTimes
    cold: float | None
    reads: float
    memory: float


def pilot_of(trial: Trial, collection: Collection, folder: Path, objects: int, path_bytes: int) -> Pilot:
    """Fill a pilot collection with the parts of ``collection``, and measure it.

    Its descriptors are those of the trial by chance, each value made larger or smaller: so they are as far from one another as those are,
    and have zeros where those have some.
    """
    shape, dtype = trial.descriptors.shape, trial.descriptors.dtype
    full = min(objects, LARGEST_PILOT, PILOT_BYTES // (shape[1] * dtype.itemsize))
    file = folder / "pilot.npy"
    _write_descriptors(file, trial.descriptors, full)
    names = folder / "names.txt"
    width = max(8, path_bytes - len(os.fsencode(file)) - 1)
    names.write_text("".join(f"{number:0{width}}\n" for number in range(full)))
    changes: dict[str, Any] = {"extractor": Imported.choice(shape[1], dtype.name), "text": False, "keywords": []}
    for word, choice in parts_for(collection, objects, trial.descriptors).items():
        changes[word] = choice or KINDS[word].without
    with (
        collection.variant(folder / PILOT, name=NAME, **changes) as pilot,
        collection.variant(folder / QUARTER, name=NAME, **changes) as quarter,
    ):
        sizes = []
        for size in (max(1, full // 4), full):
            started = time.perf_counter()
            pilot.import_descriptors(file, names=names, limit=size, dtype=dtype.name)
            sizes.append(_filled(pilot, size, time.perf_counter() - started))
            if not quarter.exists():
                shutil.copytree(pilot.path, quarter.path)
        query, few_small, few_full = _times(quarter, pilot)
        cold, reads, read = _cold(pilot)
    memory = _memory_of_serving(trial, pilot)
    file.unlink()
    refined = read if SKETCH in sizes[1].disk else float(collection.settings.search.candidates)
    return Pilot(sizes[0], sizes[1], refined, query, few_small, few_full, cold, reads, memory)


def parts_for(collection: Collection, objects: int, descriptors: np.ndarray) -> dict[str, PluginChoice | None]:
    """What a collection of so many objects has of the kinds that its size chooses; None for none.

    Args:
        collection: one with the same parts.
        objects: how many.
        descriptors: some of them, ``(n, dim)``.
    """
    bytes_each = descriptors.shape[1] * descriptors.dtype.itemsize
    fitting = suited(collection.parts, objects, bytes_each)
    return {kind.word: None if chosen is None else chosen.as_choice() for kind, chosen in fitting.items()}


def give_up(folder: Path, parts: Collection) -> None:
    """Have the stores of the collections that a trial has made in a folder remove what they keep elsewhere.

    What cannot be removed is named in a warning.
    """
    # Not of the quarter: it is a copy of the pilot, and has the same store elsewhere.
    for path in (folder / TRIAL, folder / PILOT):
        try:
            if exists(path):
                empty_store(path, parts.parts)
        except (SeealsoError, OSError) as error:
            log.warning("what the store of a trial keeps elsewhere could not be removed: %s; remove it by hand", error)


def _write_descriptors(path: Path, sample: np.ndarray, count: int) -> None:
    random = np.random.default_rng(0)
    with path.open("wb") as file:
        form = np.lib.format.dtype_to_descr(sample.dtype)
        np.lib.format.write_array_header_1_0(
            file, {"descr": form, "fortran_order": False, "shape": (count, sample.shape[1])}
        )
        for start in range(0, count, 4096):
            chosen = sample[random.integers(0, len(sample), min(4096, count - start))]
            if sample.dtype.kind == "u":
                flipped = random.random((len(chosen), 8 * sample.shape[1])) < SPREAD / 8
                file.write((chosen ^ np.packbits(flipped, axis=1)).tobytes())
            else:
                factors = np.exp(random.normal(scale=SPREAD, size=chosen.shape))
                file.write((chosen * factors).astype(sample.dtype).tobytes())


def _filled(pilot: Collection, size: int, taking: float) -> PilotSize:
    started = time.perf_counter()
    pilot.rebuild()
    indexing = time.perf_counter() - started
    status = pilot.status()
    told = [status[part] for part in (INDEX, SKETCH) if part in status]
    memory = sum(float(part["bytes"]) for part in told if isinstance(part, dict) and "bytes" in part)
    pilot.close()
    disk = {part: bytes_below(pilot.path / part) for part in (STORE, INDEX, SKETCH) if (pilot.path / part).is_dir()}
    disk["catalogue"] = bytes_below(pilot.path) - sum(disk.values())
    return PilotSize(size, indexing, taking, disk, memory)


def _times(quarter: Collection, pilot: Collection) -> tuple[QueryTimes, QueryTimes, QueryTimes]:
    """Of queries as they are configured; and with few candidates, of a quarter of the pilot and of all.

    In turns, so that all meet the same machine, whatever else it does: it is their ratio that is carried on.
    """
    wanted = pilot.settings.search.candidates
    few = max(NEIGHBOURS, wanted // FEW)
    tried = [(pilot, wanted), (quarter, few), (pilot, few)]
    random = np.random.default_rng(0)
    asked = [random.choice(each.ids(), WARM_UP + QUERIES).tolist() for each, _ in tried]
    times: list[list[Times]] = [[] for _ in tried]
    for ids in zip(*asked, strict=True):
        for (each, candidates), id_, taken in zip(tried, ids, times, strict=True):
            taken.append(each.similar(id_, NEIGHBOURS, candidates=candidates, others=True).cost.ms)
    query, few_small, few_full = (_medians(taken[WARM_UP:]) for taken in times)
    return query, few_small, few_full


def _medians(times: Sequence[Times]) -> QueryTimes:
    index = float(np.median([each.candidates + each.sketch for each in times]))
    return QueryTimes(index, max(0.0, float(np.median([each.total for each in times])) - index))


def _cold(pilot: Collection) -> tuple[float | None, float, float]:
    """Of a query that reads all from the disk the milliseconds, the separate reads, and the descriptors that these are; the medians."""
    times, reads, refined = [], [], []
    for id_ in np.random.default_rng(1).choice(pilot.ids(), COLD_QUERIES).tolist():
        forgotten = _forget(pilot.path)
        cost = pilot.similar(id_, NEIGHBOURS).cost
        times.append(cost.ms.total)
        reads.append(cost.reads)
        refined.append(cost.refined)
    return (float(np.median(times)) if forgotten else None), float(np.median(reads)), float(np.median(refined))


def _forget(folder: Path) -> bool:
    """Make the operating system forget what is in the files of a folder; False where it cannot be told to."""
    if not hasattr(os, "posix_fadvise"):
        return False
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)
    return True


def _memory_of_serving(trial: Trial, pilot: Collection) -> float:
    """Bytes that a process of its own holds that has described an image, if there is one, and answered some queries.

    Raises:
        SeealsoError: it has failed.
    """
    asked = {
        "plugins": [str(file) for file in pilot.plugins.files],
        "collections": [
            {"path": str(each.path), **_settings(each)} for each in ([trial.parts, pilot] if trial.query else [pilot])
        ],
        "image": os.fsdecode(trial.query),
    }
    done = _serve(json.dumps(asked))
    if done.returncode:
        raise SeealsoError(f"the process that answers queries failed: {done.stderr.strip().splitlines()[-1:]}")
    return float(done.stdout)


def _serve(asked: str) -> subprocess.CompletedProcess[str]:
    """Run the process that answers queries, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "seealso.planning.serving"], input=asked, capture_output=True, text=True, check=False
    )


def _settings(collection: Collection) -> dict[str, object]:
    """As `seealso.open` takes them; with what is secret, for the process that opens it has to open the store, too."""
    chosen = {kind: choice.revealed() for kind, choice in collection.parts.choices().items()}
    without = {kind.word: kind.without for kind in CHOSEN if kind.optional}
    return {**without, **collection.choices(), **chosen}
