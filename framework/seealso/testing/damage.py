"""Damaged copies of what a plugin has written."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path


def halved_files(saved: Path, into: Path) -> Iterator[tuple[Path, Path]]:
    """For each file below a folder: its name, and a copy of the folder in which only the first half of this file is left."""
    files = [file.relative_to(saved) for file in saved.rglob("*") if file.is_file()]
    assert files
    for number, name in enumerate(files):
        damaged = into / f"damaged {number}"
        shutil.copytree(saved, damaged)
        data = (saved / name).read_bytes()
        (damaged / name).write_bytes(data[: len(data) // 2])
        yield name, damaged
