"""Text indexes as the conformance kit makes them, here and in other processes."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from seealso.interfaces.text import TextContext, TextIndex, Words
from seealso.interfaces.text_query import TextQuery
from seealso.testing.plugin_classes import PluginTests

Make = Callable[..., TextIndex]
"""Makes a text index: a new one, or one that has loaded the snapshot in a folder; options by their names."""


def make_text_index(cls: type[TextIndex], scratch: Path, snapshot: Path | None = None, **options: Any) -> TextIndex:
    """A text index of this class.

    Args:
        cls: the class.
        scratch: where its folders for what it cannot hold in memory are made.
        snapshot: what it loads; None: nothing.
        options: its options.
    """

    def folder() -> Path:
        scratch.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=scratch))

    index = cls(cls.Options(**options), TextContext(folder))
    if snapshot is not None:
        try:
            index.load(snapshot)
        except BaseException:
            index.close()
            raise
    return index


def save(index: TextIndex, snapshot: Path) -> Path:
    """Save a text index in a folder that is made for it; the folder."""
    snapshot.mkdir(parents=True)
    index.save(snapshot)
    return snapshot


def add(index: TextIndex, captions: Mapping[int, str]) -> None:
    """Give each of some IDs a caption."""
    ids = sorted(captions)
    index.add(np.array(ids, np.int64), [[Words("caption", captions[id_])] for id_ in ids])


def found(index: TextIndex, query: str) -> list[int]:
    """The IDs of all that match, ascending, by both ways of asking; they have to agree."""
    asked = TextQuery.parse(query)
    ids = index.matching(asked)
    assert ids.dtype == np.int64
    hits = index.search(asked, 1_000_000)
    assert hits.total == hits.ids.size == hits.scores.size == ids.size
    assert hits.ids.dtype == np.int64
    assert hits.scores.dtype == np.float32
    assert (np.diff(hits.scores) <= 0).all()
    assert np.array_equal(np.sort(hits.ids), ids)
    listed: list[int] = ids.tolist()
    return listed


def files_of(folder: Path) -> dict[Path, tuple[bytes, int, int]]:
    """What is in a folder: of each file its content, when it was last written, and its permissions."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        told = path.stat()
        content = path.read_bytes() if path.is_file() else b""
        found[path.relative_to(folder)] = content, told.st_mtime_ns, told.st_mode
    return found


class TextFixtures(PluginTests):
    """A text index, and more of the same."""

    kind = "text"
    class_attribute = "text_index_class"
    text_index_class: ClassVar[type[TextIndex]]

    @pytest.fixture
    def make(self, tmp_path: Path) -> Iterator[Make]:
        """Makes the index, as often as asked; all are closed at the end."""
        indexes: list[TextIndex] = []

        def make(snapshot: Path | None = None, **options: Any) -> TextIndex:
            indexes.append(make_text_index(self.text_index_class, tmp_path / "scratch", snapshot, **options))
            return indexes[-1]

        yield make
        for index in indexes:
            index.close()

    @pytest.fixture
    def index(self, make: Make) -> TextIndex:
        """The index, new and empty."""
        return make()
