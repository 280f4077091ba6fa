"""The contact sheet: the query and its neighbours in one picture."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont, ImageOps

from seealso import FileError, ImageError, ImageLimits, decode_image, printable, shown_path

if TYPE_CHECKING:
    from seealso import Hit

COLUMNS = 5
PICTURE = 232  # side of the square that a picture is fitted into, in pixels
GAP = 16
CAPTION = 42
BACKGROUND = (250, 250, 248)
FRAME = (236, 236, 232)
TEXT = (40, 40, 40)
QUIET = (120, 120, 116)
ACCENT = (196, 70, 30)


def draw_sheet(file: Path, hits: Sequence[Hit], query: bytes | None, limits: ImageLimits) -> None:
    """Draw the query, where there is one, then the hits in their order; written whole or not at all.

    Raises:
        FileError: the file cannot be written, or its suffix names no format.
    """
    cells: list[tuple[bytes, str, bool]] = []
    if query is not None:
        cells.append((query, "query", True))
    for rank, hit in enumerate(hits, 1):
        cells.append((hit.paths[0], f"{rank}" if hit.distance is None else f"{rank}   {hit.distance:.3f}", False))
    columns = max(1, min(COLUMNS, len(cells)))
    rows = max(1, -(-len(cells) // columns))
    across, down = PICTURE + GAP, PICTURE + CAPTION + GAP
    sheet = Image.new("RGB", (columns * across + GAP, rows * down + GAP), BACKGROUND)
    for place, (path, caption, marked) in enumerate(cells):
        left, top = GAP + place % columns * across, GAP + place // columns * down
        _draw_cell(sheet, (left, top), path, caption, limits, marked=marked)
    _save(sheet, file)


def _draw_cell(
    sheet: Image.Image, corner: tuple[int, int], path: bytes, caption: str, limits: ImageLimits, *, marked: bool
) -> None:
    left, top = corner
    draw = ImageDraw.Draw(sheet)
    draw.rectangle((left, top, left + PICTURE - 1, top + PICTURE - 1), fill=FRAME)
    try:
        with Path(os.fsdecode(path)).open("rb") as file:
            data = file.read(limits.max_bytes + 1)
        image = decode_image(data, min_side=PICTURE, limits=limits.taking_damaged()).image
        picture = ImageOps.contain(image, (PICTURE, PICTURE))
        sheet.paste(picture, (left + (PICTURE - picture.width) // 2, top + (PICTURE - picture.height) // 2))
    except (OSError, ImageError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        draw.text((left + 10, top + PICTURE // 2 - 8), _fitted(draw, reason, 13, PICTURE - 20), QUIET, _font(13))
    if marked:
        draw.rectangle((left - 4, top - 4, left + PICTURE + 3, top + PICTURE + 3), outline=ACCENT, width=4)
    name = printable(os.path.basename(shown_path(path)))
    draw.text((left, top + PICTURE + 6), caption, ACCENT if marked else TEXT, _font(15))
    draw.text((left, top + PICTURE + 25), _fitted(draw, name, 12, PICTURE), QUIET, _font(12))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _fitted(draw: ImageDraw.ImageDraw, text: str, size: int, width: int) -> str:
    """Text, shortened in the middle until it fits: what tells names apart is mostly at their ends."""
    font = _font(size)
    text = text[:200]
    keep = len(text)
    shortened = text
    while keep > 4 and draw.textlength(shortened, font) > width:
        keep -= 1
        shortened = text[: (keep + 1) // 2] + "…" + text[len(text) - keep // 2 :]
    return shortened


def _save(sheet: Image.Image, file: Path) -> None:
    suffix = file.suffix.lower()
    if suffix not in Image.registered_extensions():
        raise FileError(f"{file}: no picture can be written with that suffix; end the name in .png")
    new = file.with_name(f".{file.name}.{os.getpid()}.new{suffix}")
    try:
        sheet.save(new)
        new.replace(file)
    except OSError as error:
        # Where nothing can be written there is also nothing to remove.
        with contextlib.suppress(OSError):
            new.unlink()
        raise FileError(
            f"{file}: the contact sheet cannot be written: {error.strerror or error}; name another place"
        ) from None
