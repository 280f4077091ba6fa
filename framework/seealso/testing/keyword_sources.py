"""What a keyword source has to do."""

import re
from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import pytest

from seealso.errors import KeywordError
from seealso.interfaces.keywords import KeywordSource
from seealso.interfaces.text import Words
from seealso.testing.images import encoded, write_pictures
from seealso.testing.plugin_classes import PluginTests
from seealso.testing.strategies import picture

LONGEST_STATE = 256


class KeywordSourceTests(PluginTests):
    """Subclass it in a test module as ``Test…``, name the class of your source, and say how an image is described by it
    (`describe`)."""

    kind = "keywords"
    class_attribute = "source_class"
    source_class: ClassVar[type[KeywordSource]]

    @abstractmethod
    def describe(self, image: Path, word: str) -> Path:
        """Let the source have a word for an image file, by whatever way it finds it: the back door of these tests.

        It may be called again for the same file, with another word. Returns the file; it may have got another name.
        """

    @pytest.fixture
    def photo(self, tmp_path: Path) -> Path:
        """An image file that nothing is said of yet."""
        return write_pictures(tmp_path / "photos", 1)[0]

    @pytest.fixture
    def source(self) -> KeywordSource:
        """The source under test."""
        return self.opened()

    def opened(self) -> KeywordSource:
        """A new one; override it where the options are known only when the test runs, as a path is."""
        return self.source_class(self.source_class.Options.model_validate(dict(self.options)))

    def test_it_says_which_words_describe_an_image(self, source: KeywordSource, photo: Path) -> None:
        photo = self.describe(photo, "lighthouse")
        words = asked(source, photo)
        assert any("lighthouse" in word.text.casefold() for word in words)
        for word in words:
            assert isinstance(word, Words)
            assert re.fullmatch(r"[a-z]+", word.field), "a field's name is of lower-case letters"
            assert word.text.strip()
            assert re.fullmatch(r"([A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*)?", word.language), "no language tag"

    def test_the_same_again(self, source: KeywordSource, photo: Path) -> None:
        photo = self.describe(photo, "lighthouse")
        assert asked(source, photo) == asked(source, photo) == asked(self.opened(), photo)
        assert state(source, photo) == state(source, photo) == state(self.opened(), photo)

    def test_the_state_is_short(self, source: KeywordSource, photo: Path) -> None:
        for word in (None, "lighthouse"):
            if word:
                photo = self.describe(photo, word)
            found = state(source, photo)
            assert isinstance(found, bytes)
            assert len(found) <= LONGEST_STATE

    def test_a_change_is_noticed(self, source: KeywordSource, photo: Path) -> None:
        photo = self.describe(photo, "lighthouse")
        before, content = state(source, photo), photo.read_bytes()
        later = self.describe(photo, "harbour wall")
        # Either the file itself is another one, or the state has to tell.
        assert later != photo or later.read_bytes() != content or state(source, later) != before
        assert any("harbour" in word.text.casefold() for word in asked(source, later))

    def test_an_image_that_nothing_is_said_of(self, source: KeywordSource, photo: Path) -> None:
        found = asked(source, photo)
        assert all(isinstance(word, Words) for word in found)
        assert not any("lighthouse" in word.text for word in found)

    def test_names_that_are_not_utf8(self, source: KeywordSource, photo: Path) -> None:
        path = bytes(photo.parent) + b"/\xff\xfe.png"
        source.begin()
        assert isinstance(source.state(path), bytes)
        source.words(path, photo.read_bytes())
        source.end()

    @pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff\xe1\xff\xff", bytes(5000), b"II*\0" + b"\xff" * 100])
    def test_what_cannot_be_read_is_one_kind_of_error(self, source: KeywordSource, photo: Path, data: bytes) -> None:
        source.begin()
        try:
            assert all(isinstance(word, Words) for word in source.words(bytes(photo), data))
        except KeywordError as error:
            assert str(error)  # noqa: PT017 - either is right
        source.end()

    def test_in_several_threads(self, source: KeywordSource, photo: Path, tmp_path: Path) -> None:
        words = [f"word {letter * 3}" for letter in "abcdefgh"]
        photos = [
            self.describe(photo, word)
            for photo, word in zip(write_pictures(tmp_path / "many", len(words)), words, strict=True)
        ]
        source.begin()

        def ask(each: Path) -> str:
            source.state(bytes(each))
            return " ".join(word.text for word in source.words(bytes(each), each.read_bytes()))

        with ThreadPoolExecutor(6) as pool:
            for text, word in zip(pool.map(ask, photos), words, strict=True):
                assert word in text.casefold()
        source.end()

    def test_an_ingest_ends_with_lines_to_tell(self, source: KeywordSource, photo: Path) -> None:
        for _ in range(2):
            source.begin()
            source.state(bytes(photo))
            source.words(bytes(photo), encoded(picture((8, 8), 0)))
            told = source.end()
            assert isinstance(told, list)
            assert all(isinstance(line, str) and "\n" not in line for line in told)


def asked(source: KeywordSource, photo: Path) -> list[Words]:
    """What a source says of an image, within an ingest."""
    source.begin()
    source.state(bytes(photo))
    found = list(source.words(bytes(photo), photo.read_bytes()))
    source.end()
    return found


def state(source: KeywordSource, photo: Path) -> bytes:
    """A source's state for an image, within an ingest."""
    source.begin()
    found = source.state(bytes(photo))
    source.end()
    return found
