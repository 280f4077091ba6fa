"""Keeps a metric index in step with the catalogue."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from seealso.catalogue.reader import Catalog
from seealso.collection.derived.snapshots import Snapshot, Snapshots
from seealso.collection.derived.view import View
from seealso.errors import FormatError
from seealso.interfaces.index import MetricIndex
from seealso.interfaces.store import ObjectStore

log = logging.getLogger("seealso")

CHUNK = 8192  # IDs at a time
CHUNK_BYTES = 1 << 22  # and bytes of descriptors
FAR_BEHIND = 1000  # changes: rather than replay so many, the newest snapshot is taken
SAMPLE_SEED = 20150809  # the same sample for the same collection, so that an index can be made again


class LiveIndex:
    """A metric index and the number of the change that it has applied.

    The catalogue and the store are the truth. What is missing is replayed from them: on opening, when another process
    has committed, after a crash. `index` may be used from any thread; changes are made one at a time.

    Args:
        make: makes an empty index.
        made_by: what makes a snapshot fit this index: its plugin, options, and distance.
        directory: where its snapshots are.
        store: where the descriptors are.
        empty: begin with nothing, and take no snapshot, however much there is to replay.
    """

    def __init__(
        self,
        make: Callable[[], MetricIndex],
        made_by: dict[str, Any],
        directory: Path,
        store: ObjectStore,
        *,
        empty: bool = False,
    ) -> None:
        self._make = make
        self._made_by = made_by
        self._snapshots = Snapshots(directory)
        self._store = store
        self._anew = empty
        self._lock = threading.RLock()
        self._held: Snapshot | None = None
        self._renewing: threading.Thread | None = None
        self.index = make()
        self.applied = 0
        self.saved: int | None = None
        self._trained = self.index.sample_size == 0
        if not empty:
            self._load()

    def _load(self) -> None:
        """Take the state of the current snapshot, where it fits."""
        snapshot = self._snapshots.current()
        if snapshot is None:
            return
        if snapshot.made_by != self._made_by:
            snapshot.release()
            return
        try:
            self.index.load(snapshot.directory)
        except (FormatError, OSError, ValueError) as error:
            log.warning("the index snapshot %s cannot be used (%s); building the index anew", snapshot.directory, error)
            snapshot.release()
            self.index = self._make()
            return
        self.applied = self.saved = snapshot.change
        self._trained = True
        self._held = snapshot

    def _another(self, *, empty: bool = False) -> LiveIndex:
        return LiveIndex(self._make, self._made_by, self._snapshots.directory, self._store, empty=empty)

    def _replace_by(self, fresh: LiveIndex, catalog: Catalog) -> None:
        """Bring another one up to date, and only then put it in the place of this one: queries go on meanwhile."""
        fresh._catch_up(catalog)
        if self._held is not None:
            self._held.release()
        self.index, self._trained, self._held = fresh.index, fresh._trained, fresh._held
        self.applied, self.saved = fresh.applied, fresh.saved

    def _too_old(self, catalog: Catalog) -> bool:
        """Whether removals that this index has not applied were forgotten; an empty one never needs any."""
        return 0 < self.applied < catalog.removals_known_since()

    def catch_up(self, catalog: Catalog) -> None:
        """Apply every change that the catalogue knows and the index does not."""
        self._catch_up(catalog)
        self._renew_if_outgrown(catalog)

    def view(self, catalog: Catalog) -> View[MetricIndex]:
        """What a query sees: the index, with every change that the catalogue knows."""
        self.catch_up(catalog)
        return View(self.index)

    def _catch_up(self, catalog: Catalog) -> None:
        # A plain read first: nearly every query finds that there is nothing to do, and takes no lock.
        if catalog.change() <= self.applied:
            return
        with self._lock:
            target = catalog.change()
            if target <= self.applied:
                return
            too_old = self._too_old(catalog)
            if too_old or (not self._anew and target - self.applied > FAR_BEHIND):
                # Whoever forgot removals has saved a newer snapshot before; whoever changed much will have, too.
                fresh = self._another()
                if too_old and fresh._too_old(catalog):
                    fresh.close()
                    fresh = self._another(empty=True)
                if too_old or fresh.applied > self.applied:
                    self._replace_by(fresh, catalog)
                    return
                fresh.close()
            if self._train(catalog):
                self._add(catalog.ids(after_change=self.applied))
                removed = catalog.removed_ids(after_change=self.applied)
                if removed.size:
                    self.index.remove(removed)
                self.applied = target

    def committed(self, catalog: Catalog, change: int, ids: np.ndarray, descriptors: np.ndarray) -> None:
        """Objects were committed as ``change``, perhaps none: apply it at once where nothing before it is missing."""
        with self._lock:
            if self._trained and self.applied == change - 1:
                if ids.size:
                    self.index.add(ids, descriptors)
                self.applied = change
        self._renew_if_outgrown(catalog)

    def _renew_if_outgrown(self, catalog: Catalog) -> None:
        """Build a new generation of an index that has outgrown its training, beside this one; then take its place."""
        # Asked before the lock is taken: a query must not wait for a writer that holds it.
        if self._renewing is not None or not self.index.outgrown():
            return
        with self._lock:
            if self._renewing is None and self.index.outgrown():
                self._renewing = threading.Thread(target=self._renew, args=(catalog,), name="renew the index")
                self._renewing.start()

    def _renew(self, catalog: Catalog) -> None:
        try:
            fresh = self._another(empty=True)
            fresh._catch_up(catalog)
            with self._lock:
                self._replace_by(fresh, catalog)
                self._renewing = None
        except Exception as error:
            # Still set, so that it is not tried again and again: the index goes on as it is.
            log.warning("the index could not be built anew (%s); it goes on with what it has", error)

    def _finish_renewing(self) -> None:
        """Wait for the new generation, where one is being built."""
        renewing = self._renewing
        if renewing is not None:
            renewing.join()

    def _train(self, catalog: Catalog) -> bool:
        """Train an index that needs it; False while there is nothing to train it on."""
        if self._trained:
            return True
        ids = catalog.ids()
        if ids.size:
            context = self.index.context
            chosen = np.random.default_rng(SAMPLE_SEED).permutation(ids)[: self.index.sample_size]
            found, sample = 0, np.empty((chosen.size, context.dim), context.dtype)
            for block in self._store.read_blocks(np.sort(chosen)):
                sample[found : found + block.ids.size] = block.decode()
                found += block.ids.size
            if found:
                self.index.train(sample[:found])
                self._trained = True
        return self._trained

    def _add(self, ids: np.ndarray) -> None:
        context = self.index.context
        step = CHUNK
        if self.index.needs_content:
            step = min(CHUNK, max(1, CHUNK_BYTES // (context.dim * context.dtype.itemsize)))
        for start in range(0, ids.size, step):
            part = ids[start : start + step]
            if not self.index.needs_content:
                self.index.add(part, None)
                continue
            for block in self._store.read_blocks(part):
                order = np.argsort(block.ids)
                self.index.add(block.ids[order], block.decode()[order])

    def save_if_worthwhile(self) -> None:
        """Write a snapshot when replaying what came after the last one would cost more than a little."""
        self._finish_renewing()
        with self._lock:
            if self.saved is None or self.applied - self.saved > 100:
                self._save()

    def save(self) -> None:
        """Write a snapshot and make it the current one."""
        self._finish_renewing()
        with self._lock:
            self._save()

    def _save(self) -> None:
        if self._trained and self.saved != self.applied:
            self._snapshots.save(self.applied, self._made_by, self.index.save)
            self.saved = self.applied

    def rebuild(self, catalog: Catalog) -> None:
        """Throw the index away and build it from the catalogue and the store."""
        self._finish_renewing()
        with self._lock:
            self._replace_by(self._another(empty=True), catalog)
            self._save()

    def close(self) -> None:
        """Let go of the index and its snapshot."""
        self._finish_renewing()
        with self._lock:
            self.index.close()
            if self._held is not None:
                self._held.release()
                self._held = None
