"""Words for the built-in networks: which classes they mean, and whether images are found by them."""

import numpy as np
import pytest

import seealso
from seealso_onnx.classifier import KINDS, MOST_SEEN, SURE
from seealso_onnx.extractor import OnnxExtractor
from seealso_onnx.imagenet.vocabulary import CLASSES, Vocabulary, folded
from seealso_tantivy.analysis import Analysis


@pytest.fixture(scope="module")
def vocabulary():
    return Vocabulary()


def meant(vocabulary, phrase, least=0.5):
    """How many classes a phrase of one term means."""
    (weights,) = vocabulary.terms(phrase).values()
    assert weights.shape == (CLASSES,)
    assert weights.dtype == np.float32
    assert 0 <= weights.min() < weights.max() <= 1
    return int(np.count_nonzero(weights >= least))


def test_a_kind_of_what_is_known(vocabulary):
    assert meant(vocabulary, "puppy", 0.3) == 119  # every dog, and the mud puppy


def test_a_word_covers_all_of_its_kind(vocabulary):
    assert meant(vocabulary, "dog", 1) == 118
    assert 40 < meant(vocabulary, "vehicle") < 100
    assert meant(vocabulary, "tabby", 1) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("dog", "Dogs"),
        ("dog", "DOG"),
        ("t-shirt", "T shirts"),
        ("running shoe", "running-shoes"),
        ("mouse", "mice"),
        ("fox", "foxes"),
        ("cafe", "Cafés"),
        ("cafe", "cafe\u0301"),
        ("cafe", "ＣＡＦＥ"),
        ("cafe", "ca\u00adfe"),
        ("running shoe", "Rünning-Shöes"),
    ],
)
def test_spellings_that_mean_the_same(vocabulary, one, other):
    (first,), (second,) = vocabulary.terms(one).values(), vocabulary.terms(other).values()
    assert np.argmax(first) in np.flatnonzero(second == second.max())


@pytest.mark.parametrize(
    "word",
    [
        *(
            "Café",
            "cafe\u0301",
            "ＣＡＦＥ",
            "ca\u00adfé",
            "Straße",
            "smørrebrød",
            "Łódź",
            "œuvre",
            "Ærø",
            "ﬁsh",
            "İzmir",
        ),
        *("þorn", "Đakovo", "ħobż", "dog", "Dogs", "T2"),
    ],
)
def test_keywords_are_folded_in_the_same_way(word):
    """So both ways of finding words agree."""
    analysis = Analysis([])
    assert folded(word) == analysis.plain(analysis.split(word))


def test_what_is_unknown_is_told_as_it_was_written(vocabulary):
    with pytest.raises(seealso.UnknownWord) as raised:
        vocabulary.terms("a Bycíclé")
    assert raised.value.word == "Bycíclé"
    assert raised.value.instead("a Bycíclé")[0] == "a bicycle"


def test_several_words(vocabulary):
    assert list(vocabulary.terms("a running shoe on the beach")) == ["running shoe", "beach"]


@pytest.mark.parametrize(
    ("phrase", "said"),
    [
        ("bycicle", "the network does not know what 'bycicle' looks like; it knows bicycle"),
        ("dog qwrtzx", "the network does not know what 'qwrtzx' looks like; try a more common word for it"),
        ("щенок", "does not know what 'щенок' looks like"),
        ("犬", "does not know what '犬' looks like"),
        ("Qẅrtzx", "does not know what 'Qẅrtzx' looks like"),
        ("the of", "there are no words to look for that say what is seen"),
        ("?!", "there are no words to look for that say what is seen"),
        ("dog " * 10_000, "there are 10,000 words to look for; give 32 at most"),
        ("x" * 60_000, "does not know what 'xxx"),
        ("a\tb\nc:1-5 \0", "does not know what"),
    ],
)
def test_what_it_does_not_know(vocabulary, phrase, said):
    with pytest.raises(seealso.QueryError) as raised:
        vocabulary.terms(phrase)
    assert said in str(raised.value)
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize("word", ["shooe", "hrose", "trousrs", "glases"])
def test_a_word_and_its_plural_are_suggested_once(vocabulary, word):
    with pytest.raises(seealso.UnknownWord) as raised:
        vocabulary.terms(word)
    near = raised.value.near
    assert 2 <= len(near) <= 3
    assert not any(f"{one}s" == other for one in near for other in near)
    assert str(raised.value).endswith(f"it knows {', '.join(near)}")


def test_the_nearest_is_suggested_first(vocabulary):
    with pytest.raises(seealso.UnknownWord) as raised:
        vocabulary.terms("shooe")
    assert raised.value.near == ("shoe", "shooter", "shote")


@pytest.fixture(scope="module")
def collection(photographs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    (folder / "photos").mkdir()
    for name, image in photographs.items():
        image.save(folder / "photos" / f"{name}.png")
    with seealso.open(folder / "c", distance="cosine") as opened:
        opened.index([folder / "photos"])
        yield opened


def names(answer):
    return [hit.path.rpartition("/")[2].removesuffix(".png") for hit in answer.hits]


@pytest.mark.parametrize(
    ("words", "name"),
    [("cup", "coffee"), ("coffee", "coffee"), ("cat", "chelsea"), ("spacecraft", "rocket"), ("missile", "rocket")],
)
def test_photographs_are_found_by_words_that_nobody_gave_them(collection, words, name):
    answer = collection.similar(seealso.Example(words=words), k=3)
    assert names(answer)[0] == name
    assert 0 <= answer.hits[0].distance < answer.hits[1].distance <= np.pi / 2 + 1e-6
    assert names(collection.text(words, by="looks"))[0] == name


def test_words_beside_an_image(collection):
    """Both count alike: both are angles."""
    (coffee,) = collection.text("espresso", 1, by="looks").hits
    cat = {hit.id: hit.distance for hit in collection.similar(seealso.Example(words="cat"), k=50).hits}
    near = {hit.id: hit.distance for hit in collection.similar(coffee.id, k=50).hits}
    both = collection.search(seealso.Query.like(seealso.Example(words="cat"), coffee.id, k=50))
    assert len(both.hits) == len(cat) == len(near)
    for hit in both.hits:
        assert hit.distance == pytest.approx((cat[hit.id] + near[hit.id]) / 2, rel=1e-4)


@pytest.fixture(scope="module")
def euclidean(photographs, tmp_path_factory):
    """A collection as earlier releases made them."""
    folder = tmp_path_factory.mktemp("euclidean")
    (folder / "photos").mkdir()
    for name, image in photographs.items():
        image.save(folder / "photos" / f"{name}.png")
    settings = {"extractor": {"plugin": "onnx", "model": "efficientnet-lite0"}, "distance": "euclidean", "text": False}
    with seealso.open(folder / "c", **settings) as opened:
        opened.index([folder / "photos"])
        yield opened


def test_candidates_for_words_in_a_euclidean_collection(euclidean):
    """They are those that lie in the words' direction, not those that have the shortest descriptors."""
    answer = euclidean.similar(seealso.Example(words="cat"), k=1, candidates=2)
    assert answer.cost.candidates == 2
    assert names(answer) == ["chelsea"]
    rows = euclidean.descriptors(euclidean.ids())
    metrics = [seealso.load_plugins().get("distance", name)() for name in ("euclidean", "cosine")]
    for words in ("cat", "cup", "missile", "motorcycle", "brick"):
        asked = euclidean.parts.extract_words([words])[0]
        away, angles = (metric.one_to_many(asked, rows) for metric in metrics)
        assert np.corrcoef(away, angles)[0, 1] > 0.95


def test_words_beside_an_image_in_a_euclidean_collection(euclidean):
    """Of two kinds that are asked for together, those come first that the words name and the image shows."""
    (coffee,) = euclidean.similar(seealso.Example(words="espresso"), k=1).hits
    found = names(euclidean.search(seealso.Query.like(coffee.id, seealso.Example(words="cat"), k=2)))
    assert set(found) == {"coffee", "chelsea"}


# From images to words


def test_every_class_is_found_by_its_name(vocabulary):
    """So whatever is said of an image can be looked for."""
    assert len(vocabulary.names) == CLASSES
    for number, name in enumerate(vocabulary.names):
        terms = vocabulary.terms(name)
        assert any(weights[number] > 0 for weights in terms.values()), name


def test_kinds_cover_several_classes(vocabulary):
    assert len(set(KINDS)) == len(KINDS)
    for kind in KINDS:
        assert len(vocabulary.covered(kind)) > 1, kind
    assert len(vocabulary.covered("dog")) == 118
    assert len(vocabulary.covered("no such word")) == 0


def test_what_photographs_look_like(collection):
    by_name = {record.paths[0].rpartition(b"/")[2].removesuffix(b".png").decode(): id_
               for id_, record in collection.records(collection.ids().tolist()).items()}  # fmt: skip
    looks = collection.looks_like(list(by_name.values()))
    for words in looks.values():
        assert 1 <= len(words) <= MOST_SEEN
        assert all(SURE <= sure <= 1 for _, sure in words)

    def seen(name):
        return [word for word, _ in looks.get(by_name[name], ())]

    assert "cat" in seen("chelsea")
    assert "espresso" in seen("coffee")
    assert "tripod" in seen("camera")
    # Grass and coins, for two, are nothing that it is sure of.
    assert len(looks) < len(by_name)


def test_a_model_of_ones_own_says_nothing(tmp_path):
    options = OnnxExtractor.Options.model_validate({"model": str(tmp_path / "own.onnx")})
    extractor = OnnxExtractor(options, seealso.ExtractorContext(tmp_path, 1))
    assert not extractor.takes_words
    assert not extractor.gives_words
    assert extractor.looks_like(np.zeros((2, 3), np.float32)) == [[], []]
