"""CSV and TSV, line by line, however they are quoted."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator
from typing import TextIO

from seealso import IMAGE_SUFFIXES

LONGEST = 1 << 20
"""Characters of a cell, at most."""

LONGEST_LINE = 64 * LONGEST

MOST_LINES = 1000
"""That a cell may hold."""

Tell = Callable[[int], None]
"""Is told the number of a line that has a quotation mark without a partner."""


class BadLine(Exception):
    """A line of a table cannot be read.

    Args:
        number: of the line, from 1.
        reason: says why.
    """

    def __init__(self, number: int, reason: str) -> None:
        self.number = number
        super().__init__(reason)


def read_table(lines: TextIO, delimiter: str, tell: Tell) -> Iterator[list[str]]:
    """The rows of a table.

    A table with tabs has no quotation marks, but around a whole cell. In one with commas or semicolons a quotation mark that never closes
    would take everything with it that comes behind it: such a line is read as if there were none, and told. It never closes where the
    table, or `MOST_LINES`, end before it does; or where a line within it is a row of its own.

    Raises:
        BadLine: a cell is longer than `LONGEST`.
    """
    csv.field_size_limit(LONGEST)
    rows = _Rows(lines, delimiter, tell)
    try:
        while row := rows.next():
            yield row[0]
    except csv.Error as error:
        raise BadLine(rows.number + 1, str(error)) from None


class _Rows:
    """Reads a table row by row.

    Attributes:
        number: lines that were read and belong to a row already.
    """

    def __init__(self, lines: TextIO, delimiter: str, tell: Tell) -> None:
        self.number = 0
        self._lines = lines
        self._delimiter = delimiter
        self._tell = tell
        self._width = 0
        self._waiting: list[str] = []

    def next(self) -> tuple[list[str]] | None:
        """The next row; None at the end."""
        if not self._waiting and not self._read():
            return None
        first = self._waiting[0]
        if self._delimiter == "\t":
            row, taken = [_unquoted(cell) for cell in self._parsed(first, quoting=False)], 1
        elif count := self._closing():
            row, taken = self._parsed("".join(self._waiting[:count])), count
        else:
            self._tell(self.number + 1)
            row, taken = self._parsed(first, quoting=False), 1
        self._width = self._width or len(row)
        self.number += taken
        del self._waiting[:taken]
        return (row,)

    def _read(self) -> bool:
        """Have one more line wait; False at the end."""
        line = self._lines.readline(LONGEST_LINE)
        if len(line) == LONGEST_LINE:
            raise csv.Error(f"a line of more than {LONGEST_LINE:,} characters")
        if line:
            self._waiting.append(line)
        return bool(line)

    def _closing(self) -> int:
        """How many of the lines that wait the next row takes; 0 where a quotation mark in the first of them never closes."""
        taken, is_open = 1, _leaves_open(self._waiting[0], self._delimiter, is_open=False)
        while is_open:
            if taken == MOST_LINES or (taken == len(self._waiting) and not self._read()):
                return 0
            line = self._waiting[taken]
            if self._is_row(line):
                return 0
            taken, is_open = taken + 1, _leaves_open(line, self._delimiter, is_open=True)
        return taken

    def _is_row(self, line: str) -> bool:
        """Whether a line is a whole row by itself: as many cells as the table has columns, and one of them names an image."""
        if not self._width:
            return False
        row = self._parsed(line, quoting=not _leaves_open(line, self._delimiter, is_open=False))
        return len(row) == self._width and any(
            os.path.splitext(cell.strip())[1].lower() in IMAGE_SUFFIXES for cell in row
        )

    def _parsed(self, text: str, *, quoting: bool = True) -> list[str]:
        if quoting:
            return next(csv.reader([text], delimiter=self._delimiter), [])
        return next(csv.reader([text], delimiter=self._delimiter, quoting=csv.QUOTE_NONE), [])


def _leaves_open(line: str, delimiter: str, *, is_open: bool) -> bool:
    """Whether a quotation is open behind a line, that was open before it or not: it begins where a cell does, and a doubled mark does not
    end it."""
    if '"' not in line:
        return is_open
    at = 0
    while True:
        if not is_open:
            if line[at : at + 1] != '"':
                at = line.find(delimiter, at) + 1
                if not at:
                    return False
                continue
            at += 1
        at = line.find('"', at)
        if at < 0:
            return True
        is_open = line[at + 1 : at + 2] == '"'
        at += 1 + is_open
        if not is_open:
            at = line.find(delimiter, at) + 1
            if not at:
                return False


def _unquoted(cell: str) -> str:
    """A cell without the quotation marks around it, if they are such: those within are doubled then."""
    inner = cell[1:-1]
    if len(cell) < 2 or not cell.startswith('"') or not cell.endswith('"') or '"' in inner.replace('""', ""):
        return cell
    return inner.replace('""', '"')
