"""Tables of words: CSV, TSV, JSON lines and Parquet, row by row."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Any

from seealso import MissingExtra, PluginError, Words, reason_of, unreadable
from seealso_keywords.fields import FIELD_OF, as_words

PATH_COLUMNS = ("path", "file", "filename", "file_name", "image", "uri")
LONGEST = 1 << 20  # characters of a cell

_LANGUAGE = re.compile(r"[_.:\- ]([a-z]{2,3})$")


def read_rows(file: Path) -> Iterator[tuple[str, list[Words]]]:
    """The path and the words of each row that has any.

    Raises:
        PluginError: the table cannot be read: the file, the line, what is wrong.
    """
    readers = {".csv": _csv, ".tsv": _csv, ".jsonl": _json_lines, ".ndjson": _json_lines, ".parquet": _parquet}
    reader = readers.get(file.suffix.lower())
    if reader is None:
        raise PluginError(f"{file}: a table of keywords is a file {', '.join(readers)}; this one is none by its name")
    if reason := unreadable(file):
        raise PluginError(f"{file}: the table of keywords: {reason}")
    try:
        yield from reader(file)
    except OSError as error:
        raise PluginError(f"{file}: the table of keywords: it cannot be read: {error.strerror or error}") from None


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
        path = _text(row.get(self.path)).replace("\\", "/").removeprefix("file://").removeprefix("./").strip()
        words: list[Words] = []
        for name, field, language in self.words:
            value = row.get(name)
            for each in value if isinstance(value, list | tuple) else [value]:
                words += as_words(field, _text(each), language)
        return (path, words) if path and words else None


def _text(value: object) -> str:
    return "" if value is None else str(value)[:LONGEST]


def _csv(file: Path) -> Iterator[tuple[str, list[Words]]]:
    csv.field_size_limit(LONGEST)
    with file.open(encoding="utf-8-sig", newline="") as lines:
        try:
            head = lines.readline(LONGEST)
            delimiter = "\t" if file.suffix.lower() == ".tsv" else max(",;\t", key=head.count)
            lines.seek(0)
            reader = csv.DictReader(lines, delimiter=delimiter)
            columns = _Columns(file, list(reader.fieldnames or ()))
            for row in reader:
                found = columns.read(row)
                if found is not None:
                    yield found
        except UnicodeDecodeError:
            raise _not_utf8(file) from None
        except csv.Error as error:
            raise PluginError(f"{file}, line {reader.line_num + 1}: not a table that can be read: {error}") from None


def _json_lines(file: Path) -> Iterator[tuple[str, list[Words]]]:
    columns: _Columns | None = None
    keys: Set[str] = frozenset()
    with file.open("rb") as lines:
        number = 0
        while line := lines.readline(16 * LONGEST):
            number += 1
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode("utf-8-sig"))
            except UnicodeDecodeError:
                raise _not_utf8(file) from None
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


def _parquet(file: Path) -> Iterator[tuple[str, list[Words]]]:
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


def _not_utf8(file: Path) -> PluginError:
    """Says in which line the first byte stands that is no UTF-8."""
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return PluginError(f"{file}, line {number}: it is not UTF-8; save the table as such")
    return PluginError(f"{file}: it is not UTF-8; save the table as such")
