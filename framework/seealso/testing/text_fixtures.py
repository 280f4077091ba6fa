"""Text indexes as the conformance kit opens them, here and in other processes."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from seealso.interfaces.text import TextContext, TextIndex, Words
from seealso.interfaces.text_query import TextQuery
from seealso.testing.plugin_classes import PluginTests
from seealso.testing.processes import finish, start_python

Open = Callable[..., TextIndex]


def open_text_index(
    cls: type[TextIndex] | str, directory: Path, *, read_only: bool = False, **options: Any
) -> TextIndex:
    """A text index of this class, or of one named ``module:Class``."""
    if isinstance(cls, str):
        module, _, name = cls.partition(":")
        cls = attrgetter(name)(import_module(module))
        assert isinstance(cls, type)
    if not read_only:
        directory.mkdir(exist_ok=True)
    return cls(cls.Options(**options), TextContext(directory, read_only))


def put(index: TextIndex, captions: Mapping[int, str], applied: int = 1) -> None:
    """Give each of some IDs a caption, and commit."""
    ids = np.array(list(captions), np.int64)
    index.put(ids, [[Words("caption", caption)] for caption in captions.values()])
    index.commit(applied)


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


def start(cls: type[TextIndex], directory: Path, code: str, *prefix: str, **options: Any) -> subprocess.Popen[str]:
    """Some code in a process of its own, where ``index(…)`` opens the index, and ``put``, ``found`` and ``np`` are there."""
    head = f"""
    import pathlib
    import numpy as np, seealso
    from seealso.testing.text_fixtures import found, open_text_index, put
    def index(**options):
        return open_text_index({cls.__module__ + ":" + cls.__qualname__!r}, pathlib.Path({str(directory)!r}), **options)
    """
    return start_python(head, code, *prefix, **options)


def run(cls: type[TextIndex], directory: Path, code: str, *prefix: str, **options: Any) -> str:
    """The same to its end; what it printed."""
    return finish(start(cls, directory, code, *prefix, **options))


class TextFixtures(PluginTests):
    """A text index, and more of the same."""

    kind = "text"
    class_attribute = "text_index_class"
    text_index_class: ClassVar[type[TextIndex]]

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """The index's directory."""
        return tmp_path / "text"

    @pytest.fixture
    def opened(self, folder: Path) -> Iterator[Open]:
        """Opens the index, as often as asked; all are closed at the end."""
        indexes: list[TextIndex] = []

        def make(**options: Any) -> TextIndex:
            indexes.append(open_text_index(self.text_index_class, folder, **options))
            return indexes[-1]

        yield make
        for index in indexes:
            index.close()

    @pytest.fixture
    def index(self, opened: Open) -> TextIndex:
        """The index, open for writing."""
        return opened()
