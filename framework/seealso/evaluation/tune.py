"""The smallest candidate set whose recall reaches a target, on this collection."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from seealso.collection import Collection
from seealso.configuration.models import place_of
from seealso.errors import ConfigError, QueryError
from seealso.evaluation.evaluate import SizeResult, check_k, measure, sample_of, true_neighbours
from seealso.registry.kinds import INDEX

SAMPLE = 1000
CLOSE = 1.05
"""Two sizes are as good as the same when one is no more than this times the other: the sample is not finer."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """What was found.

    Attributes:
        target: the recall asked for.
        k: of so many nearest neighbours.
        reached: whether any candidate-set size reaches it.
        candidates: the smallest that does; else the largest that was tried.
        recall: what it reaches on the sample, the mean.
        recall_interval: its 95 % interval; the lower end is what counts.
        ms: the median of a query's milliseconds.
        queries: how many were asked.
        objects: among how many objects.
        seed: of the sample.
        index: the index, with its options, as in the configuration.
    """

    target: float
    k: int
    reached: bool
    candidates: int
    recall: float
    recall_interval: tuple[float, float]
    ms: float
    queries: int
    objects: int
    seed: int
    index: object

    def as_json(self) -> dict[str, Any]:
        """As the command line's ``--json`` shows it."""
        return asdict(self)


def tune(
    collection: Collection,
    recall: float,
    *,
    k: int = 10,
    count: int = SAMPLE,
    seed: int = 0,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> Tuned:
    """Find the smallest candidate set whose recall reaches a target at the lower end of its 95 % interval.

    Sizes are doubled until one reaches it, and then halved in between, until two that are close to one another do and do not.

    Args:
        collection: what is tuned, with the index as it is configured.
        recall: the target, above 0 and below 1.
        k: of so many nearest neighbours.
        count: how many objects are queries; more make the interval smaller, and the size with it.
        seed: of the sample.
        progress: told what is being done, how far it is, and of how much.

    Raises:
        QueryError: the target is no share, or the collection is too small for k.
    """
    if not 0 < recall < 1:
        raise QueryError(f"a recall of {recall} cannot be aimed at; give one above 0 and below 1, as 0.9")
    sample = sample_of(collection, count, seed)
    objects = int(collection.ids().size)
    check_k(sample, k, objects)
    truth = true_neighbours(collection, sample, k, progress=progress)

    def measured(size: int) -> SizeResult:
        queries = len(sample.ids)
        return measure(collection, sample, truth, k, size, lambda asked: progress("searching", asked, queries))

    def reaches(size: int, result: SizeResult) -> bool:
        # Where all objects are candidates there is nothing that another sample could miss.
        return (result.recall if size >= objects else result.recall_interval[0]) >= recall

    size, too_small = min(max(k, 16), objects), 0
    result = measured(size)
    while not reaches(size, result) and size < objects:
        too_small, size = size, min(2 * size, objects)
        result = measured(size)
    reached = reaches(size, result)
    while reached and too_small and size > CLOSE * too_small + 1:
        middle = round(math.sqrt(size * too_small))
        between = measured(middle)
        if reaches(middle, between):
            size, result = middle, between
        else:
            too_small = middle
    return Tuned(
        target=recall,
        k=k,
        reached=reached,
        candidates=size,
        recall=result.recall,
        recall_interval=result.recall_interval,
        ms=result.ms["total"].median,
        queries=len(sample.ids),
        objects=objects,
        seed=seed,
        index=collection.choices()["index"],
    )


def with_index_options(collection: Collection, ranges: Mapping[str, Sequence[Any]]) -> Iterator[Collection]:
    """The same collection with every combination of some options of its index; each has an index of its own, built in memory.

    The collection itself stays as it is. Close each one.

    Raises:
        ConfigError: the index has no such option, or it does not admit a value, or the option is secret.
    """
    chosen = collection.parts.choices()[INDEX.word]
    secret = sorted(chosen.secrets.keys() & ranges.keys())
    if secret:
        raise ConfigError(f"the index {chosen.plugin}: {secret[0]} is secret; it stays as the configuration gives it")
    for values in itertools.product(*ranges.values()):
        choice = replace(chosen, options={**chosen.options, **dict(zip(ranges, values, strict=True))})
        try:
            collection.config.options(collection.plugins, INDEX, choice, place_of(collection.name, INDEX))
        except ConfigError as error:
            raise ConfigError(f"the index {chosen.plugin}: {error}") from None
        tried = collection.variant(index=choice)
        if tried.exists():
            # Another process may be asking the one on disk, which stays as it is.
            tried.try_out_index()
        yield tried
