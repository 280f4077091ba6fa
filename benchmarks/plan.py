"""Whether what `seealso plan` says then happens: on photographs, on generated images, on generated descriptors.

    python benchmarks/plan.py --photos ~/Pictures [--size 200000] [--folder DIR] [--quick] [--json FILE]

Each is planned, then taken in as a user would, in a process of its own; time, bytes on disk, resident memory of a process that answers and the
median of queries are held against the plan. Where other work comes and goes on a machine, a plan holds for the minutes it was made in. So
there is one right before the indexing and one right after, whose mean counts, and each further one is followed by queries at once. The
generated images are small JPEG files, for the example extractor ``colour-histogram``, since the built-in network would take an hour; the
descriptors have 1,280 values.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean, median

import numpy as np
from activations import CHUNK, Activations
from PIL import Image
from report import Figure, arguments, bytes_below, photographs_below, report

import seealso

HISTOGRAM = Path(__file__).parents[1] / "examples" / "colour_histogram.py"
SIZE = 200_000
QUERIES = 100
ROUNDS = 2
WITHIN = 0.25


def make_images(folder: Path, count: int) -> Path:
    """Soft pictures of 96 x 64 pixels."""
    random = np.random.default_rng(0)
    for number in range(count):
        below = folder / f"{number // 1000:04}"
        if number % 1000 == 0:
            below.mkdir(parents=True)
        coarse = random.integers(0, 256, size=(4, 6, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((96, 64), Image.Resampling.BILINEAR).save(below / f"{number:06}.jpg", quality=85)
    return folder


def make_descriptors(folder: Path, count: int) -> Path:
    """Of 1,280 values, as in seed_experiment.py."""
    made = Activations(1280)
    file = folder / "descriptors.npy"
    out = np.lib.format.open_memmap(file, "w+", np.float32, (count, 1280))
    for start in range(0, count, CHUNK):
        out[start : start + CHUNK] = made.chunk(start // CHUNK)[: count - start]
    out.flush()
    return file


def program(folder: Path, *command: str) -> str:
    """Run ``seealso`` there."""
    done = subprocess.run(
        [sys.executable, "-m", "seealso_cli", *command], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout


def queries(folder: Path) -> tuple[int, float]:
    """How many objects there are, and the median milliseconds of a query by ID."""
    with seealso.open(config=folder / "seealso.yaml") as collection:
        ids = np.random.default_rng(0).choice(collection.ids(), QUERIES + 5).tolist()
        times = [collection.similar(id_, 10, others=True).cost.ms.total for id_ in ids][5:]
        return collection.counts().objects, median(times)


def compare(name: str, folder: Path, settings: dict[str, object], plugins: list[Path], source: Path) -> list[Figure]:
    """Plan, do it, and compare."""
    print(f"{time.strftime('%H:%M:%S')} {name}", file=sys.stderr, flush=True)
    folder.mkdir()
    parts = {"path": "c.seealso", **settings}
    (folder / "seealso.yaml").write_text(
        json.dumps({"plugins": [str(file) for file in plugins], "collections": {"c": parts}})
    )

    def planned() -> dict[str, dict[str, float]]:
        (found,) = json.loads(program(folder, "plan", str(source), "--json"))["plans"]
        return found

    plans = [planned()]
    started = time.perf_counter()
    program(folder, "index" if source.is_dir() else "import-descriptors", str(source))
    seconds = time.perf_counter() - started
    times = []
    for _ in range(ROUNDS):
        plans.append(planned())
        objects, taken = queries(folder)
        times.append(taken)
    image = next(source.rglob("*.jpg")) if source.is_dir() else None
    asked = {
        "plugins": [str(file) for file in plugins],
        "collections": [{**parts, "path": str(folder / "c.seealso")}],
        "image": "" if image is None else str(image),
    }
    memory = float(
        subprocess.run(
            [sys.executable, "-m", "seealso.planning.serving"],
            input=json.dumps(asked), check=True, capture_output=True, text=True,
        ).stdout
    )  # fmt: skip
    figures = []
    for what, unit, scale, expected, real in (
        ("to index", "s", 1, mean([each["seconds"]["value"] for each in plans[:2]]), seconds),
        ("on disk", "MB", 1e6, plans[0]["disk"]["value"], bytes_below(folder / "c.seealso")),
        ("in memory", "MB", 1e6, plans[0]["memory"]["value"], memory),
        ("a query", "ms", 1, mean([each["query"]["value"] for each in plans[1:]]), mean(times)),
    ):
        off = expected / real - 1
        figures.append(
            Figure(
                f"{name}, {objects:,}: {what}, planned", expected / scale, unit, "within 25 %", abs(off) <= WITHIN,
                f"then {real / scale:.4g} {unit}: {100 * off:+.1f} %",
            )
        )  # fmt: skip
    return figures


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", photos="", size=SIZE, folder="")
    size = 2000 if options.quick else options.size
    figures = []
    with tempfile.TemporaryDirectory(dir=options.folder or None) as temporary:
        folder = Path(temporary)
        if photographs_below(options.photos):
            photos = Path(os.path.abspath(options.photos))
            figures += compare("photographs", folder / "photographs", {}, [], photos)
        images = make_images(folder / "images", size)
        settings: dict[str, object] = {"extractor": "colour-histogram"}
        figures += compare("generated images", folder / "generated", settings, [HISTOGRAM], images)
        vectors = make_descriptors(folder, size)
        figures += compare("generated descriptors", folder / "vectors", {}, [], vectors)
    report("Plans, and what then happened", figures, options, whole=size >= SIZE)


if __name__ == "__main__":
    main()
