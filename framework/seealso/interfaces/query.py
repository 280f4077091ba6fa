"""What is asked, and what it is answered with: `Query`, `Example`, `Answer`, and who answers (`Searchable`)."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from operator import index as whole_number
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

import numpy as np

from seealso.errors import QueryError
from seealso.interfaces.image_limits import ImageLimits
from seealso.interfaces.index import IdSet
from seealso.interfaces.likeness import Likeness, Within, check_likeness
from seealso.interfaces.records import Counts, ObjectRecord
from seealso.interfaces.text import Words
from seealso.interfaces.text_query import Match, TextQuery
from seealso.paths import PathLike, absolute, shown_path, uri_of_path

if TYPE_CHECKING:
    from PIL import Image

_WEIGHTED = re.compile(r"(.+)\^([0-9]{1,4}(?:\.[0-9]{1,16})?)", re.DOTALL)

MOST = 1_000_000
"""Hits that one query can reach, `Query.k` and `Query.offset` together: they are held in memory."""

MOST_FOLDED = 10_000
"""Hits that one with `Query.fold` can reach: they are compared with one another."""

MOST_EXAMPLES = 100
"""Examples of one query: every candidate is compared with each of them."""


LARGEST_WEIGHT = 1e12
"""A weight can be as large as this, or as small as one over this: distances times weights have to fit into float32."""


@dataclass(frozen=True, slots=True)
class Region:
    """A part of an image, in shares of its width and height, from the upper left.

    Raises:
        QueryError: it has no area, or is not inside the image.
    """

    left: float
    top: float
    width: float
    height: float

    def __post_init__(self) -> None:
        sides = ((self.left, self.width), (self.top, self.height))
        # Written so that what is not a number is refused too.
        if not all(start >= 0 and length > 0 and start + length <= 1 + 1e-6 for start, length in sides):
            raise QueryError(
                f"the region {self.left}, {self.top}, {self.width}, {self.height} is not a part of the image; give left, "
                "top, width and height as shares of it, from 0 to 1"
            )

    def cut_from(self, image: Image.Image) -> Image.Image:
        """The part of an image; at least a pixel."""
        left = min(int(self.left * image.width), image.width - 1)
        top = min(int(self.top * image.height), image.height - 1)
        right = max(left + 1, min(round((self.left + self.width) * image.width), image.width))
        bottom = max(top + 1, min(round((self.top + self.height) * image.height), image.height))
        return image.crop((left, top, right, bottom))


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One thing that the hits shall be like. Exactly one of the first five says what it is.

    Attributes:
        id: an object of the collection.
        path: an image file; or, in a collection of imported descriptors, the place of one.
        image: the bytes of an image file.
        descriptor: a descriptor ``(dim,)`` made by the collection's own extractor.
        words: words that the extractor puts in the space of its images, where it can.
        region: only this part of the image; with ``id``, ``path`` or ``image``.
        weight: how much it counts beside other examples, 1e-12 to 1e12; below 0: the hits shall be unlike it.
        limits: on an image that has to be decoded; by default those of the configuration.

    Raises:
        QueryError: it is no example, or several at once.
    """

    id: int | None = None
    path: PathLike | None = None
    image: bytes | None = None
    descriptor: np.ndarray | None = None
    words: str | None = None
    region: Region | None = None
    weight: float = 1.0
    limits: ImageLimits | None = None

    def __post_init__(self) -> None:
        given = [name for name in KINDS_OF_EXAMPLE if getattr(self, name) is not None]
        if not given:
            raise QueryError(f"an example is empty; give one of {', '.join(KINDS_OF_EXAMPLE)}")
        if len(given) > 1:
            raise QueryError(
                f"an example is {len(given)} things at once ({' and '.join(given)}); make one example of each"
            )
        if self.region is not None and given[0] not in WITH_REGION:
            raise QueryError(f"an example by its {given[0]} has no region; give {', '.join(WITH_REGION)}")
        if not math.isfinite(self.weight) or not self.weight:
            raise QueryError(
                f"the weight of an example is {self.weight}; give a number above 0, or one below for unlike it"
            )
        if not 1 / LARGEST_WEIGHT <= abs(self.weight) <= LARGEST_WEIGHT:
            raise QueryError(
                f"the weight of an example is {self.weight:g}; give one from {1 / LARGEST_WEIGHT:g} to {LARGEST_WEIGHT:g}"
            )
        if self.words is not None and not self.words.strip():
            raise QueryError("there are no words to look for")
        if self.id is not None:
            object.__setattr__(self, "id", whole_number(self.id))
        if self.path is not None:
            object.__setattr__(self, "path", absolute(self.path))

    @classmethod
    def of(cls, example: PathLike | int | np.ndarray | Example) -> Example:
        """The example that a path, an ID or a descriptor stands for."""
        if isinstance(example, Example):
            return example
        if isinstance(example, np.ndarray):
            return cls(descriptor=example)
        if isinstance(example, int | np.integer):
            return cls(id=int(example))
        return cls(path=example)

    @staticmethod
    def weighted(text: str) -> tuple[str, float]:
        """A text without the weight that it ends with, and that weight: ``red shoe^0.5`` is ``red shoe`` and 0.5, ``id:7`` counts 1.

        So users write weights: numbers below 10,000, in digits.

        Raises:
            QueryError: what stands behind ``^`` is none.
        """
        if "^" not in text:
            return text, 1.0
        found = _WEIGHTED.fullmatch(text)
        if found is None:
            raise QueryError(f"{text!r}: behind ^ comes a weight, a number below 10,000, as in 'snow^0.5' or 'id:7^2'")
        return found[1], float(found[2])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Example):
            return NotImplemented
        return all(np.array_equal(getattr(self, each.name), getattr(other, each.name)) for each in fields(self))

    def __hash__(self) -> int:
        return hash((self.id, self.path, self.image, self.words, self.region, self.weight))


KINDS_OF_EXAMPLE = ("id", "path", "image", "descriptor", "words")
WITH_REGION = ("id", "path", "image")


@dataclass(frozen=True, slots=True)
class Query:
    """A question: a value that can be kept, sent elsewhere, and asked again.

    Attributes:
        examples: what the hits shall be like, nearest first; or unlike, where the weight is below 0; `MOST_EXAMPLES` at most.
        keywords: ranks by keywords; `TextQuery` says what it may hold. With examples as well, both rankings are fused by reciprocal
            rank: an object that stands high in one of them, or in both, comes first.
        where: only objects that match this text query. It restricts, and does not rank.
        k: how many hits.
        offset: how many of the best to leave out: the next page of an answer begins where the one before it ended.
        others: leave out the object that is the example itself.
        max_distance: only hits that are no further than this from the example; infinity is no limit, and kept as None.
        allowed: only these objects.
        candidates: how many candidates to look at, at most; by default what the configuration says.
        reads: where there is a sketch, how many of them to read, at most, the best by it; by default what the configuration says. Without
            a sketch all are read.
        min_likeness: only hits that are at least so alike, in percent (`Likeness`). It compares images: none of the examples may be words.
        fold: a hit that is as near as this to a better one is folded into it (`Hit.folded`), so each picture is shown once.

    Raises:
        QueryError: there is nothing to look for, or a number makes no sense.
    """

    examples: tuple[Example, ...] = ()
    keywords: str | None = None
    where: str | None = None
    k: int = 10
    offset: int = 0
    others: bool = False
    max_distance: float | None = None
    allowed: IdSet | None = None
    candidates: int | None = None
    min_likeness: float | None = None
    fold: Within | None = None
    reads: int | None = None

    def __post_init__(self) -> None:
        # A query can be kept and sent elsewhere, so it holds plain numbers, whatever kind of number was given.
        object.__setattr__(self, "examples", tuple(map(Example.of, self.examples)))
        for count in ("k", "offset", "candidates", "reads"):
            if getattr(self, count) is not None:
                object.__setattr__(self, count, whole_number(getattr(self, count)))
        if self.max_distance is not None:
            # Infinity is no limit, and no number in JSON.
            most = None if self.max_distance == math.inf else float(self.max_distance)
            object.__setattr__(self, "max_distance", most)
        if not self.examples and self.keywords is None:
            raise QueryError("there is nothing to look for; give an example or keywords")
        if len(self.examples) > MOST_EXAMPLES:
            raise QueryError(f"there are {len(self.examples):,} examples; give {MOST_EXAMPLES} at most")
        if self.k < 1:
            raise QueryError(f"k is {self.k}; ask for at least 1 hit")
        if self.offset < 0:
            raise QueryError(f"offset is {self.offset}; it counts from 0")
        if self.k + self.offset > MOST:
            raise QueryError(f"k and offset reach to hit {self.k + self.offset:,}; a query reaches {MOST:,} at most")
        if self.candidates is not None and self.candidates < 1:
            raise QueryError(f"candidates is {self.candidates}; refine at least 1")
        if self.reads is not None and self.reads < 1:
            raise QueryError(f"reads is {self.reads}; read at least 1")
        # Written so that what is not a number is refused too.
        if self.max_distance is not None and not self.max_distance >= 0:
            raise QueryError(f"max_distance is {self.max_distance}; a distance is 0 or more")
        if self.max_distance is not None and not self.examples:
            raise QueryError("max_distance needs an example that distances are measured from")
        if self.min_likeness is not None:
            self._check_likeness(self.min_likeness)
        if self.fold is not None and (not self.examples or self.keywords is not None):
            raise QueryError("only the neighbours of examples can be folded; leave out the keywords")
        if self.fold is not None and self.reach > MOST_FOLDED:
            raise QueryError(
                f"k and offset reach to hit {self.reach:,}; folded, a query reaches {MOST_FOLDED:,} at most"
            )

    def _check_likeness(self, percent: float) -> None:
        object.__setattr__(self, "min_likeness", float(percent))
        check_likeness(percent)
        if not self.examples:
            raise QueryError("min_likeness needs an example that the hits shall be like")
        if not self.by_images:
            raise QueryError("a likeness in percent compares images with images; for words give a distance")

    @classmethod
    def like(cls, *examples: PathLike | int | np.ndarray | Example, **settings: Any) -> Self:
        """A query by examples: paths, IDs, descriptors, or `Example` values."""
        return cls(tuple(map(Example.of, examples)), **settings)

    @classmethod
    def by_words(cls, text: str, by: Literal["keywords", "looks"] | None = None, **settings: Any) -> Self:
        """A query by words: for objects that have them as keywords, and for images that look like them.

        Args:
            text: the words; `TextQuery` says what they may be. What is excluded, looked for in one field, or given in part counts for
                keywords alone.
            by: one of the two ways; None: both, fused, as far as the collection can.
            settings: what else a query has.

        Raises:
            QueryError: there is nothing to look for in the text.
        """
        terms = [term for term in TextQuery.parse(text).terms if not term.excluded and not term.field]
        looks = " ".join(term.text for term in terms if term.match in (Match.WORD, Match.PHRASE))
        if by == "looks" and not looks:
            raise QueryError(f"no word says what images look like: {text.strip()}")
        examples = (Example(words=looks),) if looks and by != "keywords" else ()
        return cls(examples, None if by == "looks" else text, **settings)

    @property
    def by_images(self) -> bool:
        """Whether all examples are images, so that the distances are those of the collection and a likeness can be told."""
        return bool(self.examples) and all(example.words is None for example in self.examples)

    @property
    def reach(self) -> int:
        """How many of the best have to be found."""
        return self.offset + self.k

    def farthest(self, likeness: Likeness | None) -> float | None:
        """How far a hit may be, at most; None: as far as it likes. ``likeness``: of the collection; it counts for `min_likeness` alone."""
        if self.min_likeness is None or likeness is None:
            return self.max_distance
        return min(likeness.distance(self.min_likeness), math.inf if self.max_distance is None else self.max_distance)


@dataclass(frozen=True, slots=True)
class Asked:
    """What an example turned out to be: the object with just that content, and the path, as far as there is one."""

    id: int | None = None
    path: bytes | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """An object that was found.

    Attributes:
        id: the object's ID.
        distance: its distance from the examples; None where it was found by keywords alone.
        paths: where it was found, ascending; the first is the one to show.
        keywords: the words that are shown with it; for all of them see `Searchable.keywords`.
        score: how well its keywords match, more is better; None where it was not found by keywords.
        likeness: how alike it is to the examples, in percent (`Likeness`); None where that is not known, or it was not found by images.
        beyond: whether it is as far away as unrelated images may be (`Likeness.alike`); None where that is not known.
        folded: the objects that are nearly the same and were folded into it, the nearest to what was asked first (`Query.fold`).
    """

    id: int
    distance: float | None
    paths: tuple[bytes, ...]
    keywords: tuple[str, ...] = ()
    score: float | None = None
    likeness: float | None = None
    beyond: bool | None = None
    folded: tuple[int, ...] = ()

    @property
    def path(self) -> str:
        """The first path, for ``open()``: bytes that are not UTF-8 as surrogate escapes."""
        return os.fsdecode(self.paths[0])

    @property
    def by(self) -> tuple[str, ...]:
        """How it was found by words: by its ``keywords``, by what it ``looks`` like, or both."""
        return tuple(way for way, value in (("keywords", self.score), ("looks", self.distance)) if value is not None)

    def measures(self) -> dict[str, float | None]:
        """Its distance and its score, for JSON; its likeness, and whether it is beyond, where they are known. A distance that float32
        cannot hold is null: JSON knows no infinity."""
        distance = self.distance if self.distance is not None and math.isfinite(self.distance) else None
        known = {name: value for name in ("likeness", "beyond") if (value := getattr(self, name)) is not None}
        return {"distance": distance, "score": self.score, **known}

    def as_json(self) -> dict[str, Any]:
        """As the command line's ``--json`` shows it."""
        return {
            "id": self.id,
            **self.measures(),
            "path": shown_path(self.paths[0]),
            "uri": uri_of_path(self.paths[0]),
            "keywords": list(self.keywords),
        }


@dataclass(slots=True)
class Times:
    """Milliseconds for each stage of a query. The stages add up to the total.

    Attributes:
        open: opening the collection, where it was not open yet.
        catch_up: seeing what was committed since the last query.
        extract: from the example to its descriptor: reading the file, decoding, extracting; the first time, loading the
            network.
        text: the text index.
        candidates: the metric index.
        sketch: estimating how far the candidates are; the first time, what it waits for until the sketches are in memory.
        read: reading descriptors from the store, that of an example which it holds included; the first time, loading what the store
            needs for it.
        refine: computing distances.
        rows: reading the hits' rows of the catalogue.
        total: all of it.
    """

    open: float = 0.0
    catch_up: float = 0.0
    extract: float = 0.0
    text: float = 0.0
    candidates: float = 0.0
    sketch: float = 0.0
    read: float = 0.0
    refine: float = 0.0
    rows: float = 0.0
    total: float = 0.0

    def __add__(self, other: Times) -> Times:
        return Times(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


@dataclass(slots=True)
class Cost:
    """What a query cost; costs can be added.

    Attributes:
        candidates: objects that were considered.
        refined: of these, the ones whose descriptors were read and compared by the true distance.
        reads: separate reads of the disk.
        bytes_read: and the bytes.
        ms: milliseconds, by stage.
    """

    candidates: int = 0
    reads: int = 0
    bytes_read: int = 0
    ms: Times = field(default_factory=Times)
    refined: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.candidates + other.candidates,
            self.reads + other.reads,
            self.bytes_read + other.bytes_read,
            self.ms + other.ms,
            self.refined + other.refined,
        )

    def as_json(self) -> dict[str, Any]:
        """As the command line's ``--json`` and the web show it; milliseconds to the microsecond."""
        stages = {stage: round(value, 3) for stage, value in asdict(self.ms).items()}
        return {
            "candidates": self.candidates,
            "refined": self.refined,
            "reads": self.reads,
            "bytes_read": self.bytes_read,
            "ms": stages,
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a query.

    Attributes:
        query: what was asked.
        hits: what was found, best first.
        cost: what it took.
        asked: for each example, what it turned out to be.
        matched: how many objects match the text query; None where there was none.
        unsearched: how many objects are too new to be in the index, and too many to be searched without it.
        reasons: why it is answered one way alone, where keywords and examples were asked for.
        likeness: what a likeness in percent means here; None where that is not known, or the examples are no images. What is alike
            is told for this query: to an image that is unlike most others, its own kind is further away, too.
        instead: text queries to ask instead, with other words for one that the extractor does not know.
    """

    query: Query
    hits: tuple[Hit, ...]
    cost: Cost
    asked: tuple[Asked, ...] = ()
    matched: int | None = None
    unsearched: int = 0
    reasons: tuple[str, ...] = ()
    likeness: Likeness | None = None
    instead: tuple[str, ...] = ()

    @property
    def example(self) -> Asked:
        """What the first example turned out to be."""
        return self.asked[0] if self.asked else Asked()

    @property
    def text(self) -> str | None:
        """The text query that was asked, or that restricted the hits."""
        return self.query.where if self.query.keywords is None else self.query.keywords

    def as_json(self) -> dict[str, Any]:
        """As the command line's ``--json`` and the web show it."""
        path = self.example.path
        fused = self.query.keywords is not None and bool(self.query.examples)
        answer: dict[str, Any] = {
            "query": {
                "id": self.example.id,
                "path": None if path is None else shown_path(path),
                "uri": None if path is None else uri_of_path(path),
                "text": self.text,
                "within": self.query.farthest(self.likeness),
                "offset": self.query.offset,
                "examples": [
                    {
                        "id": asked.id,
                        "path": None if asked.path is None else shown_path(asked.path),
                        "words": example.words,
                        "weight": example.weight,
                    }
                    for example, asked in zip(self.query.examples, self.asked, strict=False)
                ],
            },
            "hits": [
                hit.as_json()
                | ({"by": list(hit.by)} if fused else {})
                | ({"folded": list(hit.folded)} if self.query.fold is not None else {})
                for hit in self.hits
            ],
            "unsearched": self.unsearched,
            "cost": self.cost.as_json(),
        }
        if self.query.min_likeness is not None:
            answer["query"]["likeness"] = self.query.min_likeness
        if self.likeness is not None:
            answer["likeness"] = asdict(self.likeness)
        return answer if self.matched is None else answer | {"matched": self.matched}


class Searchable(Protocol):
    """What can be searched: a collection, whole or in parts. Frontends speak this, and nothing more."""

    @property
    def name(self) -> str:
        """What it is called in the configuration."""
        ...

    def search(self, query: Query) -> Answer:
        """Answer a query."""
        ...

    def search_many(self, queries: Sequence[Query]) -> list[Answer]:
        """Answer several queries, in their order."""
        ...

    def random(self, count: int = 20, seed: int | None = None) -> tuple[Hit, ...]:
        """A random selection of objects."""
        ...

    def records(self, ids: Sequence[int]) -> dict[int, ObjectRecord]:
        """Those of ``ids`` that are objects."""
        ...

    def read(self, id_: int) -> bytes:
        """The bytes of an object's image file."""
        ...

    def keywords(self, ids: Sequence[int]) -> dict[int, dict[str, tuple[Words, ...]]]:
        """ID → keyword source → the words recorded for the object."""
        ...

    def suggest(self, beginning: str, limit: int = 10) -> list[str]:
        """Words that begin so."""
        ...

    def counts(self) -> Counts:
        """How many objects, locations and failures there are."""
        ...

    def status(self) -> dict[str, object]:
        """What there is to say of it, part by part."""
        ...
