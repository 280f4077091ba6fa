import numpy as np
import pytest
from activations import CHUNK, Activations
from nearest import Nearest, intrinsic_dimension


def truth(queries: np.ndarray, rows: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the nearest and their squared distances, by comparing all in float64."""
    apart = queries.astype(np.float64)[:, np.newaxis] - rows.astype(np.float64)
    squares = (apart * apart).sum(axis=2)
    ids = np.argsort(squares, axis=1, kind="stable")[:, :count]
    return ids, np.take_along_axis(squares, ids, 1)


@pytest.mark.parametrize("step", [1, 7, 64, 1000])
def test_the_nearest_are_found_however_the_descriptors_come(step):
    made = Activations(64, 8)
    queries, rows = made.held_out(6), made.rows(0, 1000)
    nearest = Nearest(queries, 10)
    for start in range(0, len(rows), step):
        nearest.offer(start, rows[start : start + step])
    ids, squares = truth(queries, rows, 10)
    assert (nearest.ids == ids).all()
    assert np.allclose(nearest.squares, squares, rtol=1e-12)
    assert np.allclose(nearest.last, np.sqrt(squares[:, -1]))


def test_what_float32_cannot_tell_apart_is_told_apart():
    """Far from the origin the products lose all the digits by which these differ."""
    random = np.random.default_rng(1)
    rows = (1000 + random.normal(size=(500, 32)) * 1e-2).astype(np.float32)
    queries = rows[:5] + np.float32(1e-3)
    nearest = Nearest(queries, 3)
    nearest.offer(0, rows[:200])
    nearest.offer(200, rows[200:])
    assert (nearest.ids == truth(queries, rows, 3)[0]).all()


def test_fewer_than_are_wanted():
    made = Activations(32, 4)
    nearest = Nearest(made.held_out(2), 10)
    nearest.offer(0, made.rows(0, 4))
    assert (np.sort(nearest.ids[:, :4], axis=1) == np.arange(4)).all()
    assert (nearest.ids[:, 4:] == -1).all()
    assert np.isinf(nearest.last).all()


def test_rows_are_those_of_the_chunks():
    made = Activations(16, 4)
    whole = np.concatenate([made.chunk(0), made.chunk(1)])
    parts = [made.rows(start, start + 300) for start in range(CHUNK - 600, CHUNK + 600, 300)]
    assert np.allclose(np.concatenate(parts), whole[CHUNK - 600 : CHUNK + 600], rtol=1e-5, atol=1e-6)
    assert made.rows(5, 5).shape == (0, 16)
    again = Activations(16, 4)
    for step in (1, 7, 600):
        parts = [again.rows(start, min(start + step, CHUNK + 600)) for start in range(CHUNK - 600, CHUNK + 600, step)]
        assert np.array_equal(np.concatenate(parts), made.rows(CHUNK - 600, CHUNK + 600))
    assert (again.held_out(7) == made.held_out(9)[:7]).all()


def test_the_intrinsic_dimension():
    random = np.random.default_rng(0)
    points = random.random((4000, 3))
    apart = np.sort(np.linalg.norm(points[:50, np.newaxis] - points, axis=2), axis=1)[:, 1:11]
    assert 2 < intrinsic_dimension(apart) < 4
