"""Descriptors out of a collection, for whoever works on with them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

import numpy as np

from seealso.collection.intake.vector_files import HDF5, NUMPY, PARQUET
from seealso.durability import writing_to
from seealso.errors import FileError, MissingExtra, QueryError
from seealso.paths import shown_path

if TYPE_CHECKING:
    from seealso.interfaces.extractor import Provenance
    from seealso.interfaces.records import ObjectRecord

SUFFIXES = (*NUMPY, *HDF5, *PARQUET)
PART_BYTES = 1 << 24

Part = tuple[np.ndarray, np.ndarray, list[str]]
"""IDs ``(n,)``, descriptors ``(n, dim)``, and the first path of each, as it is shown."""


class Exported(Protocol):
    """What is written out: a `Collection` is one."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def provenance(self) -> Provenance:
        """What made the descriptors."""

    def ids(self) -> np.ndarray:
        """The IDs of all objects, int64, ascending."""

    def records(self, ids: Sequence[int]) -> dict[int, ObjectRecord]:
        """Those of ``ids`` that are objects."""

    def descriptors(self, ids: np.ndarray) -> np.ndarray:
        """The descriptors ``(n, dim)`` of objects."""


def export(
    collection: Exported,
    file: Path,
    *,
    force: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Write all descriptors of a collection, by ID, and what they belong to.

    ``.npy``: the descriptors ``(n, dim)``; beside it ``NAME.ids.npy``, int64 ``(n,)``, and ``NAME.paths.txt``, a path a line. ``.h5``: the
    data sets ``descriptors``, ``ids`` and ``paths``. ``.parquet``: the columns ``id``, ``path`` and ``descriptor``. Memory is bounded;
    the files are written under other names first, and then renamed.

    Args:
        collection: what is exported.
        file: the file to write.
        force: replace what is there.
        progress: told how many were written, and of how many.

    Returns:
        How many descriptors were written.

    Raises:
        FileError: the suffix is another, the file is there, or it cannot be written.
        DiskFull: no space is left for it.
        MissingExtra: what writes it is not installed.
        QueryError: the collection is empty.
    """
    suffix = file.suffix.lower()
    if suffix not in SUFFIXES:
        raise FileError(f"{file}: descriptors are written to {', '.join(SUFFIXES)}; name the file so")
    ids = collection.ids()
    if not ids.size:
        raise QueryError(f"the collection {collection.name} is empty; there is nothing to export")
    targets = [file]
    if suffix in NUMPY:
        targets += [file.with_suffix(".ids.npy"), file.with_suffix(".paths.txt")]
    there = [target for target in targets if target.exists()]
    if there and not force:
        raise FileError(f"{there[0]}: it is there already; `--force` replaces it")
    new = [target.with_name(f".{target.stem}.new{target.suffix}") for target in targets]
    write = _write_numpy if suffix in NUMPY else _write_hdf5 if suffix in HDF5 else _write_parquet
    try:
        with writing_to(file):
            write(new, collection, _parts(collection, ids, progress), int(ids.size))
            for path, target in zip(new, targets, strict=True):
                os.replace(path, target)
    finally:
        for path in new:
            path.unlink(missing_ok=True)
    return int(ids.size)


def _parts(collection: Exported, ids: np.ndarray, progress: Callable[[int, int], None]) -> Iterator[Part]:
    provenance = collection.provenance
    step = max(1, min(8192, PART_BYTES // (np.dtype(provenance.dtype).itemsize * provenance.dim)))
    for start in range(0, ids.size, step):
        part = ids[start : start + step]
        records = collection.records(part.tolist())
        paths = [
            shown_path(records[id_].paths[0]) if id_ in records and records[id_].paths else "" for id_ in part.tolist()
        ]
        yield part, collection.descriptors(part), paths
        progress(int(min(start + step, ids.size)), int(ids.size))


def _write_numpy(files: list[Path], collection: Exported, parts: Iterator[Part], count: int) -> None:
    provenance = collection.provenance
    # Not by a mapping of the file: on a full disk that ends the process.
    with files[0].open("wb") as vectors, files[1].open("wb") as ids, files[2].open("w", encoding="utf-8") as paths:
        _begin_numpy(vectors, np.dtype(provenance.dtype), (count, provenance.dim))
        _begin_numpy(ids, np.dtype(np.int64), (count,))
        for part, descriptors, named in parts:
            vectors.write(np.ascontiguousarray(descriptors, provenance.dtype).tobytes())
            ids.write(part.astype(np.int64).tobytes())
            paths.writelines(f"{name}\n" for name in named)


def _begin_numpy(file: IO[bytes], dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    """Write the head of a .npy file; the values come behind it."""
    head = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, head)


def _write_hdf5(files: list[Path], collection: Exported, parts: Iterator[Part], count: int) -> None:
    try:
        import h5py
    except ImportError:
        raise MissingExtra("writing HDF5 needs h5py", "seealso[hdf5]") from None
    provenance = collection.provenance
    with h5py.File(files[0], "w") as file:
        vectors = file.create_dataset("descriptors", (count, provenance.dim), provenance.dtype)
        ids = file.create_dataset("ids", (count,), "int64")
        paths = file.create_dataset("paths", (count,), h5py.string_dtype())
        done = 0
        for part, descriptors, named in parts:
            here = slice(done, done + part.size)
            vectors[here], ids[here], paths[here] = descriptors, part, named
            done += part.size


def _write_parquet(files: list[Path], collection: Exported, parts: Iterator[Part], count: int) -> None:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtra("writing Parquet needs pyarrow", "seealso[parquet]") from None
    provenance = collection.provenance
    values = pyarrow.from_numpy_dtype(np.dtype(provenance.dtype))
    schema = pyarrow.schema(
        [("id", pyarrow.int64()), ("path", pyarrow.string()), ("descriptor", pyarrow.list_(values, provenance.dim))]
    )
    with pyarrow.parquet.ParquetWriter(files[0], schema) as writer:
        for part, descriptors, named in parts:
            flat = pyarrow.array(np.ascontiguousarray(descriptors).reshape(-1), values)
            column = pyarrow.FixedSizeListArray.from_arrays(flat, provenance.dim)
            writer.write_batch(pyarrow.record_batch([pyarrow.array(part), pyarrow.array(named), column], schema=schema))
