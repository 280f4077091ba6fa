"""What is sent piece by piece, as fast as its client takes it, and no faster."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import IO, Protocol

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from seealso import FileError

log = logging.getLogger("seealso_web")

PIECE = 1 << 16  # bytes


class Source(Protocol):
    """What can be read from its beginning to its end, once."""

    size: int

    def read(self) -> bytes:
        """The next piece; empty at the end."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class Spooled:
    """Bytes as a source: those of more than a piece wait in a file, for a slow client must not cost memory.

    Args:
        data: the bytes.
        folder: where the file is, which has no name; what cannot be written there stays in memory.
    """

    def __init__(self, data: bytes, folder: Path) -> None:
        self.size = len(data)
        self._file: IO[bytes] = io.BytesIO(data)
        if len(data) > PIECE:
            with contextlib.suppress(OSError):
                self._file = _written(data, folder)

    def read(self) -> bytes:
        """The next piece; empty at the end."""
        return self._file.read(PIECE)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def _written(data: bytes, folder: Path) -> IO[bytes]:
    file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (it is closed with its `Spooled`)
    try:
        file.write(data)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


class Streamed(StreamingResponse):
    """An answer that holds one piece at a time; the next is read when its client has taken the last.

    Args:
        source: what is sent; closed at the end, however that comes.
        headers: of the answer, beside its length.
        media_type: of what is sent.
    """

    def __init__(self, source: Source, headers: Mapping[str, str], media_type: str) -> None:
        self._source = source
        super().__init__(self._pieces(), 200, {**headers, "Content-Length": str(source.size)}, media_type)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            if scope["method"] == "HEAD":
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                await send({"type": "http.response.body", "body": b""})
            else:
                await super().__call__(scope, receive, send)
        finally:
            self._source.close()

    async def stream_response(self, send: Send) -> None:
        """Send it to its end. Where the source fails, it ends before: its length was promised, so who asked sees that."""
        try:
            await super().stream_response(send)
        except FileError as error:
            log.warning("a download was broken off: %s", error)

    async def _pieces(self) -> AsyncIterator[bytes]:
        while piece := await asyncio.to_thread(self._source.read):
            yield piece
