"""What a sketch misses where it estimates something else than one distance: words for what is seen, and several examples.

    python benchmarks/sketch_queries.py --photos DIR [--folder DIR] [--size 150000] [--quick] [--json FILE]

The descriptors are those of crops of photographs by the default extractor (crops.py), which knows words, in a collection with its default
distance, and an index and a sketch, or none (ways.py). Counted is the share of the exact ten: for words the ten nearest by what the
extractor says of words and each of all descriptors, for examples those of the same query with which everything is read. Examples are crops of
photographs that are not in the collection: two that are liked, and one that is liked with one that is not.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from asking import K, Truth, ask, take_in, tell
from cropping import QUICK, Split
from kept import kept_in
from report import Figure, arguments, report
from ways import Way, ways
from words import WORDS

import seealso
from seealso import Example

READS = (100, 200, 500)
JUDGED, GOAL = 200, 0.95
WHOLE = 150_000
BLOCK = 8192

Asked = tuple[Example, ...]


def truth_of_words(collection: seealso.Collection, asked: Sequence[Asked], objects: np.ndarray) -> Truth:
    """The nearest of all by words."""
    extractor, apart = collection.parts.extractor, np.empty((len(asked), len(objects)), np.float32)
    distance = collection.parts.distance("float32")
    for number, (example,) in enumerate(asked):
        (descriptor,) = extractor.extract_words([example.words])
        for start in range(0, len(objects), BLOCK):
            some = objects[start : start + BLOCK]
            found = extractor.words_distances(str(example.words), some)
            apart[number, start : start + BLOCK] = distance.one_to_many(descriptor, some) if found is None else found
    return Truth.of_distances(apart)


def truth_of_examples(collection: seealso.Collection, asked: Sequence[Asked]) -> Truth:
    """The nearest of all by the product itself, with which everything is read."""
    count = collection.counts().objects
    everything = seealso.IdSet.of_ascending(collection.ids())
    rows, last = np.empty((len(asked), K), np.int64), np.empty(len(asked), np.float32)
    for number, examples in enumerate(asked):
        query = seealso.Query.like(*examples, k=K, candidates=count, reads=count, allowed=everything)
        hits = collection.search(query).hits
        rows[number], last[number] = [hit.id - 1 for hit in hits], hits[-1].distance
    return Truth(rows, last)


def measure(collection: seealso.Collection, kinds: dict[str, tuple[list[Asked], Truth]], way: Way) -> Iterator[Figure]:
    """The share of the exact ten, with an index and a sketch."""
    for kind, (asked, truth) in kinds.items():
        for reads in READS:
            found = ask(collection, asked, truth, **way.reading(reads))
            wanted = bool(way.size) and reads == JUDGED
            yield Figure(
                f"{kind}, {way}, {reads} read: share of the exact ten", found.recall, "", f">= {GOAL:g}" if wanted else "",
                found.recall >= GOAL if wanted else None, f"{found.ms:.1f} ms; {len(asked)} queries",
            )  # fmt: skip


def examples_of(queries: np.ndarray, weight: float) -> list[Asked]:
    """Pairs of descriptors, each with the one that comes next; the second with a weight."""
    return [
        (Example(descriptor=one), Example(descriptor=other, weight=weight))
        for one, other in zip(queries[::2], queries[1::2], strict=False)
    ]


def known(collection: seealso.Collection, words: Sequence[str]) -> list[Asked]:
    """Words that the extractor knows, each as an example."""
    found: list[Asked] = []
    for each in words:
        try:
            collection.parts.extractor.extract_words([each])
            found.append((Example(words=each),))
        except seealso.QueryError as error:
            tell(f"{each} is passed over: {error}")
    return found


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", photos="", folder="", size=WHOLE, queries=200)
    wanted = QUICK if options.quick else {"size": options.size, "queries": options.queries}
    size = wanted["size"]
    folder = kept_in(options.folder)
    split = Split.of(options.photos, **wanted, cache=folder)
    figures: list[Figure] = []
    kinds: dict[str, tuple[list[Asked], Truth]] = {}
    for way in ways():
        with (
            tempfile.TemporaryDirectory() as place,
            seealso.open(Path(place) / "c.seealso", store="flat-file", text=False, **way.settings) as collection,
        ):
            tell(f"{way}: {size:,} objects are taken in")
            take_in(collection, split.objects)
            if not kinds:
                tell("the exact ten")
                words = known(collection, WORDS[:8] if options.quick else WORDS)
                kinds["words"] = words, truth_of_words(collection, words, split.objects)
                for kind, weight in (("two liked examples", 1.0), ("a liked and an unliked example", -1.0)):
                    asked = examples_of(split.queries, weight)
                    kinds[kind] = asked, truth_of_examples(collection, asked)
            figures += measure(collection, kinds, way)
    title = f"Words and several examples with a sketch, {size:,} objects"
    report(title, figures, options, whole=size >= WHOLE)


if __name__ == "__main__":
    main()
