"""Imports descriptors, whereupon the collection changes over to other sketches and another index, and kills itself at a failpoint.

    growth_child.py COLLECTION FILE FAILPOINT WHEN NTH

It has sketches beyond `FEW` objects. What a failpoint is, ``ingest_child.py`` says.
"""

import sys
from pathlib import Path

from ingest_child import kill_at

import seealso
from seealso.collection.parts import automatic

BY_SIZE = Path(__file__).parent.parent / "samples" / "by_size.py"
FEW = 30


def main(collection: str, file: str, failpoint: str, when: str, nth: str) -> None:
    automatic.FEW = FEW
    with seealso.open(collection, plugins=[BY_SIZE], text=False) as opened:
        kill_at(failpoint, when, int(nth))
        opened.import_descriptors(file)


if __name__ == "__main__":
    main(*sys.argv[1:])
