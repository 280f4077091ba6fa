"""The keyword source ``embedded``: words in the image file itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from seealso import ImageError, KeywordError, KeywordSource, Words, image_metadata, shown_path
from seealso_keywords.boilerplate import is_boilerplate
from seealso_keywords.characters import guessed
from seealso_keywords.fields import CAPTIONS, FIELD_OF, as_words
from seealso_keywords.xmp import read_xmp

VERSION = b"2"
"""Raised when more is read: what was indexed before is then read again."""

EXIF = {
    "ImageDescription": "caption",
    "XPTitle": "title",
    "XPComment": "caption",
    "UserComment": "caption",
    "XPKeywords": "keywords",
    "XPSubject": "keywords",
    "Artist": "creator",
    "XPAuthor": "creator",
    "DateTimeOriginal": "date",
}

IPTC = {
    (2, 5): "title",
    (2, 105): "title",
    (2, 25): "keywords",
    (2, 120): "caption",
    (2, 80): "creator",
    (2, 55): "date",
    (2, 90): "place",
    (2, 92): "place",
    (2, 95): "place",
    (2, 101): "place",
}

_CHARACTER_SET = (1, 90)
_UTF_8 = b"\x1b%G"


class Embedded(KeywordSource):
    """Title, caption, keywords, creator, date and place, as EXIF, IPTC, XMP, or the texts of a PNG hold them."""

    name = "embedded"
    preference = 20

    def state(self, path: bytes) -> bytes:
        """Always the same: the words are in the file."""
        return VERSION

    def words(self, path: bytes, data: bytes) -> list[Words]:
        """XMP first, whose languages are known; what the others say alike is not said twice.

        Raises:
            KeywordError: some of it cannot be read; has the rest.
        """
        try:
            metadata = image_metadata(data)
        except ImageError as error:
            raise KeywordError(f"{shown_path(path)}: {error}") from None
        found: list[Words] = []
        problem = ""
        if metadata.xmp:
            try:
                found += read_xmp(metadata.xmp)
            except KeywordError as error:
                problem = f"{shown_path(path)}: {error}"
        said = {(word.field, word.text) for word in found}
        values = [*_iptc(metadata.iptc), *_exif(metadata.exif)]
        others = [word for field, value in values for word in as_words(field, (value or "").strip("\0 "))]
        found += [word for word in (*others, *_texts(metadata.texts)) if (word.field, word.text) not in said]
        make, model = (str(metadata.exif.get(name, "")).strip("\0 ") for name in ("Make", "Model"))
        found = [word for word in found if word.field not in CAPTIONS or not is_boilerplate(word.text, make, model)]
        unreadable = dict.fromkeys(field for field, value in values if value is None)
        if unreadable and not problem:
            problem = (
                f"{shown_path(path)}: its {' and '.join(unreadable)} names no character set, and is neither UTF-8 nor Western European; "
                "it is left out"
            )
        if problem:
            raise KeywordError(problem, found)
        return found


def _iptc(iptc: Mapping[tuple[int, int], tuple[bytes, ...]]) -> Iterator[tuple[str, str | None]]:
    """Field and value; None where nobody can tell the character set."""
    declared = _UTF_8 in iptc.get(_CHARACTER_SET, ())
    for key, field in IPTC.items():
        for value in iptc.get(key, ()):
            yield field, value.decode("utf-8", "replace") if declared else guessed(value)


def _exif(exif: Mapping[str, object]) -> Iterator[tuple[str, str | None]]:
    """Field and value; None where nobody can tell the character set."""
    for name, field in EXIF.items():
        value = exif.get(name)
        if isinstance(value, tuple) and all(isinstance(number, int) and 0 <= number < 256 for number in value):
            value = bytes(value)
        if isinstance(value, bytes):
            yield field, _exif_text(name, value)
        elif isinstance(value, str):
            yield field, _as_written(value)


def _as_written(value: str) -> str | None:
    """A text of EXIF that was taken for Latin-1: what its bytes say."""
    try:
        return guessed(value.encode("latin-1"))
    except UnicodeEncodeError:
        return value


def _exif_text(name: str, value: bytes) -> str | None:
    """A text of EXIF that comes as bytes: Windows' own tags are UTF-16; a comment names its character set."""
    if name.startswith("XP"):
        return value.decode("utf-16-le", "ignore")
    if name == "UserComment":
        code, value = value[:8], value[8:]
        if code.startswith(b"UNICODE"):
            return value.decode("utf-16-be" if value[:1] == b"\0" else "utf-16-le", "ignore")
        if code.startswith(b"JIS"):
            return value.decode("iso2022_jp", "replace")
        if not code.startswith(b"ASCII") and code.strip(b"\0 "):
            return None
    return guessed(value.strip(b"\0"))


def _texts(texts: Mapping[str, str]) -> Iterator[Words]:
    for key, text in texts.items():
        field = FIELD_OF.get(key.lower())
        # In a comment the programs that wrote the file sign their work.
        if field is not None and key.lower() != "comment":
            yield from as_words(field, text)
