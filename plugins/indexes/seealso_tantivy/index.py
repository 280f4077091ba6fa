"""The text index ``tantivy``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import tantivy

from seealso import (
    CollectionError,
    CollectionReadOnly,
    FormatError,
    PluginOptions,
    TextContext,
    TextHits,
    TextIndex,
    TextQuery,
    Words,
)
from seealso_tantivy.analysis import SPELT, WRITTEN, Analysis, is_part_of_a_run
from seealso_tantivy.documents import FIELDS, ID, SPELLINGS, schema, whole
from seealso_tantivy.errors import REMEDY, translated
from seealso_tantivy.options import TantivyOptions
from seealso_tantivy.position import Position, read_position
from seealso_tantivy.queries import QueryBuilder
from seealso_tantivy.view import View
from seealso_tantivy.writer import Writer, create

FILES = "tantivy"
"""The folder with tantivy's own files."""

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
        self._view: View | None = View(context.directory / FILES, self._schema)
        self._writer: Writer | None = None
        if read_position(context.directory) is None and not context.read_only:
            self._create()
        # Damage shows here, where it can be mended, rather than at the first query.
        self.applied()
        self._searcher()

    def _create(self) -> None:
        for path in self.context.directory.iterdir():
            if path.name != FILES:
                raise FormatError(f"{path} is in the place of the text index, and not a part of it; {REMEDY}")
        create(self.context.directory / FILES, self._schema)
        Position(self._analysis.languages).write(self.context.directory)

    def _refuse_closed(self) -> View:
        if self._view is None:
            raise CollectionError(f"{self.context.directory}: the text index is closed")
        return self._view

    # Reading

    def applied(self) -> int:
        """The number that the newest commit was given."""
        position = read_position(self.context.directory)
        if position is None:
            return 0
        if position.languages != self._analysis.languages:
            there, asked = (", ".join(codes) or "none" for codes in (position.languages, self._analysis.languages))
            raise FormatError(
                f"{self.context.directory}: the text index was made for other languages ({there}, not {asked}); {REMEDY}"
            )
        return position.applied

    def _searcher(self) -> tantivy.Searcher | None:
        """The newest state; None where there is no index yet."""
        searcher = self._refuse_closed().searcher()
        if searcher is None and read_position(self.context.directory) is not None:
            raise FormatError(f"{self.context.directory}: the text index has lost its files; {REMEDY}")
        return searcher

    def search(self, query: TextQuery, limit: int, offset: int = 0) -> TextHits:
        """The objects that match, the best by BM25 first. Beginnings and words spelt nearly so all count the same."""
        if limit < 0 or offset < 0:
            raise ValueError(f"the limit and the offset have to be at least 0, not {limit} and {offset}")
        searcher = self._searcher()
        if searcher is None or not searcher.num_docs:
            return TextHits(np.zeros(0, np.int64), np.zeros(0, np.float32), 0)
        with translated(self.context.directory):
            asked = QueryBuilder(self._schema, self._analysis, searcher).build(query)
            # tantivy sets memory aside for limit and offset, without a look at how many objects there are.
            offset = min(offset, searcher.num_docs)
            wanted = min(limit, searcher.num_docs - offset)
            found = searcher.search(asked, limit=max(wanted, 1), offset=offset if wanted else 0)
            hits = found.hits[:wanted]
            ids = searcher.fast_field_values(ID, [address for _, address in hits])
        scores = np.array([score for score, _ in hits], np.float32)
        return TextHits(np.array(ids, np.int64), scores, _count(found))

    def matching(self, query: TextQuery) -> np.ndarray:
        """The IDs of all that match; some 0.4 seconds a million, and bounded memory beside the answer."""
        searcher = self._searcher()
        if searcher is None or not searcher.num_docs:
            return np.zeros(0, np.int64)
        with translated(self.context.directory):
            asked = QueryBuilder(self._schema, self._analysis, searcher).build(query)
            return np.concatenate([np.zeros(0, np.int64), *_ascending(searcher, self._schema, asked)])

    def suggest(self, beginning: str, limit: int) -> list[str]:
        """Words of the collection that begin so, the most frequent first; accents that are not typed may be there."""
        plain, written = self._analysis.beginning(beginning)
        searcher = self._searcher()
        if searcher is None or not plain or limit < 1:
            return []
        with translated(self.context.directory):
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
        """Beside ``objects`` and ``bytes``: segments, languages, and the names of all fields."""
        searcher = self._searcher()
        folder = self.context.directory / FILES
        return {
            "objects": searcher.num_docs if searcher else 0,
            "bytes": sum(map(_size, folder.glob("*"))),
            "segments": searcher.num_segments if searcher else 0,
            "languages": ", ".join(self._analysis.languages) or "as written",
            "fields": ", ".join(sorted(name for name, _ in searcher.terms_with_prefix(FIELDS, ""))) if searcher else "",
        }

    # Writing

    def _writing(self) -> Writer:
        if self.context.read_only:
            raise CollectionReadOnly(f"{self.context.directory}: the text index was opened for reading only")
        self._refuse_closed()
        if self._writer is None:
            highest = -1
            searcher = self._searcher()
            if searcher is not None and searcher.num_docs:
                last = searcher.search(tantivy.Query.all_query(), limit=1, count=False, order_by_field=ID)
                highest = last.hits[0][0]
            self._writer = Writer(self.context.directory / FILES, self._schema, self._analysis, highest)
        return self._writer

    def put(self, ids: np.ndarray, documents: Sequence[Sequence[Words]]) -> None:
        """Have objects found by these words, and by no others."""
        _check(ids, len(documents))
        self._writing().put(ids, documents)

    def remove(self, ids: np.ndarray) -> None:
        """Forget objects."""
        _check(ids)
        self._writing().remove(ids)

    def commit(self, applied: int) -> None:
        """Make what was written durable, and have it found."""
        self._writing().commit()
        # Only now: the number must not run ahead of what is there.
        Position(self._analysis.languages, applied).write(self.context.directory)

    def close(self) -> None:
        """Let go of files, memory, and the lock, when merges are done; what was not committed is lost."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
        if self._view is not None:
            self._view.close()
            self._view = None


def _check(ids: np.ndarray, documents: int | None = None) -> None:
    if (
        ids.dtype != np.int64
        or ids.ndim != 1
        or (ids < 0).any()
        or (documents is not None and np.unique(ids).size < ids.size)
    ):
        raise ValueError("IDs have to be distinct int64 of shape (n,), and at least 0")
    if documents is not None and documents != ids.size:
        raise ValueError(f"there are {ids.size} IDs and {documents} documents")


def _size(path: Path) -> int:
    """Bytes of a file; none if a merge has just removed it."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _count(found: tantivy.SearchResult) -> int:
    """How many match; tantivy's type information does not know of it."""
    count: int = found.count  # type: ignore[attr-defined]
    return count


def _ascending(searcher: tantivy.Searcher, schema: tantivy.Schema, query: tantivy.Query) -> Iterator[np.ndarray]:
    """The IDs of all that match, ascending, a part at a time."""
    left = _count(searcher.search(query, limit=1))
    part = query
    while left > 0:
        limit = min(left, _AT_ONCE)
        hits = searcher.search(part, limit=limit, count=False, order_by_field=ID, order=tantivy.Order.Asc).hits
        if not hits:
            return
        ids = np.fromiter((hit[0] for hit in hits), np.int64, len(hits))
        yield ids
        left -= ids.size
        beyond = tantivy.Query.range_query(
            schema, ID, tantivy.FieldType.Integer, lower_bound=int(ids[-1]), include_lower=False
        )
        part = tantivy.Query.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.Must, beyond)])
