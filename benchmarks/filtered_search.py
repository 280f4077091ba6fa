"""Neighbours that match a text query (`--where`): are there as many as were asked for, are they the nearest, how long does it take?

    python benchmarks/filtered_search.py --photos ~/Pictures [--size 150000] [--quick] [--json FILE]

The descriptors are those of random crops of photographs (made once, and kept), in a store, an index and a text index with
their defaults. Objects carry words that so many per cent of all have, by chance; and one that a tenth of the photographs
have with all their crops, so that what matches is also alike. Each is compared with the search without words in the same
run, and with brute force over the objects that match.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from crops import crop_descriptors
from object_store import open_store
from report import Figure, arguments, report
from rivals import make_index

import seealso
from seealso.catalogue.reader import Catalog
from seealso.catalogue.rows import Annotation, FileState, Location, ObjectRow
from seealso.catalogue.writer import CatalogWriter, create_catalog
from seealso.collection.derived.view import View
from seealso.collection.search.hits import nearest_hits
from seealso.collection.search.refinement import Refinement, Wanted
from seealso.collection.search.stopwatch import Stopwatch

K = 10
CANDIDATES = 5000
SHARES = {"tenths of a percent": 0.001, "percent": 0.01, "tenth": 0.1, "half": 0.5}
BATCH = 5000


class World:
    """A collection of crops without their files."""

    def __init__(self, folder: Path, descriptors: np.ndarray, owners: np.ndarray) -> None:
        self.descriptors, self.size, dim = descriptors, len(descriptors), descriptors.shape[1]
        random = np.random.default_rng(3)
        self.holds = {f"w{share:g}".replace(".", "x"): random.random(self.size) < share for share in SHARES.values()}
        self.holds["alike"] = owners % 10 == 3
        create_catalog(folder, {})
        writer = CatalogWriter(folder)
        self.store = open_store("flat-file", "sparse", folder / "store", dim)
        self.index = make_index("ppp-codes", dim, 1, self.store)
        self.index.train(np.array(descriptors[random.permutation(self.size)[: self.index.sample_size]]))
        cls = seealso.load_plugins().get("text", "tantivy")
        self.text = cls(cls.Options(), seealso.TextContext(lambda: Path(tempfile.mkdtemp(dir=folder))))
        for start in range(0, self.size, BATCH):
            part = np.array(descriptors[start : start + BATCH])
            ids = 1 + start + np.arange(len(part))
            self.store.put_many(ids, part)
            self.index.add(ids, part)
            self.text.add(ids, [self._words(int(id_)) for id_ in ids])
            rows = [ObjectRow(int(id_), int(id_).to_bytes(32), 1, 1, 1) for id_ in ids]
            writer.commit(rows, [self._location(int(id_)) for id_ in ids], [])
        self.store.flush()
        writer.close()
        self.catalog = Catalog(folder)
        self.distance = seealso.load_plugins().get("distance", "euclidean")()

    def _words(self, id_: int) -> tuple[seealso.Words, ...]:
        return tuple(seealso.Words("keywords", word) for word, holds in self.holds.items() if holds[id_ - 1])

    def _location(self, id_: int) -> Location:
        words = self._words(id_)
        annotation = Annotation(b"1", {"table": words} if words else {})
        return Location(b"/%d.jpg" % id_, id_, FileState(b"", 0), annotation)

    def ask(self, query: np.ndarray, where: str | None) -> tuple[tuple[seealso.Hit, ...], seealso.Cost, int]:
        """As a collection does it."""
        allowed = None
        if where is not None:
            allowed = seealso.IdSet(self.text.matching(seealso.TextQuery.parse(where)))
        wanted, cost = Wanted(K, CANDIDATES, allowed=allowed), seealso.Cost()
        view = View(self.index)
        best = Refinement(self.store, view, self.distance, query, wanted, cost, Stopwatch()).run().within(None)
        hits = nearest_hits(self.catalog, *best, K, 0)
        return hits, cost, self.size if allowed is None else len(allowed)

    def close(self) -> None:
        """Let go of everything."""
        self.text.close()
        self.index.close()
        self.store.close()
        self.catalog.close()


def milliseconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    started = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started)


def measure(world: World, queries: np.ndarray, *, judged: bool) -> list[Figure]:
    """Hits, recall, reads and time, with each word and without."""
    asked = {"": None, **{word: word for word in world.holds}}
    times: dict[str, list[float]] = {name: [] for name in asked}
    recalls: dict[str, list[float]] = {name: [] for name in asked}
    reads: dict[str, list[int]] = {name: [] for name in asked}
    fewest: dict[str, int] = dict.fromkeys(asked, K)
    matched: dict[str, int] = {}
    for where in asked.values():
        world.ask(np.array(world.descriptors[queries[0]]), where)
    for row in queries:
        query = np.array(world.descriptors[row])
        distances = np.linalg.norm(world.descriptors - query, axis=1)
        for name, where in asked.items():
            holds = np.ones(world.size, bool) if where is None else world.holds[where]
            nearest = np.flatnonzero(holds)[np.argsort(distances[holds], kind="stable")[:K]]
            answer: list[tuple[tuple[seealso.Hit, ...], seealso.Cost, int]] = []
            times[name].append(
                milliseconds(lambda where=where, answer=answer, query=query: answer.append(world.ask(query, where)))
            )
            hits, cost, matched[name] = answer[0]
            fewest[name] = min(fewest[name], len(hits))
            found = distances[[hit.id - 1 for hit in hits]]
            # By distance: of several at the same, any will do.
            recalls[name].append(float((found <= distances[nearest].max() * (1 + 1e-6)).sum()) / len(nearest))
            reads[name].append(cost.reads)
    plain = median(times[""])
    figures = [
        Figure(
            f"{world.size} objects, without words: recall of the {K} nearest",
            float(np.mean(recalls[""])),
            "",
            beside=f"{plain:.1f} ms, {median(reads['']):.0f} reads; {len(queries)} queries",
        )
    ]
    for name in world.holds:
        share = f"{world.size} objects, {100 * matched[name] / world.size:.2g} % match" + (
            " and are alike" if name == "alike" else ""
        )
        few, mean = matched[name] <= CANDIDATES, float(np.mean(recalls[name]))
        least = 1.0 if few else float(np.mean(recalls[""]))
        took = median(t / p for t, p in zip(times[name], times[""], strict=True))
        beside = f"{median(times[name]):.1f} ms; {median(reads[name]):.0f} reads"
        figures += [
            Figure(f"{share}: fewest hits", fewest[name], "", f"= {K}", fewest[name] == K if judged else None),
            Figure(
                f"{share}: recall",
                mean,
                "",
                "exact" if few else ">= without words",
                mean >= least if judged else None,
                beside,
            ),
            Figure(f"{share}: time over that without words", took, "", "<= 3", took <= 3 if judged else None),
        ]
    return figures


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", photos="", size=150_000, queries=100)
    sizes = (5000,) if options.quick else (options.size // 4, options.size)
    mapped, owners = crop_descriptors(options.photos, options.size if not options.quick else 5000)
    figures = []
    for size in sizes:
        descriptors = np.array(mapped[:size])
        with tempfile.TemporaryDirectory() as folder:
            world = World(Path(folder), descriptors, owners[:size])
            queries = np.random.default_rng(4).permutation(size)[: 20 if options.quick else options.queries]
            figures += measure(world, queries, judged=size == options.size)
            world.close()
    report("Filtered search", figures, options.json)


if __name__ == "__main__":
    main()
