"""The text index ``tantivy``."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import numpy as np
import tantivy

from seealso import (
    CollectionError,
    PluginOptions,
    TextContext,
    TextHits,
    TextIndex,
    TextQuery,
    Words,
    distinct,
)
from seealso_tantivy.analysis import SPELT, WRITTEN, Analysis, is_part_of_a_run
from seealso_tantivy.documents import FIELDS, HASH, ID, SPELLINGS, check_fields, schema, whole
from seealso_tantivy.errors import translated
from seealso_tantivy.files import open_to_read
from seealso_tantivy.header import Header
from seealso_tantivy.options import TantivyOptions
from seealso_tantivy.queries import QueryBuilder
from seealso_tantivy.snapshot import Snapshot, write_snapshot
from seealso_tantivy.working import WorkingCopy

_AT_ONCE = 500_000
"""IDs that are fetched by one search; tantivy sets memory aside for as many as are asked for, and Python makes objects of them."""


class TantivyIndex(TextIndex):
    """Full-text search with BM25 ranking, by tantivy."""

    name: ClassVar[str] = "tantivy"
    preference: ClassVar[int] = 1
    Options: ClassVar[type[PluginOptions]] = TantivyOptions
    options: TantivyOptions

    def __init__(self, options: PluginOptions, context: TextContext) -> None:
        assert isinstance(options, TantivyOptions)
        super().__init__(options, context)
        self._analysis = Analysis(options.languages)
        self._schema = schema(self._analysis)
        self._lock = threading.Lock()
        self._closed = False
        # The snapshot that was loaded, and the copy that takes the changes: neither is there before it is needed.
        self._snapshot: Snapshot | None = None
        self._copy: WorkingCopy | None = None
        # The newest state that can be searched, and whether there is a newer one to be made.
        self._searcher: tantivy.Searcher | None = None
        self._changed = False
        # That of the newest snapshot.
        self._header = Header(self._analysis.languages)

    def _refuse_closed(self) -> None:
        if self._closed:
            raise CollectionError("the text index is closed")

    # Snapshots

    def load(self, directory: Path) -> None:
        """Open a snapshot, or the folder of an index that an earlier release changed in place."""
        self._refuse_closed()
        snapshot = Snapshot.open(directory, self._analysis.languages)
        self._analysis = Analysis(self.options.languages, signs=snapshot.header.signs)
        self._schema = schema(self._analysis, hashed=snapshot.header.hashed)
        self._searcher = open_to_read(snapshot.files, snapshot.sizes, self._schema)
        self._snapshot, self._header = snapshot, snapshot.header

    def loaded_change(self) -> int | None:
        """The change that an index which was changed in place recorded."""
        return self._snapshot.header.applied if self._snapshot else None

    def save(self, directory: Path) -> None:
        """Write a snapshot, when merges are done: hard links to the segments, where the file system has them."""
        with self._lock:
            copy = self._working()
            if self._changed:
                # Before the merges, which may take a while: who asks meanwhile need not wait for them.
                self._searcher, self._changed = copy.commit(), False
            self._searcher = copy.settle()
            self._header = write_snapshot(directory, copy.folder, copy.names(), self._header)
            # The copy has all of it; who saved may now remove the one that was loaded.
            self._snapshot = None

    def verify(self) -> list[str]:
        """Compare the files of the snapshot that was loaded with what was recorded of them; about a second for each GB."""
        return self._snapshot.verify() if self._snapshot else []

    # Reading

    def _newest(self) -> tantivy.Searcher | None:
        """The newest state; None where nothing was ever there."""
        self._refuse_closed()
        if self._changed:
            with self._lock:
                self._refuse_closed()
                if self._changed and self._copy is not None:
                    self._searcher = self._copy.commit()
                    self._changed = False
        return self._searcher

    def search(self, query: TextQuery, limit: int, offset: int = 0) -> TextHits:
        """The objects that match, the best by BM25 first. Beginnings and words spelt nearly so all count the same."""
        if limit < 0 or offset < 0:
            raise ValueError(f"the limit and the offset have to be at least 0, not {limit} and {offset}")
        searcher = self._newest()
        if searcher is None or not searcher.num_docs:
            return TextHits(np.zeros(0, np.int64), np.zeros(0, np.float32), 0)
        with translated(self._where()):
            asked = QueryBuilder(self._schema, self._analysis, searcher).build(query)
            # tantivy sets memory aside for limit and offset, without a look at how many objects there are.
            offset = min(offset, searcher.num_docs)
            wanted = min(limit, searcher.num_docs - offset)
            found = searcher.search(asked, limit=max(wanted, 1), offset=offset if wanted else 0)
            hits = found.hits[:wanted]
            ids = np.array(searcher.fast_field_values(ID, [address for _, address in hits]), np.int64)
        scores = np.array([score for score, _ in hits], np.float32)
        return TextHits(ids, scores, _count(found))

    def matching(self, query: TextQuery) -> np.ndarray:
        """The IDs of all that match; some 0.4 seconds a million, and bounded memory beside the answer."""
        searcher = self._newest()
        if searcher is None or not searcher.num_docs:
            return np.zeros(0, np.int64)
        with translated(self._where()):
            asked = QueryBuilder(self._schema, self._analysis, searcher).build(query)
            parts = (ids for ids, _ in _ascending(searcher, self._schema, asked))
            return np.concatenate([np.zeros(0, np.int64), *parts])

    def hashes(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Read from tantivy's columns, about a second a million; None for an index of an earlier release, which keeps none."""
        searcher = self._newest()
        if not self._header.hashed:
            return None
        ids, hashes = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        if searcher is not None and searcher.num_docs:
            with translated(self._where()):
                for some, addresses in _ascending(searcher, self._schema, tantivy.Query.all_query()):
                    ids.append(some)
                    hashes.append(np.array(searcher.fast_field_values(HASH, addresses), np.int64))
        return np.concatenate(ids), np.concatenate(hashes)

    def suggest(self, beginning: str, limit: int) -> list[str]:
        """Words of the collection that begin so, the most frequent first; accents that are not typed may be there."""
        plain, written = self._analysis.beginning(beginning)
        searcher = self._newest()
        if searcher is None or not plain or limit < 1:
            return []
        with translated(self._where()):
            counts = self._spelt_so(searcher, plain, 2 * min(limit, searcher.num_docs))
            found: list[str] = []
            # An unaccented beginning stands for accented ones too, but not the other way round.
            for word in sorted(counts, key=lambda word: (-counts[word][0], word)):
                if len(found) == limit:
                    break
                fits = written == plain or word.startswith(written)
                if fits and searcher.search(counts[word][1], limit=1, count=False).hits:
                    found.append(word)
        return found

    def _spelt_so(self, searcher: tantivy.Searcher, plain: str, limit: int) -> dict[str, tuple[int, tantivy.Query]]:
        """Words whose form without accents begins so: how many objects have each, removed ones too, and the query for it."""
        found = {}
        spellings = dict(searcher.terms_with_prefix(SPELLINGS, plain, limit=limit))
        for word, count in searcher.terms_with_prefix(whole(WRITTEN), plain, limit=limit):
            spelt_otherwise = dict(searcher.terms_with_prefix(SPELLINGS, word + SPELT))
            spellings |= spelt_otherwise
            count -= sum(spelt_otherwise.values())
            if count > 0 and not is_part_of_a_run(word):
                found[word] = count, tantivy.Query.term_query(self._schema, whole(WRITTEN), word)
        for spelling, count in spellings.items():
            query = tantivy.Query.term_query(self._schema, SPELLINGS, spelling)
            found[spelling.partition(SPELT)[2]] = count, query
        return found

    def statistics(self) -> dict[str, int | float | str]:
        """Beside ``objects`` and ``bytes`` (on disk): segments, languages, and the names of all fields."""
        searcher = self._newest()
        with translated(self._where()):
            fields = sorted(name for name, _ in searcher.terms_with_prefix(FIELDS, "")) if searcher else []
        return {
            "objects": searcher.num_docs if searcher else 0,
            "bytes": self._bytes(),
            "segments": searcher.num_segments if searcher else 0,
            "languages": ", ".join(self._analysis.languages) or "as written",
            "fields": ", ".join(fields),
        }

    def _bytes(self) -> int:
        if self._copy is not None:
            return self._copy.size()
        return sum(self._snapshot.sizes.values()) if self._snapshot else 0

    def _where(self) -> Path:
        """The files that are searched, for messages."""
        if self._copy is not None:
            return self._copy.folder
        return self._snapshot.files if self._snapshot else Path()

    # Changing

    def _working(self) -> WorkingCopy:
        """The working copy, which is made before the first change; for the one who has the lock."""
        self._refuse_closed()
        if self._copy is None:
            self._copy = WorkingCopy(
                self.context.scratch(), self._snapshot, self._schema, self._analysis, hashed=self._header.hashed
            )
        return self._copy

    @contextmanager
    def _changing(self) -> Iterator[WorkingCopy]:
        with self._lock:
            copy = self._working()
            try:
                yield copy
            finally:
                self._changed = True

    def add(self, ids: np.ndarray, documents: Sequence[Sequence[Words]]) -> None:
        """Have objects found by these words, and by no others."""
        _check(ids, len(documents))
        check_fields(documents)
        if ids.size:
            with self._changing() as copy:
                copy.add(ids, documents)

    def remove(self, ids: np.ndarray) -> None:
        """Forget objects."""
        _check(ids)
        if ids.size:
            with self._changing() as copy:
                copy.remove(ids)

    def close(self) -> None:
        """Let go of files and memory, when merges are done."""
        with self._lock:
            self._closed = True
            copy, self._copy = self._copy, None
            self._searcher = None
            if copy is not None:
                copy.close()


def _check(ids: np.ndarray, documents: int | None = None) -> None:
    if (
        ids.dtype != np.int64
        or ids.ndim != 1
        or (ids < 0).any()
        or (documents is not None and distinct(ids).size < ids.size)
    ):
        raise ValueError("IDs have to be distinct int64 of shape (n,), and at least 0")
    if documents is not None and documents != ids.size:
        raise ValueError(f"there are {ids.size} IDs and {documents} documents")


def _count(found: tantivy.SearchResult) -> int:
    """How many match; tantivy's type information does not know of it."""
    count: int = found.count  # type: ignore[attr-defined]
    return count


def _ascending(
    searcher: tantivy.Searcher, schema: tantivy.Schema, query: tantivy.Query
) -> Iterator[tuple[np.ndarray, list[tantivy.DocAddress]]]:
    """The IDs of all that match, ascending, and where they are, a part at a time."""
    left = _count(searcher.search(query, limit=1))
    part = query
    while left > 0:
        limit = min(left, _AT_ONCE)
        hits = searcher.search(part, limit=limit, count=False, order_by_field=ID, order=tantivy.Order.Asc).hits
        if not hits:
            return
        ids = np.fromiter((hit[0] for hit in hits), np.int64, len(hits))
        yield ids, [address for _, address in hits]
        left -= ids.size
        beyond = tantivy.Query.range_query(
            schema, ID, tantivy.FieldType.Integer, lower_bound=int(ids[-1]), include_lower=False
        )
        part = tantivy.Query.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.Must, beyond)])
