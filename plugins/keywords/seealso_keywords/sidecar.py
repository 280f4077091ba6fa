"""The keyword source ``sidecar``: words in a file beside the image."""

from __future__ import annotations

import json
import os
import re
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from seealso import IMAGE_SUFFIXES, KeywordError, KeywordSource, PluginOptions, Words, shown_path
from seealso_keywords.boilerplate import is_boilerplate
from seealso_keywords.characters import decoded
from seealso_keywords.fields import CAPTIONS, FIELD_OF, as_words
from seealso_keywords.xmp import read_xmp

MOST_BYTES = 1 << 20
FOLDERS = 16  # whose listings are kept
LOOKED_AT_SECONDS = 1.0  # during which nobody looks whether a folder has changed; the next ingest sees it
SUFFIXES = (".txt", ".json", ".xmp", ".supplemental-metadata.json")

_TRANSLATED = re.compile(rb"([a-z]{2,3})(?:[_@][\w@]*)?\.utf8=(.*)")

Listing = dict[bytes, list[bytes]]
"""A sidecar's name without its suffix, in lower case → the names of such sidecars."""


class Sidecar(KeywordSource):
    """For ``photo.jpg`` the files ``photo.txt``, ``photo.json``, ``photo.xmp``, and ``photo.jpg.txt`` and so on.

    A text is a caption; where it is of the kind that Tux Paint's stamps have, in all its languages. JSON is one object with
    the fields' names for keys, as Google Takeout writes it too. XMP is what other programs keep beside a raw file.
    """

    name = "sidecar"
    preference = 10

    def __init__(self, options: PluginOptions) -> None:
        super().__init__(options)
        self._listings: dict[bytes, tuple[float, int, Listing]] = {}
        self._lock = threading.Lock()
        self._ingesting = False

    def begin(self) -> None:
        """From now on a folder is not looked at again for each of its images."""
        self._ingesting = True

    def end(self) -> list[str]:
        """Nothing is held any more."""
        self._ingesting = False
        self._listings.clear()
        return []

    def state(self, path: bytes) -> bytes:
        """Name, size, time of change and inode of each sidecar."""
        states = []
        for sidecar in self._sidecars(path):
            try:
                found = os.stat(sidecar)
            except OSError:
                continue
            wrapped = (value & 0xFFFF_FFFF_FFFF_FFFF for value in (found.st_size, found.st_mtime_ns, found.st_ino))
            states.append(os.path.basename(sidecar) + struct.pack("<3Q", *wrapped))
        return b"/".join(states)

    def words(self, path: bytes, data: bytes) -> list[Words]:
        """What all of them say.

        Raises:
            KeywordError: one cannot be read; has what the others say.
        """
        found: list[Words] = []
        problem = ""
        for sidecar in self._sidecars(path):
            try:
                found += _read(sidecar)
            except KeywordError as error:
                problem = f"{shown_path(sidecar)}: {error}"
        if problem:
            raise KeywordError(problem, found)
        return found

    def _sidecars(self, path: bytes) -> Iterator[bytes]:
        folder, name = os.path.split(path)
        listing = self._listing(folder)
        stem = os.path.splitext(name)[0]
        for beginning in dict.fromkeys((stem.lower(), name.lower())):
            for sidecar in listing.get(beginning, ()):
                # It may be an image that is called .txt.
                if sidecar != name:
                    yield os.path.join(folder, sidecar)

    def _listing(self, folder: bytes) -> Listing:
        """The sidecars in a folder: it is listed once, and during an ingest looked at once in `LOOKED_AT_SECONDS`, not for every image."""
        now = time.monotonic()
        with self._lock:
            kept = self._listings.get(folder)
        if kept is not None and self._ingesting and now - kept[0] < LOOKED_AT_SECONDS:
            return kept[2]
        try:
            changed = os.stat(folder).st_mtime_ns
            if kept is not None and kept[1] == changed:
                with self._lock:
                    self._listings[folder] = now, changed, kept[2]
                return kept[2]
            listing: Listing = {}
            with os.scandir(folder) as entries:
                for entry in entries:
                    lower = entry.name.lower()
                    suffix = next((s for s in reversed(SUFFIXES) if lower.endswith(s.encode())), None)
                    if suffix is not None and entry.is_file():
                        listing.setdefault(lower[: -len(suffix)], []).append(entry.name)
        except OSError:
            return {}
        for names in listing.values():
            names.sort()
        with self._lock:
            while len(self._listings) >= FOLDERS:
                del self._listings[next(iter(self._listings))]
            self._listings[folder] = now, changed, listing
        return listing


def _read(path: bytes) -> list[Words]:
    """The words in a sidecar.

    Raises:
        KeywordError: it cannot be read; says why, without the path.
    """
    try:
        # O_NONBLOCK: should it be a pipe, opening it does not hang.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(MOST_BYTES + 1)
            size = os.fstat(descriptor).st_size
    except OSError as error:
        raise KeywordError(f"cannot be read: {os.strerror(error.errno or 0)}") from None
    if len(data) > MOST_BYTES:
        raise KeywordError(f"{size:,} bytes; at most {MOST_BYTES:,} are read beside an image")
    suffix = Path(os.fsdecode(path)).suffix.lower()
    if suffix == ".xmp":
        return [word for word in read_xmp(data) if word.field not in CAPTIONS or not is_boilerplate(word.text)]
    return list(_from_json(data) if suffix == ".json" else _from_text(data))


def _from_text(data: bytes) -> Iterator[Words]:
    """A caption; or Tux Paint's: the first line is English, the others begin with their language."""
    lines = data.removeprefix(b"\xef\xbb\xbf").splitlines()
    translated = [found for line in lines[1:] if (found := _TRANSLATED.fullmatch(line)) is not None]
    if not translated:
        yield from as_words("caption", _utf8(data))
        return
    yield from as_words("caption", _utf8(lines[0]), "en")
    for found in translated:
        yield from as_words("caption", found[2].decode("utf-8", "replace"), found[1].decode())


def _utf8(data: bytes) -> str:
    try:
        return decoded(data)
    except UnicodeDecodeError as error:
        raise KeywordError(f"it is not UTF-8 (at byte {error.start}); save it as such") from None


def _from_json(data: bytes) -> Iterator[Words]:
    try:
        said = json.loads(_utf8(data))
    except (ValueError, RecursionError) as error:
        raise KeywordError(f"it is not JSON that can be read: {error}") from None
    if not isinstance(said, dict):
        raise KeywordError("it is JSON, but not an object with keys such as title, caption, keywords")
    for key, value in said.items():
        field = FIELD_OF.get(key.lower())
        if field is not None:
            yield from _values(field, value)
    # As Google Takeout has them.
    for person in _list(said.get("people")):
        if isinstance(person, dict) and isinstance(person.get("name"), str):
            yield from as_words("keywords", person["name"])
    taken = said.get("photoTakenTime")
    if isinstance(taken, dict) and str(taken.get("timestamp", "")).isdecimal():
        yield from _date(int(taken["timestamp"]))


def _values(field: str, value: object, language: str = "") -> Iterator[Words]:
    """A text, a list of texts, or texts by language."""
    if isinstance(value, str):
        # Takeout's title is the name of the file.
        if not (field == "title" and os.path.splitext(value)[1].lower() in IMAGE_SUFFIXES):
            yield from as_words(field, value, language)
    elif isinstance(value, list):
        for each in value:
            if isinstance(each, str):
                yield from as_words(field, each, language)
    elif isinstance(value, dict) and not language:
        for known, each in value.items():
            yield from _values(field, each, str(known))


def _date(seconds: int) -> Iterator[Words]:
    from datetime import UTC, datetime

    try:
        yield Words("date", datetime.fromtimestamp(seconds, UTC).date().isoformat())
    except (ValueError, OverflowError, OSError):
        return


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
