"""Descriptors that somebody already has: into a collection, without images, and out of one."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seealso.catalogue.forgotten import forgotten_hashes, has_forgotten
from seealso.catalogue.rows import FileState, Location, ObjectRow
from seealso.catalogue.writer import CatalogWriter, IdReserve
from seealso.collection.intake.ingest import IngestedBatch
from seealso.collection.intake.vector_files import VectorFile, load_array
from seealso.collection.parts.opened import Opened
from seealso.errors import FileError
from seealso.paths import unreadable
from seealso.registry.registry import Plugins

STATE = FileState(b"imported", 0)
"""That of every location: there is no file to look at again."""

LONGEST_NAME = 1000

LARGE = 1e15
"""Only values beyond this may make a distance that float32 does not hold: the squares of a million smaller ones add up to less."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did: how many descriptors there were, how many were new, and the seconds it took."""

    descriptors: int
    added: int
    seconds: float


def read_names(path: Path, count: int) -> list[str]:
    """The names of descriptors, in their order: a text file with one a line, or a ``.npy`` array of numbers or text.

    Raises:
        FileError: they cannot be read, are not as many, or not distinct.
    """
    try:
        if path.suffix.lower() == ".npy":
            if reason := unreadable(path):
                raise FileError(f"{path}: {reason}")
            names = [str(name) for name in load_array(path).reshape(-1)[: count + 1].tolist()]
        else:
            with path.open(encoding="utf-8") as file:
                # No line is read further than it takes to see that it is no name.
                lines = iter(lambda: file.readline(LONGEST_NAME + 3), "")
                names = [line.rstrip("\r\n") for _, line in zip(range(count + 1), lines, strict=False)]
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise FileError(f"{path}: no names: {' '.join(str(error).split())}") from None
    wrong = next((name for name in names if not name or len(name) > LONGEST_NAME or "\0" in name), None)
    if wrong is not None:
        raise FileError(f"{path}: {wrong[:60]!r} is no name: 1 to {LONGEST_NAME} characters")
    if len(names) != count:
        found = f"more than {count:,}" if len(names) > count else f"{len(names):,}"
        raise FileError(f"{path}: there are {found} names, and {count:,} descriptors")
    if len(set(names)) != count:
        seen: set[str] = set()
        twice = next(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise FileError(f"{path}: the name {twice!r} stands twice")
    return names


def hash_of(place: bytes) -> bytes:
    """What stands for the content of a descriptor. Two of the same values are two objects: what they are of, nobody knows."""
    return hashlib.sha256(b"seealso imported\0" + place).digest()


def location_of(file: bytes, name: str) -> bytes:
    """The place of a descriptor: its file, and its name in it."""
    return file + b"#" + name.encode("utf-8", "surrogateescape")


class Import:
    """Takes the descriptors of a file in, part by part; what was committed stays, and is passed over the next time.

    Args:
        opened: the collection.
        writer: of its catalogue.
        plugins: told of what was committed (the hook ``ingested``).
        name: the collection's.
    """

    def __init__(self, opened: Opened, writer: CatalogWriter, plugins: Plugins, name: str) -> None:
        self._opened = opened
        self._writer = writer
        self._plugins = plugins
        self._name = name
        self._reserve = IdReserve(writer)

    def run(
        self,
        vectors: VectorFile,
        file: bytes,
        names: Sequence[str] | None,
        count: int,
        progress: Callable[[int, int], None],
    ) -> ImportReport:
        """Take in the first ``count`` descriptors of a file.

        Raises:
            FileError: values of one are not finite, or so large that distances are not; the parts of the file before it are imported.
        """
        started, added, forgetful = time.monotonic(), 0, has_forgotten(self._writer)
        for start in range(0, count, vectors.part):
            end = min(start + vectors.part, count)
            paths = [location_of(file, names[row] if names is not None else str(row)) for row in range(start, end)]
            known = self._writer.objects_at(paths)
            new = [place for place, path in enumerate(paths) if path not in known]
            if forgetful:
                out = forgotten_hashes(self._writer, [hash_of(paths[place]) for place in new])
                new = [place for place in new if hash_of(paths[place]) not in out]
            if new:
                rows = vectors.rows(start, end)[new]
                descriptors = self._converted(rows, vectors.path, [start + place for place in new])
                self._commit(descriptors, [paths[place] for place in new])
                added += len(new)
            progress(end, count)
        self._reserve.give_back()
        return ImportReport(count, added, time.monotonic() - started)

    def _converted(self, rows: np.ndarray, file: Path, numbers: Sequence[int]) -> np.ndarray:
        """Rows of a file as the collection's descriptors."""
        dtype = np.dtype(self._opened.provenance.dtype)
        if dtype.kind == "u" and not np.array_equal(rows, rows.astype(dtype)):
            raise FileError(
                f"{file}: there are values that {dtype.name} does not hold; import it with `--dtype float32`"
            )
        with np.errstate(over="ignore"):
            descriptors = np.ascontiguousarray(rows.astype(dtype))
        if dtype.kind == "f":
            self._check(descriptors, file, numbers)
        return descriptors

    def _check(self, descriptors: np.ndarray, file: Path, numbers: Sequence[int]) -> None:
        """Refuse what is no finite number, and what is so large that distances from it would be none."""
        # What is not a number stays so in both.
        largest = np.maximum(descriptors.max(axis=1), -descriptors.min(axis=1))
        wrong = np.flatnonzero(~np.isfinite(largest))
        if wrong.size:
            row = int(wrong[0])
            column = int(np.flatnonzero(~np.isfinite(descriptors[row]))[0])
            raise FileError(
                f"{file}, row {numbers[row]}, column {column}: a value that is not a finite number, or too large for "
                f"{descriptors.dtype.name}"
            )
        for row in np.flatnonzero(largest.astype(np.float64) > LARGE).tolist():
            descriptor = descriptors[row]
            # Nothing whose values are as large is further away.
            furthest = self._opened.distance.one_to_many(descriptor, np.stack([-descriptor, np.zeros_like(descriptor)]))
            if not np.isfinite(furthest).all():
                column = int(np.abs(descriptor).argmax())
                raise FileError(
                    f"{file}, row {numbers[row]}, column {column}: {descriptor[column]:g} is so large that the distance "
                    f"{self._opened.distance.name} is no finite number; scale the descriptors, or take the distance cosine"
                )

    def _commit(self, descriptors: np.ndarray, paths: list[bytes]) -> None:
        ids = self._reserve.take(len(paths))
        self._opened.store.put_many(ids, descriptors)
        self._opened.store.flush()
        size = descriptors[0].nbytes
        hashes = [hash_of(path) for path in paths]
        objects = [ObjectRow(int(id_), digest, 0, 0, size) for id_, digest in zip(ids, hashes, strict=True)]
        locations = [Location(path, int(id_), STATE) for path, id_ in zip(paths, ids, strict=True)]
        change = self._writer.commit(objects, locations, [])
        self._opened.committed(change, ids, descriptors)
        batch = IngestedBatch(ids, descriptors, tuple(paths), change)
        self._plugins.observe("ingested", collection=self._name, batch=batch)
