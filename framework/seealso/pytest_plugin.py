"""Fixtures for the tests of plugins; pytest finds them by itself where seealso is installed.

Apart from `seealso.testing`, and light: every run of pytest in such an environment imports it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from seealso import Collection

PICTURES = 12


def pytest_configure(config: pytest.Config) -> None:
    """Tell pytest of the marker."""
    config.addinivalue_line(
        "markers",
        "seealso(plugins=[], **settings): what the fixture `collection` is made with: plugin files, and settings "
        "(extractor, distance, index, store, keywords, text, search) as in the configuration",
    )


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of twelve small pictures of known content, ``0000.png`` and so on: `seealso.testing.write_pictures`."""
    from seealso.testing.images import write_pictures

    folder = tmp_path / "photos"
    write_pictures(folder, PICTURES)
    return folder


@pytest.fixture
def make_collection(tmp_path: Path) -> Iterator[Callable[..., Collection]]:
    """Makes a collection ``NAME.seealso`` (or opens it again) with plugin files and settings, as in the configuration.

    Unless an extractor is named it gets ``pixels``, which needs no network. All are closed at the end.
    """
    from seealso.testing.collections import deployment_of

    with ExitStack() as cleanup:

        def make(name: str = "photos", *, plugins: list[Path] | None = None, **settings: Any) -> Collection:
            deployment = cleanup.enter_context(deployment_of(tmp_path, [name], plugins or [], **settings))
            return deployment.collection()

        yield make


@pytest.fixture
def collection(request: pytest.FixtureRequest, make_collection: Callable[..., Collection], photos: Path) -> Collection:
    """A collection of `photos`; the marker ``seealso`` says with which plugins.

    As in ``@pytest.mark.seealso(index="mine", store={"plugin": "lmdb"})``.
    """
    marker = request.node.get_closest_marker("seealso")
    settings = dict(marker.kwargs) if marker else {}
    made = make_collection(plugins=[Path(file) for file in settings.pop("plugins", [])], **settings)
    made.index([photos])
    return made
