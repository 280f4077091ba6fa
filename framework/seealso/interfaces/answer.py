"""What a query is answered with: `Answer`, its `Hit` values, and what it cost."""

from __future__ import annotations

import math
import os
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from seealso.interfaces.likeness import Likeness
from seealso.interfaces.query import Query
from seealso.paths import shown_path, uri_of_path


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
    """Milliseconds for each stage of a query. The stages add up to the total. Times can be added, and divided among queries.

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

    def __truediv__(self, count: int) -> Times:
        return Times(*(getattr(self, each.name) / count for each in fields(self)))


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
        reasons: why it is answered one way alone, where keywords and examples were asked for; or that the collection is empty.
        likeness: what a likeness in percent means here; None where that is not known, or the examples are no images. What is alike
            is told for this query: to an image that is unlike most others, its own kind is further away, too.
        instead: text queries to ask instead, with other words for one that the extractor does not know, or no object has.
        empty: whether the collection holds no object. Then nothing was looked for, and no example was looked at.
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
    empty: bool = False

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
