"""The index faiss: what the framework asks of an index, and what is its own."""

import numpy as np
import pytest
from seealso_faiss.index import ENOUGH, FaissIndex, FaissOptions

import seealso
from seealso.testing import MemoryStore, MetricIndexTests


class TestFaiss(MetricIndexTests):
    index_class = FaissIndex
    metrics = ("euclidean", "cosine")


def make(distance="euclidean", dim=32, dtype="float32", **options):
    metric = seealso.load_plugins().get("distance", distance)()
    context = seealso.IndexContext(metric, MemoryStore(dim, dtype), dim, np.dtype(dtype), 2)
    return FaissIndex(FaissOptions(**options), context)


def points(count, dim=32):
    rng = np.random.default_rng(0)
    return (
        rng.normal(size=(20, dim)).astype(np.float32)[rng.integers(0, 20, count)] + rng.normal(size=(count, dim)) / 3
    ).astype(np.float32)


def test_with_enough_objects_it_is_trained_again_for_short_codes(tmp_path):
    descriptors = points(ENOUGH, 16)
    few = make(dim=16, code_bytes=4)
    few.train(descriptors[:500])
    few.add(np.arange(500), descriptors[:500])
    assert few.statistics()["bytes per code"] == 4 * 16
    assert not few.outgrown()
    few.add(np.arange(500, ENOUGH), descriptors[500:])
    assert few.outgrown()
    many = make(dim=16, code_bytes=4, lists=16)
    many.train(descriptors)
    many.add(np.arange(ENOUGH), descriptors)
    assert (many.statistics()["bytes per code"], many.statistics()["lists"]) == (4, 16)
    assert not many.outgrown()
    query = descriptors[7]
    nearest = np.argsort(((descriptors - query) ** 2).sum(axis=1))[:10]
    first = next(many.candidates(query, wanted=500)).ids
    assert np.isin(nearest, first).mean() >= 0.8
    assert sum(block.ids.size for block in many.candidates(query)) == ENOUGH
    many.save(tmp_path)
    again = make(dim=16, code_bytes=4, lists=16)
    again.load(tmp_path)
    assert not again.outgrown()
    assert next(again.candidates(query, wanted=500)).ids.tolist() == first.tolist()
    assert sorted(again.storage_order()) == list(range(ENOUGH))


@pytest.mark.parametrize(
    ("distance", "dtype"), [("manhattan", "float32"), ("hamming", "uint8"), ("euclidean", "float64")]
)
def test_what_it_is_not_meant_for_is_refused(distance, dtype):
    with pytest.raises(
        seealso.ConfigError, match="takes float32 descriptors and a Euclidean distance or an angle, not"
    ):
        make(distance, dtype=dtype)


def test_what_comes_before_training():
    with pytest.raises(seealso.PluginError, match="not trained"):
        make().add(np.array([1]), points(1))
