"""The table of sketches in step with the catalogue; and queries that do without it wherever it is missing."""

import shutil

import numpy as np
import pytest

import seealso
from seealso.layout import SKETCH
from vector_collections import found, opened_of


@pytest.fixture
def opening(reopen):
    """Opens the collection with a sketch."""
    return lambda **settings: reopen(**{"sketch": "rabitq", **settings})


def sketched(collection: seealso.Collection) -> list[int] | None:
    """The IDs in the table of sketches, as a query sees it; None where a query does without."""
    assert found(collection) == collection.ids().tolist()
    opened = opened_of(collection)
    table = opened.sketch.view(opened.catalog).part
    return None if table is None else table.ids().tolist()


def names(collection: seealso.Collection) -> list[str]:
    """The snapshots of the table."""
    return sorted(path.name for path in (collection.path / SKETCH).iterdir() if path.is_dir())


def test_it_holds_what_the_collection_holds(opening, add):
    collection = opening()
    add(collection, 40)
    assert sketched(collection) == collection.ids().tolist()
    told = collection.status()["sketch"]
    assert {key: told[key] for key in ("objects", "bytes_per_object", "values", "bits")} == {
        "objects": 40,
        "bytes_per_object": 40,
        "values": 64,
        "bits": 4,
    }
    assert collection.choices()["sketch"] == {"plugin": "rabitq", "bytes": 40, "bits": None, "seed": 0}
    assert collection.verify().problems == []
    assert sketched(opening()) == collection.ids().tolist()


def test_a_reader_follows_a_writer(opening, add):
    writer, reader = opening(), opening()
    add(writer, 40)
    assert sketched(reader) == writer.ids().tolist()
    add(writer, 20)
    assert len(sketched(reader)) == 60
    writer.remove(range(1, 16))
    assert sketched(reader) == sketched(writer) == writer.ids().tolist()
    writer.maintain()
    assert sketched(reader) == sketched(opening()) == writer.ids().tolist()


def test_a_reader_that_is_far_behind_reads_what_has_no_sketch(opening, add, limits):
    limits(tail=3)
    writer, reader = opening(), opening()
    add(writer, 40)
    assert len(sketched(reader)) == 40
    add(writer, 20)
    assert len(found(reader)) == 60


@pytest.mark.parametrize("tail", [10_000, 3])
def test_without_a_snapshot_queries_do_without_and_a_writer_builds_it(opening, add, limits, tail, caplog):
    limits(tail=tail, flat=10)
    writer = opening()
    add(writer, 40)
    writer.close()
    shutil.rmtree(writer.path / SKETCH)
    reader = opening()
    assert sketched(reader) is None
    assert reader.status()["sketch"] == {"made_by": None, "objects": 0, "bytes": 0, "missing": 40}
    assert caplog.messages == []
    writer = opening()
    add(writer, 1)
    assert "building the table of sketches anew: there is no snapshot that can be used" in caplog.text
    assert sketched(writer) == sketched(opening()) == writer.ids().tolist()


def test_none_is_as_it_was(reopen, add):
    collection = reopen()
    add(collection, 40)
    assert "sketch" not in collection.status()
    assert "sketch" not in collection.choices()
    assert not (collection.path / SKETCH).exists()
    assert opened_of(collection).sketch is None
    none = reopen(sketch="none")
    assert none.choices() == collection.choices()
    answer = none.similar(1, 10)
    assert answer.hits == collection.similar(1, 10).hits
    assert answer.cost.candidates == answer.cost.refined == 40


def test_it_is_switched_on_and_off(reopen, opening, add, caplog):
    add(reopen(), 40)
    on = opening()
    assert sketched(on) is None
    add(on, 10)
    assert len(sketched(on)) == 50
    # What is said in the configuration counts; what was recorded is what it was made with.
    off = reopen()
    assert opened_of(off).sketch is None
    add(off, 10)
    off.remove(range(1, 6))
    off.maintain()
    assert len(found(off)) == 55
    again = opening()
    assert len(found(again)) == 55
    add(again, 1)
    assert sketched(again) == again.ids().tolist()


def test_what_was_recorded_stays_in_force(opening, reopen, add):
    add(opening(), 40)
    again = reopen()
    assert again.choices()["sketch"]["plugin"] == "rabitq"
    assert len(sketched(again)) == 40
    assert opened_of(reopen(sketch="none")).sketch is None


def test_with_other_options_it_is_used_as_it_was_made(opening, add, caplog):
    add(opening(), 40)
    other = opening(sketch={"plugin": "rabitq", "bytes": 72})
    assert len(sketched(other)) == 40
    # What is there is told, not what is configured.
    assert other.status()["sketch"]["made_by"]["bytes"] == 40
    assert other.status()["sketch"]["bytes_per_object"] == 40
    assert (
        "the table of sketches was made with bytes 40, and the configuration says 72; it is used as it was made until `seealso rebuild`"
        in caplog.text
    )
    add(other, 10)
    assert other.status()["sketch"]["bytes_per_object"] == 40
    other.rebuild()
    assert sketched(other) == other.ids().tolist()
    assert other.status()["sketch"]["bytes_per_object"] == 72
    assert other.status()["sketch"]["made_by"] == {"plugin": "rabitq", "bytes": 72, "bits": None, "seed": 0}


def test_with_another_distance_queries_do_without(opening, add, caplog):
    add(opening(), 40)
    other = opening(distance="cosine")
    assert sketched(other) is None
    assert (
        "the table of sketches was made for the distance euclidean, and the configuration says cosine; queries do without it"
        in caplog.text
    )
    other.rebuild()
    assert sketched(other) == other.ids().tolist()


def test_another_distance_than_it_estimates_is_refused(opening, add):
    add(opening(), 40)
    with pytest.raises(
        seealso.ConfigError, match="the sketch rabitq estimates the distances cosine, euclidean, and not manhattan"
    ):
        opening(distance="manhattan").similar(1)


@pytest.mark.parametrize("file", ["0.rows", "runs.bin", "matrix.npy", "sketches.json", "snapshot.json"])
def test_damage_is_told_once_and_mended_by_the_next_writer(opening, add, caplog, file):
    writer = opening()
    add(writer, 40)
    writer.close()
    (name,) = names(writer)
    damaged = writer.path / SKETCH / name / file
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    reader = opening()
    assert sketched(reader) is None
    assert len([message for message in caplog.messages if "table of sketches snapshot" in message]) == 1
    (problem,) = opening().verify().problems
    assert "seealso rebuild" in problem
    writer = opening()
    add(writer, 1)
    assert sketched(writer) == sketched(opening()) == writer.ids().tolist()
    assert writer.verify().problems == []


def test_what_is_not_as_the_catalogue_has_it_is_told(opening, add):
    collection = opening()
    add(collection, 40)
    sketched(collection)
    opened_of(collection).sketch.part.remove(np.array([3, 4]))
    (problem,) = collection.verify().problems
    assert problem == "2 objects are not in the table of sketches, the first is 3; run `seealso rebuild`"


def test_it_is_trained_anew_when_there_are_four_times_as_many(opening, add, limits, monkeypatch):
    limits(objects=10)
    trained = []
    cls = opening().plugins.get("sketch", "rabitq")
    train = cls.train
    monkeypatch.setattr(cls, "train", lambda self, sample: (trained.append(len(sample)), train(self, sample))[1])
    collection = opening()
    add(collection, 12)
    add(collection, 60)
    assert len(trained) > 1
    assert trained[-1] >= 48
    assert sketched(collection) == collection.ids().tolist()


def test_it_goes_with_the_collection_to_another_store(opening, add):
    collection = opening(store="lmdb")
    add(collection, 40)
    collection.close()
    moved = opening(store="flat-file")
    moved.convert()
    again = opening()
    assert sketched(again) == again.ids().tolist()
