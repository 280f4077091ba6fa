"""The table of sketches of a collection whose index ranks by it: queries do not do without, and nothing that has no sketch is lost."""

import shutil

import numpy as np
import pytest

import seealso
from seealso.collection.derived.view import View
from seealso.layout import INDEX, SKETCH
from vector_collections import found, opened_of, part


@pytest.fixture
def opening(reopen):
    """Opens the collection with the index that needs a sketch."""
    return lambda **settings: reopen(**{"index": "scan", "sketch": "rabitq", **settings})


def sketched(collection) -> int | None:
    """How many objects the table holds, as a query sees it; None where there is none. All objects are found in any case."""
    assert found(collection) == collection.ids().tolist()
    opened = opened_of(collection)
    table = opened.sketch.view(opened.catalog).part
    return None if table is None else table.ids().size


def test_index_and_sketches_follow_a_writer(opening, add):
    writer, reader = opening(), opening()
    add(writer, 40)
    assert sketched(reader) == 40
    add(writer, 20)
    writer.remove(range(1, 16))
    for collection in (writer, reader, opening()):
        assert sketched(collection) == 45
        assert part(collection).ids().tolist() == writer.ids().tolist()
        assert collection.verify().problems == []


@pytest.mark.parametrize("kind", [SKETCH, INDEX])
def test_a_snapshot_of_one_that_is_older_than_the_other(opening, add, limits, kind, tmp_path):
    limits(tail=3)
    writer = opening()
    add(writer, 40)
    writer.maintain()
    shutil.copytree(writer.path / kind, tmp_path / "before")
    add(writer, 20)
    writer.remove([3, 50])
    writer.maintain()
    writer.close()
    shutil.rmtree(writer.path / kind)
    shutil.copytree(tmp_path / "before", writer.path / kind)
    # What one of the two does not know is searched without them.
    assert found(opening()) == opening().ids().tolist()
    # One that writes catches up.
    add(writer, 1)
    writer.maintain()
    assert sketched(opening()) == 59


def test_without_a_snapshot_a_query_makes_the_sketches_compares_all_or_says_what_to_run(opening, add, limits):
    writer = opening()
    add(writer, 40)
    writer.close()
    shutil.rmtree(writer.path / SKETCH)
    assert sketched(opening()) == 40
    limits(tail=3)
    assert sketched(opening()) is None
    limits(tail=3, flat=10)
    with pytest.raises(
        seealso.CollectionError,
        match="the table of sketches is not built, and its 40 objects are too many to be searched without one; run `seealso rebuild`",
    ):
        opening().similar(1)
    again = opening()
    again.rebuild()
    assert sketched(opening()) == 40


def test_far_behind_it_is_said_how_many_were_not_searched(opening, add, limits):
    limits(tail=3, flat=10)
    writer = opening()
    add(writer, 40)
    add(writer, 30)
    # The sketches are those of the first forty.
    opened_of(writer).index.save()
    answer = opening().similar(1, 100, reads=100)
    assert answer.unsearched == 30
    assert len(answer.hits) == 40


def test_it_takes_the_place_of_another_index_by_a_rebuild(reopen, opening, add, caplog):
    add(reopen(index="exact"), 40)
    changed = opening()
    # Until then the other index is asked.
    assert found(changed) == changed.ids().tolist()
    assert part(changed).name == "exact"
    assert "the index was made by exact, and the configuration says scan" in caplog.text
    changed.rebuild()
    caplog.clear()
    for collection in (changed, reopen(index="scan"), opening()):
        assert sketched(collection) == 40
        assert part(collection).name == "scan"
    assert reopen(index="exact").choices()["sketch"]["plugin"] == "rabitq"
    # And back.
    back = reopen(index="exact", sketch="none")
    add(back, 5)
    assert found(back) == back.ids().tolist()
    assert "the index scan ranks by sketches, and the collection has none" in caplog.text
    assert part(reopen(index="exact", sketch="none")).name == "exact"


MESSAGE = "the index scan ranks by sketches, and the collection has none; write `sketch: rabitq` beside it, or choose another index"


def test_without_a_sketch_it_is_refused(reopen, add, tmp_path):
    with pytest.raises(seealso.ConfigError, match=MESSAGE):
        add(reopen(index="scan", sketch="none"), 3)
    assert not (tmp_path / "c").exists()


def test_where_no_sketch_is_for_the_distance_none_is_named(reopen, add, monkeypatch):
    collection = reopen(index="scan")
    for cls in collection.plugins.classes("sketch").values():
        monkeypatch.setattr(cls, "distance_kinds", ("another",))
    with pytest.raises(seealso.ConfigError, match="and the collection has none; choose another index"):
        add(collection, 3)


def test_what_it_relies_on_is_searched_without_it():
    some = View("index", np.array([7, 9]), np.array([2]), 3)
    assert some.relying_on(View("table", removed=np.array([1]))) is some
    together = some.relying_on(View("table", np.array([5, 9]), unsearched=8))
    assert together.part == "index"
    assert together.rest.tolist() == [5, 7, 9]
    assert together.removed.tolist() == [2]
    assert together.unsearched == 8
