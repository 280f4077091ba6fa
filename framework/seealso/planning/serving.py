"""A process that answers some queries, and says how much memory it holds: ``python -m seealso.planning.serving``."""

from __future__ import annotations

import json
import sys

import numpy as np

from seealso.evaluation.evaluate import resident_memory
from seealso.interfaces.example import Example, Region
from seealso.opening import open
from seealso.registry.output import own_stdout, take_stdout

QUERIES = 20


def main() -> None:
    """Read from standard input which collections and which image; write bytes."""
    take_stdout()
    with own_stdout() as answer:
        asked = json.load(sys.stdin)
        collections = [open(plugins=asked["plugins"], **each) for each in asked["collections"]]
        if asked["image"]:
            collections[0].extract(Example(path=asked["image"], region=Region(0, 0, 1, 1)))
        pilot = collections[-1]
        for id_ in np.random.default_rng(0).choice(pilot.ids(), QUERIES).tolist():
            pilot.similar(id_, 10)
        print(resident_memory(), file=answer, flush=True)


if __name__ == "__main__":
    main()
