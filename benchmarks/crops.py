"""What sketches find on real photographs: the recall of the 10 nearest by the number of descriptors that are read.

    python benchmarks/crops.py --photos DIR [--folder DIR] [--size 150000] [--queries 300] [--quick] [--json FILE]

The descriptors are those of random crops of photographs, by EfficientNet-Lite0 and by the default extractor, compared by the Euclidean
distance and by the angle. One photograph of ten is held out: its crops are queries, and no crop of it is in the collection, so none is among
the true neighbours or the answers. A collection is made with each index and sketch (ways.py), and asked through the public interface: ``ppp-codes``
alone, and ``ppp-codes``, its cells alone and ``scan`` with a sketch of 40 and of 72 bytes. Beside them stands the same code in plain NumPy, which ranks all:
with ``scan``, and where every object is allowed so that no index is asked, recall may be .005 off that.

Descriptors are made once, in about an hour for each network with two cores, and kept in ``--folder`` (by default in the user's cache). A run
that is interrupted goes on: with the making, and behind what was measured.
"""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from asking import K, Truth, ask, distance_of, filled, holds, sketch_of, tell
from cropping import QUICK, Split
from kept import Kept, kept_in
from plain_rabitq import PlainRaBitQ
from report import Figure, arguments, report
from ways import Way, ways

import seealso

READS = (20, 50, 100, 200, 500)
GOALS = {40: {100: 0.95, 200: 0.98}, 72: {50: 0.95, 100: 0.98}}
OFF = 0.005
WHOLE = 150_000
NETWORKS: dict[str, Mapping[str, object] | None] = {
    "EfficientNet-Lite0": {"plugin": "onnx", "model": "efficientnet-lite0"},
    "the default extractor": None,
}
DISTANCES = ("euclidean", "cosine")


@dataclass(frozen=True)
class Case:
    """Descriptors in a file, queries with their true neighbours, and how they are compared."""

    file: Path
    queries: np.ndarray
    truth: Truth
    distance: str
    title: str


def reference(case: Case, sketch: seealso.Sketch) -> dict[int, float]:
    """Recall by reads of the same code in plain NumPy, which ranks all objects."""
    plain = PlainRaBitQ(sketch.parameters(), directed=case.distance == "cosine")
    plain.encode(np.load(case.file, mmap_mode="r"))
    found: dict[int, list[float]] = {reads: [] for reads in READS}
    for query, near in zip(case.queries, case.truth.rows, strict=True):
        order = np.argsort(plain.scores(query), kind="stable")[: READS[-1]]
        for reads, recalls in found.items():
            recalls.append(float(np.isin(near, order[:reads]).mean()))
    return {reads: float(np.mean(recalls)) for reads, recalls in found.items()}


def measure(case: Case, folder: Path, way: Way) -> Iterator[Figure]:
    """Recall by reads with an index and a sketch."""
    name = f"{case.title}, {way}"
    tell(name)
    with (
        tempfile.TemporaryDirectory(dir=folder) as place,
        filled(Path(place), case.file, distance=case.distance, **way.settings) as collection,
    ):
        recalls = {}
        for reads in READS:
            found = ask(collection, case.queries, case.truth, **way.reading(reads))
            recalls[reads] = found.recall
            goal, reached = holds(GOALS.get(way.size, {}), reads, found.recall)
            yield Figure(
                f"{name}: recall of the {K} nearest, {reads} read", found.recall, "", goal, reached,
                f"{found.ms:.1f} ms; {len(case.queries)} queries",
            )  # fmt: skip
        if way.size:
            if way.index != "scan":
                # Where all objects are allowed, the index is not asked.
                everything = seealso.IdSet.of_ascending(collection.ids())
                recalls = {
                    reads: ask(collection, case.queries, case.truth, reads=reads, allowed=everything).recall
                    for reads in READS
                }
            plain = reference(case, sketch_of(collection))
            off = max(abs(recalls[reads] - plain[reads]) for reads in READS)
            shown = ", ".join(f"{plain[reads]:.4f} ({recalls[reads]:.4f})" for reads in READS)
            yield Figure(
                f"{name}: recall of all sketches off the same code in NumPy, at most", off, "", f"<= {OFF:g}",
                off <= OFF, f"NumPy's, and ours: {shown}",
            )  # fmt: skip


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", photos="", folder="", size=WHOLE, queries=300)
    wanted = QUICK if options.quick else {"size": options.size, "queries": options.queries}
    size = wanted["size"]
    folder, offered = kept_in(options.folder), list(ways())
    kept = Kept(folder, "crops", {"photos": options.photos, **wanted})
    figures: list[Figure] = []
    for network, settings in NETWORKS.items():
        split = Split.of(options.photos, **wanted, network=settings, cache=folder)
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            file = Path(temporary) / "objects.npy"
            np.save(file, split.objects)
            for name in DISTANCES:
                title = f"{network}, {name}"
                truth = Truth.of(distance_of(name), split.queries, np.load(file, mmap_mode="r"))
                case = Case(file, split.queries, truth, name, title)
                for way in offered:
                    figures += kept.figures(
                        f"{title}, {way}", lambda case=case, way=way: list(measure(case, case.file.parent, way))
                    )
    report(f"Sketches on crops of photographs, {size:,} objects", figures, options, whole=size >= WHOLE)
    kept.forget()


if __name__ == "__main__":
    main()
