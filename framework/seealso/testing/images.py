"""Image files of known content."""

import io
from pathlib import Path
from typing import Any

from PIL import Image

from seealso.testing.strategies import picture


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """An image as the bytes of a file of this kind."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def write_pictures(folder: Path, count: int, seed: int = 0) -> list[Path]:
    """Write pictures of different content into a folder: ``0000.png`` and so on, 96 × 72 pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:04d}.png" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(encoded(picture((96, 72), seed + number, "noise" if number % 3 == 2 else "edge")))
    return paths
