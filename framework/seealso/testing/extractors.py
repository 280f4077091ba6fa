"""What an extractor has to do."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

from seealso.distances import register_distances
from seealso.errors import QueryError, UnknownWord
from seealso.images.decoding import decode_image
from seealso.interfaces.extractor import Extractor, ExtractorContext
from seealso.testing.images import encoded
from seealso.testing.plugin_classes import PluginTests
from seealso.testing.strategies import picture

SIZES = [(64, 48), (48, 64), (1, 1), (1, 5000), (5000, 1), (33, 77), (640, 480)]
DISTANCES = {distance.name: distance for distance in register_distances()}


class ExtractorTests(PluginTests):
    """Subclass it in a test module as ``Test…``, and name the class of your extractor.

    The extractor is made once for all the tests of the class. Where it needs a file, override the fixture `extractor`, and
    make it with `made`.
    """

    kind = "extractor"
    class_attribute = "extractor_class"
    extractor_class: ClassVar[type[Extractor]]

    tolerance: ClassVar[float] = 1e-3
    """How far a descriptor may be off when its image comes in other company, as a share of its length. Whole numbers have
    to be equal."""

    @classmethod
    def made(cls, cache: Path, **options: Any) -> Extractor:
        """An extractor with these options beside those of the class."""
        checked = cls.extractor_class.Options.model_validate({**cls.options, **options})
        return cls.extractor_class(checked, ExtractorContext(cache, 2))

    @pytest.fixture(scope="class")
    @classmethod
    def extractor(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Extractor]:
        """The extractor under test."""
        extractor = cls.made(tmp_path_factory.mktemp("cache"))
        yield extractor
        extractor.close()

    @pytest.fixture(scope="class")
    @classmethod
    def prepared(cls, extractor: Extractor) -> np.ndarray:
        """Five different images, prepared."""
        return np.stack([extractor.prepare(image) for image in some_images()])

    @pytest.fixture(scope="class")
    @classmethod
    def described(cls, extractor: Extractor, prepared: np.ndarray) -> np.ndarray:
        """Their descriptors."""
        return extractor.extract(prepared.copy())

    def assert_same(self, found: np.ndarray, expected: np.ndarray) -> None:
        """Descriptors ``(n, dim)`` have to be those, as closely as `tolerance` says."""
        assert found.shape == expected.shape
        assert found.dtype == expected.dtype
        if expected.dtype.kind in "ui":
            assert np.array_equal(found, expected)
            return
        off = np.linalg.norm(found.astype(np.float64) - expected, axis=1)
        assert (off <= self.tolerance * np.linalg.norm(expected.astype(np.float64), axis=1) + 1e-12).all()

    # Provenance

    def test_the_provenance_says_what_the_descriptors_are(self, extractor: Extractor, described: np.ndarray) -> None:
        provenance = extractor.provenance
        assert provenance.plugin == extractor.name
        assert described.shape == (5, provenance.dim)
        assert described.dtype == np.dtype(provenance.dtype)
        assert np.isfinite(described).all()

    def test_the_provenance_stays_the_same(self, extractor: Extractor, prepared: np.ndarray) -> None:
        before = extractor.provenance
        extractor.extract(prepared[:1])
        assert extractor.provenance == before

    def test_the_default_distance_takes_the_descriptors(self, extractor: Extractor) -> None:
        if extractor.default_distance not in DISTANCES:
            pytest.skip(f"{extractor.default_distance} is a distance of a plugin's, which has tests of its own")
        assert extractor.provenance.dtype in DISTANCES[extractor.default_distance].dtypes

    def test_what_was_the_default_is_another_by_now(self) -> None:
        assert self.extractor_class.default_distance not in self.extractor_class.earlier_distances
        fields = self.extractor_class.Options.model_fields
        for option, earlier in self.extractor_class.earlier_defaults.items():
            assert option in fields
            assert fields[option].get_default(call_default_factory=True) not in earlier

    # Preparing

    @pytest.mark.parametrize("size", SIZES, ids=str)
    def test_images_of_every_size_are_prepared_alike(
        self, extractor: Extractor, prepared: np.ndarray, size: tuple[int, int]
    ) -> None:
        found = extractor.prepare(picture(size, 7))
        assert isinstance(found, np.ndarray)
        assert (found.shape, found.dtype) == (prepared.shape[1:], prepared.dtype)
        assert np.isfinite(extractor.extract(found[np.newaxis])).all()

    def test_the_image_is_left_as_it_was(self, extractor: Extractor) -> None:
        image = picture((64, 48), 3)
        before = image.tobytes()
        extractor.prepare(image)
        assert (image.size, image.mode, image.tobytes()) == ((64, 48), "RGB", before)

    def test_what_was_prepared_stays(self, extractor: Extractor) -> None:
        first = extractor.prepare(picture((64, 48), 1))
        before = first.copy()
        extractor.prepare(picture((64, 48), 2, "noise"))
        assert np.array_equal(first, before)

    def test_preparing_in_several_threads(self, extractor: Extractor) -> None:
        images = [picture((80 + seed, 60), seed, "noise") for seed in range(24)]
        expected = [extractor.prepare(image) for image in images]
        with ThreadPoolExecutor(6) as pool:
            for found, one in zip(pool.map(extractor.prepare, images), expected, strict=True):
                assert np.array_equal(found, one)

    # Extracting

    def test_the_same_again(self, extractor: Extractor, prepared: np.ndarray, described: np.ndarray) -> None:
        self.assert_same(extractor.extract(prepared.copy()), described)

    def test_the_company_makes_no_difference(
        self, extractor: Extractor, prepared: np.ndarray, described: np.ndarray
    ) -> None:
        alone = np.concatenate([extractor.extract(each[np.newaxis]) for each in prepared])
        self.assert_same(alone, described)
        order = np.array([3, 1, 4, 0, 2])
        self.assert_same(extractor.extract(prepared[order]), described[order])
        self.assert_same(extractor.extract(np.repeat(prepared, 3, axis=0)), np.repeat(described, 3, axis=0))

    def test_the_batch_is_left_as_it_was(self, extractor: Extractor, prepared: np.ndarray) -> None:
        batch = prepared.copy()
        batch.setflags(write=False)
        extractor.extract(batch)
        assert np.array_equal(batch, prepared)

    def test_what_was_extracted_stays(self, extractor: Extractor, prepared: np.ndarray) -> None:
        first = extractor.extract(prepared[:2])
        before = first.copy()
        extractor.extract(prepared[2:])
        assert np.array_equal(first, before)

    def test_different_images_are_different(self, described: np.ndarray) -> None:
        assert len(np.unique(described, axis=0)) == len(described)

    def test_another_one_with_the_same_provenance_gives_the_same(
        self, extractor: Extractor, prepared: np.ndarray, described: np.ndarray, tmp_path: Path
    ) -> None:
        other = type(extractor)(extractor.options, ExtractorContext(tmp_path / "absent", 1))
        assert other.provenance == extractor.provenance
        self.assert_same(other.extract(prepared.copy()), described)
        other.close()

    def test_an_image_decoded_at_a_reduced_size_is_nearest_to_itself(
        self, extractor: Extractor, described: np.ndarray
    ) -> None:
        if not extractor.min_side:
            pytest.skip("it wants every image at its full size (min_side is 0)")
        image = picture((1600, 1200), 5)
        small = decode_image(encoded(image, "JPEG"), min_side=extractor.min_side).image
        found = extractor.extract(np.stack([extractor.prepare(each) for each in (image, small)])).astype(np.float64)
        off = np.linalg.norm(found[1] - found[0])
        assert (off < np.linalg.norm(described.astype(np.float64) - found[0], axis=1)).all()

    # Words

    def test_words_are_described_or_refused(self, extractor: Extractor) -> None:
        try:
            found = extractor.extract_words(["a bird", "the sea"])
        except QueryError:
            pytest.skip("its model does not know words")
        assert found.shape == (2, extractor.provenance.dim)
        assert found.dtype == np.dtype(extractor.provenance.dtype)
        self.assert_same(extractor.extract_words(["the sea"]), found[1:])

    def test_what_reads_words_is_said_and_stays_the_same(self, extractor: Extractor) -> None:
        before = extractor.words_provenance
        assert isinstance(before, str)
        try:
            extractor.extract_words(["a bird"])
        except QueryError:
            pytest.skip("its model does not know words")
        assert extractor.words_provenance == before

    def test_words_rank_descriptors_or_leave_that_to_the_distance(
        self, extractor: Extractor, described: np.ndarray
    ) -> None:
        try:
            extractor.extract_words(["a bird"])
        except QueryError:
            pytest.skip("its model does not know words")
        if extractor.words_distances("a bird", described) is None:
            pytest.skip("it leaves that to the collection's distance")

        def ranked(some: np.ndarray) -> np.ndarray:
            distances = extractor.words_distances("a bird", some)
            assert distances is not None
            return distances

        found = ranked(described)
        assert found.shape == (len(described),)
        assert found.dtype == np.float32
        assert np.isfinite(found).all()
        assert (found >= 0).all()
        # One by one they are what they are together.
        singly = [ranked(described[place : place + 1]) for place in range(len(described))]
        np.testing.assert_allclose(np.concatenate(singly), found, rtol=1e-4, atol=1e-5)
        assert ranked(described[:0]).shape == (0,)
        roughly = extractor.words_roughly("a bird", described)
        if roughly is not None:
            assert roughly.shape == (len(described),)
            assert roughly.dtype == np.float32
            assert np.isfinite(roughly).all()

    def test_it_says_whether_it_takes_words(self, extractor: Extractor) -> None:
        try:
            extractor.extract_words(["a bird"])
        except UnknownWord:
            assert extractor.takes_words
        except QueryError:
            assert not extractor.takes_words
        else:
            assert extractor.takes_words

    def test_what_descriptors_look_like(self, extractor: Extractor, described: np.ndarray) -> None:
        before = described.copy()
        found = extractor.looks_like(described)
        assert np.array_equal(described, before)
        assert len(found) == len(described)
        assert extractor.gives_words or not any(found)
        for words in found:
            assert all(isinstance(word, str) and word == word.strip() != "" for word, _ in words)
            assert len({word for word, _ in words}) == len(words)
            weights = [weight for _, weight in words]
            assert all(0 < weight <= 1 for weight in weights)
            assert weights == sorted(weights, reverse=True)
        # One by one they are what they are together.
        singly = [extractor.looks_like(described[place : place + 1]) for place in range(len(described))]
        assert [[word for word, _ in words] for (words,) in singly] == [[word for word, _ in words] for words in found]
        assert extractor.looks_like(described[:0]) == []


def some_images() -> list[Image.Image]:
    """Five images of different kinds and sizes."""
    return [
        picture((320, 240), 0),
        picture((240, 320), 1),
        picture((300, 300), 2, "noise"),
        picture((100, 90), 3),
        picture((64, 48), 4, "plain"),
    ]
