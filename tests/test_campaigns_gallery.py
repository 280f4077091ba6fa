"""The brute force of campaigns notices every kind of wrong answer, and takes what a writer may leave between two states for right."""

from random import Random

import numpy as np
import pytest

from campaigns.gallery import Gallery

K = 5


@pytest.fixture
def gallery(tmp_path):
    made = Gallery(tmp_path / "photos", seed=3)
    made.change(Random(1), 40, 0)
    made.settle()
    made.change(Random(2), 10, 5, rename=3, reword=6)
    return made


def nearest(gallery, number, among, k=K):
    distances = gallery.distances(number)
    return [(each, float(distances[each])) for each in sorted(among, key=lambda each: distances[each])[:k]]


def test_what_is_before_or_after_is_right(gallery):
    between = gallery.during(gallery.settled)
    number = min(between.stable)
    for among in (gallery.states[1], gallery.states[2], between.stable, between.ever):
        assert between.wrong_neighbours(number, nearest(gallery, number, among), K) == ""
    for state in gallery.states[1:]:
        having = [each for each, item in state.items() if "word1" in item.words]
        assert having
        assert between.wrong_matches("word1", having, len(having), 1000) == ""


def test_a_wrong_neighbour_is_noticed(gallery):
    between = gallery.during(gallery.settled)
    number = min(between.stable)
    right = nearest(gallery, number, between.stable)
    assert "nearer ones are missing" in between.wrong_neighbours(number, right[1:], K)
    assert "nearer ones are missing" in between.wrong_neighbours(number, [], K)
    assert "not in order" in between.wrong_neighbours(number, right[::-1], K)
    assert "twice" in between.wrong_neighbours(number, [right[0], *right], K)
    assert "distances" in between.wrong_neighbours(number, [(right[0][0], 1.0), *right[1:]], K)
    assert "not there" in between.wrong_neighbours(number, [*right, (999, 0.0)], K)
    # One that had gone before, and one that came later.
    assert "not there" in gallery.during(2).wrong_neighbours(
        number, [(min(set(gallery.states[1]) - set(gallery.now)), 1.0)], K
    )
    assert "not there" in gallery.during(0, 1).wrong_neighbours(number, [(max(gallery.now), 1.0)], K)


def test_a_wrong_match_is_noticed(gallery):
    between = gallery.during(2)
    having = sorted(each for each, item in gallery.now.items() if "word2" in item.words)
    other = min(set(gallery.now) - set(having))
    assert between.wrong_matches("word2", having, len(having), 1000) == ""
    assert "not found" in between.wrong_matches("word2", having[1:], len(having), 1000)
    assert "never had" in between.wrong_matches("word2", [*having, other], len(having), 1000)
    assert "said to match" in between.wrong_matches("word2", having, 0, 1000)
    assert "twice" in between.wrong_matches("word2", [*having, having[0]], len(having), 1000)


def test_neighbours_that_have_a_word(gallery):
    between = gallery.during(2)
    having = {each for each, item in gallery.now.items() if "word3" in item.words}
    number = min(set(gallery.now) - having)
    right = nearest(gallery, number, having)
    assert between.wrong_neighbours(number, right, K, "word3") == ""
    assert "nearer ones are missing" in between.wrong_neighbours(number, right[:-1], K, "word3")
    assert "not there" in between.wrong_neighbours(number, [(number, 0.0), *right], K, "word3")


def test_the_folder_is_what_is_said(gallery):
    files = {path.name: path for path in gallery.folder.glob("*.png")}
    assert set(files) == {item.name for item in gallery.now.values()}
    for item in gallery.now.values():
        assert set(files[item.name].with_suffix(".txt").read_text().split()) == item.words
    between = gallery.during(gallery.settled)
    assert between.in_place < between.stable < set(gallery.states[1])
    assert np.array_equal(gallery.pixels(4), gallery.pixels(4))
