"""The fewest reads, or the smallest candidate set, whose recall reaches a target on this collection."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from seealso.collection import Collection
from seealso.configuration.models import place_of
from seealso.errors import ConfigError, QueryError
from seealso.evaluation.evaluate import check_k, sample_of, true_neighbours
from seealso.evaluation.exact import Neighbours
from seealso.evaluation.measuring import Sample, SizeResult, measure, measure_by_reads
from seealso.registry.kinds import INDEX, SKETCH

SAMPLE = 1000
CLOSE = 1.05
"""Two sizes are as good as the same when one is no more than this times the other: the sample is not finer."""

FEWEST = 16
"""The smallest candidate set, or number of reads, that is tried."""

FIRST = 500
"""The smallest candidate set that is tried where there is a sketch: to look at so many takes no time to speak of."""

WORTH = 1.1
"""Candidates are looked at in memory, and reads are of the disk: twice as many candidates are worth it where they spare a tenth of the reads."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """What was found.

    Attributes:
        target: the recall asked for.
        k: of so many nearest neighbours.
        reached: whether anything reaches it.
        candidates: the smallest candidate set that does; where there is a sketch, the one with which the fewest reads do; else the
            largest that was tried.
        recall: what it reaches on the sample, the mean.
        recall_interval: its 95 % interval; the lower end is what counts.
        ms: the median of a query's milliseconds.
        queries: how many were asked.
        objects: among how many objects.
        seed: of the sample.
        index: the index, with its options, as in the configuration.
        reads: the fewest reads that reach it with these candidates; None where there is no sketch, so that all are read.
        sketch: the sketch, with its options; None where there is none.
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
    reads: int | None = None
    sketch: object = None

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
    """Find the smallest candidate set whose recall reaches a target at the lower end of its 95 % interval; where there is a sketch, the
    fewest reads that do, and the candidates that they are the best of.

    Sizes are doubled until one reaches it, and then halved in between, until two that are close to one another do and do not. With a
    sketch one search for each query tells of many numbers of reads; candidates are doubled as long as that spares a tenth of the reads.

    Args:
        collection: what is tuned, with the index and the sketch as they are configured.
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
    tuning = _Tuning(collection, sample, truth, k, recall, objects, progress)
    found = (tuning.by_reads() if collection.parts.chosen_or_none(SKETCH) else None) or tuning.by_candidates()
    parts = collection.choices()
    return Tuned(
        target=recall,
        k=k,
        reached=tuning.reaches(found),
        candidates=found.candidates,
        recall=found.recall,
        recall_interval=found.recall_interval,
        ms=found.ms["total"].median,
        queries=len(sample.ids),
        objects=objects,
        seed=seed,
        index=parts[INDEX.word],
        reads=found.asked_reads,
        sketch=parts.get(SKETCH.word),
    )


@dataclass(frozen=True, slots=True)
class _Tuning:
    """The search for what reaches a recall."""

    collection: Collection
    sample: Sample
    truth: Neighbours
    k: int
    recall: float
    objects: int
    progress: Callable[[str, int, int], None]

    def reaches(self, result: SizeResult) -> bool:
        """Whether a result reaches the recall, surely."""
        # Where all objects are compared there is nothing that another sample could miss.
        compared = result.candidates if result.asked_reads is None else result.refined + 1
        return (result.recall if compared >= self.objects else result.recall_interval[0]) >= self.recall

    def by_candidates(self) -> SizeResult:
        """The smallest candidate set that reaches it; else the largest."""
        size, too_small = min(max(self.k, FEWEST), self.objects), 0
        result = self._measured(size)
        while not self.reaches(result) and size < self.objects:
            too_small, size = size, min(2 * size, self.objects)
            result = self._measured(size)
        while self.reaches(result) and too_small and size > CLOSE * too_small + 1:
            middle = round(math.sqrt(size * too_small))
            between = self._measured(middle)
            if self.reaches(between):
                size, result = middle, between
            else:
                too_small = middle
        return result

    def by_reads(self) -> SizeResult | None:
        """The fewest reads that reach it, with the candidates that they are the best of; None where their number makes no difference."""
        size = min(max(self.k, FIRST), self.objects)
        best = self._fewest_reads(size, size)
        while best is not None and size < self.objects and not (self.reaches(best) and _all_looked_at(best)):
            size = min(2 * size, self.objects)
            more = self._fewest_reads(size, _reads(best) if self.reaches(best) else size)
            if more is None or (self.reaches(best) and not self._spares(more, best)):
                break
            best = more
        if best is None or not self.reaches(best):
            return best
        # Where all are looked at, whatever is asked for, nothing was found out about candidates.
        configured = self.collection.settings.search.candidates
        candidates = max(configured, _reads(best)) if _all_looked_at(best) else best.candidates
        result = self._measured(candidates, _reads(best))
        while not self.reaches(result) and _reads(result) < candidates:
            result = self._measured(candidates, min(candidates, math.ceil(CLOSE * _reads(result))))
        return result

    def _spares(self, more: SizeResult, best: SizeResult) -> bool:
        return self.reaches(more) and WORTH * _reads(more) <= _reads(best)

    def _fewest_reads(self, size: int, most: int) -> SizeResult | None:
        """The fewest reads, up to ``most``, that reach it with so many candidates; what the most do, where these do not; None where their
        number makes no difference."""
        coarse = self._measured_by_reads(size, [*_doubled(max(self.k, FEWEST), most), most])
        for place, result in enumerate(coarse):
            if self.reaches(result) and place:
                between = _between(_reads(coarse[place - 1]), _reads(result))
                return next(filter(self.reaches, self._measured_by_reads(size, between)), result)
            if self.reaches(result):
                return result
        return coarse[-1] if coarse else None

    def _measured(self, size: int, reads: int | None = None) -> SizeResult:
        return measure(self.collection, self.sample, self.truth, self.k, size, self._tell, reads)

    def _measured_by_reads(self, size: int, reads: Sequence[int]) -> list[SizeResult]:
        return measure_by_reads(self.collection, self.sample, self.truth, self.k, size, reads, self._tell)

    def _tell(self, asked: int) -> None:
        self.progress("searching", asked, len(self.sample.ids))


def _reads(result: SizeResult) -> int:
    assert result.asked_reads is not None
    return result.asked_reads


def _all_looked_at(result: SizeResult) -> bool:
    """Whether the sketches of all objects are looked at, however many candidates are asked for. (Those that the index does not hold yet
    are looked at in any case.)"""
    return result.considered >= 2 * result.candidates


def _doubled(first: int, most: int) -> Iterator[int]:
    """Numbers below ``most``, each twice the one before."""
    while first < most:
        yield first
        first *= 2


def _between(low: int, high: int) -> list[int]:
    """Numbers above ``low``, up to ``high``, ascending, that are close to one another."""
    found = []
    while high > low:
        found.append(high)
        high = min(high - 1, int(high / CLOSE))
    return found[::-1]


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
