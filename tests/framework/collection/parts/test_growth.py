"""A collection that grows gets sketches, and another index, by itself: what is in force when, who follows, and what a crash leaves."""

import os
import signal
import threading
from contextlib import closing

import numpy as np
import pytest

import seealso
from conftest import SAMPLES
from lengths import only_whole
from seealso.catalogue.writer import CatalogWriter
from seealso.collection.parts import automatic, opening
from seealso.collection.parts.automatic import GROUNDS, Grounds
from seealso.layout import SKETCH
from seealso_rabitq.sketch import RaBitQ
from vector_collections import found, opened_of, refuse

FEW = 30  # as tests/durability/growth_child.py has it
DIM = 80
CHILD = SAMPLES.parent / "durability" / "growth_child.py"


@pytest.fixture(autouse=True)
def _soon_many(monkeypatch):
    """Sketches are worth it for 31 objects, and no warning was told before."""
    monkeypatch.setattr(automatic, "FEW", FEW)
    monkeypatch.setattr("seealso.collection.derived.source._told", set())


@pytest.fixture
def reopen(tmp_path):
    """Opens the same collection anew, as another process would."""
    opened = []

    def reopen(*, plugins=(SAMPLES / "by_size.py",), **settings):
        opened.append(seealso.open(tmp_path / "c", plugins=plugins, text=False, **settings))
        return opened[-1]

    yield reopen
    for collection in opened:
        collection.close()


@pytest.fixture
def write(tmp_path):
    """Writes a file of so many more descriptors."""

    def write(count, dim=DIM):
        number = len(list(tmp_path.glob("*.npy")))
        file = tmp_path / f"{number}.npy"
        np.save(file, np.random.default_rng(number).normal(size=(count, dim)).astype(np.float32))
        return file

    return write


@pytest.fixture
def add(write):
    """Imports so many more descriptors into a collection."""
    return lambda collection, count, dim=DIM: collection.import_descriptors(write(count, dim))


def sketch_of(collection) -> str | None:
    """The sketch in force, whose table then holds every object."""
    opened = opened_of(collection)
    chosen = collection.choices().get("sketch")
    if chosen is None:
        assert opened.sketch is None
        return None
    assert opened.sketch.view(opened.catalog).part.ids().tolist() == collection.ids().tolist()
    return chosen["plugin"]


def index_of(collection) -> str:
    """The index in force, which then is the one that is asked, and holds every object; every answer is right."""
    assert found(collection) == collection.ids().tolist()
    part = opened_of(collection).index.part
    assert part.ids().tolist() == collection.ids().tolist()
    name = collection.parts.choices()["index"].plugin
    assert part.name == name
    return name


def in_force(collection) -> tuple[str, str | None]:
    """Index and sketch."""
    return index_of(collection), sketch_of(collection)


def forget_grounds(collection):
    """As if an earlier release had made the collection."""
    collection.close()
    with closing(CatalogWriter(collection.path)) as writer, writer.transaction() as connection:
        connection.execute("DELETE FROM meta WHERE key = ?", (GROUNDS,))


# Sketches


def test_sketches_come_when_there_are_enough_objects(reopen, add, caplog):
    collection = reopen(index="ppp-codes")
    add(collection, FEW)
    assert sketch_of(collection) is None
    assert not (collection.path / SKETCH).exists()
    assert collection.similar(1).cost.refined == FEW
    assert collection.status()["auto"] == {"sketch": "none: up to 30 objects all of them are read"}
    add(collection, 1)
    assert sketch_of(collection) == sketch_of(reopen(index="ppp-codes")) == "rabitq"
    assert collection.status()["sketch"]["objects"] == FEW + 1
    assert collection.status()["auto"]["sketch"].startswith("rabitq: of those installed it estimates the distance ")
    answer = collection.similar(1, 2, reads=8)
    assert (answer.cost.candidates, answer.cost.refined) == (FEW + 1, 8)
    assert collection.verify().problems == []
    add(collection, 5)
    assert sketch_of(collection) == "rabitq"
    assert caplog.messages == []


def test_images_bring_them_too(open_collection, make_photos, tmp_path):
    make_photos(tmp_path / "photos", FEW + 1)
    collection = open_collection(tmp_path / "photographs.seealso")
    collection.index([tmp_path / "photos"])
    assert sketch_of(collection) == "rabitq"
    assert found(collection) == collection.ids().tolist()


@pytest.mark.parametrize(
    ("settings", "dim"),
    [({}, 64), ({"sketch": "none"}, DIM), ({"index": "exact"}, DIM)],
    ids=["small descriptors", "none", "exact"],
)
def test_who_gets_none(reopen, add, settings, dim):
    collection = reopen(**settings)
    add(collection, 2 * FEW, dim)
    assert sketch_of(collection) is None
    assert found(collection) == collection.ids().tolist()


def test_who_has_it_open_follows(reopen, add):
    reader, writer = reopen(), reopen()
    add(writer, FEW)
    assert in_force(reader) == ("middling", None)
    add(writer, 5)
    assert in_force(reader) == in_force(writer) == ("small", "rabitq")


def test_they_stay_where_objects_go(reopen, add):
    collection = reopen()
    add(collection, 40)
    collection.remove(range(1, 31))
    add(collection, 1)
    assert in_force(collection) == ("small", "rabitq")
    collection.rebuild()
    assert in_force(collection) == in_force(reopen()) == ("middling", None)
    add(collection, 1)
    assert in_force(collection) == ("middling", None)
    add(collection, 30)
    assert in_force(collection) == in_force(reopen()) == ("small", "rabitq")
    assert collection.verify().problems == []


def test_queries_and_changes_go_on_meanwhile(reopen, write, monkeypatch):
    collection, training, go_on = reopen(index="ppp-codes"), threading.Event(), threading.Event()
    collection.import_descriptors(write(FEW))
    train = RaBitQ.train

    def train_slowly(self, sample):
        training.set()
        assert go_on.wait(60)
        train(self, sample)

    monkeypatch.setattr(RaBitQ, "train", train_slowly)
    importing = threading.Thread(target=collection.import_descriptors, args=(write(10),))
    importing.start()
    assert training.wait(60)
    reader = reopen(index="ppp-codes")
    assert found(collection) == found(reader) == list(range(1, FEW + 11))
    assert "sketch" not in reader.choices()
    go_on.set()
    importing.join(60)
    assert sketch_of(collection) == sketch_of(reader) == "rabitq"


def test_sketches_that_cannot_be_made_are_done_without(reopen, add, monkeypatch, caplog):
    collection = reopen(index="ppp-codes")
    with monkeypatch.context() as patched:
        patched.setattr(RaBitQ, "train", refuse)
        add(collection, 40)
        assert found(collection) == collection.ids().tolist()
    assert caplog.messages == [
        "collection c: the table of sketches could not be built anew (not now); it goes on with what it has"
    ]
    assert "sketch" not in collection.choices()
    again = reopen(index="ppp-codes")
    add(again, 1)
    assert sketch_of(again) == "rabitq"


def test_what_was_saved_and_not_recorded_is_taken_by_the_next_writer(reopen, add, monkeypatch, caplog):
    add(reopen(), FEW)

    def dies(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(opening, "recorded_anew", dies)
        with pytest.raises(KeyboardInterrupt):
            add(reopen(), 5)
    assert in_force(reopen()) == ("middling", None)
    monkeypatch.setattr(RaBitQ, "train", refuse)
    collection = reopen()
    add(collection, 1)
    assert in_force(collection) == in_force(reopen()) == ("small", "rabitq")
    assert caplog.messages == []


def test_a_collection_of_an_earlier_release_stays_as_it_is(reopen, add):
    add(reopen(), 20)
    forget_grounds(reopen())
    collection = reopen()
    add(collection, 20)
    assert in_force(collection) == ("middling", None)
    assert collection.left_open == ()
    status = collection.status()
    assert status["auto"] == {}
    assert [(each["part"], each["has"], each["default"]) for each in status["advice"]] == [("sketch", "none", "auto")]
    assert reopen(sketch="none").status()["advice"] == []
    collection.rebuild()
    assert in_force(collection) == in_force(reopen()) == ("small", "rabitq")
    assert collection.left_open == ("index", "sketch")
    assert collection.status()["advice"] == []


def test_the_configuration_gives_it_to_a_collection_of_an_earlier_release(reopen, add):
    add(reopen(), 40)
    reopen(sketch="none", index="middling").rebuild()
    forget_grounds(reopen())
    asked = reopen(sketch="auto", index="auto")
    assert in_force(asked) == ("middling", None)
    assert asked.status()["auto"] == {
        "index": "middling: of those installed it suits up to 100 objects without sketches best",
        "sketch": "none yet: the next command that writes makes it, with rabitq",
    }
    asked.remove([1])
    assert in_force(asked) == ("small", "rabitq")
    # It is recorded, so it holds without the configuration.
    assert reopen().left_open == ("index", "sketch")


def test_with_another_distance_they_are_chosen_anew_by_a_rebuild(reopen, add, monkeypatch):
    collection = reopen()
    add(collection, 40)
    monkeypatch.setattr(RaBitQ, "distance_kinds", ("l2",))
    monkeypatch.setattr(automatic, "best_sketch", lambda plugins, distance: None)
    other = reopen(distance="manhattan")
    assert found(other) == other.ids().tolist()
    other.rebuild()
    assert in_force(other) == in_force(reopen()) == ("middling", None)


def test_it_goes_with_the_collection_to_another_store(reopen, add):
    add(reopen(), FEW)
    forget = reopen(sketch="none", index="middling")
    add(forget, 5)
    moved = reopen()
    moved.convert(seealso.PluginChoice("lmdb"))
    assert in_force(reopen()) == ("small", "rabitq")
    assert reopen().choices()["store"]["plugin"] == "lmdb"
    assert reopen().verify().problems == []


# The index


def test_the_index_changes_with_the_number_of_objects(reopen, add, caplog):
    writer, reader = reopen(), reopen()
    for count, expected in ((30, "middling"), (30, "small"), (40, "middling"), (1, "large"), (9, "large")):
        add(writer, count)
        assert index_of(writer) == index_of(reader) == index_of(reopen()) == expected
        assert writer.verify().problems == []
    assert caplog.messages == []


def test_several_changes_in_one_import(reopen, add):
    collection = reopen()
    add(collection, 150)
    assert in_force(collection) == in_force(reopen()) == ("large", "rabitq")


def test_it_does_not_change_back_by_itself(reopen, add):
    collection = reopen()
    add(collection, 61)
    assert index_of(collection) == "middling"
    collection.remove(range(1, 21))
    add(collection, 1)
    assert index_of(collection) == "middling"
    collection.rebuild()
    assert index_of(collection) == index_of(reopen()) == "small"


def test_what_is_named_stays(reopen, add):
    collection = reopen(index="middling", sketch="none")
    add(collection, 150)
    assert in_force(collection) == ("middling", None)
    assert collection.left_open == ()
    # Also without the configuration: it was made so.
    again = reopen()
    add(again, 1)
    again.rebuild()
    assert in_force(again) == in_force(reopen()) == ("middling", None)


def test_an_explicit_sketch_is_there_from_the_beginning(reopen, add):
    collection = reopen(sketch="rabitq")
    add(collection, 10)
    assert in_force(collection) == ("small", "rabitq")
    assert collection.left_open == ("index",)


def test_an_index_that_needs_sketches_brings_them(reopen, add):
    collection = reopen(index="small")
    add(collection, 10)
    assert in_force(collection) == ("small", "rabitq")


def test_an_index_that_needs_sketches_goes_with_them(reopen, add):
    add(reopen(), 40)
    without = reopen(sketch="none")
    assert found(without) == without.ids().tolist()
    add(without, 1)
    assert in_force(without) == ("middling", None)
    again = reopen()
    add(again, 1)
    assert in_force(again) == ("small", "rabitq")


def test_another_plugin_changes_nothing_of_what_stays_as_it_is(reopen, add):
    with reopen(plugins=()) as alone:
        add(alone, 20)
        before = alone.choices()["index"]
    # By now there are others that would be better.
    collection = reopen()
    add(collection, 5)
    assert collection.choices()["index"] == before
    assert index_of(collection) == before["plugin"]
    add(collection, 10)
    assert index_of(collection) == "small"


def test_what_a_variant_at_another_place_has_its_own_size_chooses(reopen, add, tmp_path):
    collection = reopen()
    add(collection, 101)
    assert index_of(collection) == "large"
    with collection.variant(tmp_path / "other", name="other") as other:
        add(other, 10)
        assert in_force(other) == ("middling", None)


def test_of_an_empty_collection_nothing_is_built(reopen, add):
    collection = reopen()
    add(collection, 40)
    collection.remove(collection.ids())
    assert collection.choices()["index"] == "small"
    collection.rebuild()
    assert opened_of(collection).index.part.name == collection.choices()["index"] == "middling"
    add(collection, 1)
    assert in_force(collection) == ("middling", None)


def test_what_is_recorded(reopen, add):
    collection = reopen()
    add(collection, 20)

    def recorded():
        return automatic.recorded_grounds(opened_of(collection).catalog)

    assert recorded() == {"index": Grounds(), "sketch": Grounds()}
    add(collection, 20)
    assert recorded() == {"index": Grounds(40, True), "sketch": Grounds(40)}
    # Nothing is written where nothing changes.
    add(collection, 10)
    assert recorded() == {"index": Grounds(40, True), "sketch": Grounds(40)}
    reopen(index="middling").rebuild()
    assert recorded() == {"sketch": Grounds(50, True)}


# Crashes

KEEPER, SAVE = (
    "seealso.collection.derived.keeper:Keeper.change_over",
    "seealso.collection.derived.snapshots:Snapshots.save",
)
RECORD = "seealso.collection.parts.opening:recorded_anew"
MOMENTS = [
    (KEEPER, "before", 1),
    (KEEPER, "after", 1),
    (SAVE, "before", 1),
    (SAVE, "after", 1),
    (RECORD, "before", 1),
    (RECORD, "after", 1),
    (KEEPER, "before", 2),
    (KEEPER, "after", 2),
    (SAVE, "before", 2),
    (SAVE, "after", 2),
    (RECORD, "before", 2),
    (RECORD, "after", 2),
]
"""Where a process is killed: first it gets sketches, then another index."""


@pytest.mark.parametrize(
    ("failpoint", "when", "nth"), [(KEEPER, "after", 1), (RECORD, "before", 1), *only_whole(*MOMENTS)]
)
def test_killed_on_the_way(reopen, add, write, python, failpoint, when, nth, caplog):
    with reopen() as collection:
        add(collection, FEW)
    child = python.run(CHILD, collection.path, write(10), failpoint, when, nth, env=dict(os.environ))
    assert child.returncode == -signal.SIGKILL, child.stderr
    with reopen() as reader:
        assert found(reader) == list(range(1, FEW + 11))
        assert reader.verify().problems == []
    with reopen() as writer:
        add(writer, 1)
        assert in_force(writer) == ("small", "rabitq")
        assert writer.verify().problems == []
    assert caplog.messages == []
