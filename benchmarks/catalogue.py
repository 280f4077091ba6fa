"""How what the catalogue does grows with the collection: scan, random selection, status, look-ups, keyword hits, ingest.

    python benchmarks/catalogue.py [--rows 20000000] [--folder DIR] [--quick] [--json FILE]

Extractor, store and index keep nothing (``hollow.py``), so what is measured is the catalogue and the way to it
(``status.py`` measures the status of a whole collection). It is filled by plain SQL, in three steps, a hundredth, a tenth and all of the
rows, half of the objects with keywords; after each the same is measured. 20 million take some 8 GB below ``--folder``. All but the ingest
is done twice and timed then, so that it is not the disk that is measured.
A tree of look-ups in n rows is logarithmic: from a hundredth to all of 20 million it may take 1.38 times as long.
"""

import math
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from report import Figure, arguments, report

import seealso
from seealso.catalogue.rows import FileState

SCANNED = 100_000  # files that are looked at again, unchanged
MORE = 10_000  # files that are taken in
PAGE = 20  # hits
REPEATS = 200
ROWS = 20_000_000
NOISE = 1.25
"""What a figure may be above the logarithm: two measurements of the same differ by as much."""


def tell(what: str) -> None:
    """A line on standard error."""
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def opened(folder: Path) -> seealso.Collection:
    """The collection."""
    parts = {"extractor": "hollow", "store": "hollow", "index": "hollow", "text": False, "keywords": []}
    return seealso.open(folder / "catalogue.seealso", plugins=[str(Path(__file__).with_name("hollow.py"))], **parts)


def make_files(folder: Path, count: int, first: int = 0) -> Path:
    """Images of a few pixels, each of other content."""
    for number in range(count):
        below = folder / f"{number // 1000:04}"
        below.mkdir(parents=True, exist_ok=True)
        pixels = np.frombuffer((first + number).to_bytes(12, "little"), np.uint8).reshape(2, 2, 3)
        Image.fromarray(pixels).save(below / f"{number:06}.bmp")
    return folder


def place_files(folder: Path, catalogue: Path) -> None:
    """Write files into the catalogue as if they had been taken in, to be found unchanged."""
    paths = sorted(os.fsencode(path) for path in folder.rglob("*.bmp"))
    connection = sqlite3.connect(catalogue)
    with connection:
        (first,) = connection.execute("SELECT value FROM meta WHERE key = 'next_id'").fetchone()
        rows = [(int(first) + place, path, FileState.of(os.stat(path))) for place, path in enumerate(paths)]
        connection.executemany(
            "INSERT INTO objects VALUES (?, ?, 1, 2, 2, 70)", ((id_, path.rjust(32)[-32:]) for id_, path, _ in rows)
        )
        connection.executemany(
            "INSERT INTO locations(path, object, signature, device) VALUES (?, ?, ?, ?)",
            ((path, id_, *state) for id_, path, state in rows),
        )
        connection.execute("UPDATE meta SET value = ? WHERE key = 'next_id'", (str(int(first) + len(rows)),))
        connection.execute("UPDATE meta SET value = '1' WHERE key = 'change'")
    connection.close()


def fill(catalogue: Path, count: int) -> tuple[int, int]:
    """Add so many objects; returns the first ID and the one after the last."""
    connection = sqlite3.connect(catalogue)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -500000")
    (first,) = (int(value) for (value,) in connection.execute("SELECT value FROM meta WHERE key = 'next_id'"))
    step = (1 << 64) // count

    def digest(id_: int) -> bytes:
        # All over the range, ascending: the tree of the hashes is then filled in its order, which is quick.
        return ((id_ - first) * step).to_bytes(8, "big") + id_.to_bytes(24, "big")

    connection.create_function("digest", 1, digest, deterministic=True)
    numbers = "WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
    path = "CAST(printf('/library/%06d/%08d.jpg', i / 1000, i) AS BLOB)"
    part = 1_000_000
    for start in range(first, first + count, part):
        ends = (start, min(start + part, first + count) - 1)
        with connection:
            connection.execute(f"{numbers} INSERT INTO objects SELECT i, digest(i), 2, 640, 480, 90000 FROM n", ends)
            connection.execute(
                f"{numbers} INSERT INTO locations(path, object, signature, device) SELECT {path}, i, zeroblob(32), 1 FROM n",
                ends,
            )
            connection.execute(
                f"{numbers} INSERT INTO words SELECT {path}, 'names', "
                'printf(\'[["keywords", "word%d word%d word%d", null]]\', i % 7, i % 1009, i % 100003) FROM n WHERE i % 2 = 0',
                ends,
            )
        tell(f"{ends[1]:,} rows")
    with connection:
        connection.execute("UPDATE meta SET value = ? WHERE key = 'next_id'", (str(first + count),))
        connection.execute("UPDATE meta SET value = '2' WHERE key = 'change' AND CAST(value AS INTEGER) < 2")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return first, first + count


def milliseconds(work: Callable[[int], object], repeats: int) -> float:
    """The median of ``work(0)``, ``work(1)``, … once all were done: what they read then lies in the system's cache."""
    for number in range(repeats):
        work(number)
    times = []
    for number in range(repeats):
        started = time.perf_counter()
        work(number)
        times.append(1000 * (time.perf_counter() - started))
    return float(np.median(times))


def measure(folder: Path, first: int, end: int, scanned: int, more: Path) -> dict[str, float]:
    """What everything takes now, in milliseconds."""
    random = np.random.default_rng(end)
    found = {}
    with opened(folder) as collection:
        tell("the index")
        collection.rebuild()
        # All over the trees.
        some = random.integers(first, end, size=(REPEATS, PAGE)).tolist()
        hashes = [record.hash for record in collection.records([page[0] for page in some]).values()]

        def hits(number: int) -> None:
            collection.records(some[number])
            collection.keywords(some[number])

        found["a random selection of 20"] = milliseconds(lambda number: collection.random(PAGE, seed=number), REPEATS)
        found["the catalogue's part of status"] = milliseconds(lambda _: collection.status(), REPEATS)
        found["look-up by ID"] = milliseconds(lambda number: collection.show(some[number][0]), REPEATS)
        found["look-up by content"] = milliseconds(
            lambda number: collection.known([hashes[number % len(hashes)]]), REPEATS
        )
        found["a page of 20 keyword hits: their places and words"] = milliseconds(hits, REPEATS)
        tell("the scan")
        found[f"an unchanged scan of {scanned:,} of the files"] = milliseconds(
            lambda _: unchanged(collection, folder / "scanned"), 2
        )
        tell("the ingest")
        started = time.perf_counter()
        report = collection.index([more])
        count = sum(1 for _ in more.rglob("*.bmp"))
        found[f"an ingest of {count:,} more"] = 1000 * (time.perf_counter() - started)
        if report.added != count:
            raise SystemExit(f"not all were taken in: {report}")
    return found


def unchanged(collection: seealso.Collection, files: Path) -> None:
    """Look at files again."""
    report = collection.index([files])
    if report.changed:
        raise SystemExit(f"they were not found unchanged: {report}")


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", rows=ROWS, folder="")
    rows = 200_000 if options.quick else options.rows
    scanned, more = (1000, 500) if options.quick else (SCANNED, MORE)
    measured: list[tuple[int, dict[str, float]]] = []
    with tempfile.TemporaryDirectory(dir=options.folder or None) as temporary:
        folder = Path(temporary)
        catalogue = folder / "catalogue.seealso" / "catalog.sqlite3"
        tell("files")
        seed = make_files(folder / "one", 1)
        scan = make_files(folder / "scanned", scanned)
        with opened(folder) as collection:
            collection.index([seed])
        place_files(scan, catalogue)
        present = 0
        for step, size in enumerate((rows // 100, rows // 10, rows)):
            first, end = fill(catalogue, size - present)
            present = size
            files = make_files(folder / f"more-{step}", more, first=1_000_000 * (step + 1))
            measured.append((size, measure(folder, first, end, scanned, files)))
        on_disk = catalogue.stat().st_size
    (few, before), (_, between), (_, after) = measured
    allowed = math.log(rows) / math.log(few)
    figures = [
        Figure("on disk", on_disk / rows, "bytes an object", beside=f"{rows:,} objects, half of them with words")
    ]
    for name, last in after.items():
        growth = last / before[name]
        figures.append(
            Figure(
                name, last, "ms", f"<= {allowed:.2f} x", growth <= NOISE * allowed,
                f"{growth:.2f} x that of {few:,} rows ({before[name]:.3g} ms; {rows // 10:,}: {between[name]:.3g} ms)",
            )
        )  # fmt: skip
    name = f"an unchanged scan of {scanned:,} of the files"
    figures.append(
        Figure(
            "an unchanged scan of all, at that rate",
            after[name] / scanned * rows / 1000,
            "s",
            beside="grows with the files",
        )
    )
    report(f"The catalogue, {rows:,} objects", figures, options, whole=rows >= ROWS)


if __name__ == "__main__":
    main()
