"""The keyword source: what says which words describe an image file."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from seealso.interfaces.plugin import Plugin, PluginOptions
from seealso.interfaces.text import Words


class KeywordSource(Plugin):
    """Says which words describe an image file. Its methods may be called from several threads at once.

    Several sources go together; what they say of all the files of an object describes it.
    """

    def __init__(self, options: PluginOptions) -> None:
        self.options = options

    def begin(self) -> None:
        """An ingest begins; `end` comes at its end, however it ends.

        Raises:
            PluginError: something that the source needs cannot be read; nothing is taken in then.
        """

    @abstractmethod
    def state(self, path: bytes) -> bytes:
        """What tells whether `words` would say something else of this file than it did: as long as this stays the same, and
        the file does, it is not asked again. Short, and cheap: it is asked for of every file at every ingest, of one folder
        after the other. Empty where there is nothing to say; constant where the words are in the file itself."""

    @abstractmethod
    def words(self, path: bytes, data: bytes) -> Sequence[Words]:
        """The words for a file: its path, absolute, and its bytes.

        Raises:
            KeywordError: what there is cannot be read; says why.
        """

    def end(self) -> list[str]:
        """An ingest has ended: let go of what was held for it. Returns what there is to tell, one line each, as of what no file
        was found for."""
        return []
