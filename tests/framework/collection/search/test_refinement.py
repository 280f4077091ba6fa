"""The way out."""

import os
import shutil
import threading
from pathlib import Path

import lmdb
import numpy as np
import pytest

import seealso
from conftest import SAMPLES, THUMBNAIL
from seealso.codecs.raw import Raw
from seealso.collection.search.measures import FromDescriptor
from seealso.collection.search.refinement import Refinement, Wanted
from seealso.collection.search.stopwatch import Stopwatch
from seealso.distances.vectors import Euclidean
from vector_collections import opened_of


@pytest.fixture(params=["lmdb, exact", "plain, exact", "lmdb, pivot", "plain, pivot"])
def collection(request, indexed):
    store, index = request.param.split(", ")
    return indexed(plugins=(SAMPLES / "plain.py",), store=store, index=index)


def brute_force(collection, query: np.ndarray) -> list[tuple[float, int]]:
    ids = collection.ids()
    all_of_them = collection.descriptors(ids).astype(np.float64)
    distances = np.sqrt(((all_of_them - query.astype(np.float64)) ** 2).sum(axis=1))
    return sorted(zip(distances.tolist(), ids.tolist(), strict=True))


def test_neighbours_are_those_of_brute_force(collection):
    for id_ in collection.ids()[:10].tolist():
        answer = collection.similar(id_, k=12)
        expected = brute_force(collection, collection.descriptors([id_])[0])[:12]
        assert [hit.id for hit in answer.hits] == [id_ for _, id_ in expected]
        assert np.allclose([hit.distance for hit in answer.hits], [d for d, _ in expected], rtol=1e-4)
        assert answer.hits[0].id == id_
        assert answer.hits[0].distance == 0
        assert answer.cost.reads > 0
        assert answer.cost.bytes_read > 0
        assert answer.cost.candidates >= 12
        assert answer.cost.ms.total > 0


def test_a_file_of_the_collection_needs_no_extraction(collection, monkeypatch, tmp_path):
    def refuse(*_):
        raise AssertionError("extracted")

    monkeypatch.setattr(type(collection.parts.extractor), "extract", refuse)
    path = Path(os.fsdecode(collection.show(6).paths[0]))
    answer = collection.similar(path, 3)
    assert answer.example.id == answer.hits[0].id == 6
    assert answer.hits[0].path == str(path)
    # nor does a copy of it somewhere else
    copy = tmp_path / "copy.jpg"
    copy.write_bytes(path.read_bytes())
    assert collection.similar(copy, 1).hits == answer.hits[:1]


def test_another_file_is_extracted(collection, photographs, tmp_path):
    photographs["coffee"].resize((96, 72)).save(tmp_path / "query.png")
    answer = collection.similar(tmp_path / "query.png", 5)
    assert answer.example.id is None
    image = seealso.decode_image((tmp_path / "query.png").read_bytes()).image
    query = collection.parts.extractor.extract(collection.parts.extractor.prepare(image)[np.newaxis])[0]
    assert [hit.id for hit in answer.hits] == [id_ for _, id_ in brute_force(collection, query)[:5]]
    assert collection.similar_to_descriptor(query, 5).hits == answer.hits


def test_more_than_there_are(collection):
    answer = collection.similar(int(collection.ids()[0]), k=1000)
    assert len(answer.hits) == 60
    assert len({hit.id for hit in answer.hits}) == 60


def test_the_query_itself_can_be_left_out(collection):
    id_ = int(collection.ids()[7])
    answer = collection.similar(id_, k=59, others=True)
    assert len(answer.hits) == 59
    assert id_ not in [hit.id for hit in answer.hits]


def test_what_is_left_out_is_asked_for_beside_the_candidates(collection, monkeypatch):
    """For the one that is missing an index would search as far again as for all before it."""
    index = type(opened_of(collection).index.part)
    candidates = index.candidates
    asked = []

    def noted(self, query, *, wanted, **others):
        asked.append(wanted)
        return candidates(self, query, wanted=wanted, **others)

    monkeypatch.setattr(index, "candidates", noted)
    collection.similar(1, 3, candidates=9)
    collection.similar(1, 3, candidates=9, others=True)
    assert asked == [9, 10]


def test_only_allowed_objects(collection):
    allowed = collection.ids()[::5]
    answer = collection.similar(int(collection.ids()[1]), k=20, allowed=seealso.IdSet(allowed))
    assert sorted(hit.id for hit in answer.hits) == allowed.tolist()
    assert collection.similar(int(collection.ids()[1]), allowed=seealso.IdSet(np.array([], np.int64))).hits == ()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (np.zeros(5, np.float32), r"float32 of shape \(5,\).*float32 of shape \(192,\)"),
        (np.zeros(192, np.float64), "the query is float64"),
        (np.full(192, np.nan, np.float32), "not finite"),
        (np.zeros((2, 192), np.float32), "of shape"),
    ],
)
def test_wrong_descriptors_are_refused(collection, query, expected):
    with pytest.raises(seealso.QueryError, match=expected):
        collection.similar_to_descriptor(query)


def test_wrong_questions_are_refused(collection, tmp_path):
    (tmp_path / "text.jpg").write_text("text")
    with pytest.raises(seealso.ImageError, match=r"text\.jpg: "):
        collection.similar(tmp_path / "text.jpg")
    with pytest.raises(seealso.FileError, match=r"nothing\.jpg: cannot be read: No such file"):
        collection.similar(tmp_path / "nothing.jpg")
    with pytest.raises(seealso.FileError, match="cannot be read: Is a directory"):
        collection.similar(tmp_path)
    for id_ in (0, -1, 10**6, 10**30):
        with pytest.raises(seealso.QueryError, match=f"no object {id_}"):
            collection.similar(id_)
    with pytest.raises(seealso.QueryError, match="k is 0"):
        collection.similar(int(collection.ids()[0]), k=0)
    with pytest.raises(seealso.QueryError, match="n is 0"):
        collection.random(0)
    with pytest.raises(seealso.QueryError, match="seed is -1"):
        collection.random(seed=-1)


def test_several_threads_at_once_while_it_grows(collection, tmp_path, make_photos):
    make_photos(tmp_path / "more", 60, seed=5)
    expected = {i: [h.id for h in collection.similar(i, 1).hits] for i in collection.ids().tolist()}
    problems = []
    done = threading.Event()

    def ask(seed):
        rng = np.random.default_rng(seed)
        while not done.is_set():
            id_ = int(rng.choice(list(expected)))
            found = [hit.id for hit in collection.similar(id_, 1).hits]
            if found != expected[id_]:
                problems.append((id_, found))

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    try:
        assert collection.index([tmp_path / "more"]).added == 60
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert problems == []
    assert len(collection.similar(int(collection.ids()[0]), 1000).hits) == 120


def test_random_and_show(collection):
    some = collection.random(10, seed=4)
    assert len({hit.id for hit in some}) == 10
    assert some == collection.random(10, seed=4)
    assert len(collection.random(1000)) == 60
    record = collection.show(some[0].id)
    assert record.paths == some[0].paths
    assert (record.width, record.height) == (96, 72)


def test_hits_without_a_place_are_not_shown(tmp_path, make_photos):
    """An object that lost its file in a run that was then killed is nobody's hit."""
    photos = make_photos(tmp_path / "photos", 20)
    with seealso.open(tmp_path / "c", plugins=[THUMBNAIL], extractor="thumbnail") as collection:
        collection.index([tmp_path / "photos"])
        id_ = collection.similar(photos[3], 1).example.id
        writer = seealso.catalogue.writer.CatalogWriter(collection.path)
        writer.remove_locations([bytes(photos[3])])
        writer.close()
        assert id_ not in [hit.id for hit in collection.similar(int(collection.ids()[0]), 100).hits]
        assert len(collection.similar(int(collection.ids()[0]), 19).hits) == 19
        with pytest.raises(seealso.QueryError):
            collection.show(id_)


@pytest.mark.parametrize("index", ["exact", "pivot"])
@pytest.mark.parametrize("codec", ["raw", "sparse", "zstd", "sparse-f16"])
def test_a_damaged_descriptor_is_left_out_with_a_warning(tmp_path, make_photos, caplog, index, codec):
    photos = make_photos(tmp_path / "photos", 40)
    plugins = [THUMBNAIL, SAMPLES / "plain.py"]
    choices = {"extractor": "thumbnail", "index": index, "store": {"plugin": "lmdb", "codec": codec}}
    with seealso.open(tmp_path / "c", plugins=plugins, **choices) as collection:
        collection.index([tmp_path / "photos"])
        expected = [hit.id for hit in collection.similar(photos[0], 40).hits]
        assert len(expected) == 40
    damaged = expected[3]
    environment = lmdb.open(str(tmp_path / "c" / "store" / "data-000001"), max_dbs=2)
    with environment.begin(write=True) as transaction:
        database = environment.open_db(b"descriptors", txn=transaction)
        key = damaged.to_bytes(8, "big")
        transaction.put(key, transaction.get(key, db=database)[:-1], db=database)
    environment.close()
    with seealso.open(tmp_path / "c", plugins=plugins, **choices) as collection:
        answer = collection.similar(photos[0], 40)
        assert [hit.id for hit in answer.hits] == [id_ for id_ in expected if id_ != damaged]
        assert answer.hits[0].distance == 0
        message = f"the stored descriptor of ID {damaged} is damaged, and left out; run `seealso verify`"
        assert caplog.messages == [message]
        # Indexes are built, and true neighbours found, without it as well.
        shutil.rmtree(tmp_path / "c" / "index")
    with seealso.open(tmp_path / "c", plugins=plugins, **choices) as collection:
        collection.rebuild()
        answer = collection.similar(photos[0], 40)
        assert [hit.id for hit in answer.hits] == [id_ for id_ in expected if id_ != damaged]
        assert any(f"object {damaged}" in problem for problem in collection.verify().problems), (
            collection.verify().problems
        )
        with collection.reading() as (store, distance):
            queries = collection.descriptors(expected[:1])
            near = seealso.exact_neighbours(store, distance, queries, 40).ids[0].tolist()
        assert near[:39] == [id_ for id_ in expected if id_ != damaged]


def test_a_query_that_does_not_fit_is_no_damage(caplog):
    codec = Raw(seealso.PluginOptions(), seealso.CodecContext(3, np.dtype(np.float32)))
    records = codec.encode(np.ones((2, 3), np.float32))
    block = seealso.EncodedBlock(np.array([1, 2]), records, codec, 2, 24)
    with pytest.raises(ValueError, match="cannot be compared"):
        block.sound_distances(Euclidean(), np.ones(4, np.float32))
    assert caplog.messages == []


def test_fewer_candidates_are_refined_when_asked(tmp_path, make_photos):
    make_photos(tmp_path / "photos", 40)
    plugins = [THUMBNAIL, SAMPLES / "plain.py"]
    with seealso.open(tmp_path / "c", plugins=plugins, extractor="thumbnail", index="pivot") as collection:
        collection.index([tmp_path / "photos"])
        assert collection.similar(5, 3, candidates=7).cost.candidates == 7
        assert collection.similar(5, 10, candidates=7).cost.candidates == 10
        assert collection.similar(5, 3).cost.candidates == 40


def test_refinement_stops_when_nothing_changes(collection, monkeypatch):
    """Only when it is told to; and never before there are k."""
    monkeypatch.setattr("seealso.collection.search.refinement.STEP", 4)
    query = collection.descriptors(collection.ids()[:1])[0]
    opened = opened_of(collection)
    view = opened.index.view(opened.catalog)

    def ask(k, patience):
        cost = seealso.Cost()
        wanted = Wanted(hits=k, candidates=60, patience=patience)
        measure = FromDescriptor(opened.distance, query)
        best = Refinement(opened.store, view, measure, wanted, cost, Stopwatch()).run()
        return best.ids[:k].tolist(), cost

    found, cost = ask(3, None)
    assert cost.candidates == 60 or view.part.name == "exact"
    patient_found, patient = ask(3, 100)
    assert patient_found == found
    assert patient.candidates == cost.candidates
    few, less = ask(1, 2)
    assert few == found[:1]
    if view.part.name == "pivot":
        # The query itself comes first; eight others after it change nothing.
        assert 12 <= less.candidates < 16
    assert len(ask(60, 1)[0]) == 60
