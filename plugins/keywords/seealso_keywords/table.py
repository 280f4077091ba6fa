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

SHOWN = 3  # rows that are named of those that nothing was found for; lines with a quotation mark that never closes
MARKED_AT_ONCE = 1000
MOST_ROWS = 1000  # of one image


class Table(KeywordSource):
    """A row describes the image that its path or file name ends with: ``2019/sea.jpg`` is any ``…/2019/sea.jpg``. Several rows for one
    image add up.

    The table is read once an ingest, into a temporary database: it may be larger than the memory.
    """

    name = "table"

    class Options(PluginOptions):
        """Options of the keyword source table."""

        file: RelativePath = Field(
            description="the table: CSV, TSV, JSON lines or Parquet, with a column `path` (or file, filename, image) and columns "
            "such as keywords, title, caption, creator, date, place, caption_de"
        )

    options: Options

    def __init__(self, options: PluginOptions) -> None:
        super().__init__(options)
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._found: set[str] = set()
        self._unclosed: list[int] = []
        self._unclosed_count = 0

    def begin(self) -> None:
        """Read the table."""
        with self._lock:
            self._opened()

    def state(self, path: bytes) -> bytes:
        """A hash of its rows."""
        rows = self._rows_of(path)
        return hashlib.blake2b("\n".join(rows).encode(), digest_size=8).digest() if rows else b""

    def words(self, path: bytes, data: bytes) -> list[Words]:
        """What its rows say, in their order."""
        return [Words(*each) for row in self._rows_of(path) for each in json.loads(row)]

    def _rows_of(self, path: bytes) -> list[str]:
        """The rows of a file, as JSON: all those with the path that has the most in common with the file's."""
        parts = os.fsdecode(path).encode("utf-8", "surrogateescape").decode("utf-8", "replace").split("/")
        endings = ["/".join(parts[start:]) for start in range(len(parts))]
        marks = ",".join("?" * len(endings))
        with self._lock:
            database = self._opened()
            named = database.execute(f"SELECT DISTINCT path FROM rows WHERE path IN ({marks})", endings)  # noqa: S608
            paths = sorted((name for (name,) in named), key=len)
            if not paths:
                return []
            self._found.update(paths)
            if len(self._found) >= MARKED_AT_ONCE:
                self._mark_found(database)
            rows = database.execute(
                "SELECT words FROM rows WHERE path = ? ORDER BY number LIMIT ?", (paths[-1], MOST_ROWS)
            )
            return [words for (words,) in rows]

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
        for path, words in read_rows(self.options.file, self._note_unclosed):
            yield path, json.dumps(words, ensure_ascii=False)

    def _note_unclosed(self, line: int) -> None:
        self._unclosed_count += 1
        if len(self._unclosed) < SHOWN:
            self._unclosed.append(line)

    def _mark_found(self, database: sqlite3.Connection) -> None:
        database.executemany(
            "UPDATE rows SET found = 1 WHERE path = ? AND NOT found", ((path,) for path in self._found)
        )
        self._found.clear()

    def end(self) -> list[str]:
        """Lines with a quotation mark that never closes; and the rows that name no image: how many, and the first of them."""
        with self._lock:
            if self._database is None:
                return []
            self._mark_found(self._database)
            (missing,) = self._database.execute("SELECT count(*) FROM rows WHERE NOT found").fetchone()
            rows = self._database.execute("SELECT path FROM rows WHERE NOT found ORDER BY number LIMIT ?", (SHOWN,))
            names = [name for (name,) in rows]
            self._database.close()
            self._database = None
            unclosed, count = [str(line) for line in self._unclosed], self._unclosed_count
            self._unclosed, self._unclosed_count = [], 0
        told = []
        if count:
            lines = f"line {unclosed[0]}" if count == 1 else f"{count:,} lines ({_some(unclosed, count)})"
            told.append(f"{self.options.file}: a quotation mark never closes in {lines}; they are read as they stand")
        if missing:
            rows_ = "1 row names" if missing == 1 else f"{missing:,} rows name"
            told.append(f"{self.options.file}: {rows_} no image that was found: {_some(names, missing)}")
        return told


def _some(shown: list[str], count: int) -> str:
    return ", ".join(shown) + (", …" if count > len(shown) else "")
