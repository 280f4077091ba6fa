"""The keyword source ``acme``: notes beside the images, one keyword a line."""

import os
from pathlib import Path

from pydantic import Field

import seealso

MOST_BYTES = 1 << 20


class AcmeOptions(seealso.PluginOptions):
    """The options of the keyword source acme."""

    suffix: str = Field(
        default=".note", min_length=2, description="what the name of a note has behind that of its image"
    )


class Acme(seealso.KeywordSource):
    """Reads ``sea.jpg.note`` for ``sea.jpg``: a keyword a line."""

    name = "acme"
    Options = AcmeOptions
    options: AcmeOptions

    def _note(self, path: bytes) -> Path:
        return Path(os.fsdecode(path) + self.options.suffix)

    def state(self, path: bytes) -> bytes:
        """The note's time and size; empty where there is none."""
        try:
            found = self._note(path).stat()
        except OSError:
            return b""
        return f"{found.st_mtime_ns} {found.st_size} {found.st_ino}".encode()

    def words(self, path: bytes, data: bytes) -> list[seealso.Words]:
        """Its lines.

        Raises:
            KeywordError: it cannot be read, is too large, or not UTF-8.
        """
        note = self._note(path)
        try:
            with note.open("rb") as file:
                written = file.read(MOST_BYTES + 1)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise seealso.KeywordError(f"{note}: {error.strerror}") from None
        if len(written) > MOST_BYTES:
            raise seealso.KeywordError(f"{note}: larger than {MOST_BYTES} bytes")
        try:
            lines = written.decode().splitlines()
        except UnicodeDecodeError as error:
            raise seealso.KeywordError(f"{note}: not UTF-8 (at byte {error.start}); save it as such") from None
        return [seealso.Words("keywords", line.strip()) for line in lines if line.strip()]
