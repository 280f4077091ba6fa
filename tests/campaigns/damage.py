"""Damage to a file, as disks and people do it."""

import random
from pathlib import Path

PAGE = 4096


def flip(data: bytes, random: random.Random) -> tuple[bytes, str]:
    """One bit, mostly of a byte that is not zero."""
    at = random.randrange(len(data))
    if random.random() < 0.8:
        # From there to the next byte that is in use.
        at = next((each for each in range(at, min(at + PAGE, len(data))) if data[each]), at)
    bit = random.randrange(8)
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :], f"bit {bit} of byte {at} is flipped"


def overwrite(data: bytes, random: random.Random) -> tuple[bytes, str]:
    """A few bytes."""
    at, number = random.randrange(len(data)), random.randrange(1, 17)
    return (data[:at] + random.randbytes(number) + data[at + number :])[
        : len(data)
    ], f"{number} bytes from {at} on are others"


def clear(data: bytes, random: random.Random) -> tuple[bytes, str]:
    """A page."""
    at = random.randrange(-(-len(data) // PAGE)) * PAGE
    return data[:at] + bytes(min(PAGE, len(data) - at)) + data[at + PAGE :], f"the page from {at} on is zero"


def cut(data: bytes, random: random.Random) -> tuple[bytes, str]:
    """The end is gone."""
    kept = random.randrange(len(data))
    return data[:kept], f"cut after {kept} bytes"


def empty(data: bytes, random: random.Random) -> tuple[bytes, str]:
    """Nothing is left."""
    return b"", "emptied"


WAYS = ((flip, 80), (overwrite, 6), (clear, 4), (cut, 4), (empty, 2), (None, 4))
"""Ways to damage a file, each with how often it is taken; None: the file is gone."""


def damage(file: Path, random: random.Random) -> str:
    """Damage a file; what was done to it, empty where it is as it was."""
    (way,) = random.choices([way for way, _ in WAYS], [often for _, often in WAYS])
    if way is None:
        file.unlink()
        return "gone"
    data = file.read_bytes()
    if not data:
        return ""
    damaged, what = way(data, random)
    # Links to the same content elsewhere stay as they are.
    file.unlink()
    file.write_bytes(damaged)
    return what if damaged != data else ""
