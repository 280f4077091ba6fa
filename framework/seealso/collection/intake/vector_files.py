"""Files of descriptors that were made elsewhere, read and written in parts: .npy, .fvecs, .bvecs, .h5, .parquet.

Nothing in them is ever unpickled. Sizes that a file states are held against its length before anything is read.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np

from seealso.errors import FileError, MissingExtra, SeealsoError
from seealso.messages import reason_of
from seealso.paths import unreadable

PART_BYTES = 1 << 24
LARGEST_DIM = 1 << 20
VECS = {".fvecs": np.dtype("<f4"), ".bvecs": np.dtype("u1")}
"""The forms of the TEXMEX data sets: every vector behind its length, int32."""

NUMPY, HDF5, PARQUET = (".npy",), (".h5", ".hdf5"), (".parquet",)
SUFFIXES = (*NUMPY, *VECS, *HDF5, *PARQUET)


class VectorFile(ABC):
    """Descriptors in a file: ``count`` of them, of ``dim`` values. Close it, or use it in a ``with`` statement."""

    count: int
    dim: int

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cleanup = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cleanup.close()

    @property
    def part(self) -> int:
        """How many are read at once."""
        return max(1, min(8192, PART_BYTES // (8 * self.dim)))

    def rows(self, start: int, end: int) -> np.ndarray:
        """Some of them, ``(end - start, dim)``, of the type that the file has; asked for from the first to the last, in order.

        Raises:
            FileError: they are damaged, or cannot be read.
        """
        with _damage_told(self.path):
            return self._rows(start, end)

    @abstractmethod
    def _rows(self, start: int, end: int) -> np.ndarray:
        """Some of them; it may raise what the library raises that reads the file."""

    def check(self) -> None:
        """Refuse what are no descriptors.

        Raises:
            FileError: says why.
        """
        if self.count < 1:
            raise FileError(f"{self.path}: there is no descriptor in it")
        if not 1 <= self.dim <= LARGEST_DIM:
            raise FileError(
                f"{self.path}: a descriptor in it has {self.dim:,} values; 1 to {LARGEST_DIM:,} are allowed"
            )


def open_vectors(path: Path, dataset: str = "") -> VectorFile:
    """Open a file of descriptors; its suffix says what it is.

    Args:
        path: the file.
        dataset: the data set of an HDF5 file, or the column of a Parquet file; by default the only one that will do.

    Raises:
        FileError: it cannot be read, or is none.
        MissingExtra: what reads it is not installed.
    """
    kinds: dict[str, Callable[[], VectorFile]] = {
        **dict.fromkeys(NUMPY, lambda: NumpyFile(path)),
        **dict.fromkeys(VECS, lambda: VecsFile(path)),
        **dict.fromkeys(HDF5, lambda: Hdf5File(path, dataset)),
        **dict.fromkeys(PARQUET, lambda: ParquetFile(path, dataset)),
    }
    suffix = path.suffix.lower()
    if suffix not in kinds:
        raise FileError(f"{path}: descriptors are read from {', '.join(SUFFIXES)}; convert it to one of them")
    if reason := unreadable(path):
        raise FileError(f"{path}: {reason}")
    with _damage_told(path):
        found = kinds[suffix]()
        found.check()
    return found


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    """Turn whatever the libraries raise over a damaged file into an error of ours: each has its own, and none lists them.

    Raises:
        FileError: says what they say.
    """
    try:
        yield
    except SeealsoError:
        raise
    except Exception as error:
        raise FileError(f"{path}: it cannot be read: {getattr(error, 'strerror', None) or reason_of(error)}") from None


def load_array(path: Path) -> np.ndarray:
    """The array of a ``.npy`` file, mapped.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no such file; the message says why.
    """
    try:
        # The head is read as Python: over a damaged one the parser may raise anything, or warn of what is odd in it.
        with warnings.catch_warnings(action="ignore"):
            array = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError:
        raise
    except Exception as error:
        # numpy advises to load what it takes for a pickle all the same.
        raise ValueError("it is no .npy file" if "pickle" in str(error) else reason_of(error)) from None
    if not isinstance(array, np.ndarray):
        raise ValueError("it is no .npy file")
    return array


class NumpyFile(VectorFile):
    """An array ``(n, dim)``, as ``numpy.save`` writes it; mapped."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            array = load_array(path)
        except ValueError as error:
            raise FileError(f"{path}: no array that can be read: {error}") from None
        if array.ndim != 2 or array.dtype.kind not in "fiub":
            raise FileError(f"{path}: descriptors have to be numbers of shape (n, dim), not of shape {array.shape}")
        self._array = array
        self.count, self.dim = array.shape

    def _rows(self, start: int, end: int) -> np.ndarray:
        """From the map."""
        return np.asarray(self._array[start:end])


class VecsFile(VectorFile):
    """Vectors one after the other, each behind its length."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        values = VECS[path.suffix.lower()]
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(4)
        self.dim = int.from_bytes(head, "little") if len(head) == 4 else 0
        self.count = 0
        if 1 <= self.dim <= LARGEST_DIM:
            record = np.dtype([("dim", "<i4"), ("values", values, (self.dim,))])
            if size % record.itemsize:
                raise FileError(
                    f"{path}: {size:,} bytes are no whole number of vectors of {self.dim} values; it is cut short, or none"
                )
            self.count = size // record.itemsize
            self._records = np.memmap(path, record, "r")

    def _rows(self, start: int, end: int) -> np.ndarray:
        """From the map; every length has to be that of the first."""
        records = self._records[start:end]
        wrong = np.flatnonzero(records["dim"] != self.dim)
        if wrong.size:
            row = start + int(wrong[0])
            raise FileError(
                f"{self.path}, row {row}: it has {records['dim'][wrong[0]]} values, and the first has {self.dim}"
            )
        return np.asarray(records["values"])


class Hdf5File(VectorFile):
    """A data set of two dimensions."""

    def __init__(self, path: Path, dataset: str) -> None:
        super().__init__(path)
        try:
            import h5py
        except ImportError:
            raise MissingExtra(f"{path}: reading HDF5 needs h5py", "seealso[hdf5]") from None
        file = self.cleanup.enter_context(h5py.File(path, "r"))
        sets = {
            name: each
            for name, each in file.items()
            if isinstance(each, h5py.Dataset) and each.ndim == 2 and each.dtype.kind in "fiub"
        }
        if dataset not in sets and (dataset or len(sets) != 1):
            named = ", ".join(sets) or "none"
            raise FileError(f"{path}: name the data set that holds the descriptors; there are: {named}")
        self._dataset: Any = sets[dataset] if dataset else next(iter(sets.values()))
        self.count, self.dim = self._dataset.shape

    def _rows(self, start: int, end: int) -> np.ndarray:
        """From the file."""
        found: np.ndarray = self._dataset[start:end]
        return found


class ParquetFile(VectorFile):
    """A column of lists of equal length."""

    def __init__(self, path: Path, column: str) -> None:
        super().__init__(path)
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise MissingExtra(f"{path}: reading Parquet needs pyarrow", "seealso[parquet]") from None
        try:
            self._file = self.cleanup.enter_context(pyarrow.parquet.ParquetFile(path))
            schema = self._file.schema_arrow
        except pyarrow.ArrowException as error:
            raise FileError(f"{path}: no Parquet file: {' '.join(str(error).split())}") from None
        lists = [
            field.name
            for field in schema
            if pyarrow.types.is_list(field.type)
            or pyarrow.types.is_large_list(field.type)
            or pyarrow.types.is_fixed_size_list(field.type)
        ]
        if column not in lists and (column or len(lists) != 1):
            raise FileError(
                f"{path}: name the column that holds the descriptors; of lists there are: {', '.join(lists) or 'none'}"
            )
        self._column = column or lists[0]
        self.count = self._file.metadata.num_rows
        first = next(self._file.iter_batches(1, columns=[self._column]), None)
        self.dim = len(first.column(0)[0].as_py() or ()) if first is not None and len(first) else 0
        self._next = 0
        self._parts: Iterator[np.ndarray] = iter(())
        self._rest = np.empty((0, self.dim))

    def _rows(self, start: int, end: int) -> np.ndarray:
        """One batch after the other."""
        if start == 0 or start != self._next:
            self._parts, self._rest, self._next = self._read(), np.empty((0, self.dim)), 0
        while self._next < start:
            self._take(min(self.part, start - self._next))
        return self._take(end - start)

    def _take(self, count: int) -> np.ndarray:
        while len(self._rest) < count:
            following = next(self._parts, None)
            if following is None:
                raise FileError(
                    f"{self.path}: it ends before the {self.count:,} rows that it should have; it is damaged"
                )
            self._rest = np.concatenate([self._rest, following])
        taken, self._rest = self._rest[:count], self._rest[count:]
        self._next += count
        return taken

    def _read(self) -> Iterator[np.ndarray]:
        row = 0
        for batch in self._file.iter_batches(self.part, columns=[self._column]):
            column = batch.column(0)
            values = column.flatten().to_numpy(zero_copy_only=False)
            lengths = (
                column.value_lengths().to_numpy(zero_copy_only=False)
                if hasattr(column, "value_lengths")
                else np.full(len(column), self.dim)
            )
            wrong = np.flatnonzero(~(lengths == self.dim))
            if wrong.size or values.size != len(column) * self.dim or values.dtype.kind not in "fiu":
                place = row + int(wrong[0]) if wrong.size else row
                raise FileError(f"{self.path}, row {place}: it is no list of {self.dim} numbers, as the first is")
            row += len(column)
            yield values.reshape(-1, self.dim)
