"""Neighbours that match a text query (`--where`): are there as many as were asked for, are they the nearest, how long does it take?

    python benchmarks/filtered_search.py --photos ~/Pictures [--folder DIR] [--size 150000] [--quick] [--json FILE]

The descriptors are those of random crops of photographs (made once, and kept), in a collection with a store, a text index, and an index with a
sketch of 40 bytes, or none (ways.py). Queries are crops of other photographs (crops.py). Objects carry words that so
many per cent of all have, at random; and one that a tenth of the photographs have with all their crops, so that what matches is also alike. Each
is compared with the search without words in the same run, and with brute force over the objects that match. How long it takes to know what
matches, the stage ``text`` of the cost, is told apart.
"""

import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median

import numpy as np
from asking import WARM_UP, K, Truth, distance_of, take_in, tell
from cropping import QUICK, Split
from kept import Kept, kept_in
from report import Figure, arguments, report
from ways import Way, ways

import seealso

READS = 200
CANDIDATES = 5000
SHARES = {"w0x001": 0.001, "w0x01": 0.01, "w0x1": 0.1, "w0x5": 0.5}
ALIKE = "alike"
RECALL, TIMES, MATCHING_MS = 0.98, 1.5, 5.0
WITHOUT_SKETCH = 3.0  # times as long, where all candidates are read
WHOLE = 150_000


class World:
    """A collection of crops without their files, whose objects have words."""

    def __init__(self, folder: Path, split: Split, way: Way) -> None:
        random = np.random.default_rng(3)
        self.split, self.way = split, way
        self.holds = {word: random.random(len(split.objects)) < share for word, share in SHARES.items()}
        self.holds[ALIKE] = split.owners % 10 == 3
        # Of a few objects a small share is nothing.
        self.holds = {word: holds for word, holds in self.holds.items() if holds.sum() >= K}
        self.distance = distance_of("euclidean")
        self.collection = seealso.open(folder / "c.seealso", distance="euclidean", store="flat-file", **way.settings)
        words = [tuple(word for word, holds in self.holds.items() if holds[row]) for row in range(len(split.objects))]
        take_in(self.collection, split.objects, lambda row: words[row])

    @property
    def asking(self) -> Mapping[str, object]:
        """Of a query."""
        return self.way.reading(READS) if self.way.size else {"candidates": CANDIDATES}

    def truth(self, where: str | None) -> Truth:
        """The nearest of all that match."""
        rows = np.arange(len(self.split.objects)) if where is None else np.flatnonzero(self.holds[where])
        found = Truth.of(self.distance, self.split.queries, self.split.objects[rows])
        return Truth(rows[found.rows], found.last)


class Asked:
    """The answers with one restriction.

    Attributes:
        times: milliseconds of each query.
        recalls: the share of the nearest that each found.
        costs: what each cost.
        fewest: the hits of the one that found fewest.
    """

    def __init__(self, world: World, where: str | None) -> None:
        self._world, self._where = world, where
        self._truth = world.truth(where)
        self.times: list[float] = []
        self.recalls: list[float] = []
        self.costs: list[seealso.Cost] = []
        self.fewest = K

    def ask(self, number: int) -> seealso.Answer:
        """Ask one query; nothing is noted."""
        query = seealso.Query.like(self._world.split.queries[number], k=K, where=self._where, **self._world.asking)
        return self._world.collection.search(query)

    def note(self, number: int) -> None:
        """Ask one query, and note how it went."""
        started = time.perf_counter()
        answer = self.ask(number)
        self.times.append(1000 * (time.perf_counter() - started))
        self.recalls.append(self._truth.recall(number, answer.hits))
        self.costs.append(answer.cost)
        self.fewest = min(self.fewest, len(answer.hits))

    @property
    def matching(self) -> float:
        """Milliseconds to know what matches, the median."""
        return median(cost.ms.text for cost in self.costs)

    @property
    def refined(self) -> float:
        """Descriptors that are read and compared, the median."""
        return median(cost.refined for cost in self.costs)


def measure(world: World) -> Iterator[Figure]:
    """Hits, recall and time, with each word and without."""
    asked: dict[str | None, Asked] = {where: Asked(world, where) for where in (None, *world.holds)}
    for each in asked.values():
        for number in range(WARM_UP):
            each.ask(number)
    for number in range(len(world.split.queries)):
        # By turns, so that what else the machine does meets all alike.
        for each in asked.values():
            each.note(number)
    plain, size = asked.pop(None), len(world.split.objects)
    yield Figure(
        f"{world.way}, {size:,} objects, without words: recall of the {K} nearest", float(np.mean(plain.recalls)), "",
        beside=f"{median(plain.times):.1f} ms, {plain.refined:.0f} read; {len(plain.times)} queries",
    )  # fmt: skip
    for word, each in asked.items():
        yield from compared(world, str(word), each, plain)


def compared(world: World, word: str, each: Asked, plain: Asked) -> Iterator[Figure]:
    """The figures of one word."""
    size, matched = len(world.split.objects), int(world.holds[word].sum())
    share = f"{world.way}, {size:,} objects, {100 * matched / size:.2g} % match" + (
        " and are alike" if word == ALIKE else ""
    )
    recall = float(np.mean(each.recalls))
    if world.way.size:
        least, goal = RECALL, f">= {RECALL:g}"
    else:
        # Few are all read, without the index.
        few = matched <= CANDIDATES
        least, goal = (1.0, "exact") if few else (float(np.mean(plain.recalls)), ">= without words")
    most = TIMES if world.way.size else WITHOUT_SKETCH
    took = median(with_it / without for with_it, without in zip(each.times, plain.times, strict=True))
    beside = f"{median(each.times):.1f} ms; {each.refined:.0f} read"
    yield Figure(f"{share}: fewest hits", each.fewest, "", f"= {K}", each.fewest == K)
    yield Figure(f"{share}: recall", recall, "", goal, recall >= least, beside)
    yield Figure(f"{share}: time over that without words", took, "x", f"<= {most:g}", took <= most)
    half = word == "w0x5"
    yield Figure(
        f"{share}: to know what matches", each.matching, "ms", f"<= {MATCHING_MS:g}" if half else "",
        each.matching <= MATCHING_MS if half else None,
    )  # fmt: skip


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", photos="", folder="", size=WHOLE, queries=100)
    wanted = QUICK if options.quick else {"size": options.size, "queries": options.queries}
    size = wanted["size"]
    folder = kept_in(options.folder)
    split = Split.of(options.photos, **wanted, cache=folder)
    kept = Kept(folder, "filtered_search", {"photos": options.photos, **wanted})
    figures: list[Figure] = []
    for way in ways((40,)):

        def work(way: Way = way) -> list[Figure]:
            with tempfile.TemporaryDirectory() as temporary:
                tell(f"{way}: {size:,} objects are taken in")
                world = World(Path(temporary), split, way)
                tell("and asked")
                found = list(measure(world))
                world.collection.close()
            return found

        figures += kept.figures(str(way), work)
    report("Filtered search", figures, options, whole=size >= WHOLE)
    kept.forget()


if __name__ == "__main__":
    main()
