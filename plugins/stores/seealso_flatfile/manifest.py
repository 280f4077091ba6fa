"""The two small files of a store: what it is, and which of the other files count."""

from __future__ import annotations

import json
import os
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from seealso import FormatError, PluginChoice, StoreError, write_atomically
from seealso_flatfile.files import FORMAT_VERSION, PREAMBLE_BYTES, refuse_newer

KIND = "flat-file.json"
MANIFEST = "manifest.json"
SEGMENTS = "segments"
LOCK = "lock"
MAGIC = "seealso-flat-file"
REMEDY = "restore it from a backup, or move the collection away and index again"


class Damaged(Exception):
    """A file is there, and its checksum does not fit."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a store holds: descriptors of ``dim`` values of ``dtype``, written by ``codec`` (in its YAML form).

    ``lossy_error`` is how far a lossy codec was off with the first of them: the largest |decoded − x| / |x|.
    """

    dim: int
    dtype: str
    codec: str | dict[str, Any]
    lossy_error: float | None = None

    def choice(self) -> PluginChoice:
        """The codec."""
        return PluginChoice.parse(self.codec)


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is: objects, and the bytes that their records take, header and padding included."""

    objects: int
    bytes: int

    def __add__(self, more: Counts) -> Counts:
        return Counts(self.objects + more.objects, self.bytes + more.bytes)

    def __sub__(self, fewer: Counts) -> Counts:
        return Counts(self.objects - fewer.objects, self.bytes - fewer.bytes)


@dataclass(frozen=True, slots=True)
class Manifest:
    """Which files make up a store.

    Attributes:
        kind: what the store holds: a second copy.
        segments: the numbers of the segments, ascending. What comes later counts; the last one is written to.
        checkpoint: up to where in the last segment the table knows the records.
        table: the number of the table; 0 for none, until it is made again from the segments.
        pages: how many pages it has.
        keys_crc: CRC-32 of the keys of these pages.
        counts: how much there is; None in a store that was last written by a release that did not count.
        counted: up to where in the last segment they count. They are written before the table is changed, so this is
            beyond ``checkpoint`` while the table is, and where that was interrupted.
    """

    kind: Kind | None
    segments: tuple[int, ...]
    checkpoint: int = PREAMBLE_BYTES
    table: int = 0
    pages: int = 0
    keys_crc: int = 0
    counts: Counts | None = None
    counted: int = 0

    @classmethod
    def of_what_is_there(cls, directory: Path) -> Self:
        """The manifest of a store that has lost it: every segment counts, and there is no table."""
        files = (directory / SEGMENTS).glob("????????.seg")
        return cls(None, tuple(sorted(int(file.stem) for file in files if file.stem.isdecimal())))


def segment_path(directory: Path, number: int) -> Path:
    """The file of a segment."""
    return directory / SEGMENTS / f"{number:08d}.seg"


def state(directory: Path) -> tuple[int, int, int] | None:
    """What changes whenever the manifest does; None where there is none. Costs one ``stat``."""
    try:
        found = os.stat(directory / MANIFEST)
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def read_manifest(directory: Path) -> Manifest:
    """The manifest.

    Raises:
        FileNotFoundError: there is none.
        Damaged: it cannot be used.
        FormatError: it is one of a newer format.
    """
    content = _read(directory / MANIFEST)
    try:
        kind, counts = content["kind"], content.get("counts")
        return Manifest(
            None if kind is None else _kind(kind),
            tuple(map(int, content["segments"])),
            checkpoint=int(content["checkpoint"]),
            table=int(content["table"]),
            pages=int(content["pages"]),
            keys_crc=int(content["keys_crc"]),
            counts=None if counts is None else Counts(int(counts["objects"]), int(counts["bytes"])),
            counted=int(content.get("counted", 0)),
        )
    except (KeyError, TypeError, ValueError):
        raise Damaged from None


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Replace the manifest, durably: before, the old one stands."""
    _write(directory / MANIFEST, asdict(manifest))


def read_kind(directory: Path) -> Kind | None:
    """What a store holds; None where there is none yet. The manifest has a copy, should the file be lost.

    Raises:
        FormatError: it is of something else, damaged, or of a newer format.
    """
    try:
        return _kind(_read(directory / KIND))
    except FileNotFoundError:
        missing = True
    except (Damaged, KeyError, TypeError, ValueError):
        missing = False
    try:
        copy = read_manifest(directory).kind
    except (FileNotFoundError, Damaged):
        copy = None
    if copy is not None:
        return copy
    if not missing:
        raise FormatError(f"{directory / KIND} is not of a store flat-file of seealso, or is damaged; {REMEDY}")
    if Manifest.of_what_is_there(directory).segments:
        raise StoreError(f"{directory / KIND} is missing, and without it the descriptors cannot be read; {REMEDY}")
    return None


def write_kind(directory: Path, kind: Kind) -> None:
    """Write down what a store holds, durably."""
    _write(directory / KIND, asdict(kind))


def _kind(content: dict[str, Any]) -> Kind:
    error = content.get("lossy_error")
    dtype = np.dtype(content["dtype"]).name
    kind = Kind(int(content["dim"]), dtype, content["codec"], None if error is None else float(error))
    kind.choice()
    return kind


def _write(path: Path, content: dict[str, Any]) -> None:
    content = {"magic": MAGIC, "version": FORMAT_VERSION, **content}
    try:
        write_atomically(path, json.dumps({"crc32": _checksum(content), **content}).encode())
    except BaseException:
        # On a full disk above all, half of a file must not stay.
        path.with_name(path.name + ".new").unlink(missing_ok=True)
        raise


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
        fits = content.pop("crc32") == _checksum(content) and content["magic"] == MAGIC
        version = int(content["version"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Damaged from None
    if not fits:
        raise Damaged
    refuse_newer(path, version)
    return content


def _checksum(content: dict[str, Any]) -> str:
    return f"{zlib.crc32(json.dumps(content, sort_keys=True).encode()):08x}"
