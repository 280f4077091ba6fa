"""Draws the pictures of docs/search.md: python docs/drawings.py

Boxes and arrows in the colours of the pages, legible on a light ground and on a dark one.
"""

from pathlib import Path
from xml.sax.saxutils import escape

FOLDER = Path(__file__).parent
BOX, GAP, HEIGHT = 152, 30, 64

STYLE = """
.box { fill: #d9480f22; stroke: #d9480f; stroke-width: 1.5 }
.disk { fill: #4263eb22; stroke: #4263eb; stroke-width: 1.5 }
.arrow { stroke: #868e96; stroke-width: 1.5; fill: none; marker-end: url(#head) }
text { font: 13px system-ui, sans-serif; fill: #7a8288; text-anchor: middle }
.name { font-weight: 600; fill: #e8590c }
.disk-name { font-weight: 600; fill: #5c7cfa }
"""
HEAD = '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#868e96"/></marker>'

Step = tuple[str, str, str]


def chain(title: str, steps: list[Step], sources: dict[int, tuple[str, str]]) -> str:
    """Steps from left to right, each a name and two lines; and below some of them what they read from."""
    width = len(steps) * (BOX + GAP) - GAP + 20
    height = HEIGHT + 40 + (96 if sources else 0)
    parts = []
    for place, (name, first, second) in enumerate(steps):
        x = 10 + place * (BOX + GAP)
        parts.append(f'<rect class="box" x="{x}" y="20" width="{BOX}" height="{HEIGHT}" rx="8"/>')
        for text, y, kind in ((name, 42, "name"), (first, 60, ""), (second, 75, "")):
            parts.append(f'<text class="{kind}" x="{x + BOX / 2}" y="{y}">{escape(text)}</text>')
        if place:
            parts.append(f'<path class="arrow" d="M{x - GAP + 2} {20 + HEIGHT / 2}H{x - 2}"/>')
        if place in sources:
            name, line = sources[place]
            top = 20 + HEIGHT + 40
            parts.append(f'<rect class="disk" x="{x}" y="{top}" width="{BOX}" height="46" rx="8"/>')
            parts.append(f'<text class="disk-name" x="{x + BOX / 2}" y="{top + 20}">{escape(name)}</text>')
            parts.append(f'<text x="{x + BOX / 2}" y="{top + 37}">{escape(line)}</text>')
            parts.append(f'<path class="arrow" d="M{x + BOX / 2} {top - 2}V{20 + HEIGHT + 4}"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img">'
        f"<title>{escape(title)}</title><style>{STYLE}</style><defs>{HEAD}</defs>{''.join(parts)}</svg>\n"
    )


def main() -> None:
    """Draw all."""
    query = chain(
        "A query: descriptor, candidates, refinement, hits",
        [
            ("query", "file, upload, ID", "or words beside it"),
            ("descriptor", "extracted, or read", "where it is known"),
            ("candidates", "the index names a", "few thousand of all"),
            ("refinement", "true distances, block", "by block"),
            ("hits", "the k nearest, with", "their places"),
        ],
        {2: ("index", "in memory"), 3: ("store", "on disk"), 4: ("catalogue", "on disk")},
    )
    (FOLDER / "search-query.svg").write_text(query)
    ingest = chain(
        "The way in: scan, hash, decode, extract, commit",
        [
            ("scan", "what is new or", "has changed?"),
            ("hash", "known content is only", "another place"),
            ("decode, prepare", "several at once", ""),
            ("extract", "in batches", ""),
            ("commit", "descriptors synced, then", "one transaction"),
        ],
        {},
    )
    (FOLDER / "search-ingest.svg").write_text(ingest)


if __name__ == "__main__":
    main()
