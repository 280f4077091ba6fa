"""Filling the collection of the seed's experiment: descriptors are made, compared with the queries and imported as they pass.

They are never written as float32. Whatever ends it, the next call goes on: what was committed stays, and what has passed the queries is kept.
"""

import resource
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import overload

import numpy as np
from activations import TOGETHER, Activations
from asking import tell
from report import peak_memory
from seed_record import COLLECTION, GENERATION, TAKING_IN, TRUTH, Record
from seed_truth import Passed
from ways import sketched

import seealso
from seealso.collection.intake.importing import Import
from seealso.collection.intake.vector_files import VectorFile
from seealso.imported.extractor import Imported

MADE_BY = "random weights"
SKETCH_BYTES = 40
BUILDING_BYTES = 4_000_000_000
"""The memory that the process may allocate that takes the descriptors in."""

KEPT_EACH = 20_000
"""Descriptors between two times that what has passed is kept."""

TOLD_EACH = 60
"""Seconds between two lines that say how far it is."""


def limit_memory(most: int) -> None:
    """What the process allocates is limited; more fails."""
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def opened(folder: Path, record: Record) -> seealso.Collection:
    """The collection of an experiment."""
    return seealso.open(
        folder / COLLECTION,
        distance="euclidean",
        text=False,
        keywords=[],
        store={"plugin": "flat-file", "codec": record.codec},
        **sketched(SKETCH_BYTES).settings,
    )


class Names(Sequence[str]):
    """What the descriptors from ``first`` on are called: their numbers."""

    def __init__(self, first: int, count: int) -> None:
        self._numbers = range(first, first + count)

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> list[str]: ...

    def __getitem__(self, place: int | slice) -> str | list[str]:
        found = self._numbers[place]
        return str(found) if isinstance(found, int) else [str(number) for number in found]


def number_of(hit: seealso.Hit) -> int:
    """The number of the descriptor that was found."""
    return int(hit.path.rpartition("#")[2])


class Rows(VectorFile):
    """The descriptors from ``first`` up to ``end``, made when they are read; they pass the queries then.

    Attributes:
        seconds: stage → what making and comparing took.
        waited: of these, the seconds that whoever made this waited for them himself.
    """

    def __init__(self, made: Activations, passed: Passed, first: int, end: int) -> None:
        super().__init__(Path("activations"))
        self.count, self.dim = end - first, made.dim
        self.seconds = {GENERATION: 0.0, TRUTH: 0.0}
        self.waited = 0.0
        self._made, self._passed, self._first = made, passed, first
        self._thread = threading.get_ident()

    def _rows(self, start: int, end: int) -> np.ndarray:
        began = time.perf_counter()
        first, last = self._first + start, self._first + end
        descriptors = self._made.rows(first, last)
        made = time.perf_counter()
        if last > self._passed.rows:
            # As many at once as are made at once: a product of few rows takes nearly as long.
            ahead = min(self._first + self.count, -(-last // TOGETHER) * TOGETHER)
            self._passed.offer(self._passed.rows, self._made.rows(self._passed.rows, ahead))
        ended = time.perf_counter()
        self.seconds[GENERATION] += made - began
        self.seconds[TRUTH] += ended - made
        if threading.get_ident() == self._thread:
            self.waited += ended - began
        return descriptors


class Filling:
    """Notes what taking in some descriptors has done so far, in the folder of the experiment.

    Args:
        folder: of the experiment.
        record: of it.
        passed: what has passed the queries.
        rows: what is imported.
        first: the number of the first of them.
    """

    def __init__(self, folder: Path, record: Record, passed: Passed, rows: Rows, first: int) -> None:
        self._folder, self._record, self._passed, self._rows = folder, record, passed, rows
        self._first = self._noted = first
        self._began = self._since = self._told = time.perf_counter()
        self._before = {GENERATION: 0.0, TRUTH: 0.0, "waited": 0.0}

    def progress(self, done: int, count: int) -> None:
        """So many of the descriptors are imported."""
        if self._first + done - self._noted >= KEPT_EACH or done == count:
            self.note(done)
        now = time.perf_counter()
        if now - self._told >= TOLD_EACH or done == count:
            self._told = now
            left = (count - done) * (now - self._began) / max(1, done)
            tell(f"{self._first + done:,} descriptors are imported; about {left / 60:,.0f} minutes more")

    def note(self, done: int) -> None:
        """Keep what has passed, and what it took since the last time."""
        now = time.perf_counter()
        spent = {**self._rows.seconds, "waited": self._rows.waited}
        since = {name: spent[name] - self._before[name] for name in spent}
        for stage in (GENERATION, TRUTH):
            self._record.spend(stage, since[stage])
        self._record.spend(TAKING_IN, now - self._since - since["waited"])
        self._record.rows += self._first + done - self._noted
        self._record.held(TAKING_IN, peak_memory())
        self._before, self._since, self._noted = spent, now, self._first + done
        self._passed.save()
        self._record.save(self._folder)


def fill(folder: Path, size: int) -> None:
    """Take in what is missing of the first ``size`` descriptors, index and sketch included, in a process that does nothing else.

    Raises:
        SystemExit: there are more already.
        SeealsoError: the collection cannot be written; it goes on when that is mended.
    """
    limit_memory(BUILDING_BYTES)
    record = Record.of(folder)
    assert record is not None
    made = Activations(record.dim, record.latent)
    passed = Passed(folder, made.held_out(record.queries))
    with opened(folder, record) as collection:
        there = collection.counts().objects if collection.exists() else 0
        furthest = max(there, passed.rows)
        if furthest > size:
            raise SystemExit(
                f"{folder}: {furthest:,} descriptors are there; say --size {furthest} or more, or name another folder"
            )
        for first in range(passed.rows, there, KEPT_EACH):
            # Whatever ended the run before came between taking in and keeping.
            passed.offer(first, made.rows(first, min(there, first + KEPT_EACH)))
            passed.save()
        rows = Rows(made, passed, there, size)
        filling = Filling(folder, record, passed, rows, there)
        choice = Imported.choice(record.dim, "float32", MADE_BY)
        # Also where nothing is missing: whatever is derived catches up.
        with collection._as_imported(choice) as taking, taking._writing() as (parts, writer):
            taking.parts.check_provenance(parts.provenance)
            intake = Import(parts, writer, taking.plugins, taking.name)
            intake.run(rows, b"/activations", Names(there, rows.count), rows.count, filling.progress)
        filling.note(rows.count)
