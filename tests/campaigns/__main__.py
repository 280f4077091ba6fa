"""Runs campaigns, prints their counts, and ends with 1 where one of them broke a promise.

python -m campaigns [NAME ...] [--minutes 10 | --turns N | --quick] [--seed 1] [--json FILE] [--folder DIR]
"""

import argparse
import importlib
import json
import sys
import tempfile
import time
from pathlib import Path

from campaigns.campaign import Campaign, Tally, run

CAMPAIGNS: dict[str, str] = {
    "kill": "campaigns.kill:Kill",
    "power-cut": "campaigns.power_cut:PowerCuts",
    "race": "campaigns.race:Race",
    "full-disk": "campaigns.full_disk:Full",
    "load": "campaigns.load:Load",
    "flip": "campaigns.flip:Flip",
    "fuzz": "campaigns.fuzz:Fuzz",
}
"""Each campaign's name, and where its class is."""


def find(name: str) -> type[Campaign]:
    """The class of a campaign."""
    module, _, qualified = CAMPAIGNS[name].partition(":")
    return getattr(importlib.import_module(module), qualified)


def tell(line: str) -> None:
    """A line on standard error."""
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def show(tally: Tally) -> None:
    """Print the counts of a campaign."""
    print(f"{tally.name}: {tally.turn} turns")
    for what, number in sorted(tally.counts.items()):
        print(f"{number:10,}  {what}")
    for what, number in sorted(tally.failures.items()):
        print(f"{number:10,}  FAILED: {what}")
    sys.stdout.flush()


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="campaigns", description="Try to break the promises of seealso.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(CAMPAIGNS)}; all of them")
    parser.add_argument("--minutes", type=float, default=10, help="for each of them (10)")
    parser.add_argument("--turns", type=int, help="so many of each, however long that takes")
    parser.add_argument("--quick", action="store_true", help="a few turns of each: about a minute in all")
    parser.add_argument("--seed", type=int, default=1, help="of everything that they draw (1)")
    parser.add_argument("--json", type=Path, help="write the counts into this file, too")
    parser.add_argument("--folder", type=Path, help="work below this folder, and keep there what failed")
    options = parser.parse_args()
    for name in options.names:
        if name not in CAMPAIGNS:
            parser.error(f"there is no campaign {name!r}; there are {', '.join(CAMPAIGNS)}")
    folder = options.folder or Path(tempfile.mkdtemp(prefix="campaigns-"))
    tallies = []
    for name in options.names or CAMPAIGNS:
        tell(f"{name}, seed {options.seed}")
        kind = find(name)
        turns = kind.quick if options.quick else options.turns
        tallies.append(run(kind, name, folder / name, options.seed, turns, options.minutes * 60, tell))
        show(tallies[-1])
    if options.json:
        results = {tally.name: tally.as_json() for tally in tallies}
        options.json.write_text(json.dumps({"seed": options.seed, "campaigns": results}, indent=1) + "\n")
    failed = any(tally.failures for tally in tallies)
    if failed:
        tell(f"kept below {folder}")
    else:
        folder.rmdir()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
