"""Snapshots: immutable folders with tantivy's files, and a header that knows their sizes and checksums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seealso import FormatError
from seealso_tantivy.errors import REMEDY, room_in
from seealso_tantivy.files import META, link_files, listed
from seealso_tantivy.header import Header, Recorded, read_header

FILES = "tantivy"
"""The folder with tantivy's own files."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One that was opened.

    Attributes:
        files: the folder with tantivy's own files.
        header: what it says of itself.
        sizes: name → bytes of each file that counts.
    """

    files: Path
    header: Header
    sizes: Mapping[str, int]

    @classmethod
    def open(cls, directory: Path, languages: tuple[str, ...]) -> Snapshot:
        """Look at what is in a folder: a snapshot, or an index that an earlier release changed in place.

        Raises:
            FormatError: neither; it is damaged; or it was made for other languages than these.
        """
        header = read_header(directory)
        if header.languages != languages:
            there, asked = (", ".join(codes) or "none" for codes in (header.languages, languages))
            raise FormatError(
                f"{directory}: the text index was made for other languages ({there}, not {asked}); {REMEDY}"
            )
        files = directory / FILES
        if header.applied is not None:
            return cls(files, header, {name: (files / name).stat().st_size for name in listed(files)})
        for name, recorded in header.files.items():
            # Damage can end the process when tantivy comes across it.
            wrong = _wrong(files / name, recorded, whole=name == META)
            if wrong:
                raise FormatError(f"{wrong}; {REMEDY}")
        return cls(files, header, {name: recorded.size for name, recorded in header.files.items()})

    def verify(self) -> list[str]:
        """What is wrong with the files, one line each. Of an index that was changed in place nothing is known."""
        found = (_wrong(self.files / name, recorded, whole=True) for name, recorded in self.header.files.items())
        return [wrong for wrong in found if wrong]


def write_snapshot(
    directory: Path,
    origin: Path,
    names: Sequence[str],
    before: Header,
) -> Header:
    """Write a snapshot into an empty folder; its header.

    Args:
        directory: the folder.
        origin: where tantivy's files are.
        names: those that count.
        before: the header of the snapshot before, or one without files. What it says of the index is true of this one too, and files
            that it records need not be read again.
    """
    files = directory / FILES
    with room_in(directory):
        files.mkdir()
        link_files(origin, names, files, lasting=True)
        known = before.files
        recorded = {
            name: known[name] if name in known and name != META else Recorded.of(files / name) for name in names
        }
        header = Header(before.languages, recorded, version=before.version)
        header.write(directory)
    return header


def _wrong(path: Path, recorded: Recorded, *, whole: bool) -> str:
    """What is wrong with a file, or with its size and its end; empty if nothing is."""
    try:
        if Recorded.of(path) == recorded if whole else recorded.opens(path):
            return ""
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    return f"{path} is damaged: it is not as it was saved"
