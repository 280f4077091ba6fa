"""What the benchmarks share is tested at a tiny size; the programs themselves are for people to run."""

import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"

# As it is when one of them is run; at the end, so that none is taken for something else.
sys.path.append(str(BENCHMARKS))
