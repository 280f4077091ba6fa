"""The ways from a query to the objects that are read: an index, and a sketch beside it or none; what benchmarks compare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from asking import installed, tell
from pydantic import ValidationError

import seealso

MORE_CANDIDATES = 20_000
"""Where nothing ranks the candidates before their sketches do, so many are looked at."""


@dataclass(frozen=True)
class Way:
    """An index, and a sketch beside it.

    Attributes:
        name: of the index, as tables call it.
        index: it, as in the configuration.
        size: bytes of a sketch; 0: there is none, and all candidates are read.
        candidates: looked at; None: as many as the configuration says by itself.
        sketch: its name.
    """

    name: str
    index: object
    size: int
    candidates: int | None = None
    sketch: str = "rabitq"

    def __str__(self) -> str:
        return f"{self.name} and {self.size} bytes" if self.size else f"{self.name} alone"

    @property
    def settings(self) -> dict[str, object]:
        """Of a collection."""
        return {"index": self.index, "sketch": {"plugin": self.sketch, "bytes": self.size} if self.size else "none"}

    def reading(self, reads: int) -> Mapping[str, object]:
        """Of a query that reads so many objects."""
        if not self.size:
            return {"candidates": reads}
        return {"reads": reads} if self.candidates is None else {"reads": reads, "candidates": self.candidates}


def without_ranking() -> Mapping[str, object] | None:
    """The index ``ppp-codes`` that leaves ranking to the sketch; None where it cannot."""
    try:
        seealso.load_plugins().get("index", "ppp-codes").Options(ranking="none")
    except ValidationError:
        tell("the index ppp-codes knows no `ranking: none`: what needs it is passed over")
        return None
    return {"plugin": "ppp-codes", "ranking": "none"}


def ways(sizes: tuple[int, ...] = (40, 72), sketch: str = "rabitq", *, alone: bool = True) -> Iterator[Way]:
    """Those that the installed plugins offer, with sketches of these sizes; first ``ppp-codes`` without any, where ``alone`` says so."""
    if alone:
        yield Way("ppp-codes", "ppp-codes", 0)
    for size in sizes:
        yield Way("ppp-codes", "ppp-codes", size, sketch=sketch)
    unranked = without_ranking()
    for size in sizes if unranked is not None else ():
        yield Way("cells of ppp-codes", unranked, size, MORE_CANDIDATES, sketch)
    for size in sizes if installed("index", "scan") else ():
        yield Way("scan", "scan", size, sketch=sketch)


def sketched(size: int) -> Way:
    """``ppp-codes`` with a sketch of so many bytes: the index leaves ranking to that, where it can."""
    unranked = without_ranking()
    if unranked is None:
        return Way("ppp-codes", "ppp-codes", size)
    return Way("cells of ppp-codes", unranked, size, MORE_CANDIDATES)
