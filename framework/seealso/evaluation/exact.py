"""The true nearest neighbours of many queries, by comparing each with every descriptor; in blocks, resumable."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seealso.array_files import read_arrays, write_arrays
from seealso.interfaces.distance import Distance
from seealso.interfaces.store import ObjectStore

STEP = 20_000  # objects between two looks at the clock
SPARE = 8  # neighbours kept beyond those wanted: which of them are nearest is decided by the distance that a search computes
SAVE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nearest neighbours of m queries: IDs int64 and distances float32, both ``(m, k)``, nearest first."""

    ids: np.ndarray
    distances: np.ndarray


def exact_neighbours(
    store: ObjectStore,
    distance: Distance,
    queries: np.ndarray,
    k: int,
    own_ids: np.ndarray | None = None,
    *,
    work: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Neighbours:
    """The k nearest of all objects in a store, for each of some queries.

    O(queries × objects) distances; the memory is that of the queries, of one block and of the result.

    Args:
        store: the descriptors.
        distance: the metric.
        queries: descriptors ``(m, dim)``.
        k: how many; at most as many as there are objects that count.
        own_ids: int64 ``(m,)``: the object that a query is, which is no neighbour of its own; below 0 for none.
        work: a file to keep what was computed in, now and then: an interrupted computation goes on from there.
        progress: told how many objects were compared, and of how many.
    """
    ids = store.ids()
    own = np.full(len(queries), -1, np.int64) if own_ids is None else own_ids
    kept = min(k + SPARE, int(ids.size))
    found = Neighbours(np.full((len(queries), kept), -1, np.int64), np.full((len(queries), kept), np.inf, np.float32))
    key = _key(ids, queries, own, kept, distance)
    done, found = _resume(work, key, found)
    saved = time.monotonic()
    for start in range(done, ids.size, STEP):
        for block in store.read_blocks(ids[start : start + STEP]):
            sound, descriptors = block.sound()
            distances = distance.many_to_many(queries, descriptors)
            distances[own[:, np.newaxis] == sound] = np.inf
            found = _nearest(found, sound, distances)
        done = min(start + STEP, int(ids.size))
        progress(done, int(ids.size))
        if work is not None and (time.monotonic() - saved > SAVE_SECONDS or done == ids.size):
            _save(work, key, done, found)
            saved = time.monotonic()
    return _by_true_distance(store, distance, queries, found, k)


def _nearest(found: Neighbours, ids: np.ndarray, distances: np.ndarray) -> Neighbours:
    """The nearest of those found and of some more, by distance; equal ones by ID."""
    kept = found.ids.shape[1]
    if distances.shape[1] > kept:
        # Only the nearest of the block can be among them.
        part = np.argpartition(distances, kept - 1, axis=1)[:, :kept]
        distances = np.take_along_axis(distances, part, axis=1)
        new_ids = ids[part]
    else:
        new_ids = np.broadcast_to(ids, distances.shape)
    all_ids = np.concatenate([found.ids, new_ids], axis=1)
    all_distances = np.concatenate([found.distances, distances], axis=1)
    order = np.lexsort((all_ids, all_distances))[:, :kept]
    return Neighbours(np.take_along_axis(all_ids, order, axis=1), np.take_along_axis(all_distances, order, axis=1))


def _by_true_distance(
    store: ObjectStore, distance: Distance, queries: np.ndarray, found: Neighbours, k: int
) -> Neighbours:
    """The k nearest by the distance of one to many, which a search computes: matrix products round otherwise."""
    ids = np.full((len(queries), k), -1, np.int64)
    distances = np.full((len(queries), k), np.inf, np.float32)
    for row, query in enumerate(queries):
        near = found.ids[row][np.isfinite(found.distances[row])]
        true = distance.one_to_many(query, store.get_many(near)) if near.size else np.empty(0, np.float32)
        order = np.lexsort((near, true))[:k]
        ids[row, : order.size], distances[row, : order.size] = near[order], true[order]
    return Neighbours(ids, distances)


def _key(ids: np.ndarray, queries: np.ndarray, own: np.ndarray, kept: int, distance: Distance) -> str:
    """What an earlier computation has to have in common with this one."""
    digest = hashlib.sha256(f"{distance.name} {distance.options!r} {kept} {queries.shape} {queries.dtype}".encode())
    for array in (ids, np.ascontiguousarray(queries), own):
        digest.update(array.tobytes())
    return digest.hexdigest()


def _save(work: Path, key: str, done: int, found: Neighbours) -> None:
    write_arrays(work, key=np.array(key), done=np.array(done), ids=found.ids, distances=found.distances)


def _resume(work: Path | None, key: str, empty: Neighbours) -> tuple[int, Neighbours]:
    """How many objects were compared before, and what was found; nothing, where that was something else, or is damaged."""
    read = None if work is None else read_arrays(work, "key", "done", "ids", "distances")
    if read is None or str(read["key"]) != key:
        return 0, empty
    if not read["ids"].shape == read["distances"].shape == empty.ids.shape:
        return 0, empty
    return int(read["done"]), Neighbours(read["ids"].astype(np.int64), read["distances"].astype(np.float32))
