"""Tables of words: CSV, TSV, JSON lines and Parquet, row by row."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any

from seealso import MissingExtra, PluginError, Words, reason_of, unreadable
from seealso_keywords.characters import encoding_of
from seealso_keywords.fields import FIELD_OF, as_words
from seealso_keywords.quoted import LONGEST, BadLine, Tell, read_table

PATH_COLUMNS = ("path", "file", "filename", "file_name", "image", "uri")

HEAD = 4096
"""Bytes by which a table is told that has another name."""

WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")

_LANGUAGE = re.compile(r"[_.:\- ]([a-z]{2,3})$")


def read_rows(file: Path, tell: Tell) -> Iterator[tuple[str, list[Words]]]:
    """The path and the words of each row that has any. What kind of table it is says its name, or else its content.

    Args:
        file: the table.
        tell: is told the number of a line that has a quotation mark without a partner.

    Raises:
        PluginError: the table cannot be read: the file, the line, what is wrong.
    """
    if reason := unreadable(file):
        raise PluginError(f"{file}: the table of keywords: {reason}")
    try:
        with file.open("rb") as opened:
            head = opened.read(HEAD)
        if head.startswith(WORKBOOKS):
            raise PluginError(f"{file}: this is a workbook of a spreadsheet program; save the table as CSV")
        yield from _reader(file, head)(file, encoding_of(head), tell)
    except OSError as error:
        raise PluginError(f"{file}: the table of keywords: it cannot be read: {error.strerror or error}") from None


Rows = Iterator[tuple[str, list[Words]]]
Reader = Callable[[Path, str, Tell], Rows]


def _reader(file: Path, head: bytes) -> Reader:
    readers: dict[str, Reader] = {
        ".csv": _csv,
        ".tsv": _csv,
        ".jsonl": _json_lines,
        ".ndjson": _json_lines,
        ".parquet": _parquet,
    }
    known = readers.get(file.suffix.lower())
    if known is not None:
        return known
    if head.startswith(b"PAR1"):
        return _parquet
    return _json_lines if head.decode(encoding_of(head), "replace").lstrip().startswith("{") else _csv


class _Columns:
    """What the columns of a table mean.

    Raises:
        PluginError: there is none for the path, or none for words.
    """

    def __init__(self, file: Path, names: list[str], *, strict: bool = True) -> None:
        known = {name.strip().lower(): name for name in names}
        paths = [known[name] for name in PATH_COLUMNS if name in known]
        self.words: list[tuple[str, str, str]] = []
        for lower, name in known.items():
            language = _LANGUAGE.search(lower)
            bare = lower[: language.start()] if language else lower
            if lower in FIELD_OF:
                self.words.append((name, FIELD_OF[lower], ""))
            elif language and bare in FIELD_OF:
                self.words.append((name, FIELD_OF[bare], language[1]))
        if strict and not (paths and self.words):
            wanted = (
                f"a column {', '.join(PATH_COLUMNS[:-1])} or {PATH_COLUMNS[-1]}"
                if not paths
                else ("a column with words, such as keywords, title, caption, creator, date, place")
            )
            raise PluginError(f"{file}: the table needs {wanted}; it has {', '.join(map(repr, names)) or 'none'}")
        self.path = paths[0] if paths else ""

    def read(self, row: Mapping[str, Any]) -> tuple[str, list[Words]] | None:
        """The path and the words of a row; None where it has none."""
        path = _plain(_text(row.get(self.path)).strip())
        words: list[Words] = []
        for name, field, language in self.words:
            value = row.get(name)
            for each in value if isinstance(value, list | tuple) else [value]:
                words += as_words(field, _text(each), language)
        return (path, words) if path and words else None


def _plain(path: str) -> str:
    """A path as those of images are written: with slashes, and without what leads up from where the table lies."""
    path = path.replace("\\", "/").removeprefix("file://")
    if not path:
        return ""
    parts = posixpath.normpath(path).split("/")
    while parts and parts[0] == "..":
        del parts[0]
    return "/".join(parts)


def _text(value: object) -> str:
    return "" if value is None else str(value)[:LONGEST]


def _csv(file: Path, encoding: str, tell: Tell) -> Rows:
    with file.open(encoding=encoding, newline="") as lines:
        try:
            head = lines.readline(LONGEST)
            delimiter = "\t" if file.suffix.lower() == ".tsv" else max(",;\t", key=head.count)
            lines.seek(0)
            columns: _Columns | None = None
            names: list[str] = []
            for row in read_table(lines, delimiter, tell):
                if not row:
                    continue
                if columns is None:
                    columns, names = _Columns(file, row), row
                    continue
                found = columns.read(dict(zip(names, row, strict=False)))
                if found is not None:
                    yield found
            if columns is None:
                _Columns(file, [])
        except UnicodeDecodeError:
            raise _not_text(file, encoding) from None
        except BadLine as error:
            raise PluginError(f"{file}, line {error.number}: not a table that can be read: {error}") from None


def _json_lines(file: Path, encoding: str, tell: Tell) -> Rows:
    columns: _Columns | None = None
    keys: Set[str] = frozenset()
    with file.open(encoding=encoding) as lines:
        number = 0
        try:
            while line := lines.readline(16 * LONGEST):
                number += 1
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise PluginError(f"{file}, line {number}: not JSON that can be read: {error}") from None
                if not isinstance(row, dict):
                    raise PluginError(
                        f"{file}, line {number}: every line has to be an object with keys such as path, keywords"
                    )
                # Rows need not have the same keys.
                if columns is None or row.keys() != keys:
                    columns, keys = _Columns(file, list(row), strict=columns is None), row.keys()
                found = columns.read(row)
                if found is not None:
                    yield found
        except UnicodeDecodeError:
            raise _not_text(file, encoding) from None


def _parquet(file: Path, encoding: str, tell: Tell) -> Rows:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtra(f"{file}: reading Parquet needs pyarrow", "seealso[parquet]") from None
    try:
        with pyarrow.parquet.ParquetFile(file) as table:
            columns = _Columns(file, table.schema_arrow.names)
            wanted = [columns.path, *(name for name, _, _ in columns.words)]
            for batch in table.iter_batches(4096, columns=wanted):
                for row in batch.to_pylist():
                    found = columns.read(row)
                    if found is not None:
                        yield found
    except (PluginError, OSError):
        raise
    except Exception as error:
        # Values too have ways of their own to be damaged: text that is no UTF-8, a date that no calendar has.
        raise PluginError(f"{file}: not a Parquet file that can be read: {reason_of(error)}") from None


def _not_text(file: Path, encoding: str) -> PluginError:
    """Says in which line the first byte stands that is no text."""
    if encoding == "utf-16":
        return PluginError(f"{file}: it begins as UTF-16 does, and is none; save the table as UTF-8")
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return PluginError(f"{file}, line {number}: it is not UTF-8; save the table as such")
    return PluginError(f"{file}: it is not UTF-8; save the table as such")
