"""The rows of all objects: immutable states, in parts, written anew when too much of them is gone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seealso.collection.sketches import rows as rows_module
from seealso.collection.sketches.rows import Rows
from seealso.testing.effort import examples

WIDTH = 8
STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "add", "remove"]), st.sets(st.integers(0, 60), max_size=25)), max_size=12
)


@pytest.fixture
def small_parts(monkeypatch):
    """Parts of ten rows, with room for three at first; four are scored together, where all are."""
    monkeypatch.setattr(rows_module, "PART", 10)
    monkeypatch.setattr(rows_module, "ROOM", 3)
    monkeypatch.setattr(rows_module, "_IN_ORDER", np.arange(4))


def rows_of(ids, salt=0) -> np.ndarray:
    """A row for each ID, all different."""
    return (np.asarray(ids, np.int64) * 1000 + salt).view(np.uint8).reshape(-1, WIDTH)


def content(rows: Rows) -> dict[int, int]:
    """ID → what its row says."""
    ids = rows.runs.ids()
    said = rows.at(rows.runs.at(ids)).view(np.int64)[:, 0] if ids.size else ids
    return dict(zip(ids.tolist(), said.tolist(), strict=True))


def copied(rows: np.ndarray, places: np.ndarray, out: np.ndarray) -> None:
    """A score that says what a row holds."""
    assert not rows.flags.writeable
    out[...] = rows.view(np.int64)[places, 0]


@examples(50)
@given(steps=STEPS)
@pytest.mark.usefixtures("small_parts")
def test_they_are_those_of_a_dictionary_and_earlier_ones_stay(steps):
    rows, expected, states = Rows.empty(WIDTH), {}, []
    for number, (step, some) in enumerate(steps):
        ids = np.array(sorted(some), np.int64)
        if step == "add":
            rows = rows.added(ids, rows_of(ids, number))
            expected = expected | {id_: id_ * 1000 + number for id_ in some}
        else:
            rows = rows.removed(ids)
            expected = {id_: said for id_, said in expected.items() if id_ not in some}
        states.append((rows, expected))
        assert rows.used <= max(1, rows.runs.size) / (1 - rows_module.WASTED)
        assert [size for _, size in rows.sizes()][:-1] == [10] * (len(rows.parts) - 1)
        assert sum(size for _, size in rows.sizes()) == rows.used
    for rows, expected in states:
        assert content(rows) == expected
        ids = np.array(sorted(expected), np.int64)[::-1]
        scores = rows.score(copied, rows.runs.at(ids))
        assert scores.dtype == np.float32
        assert scores.tolist() == [expected[id_] for id_ in ids.tolist()]
        for start, end in ((0, rows.used), (rows.used // 3, rows.used - rows.used // 4)):
            owners = rows.runs.ids_at(np.arange(start, end)).tolist()
            scores = rows.score_between(copied, start, end)
            assert scores.dtype == np.float32
            assert scores.tolist() == [expected.get(id_, np.inf) for id_ in owners]


@pytest.mark.usefixtures("small_parts")
def test_full_parts_have_names_of_their_own():
    rows = Rows.empty(WIDTH)
    for start in range(0, 25, 5):
        rows = rows.added(np.arange(start, start + 5), rows_of(range(start, start + 5)))
    first, second, last = rows.parts
    assert len({first.name, second.name}) == 2
    assert last.name is None
    more = rows.added(np.arange(25, 27), rows_of(range(25, 27)))
    assert more.parts[:2] == (first, second)
    assert more.nbytes == 27 * WIDTH + more.runs.nbytes


def test_a_large_table_grows_in_steps():
    rows = Rows.empty(WIDTH)
    buffers = set()
    for start in range(0, 20_000, 100):
        rows = rows.added(np.arange(start, start + 100), rows_of(range(start, start + 100)))
        buffers.add(id(rows.parts[0].buffer))
    assert len(buffers) < 10
    assert content(rows) == {id_: id_ * 1000 for id_ in range(20_000)}
