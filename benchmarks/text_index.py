"""The text index: indexing rate, size, and queries by millions of documents, beside SQLite's FTS5.

    python benchmarks/text_index.py [--documents 5000000] [--fts5-documents 1000000] [--folder DIR] [--quick] [--json FILE]

A document is a title of 3 words, 5 keywords and a caption of 5 words from a vocabulary of 200,000, whose frequencies follow the
law of Zipf and Mandelbrot: the most frequent five words are in 15 to 20 % of all documents. Every second one has the keyword
``half`` besides. They are made in chunks and never held together. FTS5 stems and folds accents as well, and ranks by its bm25
with the same weights. Times are of one query at a time, in this process, with the files in the operating system's cache.
"""

import itertools
import resource
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from report import Figure, arguments, report

import seealso

VOCABULARY = 200_000
FLATTENING = 4
"""The rank is counted from here, so that no word is in most documents, as *the* is in running text."""
TITLE, KEYWORDS, CAPTION = 3, 5, 5
CHUNK = 20_000
SAVED = 5
"""Chunks between snapshots: 100,000 documents, as the framework saves them."""
DOCUMENTS = 5_000_000
PAGE = 1000
"""Documents that are added at once."""
FREQUENT = 5
QUERIES = 300
GOAL = 50.0
"""Milliseconds at the 99th percentile."""

Search = Callable[[str], int]
"""Finds the ten best for a query, and tells how many match."""


class Documents:
    """Generated documents; a chunk is the same whenever it is made."""

    def __init__(self) -> None:
        letters = np.array(list("abcdefghiklmnoprstu"))
        random = np.random.default_rng(0)
        made: dict[str, None] = {}
        while len(made) < VOCABULARY:
            lengths = random.integers(4, 11, VOCABULARY)
            made |= {"".join(letters[random.integers(0, letters.size, length)]): None for length in lengths}
        self.words = np.array(list(made)[:VOCABULARY])
        frequencies = 1 / (np.arange(VOCABULARY) + 1 + FLATTENING)
        self._until = np.cumsum(frequencies / frequencies.sum())
        self.shares = 1 - (1 - frequencies / frequencies.sum()) ** (TITLE + KEYWORDS + CAPTION)

    def chunk(self, number: int) -> list[tuple[str, list[str], str]]:
        """Title, keywords and caption of `CHUNK` documents."""
        random = np.random.default_rng([1, number])
        ranks = np.searchsorted(self._until, random.random((CHUNK, TITLE + KEYWORDS + CAPTION)))
        rows = self.words[np.minimum(ranks, VOCABULARY - 1)].tolist()
        half = ["half"]
        return [
            (
                " ".join(row[:TITLE]),
                row[TITLE : TITLE + KEYWORDS] + half * (place % 2),
                " ".join(row[TITLE + KEYWORDS :]),
            )
            for place, row in enumerate(rows)
        ]

    def chunks(self, count: int) -> Iterator[tuple[np.ndarray, list[tuple[str, list[str], str]]]]:
        """That many, with their IDs from 1 on."""
        for number, first in enumerate(range(0, count, CHUNK)):
            rows = self.chunk(number)[: count - first]
            yield np.arange(first + 1, first + 1 + len(rows)), rows

    def with_share(self, share: float) -> str:
        """The word that is in about that share of all documents."""
        return str(self.words[np.argmin(np.abs(self.shares - share))])

    def queries(self) -> dict[str, list[str]]:
        """Queries of each kind."""
        random = np.random.default_rng(2)
        # As people ask: frequent words more often.
        asked = self.words[np.searchsorted(self._until, random.random((QUERIES, 4)))]
        frequent = self.words[:FREQUENT].tolist()
        return {
            "one word": asked[:, 0].tolist(),
            "three words": [" ".join(row[1:]) for row in asked.tolist()],
            "one word that a fifth hold": frequent * 10,
            "three words that a fifth hold": [" ".join(some) for some in itertools.permutations(frequent, 3)],
        }


def milliseconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    started = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started)


def told(message: str) -> None:
    """A line on standard error."""
    print(message, file=sys.stderr, flush=True)


def size_of(folder: Path) -> int:
    """Bytes of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def percentiles(search: Search, queries: list[str]) -> tuple[float, float]:
    """Milliseconds: the median and the 99th percentile, each query asked once after a first few."""
    for query in queries[:3]:
        search(query)
    times = [milliseconds(lambda query=query: search(query)) for query in queries]
    return float(np.median(times)), float(np.quantile(times, 0.99))


# Ours


def index_all(index: seealso.TextIndex, documents: Documents, count: int, folder: Path) -> tuple[float, Path]:
    """Add documents, and save snapshots in a folder; returns the seconds that the index took, and the last snapshot."""
    taken, snapshot = 0.0, folder
    for number, (ids, rows) in enumerate(documents.chunks(count), start=1):
        words = [
            [
                seealso.Words("title", title),
                *(seealso.Words("keywords", keyword) for keyword in keywords),
                seealso.Words("caption", caption),
            ]
            for title, keywords, caption in rows
        ]
        last = ids[-1] == count

        def add(ids: np.ndarray = ids, words: list = words) -> None:  # type: ignore[type-arg]
            for start in range(0, ids.size, PAGE):
                index.add(ids[start : start + PAGE], words[start : start + PAGE])

        taken += milliseconds(add) / 1000
        if number % SAVED == 0 or last:
            earlier, snapshot = snapshot, folder / str(number)
            snapshot.mkdir()
            taken += milliseconds(lambda to=snapshot: index.save(to)) / 1000
            if earlier != folder:
                shutil.rmtree(earlier)
            told(f"tantivy: {ids[-1]} documents")
    return taken, snapshot


def measure_index(
    folder: Path, documents: Documents, count: int
) -> tuple[list[Figure], dict[str, tuple[float, float]]]:
    """Everything but the reference; the second is the times of the queries."""
    cls = seealso.load_plugins().get("text", "tantivy")

    def made(snapshot: Path | None = None) -> seealso.TextIndex:
        index = cls(cls.Options(languages=["en"]), seealso.TextContext(lambda: Path(tempfile.mkdtemp(dir=folder))))
        if snapshot is not None:
            index.load(snapshot)
        return index

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    index = made()
    (folder / "snapshots").mkdir()
    taken, snapshot = index_all(index, documents, count, folder / "snapshots")
    index.close()
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    size = size_of(snapshot)
    word = seealso.TextQuery.parse(str(documents.words[FREQUENT]))

    def open_and_ask() -> None:
        reader = made(snapshot)
        reader.search(word, 10)
        reader.close()

    open_and_ask()
    opening = float(np.median([milliseconds(open_and_ask) for _ in range(15)]))
    index = made(snapshot)
    figures = [
        Figure(
            "indexing",
            count / taken,
            "documents/s",
            beside=f"{count} documents, with merges, and a snapshot each {SAVED * CHUNK}",
        ),
        Figure("opening, and a first query", opening, "ms"),
        Figure(
            "memory while indexing, over what was held before",
            memory,
            "MiB",
            beside="mapped files that merges read count too",
        ),
        Figure(
            "size",
            size / count,
            "bytes/document",
            beside=f"{size / 1e6:.0f} MB, {index.statistics()['segments']} segments",
        ),
    ]

    def search(query: str) -> int:
        return index.search(seealso.TextQuery.parse(query), 10).total

    found = {kind: percentiles(search, queries) for kind, queries in documents.queries().items()}
    frequent = documents.words[:FREQUENT].tolist()
    others = {
        "a phrase of two words that a fifth hold": [f'"{a} {b}"' for a, b in itertools.permutations(frequent, 2)],
        "a beginning of three letters": [f"{word[:3]}*" for word in documents.words[:QUERIES].tolist()],
        "a word spelt nearly so": [f"{word}~" for word in documents.words[:QUERIES].tolist()],
        "one word that a fifth hold, in a field": [f"title:{word}" for word in frequent] * 10,
        "one word that a fifth hold, without another": [f"{a} -{b}" for a, b in itertools.permutations(frequent, 2)],
    }
    for kind, queries in others.items():
        median, late = percentiles(search, queries)
        figures.append(Figure(f"{kind}: p50", median, "ms", beside=f"p99 {late:.1f} ms"))
    beginnings = [str(word[:length]) for word in documents.words[:100] for length in (1, 2, 3)]
    median, late = percentiles(lambda beginning: len(index.suggest(beginning, 10)), beginnings)
    figures.append(Figure("suggestions for 1 to 3 letters: p50", median, "ms", beside=f"p99 {late:.1f} ms"))
    for share in (0.001, 0.01, 0.1, 0.5):
        query = seealso.TextQuery.parse("half" if share == 0.5 else documents.with_share(share))
        number = index.matching(query).size
        times = [milliseconds(lambda query=query: index.matching(query)) for _ in range(5)]
        figures.append(
            Figure(
                f"all that match, {share:.1%} of the documents", float(np.median(times)), "ms", beside=f"{number} IDs"
            )
        )
    some = [[seealso.Words("keywords", word)] for word in documents.words[:100].tolist()]

    def change() -> None:
        index.add(np.arange(1, 101), some)
        index.search(word, 10)

    change()
    figures.append(
        Figure("100 documents replaced and found", float(np.median([milliseconds(change) for _ in range(9)])), "ms")
    )
    index.close()
    return figures, found


# The reference


def fts5(folder: Path, documents: Documents, count: int) -> tuple[sqlite3.Connection, float]:
    """A table of FTS5 without content, and the seconds that it took."""
    database = sqlite3.connect(folder / "fts5.db", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    options = "content='', tokenize=\"porter unicode61 remove_diacritics 2\""
    database.execute(f"CREATE VIRTUAL TABLE documents USING fts5(title, keywords, caption, {options})")
    taken = 0.0
    for ids, rows in documents.chunks(count):
        values = [
            (id_, title, " ".join(keywords), caption)
            for id_, (title, keywords, caption) in zip(ids.tolist(), rows, strict=True)
        ]

        def put(values: list = values) -> None:  # type: ignore[type-arg]
            database.execute("BEGIN")
            database.executemany("INSERT INTO documents(rowid, title, keywords, caption) VALUES (?, ?, ?, ?)", values)
            database.execute("COMMIT")

        taken += milliseconds(put) / 1000
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return database, taken


def measure_fts5(folder: Path, documents: Documents, count: int) -> tuple[str, str, dict[str, tuple[float, float]]]:
    """How fast it took documents, how large it is, and the times of the queries."""
    database, taken = fts5(folder, documents, count)

    def search(query: str) -> int:
        database.execute(
            "SELECT rowid FROM documents WHERE documents MATCH ? ORDER BY bm25(documents, 2, 2, 1) LIMIT 10", (query,)
        ).fetchall()
        return int(database.execute("SELECT count(*) FROM documents WHERE documents MATCH ?", (query,)).fetchone()[0])

    found = {kind: percentiles(search, queries[:50]) for kind, queries in documents.queries().items()}
    database.close()
    size = (folder / "fts5.db").stat().st_size
    return f"{count / taken:.0f} documents/s", f"{size / count:.0f} bytes", found


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", documents=DOCUMENTS, **{"fts5-documents": 1_000_000}, folder="")
    count, beside = (100_000, 50_000) if options.quick else (options.documents, options.fts5_documents)
    beside = min(beside, count)
    documents = Documents()
    if options.folder:
        Path(options.folder).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.folder or None) as name:
        told(f"FTS5: {beside} documents")
        rate, size, theirs = measure_fts5(Path(name), documents, beside)
        figures, ours = measure_index(Path(name), documents, count)
    reference = f"FTS5, on {beside} documents: "
    figures[0].beside += f"; {reference}{rate}"
    figures[3].beside += f"; {reference}{size}"
    for kind, (median, late) in ours.items():
        their_median, their_late = theirs[kind]
        figures.append(Figure(f"{kind}: p50", median, "ms", beside=f"{reference}{their_median:.1f} ms"))
        figures.append(
            Figure(f"{kind}: p99", late, "ms", f"<= {GOAL:.0f}", late <= GOAL, f"{reference}{their_late:.1f} ms")
        )
    report(f"Text index, {count} documents", figures, options, whole=count >= DOCUMENTS)


if __name__ == "__main__":
    main()
