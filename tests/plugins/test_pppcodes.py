"""The index ppp-codes: its answers are the reference's, whatever the order in which things come and go."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import seealso
from seealso.distances.vectors import Cosine, Euclidean, Manhattan
from seealso_pppcodes import index as index_module
from seealso_pppcodes import kernels, ranking
from seealso_pppcodes.index import PPPCodesIndex
from seealso_pppcodes.options import PPPCodesOptions

RANKINGS = ("distance-sum", "spearman-footrule", "kendall-tau")

AGGREGATIONS = ("score-sum", "percentile")


class Jaccard(seealso.Distance):
    """The share of the bits set in either that are not set in both."""

    name = "jaccard"
    dtypes = ("uint8",)

    def many_to_many(self, a, b, out=None):
        a, b = (np.unpackbits(bits, axis=1).astype(np.int64) for bits in (a, b))
        both = a @ b.T
        either = a.sum(axis=1)[:, np.newaxis] + b.sum(axis=1) - both
        distances = (1 - both / np.maximum(either, 1) * (either > 0) - (either == 0)).astype(np.float32)
        if out is None:
            return distances
        out[...] = distances
        return out


METRICS = {metric.name: metric() for metric in (Euclidean, Manhattan, Cosine, Jaccard)}

MANHATTAN = METRICS["manhattan"]
"""Its results do not depend on how many distances are computed at once."""


@pytest.fixture(autouse=True)
def _everything_happens_when_it_is_small(monkeypatch):
    """Segments are sealed and merged, cells passed over and threads used among a few hundred objects."""
    monkeypatch.setattr(index_module, "TAIL", 40)
    monkeypatch.setattr(index_module, "SEGMENTS", 3)
    monkeypatch.setattr(index_module, "WORTH_A_THREAD", 50)
    monkeypatch.setattr(ranking, "LEAST_VISITED", 1)


@pytest.fixture
def make():
    """Makes indexes, and closes them."""
    made = []

    def make(*arguments, **options):
        made.append(empty(*arguments, **options))
        return made[-1]

    yield make
    for index in made:
        index.close()


def empty(dim: int = 4, distance: seealso.Distance = MANHATTAN, dtype: str = "float32", **options) -> PPPCodesIndex:
    options = {"pivot_spaces": 3, "pivots": 8, "prefix_length": 4, **options}
    context = seealso.IndexContext(distance, None, dim, np.dtype(dtype), 2)
    return PPPCodesIndex(PPPCodesOptions(**options), context)


def points(count: int, dim: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)


def numbers(count: int) -> np.ndarray:
    """IDs with gaps."""
    return np.arange(1, count + 1, dtype=np.int64) * 3 - (np.arange(count) % 2)


def filled(index: PPPCodesIndex, descriptors: np.ndarray) -> PPPCodesIndex:
    index.train(descriptors)
    index.add(numbers(len(descriptors)), descriptors)
    return index


def blocks(index: PPPCodesIndex, query: np.ndarray, **options) -> list[tuple[list[int], list[float]]]:
    found = []
    for block in index.candidates(query, **options):
        assert block.ids.dtype == np.int64
        assert block.scores.dtype == np.float32
        assert block.ids.size
        assert not block.exact
        found.append((block.ids.tolist(), block.scores.tolist()))
    return found


def everything(index: PPPCodesIndex, query: np.ndarray, **options) -> list[int]:
    found = blocks(index, query, **options)
    scores = [score for block in found for score in block[1]]
    assert scores == sorted(scores)
    return [id_ for block in found for id_ in block[0]]


def draw_descriptors(random: np.random.Generator, metric: str, count: int, coarse: bool) -> np.ndarray:
    if metric == "jaccard":
        return np.packbits(random.random((count, 24)) < 0.3, axis=1)
    drawn = random.normal(size=(count, 3)).astype(np.float32)
    return np.round(drawn) if coarse else drawn  # rounded, there are ties everywhere


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    ranked=st.sampled_from(RANKINGS),
    percentile=st.sampled_from([0.2, 0.5, 0.8, 1.0]),
    wanted=st.sampled_from([1, 5, 50, 5000]),
    share=st.sampled_from([0.02, 0.3, 1.0]),
)
def test_visiting_less_changes_no_percentile(seed, ranked, percentile, wanted, share):
    """An object whose rank is not sure yet waits for its turn."""
    random = np.random.default_rng(seed)
    descriptors = draw_descriptors(random, "manhattan", 400, coarse=False)
    query = draw_descriptors(random, "manhattan", 1, coarse=False)[0]
    allowed = seealso.IdSet(numbers(400)[random.random(400) < share])
    found = []
    for visited in (1, 1e9):
        index = empty(
            3, ranking=ranked, aggregation="percentile", percentile=percentile, visited_per_candidate=visited, pivots=16
        )
        filled(index, descriptors)
        found.append(everything(index, query, wanted=wanted, allowed=allowed))
        index.close()
    assert found[0] == found[1]
    assert sorted(found[0]) == allowed.ids.tolist()


def test_the_first_block_holds_what_is_wanted(make):
    for aggregation in AGGREGATIONS:
        index = filled(make(aggregation=aggregation), points(300))
        assert len(blocks(index, points(1)[0], wanted=25)[0][0]) == 25
        assert len(blocks(index, points(1)[0], wanted=5000)[0][0]) == 300
    assert blocks(index, points(1)[0], allowed=seealso.IdSet(np.empty(0))) == []
    assert blocks(index, points(1)[0], allowed=seealso.IdSet(np.array([7777]))) == []


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    span=st.sampled_from([1, 3, 4096, 5000, 49 * 4096, 3 * 49 * 4096 + 1, 1 << 29]),
    pairs=st.booleans(),
)
def test_chosen_cells_hold_what_is_wanted(seed, span, pairs):
    """Also where a bound lies on the border between two buckets."""
    random = np.random.default_rng(seed)
    first = random.integers(0, span, 16).astype(np.int32)
    first[:2] = 0, span - 1
    second = np.zeros(16, np.int32) if pairs else np.empty(0, np.int32)
    if pairs and span > 4096:
        first[2:] = first[2:] // (span // 4096) * (span // 4096)
    counts = random.integers(0, 3, 256 if pairs else 16).astype(np.uint32)
    bounds = (first[:, np.newaxis] + second).ravel() if pairs else first
    for wanted in range(1, int(counts.sum()) + 1, 5 if pairs else 1):
        chosen = np.zeros(counts.size, np.uint8)
        limit = kernels.choose_cells(counts, first, second, wanted, ranking.BUCKETS, chosen)
        assert counts[chosen > 0].sum() >= wanted
        assert chosen.astype(bool).tolist() == ((bounds < limit) & (counts > 0)).tolist()


def test_a_query_that_equals_every_pivot(make):
    index = filled(make(), np.ones((5, 4), np.float32))
    assert blocks(index, np.ones(4, np.float32)) == [(numbers(5).tolist(), [0.0] * 5)]


@pytest.fixture
def saved(make, tmp_path):
    """An index of two segments with removed objects, and the folder it was saved in."""
    index = filled(make(), points(300))
    index._settle()
    index.remove(numbers(300)[5:40:3])
    (tmp_path / "saved").mkdir()
    index.save(tmp_path / "saved")
    return index, tmp_path / "saved"


# NumPy's own words about a head that it still understands.
@pytest.mark.filterwarnings("ignore:Data type alias", "ignore:Reading `.npy`")
def test_flipped_bytes_are_noticed(saved, make):
    """When it is opened or by `verify`, in every file; where none does, nothing that counts has changed."""
    index, folder = saved
    query = points(1, seed=8)[0]
    expected = blocks(index, query)
    random = np.random.default_rng(0)
    noticed = 0
    for file in sorted(folder.iterdir()):
        sound = file.read_bytes()
        places = {*range(min(128, len(sound))), *random.integers(0, len(sound), 20).tolist(), len(sound) - 1}
        for place in sorted(places):
            changed = bytearray(sound)
            changed[place] ^= 1 << int(random.integers(8))
            file.write_bytes(changed)
            again = empty()
            try:
                again.load(folder)
            except seealso.FormatError:
                noticed += 1
            else:
                found = blocks(again, query)
                if again.verify():
                    noticed += 1
                else:
                    # One of the blanks that fill up the head of an array's file, and the like.
                    assert place < 128
                    assert found == expected
            again.close()
        file.write_bytes(sound)
    assert noticed > 700
