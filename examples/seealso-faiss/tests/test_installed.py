"""The plugin is found where it is installed, and does its work in a collection."""

import pytest

import seealso


def test_it_is_found():
    assert seealso.load_plugins().get("index", "faiss").__module__ == "seealso_faiss.index"


@pytest.mark.seealso(index={"plugin": "faiss", "probes": 2}, distance="cosine")
def test_in_a_collection(collection):
    assert [hit.id for hit in collection.similar(5, 1).hits] == [5]
    assert collection.verify().problems == []
