"""What the seed's experiment will take before it begins: room on the disk with each codec, and time; and what fits."""

import shutil
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from activations import Activations
from asking import tell
from nearest import Nearest
from seed_fill import opened
from seed_record import TAKING_IN, Record
from seed_truth import NEIGHBOURS

import seealso

CODECS = ("sparse", "sparse-f16", "sparse-u8")
"""Those that suit such descriptors, the most exact first."""

SAMPLE = 256  # descriptors that are encoded to see

IN_STORE = 24 + 4 + 16
"""Bytes of an object beside its record's content, in the store flat-file: header, padding, place."""

CATALOGUE = 230
"""Bytes of an object in the catalogue."""

DERIVED = 2 * 70
"""Bytes of an object in index and sketch: twice, for a snapshot is written beside the one before it."""

FIXED = 300_000_000
"""Bytes beside those of the objects, at most: pivots, landmarks, the catalogue's log."""

TAKING_IN_RATE = 2500
"""Descriptors a second, index and sketch included, on two cores; until there is a rate of this very experiment."""

TRIAL = 2048  # descriptors that are made and compared to see how long that takes


@dataclass(frozen=True)
class Need:
    """What descriptors take on the disk with a codec.

    Attributes:
        codec: its name.
        record: bytes of a descriptor as it writes it, the mean.
    """

    codec: str
    record: float

    @property
    def each(self) -> float:
        """Bytes of an object, all included."""
        return self.record + IN_STORE + CATALOGUE + DERIVED

    def room(self, rows: int) -> float:
        """Bytes for so many descriptors more."""
        return FIXED + rows * self.each if rows else 0

    def fitting(self, free: int) -> int:
        """How many descriptors find room in so many bytes; a round number."""
        rows = max(0, int((free - FIXED) / self.each))
        step = 10 ** max(0, len(str(rows)) - 3)
        return rows // step * step


def needs(made: Activations) -> list[Need]:
    """What each codec that is installed would need, the most exact first."""
    sample = made.rows(0, SAMPLE)
    classes = seealso.load_plugins().classes("codec")
    found = []
    for name in CODECS:
        if name in classes:
            codec = classes[name](classes[name].Options(), seealso.CodecContext(made.dim, sample.dtype))
            found.append(Need(name, sum(map(len, codec.encode(sample))) / len(sample)))
    return found


def chosen(folder: Path, offered: list[Need], missing: int, there: int, free: int) -> Need:
    """The first of some codecs with which the descriptors that are missing find room.

    Args:
        folder: of the experiment.
        offered: the codecs, the most exact first.
        missing: descriptors that are to be imported.
        there: descriptors that are there already.
        free: bytes that are free on the disk.

    Raises:
        SystemExit: it fits with none; says which size would.
    """
    for need in offered:
        if need.room(missing) <= free:
            return need
    last = offered[-1]
    fitting = there + last.fitting(free)
    advice = f"--size {fitting} would fit" if fitting else "make room, or name a folder on another disk"
    raise SystemExit(
        f"{folder}: {missing:,} descriptors more need {last.room(missing) / 1e9:,.1f} GB with the codec {last.codec}, and "
        f"{free / 1e9:,.1f} GB are free; {advice}"
    )


def free_below(folder: Path) -> int:
    """Bytes that are free for a folder that may not be there yet."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
    return shutil.disk_usage(there).free


def planned(folder: Path, made: Activations, record: Record | None, size: int, queries: int, codec: str) -> Need:
    """Say what the experiment will take, and choose the codec.

    Args:
        folder: of the experiment.
        made: makes its descriptors.
        record: of what was done there; None: nothing yet.
        size: how many descriptors are wanted.
        queries: how many are held out.
        codec: the one that is wanted; empty: the most exact that fits.

    Raises:
        SystemExit: it does not fit, or the codec is none of these.
    """
    offered = needs(made)
    wanted = codec if record is None else record.codec
    if wanted:
        names = ", ".join(need.codec for need in offered)
        offered = [need for need in offered if need.codec == wanted]
        if not offered:
            raise SystemExit(f"--codec {wanted}: there is no such codec here; there are: {names}")
    there = taken_in(folder, record)
    free, missing = free_below(folder), max(0, size - there)
    need = chosen(folder, offered, missing, there, free)
    tell(f"{size:,} descriptors of {made.dim:,} values, {there:,} of them are there; the codec {need.codec}")
    tell(
        f"on the disk: {need.room(missing) / 1e9:,.1f} GB more, {need.each:,.0f} bytes an object; {free / 1e9:,.1f} GB are free"
    )
    tell(
        f"time: {', '.join(f'{stage} about {minutes:,.0f} minutes' for stage, minutes in times(made, record, missing, queries))}"
    )
    return need


def taken_in(folder: Path, record: Record | None) -> int:
    """How many descriptors an experiment has imported."""
    if record is None:
        return 0
    with opened(folder, record) as collection:
        return collection.counts().objects if collection.exists() else 0


def times(made: Activations, record: Record | None, missing: int, queries: int) -> list[tuple[str, float]]:
    """Minutes of the stages for the descriptors that are missing, about."""
    if not missing:
        return [("asking", 5)]
    made.rows(0, TRIAL)
    marks = [time.perf_counter()]
    rows = made.rows(TRIAL, 2 * TRIAL)
    marks.append(time.perf_counter())
    nearest = Nearest(made.held_out(queries), NEIGHBOURS)
    nearest.offer(0, rows)
    marks.append(time.perf_counter())
    nearest.offer(TRIAL, rows)
    marks.append(time.perf_counter())
    generation, _, truth = (after - before for before, after in pairwise(marks))
    rate = record.rows / record.seconds[TAKING_IN] if record is not None and record.rows else TAKING_IN_RATE
    return [
        ("generation", missing * generation / TRIAL / 60),
        ("truth", missing * truth / TRIAL / 60),
        ("taking in with index and sketch", missing / rate / 60),
        ("asking", 5),
    ]
