"""A look into the files of a store flat-file, for its tests."""

import functools
from pathlib import Path

from plugins import store_scripts
from seealso.testing import opening
from seealso_flatfile.store import FlatFileStore

open_store = functools.partial(opening.open_store, FlatFileStore)
script = functools.partial(store_scripts.script, FlatFileStore)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def segments(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "segments").iterdir())


def segment(folder: Path) -> Path:
    """Its only segment."""
    (path,) = (folder / "segments").iterdir()
    return path


def flip(path: Path, byte: int, bit: int = 4) -> None:
    content = bytearray(path.read_bytes())
    content[byte] ^= 1 << bit
    path.write_bytes(content)
