"""Several examples, and words, where folders are classes: do they find more of what is meant?

    python benchmarks/examples.py --photos DIR [--words FOLDER=WORDS,…] [--model NAME] [--distance NAME] [--pairs 2000] [--quick] [--json FILE]

A real collection takes the photographs in, and is asked as anybody asks it. The folder that an image lies in is its class.

- Two examples: two random images of a class, asked for alone and together. Counted is the share of the ten nearest that are of the
  class, the two left out.
- An unlike example: of the ten nearest of an image the first that is of another class. Counted is the share of that class among the
  ten nearest, the two left out, with the one as an unlike example and without.
- Words: the names of the folders, or what ``--words`` says for them (``longsleeve=long sleeve,outwear=outerwear``). Counted are the mean
  of the average precisions over the whole collection, and how many of the first ten are of the class. A folder whose words the
  network does not know is passed over, and named.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from report import Figure, arguments, photographs_below, report

import seealso
from seealso import Example, Query

NEAREST = 10
PAIRS = 2000


@dataclass(frozen=True)
class Classes:
    """A collection whose folders are classes.

    Attributes:
        collection: the collection.
        of: ID → the name of the folder.
        ids: the name of a folder → IDs, int64.
    """

    collection: seealso.Collection
    of: dict[int, str]
    ids: dict[str, np.ndarray]

    @classmethod
    def found_in(cls, collection: seealso.Collection) -> "Classes":
        """Those of a collection."""
        records = collection.records(collection.ids().tolist())
        of = {id_: Path(os.fsdecode(record.paths[0])).parent.name for id_, record in records.items()}
        members = {
            name: np.array([id_ for id_, other in of.items() if other == name]) for name in sorted(set(of.values()))
        }
        return cls(collection, of, members)

    def near(self, *examples: Example, leave_out: int = -1) -> list[int]:
        """The nearest, the examples and one more left out."""
        answer = self.collection.search(Query.like(*examples, k=NEAREST + 1, others=True))
        return [hit.id for hit in answer.hits if hit.id != leave_out][:NEAREST]

    def share(self, ids: list[int], name: str) -> float:
        """The share of some objects that are of a class."""
        return sum(self.of[id_] == name for id_ in ids) / max(1, len(ids))


def pairs(classes: Classes, count: int) -> Iterator[tuple[str, int, int]]:
    """Random pairs of images of a class; the same whenever it is asked."""
    random = np.random.default_rng(1)
    names = [name for name, ids in classes.ids.items() if ids.size > NEAREST]
    for _ in range(count):
        name = names[random.integers(len(names))]
        one, other = random.choice(classes.ids[name], 2, replace=False).tolist()
        yield name, one, other


def several(classes: Classes, count: int) -> Iterator[Figure]:
    """Two examples beside one, and one with an unlike one."""
    alone, both, before, after = [], [], [], []
    for number, (name, one, other) in enumerate(pairs(classes, count)):
        near = classes.near(Example(id=one), leave_out=other)
        alone.append(classes.share(near, name))
        both.append(classes.share(classes.near(Example(id=one), Example(id=other)), name))
        wrong = next((id_ for id_ in near if classes.of[id_] != name), None)
        if wrong is not None:
            its = classes.of[wrong]
            before.append(classes.share(classes.near(Example(id=one), leave_out=wrong), its))
            after.append(classes.share(classes.near(Example(id=one), Example(id=wrong, weight=-1)), its))
        if (number + 1) % 500 == 0:
            tell(f"{number + 1:,} of {count:,} pairs")
    one_share, two_share = 100 * float(np.mean(alone)), 100 * float(np.mean(both))
    yield Figure("of the ten nearest to one example, of its class", one_share, "%")
    yield Figure(
        f"of the ten nearest to two examples, {count:,} pairs",
        two_share,
        "%",
        "6 points more",
        two_share >= one_share + 6,
    )
    if before:
        wrong_share, less = 100 * float(np.mean(before)), 100 * float(np.mean(after))
        yield Figure("of the class of the first wrong one", wrong_share, "%")
        yield Figure("the same with that one as --unlike", less, "%", "less", less < wrong_share)


def by_words(classes: Classes, words: dict[str, str]) -> Iterator[Figure]:
    """Each class by its words."""
    precisions, firsts = [], []
    for name, members in classes.ids.items():
        asked = words.get(name, name)
        try:
            hits = classes.collection.search(Query.like(Example(words=asked), k=len(classes.of))).hits
        except seealso.QueryError as error:
            tell(f"{name} is passed over: {error}")
            continue
        right = np.isin([hit.id for hit in hits], members)
        precision = float((np.cumsum(right)[right] / (np.flatnonzero(right) + 1)).sum() / members.size)
        first = int(right[:NEAREST].sum())
        precisions.append(precision)
        firsts.append(first)
        yield Figure(f"{asked}: average precision", precision, "", beside=f"{first} of the first {NEAREST}")
    if precisions:
        mean, ten = float(np.mean(precisions)), float(np.mean(firsts))
        yield Figure("words: mean average precision", mean, "", ">= 0.55", mean >= 0.55)
        yield Figure("words: right among the first ten", ten, "", ">= 7.5", ten >= 7.5)


def tell(what: str) -> None:
    """Say how far it is."""
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", photos="", words="", model="", distance="", pairs=PAIRS)
    photographs = photographs_below(options.photos)
    words = dict(each.strip().split("=", 1) for each in options.words.split(",") if "=" in each)
    settings: dict[str, object] = {"distance": options.distance} if options.distance else {}
    if options.model:
        settings["extractor"] = {"plugin": "onnx", "model": options.model}
    with (
        tempfile.TemporaryDirectory() as temporary,
        seealso.open(Path(temporary) / "examples.seealso", text=False, **settings) as collection,
    ):
        tell(f"{len(photographs):,} photographs are indexed")
        collection.index(photographs)
        classes = Classes.found_in(collection)
        figures = [*several(classes, 200 if options.quick else options.pairs), *by_words(classes, words)]
        parts = collection.choices()
    title = f"Examples and words: {parts['extractor']}, {parts['distance']}"
    report(title, figures, options, whole=options.pairs >= PAIRS)


if __name__ == "__main__":
    main()
