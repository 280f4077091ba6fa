"""Every way to ask goes through one entrance, and each answer says where its time went."""

import dataclasses
import json
import time
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

import seealso
from conftest import COLOUR_WORDS, SAMPLES, THUMBNAIL
from image_files import encode
from seealso import Example, Query, QueryError, Region
from seealso.collection.parts.opened import Opened
from vector_collections import opened_of

OBSERVER = """
import seealso

told = []


@seealso.hookimpl
def searched(collection, query, answer):
    told.append((collection, query, answer))
"""

WORDY = """
    def extract_words(self, phrases):
        dim = self.provenance.dim
        return np.stack([np.full(dim, len(phrase), np.float32) for phrase in phrases])
"""


@pytest.fixture
def folder(tmp_path, make_photos):
    make_photos(tmp_path / "photos", 20)
    for number, path in enumerate(sorted((tmp_path / "photos").iterdir())):
        words = f"photograph {number} {'even' if number % 2 == 0 else 'odd'}" + " rare" * (number == 4)
        path.with_suffix(".txt").write_text(words)
    return tmp_path / "photos"


@pytest.fixture
def collection(folder, tmp_path):
    observer = tmp_path / "observer.py"
    observer.write_text(OBSERVER)
    wordy = tmp_path / "wordy.py"
    wordy.write_text(THUMBNAIL.read_text().replace("\n\n@seealso.hookimpl", WORDY + "\n\n@seealso.hookimpl"))
    with seealso.open(
        tmp_path / "c", plugins=[wordy, observer], extractor="thumbnail", keywords=["sidecar"], text="tantivy"
    ) as collection:
        collection.index([folder])
        yield collection


def told_by(collection):
    return next(each.module for each in collection.plugins.loaded.values() if each.name == "observer").told


def queries(folder, collection) -> dict[str, Query]:
    path = sorted(folder.glob("*.jpg"))[3]
    new = encode(Image.new("RGB", (64, 48), (200, 30, 30)), "PNG")
    return {
        "a file": Query.like(path),
        "an ID": Query.like(3),
        "an upload": Query.like(Example(image=new)),
        "an upload that is known": Query.like(Example(image=path.read_bytes())),
        "a region": Query.like(Example(id=3, region=Region(0.2, 0.2, 0.5, 0.5))),
        "a region of a file": Query.like(Example(path=path, region=Region(0.2, 0.2, 0.5, 0.5))),
        "a descriptor": Query.like(collection.descriptors([3])[0]),
        "words": Query.like(Example(words="a red bird")),
        "keywords": Query(keywords="photograph even"),
        "where": Query.like(3, where="odd"),
    }


def test_the_stages_add_up_and_observers_are_told_what_the_caller_gets(collection, folder):
    told = told_by(collection)
    for name, query in queries(folder, collection).items():
        told.clear()
        started = time.perf_counter()
        answer = collection.search(query)
        passed = 1000 * (time.perf_counter() - started)
        assert told == [(collection.name, query, answer)], name
        assert told[0][2] is answer
        ms = dataclasses.asdict(answer.cost.ms)
        total = ms.pop("total")
        assert sum(ms.values()) == pytest.approx(total), name
        assert 0 < total <= passed, name
        assert answer.hits, name


def test_opening_is_not_extraction(folder, collection, monkeypatch):
    """What opens the collection is booked as that, whatever is asked first."""
    path, plugins = collection.path, collection.plugins.files
    collection.close()
    opening = Opened.open

    def slow(*arguments, **options):
        time.sleep(0.5)
        return opening(*arguments, **options)

    monkeypatch.setattr(Opened, "open", slow)
    for example in (3, sorted(folder.glob("*.jpg"))[3]):
        with seealso.open(path, plugins=plugins, extractor="thumbnail", keywords=["sidecar"], text="tantivy") as fresh:
            first, second = (fresh.similar(example).cost.ms for _ in range(2))
            assert first.open >= 500
            assert first.total - first.open < 500
            assert second.total < 500


def test_reading_is_not_extraction(collection, folder, monkeypatch):
    """What the store holds is read, and not extracted."""
    opened = opened_of(collection)
    reading = opened.store.get_many

    def slow(ids):
        time.sleep(0.3)
        return reading(ids)

    monkeypatch.setattr(opened.store, "get_many", slow)
    for example in (3, sorted(folder.glob("*.jpg"))[3]):
        ms = collection.similar(example).cost.ms
        assert ms.read >= 300
        assert ms.extract < 300


def test_what_an_example_turns_out_to_be(collection, folder):
    path = sorted(folder.glob("*.jpg"))[3]
    id_ = collection.similar(path, 1).hits[0].id
    assert collection.similar(path).example == seealso.Asked(id_, bytes(path))
    assert collection.similar(id_).example == seealso.Asked(id_, bytes(path))
    assert collection.similar(Example(image=path.read_bytes())).example == seealso.Asked(id_, None)
    assert collection.similar(Example(image=path.read_bytes()), others=True).hits[0].id != id_
    assert collection.similar(collection.descriptors([id_])[0]).example == seealso.Asked()


def test_nothing_further_than_max_distance(collection):
    everything = collection.similar(3, 20).hits
    distances = [hit.distance for hit in everything]
    assert len(everything) == 20
    for within in (0.0, distances[5], (distances[7] + distances[8]) / 2, distances[-1], 1e30, float("inf")):
        expected = tuple(hit for hit in everything if hit.distance <= within)
        assert collection.similar(3, 20, max_distance=within).hits == expected
    assert collection.similar(3, 4, max_distance=distances[10]).hits == everything[:4]


@pytest.mark.parametrize("index", ["exact", "pivot"])
def test_pages_follow_one_another(collection, index):
    plugins = [*collection.plugins.files, SAMPLES / "plain.py"]
    path = collection.path
    collection.close()
    with seealso.open(path, plugins=plugins, extractor="thumbnail", index=index) as other:
        other.rebuild()
        everything = other.similar(3, 20, others=True).hits
        paged = [hit for offset in range(0, 25, 6) for hit in other.similar(3, 6, offset=offset, others=True).hits]
        assert tuple(paged) == everything
        assert len(everything) == 19
        assert other.similar(3, 6, offset=19, others=True).hits == ()
        assert other.similar(3, 10, offset=900_000).hits == ()


def test_keywords_have_scores(collection):
    answer = collection.text("photograph", 20)
    scores = [hit.score for hit in answer.hits]
    assert scores == sorted(scores, reverse=True)
    assert min(scores) > 0
    assert collection.similar(3).hits[0].score is None
    assert json.loads(json.dumps(answer.as_json()))["hits"][0]["score"] == scores[0]


def test_keywords_can_be_restricted(collection):
    even = collection.search(Query(keywords="photograph", where="even", k=20))
    assert even.matched == len(even.hits) == 10
    unrestricted = [hit for hit in collection.text("photograph", 20).hits if hit.id in {each.id for each in even.hits}]
    assert [hit.id for hit in unrestricted] == [hit.id for hit in even.hits]
    some = seealso.IdSet(collection.ids()[:7])
    few = collection.search(Query(keywords="photograph", where="even", allowed=some, k=3, offset=1))
    assert few.matched == np.isin(some.ids, [hit.id for hit in even.hits]).sum()
    assert len(few.hits) == min(3, few.matched - 1)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query((Example(id=1, weight=-1),)), "all examples say what the hits shall be unlike"),
        (Query((Example(id=99),), keywords="photograph"), "there is no object 99"),
    ],
)
def test_what_cannot_be_answered(collection, query, expected):
    with pytest.raises(QueryError, match=expected):
        collection.search(query)


def test_keywords_and_an_example_are_fused(collection):
    """An object that is high in both rankings comes first, and each hit has what it was found by."""
    answer = collection.search(Query((Example(id=3),), keywords="even", k=20))
    even = {hit.id for hit in collection.text("even", 20).hits}
    assert answer.matched == len(even) == 10
    assert {hit.id for hit in answer.hits} == set(range(1, 21))
    for hit in answer.hits:
        assert hit.distance is not None
        assert (hit.score is not None) == (hit.id in even)
    near = [hit.id for hit in collection.similar(3, 20).hits]
    assert answer.hits[0].id == next(id_ for id_ in near if id_ in even)
    pages = [collection.search(Query((Example(id=3),), keywords="even", k=7, offset=at)).hits for at in (0, 7, 14)]
    assert [hit.id for page in pages for hit in page] == [hit.id for hit in answer.hits]


def test_by_words(collection):
    """As keywords, as what is seen, or both."""
    (rare,) = collection.text("rare").hits
    both = collection.text("rare", 20, by=None)
    assert both.matched == 1
    assert len(both.hits) == 20
    assert next(hit for hit in both.hits if hit.id == rare.id).by == ("keywords", "looks")
    assert {hit.by for hit in both.hits if hit.id != rare.id} == {("looks",)}
    looks = collection.text("rare", 20, by="looks")
    assert [hit.by for hit in looks.hits] == [("looks",)] * 20
    assert looks.matched is None
    assert [hit.by for hit in collection.text("rare", by="keywords").hits] == [("keywords",)]


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("red bird", "red bird"),
        ('"black bird" flies', "black bird flies"),
        ("bird -black", "bird"),
        ("bird caption:tree fly* brid~", "bird"),
        ("caption:tree", None),
        ("fly*", None),
    ],
)
def test_what_of_a_text_query_says_how_images_look(text, looks):
    query = Query.by_words(text)
    assert query.keywords == text
    assert [example.words for example in query.examples] == [each for each in [looks] if each]
    assert Query.by_words(text, "keywords").examples == ()
    if looks:
        assert Query.by_words(text, "looks").keywords is None
    else:
        with pytest.raises(QueryError, match="no word says what images look like"):
            Query.by_words(text, "looks")


def test_words_without_an_extractor_that_reads_them(folder, tmp_path):
    """It is answered the way that is there; where there is none, one line says what is missing."""
    with seealso.open(
        tmp_path / "d", plugins=[THUMBNAIL], extractor="thumbnail", keywords=["sidecar"], text="tantivy"
    ) as collection:
        collection.index([folder])
        answer = collection.text("even", 20, by=None)
        assert [hit.by for hit in answer.hits] == [("keywords",)] * 10
        assert answer.reasons == ("the extractor thumbnail turns images into descriptors, not words",)
    with (
        seealso.open(tmp_path / "d", plugins=[THUMBNAIL], extractor="thumbnail", text=False) as collection,
        pytest.raises(QueryError, match=r"no text index .*; and the extractor thumbnail turns images into descriptors"),
    ):
        collection.text("even", by=None)


def test_words_whose_extractor_cannot_be_used(folder, tmp_path):
    """Its plugin is not installed, or the configuration names another one: keywords need neither."""
    with seealso.open(
        tmp_path / "c", plugins=[COLOUR_WORDS], extractor="colours", keywords=["sidecar"], text="tantivy"
    ) as collection:
        collection.index([folder])
    for settings, reason in (
        ({}, "there is no extractor named 'colours'"),
        ({"plugins": [THUMBNAIL], "extractor": "thumbnail"}, "made by another extractor"),
    ):
        with seealso.open(tmp_path / "c", **settings) as collection:
            answer = collection.text("even", 20, by=None)
            assert [hit.by for hit in answer.hits] == [("keywords",)] * 10
            assert len(answer.reasons) == 1
            assert reason in answer.reasons[0]


def test_other_words_for_one_that_is_not_known(folder, tmp_path):
    """They stand in the place of that word, and the rest of the text query stays."""
    with seealso.open(
        tmp_path / "c", plugins=[COLOUR_WORDS], extractor="colours", keywords=["sidecar"], text="tantivy"
    ) as collection:
        collection.index([folder])
        answer = collection.text("Blakc -odd", by=None)
        assert answer.reasons == ("no colour is called 'blakc'",)
        assert answer.instead == ("black -odd",)
        known = collection.text(answer.instead[0], 20, by=None)
        assert (known.reasons, known.instead) == ((), ())
        assert len(known.hits) == 20
        with pytest.raises(seealso.UnknownWord) as raised:
            collection.text("blakc", by="looks")
        assert (raised.value.word, raised.value.near) == ("blakc", ("black",))


def test_an_extractor_that_ranks_by_words_itself(folder, tmp_path):
    """What it says counts, not the collection's distance; and it is held to its promise."""
    scoring = (
        WORDY
        + """
    def words_distances(self, phrase, descriptors):
        return descriptors.mean(axis=1) if phrase == "dark" else descriptors.mean(axis=1)[:1]
"""
    )
    wordy = tmp_path / "scoring.py"
    wordy.write_text(THUMBNAIL.read_text().replace("\n\n@seealso.hookimpl", scoring + "\n\n@seealso.hookimpl"))
    with seealso.open(tmp_path / "c", plugins=[wordy], extractor="thumbnail", text=False) as collection:
        collection.index([folder])
        hits = collection.similar(Example(words="dark"), k=20).hits
        means = {int(id_): float(collection.descriptors([id_])[0].mean()) for id_ in collection.ids()}
        assert [hit.id for hit in hits] == sorted(means, key=means.get)
        assert [hit.distance for hit in hits] == pytest.approx(sorted(means.values()), rel=1e-5)
        both = collection.search(Query.like(Example(words="dark"), 3, k=20))
        assert len(both.hits) == 20
        with pytest.raises(seealso.PluginError, match=r"words_distances returned float32 of shape \(1,\)"):
            collection.similar(Example(words="bright"))


def test_an_extractor_that_reads_no_words(folder, tmp_path):
    with seealso.open(tmp_path / "d", plugins=[THUMBNAIL], extractor="thumbnail") as collection:
        collection.index([folder])
        with pytest.raises(QueryError, match="the extractor thumbnail turns images into descriptors, not words"):
            collection.similar(Example(words="dog"))


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        (np.full((1, 192), np.nan, np.float32), QueryError, "values that are not finite numbers"),
        (np.zeros((1, 5), np.float32), seealso.PluginError, r"thumbnail.extract returned float32 of shape \(1, 5\)"),
        (np.zeros((1, 192)), seealso.PluginError, "thumbnail.extract returned float64"),
    ],
)
def test_what_is_extracted_is_held_to_the_contract(collection, monkeypatch, given, error, said):
    monkeypatch.setattr(collection.parts.extractor, "extract", lambda batch: given)
    for _ in range(2):
        with pytest.raises(error, match=said):
            collection.similar(Example(image=encode(Image.new("RGB", (40, 40), "green"), "PNG")))


def test_nothing_allowed_is_nothing_found(collection):
    assert collection.similar(3, allowed=seealso.IdSet(np.empty(0, np.int64))).hits == ()
    assert collection.search(Query(keywords="photograph", allowed=seealso.IdSet(np.empty(0, np.int64)))).hits == ()


def test_several_queries_at_once(collection):
    queries = [Query.like(id_, k=3) for id_ in (1, 2, 3)]
    assert [answer.hits for answer in collection.search_many(queries)] == [
        collection.search(query).hits for query in queries
    ]


class TestRemembering:
    """What was extracted just now is not extracted again."""

    @pytest.fixture
    def count(self, collection, monkeypatch) -> Callable[[], int]:
        extracted = []
        extract = collection.parts.extract
        monkeypatch.setattr(
            collection.parts, "extract", lambda batch: (extracted.append(len(batch)), extract(batch))[1]
        )
        return lambda: len(extracted)

    def test_by_content_and_part(self, collection, count):
        first, second = (encode(Image.new("RGB", (40, 40), colour), "PNG") for colour in ("red", "blue"))
        part = Region(0, 0, 0.5, 0.5)
        for image, region, expected in [
            (first, None, 1),
            (first, None, 1),
            (second, None, 2),
            (first, part, 3),
            (first, part, 3),
            (second, None, 3),
        ]:
            collection.similar(Example(image=image, region=region))
            assert count() == expected

    def test_a_part_of_an_object(self, collection, count):
        for id_, expected in ((1, 1), (2, 2), (1, 2)):
            collection.similar(Example(id=id_, region=Region(0, 0, 0.5, 0.5)))
            assert count() == expected

    def test_only_the_latest(self, collection, count, monkeypatch):
        monkeypatch.setattr("seealso.collection.search.examples.REMEMBERED", 2)
        images = {name: encode(Image.new("RGB", (40, 40), name), "PNG") for name in ("red", "blue", "green")}
        for name, expected in (("red", 1), ("blue", 2), ("red", 2), ("green", 3), ("red", 3), ("blue", 4)):
            collection.similar(Example(image=images[name]))
            assert count() == expected

    def test_a_failure_is_not_remembered(self, collection, count):
        for _ in range(2):
            with pytest.raises(seealso.ImageError):
                collection.similar(Example(image=b"no image"))
        assert count() == 0


def test_the_command_line_says_where_the_time_went(collection, folder, tmp_path, python):
    path = collection.path
    collection.close()
    config = tmp_path / "seealso.yaml"
    config.write_text(
        f"plugins: [{tmp_path}/wordy.py]\n"
        f"collections: {{c: {{path: {path}, extractor: thumbnail, keywords: [sidecar]}}}}\n"
    )
    for arguments in (["similar", "id:3"], ["similar", str(sorted(folder.glob("*.jpg"))[2])], ["text", "odd"]):
        answer = json.loads(python.seealso("--config", str(config), *arguments, "--json", cwd=tmp_path).stdout)
        ms = answer["cost"]["ms"]
        total = ms.pop("total")
        assert abs(sum(ms.values()) - total) <= max(1, 0.05 * total)
        assert answer["unsearched"] == 0


def test_ids_may_be_numbers_of_numpy(collection):
    """`Collection.ids` gives such."""
    ids = collection.ids()
    assert list(collection.records(ids)) == ids.tolist()
    assert collection.keywords(ids).keys() == set(ids.tolist())
    assert collection.show(ids[2]).id == 3
    assert collection.read(ids[2]) == collection.read(3)


@pytest.mark.parametrize("id_", [-1, 0, (1 << 63) - 1, 1 << 63, -(1 << 70)])
def test_ids_that_no_object_can_have(collection, id_):
    assert collection.records([id_, 3]).keys() == {3}
    assert collection.keywords([id_, 3]).keys() == {3}
    assert collection.remove([id_]) == 0
    with pytest.raises(QueryError, match=f"there is no object {id_}"):
        collection.similar(id_)
    with pytest.raises(seealso.MissingObject, match=f"no descriptor of ID {id_}"):
        collection.descriptors([3, id_])


@pytest.mark.parametrize(
    ("query", "matched"),
    [
        (Query.like("photograph.png"), None),
        (Query.like(Example(words="dog"), k=3), None),
        (Query.like("photograph.png", where="bird"), 0),
        (Query(keywords="bird"), 0),
        (Query.by_words("bird"), 0),
    ],
    ids=["an image", "words", "images that match", "keywords", "words both ways"],
)
def test_an_empty_collection_says_that_it_is(collection, query, matched):
    """No example is looked at: there is no such file, and no such word."""
    observed = told_by(collection)
    collection.remove(collection.ids())
    observed.clear()
    answer = collection.search(query)
    assert (answer.hits, answer.empty, answer.matched) == ((), True, matched)
    assert answer.reasons == ("the collection is empty; `seealso index PATH…` takes images in",)
    assert [each[2] for each in observed] == [answer]
    times = dataclasses.asdict(answer.cost.ms)
    assert sum(times.values()) == pytest.approx(2 * times["total"])


def test_an_object_is_missed_in_an_empty_collection_too(collection):
    collection.remove(collection.ids())
    with pytest.raises(seealso.NoObject) as raised:
        collection.search(Query.like(3, Example(words="dog")))
    assert raised.value.id == 3


def test_what_is_found_nowhere_in_a_full_collection_does_not_call_it_empty(collection):
    answer = collection.search(Query(keywords="unheard"))
    assert (answer.hits, answer.empty, answer.reasons) == ((), False, ())
