"""Collections of descriptors, opened again and again as other processes would, and limits that are soon reached."""

import pytest

import seealso
from seealso.collection.derived.limits import Limits
from seealso.collection.intake.importing import Import
from seealso.collection.intake.vector_files import open_vectors
from vector_collections import DIM, PLUGINS, more


@pytest.fixture
def limits(monkeypatch):
    """Sets the limits of what is opened from now on; bytes in numbers of descriptors."""

    def set_limits(*, flat=None, **given):
        if flat is not None:
            given["flat_bytes"] = flat * DIM * 4
        monkeypatch.setattr("seealso.collection.derived.limits.LIMITS", Limits(**given))

    monkeypatch.setattr("seealso.collection.derived.source._told", set())
    return set_limits


@pytest.fixture
def add(tmp_path):
    """Imports so many more descriptors into a collection, as another process would."""

    def add(collection, count):
        collection.import_descriptors(more(tmp_path, count))

    return add


@pytest.fixture
def commit(tmp_path):
    """Commits so many more descriptors while a collection is open for writing."""

    def commit(collection, opened, writer, count):
        file = more(tmp_path, count)
        with open_vectors(file, "") as vectors:
            Import(opened, writer, collection.plugins, collection.name).run(
                vectors, bytes(file), None, count, lambda done, total: None
            )

    return commit


@pytest.fixture
def reopen(tmp_path, limits):
    """Opens the same collection anew; the index is ``pivot`` unless another one is named."""
    opened = []

    def reopen(**settings):
        settings = {"index": "pivot", "text": False, **settings}
        opened.append(seealso.open(tmp_path / "c", plugins=PLUGINS, **settings))
        return opened[-1]

    yield reopen
    for collection in opened:
        collection.close()
