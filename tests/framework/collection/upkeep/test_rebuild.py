"""Another distance, or another index, for the descriptors that are there: by `rebuild`, which is recorded and followed."""

import numpy as np
import pytest

import seealso
from conftest import THUMBNAIL
from seealso.collection.search.answering import Answering
from seealso.collection.upkeep import rebuild as module
from vector_collections import opened_of

MANHATTAN = seealso.PluginChoice("manhattan")


@pytest.fixture
def opening(indexed):
    """Opens the same collection again and again, as other processes would; it was made without naming a distance."""
    first = indexed(40)
    opened = []

    def opening(**settings):
        opened.append(seealso.open(first.path, plugins=[THUMBNAIL], **settings))
        return opened[-1]

    first.close()
    yield opening
    for collection in opened:
        collection.close()


def answers_by(collection, order):
    """Whether the answers are those of a norm of this order, and come through an index that was made for it."""
    ids = collection.ids()
    rows = collection.descriptors(ids).astype(np.float64)
    expected = np.sort(np.linalg.norm(rows - rows[4], ord=order, axis=1))[:10]
    found = [hit.distance for hit in collection.similar(int(ids[4]), 10).hits]
    keeper = opened_of(collection).index
    return np.allclose(found, expected, rtol=1e-4) and keeper._state.made_by == keeper._source.made_by


def no_extraction(monkeypatch):
    def extract(self, batch):
        raise AssertionError("extracted again")

    monkeypatch.setattr("seealso.collection.parts.resolved.Parts.extract", extract)


@pytest.mark.parametrize("index", ["ppp-codes", "exact"])
def test_another_distance_by_the_configuration(opening, index, monkeypatch, caplog):
    """It is changed there, the indexes are rebuilt, and that is all; then it holds without the configuration, too."""
    no_extraction(monkeypatch)
    assert answers_by(opening(), 2)
    with opening(distance="manhattan", index=index) as changed:
        changed.rebuild()
        assert answers_by(changed, 1)
        assert changed.verify().problems == []
        made_with = changed.choices()
    caplog.clear()
    later = opening()
    assert answers_by(later, 1)
    assert later.choices() == made_with
    assert made_with["distance"] == "manhattan"
    assert later.verify().problems == []
    assert caplog.text == ""


def test_another_distance_by_name(opening, monkeypatch):
    no_extraction(monkeypatch)
    collection = opening()
    assert answers_by(collection, 2)
    collection.rebuild(MANHATTAN)
    assert answers_by(collection, 1)
    assert answers_by(opening(), 1)
    # And back.
    collection.rebuild(seealso.PluginChoice("euclidean"))
    assert answers_by(collection, 2)
    assert answers_by(opening(), 2)


def test_who_has_it_open_follows(opening, caplog, make_photos, tmp_path):
    """This also holds for one whose configuration still names the old distance, and while new objects are being added."""
    servers = [opening(), opening(distance="euclidean")]
    assert all(answers_by(server, 2) for server in servers)
    opening().rebuild(MANHATTAN)
    assert all(answers_by(server, 1) for server in servers)
    assert servers[1].status()["parts"]["distance"] == "manhattan"
    opening().index(make_photos(tmp_path / "more", 45, seed=3))
    assert all(answers_by(server, 1) for server in servers)
    assert caplog.text == ""


def test_a_query_that_is_under_way_is_asked_again(opening, monkeypatch):
    server, asked = opening(), []
    answering = Answering.answer

    def slow(self, query):
        answer = answering(self, query)
        asked.append(answer.hits[-1].distance)
        if len(asked) == 1:
            opening().rebuild(MANHATTAN)
        return answer

    monkeypatch.setattr(Answering, "answer", slow)
    assert answers_by(server, 1)
    assert len(asked) == 2
    assert asked[0] < asked[1]


def test_nothing_moves_where_nothing_has_changed(opening):
    server = opening()
    server.similar(1)
    opened = opened_of(server)
    opening().rebuild()
    server.similar(1)
    assert opened_of(server) is opened


def test_killed_before_it_is_recorded(opening, monkeypatch):
    """The new snapshot is there, and the collection still says what it was: it answers, and either rebuild finishes."""

    def dies(*_):
        raise KeyboardInterrupt

    server = opening()
    assert answers_by(server, 2)
    with monkeypatch.context() as patched:
        patched.setattr(module, "recorded_anew", dies)
        with pytest.raises(KeyboardInterrupt):
            opening().rebuild(MANHATTAN)
    ids = server.ids()
    rows = server.descriptors(ids).astype(np.float64)
    expected = np.sort(np.linalg.norm(rows - rows[4], axis=1))[:10]
    for collection in (server, opening()):
        assert collection.choices()["distance"] == "euclidean"
        np.testing.assert_allclose(
            [hit.distance for hit in collection.similar(int(ids[4]), 10).hits], expected, rtol=1e-4
        )
    opening().rebuild(MANHATTAN)
    assert answers_by(opening(), 1)
    assert answers_by(server, 1)


def test_killed_while_it_is_built(opening, monkeypatch):
    def dies(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("seealso.collection.derived.building.Builder.build", dies)
        with pytest.raises(KeyboardInterrupt):
            opening().rebuild(MANHATTAN)
    assert answers_by(opening(), 2)


@pytest.mark.parametrize(
    ("settings", "name", "expected"),
    [
        ({"distance": "euclidean"}, "manhattan", "the configuration names the distance euclidean; write `distance: manhattan` there"),
        ({}, "cosin", "there is no distance named 'cosin'; did you mean `cosine`"),
        ({}, "hamming", "the distance hamming takes uint8, and the extractor's descriptors are float32"),
    ],
)  # fmt: skip
def test_a_distance_that_it_cannot_keep_to(opening, settings, name, expected):
    with pytest.raises(seealso.SeealsoError, match=expected):
        opening(**settings).rebuild(seealso.PluginChoice(name))
    assert answers_by(opening(), 2)


def test_without_the_plugin_of_its_extractor(opening):
    """Nothing is extracted, so nothing is missing."""
    opening().close()
    path = opening().path
    with seealso.open(path) as without:
        without.rebuild(MANHATTAN)
        assert answers_by(without, 1)
    assert answers_by(opening(), 1)


def test_the_extractor_and_the_store_stay_as_recorded(opening):
    """Whatever a configuration says of them that does not fit."""
    with opening(extractor={"plugin": "thumbnail", "side": 4}, index="exact") as other:
        other.rebuild()
        index = other.choices()["index"]
    collection = opening()
    assert collection.choices()["extractor"] == {"plugin": "thumbnail", "side": 8}
    assert collection.choices()["index"] == index
