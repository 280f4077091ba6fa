"""The file that says what the index is, and which change of the catalogue it holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from seealso import FormatError, write_atomically
from seealso_tantivy.errors import REMEDY

NAME = "text-index.json"
MAGIC = "seealso-tantivy"
VERSION = 1
"""Of the schema and of the analysis: when a word comes to be stored in another form, an index has to be built anew."""


@dataclass(frozen=True, slots=True)
class Position:
    """What the file says.

    Attributes:
        languages: whose words are in the index.
        applied: the number that the newest commit was given.
    """

    languages: tuple[str, ...]
    applied: int = 0

    def write(self, directory: Path) -> None:
        """Replace the file, durably: before, the old one stands."""
        content = {"magic": MAGIC, "version": VERSION, "languages": self.languages, "applied": self.applied}
        write_atomically(directory / NAME, json.dumps(content).encode())


def read_position(directory: Path) -> Position | None:
    """What the file in a directory says; None where there is none.

    Raises:
        FormatError: it is of something else, damaged, or of another version.
    """
    path = directory / NAME
    try:
        content = json.loads(path.read_bytes())
        if content["magic"] != MAGIC:
            raise ValueError
        version, applied = int(content["version"]), int(content["applied"])
        position = Position(tuple(map(str, content["languages"])), applied)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError, RecursionError, IsADirectoryError):
        raise FormatError(f"{path} is not of a text index of seealso, or is damaged; {REMEDY}") from None
    if version != VERSION:
        raise FormatError(f"{path} is of format {version}, and this release reads {VERSION}; {REMEDY}")
    return position
