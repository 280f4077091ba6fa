"""Asks a collection again and again, in one process that has it open, while others write. Run as a process of its own.

    python -m campaigns.race_asker ASKED.json

ASKED says ``examples`` (numbers of images → IDs), ``seed``, and ``stop``: a file that appears when it is enough. Every answer is a
line of JSON.
"""

import json
import os
import sys
from pathlib import Path
from random import Random
from typing import Any

import seealso
from campaigns.gallery import KINDS, number_of

K, MOST, FEWEST = 10, 10_000, 30


def ask(collection: seealso.Collection, examples: dict[str, int], random: Random) -> dict[str, Any]:
    """Ask for something; what was asked, and what came of it."""
    word = f"word{random.randrange(KINDS)}"
    number = random.choice(sorted(examples))
    where = random.choice((None, word))
    question: dict[str, Any] = {"kind": "text", "word": word, "k": MOST, "error": ""}
    if similar := random.random() < 0.6:
        question = {"kind": "similar", "number": int(number), "where": where, "k": K, "error": ""}
    try:
        answer = collection.similar(examples[number], K, where=where) if similar else collection.text(word, MOST)
    except seealso.SeealsoError as error:
        return question | {"error": str(error) or repr(error)}
    hits = [[number_of(hit.path), hit.distance] for hit in answer.hits]
    return question | {"hits": hits, "matched": answer.matched}


def main(asked: str) -> None:
    """Ask until it is enough."""
    given = json.loads(Path(asked).read_text())
    random = Random(given["seed"])
    with seealso.open(config="seealso.yaml") as collection:
        turns = 0
        while turns < FEWEST or not os.path.exists(given["stop"]):
            print(json.dumps(ask(collection, given["examples"], random)), flush=True)
            turns += 1


if __name__ == "__main__":
    main(*sys.argv[1:])
