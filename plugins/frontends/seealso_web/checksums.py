"""Bytes that are kept with their own checksum behind them, so that no flipped bit is ever shown."""

from __future__ import annotations

import hashlib

MARK = b"seealso1"
LENGTH = 16  # bytes of the checksum


def sealed(data: bytes) -> bytes:
    """Bytes with a mark and their checksum behind them. A program that shows an image passes over what is behind it."""
    return data + MARK + _checksum(data)


def unsealed(data: bytes) -> bytes | None:
    """The bytes that were sealed; None where these are none, or damaged."""
    end = len(data) - LENGTH - len(MARK)
    if end < 0 or data[end:-LENGTH] != MARK or _checksum(data[:end]) != data[-LENGTH:]:
        return None
    return data[:end]


def _checksum(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=LENGTH).digest()
