"""Every error that seealso raises on purpose.

- SeealsoError: the root; its message says what is wrong, where, and what to do
  - ConfigError: the configuration cannot be read or does not fit
  - PluginError: a plugin is missing, broken, or breaks its contract
    - MissingExtra: a package has to be installed first
  - CollectionError: a collection cannot be used as asked
    - NoCollection: there is none at that place
    - CollectionBusy: another process is writing to it
    - CollectionReadOnly: it lies where nothing can be written
    - FormatError: not a collection's file, or one of a newer format
    - ProvenanceMismatch: its descriptors were made by something else
    - CorruptCollection: a checksum or a cross-check failed
    - WrongStore: the store is not the collection's, or seems not to be
  - ImageError: an image file cannot be used
    - ImageTooLarge: beyond the limits, refused before it was decoded
  - KeywordError: words that are meant to describe an image cannot be read
  - StoreError: an object store failed
    - MissingObject: it holds no descriptor of that ID
    - CorruptRecord: a stored descriptor fails its checksum
  - DiskFull: no space is left where something had to be written
  - FileError: a file that the user named cannot be used
  - QueryError: a query that cannot be answered
    - NoObject: there is no object of the ID that it names
    - UnknownWord: the extractor does not know what a word looks like
"""

import re
from collections.abc import Sequence

from seealso.messages import one_line


class SeealsoError(Exception):
    """The root of all errors raised on purpose; ``str(error)`` is one clear line, cut where it is very long."""

    def __str__(self) -> str:
        return one_line(super().__str__())


class ConfigError(SeealsoError):
    """The configuration cannot be read or does not fit."""


class PluginError(SeealsoError):
    """A plugin is missing, broken, or breaks its contract."""


class MissingExtra(PluginError):
    """A package has to be installed first. The message ends in the command that installs it.

    Args:
        reason: what needs it, such as "reading HDF5 needs h5py".
        package: what ``pip install`` is given, such as ``seealso[hdf5]``.
    """

    def __init__(self, reason: str, package: str) -> None:
        self.package = package
        super().__init__(reason, package)

    def __str__(self) -> str:
        reason, package = self.args
        return one_line(f"{reason}: pip install " + (f"'{package}'" if "[" in package else package))


class CollectionError(SeealsoError):
    """A collection cannot be used as asked."""


class NoCollection(CollectionError):
    """There is no collection at that place."""


class CollectionBusy(CollectionError):
    """Another process is writing to the collection."""


class CollectionReadOnly(CollectionError):
    """The collection lies where nothing can be written."""


class FormatError(CollectionError):
    """Not a collection's file, or one of a format that this release does not read."""


class ProvenanceMismatch(CollectionError):
    """The collection's descriptors were made by something else."""


class CorruptCollection(CollectionError):
    """A checksum or a cross-check of the collection failed."""


class WrongStore(CollectionError):
    """The store is not the one that holds the collection's descriptors, or seems not to be."""


class ImageError(SeealsoError):
    """An image file cannot be used."""


class ImageTooLarge(ImageError):
    """An image beyond the limits on bytes or pixels, refused before it was decoded."""


class KeywordError(SeealsoError):
    """Words that are meant to describe an image cannot be read.

    Args:
        reason: says why.
        words: those that can be, all the same: `Words`.
    """

    def __init__(self, reason: str, words: Sequence[tuple[str, str, str]] = ()) -> None:
        self.words = tuple(words)
        super().__init__(reason, self.words)

    def __str__(self) -> str:
        return one_line(self.args[0])


class StoreError(SeealsoError):
    """An object store failed."""


class MissingObject(StoreError):
    """The store holds no descriptor of these IDs (``ids``)."""

    def __init__(self, ids: Sequence[int]) -> None:
        self.ids = list(ids)
        shown = ", ".join(str(i) for i in self.ids[:5]) + (", …" if len(self.ids) > 5 else "")
        super().__init__(f"the store holds no descriptor of ID {shown}; run `seealso verify`")


class CorruptRecord(StoreError):
    """The stored descriptors of these IDs (``ids``) fail their checksum."""

    def __init__(self, ids: Sequence[int]) -> None:
        self.ids = list(ids)
        shown = ", ".join(str(i) for i in self.ids[:5]) + (", …" if len(self.ids) > 5 else "")
        super().__init__(
            f"the stored descriptor of ID {shown} fails its checksum; run `seealso verify` to see all that are damaged"
        )


class DiskFull(SeealsoError):
    """No space is left where something had to be written."""


class FileError(SeealsoError):
    """A file that the user named cannot be used: it exists already, cannot be read or written, or has the wrong name or content.

    A file that a plugin's options name is the plugin's: what is wrong with it is a `PluginError`. An image is an `ImageError`.
    """


class QueryError(SeealsoError):
    """A query that cannot be answered."""


class NoObject(QueryError):
    """There is no object with this ID (``id``) in the collection: there never was, or it was removed.

    Args:
        id_: the ID.
        collection: the name of the collection.
    """

    def __init__(self, id_: int, collection: str) -> None:
        self.id = id_
        super().__init__(id_, collection)

    def __str__(self) -> str:
        return one_line("there is no object {} in the collection {}".format(*self.args))


class UnknownWord(QueryError):
    """The extractor does not know what a word looks like.

    Args:
        reason: says which word, and what to look for instead.
        word: the word.
        near: words that it does know, spelt nearly like that one; the nearest first. One that is given twice counts once.
    """

    def __init__(self, reason: str, word: str, near: Sequence[str] = ()) -> None:
        self.word = word
        self.near = tuple(dict.fromkeys(near))
        super().__init__(reason, word, self.near)

    def __str__(self) -> str:
        return one_line(self.args[0])

    @property
    def brief(self) -> str:
        """Which word it is, without those that it knows: for who tells these by themselves."""
        said, _, known = str(self).rpartition("; ")
        return said if said and self.near and all(word in known for word in self.near) else str(self)

    def is_in(self, text: str) -> bool:
        """Whether the unknown word stands in a text, and not only as a part of another word."""
        return self._word().search(text) is not None

    def instead(self, text: str) -> tuple[str, ...]:
        """A text with each of the words `near` in the place of the unknown one; each text once."""
        # No backslash of a word is taken for a group.
        found = [self._word().sub(near.replace("\\", "\\\\"), text) for near in self.near]
        return tuple(each for each in dict.fromkeys(found) if each != text)

    def _word(self) -> re.Pattern[str]:
        return re.compile(rf"(?<![^\W_]){re.escape(self.word)}(?![^\W_])", re.IGNORECASE)
