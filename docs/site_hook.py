"""What mkdocs does beside: the changelog becomes a page, and what lies outside the documentation is named, not linked to."""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
OUTSIDE = re.compile(r"\[([^\]]*)\]\(\.\./([^)]+)\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the changelog."""
    files.append(File.generated(config, "changelog.md", content=(ROOT / "CHANGELOG.md").read_text()))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """``[configs/default.yaml](../configs/default.yaml)`` is a link where the repository is looked at, and a name here."""
    return OUTSIDE.sub(lambda link: link[1] if link[1].startswith("`") else f"`{link[2]}`", markdown)
