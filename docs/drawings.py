"""Draws the pictures of docs/search.md and docs/architecture.md: python docs/drawings.py

Each brings its own ground, light or dark as the reader's system is, so that it is legible on any page; and is narrow enough for a telephone.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from xml.sax.saxutils import escape

FOLDER = Path(__file__).parent
WIDTH = 460

STYLE = """
svg { --ground: #fbfaf8; --ink: #24211e; --quiet: #5d5750; --line: #8a8279; --one: #c2410c; --two: #3451c6; --fill-one: #fbe3d6; --fill-two: #dfe5fb }
@media (prefers-color-scheme: dark) {
svg { --ground: #1c1b1a; --ink: #efece8; --quiet: #b8b1a9; --line: #857d74; --one: #fb9a63; --two: #9db1ff; --fill-one: #43291c; --fill-two: #262e52 }
}
.ground { fill: var(--ground) }
.one { fill: var(--fill-one); stroke: var(--one); stroke-width: 1.5 }
.two { fill: var(--fill-two); stroke: var(--two); stroke-width: 1.5 }
.none { fill: none; stroke: var(--line); stroke-width: 1.5 }
.dot { fill: var(--ink) }
.query { fill: var(--one); stroke: var(--ground); stroke-width: 1.5 }
.near { fill: var(--two); stroke: var(--ground); stroke-width: 1.5 }
.arrow { stroke: var(--line); stroke-width: 1.5; fill: none; marker-end: url(#head) }
.thread { stroke: var(--line); stroke-width: 1; fill: none }
.head { fill: var(--line) }
text { font: 14px system-ui, sans-serif; fill: var(--quiet) }
.name { font-weight: 600; fill: var(--ink) }
.middle { text-anchor: middle }
"""
HEAD = '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="head" d="M0 0L8 4L0 8z"/></marker>'

Point = tuple[float, float]


def drawing(title: str, height: int, parts: Iterable[str]) -> str:
    """A whole SVG."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img">'
        f"<title>{escape(title)}</title><style>{STYLE}</style><defs>{HEAD}</defs>"
        f'<rect class="ground" width="{WIDTH}" height="{height}" rx="10"/>\n{chr(10).join(parts)}\n</svg>\n'
    )


def text(x: float, y: float, words: str, kind: str = "") -> str:
    """A line of words."""
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(words)}</text>'


def named(x: float, y: float, name: str, line: str) -> str:
    """A name, and behind it what there is to say of it."""
    return f'<text x="{x:g}" y="{y:g}"><tspan class="name">{escape(name)}</tspan> {escape(line)}</text>'


def box(x: float, y: float, width: float, height: float, kind: str) -> str:
    """A box with round corners."""
    return f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="7"/>'


def arrow(x: float, y: float, to_x: float, to_y: float) -> str:
    """A straight arrow."""
    return f'<path class="arrow" d="M{x:g} {y:g}L{to_x:g} {to_y:g}"/>'


# The two ways


def chain(title: str, steps: list[tuple[str, str]], sources: dict[int, tuple[str, str]]) -> str:
    """Steps from above to below, each a name and a line; and beside some of them what they read or write."""
    parts = []
    for place, (name, line) in enumerate(steps):
        y = 16 + place * 76
        parts += [box(16, y, 270, 52, "one"), text(28, y + 22, name, "name"), text(28, y + 41, line)]
        if place:
            parts.append(arrow(150, y - 23, 150, y - 2))
        if place in sources:
            other, where = sources[place]
            parts += [box(330, y, 114, 52, "two"), text(342, y + 22, other, "name"), text(342, y + 41, where)]
            parts.append(arrow(328, y + 26, 289, y + 26) if "→" not in where else arrow(288, y + 26, 327, y + 26))
    return drawing(title, 16 + len(steps) * 76 - 8, [part.replace("→ ", "") for part in parts])


def query() -> str:
    """The way out."""
    return chain(
        "A query: descriptor, candidates, refinement, hits",
        [
            ("query", "a file, an upload, an ID, a vector"),
            ("descriptor", "extracted, or read where known"),
            ("candidates", "the few thousand that may be near"),
            ("refinement", "ordered by their true distance"),
            ("hits", "the k nearest, and where they are"),
        ],
        {1: ("store", "on disk"), 2: ("index", "in memory"), 3: ("store", "on disk"), 4: ("catalogue", "on disk")},
    )


def ingest() -> str:
    """The way in."""
    return chain(
        "The way in: scan, hash, decode, extract, commit",
        [
            ("scan", "is it new, or has it changed?"),
            ("hash", "known content is only a new place"),
            ("decode and prepare", "several images at once"),
            ("extract", "in batches"),
            ("store", "the descriptors, synced"),
            ("commit", "one transaction: now it counts"),
        ],
        {4: ("store", "→ on disk"), 5: ("catalogue", "→ on disk")},
    )


# Cells


def half(polygon: list[Point], inside: Callable[[Point], float]) -> list[Point]:
    """What of a convex polygon is where a linear function is not below zero (Sutherland and Hodgman)."""
    kept = []
    for a, b in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        at_a, at_b = inside(a), inside(b)
        if at_a >= 0:
            kept.append(a)
        if (at_a < 0) != (at_b < 0):
            share = at_a / (at_a - at_b)
            kept.append((a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])))
    return kept


def nearer(a: Point, b: Point) -> Callable[[Point], float]:
    """Not below zero where a is at least as near as b."""
    middle = ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
    return lambda p: (p[0] - middle[0]) * (a[0] - b[0]) + (p[1] - middle[1]) * (a[1] - b[1])


def order(pivots: list[Point], point: Point) -> list[int]:
    """The pivots' numbers, from 1, by their distance from a point."""
    away = [(x - point[0]) ** 2 + (y - point[1]) ** 2 for x, y in pivots]
    return [number + 1 for number in sorted(range(len(pivots)), key=away.__getitem__)]


def space(x: float, pivots: list[Point], asked: Point, neighbour: Point, name: str) -> Iterator[str]:
    """A pivot space: its cells, that of the query marked, and what the two are called in it."""
    side, top = 206, 44
    frame = [(0.0, 0.0), (side, 0.0), (side, side), (0.0, side)]
    first = order(pivots, asked)[0]
    yield text(x + side / 2, 30, name, "name middle")
    # That of the query last, so that its border lies above the others'.
    for number, pivot in sorted(enumerate(pivots, 1), key=lambda each: each[0] == first):
        cell = frame
        for other in pivots:
            if other is not pivot:
                cell = half(cell, nearer(pivot, other))
        path = "L".join(f"{x + a:.1f} {top + b:.1f}" for a, b in cell)
        yield f'<path class="{"one" if number == first else "none"}" d="M{path}Z"/>'
    for number, (a, b) in enumerate(pivots, 1):
        yield f'<circle class="dot" cx="{x + a:g}" cy="{top + b:g}" r="3"/>'
        yield text(x + a + 6, top + b + 5, str(number))
    for kind, (a, b) in (("query", asked), ("near", neighbour)):
        yield f'<circle class="{kind}" cx="{x + a:g}" cy="{top + b:g}" r="6"/>'
    for line, (kind, words, point) in enumerate((("query", "query", asked), ("near", "object", neighbour))):
        y = top + side + 24 + 22 * line
        yield f'<circle class="{kind}" cx="{x + 8:g}" cy="{y - 5}" r="6"/>'
        yield text(x + 22, y, f"{words}: {' '.join(map(str, order(pivots, point)[:3]))} …")


def cells() -> str:
    """Two pivot spaces: a border of one of them parts two near objects, and the other holds them together."""
    chance = random.Random(19)  # noqa: S311 - of a drawing
    asked, neighbour = (92.0, 104.0), (118.0, 96.0)
    spaces: list[list[Point]] = []
    while len(spaces) < 2:
        pivots = [(round(chance.uniform(16, 186), 1), round(chance.uniform(16, 190), 1)) for _ in range(6)]
        apart = min(
            (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 for a in [*pivots, asked, neighbour] for b in pivots if a != b
        )
        together = order(pivots, asked)[0] == order(pivots, neighbour)[0]
        if apart > 30**2 and together == bool(spaces):
            spaces.append(pivots)
    parts = [
        *space(16, spaces[0], asked, neighbour, "one pivot space"),
        *space(238, spaces[1], asked, neighbour, "another"),
    ]
    return drawing("Two pivot spaces, each with its cells: one parts two near objects, the other does not", 308, parts)


# Refinement


def blocks() -> str:
    """Candidates, best first, are read in the order of their places; what lies side by side comes in one read."""
    places = [9, 2, 10, 16, 3, 8, 4, 15]  # of the candidates, best first
    step, top, below = 25, 44, 128
    parts = [text(16, 30, "candidates, best first", "name")]
    for rank, place in enumerate(places):
        x, to = 16 + rank * 2 * step, 16 + place * step
        parts.append(f'<path class="thread" d="M{x + 11} {top + 24}L{to + 11} {below}"/>')
        parts += [box(x, top, 22, 24, "one"), text(x + 11, top + 17, str(rank + 1), "name middle")]
    for place in range(17):
        x = 16 + place * step
        parts.append(box(x, below, 22, 24, "two" if place in places else "none"))
        if place in places:
            parts.append(text(x + 11, below + 17, str(places.index(place) + 1), "name middle"))
    runs, last = [], -2
    for place in sorted(places):
        if place != last + 1:
            runs.append([place, place])
        runs[-1][1] = last = place
    for start, end in runs:
        left, right = 16 + start * step, 16 + end * step + 22
        parts.append(f'<path class="none" d="M{left} {below + 32}v7H{right}v-7"/>')
        parts.append(text((left + right) / 2, below + 56, "one read", "middle"))
    parts.append(text(16, below + 84, "the store's records, as they lie on the disk", "name"))
    return drawing("Eight candidates lie in three places of the store, and take three reads", below + 100, parts)


# Growth


def growth() -> str:
    """What is new goes through a list into segments, which are merged; a query goes through all; snapshots are for opening."""
    parts = [text(16, 30, "what is new", "name"), arrow(56, 38, 56, 60)]
    rows = [
        (64, "a short list", "looked through one by one", [80]),
        (146, "segments", "small ones are merged in the background", [60, 60, 60]),
        (228, "a large segment", "never changed, only replaced", [250]),
    ]
    for y, name, line, widths in rows:
        x = 16
        for width in widths:
            parts.append(box(x, y, width, 26, "two"))
            x += width + 10
        parts.append(named(16, y + 46, name, line))
        if y > 64:
            parts.append(arrow(56, y - 30, 56, y - 3))
    for y in (77, 159, 241):
        parts.append(arrow(400, y, 296 if y == 241 else 236, y))
    parts += ['<path class="none" d="M400 52V241"/>', text(400, 44, "a query", "name middle")]
    parts += [arrow(56, 280, 56, 302), named(16, 322, "a snapshot", "on disk: mapped, not read, when it is opened")]
    return drawing(
        "An index that grows: a list, segments, a large segment; a query goes through all of them", 340, parts
    )


# The house

FLOORS = [
    ("opening · deployment", "the door; only these load plugins", "one"),
    ("planning · evaluation", "what it will take; how good answers are", "one"),
    ("collection", "the face; its rooms are below", "one"),
    ("intake · search · upkeep", "the way in and out; duplicates; looking after", "one"),
    ("sketches · derived · parts", "what can be built anew; what is in force", "one"),
    ("catalogue · images · configuration", "rows; decoding; YAML → models", "two"),
    ("distances · codecs · imported", "the plugins that the core brings itself", "two"),
    ("registry", "kinds of plugins, hooks, loading", "two"),
    ("interfaces", "contracts only: all may name them", "two"),
    ("errors · paths · durability · layout", "the ground", "none"),
]


def house() -> str:
    """The framework's rooms: each imports only what stands below it; plugins stand beside, and see only the door."""
    parts = []
    for place, (name, line, kind) in enumerate(FLOORS):
        y = 16 + place * 54
        parts += [box(16, y, 300, 46, kind), text(28, y + 20, name, "name"), text(28, y + 37, line)]
    bottom = 16 + len(FLOORS) * 54 - 8
    parts += [
        box(356, 16, 88, bottom - 16, "none"),
        text(400, bottom / 2 - 14, "plugins", "name middle"),
        text(400, bottom / 2 + 6, "import", "middle"),
        text(400, bottom / 2 + 24, "seealso,", "middle"),
        text(400, bottom / 2 + 42, "not its rooms", "middle"),
        arrow(354, 39, 319, 39),
    ]
    return drawing("The rooms of the framework, each above those that it may import", bottom + 16, parts)


def ways() -> str:
    """The two ways of the data: in on the left, out on the right, over what is kept between them."""
    way_in = ["scan", "read, hash", "decode", "extract", "commit"]
    way_out = ["query", "example", "candidates", "refinement", "hits"]
    kept = {
        1: ("text index", "derived"),
        2: ("index", "derived"),
        3: ("store", "the truth"),
        4: ("catalogue", "the truth"),
    }
    parts = [text(66, 28, "the way in", "name middle"), text(394, 28, "the way out", "name middle")]
    for place, (left, right) in enumerate(zip(way_in, way_out, strict=True)):
        y = 44 + place * 66
        parts += [box(16, y, 100, 40, "one"), text(66, y + 25, left, "name middle")]
        parts += [box(344, y, 100, 40, "one"), text(394, y + 25, right, "name middle")]
        if place:
            parts += [arrow(66, y - 25, 66, y - 2), arrow(394, y - 25, 394, y - 2)]
        if place in kept:
            name, line = kept[place]
            parts += [
                box(175, y - 4, 110, 48, "two"),
                text(230, y + 17, name, "name middle"),
                text(230, y + 35, line, "middle"),
            ]
    commit, first = 44 + 4 * 66 + 20, 44 + 66 + 20
    # A commit writes the store and the catalogue; everything derived follows.
    parts += [f'<path class="none" d="M118 {commit}H146V{first}"/>']
    parts += [arrow(146, 44 + place * 66 + 20, 173, 44 + place * 66 + 20) for place in kept]
    # An answer asks each in its turn.
    parts += [arrow(287, 44 + place * 66 + 20, 342, 44 + place * 66 + 20) for place in kept if place > 1]
    parts += [arrow(287, first, 342, 44 + 2 * 66 + 8)]
    return drawing(
        "The way in writes catalogue and store, and what is derived follows; the way out asks them", 396, parts
    )


DRAWN = {
    "search-query": query,
    "search-ingest": ingest,
    "search-cells": cells,
    "search-blocks": blocks,
    "search-growth": growth,
    "architecture-house": house,
    "architecture-ways": ways,
}


def main() -> None:
    """Draw all."""
    for name, draw in DRAWN.items():
        (FOLDER / f"{name}.svg").write_text(draw())


if __name__ == "__main__":
    main()
