"""What an object store has to do with the codec that its descriptors are written by."""

from pathlib import Path

import numpy as np
import pytest

from seealso.distances.vectors import Euclidean
from seealso.errors import ConfigError, StoreError
from seealso.interfaces.codec import CodecContext
from seealso.testing.opening import CODECS, put, rows
from seealso.testing.store_fixtures import Open, StoreFixtures, array

HALF = 256  # values in the descriptors of `half_zero`


def half_zero(ids: np.ndarray) -> np.ndarray:
    """A descriptor for each ID, of values that float16 holds, every other one zero."""
    descriptors = rows(ids, HALF)
    descriptors[:, ::2] = 0
    return descriptors


class CodedStoreTests(StoreFixtures):
    """Every codec of the framework; and none that was asked for."""

    @pytest.mark.parametrize("name", CODECS)
    def test_every_codec(self, opened: Open, name: str) -> None:
        ids = np.arange(1, 301)
        codec = CODECS[name](CODECS[name].Options(), CodecContext(HALF, np.dtype(np.float32)))
        # A byte holds less than these values are.
        kept = codec.decode(codec.encode(half_zero(ids))) if name == "sparse-u8" else half_zero(ids)
        store = opened(dim=HALF, codec=name)
        store.put_many(ids, half_zero(ids))
        store.close()
        # What was settled stands, whatever is configured later.
        for options in ({}, {"codec": name}, {"codec": {"plugin": name}}, {"codec": "auto"}):
            assert opened(dim=HALF, **options).statistics()["codec"] == name
        store = opened(dim=HALF, read_only=True)
        assert np.array_equal(store.get_many(ids[::-1]), kept[::-1])
        distances = np.full(301, np.nan)
        for block in store.read_blocks(ids):
            assert np.array_equal(block.decode(), kept[block.ids - 1])
            distances[block.ids] = block.distances(Euclidean(), kept[6])
        assert distances[7] == 0
        assert np.allclose(distances[ids], np.linalg.norm(kept.astype(np.float64) - kept[6], axis=1), rtol=1e-6)
        statistics = store.statistics()
        assert statistics["ratio"] == 1 if name == "raw" else float(statistics["ratio"]) > 1.5
        error = None if codec.lossless else float(f"{codec.error(half_zero(ids)):.3g}")
        assert statistics.get("lossy_error") == error
        assert store.verify().checked == 300
        assert store.verify().damaged == []

    def test_the_codec_is_chosen_by_what_comes_first(self, opened: Open) -> None:
        store, reader = opened(dim=HALF), opened(dim=HALF, read_only=True)
        store.put_many(array(), rows([], HALF))
        for each in (store, reader):
            assert each.statistics()["codec"] == "auto"
            assert list(each.read_blocks(array(1))) == []
            assert each.get_many(array()).shape == (0, HALF)
            assert each.verify().checked == 0
        # As long as nothing was put, another codec may be configured.
        assert opened(dim=HALF, codec="f16").statistics()["codec"] == "f16"
        descriptors = np.concatenate([half_zero(array(1, 2)), rows([3], HALF)]) / np.float32(7)
        store.put_many(array(1, 2), descriptors[:2])
        store.put_many(array(3), descriptors[2:])
        store.flush()
        for each in (store, reader):
            assert each.statistics()["codec"] == "sparse"
            assert np.array_equal(each.get_many(array(2, 3)), descriptors[1:])
        store.remove_many(array(1, 2, 3))
        with pytest.raises(ConfigError, match=r"written with the codec .*sparse.*, not raw"):
            opened(dim=HALF, codec="raw").ids()

    def test_what_the_codec_cannot_hold_settles_nothing(self, opened: Open) -> None:
        store = opened(codec="f16")
        with pytest.raises(
            StoreError, match=r"store: the codec f16 holds values up to 65504, and there is one of 1\.00"
        ):
            put(store, [10**6])
        store.close()
        store = opened(codec="sparse")
        put(store, [10**6])
        assert store.ids().tolist() == [10**6]

    def test_how_far_a_lossy_codec_was_off_is_kept(self, opened: Open) -> None:
        ids = np.arange(50)
        store = opened(codec="sparse-f16")
        store.put_many(ids, rows(ids) / 7)
        error = store.statistics()["lossy_error"]
        assert 2**-14 < float(error) < 2**-11
        store.close()
        assert opened(read_only=True).statistics()["lossy_error"] == error

    def test_a_codec_that_cannot_be_had_leaves_nothing_behind(self, opened: Open, folder: Path) -> None:
        with pytest.raises(KeyError):
            opened(codec="nothing")
        assert list(folder.iterdir()) == []
