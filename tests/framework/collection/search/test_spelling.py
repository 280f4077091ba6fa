"""Text queries to ask instead of one that nothing matches."""

import json

import pytest

import seealso
from conftest import THUMBNAIL
from seealso.collection.search.spelling import LONGEST_WORD

CAPTIONS = ["An elephant in the shade", "Black birds over the sea", "A black cat", "Éclair au café"]


@pytest.fixture(scope="module")
def collection(tmp_path_factory, make_photos):
    folder = tmp_path_factory.mktemp("spelling")
    for path, caption in zip(sorted(make_photos(folder / "photos", 4)), CAPTIONS, strict=True):
        path.with_suffix(".json").write_text(json.dumps({"caption": caption}))
    settings = {"extractor": "thumbnail", "keywords": ["sidecar"], "text": "tantivy"}
    with seealso.open(folder / "c", plugins=[THUMBNAIL], **settings) as opened:
        opened.index([folder / "photos"])
        yield opened


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("elefant", ("elephant",)),
        ("Blakc bird*", ("black bird*",)),
        ("blakc brids -cat", ("black birds -cat",)),
        ("caption:elefant", ("caption:elephant",)),
        ("cafe eklair", ("cafe éclair",)),
        ("elephant cat", ()),  # each is there, not both
        ("zzzzzz", ()),
        ('"elefant in"', ()),
        ("elefant~ shdae", ("elefant~ shade",)),
        ("elefant OR blakc", ()),
        ("qa qb qc qd", ()),
        ("e" * (LONGEST_WORD + 1), ()),
    ],
)
def test_words_that_nothing_has(collection, query, expected):
    answer = collection.text(query)
    assert answer.matched == len(answer.hits)
    if expected and "~" not in query:
        assert answer.hits == ()
    assert answer.instead == (expected if not answer.hits else ())
    for other in answer.instead:
        assert collection.text(other).hits


def test_nothing_is_suggested_where_something_is_found(collection):
    assert collection.text("black").instead == ()


def test_a_restriction_is_no_misspelling(collection):
    answer = collection.search(seealso.Query(keywords="elephant", where="cat"))
    assert (answer.hits, answer.instead) == ((), ())
