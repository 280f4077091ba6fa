"""Hits have a likeness where it is known what that means; a query may ask for one."""

import dataclasses
import json

import numpy as np
import pytest

import seealso
from conftest import THUMBNAIL
from seealso import Example, Query
from seealso.layout import LIKENESS

WORDY = """
    def extract_words(self, phrases):
        dim = self.provenance.dim
        return np.stack([np.full(dim, len(phrase), np.float32) for phrase in phrases])
"""


def test_it_is_told_only_where_it_is_known(indexed):
    collection = indexed(60)
    before = collection.similar(3, 60)
    assert before.likeness is None
    assert all(hit.likeness is hit.beyond is None for hit in before.hits)
    assert "likeness" not in json.dumps(before.as_json())
    assert not (collection.path / LIKENESS).exists()
    likeness = collection.likeness()
    after = collection.similar(3, 60)
    # What is alike is told for the image that is asked: all 60 are in the sample.
    usual = np.median([hit.distance for hit in before.hits])
    alike = after.likeness.alike
    assert alike == pytest.approx(likeness.alike * usual / likeness.typical)
    assert after.likeness == dataclasses.replace(likeness, alike=alike)
    assert [dataclasses.replace(hit, likeness=None, beyond=None) for hit in after.hits] == list(before.hits)
    assert [hit.likeness for hit in after.hits] == [likeness.percent(hit.distance) for hit in after.hits]
    assert [hit.beyond for hit in after.hits] == [hit.distance > alike for hit in after.hits]
    assert after.hits[0].likeness == 100
    assert {hit.beyond for hit in after.hits} == {False, True}
    shown = after.as_json()
    assert shown["likeness"] == dataclasses.asdict(after.likeness)
    assert shown["hits"][-1]["beyond"] is True
    assert shown["hits"][0]["likeness"] == 100
    assert "likeness" not in shown["query"]


@pytest.mark.parametrize("percent", [1, 30, 75, 100])
def test_hits_of_a_likeness_that_is_asked_for(indexed, percent):
    collection = indexed(60)
    answer = collection.similar(3, 60, min_likeness=percent)
    assert (collection.path / LIKENESS).exists()
    farthest = collection.likeness().distance(percent)
    assert answer.hits == collection.similar(3, 60, max_distance=farthest).hits
    assert all(hit.likeness >= percent - 1e-6 for hit in answer.hits)
    assert len(answer.hits) == 1 or percent < 100
    shown = answer.as_json()["query"]
    assert (shown["likeness"], shown["within"]) == (percent, farthest)
    times = dataclasses.asdict(answer.cost.ms)
    assert times.pop("total") == pytest.approx(sum(times.values()))


def test_of_two_limits_the_nearer_counts(indexed):
    collection = indexed(60)
    half = collection.likeness().distance(50)
    for most in (half / 2, half * 1.5):
        both = collection.similar(3, 60, min_likeness=50, max_distance=most)
        assert both.hits == collection.similar(3, 60, max_distance=min(most, half)).hits


def test_of_several_examples_it_is_that_of_the_mean_and_none_is_beyond(indexed):
    collection = indexed(60)
    likeness = collection.likeness()
    answer = collection.search(Query.like(3, 7, k=60))
    assert [hit.likeness for hit in answer.hits] == [likeness.percent(hit.distance) for hit in answer.hits]
    assert {hit.beyond for hit in answer.hits} == {None}


def test_words_lie_at_other_distances(tmp_path, make_photos):
    make_photos(tmp_path / "photos", 50)
    for path in (tmp_path / "photos").glob("*.jpg"):
        path.with_suffix(".txt").write_text("bird")
    wordy = tmp_path / "wordy.py"
    wordy.write_text(THUMBNAIL.read_text().replace("\n\n@seealso.hookimpl", WORDY + "\n\n@seealso.hookimpl"))
    with seealso.open(
        tmp_path / "c", plugins=[wordy], extractor="thumbnail", keywords=["sidecar"], text="tantivy"
    ) as collection:
        collection.index([tmp_path / "photos"])
        likeness = collection.likeness()
        for query in (Query.like(Example(words="bird")), Query.like(3, Example(words="bird")), Query.by_words("bird")):
            answer = collection.search(query)
            assert answer.likeness is None
            assert all(hit.likeness is hit.beyond is None for hit in answer.hits)
        # Keywords rank beside an image; its distances are still those of images.
        fused = collection.search(Query.like(3, keywords="bird", min_likeness=40))
        assert fused.likeness.typical == likeness.typical
        near = {hit.id: hit for hit in collection.similar(3, 50, min_likeness=40).hits}
        for hit in fused.hits:
            assert hit.score is not None
            assert hit.likeness == (near[hit.id].likeness if hit.id in near else None)


def test_identical_images_are_alike_and_nothing_else_is(open_collection, tmp_path, photographs):
    (tmp_path / "photos").mkdir()
    for level in range(4):  # other bytes, the same pixels
        photographs["coffee"].resize((64, 48)).save(tmp_path / "photos" / f"{level}.bmp", dpi=(72 + level, 72))
    collection = open_collection()
    collection.index([tmp_path / "photos"])
    same = collection.similar(1, min_likeness=1)
    assert [hit.likeness for hit in same.hits] == [100] * 4
    other = np.zeros_like(collection.descriptors([1])[0])
    assert not collection.similar_to_descriptor(other, min_likeness=1).hits
    assert {hit.likeness for hit in collection.similar_to_descriptor(other).hits} == {0}
