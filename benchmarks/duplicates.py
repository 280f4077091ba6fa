"""Duplicates: how many are found, how many are wrong, and what it takes among many.

    python benchmarks/duplicates.py [--photos DIR] [--same FILE] [--size 100000] [--identical 1000000] [--quick] [--json FILE]

With ``--photos``, four altered copies of each photograph are made: half its size, JPEG quality 40, 5 % of both sides cut off, and a small text
on it. All are indexed, and `duplicates` runs with its default. Precision and recall are those of pairs within a group. Different
photographs that come to be in one group are listed, so that a person can look at them; pairs of names in the file ``--same`` (two a line) are
the same picture to the eye, and their pairs are left out.

Then descriptors of 1280 values are imported: clusters, with near copies of a tenth of them; and as many that are all the same. The command
``seealso duplicates`` goes through them in a process of its own, whose time and memory are measured.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps
from report import Figure, arguments, photographs_below, report

import seealso

DIM = 1280
CLUSTERS = 500
LATENT = 60
CHUNK = 10_000
SIZE, IDENTICAL = 100_000, 1_000_000
MINUTES = 10
MEMORY = 1000  # MB

COMMAND = """
import pathlib, sys
from seealso_cli import main
status = main()
print(pathlib.Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0], file=sys.stderr)
sys.exit(status)
"""
"""The program, which says at its end how many kB it took at once. (What the system says of a process that has ended includes its parent.)
"""


def altered(image: Image.Image, random: np.random.Generator) -> dict[str, tuple[Image.Image, int]]:
    """The copies of a photograph, and the quality that each is written with."""
    width, height = image.size
    cut = round(0.95 * width), round(0.95 * height)
    left, top = int(random.integers(width - cut[0] + 1)), int(random.integers(height - cut[1] + 1))
    written, size = image.copy(), max(10, height // 25)
    place = 0.6 * width, height - 1.6 * size
    text = {"font": ImageFont.load_default(size), "stroke_width": 1, "stroke_fill": (0, 0, 0)}
    ImageDraw.Draw(written).text(place, "(c) somebody", (255, 255, 255), **text)  # type: ignore[arg-type]
    return {
        "half": (image.resize((max(1, width // 2), max(1, height // 2)), Image.Resampling.LANCZOS), 90),
        "quality": (image, 40),
        "crop": (image.crop((left, top, left + cut[0], top + cut[1])), 90),
        "text": (written, 90),
    }


def write_copies(photographs: list[Path], folder: Path) -> None:
    """Each photograph and its copies, in a folder of its own."""
    random = np.random.default_rng(0)
    for photograph in photographs:
        own = folder / photograph.stem
        own.mkdir()
        (own / "original.jpg").write_bytes(photograph.read_bytes())
        image = ImageOps.exif_transpose(Image.open(photograph)).convert("RGB")
        for how, (copy, quality) in altered(image, random).items():
            copy.save(own / f"{how}.jpg", quality=quality)


def judged(
    groups: list[Counter[str]], names: Counter[str], same: set[frozenset[str]]
) -> tuple[float, float, Counter[frozenset[str]]]:
    """Precision and recall over pairs, and how many wrong pairs there are of which two photographs.

    Args:
        groups: how many images of which photograph each holds.
        names: how many there are in all.
        same: photographs that are the same picture to the eye; their pairs are left out.
    """
    wrong: Counter[frozenset[str]] = Counter()
    right = 0
    for group in groups:
        right += sum(count * (count - 1) // 2 for count in group.values())
        for a, b in combinations(sorted(group), 2):
            if frozenset((a, b)) not in same:
                wrong[frozenset((a, b))] += group[a] * group[b]
    there = sum(count * (count - 1) // 2 for count in names.values())
    return right / max(1, right + wrong.total()), right / there, wrong


def measure_photographs(photographs: list[Path], same_file: str) -> list[Figure]:
    """How many of the pairs are found, and how many of those found are right."""
    same = set()
    if same_file:
        same = {frozenset(line.split()[:2]) for line in Path(same_file).read_text().splitlines() if line.strip()}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "copies").mkdir()
        write_copies(photographs, folder / "copies")
        with seealso.open(folder / "copies.seealso", text=False, keywords=[]) as collection:
            collection.index([folder / "copies"])
            started = time.perf_counter()
            found = collection.duplicates()
            seconds = time.perf_counter() - started
            owners = {
                id_: Path(os.fsdecode(record.paths[0])).parent.name
                for id_, record in collection.records(collection.ids().tolist()).items()
            }
            extractor = collection.provenance.preprocessing
        groups = [Counter(owners[int(id_)] for id_ in group.ids) for group in found]
        spreads = np.array([group.spread for group in found])
    precision, recall, wrong = judged(groups, Counter(owners.values()), same)
    for pair, count in wrong.most_common():
        print("in one group:", *sorted(pair), f"({count} pairs)")
    beside = f"{len(found):,} groups among {found.objects:,} images, within {found.within:.3f}; {extractor}"
    return [
        Figure("precision of pairs", precision, "", ">= 0.99", precision >= 0.99, beside),
        Figure("recall of pairs", recall, "", ">= 0.95", recall >= 0.95, f"{len(same)} pairs of photographs left out"),
        Figure(
            "largest distance within a group",
            float(spreads.max(initial=0)),
            "",
            beside=f"median {np.median(spreads):.3f}",
        ),
        Figure("time for these", seconds, "s"),
    ]


def clusters(count: int) -> np.ndarray:
    """Descriptors ``(count, DIM)`` that are 0 or more, in clusters; a tenth of them near copies of others."""
    random = np.random.default_rng(0)
    axes = random.normal(size=(LATENT, DIM)).astype(np.float32)
    centres = random.normal(size=(CLUSTERS, LATENT)).astype(np.float32)
    made = np.empty((count, DIM), np.float32)
    for start in range(0, count, CHUNK):
        part = made[start : start + CHUNK]
        latent = centres[random.integers(0, CLUSTERS, len(part))] + 0.7 * random.normal(size=(len(part), LATENT))
        part[:] = np.maximum(latent.astype(np.float32) @ axes + random.normal(size=part.shape).astype(np.float32), 0)
        tenth = len(part) // 10
        part[-tenth:] = np.maximum(part[:tenth] + 0.3 * random.normal(size=(tenth, DIM)).astype(np.float32), 0)
    return made


def command(folder: Path) -> tuple[float, float, str]:
    """Run ``seealso duplicates`` in its own process: its seconds, its MB at the peak, and its last line of output."""
    file = folder / "seealso.yaml"
    file.write_text(
        f"collections: {{many: {{path: {folder / 'many.seealso'}, distance: cosine, index: exact, text: false}}}}\n"
    )
    started = time.perf_counter()
    arguments = [sys.executable, "-c", COMMAND, "--config", str(file), "duplicates", "--json"]
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = process.stderr.read().splitlines()
    if process.returncode:
        raise SystemExit("\n".join(said))
    return time.perf_counter() - started, int(said[-1]) / 1e3, said[-2]


def measure_many(name: str, descriptors: np.ndarray, *, whole: bool) -> list[Figure]:
    """What the command takes among so many descriptors; the goals are for a whole collection."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        np.save(folder / "many.npy", descriptors)
        held = descriptors.nbytes / 1e6
        del descriptors
        with seealso.open(
            folder / "many.seealso", distance="cosine", index="exact", text=False, keywords=[]
        ) as collection:
            collection.import_descriptors(folder / "many.npy", made_by="benchmark")
        (folder / "many.npy").unlink()
        seconds, memory, said = command(folder)
    return [
        Figure(f"{name}: time", seconds, "s", f"<= {60 * MINUTES}", seconds <= 60 * MINUTES if whole else None, said),
        Figure(
            f"{name}: memory",
            memory,
            "MB",
            f"<= {MEMORY}",
            memory <= MEMORY if whole else None,
            f"descriptors of {held:,.0f} MB",
        ),
    ]


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", photos="", same="", size=SIZE, identical=IDENTICAL)
    size, identical = (10_000, 50_000) if options.quick else (options.size, options.identical)
    figures = []
    if options.photos:
        photographs = photographs_below(options.photos)
        figures += measure_photographs(photographs[:: 15 if options.quick else 1], options.same)
    figures += measure_many(f"{size:,} of {DIM} values", clusters(size), whole=size >= SIZE)
    figures += measure_many(
        f"{identical:,} that are the same", np.ones((identical, 64), np.float32), whole=identical >= IDENTICAL
    )
    report("Duplicates", figures, options)


if __name__ == "__main__":
    main()
