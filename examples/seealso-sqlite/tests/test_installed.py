"""The plugin is found where it is installed, and does its work in a collection."""

import pytest

import seealso


def test_it_is_found():
    found = seealso.load_plugins().get("store", "sqlite")
    assert found.__module__ == "seealso_sqlite.store"


@pytest.mark.seealso(store="sqlite")
def test_in_a_collection(collection):
    assert [hit.id for hit in collection.similar(5, 1).hits] == [5]
    assert collection.verify().problems == []
