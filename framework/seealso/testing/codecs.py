"""What a codec has to do."""

from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seealso.distances import register_distances
from seealso.interfaces.codec import Codec, CodecContext, Records
from seealso.testing import strategies
from seealso.testing.effort import examples
from seealso.testing.plugin_classes import PluginTests


class CodecTests(PluginTests):
    """Subclass it in a test module as ``Test…``, and name the class of your codec."""

    kind = "codec"
    class_attribute = "codec_class"
    codec_class: ClassVar[type[Codec]]

    dtypes: ClassVar[tuple[str, ...]] = ("float32", "float64", "float16", "uint8")
    """The NumPy types of descriptors that it encodes."""

    most: ClassVar[float] = 1e4
    """The largest absolute value that it is tested with."""

    most_off: ClassVar[float] = 1e-3
    """How far off a lossy codec may be, as `Codec.error` says it."""

    def make(self, dim: int, dtype: str = "float32") -> Codec:
        """The codec for descriptors of this kind."""
        options = self.codec_class.Options.model_validate(dict(self.options))
        return self.codec_class(options, CodecContext(dim, np.dtype(dtype)))

    def some(self, count: int, dim: int = 100, dtype: str = "float32", seed: int = 0) -> np.ndarray:
        """Descriptors ``(count, dim)``, half of their values zero."""
        rng = np.random.default_rng(seed)
        found = rng.normal(size=(count, dim)) * (rng.random((count, dim)) < 0.5) * 20
        return found.astype(dtype) if dtype != "uint8" else np.abs(found).clip(0, 255).astype(np.uint8)

    def assert_decoded(self, codec: Codec, found: np.ndarray, expected: np.ndarray) -> None:
        """Decoded descriptors have to be those that were encoded: exactly, or nearly where the codec is lossy."""
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        if codec.lossless:
            assert found.tobytes() == np.ascontiguousarray(expected).tobytes(), "not the same, bit for bit"
        else:
            off = np.linalg.norm(found.astype(np.float64) - expected, axis=1)
            # Beside the share there is what becomes of values next to zero.
            assert (off <= 0.05 * np.linalg.norm(expected.astype(np.float64), axis=1) + 1e-4).all()

    # Encoding and decoding

    @examples()
    @given(data=st.data())
    def test_what_is_encoded_is_decoded(self, data: st.DataObject) -> None:
        dtype = data.draw(st.sampled_from(self.dtypes))
        given = data.draw(strategies.descriptors(dtype=dtype, most=min(self.most, 6e4)))
        codec = self.make(given.shape[1], dtype)
        records = codec.encode(given)
        assert len(records) == len(given)
        assert all(type(record) is bytes for record in records)
        self.assert_decoded(codec, codec.decode(records), given)

    @pytest.mark.parametrize("dim", [1, 63, 64, 65, 4096])
    def test_descriptors_of_every_length(self, dim: int) -> None:
        codec = self.make(dim)
        for each in (self.some(9, dim), np.zeros((3, dim), np.float32), np.ones((3, dim), np.float32)):
            self.assert_decoded(codec, codec.decode(codec.encode(each)), each)

    def test_negative_zero_and_the_smallest_numbers(self) -> None:
        codec = self.make(4)
        if not codec.lossless:
            pytest.skip("it is lossy, and says so")
        tiny = np.finfo(np.float32).smallest_subnormal
        given = np.array([[-0.0, 0.0, tiny, -tiny]], np.float32)
        self.assert_decoded(codec, codec.decode(codec.encode(given)), given)

    def test_records_in_any_order_and_form(self) -> None:
        codec, given = self.make(100), self.some(12)
        records = codec.encode(given)
        order = np.array([5, 0, 11, 5])
        for chosen in (
            [records[place] for place in order],
            [memoryview(records[place]) for place in order],
            Records.of(records).take(order),
        ):
            found = codec.decode(chosen)
            self.assert_decoded(codec, found, given[order])
        assert codec.decode([]).shape == (0, 100)
        assert codec.encode(given[:0]) == []

    def test_descriptors_that_do_not_lie_side_by_side(self) -> None:
        codec, wide = self.make(50), self.some(12)
        given = wide[::2, ::2]
        self.assert_decoded(codec, codec.decode(codec.encode(given)), given)

    def test_one_codec_in_several_threads(self) -> None:
        codec = self.make(100)
        samples = [self.some(40, seed=seed) for seed in range(16)]
        with ThreadPoolExecutor(6) as pool:
            for found, given in zip(
                pool.map(lambda each: codec.decode(codec.encode(each)), samples), samples, strict=True
            ):
                self.assert_decoded(codec, found, given)

    # Distances

    def test_distances_are_those_of_what_is_decoded(self) -> None:
        for cls in register_distances():
            dtype = next((each for each in cls.dtypes if each in self.dtypes), None)
            if dtype is None:
                continue
            distance, codec, given = cls(), self.make(100, dtype), self.some(300, dtype=dtype)
            records = codec.encode(given)
            query = self.some(1, dtype=dtype, seed=1)[0]
            expected = distance.one_to_many(query, codec.decode(records))
            for form in (records, Records.of(records)):
                found = codec.distances(distance, query, form)
                assert found.shape == (300,)
                assert found.dtype == np.float32
                assert np.allclose(found, expected, rtol=1e-4, atol=1e-5 * expected.max())
            assert codec.distances(distance, query, []).shape == (0,)

    # Damage

    def test_damaged_records_are_refused_or_decoded(self) -> None:
        # Never anything else: what is read was written by others.
        rng = np.random.default_rng(0)
        codec = self.make(100)
        records = codec.encode(self.some(4))
        damaged = [record[:place] for record in records for place in (0, 1, len(record) // 2, len(record) - 1)]
        damaged += [record + b"\0" for record in records]
        damaged += [rng.bytes(int(size)) for size in rng.integers(0, 500, 60)]
        damaged += [flipped(record, rng) for record in records for _ in range(8)]
        for record in damaged:
            try:
                found = codec.decode([record])
            except ValueError:
                continue
            assert found.shape == (1, 100)
            assert found.dtype == np.float32

    def test_a_record_that_is_cut_short_is_named(self) -> None:
        codec = self.make(100)
        records = codec.encode(self.some(9))
        for place in (2, 7):
            records[place] = records[place][:-1]
        assert codec.undecodable(records) == [2, 7]
        with pytest.raises(ValueError):
            codec.decode(records)
        with pytest.raises(ValueError):
            codec.distances(register_distances()[0](), self.some(1)[0], records)
        assert codec.undecodable([]) == []

    # What it says of itself

    def test_the_error_is_that_of_what_is_decoded(self) -> None:
        codec, given = self.make(100), self.some(40)
        said = codec.error(given)
        found = codec.decode(codec.encode(given)).astype(np.float64)
        true = (np.linalg.norm(found - given, axis=1) / np.linalg.norm(given.astype(np.float64), axis=1)).max()
        assert said == pytest.approx(true, rel=1e-6, abs=1e-12)
        assert (said == 0) == codec.lossless or said < self.most_off

    def test_what_it_says_of_itself(self) -> None:
        codec = self.make(100)
        statistics = codec.statistics(codec.encode(self.some(40)))
        assert statistics["codec"] == codec.name
        assert float(statistics["ratio"]) > 0.5


def flipped(record: bytes, rng: np.random.Generator) -> bytes:
    """A record with one of its bits turned over."""
    turned = bytearray(record)
    turned[int(rng.integers(len(turned)))] ^= 1 << int(rng.integers(8))
    return bytes(turned)
