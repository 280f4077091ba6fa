"""Descriptors in LMDB: ID → checksum and record."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

import lmdb
import numpy as np
from pydantic import Field, StrictInt

from seealso import (
    Codec,
    ConfigError,
    CorruptRecord,
    EncodedBlock,
    MissingObject,
    ObjectStore,
    PluginOptions,
    StoreContext,
    StoreError,
    StoreOptions,
    StoreReport,
    distinct,
)
from seealso_lmdb.environment import Environment, acquire, release, translate
from seealso_lmdb.generations import remove_other_generations
from seealso_lmdb.own_records import (
    CODEC,
    FORMAT,
    IDENTITY,
    CodecRecord,
    check_format,
    choice_of,
    format_record,
    none_of_ours,
)

CHECKSUM_BYTES = 4
BLOCK_BYTES = 1 << 20  # stays in the processor's cache, from LMDB's map to the distances
BLOCK_RECORDS = 1024
RATIO_SAMPLE = 256  # records that are looked at to say how well they are compressed
PAGE = 4096  # keys handled in one transaction where all are gone through
WORTH_COMPACTING = 0.25  # share of the file that has to be free before it is copied
LEAST_GAINED = 1 << 20  # bytes that have to be free before it is copied


class LmdbStore(ObjectStore):
    """Keeps descriptors in LMDB (OpenLDAP's memory-mapped B+ tree), in the order of their IDs.

    Every write is a transaction and synced, so `flush` has nothing left to do; a crash at any moment leaves the state of
    the last one. Readers never wait. A record is stored under the ID, as eight bytes big-endian, with the CRC-32 of both
    before it. The codec is settled, durably, before the first record is.
    """

    name = "lmdb"
    preference = 10

    class Options(StoreOptions):
        """Options of the store lmdb."""

        map_size: StrictInt = Field(
            default=1 << 40,
            gt=0,
            description="address space reserved for the file, in bytes; takes no disk, and grows by itself",
        )

    options: Options

    def __init__(self, options: PluginOptions, context: StoreContext) -> None:
        super().__init__(options, context)
        self._dtype = np.dtype(context.dtype)
        self._step = max(1, min(BLOCK_RECORDS, BLOCK_BYTES // max(1, context.dim * self._dtype.itemsize)))
        self._codec: Codec | None = None
        self._lossy_error: float | None = None
        # Before a store is made: an error in what was asked for should leave nothing behind.
        wanted = context.codec(self.options.codec) if self.options.codec else None
        record = format_record(context.dim, self._dtype)
        with self._translating():
            shared = acquire(context.directory, self.options.map_size, {FORMAT: record}, writable=not context.read_only)
        self._shared: Environment | None = shared
        try:
            with self._translating():
                check_format(shared.meta(FORMAT), context.directory, context.dim, self._dtype)
                self._check_codec(wanted)
        except BaseException:
            self.close()
            raise

    # The codec

    def _check_codec(self, wanted: Codec | None) -> None:
        found = self._find_codec()
        if wanted and found and choice_of(wanted) != choice_of(found):
            raise ConfigError(
                f"{self.context.directory} was written with the codec {choice_of(found).as_yaml()}, not "
                f"{choice_of(wanted).as_yaml()}; take `codec:` out of the configuration, or run `seealso convert`"
            )

    def _find_codec(self) -> Codec | None:
        """The codec that the store is written with; None as long as nothing was put."""
        if self._codec is None:
            shared = self._environment
            record = CodecRecord.parse(shared.meta(CODEC), shared.meta(FORMAT), self.context.directory)
            if record is not None:
                self._lossy_error = record.lossy_error
                self._codec = self.context.codec(record.choice)
        return self._codec

    def _settled_codec(self) -> Codec:
        """The codec of records that are there."""
        codec = self._find_codec()
        if codec is None:
            raise none_of_ours(self.context.directory)
        return codec

    def _settle_codec(self, descriptors: np.ndarray) -> Codec:
        """Settle what the store is written with: what was asked for, else the best for these descriptors.

        Raises:
            ValueError: it cannot encode them; nothing was settled.
        """
        codec = self.context.codec(self.options.codec or self.context.choose_codec(descriptors))
        codec.encode(descriptors)
        record = CodecRecord.of(codec, descriptors).dump()
        self._write(lambda transaction, _: self._environment.add_meta(transaction, CODEC, record))
        # It may be another one, of another process that came first.
        return self._settled_codec()

    @property
    def _environment(self) -> Environment:
        if self._shared is None:
            raise StoreError(f"{self.context.directory}: the store is closed")
        return self._shared

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except (lmdb.Error, OSError) as error:
            raise translate(error, self.context.directory) from error

    # Writing

    def put_many(self, ids: np.ndarray, descriptors: np.ndarray) -> None:
        """One transaction: all of them, or on an error none. The first ones settle the codec, in a transaction before."""
        self.context.check(ids, descriptors)
        if self.context.read_only:
            raise StoreError(f"{self.context.directory}: the store was opened for reading only")
        if not ids.size:
            return
        with self._translating():
            codec = self._find_codec()
        try:
            records = (codec or self._settle_codec(descriptors)).encode(descriptors)
        except ValueError as error:
            raise StoreError(f"{self.context.directory}: {error}") from error
        items = [
            (key, zlib.crc32(record, zlib.crc32(key)).to_bytes(CHECKSUM_BYTES, "little") + record)
            for key, record in zip(_keys(ids), records, strict=True)
        ]
        self._write(lambda transaction, database: transaction.cursor(database).putmulti(items))

    def remove_many(self, ids: np.ndarray) -> None:
        """In transactions of a few thousand each."""
        self.context.check_ids(ids)
        for start in range(0, ids.size, PAGE):
            keys = _keys(ids[start : start + PAGE])
            self._write(lambda transaction, database, keys=keys: [transaction.delete(key, db=database) for key in keys])

    def _write(self, work: Any) -> None:
        """Do some work in a transaction; again with a larger map where it does not fit."""
        if self.context.read_only:
            raise StoreError(f"{self.context.directory}: the store was opened for reading only")
        while True:
            try:
                with self._environment.transaction(write=True) as (transaction, database):
                    work(transaction, database)
                return
            except lmdb.MapFullError:
                with self._translating():
                    self._environment.grow()
            except lmdb.Error as error:
                raise translate(error, self.context.directory) from error

    def flush(self) -> None:
        """Nothing to do: every transaction was synced."""

    def identity(self) -> str:
        """In a record of the store's own, so that it goes wherever the file goes."""
        with self._translating():
            return (self._environment.meta(IDENTITY) or b"").decode("ascii", "replace")

    def keep_identity(self, identity: str) -> None:
        """In a transaction."""
        record = identity.encode("ascii")
        self._write(lambda transaction, _: self._environment.put_meta(transaction, IDENTITY, record))

    # Reading

    def read_blocks(self, ids: np.ndarray) -> Iterator[EncodedBlock]:
        """In the order of the IDs. Each block has a transaction of its own, so that a slow reader pins no old pages."""
        self.context.check_ids(ids)
        return self._encoded(distinct(ids))

    def _encoded(self, ids: np.ndarray) -> Iterator[EncodedBlock]:
        for found in self._in_blocks(ids):
            if found:
                values = _records(found)
                bytes_read = sum(map(len, values))
                yield EncodedBlock(
                    _ids_of([key for key, _ in found]), values, self._settled_codec(), len(values), bytes_read
                )

    def _in_blocks(self, ids: np.ndarray) -> Iterator[list[tuple[bytes, bytes]]]:
        """What there is of these IDs, a block a transaction: copies, which stay valid after it."""
        for start in range(0, ids.size, self._step):
            keys = _keys(ids[start : start + self._step])
            with self._translating(), self._environment.transaction() as (transaction, database):
                found: list[tuple[bytes, bytes]] = transaction.cursor(database).getmulti(keys)
            yield found

    def get_many(self, ids: np.ndarray) -> np.ndarray:
        """In the order asked; checksums checked."""
        self.context.check_ids(ids)
        wanted, places = np.unique(ids, return_inverse=True)
        descriptors = np.empty((wanted.size, self.context.dim), self._dtype)
        damaged: list[int] = []
        known = []
        filled = 0
        for found in self._in_blocks(wanted):
            known.append(_ids_of([key for key, _ in found]))
            wrong = self._damaged(found)
            if found and not wrong:
                try:
                    descriptors[filled : filled + len(found)] = self._decode(found)
                except ValueError:
                    wrong = self._undecodable(found)
            damaged += wrong
            filled += len(found)
        missing = np.setdiff1d(wanted, np.concatenate([*known, np.empty(0, np.int64)]), assume_unique=True)
        if missing.size:
            raise MissingObject(missing.tolist())
        if damaged:
            raise CorruptRecord(damaged)
        # The usual order, ascending and each once, needs no second copy.
        return descriptors if np.array_equal(wanted, ids) else descriptors[places]

    def _decode(self, found: Sequence[tuple[bytes, bytes]]) -> np.ndarray:
        return self._settled_codec().decode(_records(found))

    def _unusable(self, found: Sequence[tuple[bytes, bytes]]) -> list[int]:
        """The IDs of the records whose checksum fails, or that cannot be decoded."""
        damaged = self._damaged(found)
        if damaged:
            wrong = set(damaged)
            found = [(key, value) for key, value in found if int.from_bytes(key, "big") not in wrong]
        return sorted(damaged + self._undecodable(found))

    def _damaged(self, found: Sequence[tuple[bytes, bytes]]) -> list[int]:
        """The IDs of the records whose checksum fails."""
        damaged = []
        for key, value in found:
            expected = int.from_bytes(value[:CHECKSUM_BYTES], "little")
            if (
                len(value) < CHECKSUM_BYTES
                or zlib.crc32(memoryview(value)[CHECKSUM_BYTES:], zlib.crc32(key)) != expected
            ):
                damaged.append(int.from_bytes(key, "big"))
        return damaged

    def _undecodable(self, found: Sequence[tuple[bytes, bytes]]) -> list[int]:
        """The IDs of the records that the codec does not take."""
        return [int.from_bytes(found[place][0], "big") for place in self._settled_codec().undecodable(_records(found))]

    def _pages(self, count: int, *, values: bool) -> Iterator[list[Any]]:
        """Everything in the order of the IDs, ``count`` a transaction: keys, or keys with values."""
        last = b""
        while True:
            with self._translating(), self._environment.transaction() as (transaction, database):
                cursor = transaction.cursor(database)
                page: list[Any] = []
                if cursor.set_range(last):
                    page = list(islice(cursor.iternext(keys=True, values=values), count))
            if not page:
                return
            yield page
            # The first key after this one.
            last = (page[-1][0] if values else page[-1]) + b"\0"

    def ids(self) -> np.ndarray:
        """All IDs, ascending."""
        parts = [_ids_of(page) for page in self._pages(PAGE, values=False)]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def verify(self) -> StoreReport:
        """Read everything, and check each checksum and that each record can be decoded.

        Raises:
            StoreError: it is damaged so that not everything can be read.
        """
        with self._translating():
            self._environment.check_tree()
        checked = 0
        damaged: list[int] = []
        for page in self._pages(self._step, values=True):
            checked += len(page)
            damaged += self._unusable(page)
        return StoreReport(checked, damaged)

    # Upkeep

    def statistics(self) -> dict[str, int | float | str]:
        """Objects, bytes of the file, bytes of it that are free; the codec, its ratio, and how far off a lossy one was.

        ``lossy_error`` is the largest |decoded − x| / |x| of the first descriptors that were put.
        """
        with self._translating():
            pages, used, page_bytes = self._environment.pages()
            with self._environment.transaction() as (transaction, database):
                objects = transaction.stat(database)["entries"]
        return {
            "objects": objects,
            "bytes": pages * page_bytes,
            "bytes_free": (pages - used) * page_bytes,
            **self._codec_statistics(),
        }

    def _codec_statistics(self) -> dict[str, int | float | str]:
        with self._translating():
            codec = self._find_codec()
        if codec is None:
            return {"codec": self.options.chosen()}
        # The first records stand for all.
        records = _records(next(self._pages(min(RATIO_SAMPLE, self._step), values=True), []))
        return codec.statistics(records, self._lossy_error)

    def compact(self, order: np.ndarray | None, live: np.ndarray) -> None:
        """Remove what is not live; copy the file where a good part of it is free. ``order`` means nothing to a B+ tree."""
        self.context.check_ids(live)
        self.remove_many(np.setdiff1d(self.ids(), live, assume_unique=True))
        with self._translating():
            pages, used, page_bytes = self._environment.pages()
            if pages - used > WORTH_COMPACTING * pages and (pages - used) * page_bytes > LEAST_GAINED:
                self._environment.replace_by_copy()
            # Also what a crash in the middle of an earlier one has left.
            remove_other_generations(self.context.directory)

    def close(self) -> None:
        """Let go of the environment."""
        shared, self._shared = self._shared, None
        if shared is not None:
            release(shared)


def _records(found: Sequence[tuple[bytes, bytes]]) -> list[memoryview]:
    """The records of keys and values."""
    return [memoryview(value)[CHECKSUM_BYTES:] for _, value in found]


def _keys(ids: np.ndarray) -> list[bytes]:
    big_endian = ids.astype(">i8").tobytes()
    return [big_endian[start : start + 8] for start in range(0, len(big_endian), 8)]


def _ids_of(keys: Sequence[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(keys), dtype=">i8").astype(np.int64)
