"""What there is to say of the index."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from statistics import median

import numpy as np

from seealso_pppcodes.pivots import PivotSpaces
from seealso_pppcodes.ranking import CandidateSearch
from seealso_pppcodes.state import State

TRIED = 9  # queries that tell what a query costs
WANTED = 5000  # candidates of each


def describe(
    spaces: PivotSpaces, state: State, trained_on: int, search: Callable[[np.ndarray], CandidateSearch]
) -> dict[str, int | float | str]:
    """Objects, bytes by part, cells, and the cost of a query, tried with some of the pivots; under the words shown to people."""
    parts = bytes_by_part(state)
    objects = max(1, state.objects)
    sizes = state.counts[state.counts > 0]
    shown: dict[str, int | float | str] = {
        "objects": state.objects,
        "bytes": sum(parts.values()) + spaces.pivots.nbytes,
        "bytes_pivots": spaces.pivots.nbytes,
        "bytes_per_object": round(sum(parts.values()) / objects, 2),
        **{f"bytes_per_object_{part}": round(size / objects, 2) for part, size in parts.items()},
        "segments": len(state.segments),
        "pivots": f"{spaces.pivots.shape[0]} spaces of {spaces.pivots.shape[1]}, drawn from {trained_on} objects",
    }
    if sizes.size:
        half, most = (int(value) for value in np.percentile(sizes, (50, 99)))
        shown["cells"] = (
            f"{sizes.size / spaces.shape.spaces:.0f} of {spaces.shape.cells} in a space are in use; half hold up to {half} "
            f"objects, 99 % up to {most}, the largest {int(sizes.max())}"
        )
        shown["query"] = _query_cost(spaces, state, search)
    return shown


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


def _query_cost(spaces: PivotSpaces, state: State, search: Callable[[np.ndarray], CandidateSearch]) -> str:
    taken, scored = [], []
    for pivot in spaces.pivots[0, :TRIED]:
        started = time.perf_counter()
        one = search(pivot)
        next(one.blocks(WANTED), None)
        taken.append(1000 * (time.perf_counter() - started))
        scored.append(one.scored)
    share = 100 * median(scored) / max(1, state.objects)
    return f"{median(taken):.1f} ms and {share:.1f} % of the objects scored for {WANTED} candidates"
