"""The record: a descriptor, or word that one was removed, as it stands in a segment.

A header of 24 bytes (ID, length, flags, CRC-32 of the payload, check of all these), the payload, and zeros up to a
multiple of eight. The segments alone are the truth; where each record lies can be found by reading them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seealso_flatfile.files import File, fingerprint

HEADER = np.dtype([("id", "<i8"), ("length", "<u4"), ("flags", "<u4"), ("crc", "<u4"), ("check", "<u4")])
HEADER_BYTES = HEADER.itemsize
ALIGNMENT = 8
REMOVED = 1
"""The flag of a record that has no payload and says that an ID was removed."""

WINDOW_BYTES = 8 << 20
"""How much of a segment is in memory while it is gone through."""

_HEADER = struct.Struct("<qIIII")

_ONE_BIT = np.packbits(np.eye(8 * HEADER_BYTES, dtype=np.uint8), axis=1, bitorder="little").view("<u8")
"""Headers with one bit set, each bit once: uint64 ``(192, 3)``."""


def record_bytes(length: Any) -> Any:
    """What a record takes with a payload of this length, or records ``(n,)``: header, payload, padding."""
    return (length + (HEADER_BYTES + ALIGNMENT - 1)) & ~(ALIGNMENT - 1)


def headers(ids: np.ndarray, lengths: np.ndarray, flags: int, crcs: np.ndarray) -> np.ndarray:
    """The headers ``(n,)`` of records."""
    made = np.empty(ids.size, HEADER)
    made["id"], made["length"], made["flags"], made["crc"] = ids, lengths, flags, crcs
    words = made.view("<u8").reshape(-1, 3)
    made["check"] = fingerprint(words[:, 0], words[:, 1], words[:, 2] & 0xFFFF_FFFF)
    return made


def joined(ids: np.ndarray, payloads: Sequence[bytes]) -> tuple[bytes, np.ndarray, np.ndarray]:
    """Records one after another, where in these bytes each starts, and the lengths of the payloads: int64 ``(n,)``."""
    lengths = np.fromiter(map(len, payloads), np.int64, len(payloads))
    crcs = np.fromiter(map(zlib.crc32, payloads), np.uint32, len(payloads))
    sizes = record_bytes(lengths)
    made = headers(ids, lengths, 0, crcs).tobytes()
    paddings = [bytes(padding) for padding in range(ALIGNMENT)]
    parts: list[bytes] = []
    for number, (payload, padding) in enumerate(zip(payloads, (sizes - lengths - HEADER_BYTES).tolist(), strict=True)):
        parts += made[HEADER_BYTES * number : HEADER_BYTES * (number + 1)], payload, paddings[padding]
    return b"".join(parts), np.cumsum(sizes) - sizes, lengths


def removals(ids: np.ndarray) -> bytes:
    """Records that say that these IDs were removed."""
    nothing = np.zeros(ids.size, np.uint32)
    return headers(ids, nothing, REMOVED, nothing).tobytes()


def sound_headers(buffer: np.ndarray, starts: np.ndarray, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Which of the records that should start here in the buffer, a multiple of eight bytes, do: bool ``(n,)``."""
    from seealso_flatfile import kernels

    sound = np.empty(ids.size, np.bool_)
    kernels.sound_headers(buffer.view("<u8"), starts // ALIGNMENT, ids, lengths, sound)
    return sound


def sound_payloads(buffer: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Which of the records whose headers are sound have a payload that fits its CRC-32: bool ``(n,)``."""
    crcs = buffer.view("<u8")[starts // ALIGNMENT + 2] & 0xFFFF_FFFF
    data = buffer.data
    found = [
        zlib.crc32(data[start : start + length])
        for start, length in zip((starts + HEADER_BYTES).tolist(), lengths.tolist(), strict=True)
    ]
    sound: np.ndarray = np.array(found, np.uint64) == crcs
    return sound


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """What was found in a part of a segment, in its order.

    Attributes:
        ids: int64 ``(n,)``; one may come several times, and the last counts.
        starts: where each record starts in the segment, int64 ``(n,)``.
        lengths: of the payloads, int64 ``(n,)``; −1 for a removal.
        end: where the last sound record ends; what comes behind it was never finished.
    """

    ids: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    end: int


def scan(file: File, start: int, size: int) -> Scan:
    """Go through a segment from a place on, where a record begins, up to ``size``.

    Past a damaged header the next sound record is looked for: what was flushed is never lost because of a damaged one
    before it. Where one flipped bit explains the damage, the record is known by its ID, and named when it is read. Behind
    the last sound record nothing is believed.
    """
    window = Window(file, size)
    found: list[tuple[int, int, int]] = []
    position = end = start
    sound = 0
    while True:
        header = window.header(position)
        whole = header is not None
        if header is None:
            header = window.mended(position)
        if header is None:
            header = window.find(position)
            whole = True
        if header is None:
            break
        position, id_, length, flags, crc = header
        found.append((id_, position, -1 if flags & REMOVED else length))
        following = position + record_bytes(length)
        if whole and zlib.crc32(window.part(position + HEADER_BYTES, length)) == crc:
            end, sound = following, len(found)
        position = following
    rows = np.array(found[:sound], np.int64).reshape(-1, 3)
    return Scan(rows[:, 0].copy(), rows[:, 1].copy(), rows[:, 2].copy(), end)


Found = tuple[int, int, int, int, int]
"""Where a record starts, its ID, length, flags, and CRC-32."""


class Window:
    """A part of a segment in memory, moved along as it is gone through."""

    def __init__(self, file: File, size: int) -> None:
        self._file = file
        self._size = size
        self._start = 0
        self._data = memoryview(b"")

    def part(self, start: int, length: int) -> memoryview:
        """These bytes of the segment; fewer at its end."""
        at = start - self._start
        if at < 0 or at + length > len(self._data):
            wanted = min(max(length, WINDOW_BYTES), max(0, self._size - start))
            self._data = memoryview(self._file.read(wanted, start))
            self._start, at = start, 0
        return self._data[at : at + length]

    def header(self, position: int) -> Found | None:
        """The sound header at this place whose record ends before the segment does."""
        raw = self.part(position, HEADER_BYTES)
        return self._header(position, raw) if len(raw) == HEADER_BYTES else None

    def mended(self, position: int) -> Found | None:
        """The header at this place as it was before one of its bits was flipped; None where that does not explain it."""
        words = np.frombuffer(self.part(position, HEADER_BYTES), np.uint8)
        if words.size < HEADER_BYTES:
            return None
        tried = words.view("<u8") ^ _ONE_BIT
        fits = fingerprint(tried[:, 0], tried[:, 1], tried[:, 2] & 0xFFFF_FFFF) == tried[:, 2] >> 32
        return self._header(position, tried[fits][0].tobytes()) if np.count_nonzero(fits) == 1 else None

    def _header(self, position: int, raw: memoryview | bytes) -> Found | None:
        id_, length, flags, crc, check = _HEADER.unpack(raw)
        if id_ < 0 or check != fingerprint(id_, length | flags << 32, crc):
            return None
        if position + record_bytes(length) > self._size:
            return None
        return position, id_, length, flags, crc

    def find(self, position: int) -> Found | None:
        """The first sound record after this place."""
        position += ALIGNMENT
        count = 1 << 16
        while position + HEADER_BYTES <= self._size:
            data = self.part(position, min(count, self._size - position))
            words = np.frombuffer(data[: len(data) // ALIGNMENT * ALIGNMENT], "<u8")
            if words.size < 3:
                return None
            fits = fingerprint(words[:-2], words[1:-1], words[2:] & 0xFFFF_FFFF) == words[2:] >> 32
            for place in np.flatnonzero(fits).tolist():
                header = self.header(position + ALIGNMENT * place)
                if header is not None and zlib.crc32(self.part(header[0] + HEADER_BYTES, header[2])) == header[4]:
                    return header
            position += ALIGNMENT * (words.size - 2)
            count = min(2 * count, WINDOW_BYTES)
        return None
