"""What is asked of a collection, and what it answers: random selections, neighbours, what is found by words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request

from seealso import (
    NEARLY_THE_SAME,
    Answer,
    Example,
    FileError,
    Hit,
    ImageLimits,
    NoObject,
    ObjectRecord,
    Query,
    Region,
    Searchable,
    Within,
)
from seealso_web.examples import MOST_EXAMPLES, Beside, examples_of, weight_text
from seealso_web.parameters import (
    REGION,
    Way,
    Window,
    asked_text,
    nearness,
    not_taken,
    region,
    region_text,
    weight,
    window,
)
from seealso_web.problems import Problem
from seealso_web.uploads import Upload

SEARCHES = 3  # at most, where hits are removed before their records are read


@dataclass(frozen=True, slots=True)
class Found:
    """What was found: the hits of a window, those of their objects that are still there and have a place, and which come after."""

    hits: Sequence[Hit]
    records: dict[int, ObjectRecord]
    answer: Answer | None = None
    next: Window | None = None


def record_of(collection: Searchable, id_: int) -> ObjectRecord:
    """An object.

    Raises:
        NoObject: there is none.
    """
    record = collection.records([id_]).get(id_)
    if record is None or not record.paths:
        raise NoObject(id_, collection.name)
    return record


def records_of(collection: Searchable, hits: Sequence[Hit]) -> dict[int, ObjectRecord]:
    """The objects of hits, without those that were removed since, or whose last place is just being dropped."""
    records = collection.records([hit.id for hit in hits])
    return {id_: record for id_, record in records.items() if record.paths}


def some(collection: Searchable, count: int, seed: int) -> Found:
    """A random selection; the same again for the same seed, as long as the collection does not change."""
    hits = collection.random(count, seed)
    return Found(hits, records_of(collection, hits))


def by_text(collection: Searchable, query: str, by: Way | None, shown: Window) -> Found:
    """The objects that have some words as keywords, or look like them, or both; ``by``: in one of these ways alone.

    Raises:
        QueryError: there is nothing to look for in it; or it can be looked for in neither way, or not in the one that was asked for.
    """
    asked = Query.by_words(query, by, k=shown.limit + 1, offset=shown.offset)
    answer, records = _answered(collection, asked, shown)
    following = shown.next() if len(answer.hits) > shown.limit else None
    return Found(answer.hits[: shown.limit], records, answer, following)


def _answered(collection: Searchable, query: Query, shown: Window) -> tuple[Answer, dict[int, ObjectRecord]]:
    """The answer to a query, and the objects of the hits that are shown.

    Where some were removed before their records were read, others belong in their places: it is asked again.
    """
    for _ in range(SEARCHES):
        answer = collection.search(query)
        hits = answer.hits[: shown.limit]
        records = records_of(collection, hits)
        if len(records) == len(hits):
            break
    return answer, records


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which neighbours a request asks for. It is changed by making another one.

    Attributes:
        source: an object's ID, or an upload, in the first place; None: there are only words that they are like.
        shown: which of the neighbours.
        part: of this part of the image.
        where: only those that match this text query.
        within: only those that are so near, or so alike.
        others: without the objects that are the examples themselves.
        fold: with those that are nearly the same in one place.
        weight: how much the first image counts beside other examples.
        beside: other examples.
    """

    source: int | Upload | None
    shown: Window
    part: Region | None
    where: str | None
    within: Within | None
    others: bool
    fold: bool = False
    weight: float = 1.0
    beside: tuple[Beside, ...] = ()

    @property
    def usual_others(self) -> bool:
        """What `others` is where the request does not say: an object is left out of its own neighbours, unless they are those of a
        part of it; an upload is not, so that one sees that the collection holds it."""
        return not isinstance(self.source, Upload) and self.part is None

    def _changed(self, **changes: Any) -> Wanted:
        changed = replace(self, **changes)
        return replace(changed, others=changed.usual_others) if self.others == self.usual_others else changed

    def of_all(self) -> Wanted:
        """The same, without a text query that restricts them."""
        return replace(self, where=None)

    def at_any_distance(self) -> Wanted:
        """The same, however far away."""
        return replace(self, within=None)

    def at_most(self, distance: float) -> Wanted:
        """The same, no further away than this."""
        return replace(self, within=Within(distance))

    def folded(self, fold: bool) -> Wanted:
        """The same, with or without those that are nearly the same in one place."""
        return replace(self, fold=fold)

    def of_the_whole(self) -> Wanted:
        """The same, of the whole image."""
        return self._changed(part=None)

    def settled(self) -> Wanted:
        """The same; where no image is in the first place, the first object that they shall be like is."""
        images = [each for each in self.beside if each.liked and not each.is_words]
        if self.source is not None or not images:
            return self
        others = tuple(each for each in self.beside if each is not images[0])
        return self._changed(source=images[0].what, weight=images[0].weight, beside=others)

    def adding(self, what: int | str, weight: float = 1.0) -> Wanted:
        """The same, with an example more: an object, or words."""
        return replace(self, beside=(*self.beside, Beside(what, weight))).settled()

    def weighing(self, weight: float, beside: Beside | None = None) -> Wanted:
        """The same, where one of the other examples, or the image in the first place, counts so much."""
        if beside is None:
            return replace(self, weight=weight)
        heavier = replace(beside, weight=math.copysign(weight, beside.weight))
        return replace(self, beside=tuple(heavier if each is beside else each for each in self.beside))

    def without(self, beside: Beside | None = None) -> Wanted:
        """The same without one of the other examples, or without the image in the first place."""
        if beside is None:
            return self._changed(source=None, part=None, weight=1.0).settled()
        return self._changed(beside=tuple(each for each in self.beside if each is not beside))

    def can_lose(self, beside: Beside | None = None) -> bool:
        """Whether anything is left that they shall be like without this example (see `without`)."""
        left = [each for each in self.beside if each.liked and each is not beside]
        return bool(left) or (beside is not None and self.source is not None)

    @property
    def has_several(self) -> bool:
        """Whether it has several examples, so that it matters how much each counts."""
        return len(self.beside) + (self.source is not None) > 1

    @property
    def is_full(self) -> bool:
        """Whether a question has no room for more examples."""
        return len(self.beside) + 1 >= MOST_EXAMPLES

    def fields(self) -> list[tuple[str, str]]:
        """Names and values of the query string that asks for them, beside the window."""
        given = [("crop", region_text(self.part))] if self.part is not None else []
        if self.weight != 1:
            given.append(("weight", weight_text(self.weight)))
        given += [each.field() for each in self.beside]
        if self.where is not None:
            given.append(("where", self.where))
        if self.within is not None:
            given.append(("within", str(self.within)))
        if self.others != self.usual_others:
            given.append(("others", str(self.others).lower()))
        if self.fold:
            given.append(("fold", "true"))
        return given

    def examples(self, limits: ImageLimits) -> tuple[Example, ...]:
        """What they are neighbours of; ``limits``: on what visitors send."""
        beside = tuple(each.example() for each in self.beside)
        if self.source is None:
            return beside
        if isinstance(self.source, Upload):
            first = Example(image=self.source.data, region=self.part, weight=self.weight, limits=limits)
        else:
            first = Example(id=self.source, region=self.part, weight=self.weight)
        return (first, *beside)


def wanted(request: Request, source: int | Upload | None, limit: int) -> Wanted:
    """The neighbours that a request asks for; ``limit``: so many, where it does not say.

    Raises:
        Problem: 422, it makes no sense.
    """
    others, fold = request.query_params.get("others"), request.query_params.get("fold")
    for name, given in (("others", others), ("fold", fold)):
        if given not in (None, "true", "false"):
            raise Problem(422, f"`{name}` has to be true or false.")
    shown, where, within = window(request, limit), asked_text(request, "where"), nearness(request, "within")
    if source is None:
        _refuse_what_needs_an_image(request)
    part, counts = region(request), weight(request)
    asked = Wanted(source, shown, part, where, within, others == "true", fold == "true", counts, examples_of(request))
    if source is None and not asked.beside:
        raise Problem(422, "Say what the images shall be like: `like`, the ID of an object, or `words`.")
    return (asked if others is not None else replace(asked, others=asked.usual_others)).settled()


def _refuse_what_needs_an_image(request: Request) -> None:
    given = [name for name in ("crop", *REGION, "weight") if request.query_params.get(name)]
    if given:
        raise not_taken("crop" if given[0] in REGION else given[0])


def similar(collection: Searchable, asked: Wanted, limits: ImageLimits) -> Found:
    """The neighbours of an object, an upload or a part of it, and of other examples.

    Raises:
        NoObject: an object among the examples is not there, or was removed.
        QueryError: the text query makes no sense, or there is no text index; words are not known; or the examples make no sense.
        Problem: 409, the file of an object is away and a part of it was asked for.
        ImageError: an upload cannot be used.
    """
    shown = asked.shown
    query = Query(
        asked.examples(limits),
        where=asked.where,
        k=shown.limit + 1,  # one more, to know whether there are more
        offset=shown.offset,
        others=asked.others,
        **(asked.within.limits if asked.within is not None else {}),
        fold=NEARLY_THE_SAME if asked.fold else None,
    )
    try:
        answer, records = _answered(collection, query, shown)
    except FileError:
        raise Problem(409, "The image's file is away, so no part of it can be looked at.") from None
    following = shown.next() if len(answer.hits) > shown.limit else None
    return Found(answer.hits[: shown.limit], records, answer, following)


def records_of_examples(collection: Searchable, asked: Wanted) -> dict[int, ObjectRecord]:
    """The objects among the examples.

    Raises:
        NoObject: one of them is not there, or was removed.
    """
    ids = [each.what for each in asked.beside if isinstance(each.what, int)]
    if isinstance(asked.source, int):
        ids.append(asked.source)
    return {id_: record_of(collection, id_) for id_ in ids}


def question_of(answer: Answer, shown: Window) -> Wanted | None:
    """The question for images that look like the words of a text query, to which other examples can be added; None: the answer does not
    say what looks like them."""
    words = [example.words for example in answer.query.examples if example.words is not None]
    if answer.reasons or not words:
        return None
    return Wanted(None, shown, None, None, None, True, beside=tuple(map(Beside, words)))
