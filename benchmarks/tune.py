"""Whether `seealso tune` keeps its word: the recall that it reaches on queries that it has not seen.

    python benchmarks/tune.py [--photos ~/Pictures] [--sketch rabitq] [--size 20000] [--repeats 10] [--quick] [--json FILE]

A collection of synthetic descriptors (or, with ``--photos``, of those of random crops of photographs) is tuned with as many samples as
there are repeats; each size that is found is then tried on objects that were not in the sample.
"""

import tempfile
from pathlib import Path

import numpy as np
from cropping import crop_descriptors
from report import Figure, arguments, report
from synthetic import CHUNK, Clusters

import seealso
from seealso.evaluation.measuring import measure

RECALLS = (0.8, 0.9, 0.95)
UNSEEN = 1000
SIZE, REPEATS = 20_000, 10


def descriptors(photos: str, size: int) -> np.ndarray:
    """``(size, dim)``."""
    if photos:
        return np.asarray(crop_descriptors(photos, size)[0])
    chunks = [Clusters().chunk(number) for number in range(-(-size // CHUNK))]
    return np.concatenate(chunks)[:size]


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", photos="", sketch="none", size=SIZE, repeats=REPEATS)
    size = 5000 if options.quick else options.size
    repeats = 2 if options.quick else options.repeats
    figures = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        np.save(folder / "vectors.npy", descriptors(options.photos, size))
        with seealso.open(folder / "tune.seealso", sketch=options.sketch) as collection:
            collection.import_descriptors(folder / "vectors.npy")
            for recall in RECALLS[1:2] if options.quick else RECALLS:
                kept, sizes, reached = 0, [], []
                for seed in range(repeats):
                    found = seealso.tune(collection, recall, seed=seed)
                    seen = np.random.default_rng(seed).choice(collection.ids(), size=found.queries, replace=False)
                    others = np.setdiff1d(collection.ids(), seen)
                    ids = np.sort(
                        np.random.default_rng(1000 + seed).choice(others, size=min(UNSEEN, others.size), replace=False)
                    )
                    queries = seealso.Sample(collection.descriptors(ids), ids)
                    truth = seealso.true_neighbours(collection, queries, found.k)
                    result = measure(
                        collection, queries, truth, found.k, found.candidates, lambda asked: None, found.reads
                    )
                    kept += result.recall >= recall
                    sizes.append(found.candidates if found.reads is None else found.reads)
                    reached.append(result.recall)
                figures.append(
                    Figure(
                        f"recall {recall} reached on queries not seen", kept, f"of {repeats}", ">= 9 of 10", kept >= 0.9 * repeats,
                        f"{min(sizes)} to {max(sizes)} {'candidates' if options.sketch == 'none' else 'reads'}; {min(reached):.4f} to {max(reached):.4f}",
                    )
                )  # fmt: skip
    report(f"Tuning, {size} descriptors", figures, options, whole=size >= SIZE and repeats >= REPEATS)


if __name__ == "__main__":
    main()
