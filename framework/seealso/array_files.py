"""Files of arrays (.npz) that keep what can be made again: written whole, and read only where they are sound."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from seealso.durability import write_atomically


def write_arrays(file: Path, **arrays: Any) -> None:
    """Write arrays under their names, in the place of what the file held before.

    Raises:
        OSError: it cannot be written.
    """
    data = io.BytesIO()
    np.savez(data, **arrays)
    write_atomically(file, data.getvalue())


def read_arrays(file: Path, *names: str) -> dict[str, np.ndarray] | None:
    """What `write_arrays` wrote under these names; None where the file is gone, is something else, or is damaged anywhere."""
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as read:
            # Nothing of ours is packed, so that no small file becomes large in memory.
            packed = any(each.compress_type != zipfile.ZIP_STORED for each in read.zip.infolist())
            # NumPy reads an array no further than its head says, and a damaged head says too little: then no checksum is compared.
            if packed or read.zip.testzip() is not None:
                return None
            return {name: read[name] for name in names}
    except Exception:
        # Zip, and the heads of the arrays, raise what they like.
        return None
