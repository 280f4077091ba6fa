"""A copy of an index that changes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import tantivy

from seealso import DiskFull, FormatError, Words
from seealso_tantivy.analysis import Analysis
from seealso_tantivy.documents import ID, document
from seealso_tantivy.errors import room_in, translated
from seealso_tantivy.files import link_files, listed
from seealso_tantivy.snapshot import Snapshot

HEAP = 128_000_000
"""Bytes of memory for what is not yet written to a segment."""

_MANAGED = ".managed.json"
"""tantivy's list of the files that it may remove when no segment needs them any more."""


class WorkingCopy:
    """An index in a folder of its own: links to the files of a snapshot, and beside them the segments that are new.

    Links are enough, for tantivy never changes a file; it removes a link where it would remove a file. Only files that count
    are linked: what a writer that was killed has left beside them would be in the way of the next.

    One thread at a time uses it. Where hard links cannot be made, the links are symbolic: the snapshot then has to stay for
    as long as the copy is used. The framework sees to it, for it holds the snapshot that it has loaded.

    Args:
        folder: an empty folder.
        origin: the snapshot to begin with; None: begin with an empty index.
        schema: the schema of the index.
        analysis: what is done to texts.
        hashed: whether the schema has a field for the hash of an object's words.
    """

    def __init__(
        self, folder: Path, origin: Snapshot | None, schema: tantivy.Schema, analysis: Analysis, *, hashed: bool
    ) -> None:
        self.folder = folder
        self._schema = schema
        self._analysis = analysis
        self._hashed = hashed
        self._writer: tantivy.IndexWriter | None = None
        if origin is not None:
            with room_in(folder):
                link_files(origin.files, origin.sizes, folder, lasting=False)
                (folder / _MANAGED).write_text(json.dumps(list(origin.sizes)))
        with translated(folder):
            self._index = tantivy.Index(schema, str(folder))
            self._index.config_reader("manual")
            for name, analyzer in analysis.analyzers.items():
                self._index.register_tokenizer(name, analyzer)
            self._highest = _highest(self._searcher())

    def _searcher(self) -> tantivy.Searcher:
        self._index.reload()
        return self._index.searcher()

    def _writing(self) -> tantivy.IndexWriter:
        if self._writer is None:
            # Taking documents over keeps one core busy, and analysing them another.
            self._writer = self._index.writer(HEAP, 1)
            # tantivy numbers the first operation of a writer like the last commit before it. A merge can then take a segment for
            # up to date that has lost objects in that commit, and skip this removal for good. So the first one removes nothing.
            self._writer.delete_documents_by_query(tantivy.Query.term_set_query(self._schema, ID, [-1]))
        return self._writer

    def add(self, ids: np.ndarray, documents: Sequence[Sequence[Words]]) -> None:
        """Have objects, int64 ``(n,)``, found by these words and no others."""
        self.remove(ids)
        for id_, words in zip(ids.tolist(), documents, strict=True):
            made = document(id_, words, self._analysis, hashed=self._hashed)
            with translated(self.folder):
                self._writing().add_document(made)
            self._highest = max(self._highest, id_)

    def remove(self, ids: np.ndarray) -> None:
        """Forget objects, int64 ``(n,)``."""
        # Most have IDs that were never used, and what is not there costs as much to remove as what is.
        known = ids[ids <= self._highest]
        if known.size:
            with translated(self.folder):
                gone = tantivy.Query.term_set_query(self._schema, ID, known.tolist())
                self._writing().delete_documents_by_query(gone)

    def commit(self) -> tantivy.Searcher:
        """Have what was written found; the new state."""
        with translated(self.folder):
            if self._writer is not None:
                self._writer.commit()
            return self._searcher()

    def settle(self) -> tantivy.Searcher:
        """When all is committed: wait for merges. The files that count then stay as they are until something is written.
        The new state."""
        with translated(self.folder):
            writer, self._writer = self._writer, None
            if writer is not None:
                # That is its end; the next change makes another.
                writer.wait_merging_threads()
            return self._searcher()

    def names(self) -> list[str]:
        """The files that count now."""
        return listed(self.folder)

    def size(self) -> int:
        """Bytes of the files that count now; of a merge that ends meanwhile those before or after, or some of both."""
        return sum(_size(self.folder / name) for name in self.names())

    def close(self) -> None:
        """Wait for merges, so that no thread goes on writing, and let go of the files."""
        writer, self._writer = self._writer, None
        if writer is not None:
            # Where the files are damaged or gone there is nothing to wait for; who reads them is told.
            with suppress(FormatError, DiskFull), translated(self.folder):
                writer.wait_merging_threads()


def _size(path: Path) -> int:
    """Bytes of a file; none if a merge has just removed it."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _highest(searcher: tantivy.Searcher) -> int:
    """The highest ID; -1 where there is none."""
    if not searcher.num_docs:
        return -1
    last = searcher.search(tantivy.Query.all_query(), limit=1, count=False, order_by_field=ID)
    highest: int = last.hits[0][0]
    return highest
