"""The code blocks of the documentation's pages."""

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/*.md", "examples/**/*.md")
    for page in ROOT.glob(pattern)
    if not page.parts[len(ROOT.parts)].startswith(".")
)
"""All that is written for people, by their paths."""

REASON = re.compile(r"<!-- not run: (.+) -->\n?")


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code.

    Attributes:
        page: the path of its page, from the repository's root.
        line: where it begins, from 1.
        language: what stands behind the fence; empty where nothing does, and where it is merely indented.
        text: what is in it.
        reason: why it is not run, as the comment above it says; empty where there is none.
    """

    page: str
    line: int
    language: str
    text: str
    reason: str = ""

    @property
    def commands(self) -> list[str]:
        """Of a console: what is typed."""
        return [line.removeprefix("$ ") for line in self.text.splitlines()]


def blocks(page: str, language: str = "") -> list[Block]:
    """All blocks of a page, or those in one language, wherever they stand: in a list, in a quotation, by themselves."""
    found, before = [], None
    for token in MarkdownIt().parse((ROOT / page).read_text()):
        if token.type in ("fence", "code_block"):
            comment = before and before.type == "html_block" and REASON.fullmatch(before.content)
            reason = comment[1] if comment else ""
            found.append(Block(page, token.map[0] + 1, token.info.strip(), token.content, reason))
        before = token
    return [block for block in found if language in ("", block.language)]
