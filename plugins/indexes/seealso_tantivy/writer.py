"""The writing side of an index."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import tantivy

from seealso import DiskFull, FormatError, Words, sync_directory
from seealso_tantivy.analysis import Analysis
from seealso_tantivy.documents import ID, document
from seealso_tantivy.errors import translated

HEAP = 128_000_000
"""Bytes of memory for what is not yet written to a segment."""


def create(directory: Path, schema: tantivy.Schema) -> None:
    """Make an empty index, durably; what a creation that was cut off has left there goes."""
    shutil.rmtree(directory, ignore_errors=True)
    with translated(directory):
        directory.mkdir()
        tantivy.Index(schema, str(directory))
        sync_directory(directory)
        sync_directory(directory.parent)


class Writer:
    """Writes to the index in a directory; one at a time.

    Args:
        directory: tantivy's files.
        schema: theirs.
        analysis: what is done to texts.
        highest: the highest ID in the index; -1 for none.

    Raises:
        CollectionBusy: there is another.
        FormatError: the files are damaged.
    """

    def __init__(self, directory: Path, schema: tantivy.Schema, analysis: Analysis, highest: int) -> None:
        self._directory = directory
        self._schema = schema
        self._analysis = analysis
        self._highest = highest
        with translated(directory):
            index = tantivy.Index(schema, str(directory))
            index.config_reader("manual")
            for name, analyzer in analysis.analyzers.items():
                index.register_tokenizer(name, analyzer)
            # Taking documents over keeps one core busy, and analysing them another.
            self._writer = index.writer(HEAP, 1)

    def put(self, ids: np.ndarray, documents: Sequence[Sequence[Words]]) -> None:
        """Have objects, int64 ``(n,)``, found by these words and no others."""
        # Most have IDs that were never used, and what is not there costs as much to remove as what is.
        self.remove(ids[ids <= self._highest])
        for id_, words in zip(ids.tolist(), documents, strict=True):
            made = document(id_, words, self._analysis)
            with translated(self._directory):
                self._writer.add_document(made)
            self._highest = max(self._highest, id_)

    def remove(self, ids: np.ndarray) -> None:
        """Forget objects, int64 ``(n,)``."""
        if ids.size:
            with translated(self._directory):
                gone = tantivy.Query.term_set_query(self._schema, ID, ids.tolist())
                self._writer.delete_documents_by_query(gone)

    def commit(self) -> None:
        """On return, what was written is durable, and found by who opens the index."""
        with translated(self._directory):
            self._writer.commit()
            # tantivy syncs every file; this is for the name of its list, which was replaced last.
            sync_directory(self._directory)

    def close(self) -> None:
        """Forget what was not committed, wait for merges, and give the lock back."""
        # Where the files are damaged or gone there is nothing to be rolled back; who reads them is told.
        with suppress(FormatError, DiskFull), translated(self._directory):
            self._writer.rollback()
            self._writer.wait_merging_threads()
