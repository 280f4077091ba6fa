"""How far objects are from several examples together, liked and unliked; whatever the metric, and whatever the index."""

import numpy as np
import pytest

import seealso
from conftest import COLOUR_WORDS, SAMPLES, THUMBNAIL
from seealso import Example, Query, QueryError
from seealso.codecs.raw import Raw
from seealso.collection.search import measures, refinement
from seealso.collection.search.measures import FromDescriptor
from seealso.distances.bits import Hamming
from seealso.distances.vectors import Cosine, Euclidean, Manhattan

DIM = 6
OBJECTS = 300


@pytest.fixture(scope="module", params=["exact", "ppp-codes", "pivot"])
def collection(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("measures")
    np.save(folder / "rows.npy", np.random.default_rng(4).random((OBJECTS, DIM), np.float32))
    plugins = [SAMPLES / "plain.py"]
    with seealso.open(folder / "c", plugins=plugins, index=request.param, distance="manhattan") as opened:
        opened.import_descriptors(folder / "rows.npy")
        yield opened


def expected(collection, liked, unliked=()):
    """ID → distance, by the formula of the documentation."""
    ids = collection.ids()
    rows = collection.descriptors(ids).astype(np.float64)

    def distance(id_):
        return np.abs(rows - rows[ids.tolist().index(id_)]).sum(axis=1)

    total = sum(weight for _, weight in liked)
    mean = sum(weight * distance(id_) for id_, weight in liked) / total
    pushed = mean + sum(weight * len(liked) / total * np.maximum(0, mean - distance(id_)) for id_, weight in unliked)
    return dict(zip(ids.tolist(), pushed.tolist(), strict=True))


def asked(liked, unliked=()):
    return [Example(id=id_, weight=weight) for id_, weight in liked] + [
        Example(id=id_, weight=-weight) for id_, weight in unliked
    ]


@pytest.mark.parametrize(
    ("liked", "unliked"),
    [
        ([(1, 1.0), (2, 1.0)], []),
        ([(1, 3.0), (2, 1.0), (9, 0.5)], []),
        ([(1, 1.0)], [(2, 1.0)]),
        ([(1, 2.0), (7, 1.0)], [(2, 0.5), (3, 4.0)]),
    ],
)
def test_several_examples(collection, liked, unliked):
    all_of_them = expected(collection, liked, unliked)
    answer = collection.search(Query.like(*asked(liked, unliked), k=OBJECTS))
    assert {hit.id for hit in answer.hits} == set(all_of_them)
    for hit in answer.hits:
        assert hit.distance == pytest.approx(all_of_them[hit.id], abs=1e-4)
    assert [hit.distance for hit in answer.hits] == sorted(hit.distance for hit in answer.hits)
    assert [each.id for each in answer.asked] == [id_ for id_, _ in (*liked, *unliked)]


def test_weights_count_beside_one_another_alone(collection):
    one = collection.search(Query.like(*asked([(1, 1.0), (2, 2.0)]), k=20))
    other = collection.search(Query.like(*asked([(1, 10.0), (2, 20.0)]), k=20))
    assert [hit.id for hit in one.hits] == [hit.id for hit in other.hits]


def test_candidates_come_from_all_examples(collection):
    """Not from the first alone, whose first block may hold as many as are wanted."""
    if collection.choices()["index"] == "exact":
        pytest.skip("its blocks are of a size of their own")
    answer = collection.search(Query.like(1, 2, k=9, candidates=9))
    assert answer.cost.candidates == 9
    assert {1, 2} <= {hit.id for hit in answer.hits}


def test_the_same_example_twice_is_the_example(collection):
    once = collection.search(Query.like(5, k=20)).hits
    twice = collection.search(Query.like(5, 5, k=20)).hits
    assert [hit.id for hit in twice] == [hit.id for hit in once]


def test_the_others_leave_all_examples_out(collection):
    answer = collection.search(Query.like(*asked([(1, 1.0), (2, 1.0)], [(3, 1.0)]), k=OBJECTS, others=True))
    assert {hit.id for hit in answer.hits} == set(collection.ids().tolist()) - {1, 2, 3}


def test_restricted(collection):
    allowed = seealso.IdSet(np.arange(10, 40))
    answer = collection.search(Query.like(1, 2, k=50, allowed=allowed))
    assert {hit.id for hit in answer.hits} == set(range(10, 40))


def test_only_unlike(collection):
    with pytest.raises(QueryError, match="all examples say what the hits shall be unlike; say what they shall be like"):
        collection.search(Query.like(*asked([], [(1, 1.0), (2, 1.0)])))


def test_liked_and_unliked_at_once(collection):
    """Whoever contradicts himself is told so."""
    for liked, unliked in (([(1, 1.0)], [(1, 1.0)]), ([(2, 1.0), (1, 3.0)], [(7, 1.0), (1, 0.5)])):
        with pytest.raises(QueryError, match="both like and unlike object 1; leave one of the two out"):
            collection.search(Query.like(*asked(liked, unliked), k=10))
    place = collection.records([1])[1].paths[0]
    with pytest.raises(QueryError, match="both like and unlike object 1"):
        collection.search(Query.like(Example(path=place), Example(id=1, weight=-1)))


def test_two_parts_of_one_image_do_not_contradict_each_other(tmp_path, photographs):
    (tmp_path / "photos").mkdir()
    for name in ("coffee", "rocket", "moon"):
        photographs[name].save(tmp_path / "photos" / f"{name}.png")
    with seealso.open(tmp_path / "c", plugins=[COLOUR_WORDS], extractor="colours") as opened:
        opened.index([tmp_path / "photos"])
        left, right = seealso.Region(0, 0, 0.5, 1), seealso.Region(0.5, 0, 0.5, 1)
        liked = Example(id=1, region=left)
        assert opened.search(Query.like(liked, Example(id=1, region=right, weight=-1))).hits
        with pytest.raises(QueryError, match=r"both like and unlike the part 0,0,0\.5,1 of object 1"):
            opened.search(Query.like(liked, Example(id=1, region=left, weight=-1)))
        with pytest.raises(QueryError, match="both like and unlike the words red blue"):
            opened.search(Query.like(Example(words="Red  blue"), Example(words="red BLUE ", weight=-1)))


# Words beside images

WORDY = '''
    def extract_words(self, phrases):
        return np.stack([np.full(self.provenance.dim, len(phrase), np.float32) for phrase in phrases])

    def words_distances(self, phrase, descriptors):
        """Angles: the brighter, the smaller; of "left to the distance" it says nothing."""
        return None if phrase.startswith("left") else np.arccos(descriptors.mean(axis=1) / 256).astype(np.float32)
'''
DISTANCES = {"euclidean": Euclidean(), "manhattan": Manhattan(), "cosine": Cosine()}


@pytest.fixture(params=sorted(DISTANCES))
def wordy(request, tmp_path, make_photos):
    """A collection whose extractor ranks by words itself; and its distance."""
    make_photos(tmp_path / "photos", 24)
    plugin = tmp_path / "wordy.py"
    plugin.write_text(THUMBNAIL.read_text().replace("\n\n@seealso.hookimpl", WORDY + "\n\n@seealso.hookimpl"))
    with seealso.open(
        tmp_path / "c", plugins=[plugin], extractor="thumbnail", distance=request.param, text=False
    ) as collection:
        collection.index([tmp_path / "photos"])
        yield collection, DISTANCES[request.param]


def found(collection, *examples, **settings) -> dict[int, float]:
    return {hit.id: hit.distance for hit in collection.search(Query.like(*examples, k=100, **settings)).hits}


def same(found: dict[int, float], ids, distances) -> bool:
    return found == pytest.approx(dict(zip(ids.tolist(), distances.tolist(), strict=True)), rel=1e-4, abs=1e-4)


def test_words_beside_an_image_count_alike_whatever_the_distance(wordy):
    """Both are angles; of Euclidean distances, which are hundreds here, the words would not move a single hit."""
    collection, _ = wordy
    ids = collection.ids()
    rows = collection.descriptors(ids)
    image = Cosine().one_to_many(collection.descriptors([3])[0], rows)
    words = collection.parts.words_distances("bright", rows)
    bright = Example(words="bright")
    assert same(found(collection, bright, 3), ids, (words + image) / 2)
    assert same(found(collection, Example(words="bright", weight=3), 3), ids, (3 * words + image) / 4)
    unlike = Example(words="bright", weight=-1)
    assert same(found(collection, 3, unlike), ids, image + np.maximum(0, image - words))


def test_a_part_of_the_objects_has_the_distances_that_it_has_among_all(wordy):
    """So what several shards find can be put together."""
    collection, _ = wordy
    ids = collection.ids()
    asked = (Example(words="bright"), 3, Example(id=5, weight=-1))
    whole = found(collection, *asked)
    parts = [found(collection, *asked, allowed=seealso.IdSet(ids[start::2])) for start in (0, 1)]
    assert parts[0] | parts[1] == whole
    assert len(whole) == 24


def test_examples_of_one_kind_keep_the_collections_distance(wordy):
    collection, distance = wordy
    ids = collection.ids()
    rows = collection.descriptors(ids)

    def away(descriptor):
        return distance.one_to_many(descriptor, rows)

    images = [away(each) for each in collection.descriptors([3, 5])]
    assert same(found(collection, 3, 5), ids, sum(images) / 2)
    left = away(np.full(192, 20, np.float32))
    assert same(found(collection, 3, Example(words="left to the distance")), ids, (images[0] + left) / 2)


def test_only_the_nearest_are_measured_by_what_is_costly(wordy, monkeypatch):
    """Which these are says the distance from the words' descriptor."""
    collection, distance = wordy
    monkeypatch.setattr(refinement, "CLOSELY", 5)
    monkeypatch.setattr(refinement, "SPARE", 0)
    ids = collection.ids()
    rows = collection.descriptors(ids)
    near = np.argsort(distance.one_to_many(np.full(192, len("bright"), np.float32), rows), kind="stable")[:5]
    words = dict(zip(ids.tolist(), collection.parts.words_distances("bright", rows).tolist(), strict=True))
    asked = []
    score = collection.parts.words_distances
    monkeypatch.setattr(
        collection.parts, "words_distances", lambda *given: (asked.append(len(given[1])), score(*given))[1]
    )
    hits = collection.search(Query.like(Example(words="bright"), k=3)).hits
    assert sum(asked) == 5
    assert [hit.id for hit in hits] == sorted(ids[near].tolist(), key=words.get)[:3]
    assert [hit.distance for hit in hits] == pytest.approx([words[hit.id] for hit in hits], abs=1e-5)
    # Whoever wants more gets all of them measured.
    everything = found(collection, Example(words="bright"))
    assert everything == pytest.approx(words, abs=1e-5)


@pytest.mark.parametrize("held", [0, 10_000])
def test_of_the_nearest_those_are_measured_that_the_extractor_says(tmp_path, make_photos, monkeypatch, held):
    """Its own cheap look comes between the distance from the words' descriptor and what it says in the end."""
    monkeypatch.setattr(refinement, "HELD", held)
    monkeypatch.setattr(refinement, "CLOSELY", 20)
    monkeypatch.setattr(refinement, "SPARE", 0)
    monkeypatch.setattr(measures, "MEASURED_LEAST", 5)
    make_photos(tmp_path / "photos", 24)
    plugin = tmp_path / "wordy.py"
    rough = """
    def words_roughly(self, phrase, descriptors):
        return -descriptors.sum(axis=1)[: 1 if phrase == "broken" else None]
"""
    plugin.write_text(THUMBNAIL.read_text().replace("\n\n@seealso.hookimpl", WORDY + rough + "\n\n@seealso.hookimpl"))
    with seealso.open(tmp_path / "c", plugins=[plugin], extractor="thumbnail", text=False) as collection:
        collection.index([tmp_path / "photos"])
        ids = collection.ids()
        rows = collection.descriptors(ids)
        parts = collection.parts
        distance = Euclidean().one_to_many(np.full(192, len("bright"), np.float32), rows)
        near = np.argsort(distance, kind="stable")[:20]
        words = parts.words_distances("bright", rows)
        asked, score = [], parts.words_distances
        monkeypatch.setattr(parts, "words_distances", lambda *given: (asked.append(len(given[1])), score(*given))[1])
        hits = collection.search(Query.like(Example(words="bright"), k=2)).hits
        assert sum(asked) == 5
        assert [hit.id for hit in hits] == ids[near[np.argsort(words[near], kind="stable")[:2]]].tolist()
        # Twice as many as are wanted, at least; of one measured beside an image, all.
        asked.clear()
        assert len(collection.search(Query.like(Example(words="bright"), k=8)).hits) == 8
        assert sum(asked) == 10
        asked.clear()
        collection.search(Query.like(Example(words="bright"), 3, k=2))
        assert sum(asked) == 20
        with pytest.raises(seealso.PluginError, match=r"words_roughly returned float32 of shape \(1,\)"):
            collection.search(Query.like(Example(words="broken"), k=2))


def test_bits_beside_words():
    """Of bits, π stands for all of them."""
    codec = Raw(seealso.PluginOptions(), seealso.CodecContext(2, np.dtype(np.uint8)))
    rows = np.array([[0, 0], [255, 0], [255, 255]], np.uint8)
    block = seealso.EncodedBlock(np.arange(3), codec.encode(rows), codec, 1, 6)
    measure = FromDescriptor(Hamming(), rows[0])
    assert measure.distances(block)[1].tolist() == [0, 8, 16]
    assert measure.as_angles().distances(block)[1] == pytest.approx([0, np.pi / 2, np.pi])
