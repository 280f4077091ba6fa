"""The object store: ID → descriptor, on disk."""

import logging
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import Field, field_validator

from seealso.durability import write_atomically, writing_in
from seealso.errors import StoreError
from seealso.interfaces.codec import Codec, Record, Records
from seealso.interfaces.distance import Distance
from seealso.interfaces.plugin import Plugin, PluginChoice, PluginOptions
from seealso.layout import STORE_IDENTITY
from seealso.sorted_ids import distinct

log = logging.getLogger("seealso")

AUTO = "auto"


class StoreOptions(PluginOptions):
    """Options of a store that has its descriptors encoded; one with more of its own subclasses it."""

    codec: PluginChoice | None = Field(
        default=None,
        description="the codec that descriptors are written with, as `sparse` or `{plugin: zstd, level: 9}`; null or auto: "
        "the lossless one that suits the first descriptors best; a collection that exists keeps its own",
    )

    @field_validator("codec", mode="before")
    @classmethod
    def _auto(cls, value: object) -> object:
        return None if value == AUTO else value

    def chosen(self) -> str:
        """The name of the codec, or ``auto``."""
        return self.codec.plugin if self.codec else AUTO


@dataclass(frozen=True, slots=True)
class StoreContext:
    """What the framework lends an object store.

    Attributes:
        directory: the folder that is the store's own; it exists, unless the disk is read-only.
        dim: the number of values in a descriptor.
        dtype: their type.
        read_only: nothing may be written.
        codec: makes the codec that a configuration chooses, for these descriptors.
        choose_codec: what to write descriptors with where the configuration chooses no codec: takes the first ones
            ``(n, dim)``, and returns the choice, with all its options, for the store to keep. Costs what encoding a
            few hundred costs.
        identity: what the collection calls this store: a random word of its own, the same at every opening, which a store whose data
            lies elsewhere may name its part of that place by. Empty where a release has made the collection that gave none, until
            something is written; so a store that was there before goes on by the name that it has.
    """

    directory: Path
    dim: int
    dtype: np.dtype
    read_only: bool
    codec: Callable[[PluginChoice], Codec]
    choose_codec: Callable[[np.ndarray], PluginChoice]
    identity: str = ""

    def check_ids(self, ids: np.ndarray) -> None:
        """Refuse what are no IDs.

        Raises:
            ValueError: says what they have to be.
        """
        if ids.dtype != np.int64 or ids.ndim != 1:
            raise ValueError(f"IDs have to be int64 of shape (n,), not {ids.dtype} of shape {ids.shape}")

    def check(self, ids: np.ndarray, descriptors: np.ndarray) -> None:
        """Refuse descriptors ``(n, dim)`` and IDs ``(n,)`` that cannot be stored.

        Raises:
            ValueError: says what they have to be.
        """
        self.check_ids(ids)
        if distinct(ids).size != ids.size or (ids < 0).any():
            raise ValueError("IDs have to be not negative, each once")
        dtype = np.dtype(self.dtype)
        if descriptors.shape != (ids.size, self.dim) or descriptors.dtype != dtype:
            raise ValueError(
                f"descriptors have to be {dtype.name} of shape ({ids.size}, {self.dim}), "
                f"not {descriptors.dtype} of shape {descriptors.shape}"
            )
        if dtype.kind == "f" and not np.isfinite(descriptors).all():
            raise ValueError("descriptors have to be finite numbers")


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
        """Float32 distances ``(n,)`` from ``query``, computed on the encoded form where the codec can.

        Raises:
            ValueError: a record is damaged.
        """
        return self.codec.distances(distance, query, self.records)

    def sound_distances(self, distance: Distance, query: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """IDs and float32 distances ``(m,)`` of the records that can be decoded; a warning names the ID of each other."""
        return self._sound(lambda records: self.codec.distances(distance, query, records))

    def sound(self) -> tuple[np.ndarray, np.ndarray]:
        """IDs ``(m,)`` and descriptors ``(m, dim)`` of the records that can be decoded; a warning names the ID of each other."""
        return self._sound(self.codec.decode)

    def _sound(self, work: Callable[[Sequence[Record]], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        try:
            return self.ids, work(self.records)
        except ValueError:
            damaged = self.codec.undecodable(self.records)
            if not damaged:
                raise
        for place in damaged:
            log.warning(
                "the stored descriptor of ID %d is damaged, and left out; run `seealso verify`", self.ids[place]
            )
        sound = np.delete(np.arange(len(self.ids)), damaged)
        return self.ids[sound], work(Records.of(self.records).take(sound))


@dataclass(frozen=True, slots=True)
class StoreReport:
    """What `ObjectStore.verify` found: how many descriptors were checked, the IDs of the damaged, and what else is wrong, one line
    each."""

    checked: int
    damaged: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class ObjectStore(Plugin):
    """Keeps descriptors by ID on disk.

    One thread at a time calls the methods that write (`put_many`, `remove_many`, `flush`, `compact`, `keep_identity`, `destroy`); the
    others may be called from any thread, at any time, also while another process writes.
    """

    def __init__(self, options: PluginOptions, context: StoreContext) -> None:
        self.options = options
        self.context = context

    @abstractmethod
    def put_many(self, ids: np.ndarray, descriptors: np.ndarray) -> None:
        """Store descriptors ``(n, dim)`` under int64 IDs ``(n,)``; an ID put again is replaced.

        Raises:
            StoreError: the codec cannot hold one of the values; nothing was stored.
            DiskFull: no space is left; what was there before is untouched.
        """

    @abstractmethod
    def flush(self) -> None:
        """On return, all that was put or removed survives a power cut, also what a writer put that was killed before it could flush."""

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
        """Check the checksum of every stored descriptor, and what else may be wrong; O(objects)."""

    @abstractmethod
    def statistics(self) -> dict[str, int | float | str]:
        """What there is to say of the store: at least ``objects`` and ``bytes`` (on disk). Cheap: O(1) in the number of objects.

        `Codec.statistics` says what there is to say of the codec.
        """

    @abstractmethod
    def get_many(self, ids: np.ndarray) -> np.ndarray:
        """The descriptors ``(n, dim)`` in the order asked, checksums checked; IDs may repeat.

        Raises:
            MissingObject: names the IDs that are not there.
            CorruptRecord: names the IDs whose checksum fails.
        """

    def identity(self) -> str:
        """What `keep_identity` was given last; empty before. It is asked whenever a collection is opened: another one than the
        collection's is the wrong store, from which nothing is read and to which nothing is written.

        The base keeps it in a file of the store's directory. That will do for a store whose data lies there, too. One whose data lies
        elsewhere has to keep it there, beside the data: else a wrong or an empty place is taken for the right one.
        """
        try:
            return (self.context.directory / STORE_IDENTITY).read_bytes()[:1000].decode("ascii", "replace").strip()
        except FileNotFoundError:
            return ""

    def keep_identity(self, identity: str) -> None:
        """Keep an identity, some 40 letters and digits, in the place of the one before: durably on return, with the data.

        It is called before the first descriptor is put; and once for a store that an earlier release has made.

        Raises:
            StoreError: the store was opened for reading only.
            DiskFull: no space is left.
        """
        if self.context.read_only:
            raise StoreError(f"{self.context.directory}: the store was opened for reading only")
        with writing_in(self.context.directory):
            write_atomically(self.context.directory / STORE_IDENTITY, identity.encode("ascii"))

    def destroy(self) -> None:
        """Remove all that the store keeps outside of its directory, for good.

        It is called for a store that a collection has left for another one, and for one that a conversion did not finish; then the
        store is closed, and its directory is removed. It may be interrupted, and is then called again. The base does nothing.
        """

    def compact(self, order: np.ndarray | None, live: np.ndarray) -> None:
        """Keep only the ``live`` IDs and give back the space of the rest; ``order`` says in which order they are best laid.

        It may be interrupted at any moment and loses nothing. The base removes what is not live.
        """
        self.remove_many(np.setdiff1d(self.ids(), live, assume_unique=True))
        self.flush()

    def close(self) -> None:
        """Let go of files and memory. The store is not used afterwards."""
