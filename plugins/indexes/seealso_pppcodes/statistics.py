"""What there is to say of the index."""

from __future__ import annotations

from collections import Counter

import numpy as np

from seealso_pppcodes.pivots import PivotSpaces
from seealso_pppcodes.state import State

LARGE = 1 << 16  # cells of so many objects are not told apart


def report(spaces: PivotSpaces, state: State, trained_on: int, filled: int) -> dict[str, int | float | str]:
    """Objects and bytes by part, under the words shown to people; O(segments).

    Args:
        spaces: the pivots.
        state: what the index holds.
        trained_on: the pivots were drawn from so many objects.
        filled: bytes of what queries keep of the cells.
    """
    parts = bytes_by_part(state)
    parts["cells"] += filled
    objects = max(1, state.objects)
    return {
        "objects": state.objects,
        "bytes": sum(parts.values()) + spaces.pivots.nbytes,
        "bytes_pivots": spaces.pivots.nbytes,
        "bytes_per_object": round(sum(parts.values()) / objects, 2),
        **{f"bytes_per_object_{part}": round(size / objects, 2) for part, size in parts.items()},
        "segments": len(state.segments),
        "pivots": f"{spaces.pivots.shape[0]} spaces of {spaces.pivots.shape[1]}, drawn from {trained_on} objects",
    }


def report_cells(state: State) -> dict[str, str]:
    """How large the cells are; nothing where there is no object. O(cells), however many objects there are."""
    if not state.objects:
        return {}
    # How many cells there are of each size: much quicker than to sort them.
    sizes = np.bincount(np.minimum(state.counts, LARGE).ravel())
    up_to = np.cumsum(sizes[1:])
    half, most = (int(np.searchsorted(up_to, share * up_to[-1])) + 1 for share in (0.5, 0.99))
    told = (
        f"{up_to[-1] / state.shape.spaces:.0f} of {state.shape.cells} in a space are in use; half hold up to {half} "
        f"objects, 99 % up to {most}, the largest {int(state.counts.max())}"
    )
    return {"cells": told}


def bytes_by_part(state: State) -> dict[str, int]:
    """What a state takes in memory, in bytes, all but the pivots."""
    total = Counter[str]()
    for segment in state.segments:
        total.update(segment.bytes_by_part())
    tail = state.tail
    total["newest"] = tail.ids.nbytes + tail.codes.nbytes + tail.hidden.nbytes
    total["removed"] = sum(hidden.nbytes for hidden in state.hidden)
    total["cells"] += state.counts.nbytes
    return dict(total)
