"""Sketches for other distances: Manhattan, Hamming, the angle, and a Jaccard distance that is a plugin, on crops of photographs.

    python benchmarks/metrics.py --photos DIR [--folder DIR] [--size 40000] [--queries 200] [--quick] [--json FILE]

The descriptors are those of crops.py by EfficientNet-Lite0, as they are; for Hamming as bits that say which values are above their median, and
for Jaccard which are in their uppermost fifth. The sketch is named in the configuration: ``landmarks``, which takes any distance, and for the
angle ``rabitq`` as well. Beside each stands ``ppp-codes`` alone with as many reads, from the same run. An interrupted run goes on.
"""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from asking import Found, K, Truth, ask, distance_of, filled, installed, tell
from cropping import QUICK, Split
from kept import Kept, kept_in
from report import Figure, arguments, report
from ways import Way, ways

JACCARD = Path(__file__).with_name("jaccard.py")
NETWORK = {"plugin": "onnx", "model": "efficientnet-lite0"}
READS = (50, 100, 200)
GOALS = {40: 0.90, 72: 0.95}
JUDGED = 100  # reads
WHOLE = 40_000


def above(quantile: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Makes bits of values: which of them are above a quantile of the first few thousand, and not zero."""

    def bits(values: np.ndarray, first: np.ndarray) -> np.ndarray:
        least = np.maximum(np.quantile(first, quantile, axis=0), 1e-6).astype(np.float32)
        return np.packbits(values > least, axis=1)

    return bits


def as_they_are(values: np.ndarray, first: np.ndarray) -> np.ndarray:
    """No bits."""
    return values


METRICS: dict[str, tuple[Callable[[np.ndarray, np.ndarray], np.ndarray], tuple[str, ...]]] = {
    "manhattan": (as_they_are, ("landmarks",)),
    "hamming": (above(0.5), ("landmarks",)),
    "cosine": (as_they_are, ("landmarks", "rabitq")),
    "jaccard": (above(0.8), ("landmarks",)),
}
"""Distance → what makes its descriptors, and the sketches that estimate it."""


class Case:
    """Descriptors of one distance, and queries with their true neighbours."""

    def __init__(self, split: Split, distance: str, folder: Path) -> None:
        make = METRICS[distance][0]
        first = split.objects[:4000]
        objects = np.ascontiguousarray(make(split.objects, first))
        self.distance, self.folder = distance, folder
        self.queries = np.ascontiguousarray(make(split.queries, first))
        self.dtype = objects.dtype.name
        self.file = folder / f"{distance}.npy"
        np.save(self.file, objects)
        self.truth = Truth.of(distance_of(distance, [JACCARD]), self.queries, objects)

    def found(self, way: Way) -> dict[int, Found]:
        """What is found by reads with an index and a sketch."""
        tell(f"{self.distance}, {way.sketch}: {way}")
        settings = {"dtype": self.dtype, "plugins": [str(JACCARD)], "distance": self.distance, **way.settings}
        with (
            tempfile.TemporaryDirectory(dir=self.folder) as place,
            filled(Path(place), self.file, **settings) as collection,
        ):
            return {reads: ask(collection, self.queries, self.truth, **way.reading(reads)) for reads in READS}


def measure(case: Case, sketches: list[str]) -> Iterator[Figure]:
    """All that is measured with one distance."""
    alone = case.found(Way("ppp-codes", "ppp-codes", 0))
    for reads, each in alone.items():
        name = f"{case.distance}, ppp-codes alone: recall of the {K} nearest, {reads} read"
        yield Figure(name, each.recall, "", beside=f"{each.ms:.1f} ms; {len(case.queries)} queries")
    for sketch in sketches:
        for way in ways(tuple(GOALS), sketch, alone=False):
            for reads, each in case.found(way).items():
                goal = f">= {GOALS[way.size]:g}" if reads == JUDGED else ""
                yield Figure(
                    f"{case.distance}, {sketch}, {way}: recall of the {K} nearest, {reads} read", each.recall, "", goal,
                    each.recall >= GOALS[way.size] if reads == JUDGED else None,
                    f"ppp-codes alone: {alone[reads].recall:.3f}; {each.ms:.1f} ms, alone {alone[reads].ms:.1f}",
                )  # fmt: skip


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", photos="", folder="", size=WHOLE, queries=200)
    wanted = QUICK if options.quick else {"size": options.size, "queries": options.queries}
    size = wanted["size"]
    folder = kept_in(options.folder)
    there = [sketch for sketch in ("landmarks", "rabitq") if installed("sketch", sketch)]
    kept = Kept(folder, "metrics", {"photos": options.photos, **wanted})
    split = Split.of(options.photos, **wanted, network=NETWORK, cache=folder)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        for distance, (_, estimate) in METRICS.items():

            def work(distance: str = distance, estimate: tuple[str, ...] = estimate) -> list[Figure]:
                case = Case(split, distance, Path(temporary))
                return list(measure(case, [sketch for sketch in estimate if sketch in there]))

            figures += kept.figures(distance, work)
    report(f"Sketches for other distances, {size:,} crops", figures, options, whole=size >= WHOLE)
    kept.forget()


if __name__ == "__main__":
    main()
