"""The object store: ID → descriptor, on disk."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from seealso.interfaces.codec import Codec, Record
from seealso.interfaces.distance import Distance
from seealso.interfaces.plugin import Plugin, PluginChoice, PluginOptions


@dataclass(frozen=True, slots=True)
class StoreContext:
    """What the framework lends an object store.

    Attributes:
        directory: the folder that is the store's own; it exists, unless the disk is read-only.
        dim: the number of values in a descriptor.
        dtype: their type.
        read_only: nothing may be written.
        codec: makes the codec that a configuration chooses, for these descriptors.
        choose_codec: the codec that suits a sample of them ``(n, dim)``, where the configuration chooses none.
    """

    directory: Path
    dim: int
    dtype: np.dtype
    read_only: bool
    codec: Callable[[PluginChoice], Codec]
    choose_codec: Callable[[np.ndarray], PluginChoice]


@dataclass(frozen=True, slots=True)
class EncodedBlock:
    """Descriptors as a store holds them, still encoded; they stay valid after the store moves on.

    Attributes:
        ids: int64 ``(n,)``.
        records: the n encoded descriptors.
        codec: what decodes them.
        reads: how many separate reads of the disk they took.
        bytes_read: and how many bytes.
    """

    ids: np.ndarray
    records: Sequence[Record]
    codec: Codec
    reads: int
    bytes_read: int

    def decode(self) -> np.ndarray:
        """The descriptors ``(n, dim)``."""
        return self.codec.decode(self.records)

    def distances(self, distance: Distance, query: np.ndarray) -> np.ndarray:
        """Float32 distances ``(n,)`` from ``query``, computed on the encoded form where the codec can."""
        return self.codec.distances(distance, query, self.records)


@dataclass(frozen=True, slots=True)
class StoreReport:
    """What `ObjectStore.verify` found: how many descriptors were checked, and the IDs of the damaged."""

    checked: int
    damaged: list[int] = field(default_factory=list)


class ObjectStore(Plugin):
    """Keeps descriptors by ID on disk.

    One thread at a time calls the methods that write (`put_many`, `remove_many`, `flush`, `compact`); the others may
    be called from any thread, at any time, also while another process writes.
    """

    def __init__(self, options: PluginOptions, context: StoreContext) -> None:
        self.options = options
        self.context = context

    @abstractmethod
    def put_many(self, ids: np.ndarray, descriptors: np.ndarray) -> None:
        """Store descriptors ``(n, dim)`` under int64 IDs ``(n,)``; an ID put again is replaced.

        Raises:
            DiskFull: no space is left; what was there before is untouched.
        """

    @abstractmethod
    def flush(self) -> None:
        """On return, all that was put or removed survives a power cut."""

    @abstractmethod
    def read_blocks(self, ids: np.ndarray) -> Iterator[EncodedBlock]:
        """The descriptors of ``ids`` in blocks of bounded size, in the order that the disk likes.

        IDs that the store does not hold are left out. Checksums may go unchecked here; `verify` checks them all.
        """

    @abstractmethod
    def remove_many(self, ids: np.ndarray) -> None:
        """Forget these IDs; those that are not there are passed over."""

    @abstractmethod
    def ids(self) -> np.ndarray:
        """All IDs that the store holds, int64, ascending."""

    @abstractmethod
    def verify(self) -> StoreReport:
        """Check the checksum of every stored descriptor."""

    @abstractmethod
    def statistics(self) -> dict[str, int | float | str]:
        """What there is to say of the store: at least ``objects`` and ``bytes`` (on disk)."""

    @abstractmethod
    def get_many(self, ids: np.ndarray) -> np.ndarray:
        """The descriptors ``(n, dim)`` in the order asked, checksums checked; IDs may repeat.

        Raises:
            MissingObject: names the IDs that are not there.
            CorruptRecord: names the IDs whose checksum fails.
        """

    def compact(self, order: np.ndarray | None, live: np.ndarray) -> None:
        """Keep only the ``live`` IDs and give back the space of the rest; ``order`` says in which order they are best laid.

        It may be interrupted at any moment and loses nothing. The base removes what is not live.
        """
        self.remove_many(np.setdiff1d(self.ids(), live, assume_unique=True))
        self.flush()

    def close(self) -> None:
        """Let go of files and memory. The store is not used afterwards."""
