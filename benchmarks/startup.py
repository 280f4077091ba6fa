"""What a new process costs: `seealso --help`, and one query by a file that is not in the collection.

    python benchmarks/startup.py --photos ~/Pictures [--quick] [--json FILE]

The query is timed with everything cached (the network converted, byte code compiled), the very first run with an empty
cache is shown beside it, and the stages inside the process say where the time goes.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from PIL import Image
from report import Figure, arguments, photographs_below, report

SEEALSO = [sys.executable, "-m", "seealso_cli"]

STAGES = """
import json, sys, time
start = time.perf_counter()
import numpy, PIL.Image, pydantic, pluggy, yaml
libraries = time.perf_counter()
import seealso
deployment = seealso.Deployment.load()
collection = deployment.collection()
opened = collection.counts()
collection_open = time.perf_counter()
import onnxruntime
runtime = time.perf_counter()
answer = collection.similar(sys.argv[1], 10)
first = time.perf_counter()
collection.similar(sys.argv[1], 10)
second = time.perf_counter()
print(json.dumps({
    "numpy, Pillow, pydantic, …": libraries - start,
    "plugins, collection": collection_open - libraries,
    "onnxruntime": runtime - collection_open,
    "first query, network loaded": first - runtime,
    "second query": second - first,
}))
"""


def run(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Wall and processor seconds of a process, its children included."""
    started = time.perf_counter()
    child = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, command
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", photos="", rounds=15)
    rounds = 5 if options.quick else options.rounds
    photographs = photographs_below(options.photos)[: 100 if options.quick else None]

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "seealso.yaml").write_text("collections:\n  photos: {path: ./c}\n")
        environment = os.environ | {"SEEALSO_CONFIG": str(home / "seealso.yaml")}
        environment["XDG_CACHE_HOME"] = str(home / "cache")

        pairs = [
            (run([*SEEALSO, "--help"], environment)[1], run([sys.executable, "-c", "import click"], environment)[1])
            for _ in range(rounds + 1)
        ][1:]
        help_ratio = median(ours / bare for ours, bare in pairs)

        run([*SEEALSO, "index", *map(str, photographs)], environment)
        # Content that is not in the collection, so that it has to go through the network.
        query = home / "query.jpg"
        with Image.open(photographs[0]) as image:
            image.convert("RGB").crop((5, 5, image.width - 5, image.height - 5)).save(query, quality=90)
        similar = [*SEEALSO, "similar", str(query)]
        shutil.rmtree(home / "cache")
        very_first = run(similar, environment)[0]
        warm = [run(similar, environment)[0] for _ in range(rounds)]
        stages = [
            json.loads(subprocess.check_output([sys.executable, "-c", STAGES, str(query)], env=environment))
            for _ in range(rounds)
        ]

    figures = [
        Figure(
            "seealso --help over `import click`",
            help_ratio,
            "× processor time",
            "<= 4",
            help_ratio <= 4,
            f"{1000 * median(ours for ours, _ in pairs):.0f} ms and {1000 * median(bare for _, bare in pairs):.0f} ms",
        ),
        Figure(
            "seealso similar FILE in a new process",
            median(warm),
            "s",
            "<= 2.5",
            median(warm) <= 2.5,
            f"the very first run, nothing cached: {very_first:.2f} s; {len(photographs)} objects",
        ),
    ]
    figures += [Figure(f"  of it: {stage}", 1000 * median(each[stage] for each in stages), "ms") for stage in stages[0]]
    report("Start-up", figures, options)


if __name__ == "__main__":
    main()
