"""The object store ``sqlite``: descriptors in a table of SQLite."""

import json
import os
import sqlite3
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from pydantic import Field

import seealso

MAGIC = "seealso-sqlite"
VERSION = 1
AT_ONCE = 500  # IDs in one statement
BLOCK_BYTES = 1 << 20
ERROR_SAMPLE = 256  # descriptors that say how far off a lossy codec is

TABLES = (
    "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS objects(id INTEGER PRIMARY KEY, crc32 INTEGER NOT NULL, record BLOB NOT NULL)",
)

Row = tuple[int, int, bytes]


class SqliteStoreOptions(seealso.StoreOptions):
    """The options of the store sqlite, beside the codec, which every store has."""

    cache_megabytes: int = Field(default=16, ge=1, description="memory for pages of the table, at most, in each thread")


class SqliteStore(seealso.ObjectStore):
    """Keeps a row for each descriptor: its ID, what its codec made of it, and a checksum."""

    name = "sqlite"
    Options = SqliteStoreOptions
    options: SqliteStoreOptions

    def __init__(self, options: seealso.PluginOptions, context: seealso.StoreContext) -> None:
        super().__init__(options, context)
        self._file = context.directory / "sqlite.sqlite"
        self._own = threading.local()
        self._closed = False
        if self.options.codec is not None:
            context.codec(self.options.codec)  # one that does not exist is known before anything is written
        if self._file.exists() or not context.read_only:
            with self._connected() as connection:
                self._check(connection)

    # The file

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """The connection of this thread; what SQLite raises comes out as an error of seealso."""
        if self._closed:
            raise seealso.StoreError(f"{self._file}: the store is closed")
        try:
            # After a fork the parent's connections are the parent's.
            if getattr(self._own, "process", None) != os.getpid():
                self._own.connection, self._own.process = self._connect(), os.getpid()
            yield self._own.connection
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                raise seealso.DiskFull(f"{self._file}: no space is left") from error
            raise seealso.StoreError(f"{self._file}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise seealso.FormatError(f"{self._file}: {error}; restore it from a backup") from error

    def _connect(self) -> sqlite3.Connection:
        if self.context.read_only:
            # Where nobody can write, there is nothing to wait for, and no log to look into.
            how = "mode=ro" if os.access(self.context.directory, os.W_OK) else "immutable=1"
        else:
            how = "mode=rwc"
        connection = sqlite3.connect(
            f"{self._file.absolute().as_uri()}?{how}", uri=True, isolation_level=None, timeout=30
        )
        connection.execute(f"PRAGMA cache_size = -{self.options.cache_megabytes * 1024}")
        if not self.context.read_only:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")  # what is committed survives a power cut
        return connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it, or nothing."""
        if self.context.read_only:
            raise seealso.StoreError(f"{self._file}: the store was opened for reading only")
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def _check(self, connection: sqlite3.Connection) -> None:
        """Hold the file to the descriptors that are expected; a new one is made."""
        if not self.context.read_only:
            with self._writing():
                for table in TABLES:
                    connection.execute(table)
                made = {"magic": MAGIC, "version": str(VERSION), "dim": str(self.context.dim), "dtype": self._dtype}
                connection.executemany("INSERT OR IGNORE INTO meta VALUES (?, ?)", made.items())
                # To count rows SQLite goes through all of them, so this is done once, and their number is kept.
                if connection.execute("SELECT 1 FROM meta WHERE key = 'objects'").fetchone() is None:
                    connection.execute("INSERT INTO meta SELECT 'objects', count(*) FROM objects")
        meta = dict(connection.execute("SELECT key, value FROM meta"))
        if meta.get("magic") != MAGIC or int(meta.get("version", VERSION + 1)) > VERSION:
            raise seealso.FormatError(f"{self._file} is not a store sqlite, or was written by a newer one")
        if (meta["dtype"], int(meta["dim"])) != (self._dtype, self.context.dim):
            raise seealso.FormatError(
                f"{self._file} holds {meta['dtype']} descriptors of dimension {meta['dim']}, "
                f"not {self._dtype} of {self.context.dim}"
            )
        self._codec(connection)

    @property
    def _dtype(self) -> str:
        return np.dtype(self.context.dtype).name

    # The codec

    def _codec(self, connection: sqlite3.Connection) -> seealso.Codec | None:
        """What the descriptors are written with; None before the first of them.

        Raises:
            ConfigError: the configuration wants another one.
        """
        row = connection.execute("SELECT value FROM meta WHERE key = 'codec'").fetchone()
        if row is None:
            return None
        choice = seealso.PluginChoice.parse(json.loads(row[0]))
        codec, asked = self.context.codec(choice), self.options.codec
        if asked is not None and self._with_all_options(asked) != self._with_all_options(choice):
            raise seealso.ConfigError(
                f"{self._file} is written with the codec {choice.plugin}, not {asked.plugin}; "
                "`seealso convert` writes it anew"
            )
        return codec

    def _with_all_options(self, choice: seealso.PluginChoice) -> tuple[str, seealso.PluginOptions]:
        codec = self.context.codec(choice)
        return codec.name, codec.options

    def _settle_codec(self, connection: sqlite3.Connection, descriptors: np.ndarray) -> seealso.Codec:
        """The codec of what is there; before the first descriptors, the one that suits them."""
        codec = self._codec(connection)
        if codec is None:
            codec = self.context.codec(self.options.codec or self.context.choose_codec(descriptors))
            choice = seealso.PluginChoice.of(codec.name, codec.options)
            noted = {"codec": json.dumps(choice.as_yaml())}
            if not codec.lossless:
                noted["lossy error"] = str(codec.error(descriptors[:: max(1, len(descriptors) // ERROR_SAMPLE)]))
            connection.executemany("INSERT INTO meta VALUES (?, ?)", noted.items())
        return codec

    # Writing

    def put_many(self, ids: np.ndarray, descriptors: np.ndarray) -> None:
        """All of them in one transaction."""
        self.context.check(ids, descriptors)
        if not ids.size:
            return
        with self._writing() as connection:
            try:
                records = self._settle_codec(connection, descriptors).encode(descriptors)
            except ValueError as error:
                raise seealso.StoreError(f"{self.context.directory}: {error}") from error
            rows = ((id_, zlib.crc32(record), record) for id_, record in zip(ids.tolist(), records, strict=True))
            self._delete(connection, ids)
            connection.executemany("INSERT INTO objects VALUES (?, ?, ?)", rows)
            self._add_to_count(connection, ids.size)

    def remove_many(self, ids: np.ndarray) -> None:
        """In one transaction."""
        self.context.check_ids(ids)
        with self._writing() as connection:
            self._delete(connection, ids)

    def _delete(self, connection: sqlite3.Connection, ids: np.ndarray) -> None:
        cursor = connection.executemany("DELETE FROM objects WHERE id = ?", ((id_,) for id_ in ids.tolist()))
        self._add_to_count(connection, -max(0, cursor.rowcount))

    def _add_to_count(self, connection: sqlite3.Connection, more: int) -> None:
        connection.execute("UPDATE meta SET value = value + ? WHERE key = 'objects'", (more,))

    def flush(self) -> None:
        """Nothing is left to do: every transaction is on the disk when it is done."""

    def compact(self, order: np.ndarray | None, live: np.ndarray) -> None:
        """Remove what does not live, and give the space back. SQLite keeps its own order, that of the IDs."""
        self.remove_many(np.setdiff1d(self.ids(), live))
        with self._connected() as connection:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    # The identity

    def identity(self) -> str:
        """What `keep_identity` was given last; it stands in the file, so that it goes wherever the descriptors go."""
        if self.context.read_only and not self._closed and not self._file.exists():
            return ""
        with self._connected() as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = 'identity'").fetchone()
        return "" if row is None else str(row[0])

    def keep_identity(self, identity: str) -> None:
        """In one transaction."""
        with self._writing() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('identity', ?)", (identity,))

    # Reading

    def _rows(self, connection: sqlite3.Connection, ids: np.ndarray) -> list[Row]:
        """The rows of some of the IDs that are there, by ID."""
        marks = ",".join("?" * ids.size)
        statement = f"SELECT id, crc32, record FROM objects WHERE id IN ({marks}) ORDER BY id"  # noqa: S608 - marks
        return connection.execute(statement, ids.tolist()).fetchall()

    def read_blocks(self, ids: np.ndarray) -> Iterator[seealso.EncodedBlock]:
        """In the order of the IDs, which is that of the file."""
        self.context.check_ids(ids)
        wanted = np.unique(ids)
        size = max(1, self.context.dim * self.context.dtype.itemsize)
        step = max(1, min(AT_ONCE, BLOCK_BYTES // size))
        for start in range(0, wanted.size, step):
            # Fetched to the end, so that no transaction is open while the block is worked on.
            with self._connected() as connection:
                rows = self._rows(connection, wanted[start : start + step])
                codec = self._codec(connection) if rows else None
            if codec is not None:
                records = [record for _, _, record in rows]
                found = np.array([id_ for id_, _, _ in rows], np.int64)
                yield seealso.EncodedBlock(found, records, codec, len(rows), sum(map(len, records)))

    def get_many(self, ids: np.ndarray) -> np.ndarray:
        """In the order asked."""
        self.context.check_ids(ids)
        wanted, places = np.unique(ids, return_inverse=True)
        descriptors = np.empty((wanted.size, self.context.dim), self.context.dtype)
        missing: list[int] = []
        damaged: list[int] = []
        with self._connected() as connection:
            codec = self._codec(connection)
            for start in range(0, wanted.size, AT_ONCE):
                part = wanted[start : start + AT_ONCE]
                rows = self._rows(connection, part)
                missing += sorted(set(part.tolist()) - {id_ for id_, _, _ in rows})
                if codec is not None and rows:
                    damaged += self._damaged(codec, rows)
                    if not missing and not damaged:
                        descriptors[start : start + len(rows)] = codec.decode([record for _, _, record in rows])
        if missing:
            raise seealso.MissingObject(missing)
        if damaged:
            raise seealso.CorruptRecord(damaged)
        return descriptors[places]

    @staticmethod
    def _damaged(codec: seealso.Codec, rows: list[Row]) -> list[int]:
        """The IDs of the rows whose checksum fails, or that cannot be decoded."""
        wrong = {id_ for id_, crc, record in rows if zlib.crc32(record) != crc}
        sound = [(id_, record) for id_, _, record in rows if id_ not in wrong]
        undecodable = codec.undecodable([record for _, record in sound])
        return sorted(wrong | {sound[place][0] for place in undecodable})

    def ids(self) -> np.ndarray:
        """All IDs, ascending."""
        if self.context.read_only and not self._closed and not self._file.exists():
            return np.empty(0, np.int64)
        with self._connected() as connection:
            found = connection.execute("SELECT id FROM objects ORDER BY id")
            return np.fromiter((id_ for (id_,) in found), np.int64)

    def verify(self) -> seealso.StoreReport:
        """Check every checksum, and that every record can be decoded."""
        checked, damaged, last = 0, list[int](), -1
        with self._connected() as connection:
            codec = self._codec(connection)
            statement = "SELECT id, crc32, record FROM objects WHERE id > ? ORDER BY id LIMIT ?"
            while codec is not None and (rows := connection.execute(statement, (last, AT_ONCE)).fetchall()):
                checked, last = checked + len(rows), rows[-1][0]
                damaged += self._damaged(codec, rows)
        return seealso.StoreReport(checked, damaged)

    def statistics(self) -> dict[str, int | float | str]:
        """How many objects, the bytes of the file and of the log beside it, and what the codec says."""
        with self._connected() as connection:
            codec = self._codec(connection)
            (objects,) = connection.execute(
                "SELECT coalesce((SELECT value FROM meta WHERE key = 'objects'), (SELECT count(*) FROM objects))"
            ).fetchone()
            (free,) = connection.execute(
                "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size"
            ).fetchone()
            sample = [record for (record,) in connection.execute("SELECT record FROM objects LIMIT 256")]
            lossy = connection.execute("SELECT value FROM meta WHERE key = 'lossy error'").fetchone()
        files = [self._file, self._file.with_name(f"{self._file.name}-wal")]
        said: dict[str, int | float | str] = {
            "objects": int(objects),
            "bytes": sum(file.stat().st_size for file in files if file.exists()),
            "bytes_free": free,
        }
        if codec is None:
            return said | {"codec": self.options.chosen()}
        return said | codec.statistics(sample, None if lossy is None else float(lossy[0]))

    def close(self) -> None:
        """Close this thread's connection; those of others close with their threads."""
        self._closed = True
        connection = self._own.__dict__.pop("connection", None)
        if connection is not None and self._own.__dict__.pop("process", None) == os.getpid():
            connection.close()
