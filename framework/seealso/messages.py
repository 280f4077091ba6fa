"""How whatever is told to a person is written: on one line, of a sensible length, with nothing that could steer a terminal.

Every message comes through here on its way out: the text of a `SeealsoError`, what is wrong with a plugin, the lines of the
command line and of its log, and what the web says of a problem.
"""

from __future__ import annotations

import logging
import traceback
import unicodedata
from types import TracebackType

LONGEST = 1000
"""Characters of a message. A longer one is cut in its middle: the beginning says what is wrong, and the end what to do."""

MOST_LINES = 200
"""Lines of a traceback, which is cut in its middle as well."""

IS_EMPTY = "the collection is empty; `seealso index PATH…` takes images in"
"""What to tell who asks a collection that holds no object."""


def printable(text: str) -> str:
    r"""Text for a terminal: what could steer it, break the line or reorder what is shown stands as ``\x1b``, ``\n``, ``\u202e``, …"""
    if text.isprintable():
        return text
    return "".join(repr(character)[1:-1] if _steers(character) else character for character in text)


def _steers(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] == "C" or category in ("Zl", "Zp")


def one_line(text: str, longest: int = LONGEST) -> str:
    """Text as a message: `printable`, and cut in its middle ("…") where it has more than ``longest`` characters."""
    # Cut at once, for the text may be of any length; and again, for what does not print as it is takes more characters.
    return _cut(printable(_cut(text, longest)), longest)


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    end = longest // 3
    return f"{text[: longest - end - 1]}…{text[-end:]}"


def reason_of(error: BaseException) -> str:
    """What an exception says, as a message; the name of its type where it says nothing, or where even that fails."""
    try:
        said = " ".join(str(error).split())
    except Exception:
        said = ""
    return one_line(said) or type(error).__name__


def traceback_of(error: BaseException) -> str:
    """The traceback of an exception, line by line as messages."""
    lines = "".join(traceback.format_exception(error)).splitlines()
    if len(lines) > MOST_LINES:
        lines[MOST_LINES // 2 : -MOST_LINES // 2] = ["…"]
    return "\n".join(map(one_line, lines))


class MessageFormatter(logging.Formatter):
    """Formats records of a log: each as a message, with its traceback, if it has one, below it."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The message, on one line."""
        return one_line(super().formatMessage(record))

    def formatException(
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        """The traceback."""
        return "" if ei[1] is None else traceback_of(ei[1])
