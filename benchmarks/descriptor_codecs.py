"""What each codec costs: bytes a descriptor, and the time to write, to read, and to compute Euclidean distances, on one core.

    python benchmarks/descriptor_codecs.py [--quick] [--json FILE]

The descriptors are synthetic: rectified noise, as many of them zero as DeCAF7's (three quarters of 4,096). The records lie in one
buffer, as in a file that is mapped, and are asked for in random order.
"""

import time
from collections.abc import Callable
from statistics import median

import numpy as np
from report import Figure, arguments, report

import seealso

DIM = 4096


def milliseconds(work: Callable[[], object], rounds: int) -> float:
    """The median of some rounds, the first of which (it may compile) does not count."""
    taken = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - started))
    return median(taken[1:])


def shuffled(records: list[bytes]) -> seealso.Records:
    """The records in one buffer, each at a multiple of 8 bytes, in random order."""
    together = seealso.Records.of([record + bytes(-len(record) % 8) for record in records])
    order = np.random.default_rng(1).permutation(len(records))
    lengths = np.array([len(record) for record in records])
    return seealso.Records(together.buffer, together.starts[order], lengths[order])


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", count=5000, zeros=0.75, rounds=15)
    rounds = 3 if options.quick else options.rounds
    rng = np.random.default_rng(0)
    descriptors = np.abs(rng.normal(size=(options.count, DIM))).astype(np.float32)
    descriptors[rng.random(descriptors.shape, np.float32) < options.zeros] = 0
    query = descriptors[0]

    plugins = seealso.load_plugins()
    euclidean = plugins.get("distance", "euclidean")()
    plain = milliseconds(lambda: euclidean.one_to_many(query, descriptors), rounds)
    figures = []
    for name in sorted(plugins.classes("codec")):
        cls = plugins.get("codec", name)
        codec = cls(cls.Options(), seealso.CodecContext(DIM, descriptors.dtype))
        encoded = codec.encode(descriptors)
        records = shuffled(encoded)
        slow = 1 if name == "zstd" else rounds
        distances = milliseconds(lambda codec=codec, records=records: codec.distances(euclidean, query, records), slow)
        decoding = milliseconds(lambda codec=codec, records=records: codec.decode(records), slow)
        encoding = milliseconds(lambda codec=codec: codec.encode(descriptors), 1)
        goal = name == "sparse" and options.count == 5000
        figures += [
            Figure(
                f"{name}: bytes a descriptor", sum(map(len, encoded)) / len(encoded), "bytes", beside=f"raw {4 * DIM}"
            ),
            Figure(
                f"{name}: distances to {options.count}",
                distances,
                "ms",
                "<= 8" if goal else "",
                distances <= 8 if goal else None,
                f"NumPy on an array: {plain:.1f} ms",
            ),
            Figure(f"{name}: to decode {options.count}", decoding, "ms"),
            Figure(f"{name}: to encode {options.count}", encoding, "ms"),
        ]
    report(f"Codecs: {options.count} × {DIM} float32, {options.zeros:.0%} zeros", figures, options)


if __name__ == "__main__":
    main()
