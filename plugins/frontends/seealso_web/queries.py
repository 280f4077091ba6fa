"""What a request asks for: read from its path and its query string, checked, and answered by the collection."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from starlette.requests import Request

from seealso import (
    NEARLY_THE_SAME,
    Answer,
    Example,
    FileError,
    Hit,
    ImageLimits,
    ObjectRecord,
    Query,
    QueryError,
    Region,
    Searchable,
    Within,
)
from seealso_web.problems import Problem
from seealso_web.uploads import Upload

MOST = 200  # hits in one answer
DEEPEST = 2000  # neighbours that can be paged to
LARGEST_ID = (1 << 63) - 1
LARGEST_SEED = (1 << 32) - 1
SEARCHES = 3  # at most, where hits are removed before their records are read


@dataclass(frozen=True, slots=True)
class Window:
    """Which of the hits are shown: ``limit`` of them, after ``offset``."""

    offset: int
    limit: int

    @property
    def end(self) -> int:
        """How many hits have to be found."""
        return self.offset + self.limit

    def next(self) -> Window | None:
        """Those that come after; None: no more are shown."""
        limit = min(self.limit, DEEPEST - self.end)
        return Window(self.end, limit) if limit > 0 else None


@dataclass(frozen=True, slots=True)
class Found:
    """What was found: the hits of a window, those of their objects that are still there and have a place, and which come after."""

    hits: Sequence[Hit]
    records: dict[int, ObjectRecord]
    answer: Answer | None = None
    next: Window | None = None


def number(request: Request, name: str, default: int, least: int, most: int) -> int:
    """A whole number from the query string.

    Raises:
        Problem: 422, it is none, or out of bounds.
    """
    given = request.query_params.get(name)
    if given is None:
        return default
    if not re.fullmatch(r"[0-9]{1,19}", given) or not least <= int(given) <= most:
        raise Problem(422, f"`{name}` has to be a whole number from {least} to {most}.")
    return int(given)


def window(request: Request, limit: int) -> Window:
    """The window that a request asks for; ``limit``: of as many hits, where it does not say.

    Raises:
        Problem: 422, it makes no sense.
    """
    offset = number(request, "offset", 0, 0, DEEPEST - 1)
    return Window(offset, min(number(request, "limit", limit, 1, MOST), DEEPEST - offset))


def nearness(request: Request, name: str) -> Within | None:
    """A distance or a likeness from the query string; None where it is missing or empty.

    Raises:
        Problem: 422, it is neither.
    """
    given = request.query_params.get(name, "").strip()
    if not given:
        return None
    try:
        return Within.parse(given)
    except QueryError as error:
        raise Problem(422, f"`{name}`: {error}.") from None


def asked_text(request: Request, name: str) -> str | None:
    """The text query that a request asks for, under this name in its query string; None where it is missing or empty."""
    return request.query_params.get(name, "").strip() or None


def region(request: Request) -> Region | None:
    """The region that a request asks for: ``crop=left,top,width,height``, or these four each by itself, as a form sends them.

    Raises:
        Problem: 422, it is not a part of an image.
    """
    given = request.query_params
    parts = given["crop"].split(",") if "crop" in given else [given[each] for each in REGION if given.get(each)]
    if not parts:
        return None
    if len(parts) != 4 or not all(re.fullmatch(r"[0-9]{0,6}\.?[0-9]{1,12}", part) for part in parts):
        raise Problem(422, "`crop` has to be four numbers: left, top, width and height, as shares of the image.")
    scale = 1.0 if "crop" in given else 0.01  # a form for people asks for percentages
    try:
        return Region(*(float(part) * scale for part in parts))
    except QueryError as error:
        raise Problem(422, f"{error}") from None


REGION = ("left", "top", "width", "height")


def region_text(region: Region) -> str:
    """A region as it stands in a query string."""
    return ",".join(
        f"{value:.4f}".rstrip("0").rstrip(".") for value in (region.left, region.top, region.width, region.height)
    )


def id_of(text: str) -> int:
    """An ID in a path.

    Raises:
        Problem: 404, it is none.
    """
    if not re.fullmatch(r"[0-9]{1,19}", text) or int(text) > LARGEST_ID:
        raise Problem(404, "There is no such object.")
    return int(text)


def record_of(collection: Searchable, id_: int) -> ObjectRecord:
    """An object.

    Raises:
        Problem: 404, there is none.
    """
    record = collection.records([id_]).get(id_)
    if record is None or not record.paths:
        raise Problem(404, "There is no such object; it may have been removed.")
    return record


def records_of(collection: Searchable, hits: Sequence[Hit]) -> dict[int, ObjectRecord]:
    """The objects of hits, without those that were removed since, or whose last place is just being dropped."""
    records = collection.records([hit.id for hit in hits])
    return {id_: record for id_, record in records.items() if record.paths}


def some(collection: Searchable, count: int, seed: int) -> Found:
    """A random selection; the same again for the same seed, as long as the collection does not change."""
    hits = collection.random(count, seed)
    return Found(hits, records_of(collection, hits))


def by_text(collection: Searchable, query: str, shown: Window) -> Found:
    """The objects that match a text query.

    Raises:
        QueryError: there is nothing to look for in it, or no text index.
    """
    answer, records = _answered(collection, Query(keywords=query, k=shown.limit, offset=shown.offset), shown)
    following = shown.next() if answer.matched is not None and answer.matched > shown.end else None
    return Found(answer.hits, records, answer, following)


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
    """Which neighbours a request asks for.

    Attributes:
        source: an object's ID, or an upload.
        shown: which of the neighbours.
        part: of this part of the image.
        where: only those that match this text query.
        within: only those that are so near, or so alike.
        others: without the object that is the image itself.
        fold: with those that are nearly the same in one place.
    """

    source: int | Upload
    shown: Window
    part: Region | None
    where: str | None
    within: Within | None
    others: bool
    fold: bool = False

    @property
    def usual_others(self) -> bool:
        """What `others` is where the request does not say: an object is left out of its own neighbours, unless they are those of a
        part of it; an upload is not, so that one sees that the collection holds it."""
        return isinstance(self.source, int) and self.part is None

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
        whole = replace(self, part=None)
        return replace(whole, others=whole.usual_others) if self.others == self.usual_others else whole

    def example(self, limits: ImageLimits) -> Example:
        """What they are neighbours of; ``limits``: on what visitors send."""
        if isinstance(self.source, Upload):
            return Example(image=self.source.data, region=self.part, limits=limits)
        return Example(id=self.source, region=self.part)


def wanted(request: Request, source: int | Upload, limit: int) -> Wanted:
    """The neighbours that a request asks for; ``limit``: so many, where it does not say.

    Raises:
        Problem: 422, it makes no sense.
    """
    others, fold = request.query_params.get("others"), request.query_params.get("fold")
    for name, given in (("others", others), ("fold", fold)):
        if given not in (None, "true", "false"):
            raise Problem(422, f"`{name}` has to be true or false.")
    shown, where, within = window(request, limit), asked_text(request, "where"), nearness(request, "within")
    asked = Wanted(source, shown, region(request), where, within, others == "true", fold == "true")
    return asked if others is not None else replace(asked, others=asked.usual_others)


def similar(collection: Searchable, asked: Wanted, limits: ImageLimits) -> Found:
    """The neighbours of an object or an upload, or of a part of it.

    Raises:
        QueryError: the text query makes no sense, or there is no text index.
        Problem: 404, there is no such object; 409, its file is away and a part of it was asked for.
        ImageError: an upload cannot be used.
    """
    shown = asked.shown
    if isinstance(asked.source, int):
        record_of(collection, asked.source)
    query = Query(
        (asked.example(limits),),
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
