"""Which objects match text queries, kept for those that ask again."""

import json

import numpy as np
import pytest

import seealso
from conftest import THUMBNAIL
from seealso.collection.search.kept_matches import KeptMatches
from seealso.interfaces.index import IdSet


class Counting:
    """A text index that counts how often it is asked."""

    def __init__(self, **matches: list[int]) -> None:
        self.matches = matches
        self.asked: list[str] = []

    def matching(self, query: seealso.TextQuery) -> np.ndarray:
        word = query.terms[0].text
        self.asked.append(word)
        return np.array(self.matches[word], np.int64)


def test_the_same_is_asked_once():
    index, kept = Counting(bird=[1, 3], cat=[2]), KeptMatches()
    for _ in range(3):
        assert kept.get(index, 7, "bird").ids.tolist() == [1, 3]
        assert kept.get(index, 7, "cat").ids.tolist() == [2]
    assert index.asked == ["bird", "cat"]


@pytest.mark.parametrize("changed", ["another index", "another change"])
def test_what_was_true_before_a_change_is_forgotten(changed):
    index, kept = Counting(bird=[1]), KeptMatches()
    kept.get(index, 7, "bird")
    other = Counting(bird=[1, 2]) if changed == "another index" else index
    other.matches = {"bird": [1, 2]}
    assert kept.get(other, 7 if changed == "another index" else 8, "bird").ids.tolist() == [1, 2]


def test_no_more_is_kept_than_is_allowed():
    index = Counting(a=[*range(6)], b=[*range(4)], c=[*range(3)], d=[*range(11)])
    kept = KeptMatches(most=10)
    for word in "abaca":  # b goes when c comes
        kept.get(index, 1, word)
    assert index.asked == ["a", "b", "c"]
    kept.get(index, 1, "b")
    assert index.asked == ["a", "b", "c", "b"]
    for _ in range(2):  # more than fits at all
        assert len(kept.get(index, 1, "d")) == 11
    assert index.asked[-2:] == ["d", "d"]


def test_without_a_text_index_nothing_matches():
    assert kept_of_nothing().ids.tolist() == []
    with pytest.raises(seealso.QueryError, match="holds no word"):
        KeptMatches().get(None, 0, "()")


def kept_of_nothing() -> IdSet:
    return KeptMatches().get(None, 0, "bird")


def test_a_restriction_sees_what_comes_and_goes(tmp_path, make_photos):
    """Asked again and again, beside the writer and by another reader, it knows every change."""
    paths = sorted(make_photos(tmp_path / "photos", 6))
    for number, path in enumerate(paths):
        path.with_suffix(".json").write_text(json.dumps({"caption": "bird" if number < 3 else "cat"}))
    settings = {"plugins": [THUMBNAIL], "extractor": "thumbnail", "keywords": ["sidecar"], "text": "tantivy"}
    with seealso.open(tmp_path / "c", **settings) as writer, seealso.open(tmp_path / "c", **settings) as reader:
        writer.index(paths[:2])

        def matched() -> list[int | None]:
            return [each.similar(1, 10, where="bird").matched for each in (writer, reader, writer, reader)]

        assert matched() == [2] * 4
        writer.index(paths)
        assert matched() == [3] * 4
        writer.remove([2])
        assert matched() == [2] * 4
        paths[4].with_suffix(".json").write_text(json.dumps({"caption": "a bird after all"}))
        writer.index(paths)
        assert matched() == [4] * 4  # what was removed has come again
        writer.rebuild()
        assert matched() == [4] * 4
