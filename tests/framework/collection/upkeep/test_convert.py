"""Moving the descriptors to another store: nothing is lost, and searches go on."""

import signal
import threading

import numpy as np
import pytest

import seealso
from conftest import SAMPLES, THUMBNAIL
from seealso.collection.upkeep import convert as conversion
from seealso.interfaces.plugin import PluginChoice
from vector_collections import opened_of

PLUGINS = [THUMBNAIL, SAMPLES / "plain.py"]
PLAIN = PluginChoice("plain")


@pytest.fixture
def opening(tmp_path, make_photos, monkeypatch):
    """Opens a collection of 20 photographs, in this process as often as is liked; a few descriptors are copied at a time."""
    make_photos(tmp_path / "photos", 20)
    monkeypatch.setattr(conversion, "BATCH_BYTES", 4 * 192 * 4)
    opened = []

    def opening(**settings):
        opened.append(seealso.open(tmp_path / "c", plugins=PLUGINS, extractor="thumbnail", **settings))
        return opened[-1]

    opening().index([tmp_path / "photos"])
    yield opening
    for collection in opened:
        collection.close()


def answers(collection) -> list:
    return [[(hit.id, hit.distance) for hit in collection.similar(int(id_), 20).hits] for id_ in collection.ids()]


def test_to_another_store_and_back(opening, tmp_path):
    collection = opening()
    before = answers(collection)
    told = []
    done = collection.convert(PLAIN, lambda done, total: told.append((done, total)))
    assert (done.copied, done.found, done.lossless) == (20, 0, True)
    assert told == [(4, 20), (8, 20), (12, 20), (16, 20), (20, 20)]
    assert sorted(file.name for file in tmp_path.joinpath("c").glob("store*")) == ["store-2"]
    assert len(list((tmp_path / "c" / "store-2").glob("*.npy"))) == 20
    assert collection.status()["parts"]["store"] == "plain"
    assert answers(collection) == before
    assert collection.verify().problems == []
    # The collection remembers it.
    again = opening()
    assert answers(again) == before
    assert again.convert(PluginChoice("lmdb")).copied == 20
    assert sorted(file.name for file in tmp_path.joinpath("c").glob("store*")) == ["store-3"]
    assert answers(again) == answers(collection) == before


def test_nothing_to_do(opening):
    collection = opening()
    assert collection.convert(PluginChoice("flat-file")) is None
    with pytest.raises(seealso.ConfigError, match="say which store"):
        collection.convert()


def test_to_what_the_configuration_names(opening):
    before = answers(opening())
    configured = opening(store="plain")
    with pytest.raises(seealso.ConfigError, match="seealso convert"):
        configured.ids()
    assert configured.convert().copied == 20
    assert answers(configured) == before
    assert configured.convert() is None


def test_another_store_that_there_is_not(opening):
    with pytest.raises(seealso.PluginError, match="nonsense"):
        opening().convert(PluginChoice("nonsense"))
    with pytest.raises(seealso.ConfigError, match="colour"):
        opening().convert(PluginChoice("lmdb", {"colour": 3}))


def test_searches_go_on_meanwhile(opening):
    """Also in a collection that was opened before, and while the old store goes away."""
    collection, other = opening(), opening()
    before = answers(collection)
    wrong, done = [], threading.Event()

    def ask():
        while not done.is_set():
            try:
                if answers(other) != before:
                    wrong.append("another answer")
            except BaseException as error:
                wrong.append(error)
                return

    asking = threading.Thread(target=ask)
    asking.start()
    for store in ("plain", "lmdb", "plain", "lmdb"):
        collection.convert(PluginChoice(store))
    done.set()
    asking.join()
    assert wrong == []


@pytest.mark.parametrize("named", ["flat-file", {"plugin": "flat-file", "codec": "raw"}])
def test_what_is_open_follows_whatever_its_configuration_names(opening, named):
    collection, other = opening(), opening(store=named)
    before = answers(other)
    data = other.read(1)
    for store, folder in (("plain", "store-2"), ("lmdb", "store-3"), ("plain", "store-4")):
        collection.convert(PluginChoice(store))
        assert answers(other) == before
        assert other.status()["parts"]["store"] == collection.status()["parts"]["store"]
        assert other.extract(seealso.Example(image=data))[1] == 1
        assert np.array_equal(other.descriptors([3]), collection.descriptors([3]))
        assert opened_of(other).folder.name == folder
    # Opened anew it has to fit, as ever.
    other.close()
    with pytest.raises(seealso.ConfigError, match="write `store: plain`, or run `seealso convert`"):
        other.ids()


def test_what_is_looked_at_before_and_opened_after_goes_by_the_new_record(opening):
    collection, other = opening(), opening()
    before = answers(collection)
    assert other.choices()["store"]["plugin"] == "flat-file"
    collection.convert(PLAIN)
    assert answers(other) == before


def test_interrupted_it_goes_on_where_it_ended(opening, tmp_path):
    collection = opening()
    before = answers(collection)

    def stop(done, total):
        if done == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collection.convert(PLAIN, stop)
    assert answers(collection) == before
    assert collection.status()["parts"]["store"]["plugin"] == "flat-file"
    # What goes away meanwhile is not carried along.
    (tmp_path / "photos" / "0003-cell.jpg").unlink()
    assert collection.index([tmp_path / "photos"]).removed == 1
    done = collection.convert(PLAIN)
    assert done.copied + done.found == 19
    assert done.found >= 11
    assert collection.verify().problems == []
    assert collection.verify().unused == 0


def test_interrupted_and_begun_otherwise(opening, tmp_path):
    """What was copied for one store is no beginning of another; and `maintain` gives its space back."""
    collection = opening()

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collection.convert(PLAIN, stop)
    assert (tmp_path / "c" / "store-2").exists()
    done = collection.convert(PluginChoice("lmdb", {"map_size": 1 << 30}))
    assert (done.copied, done.found) == (20, 0)
    with pytest.raises(KeyboardInterrupt):
        collection.convert(PLAIN, stop)
    collection.maintain()
    assert sorted(file.name for file in tmp_path.joinpath("c").glob("store*")) == ["store-2"]
    assert collection.convert(PLAIN).found == 0


def test_a_damaged_descriptor_stops_it(opening, tmp_path):
    collection = opening()
    collection.convert(PLAIN)
    (tmp_path / "c" / "store-2" / "3.npy").write_bytes(b"12345")
    with pytest.raises(seealso.CorruptRecord, match="3"):
        collection.convert(PluginChoice("lmdb"))
    collection.maintain()
    assert collection.convert(PluginChoice("lmdb")).copied == 19


KILLED = """
import os, signal, sys
import seealso
from seealso.collection.upkeep import convert as conversion
from seealso.interfaces.plugin import PluginChoice

conversion.BATCH_BYTES = 1
collection = seealso.open(sys.argv[1], plugins=sys.argv[4:], extractor="thumbnail")

def tell(done, total):
    if done == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

collection.convert(PluginChoice(sys.argv[2]), tell)
"""


def test_killed(opening, tmp_path, python):
    before = answers(opening())
    for number, place in enumerate((1, 7, 13, 20)):
        store = ("plain", "lmdb")[number % 2]
        done = python.run("-c", KILLED, tmp_path / "c", store, place, *PLUGINS, timeout=60)
        assert done.returncode == -signal.SIGKILL, done.stderr
        with opening() as collection:
            assert collection.status()["parts"]["store"] != store
            assert answers(collection) == before
            done = collection.convert(PluginChoice(store))
            assert (done.found, done.copied) == (place, 20 - place)
            assert answers(collection) == before
            assert np.array_equal(collection.ids(), np.arange(1, 21))
