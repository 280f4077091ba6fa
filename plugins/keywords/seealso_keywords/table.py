"""The keyword source ``table``: words for a whole collection in one table."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import tempfile
import threading
from collections.abc import Iterator

from pydantic import Field

from seealso import KeywordSource, PluginOptions, RelativePath, Words
from seealso_keywords.rows import read_rows

SHOWN = 20  # rows that are named of those that nothing was found for
MARKED_AT_ONCE = 1000


class Table(KeywordSource):
    """A row describes the image that its path or file name ends with: ``2019/sea.jpg`` is any ``…/2019/sea.jpg``.

    The table is read once an ingest, into a temporary database: it may be larger than the memory.
    """

    name = "table"

    class Options(PluginOptions):
        """Options of the keyword source table."""

        file: RelativePath = Field(
            description="the table: .csv, .tsv, .jsonl or .parquet, with a column `path` (or file, filename, image) and columns "
            "such as keywords, title, caption, creator, date, place, caption_de"
        )

    options: Options

    def __init__(self, options: PluginOptions) -> None:
        super().__init__(options)
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._found: list[int] = []

    def begin(self) -> None:
        """Read the table."""
        with self._lock:
            self._opened()

    def state(self, path: bytes) -> bytes:
        """A hash of its row."""
        words = self._row(path)
        return b"" if words is None else hashlib.blake2b(words.encode(), digest_size=8).digest()

    def words(self, path: bytes, data: bytes) -> list[Words]:
        """What its row says."""
        words = self._row(path)
        return [] if words is None else [Words(*each) for each in json.loads(words)]

    def _row(self, path: bytes) -> str | None:
        """The row of a file, as JSON: the one whose path has the most in common with the file's."""
        parts = os.fsdecode(path).encode("utf-8", "surrogateescape").decode("utf-8", "replace").split("/")
        endings = ["/".join(parts[start:]) for start in range(len(parts))]
        with self._lock:
            database = self._opened()
            rows = database.execute(
                f"SELECT number, words FROM rows WHERE path IN ({','.join('?' * len(endings))}) "  # noqa: S608
                "ORDER BY length(path) DESC, number DESC LIMIT 1",
                endings,
            ).fetchall()
            if not rows:
                return None
            self._found.append(rows[0][0])
            if len(self._found) >= MARKED_AT_ONCE:
                self._mark_found(database)
            return str(rows[0][1])

    def _opened(self) -> sqlite3.Connection:
        """The rows by path, in a temporary file; read when they are first asked for."""
        if self._database is None:
            # An empty name is SQLite's own temporary file, which goes with the connection.
            database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            try:
                database.execute(f"PRAGMA temp_store_directory = '{tempfile.gettempdir()}'")
                database.execute("PRAGMA synchronous = OFF")
                database.execute(
                    "CREATE TABLE rows(number INTEGER PRIMARY KEY, path TEXT, words TEXT, found INTEGER DEFAULT 0)"
                )
                database.execute("BEGIN")
                database.executemany("INSERT INTO rows(path, words) VALUES (?, ?)", self._rows())
                database.execute("COMMIT")
                database.execute("CREATE INDEX rows_by_path ON rows(path)")
            except BaseException:
                database.close()
                raise
            self._database = database
        return self._database

    def _rows(self) -> Iterator[tuple[str, str]]:
        for path, words in read_rows(self.options.file):
            yield path, json.dumps(words, ensure_ascii=False)

    def _mark_found(self, database: sqlite3.Connection) -> None:
        database.executemany("UPDATE rows SET found = 1 WHERE number = ?", ((number,) for number in self._found))
        self._found = []

    def end(self) -> list[str]:
        """The rows that no file was found for: how many, and the first of them."""
        with self._lock:
            if self._database is None:
                return []
            self._mark_found(self._database)
            (missing,) = self._database.execute("SELECT count(*) FROM rows WHERE NOT found").fetchone()
            rows = self._database.execute("SELECT path FROM rows WHERE NOT found ORDER BY number LIMIT ?", (SHOWN,))
            names = [name for (name,) in rows]
            self._database.close()
            self._database = None
        if not missing:
            return []
        shown = ", ".join(names) + (", …" if missing > len(names) else "")
        return [f"{self.options.file}: {missing:,} rows name no image that was found this time: {shown}"]
