"""Images that visitors send: received within limits, and kept for a while under a name that cannot be guessed."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.types import Message

from seealso import ImageLimits
from seealso_web.cache import BytesCache
from seealso_web.options import WebOptions
from seealso_web.problems import Problem
from seealso_web.visitors import address_of, visitor_of
from seealso_web.workers import Turns, TurnsOfEach

NAME = re.compile(r"[A-Za-z0-9_-]{22}")
FIELD = "image"
ENVELOPE = 64 << 10  # bytes of a form beside its file, at most
SPOOLED = 1 << 18  # bytes of an upload that is being received; of what is larger they are in a file
NO_ROOM = "There is no room for uploads at the moment."


@dataclass(frozen=True, slots=True)
class Upload:
    """An image that a visitor sent, and the name that it is kept under."""

    name: str
    data: bytes

    @property
    def version(self) -> str:
        """What its content is known by."""
        return hashlib.sha256(self.data).hexdigest()[:16]


def limited(request: Request, most: int) -> Request:
    """The same request, which fails (`Problem` 413) when more than so many bytes of its body have come."""
    received = 0

    async def receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > most:
            raise Problem(413, "What was sent is larger than what is taken here.", {"Connection": "close"})
        return message

    return Request(request.scope, receive)


class Uploads:
    """Receives and keeps uploads.

    Args:
        options: the limits.
        cache: where they are kept.
        folder: where they are while they are received.
    """

    def __init__(self, options: WebOptions, cache: BytesCache, folder: Path) -> None:
        self._cache = cache
        self._folder = folder
        self._seconds = options.upload_seconds
        self._kept_for = options.upload_hours * 3600
        self.turns = Turns(options.uploads_at_once, options.queue_seconds)
        self._turns_of_each = TurnsOfEach(options.uploads_per_visitor, options.queue_seconds)
        self.limits = ImageLimits(
            max_bytes=options.upload_megabytes << 20, max_pixels=options.upload_megapixels * 1_000_000
        )

    @asynccontextmanager
    async def received(self, request: Request) -> AsyncIterator[IO[bytes]]:
        """The image that a request carries: in the field ``image`` of a form, or as its body. It is given as a file, since many may be
        received at once, and only a few are looked at.

        Raises:
            Problem: 400 or 415, there is none; 408, it came too slowly; 413, it is too long; 503, too many at once; 507, there is no
                room.
            ClientDisconnect: its sender has gone.
        """
        async with AsyncExitStack() as held:
            async with self._turns_of_each.of(visitor_of(address_of(request))), self.turns:
                file = await self._in_time(request, held)
            file.seek(0, os.SEEK_END)
            size = file.tell()
            file.seek(0)
            if not size:
                raise Problem(400, "No image was sent; choose a file first.")
            if size > self.limits.max_bytes:
                raise Problem(413, "The image is larger than what is taken here.")
            yield file

    async def _in_time(self, request: Request, held: AsyncExitStack) -> IO[bytes]:
        try:
            async with asyncio.timeout(self._seconds):
                return await self._file(limited(request, self.limits.max_bytes + ENVELOPE), held)
        except TimeoutError:
            detail = f"The upload took longer than {self._seconds} s and was cut off."
            raise Problem(408, detail, {"Connection": "close"}) from None
        except OSError:
            raise Problem(507, NO_ROOM, {"Connection": "close"}) from None

    async def _file(self, request: Request, held: AsyncExitStack) -> IO[bytes]:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "multipart/form-data":
            received = request.form(max_files=1, max_fields=4, max_part_size=ENVELOPE // 8)
            sent = (await held.enter_async_context(received)).get(FIELD)
            if not isinstance(sent, UploadFile):
                raise Problem(400, f"The form has no file in its field `{FIELD}`.")
            return sent.file
        if kind.startswith("image/") or kind == "application/octet-stream":
            spooled = tempfile.SpooledTemporaryFile(SPOOLED, dir=str(self._folder))  # noqa: SIM115 (it is closed with `held`)
            file = held.enter_context(spooled)
            async for piece in request.stream():
                file.write(piece)
            return file
        raise Problem(415, f"Send the image as it is (Content-Type: image/…), or in the field `{FIELD}` of a form.")

    def keep(self, data: bytes) -> Upload:
        """Keep an upload for a while.

        Raises:
            Problem: 507, there is no room.
        """
        upload = Upload(secrets.token_urlsafe(16), data)
        if not self._cache.put(upload.name, data, self._kept_for):
            raise Problem(507, NO_ROOM)
        return upload

    def find(self, name: str) -> Upload:
        """An upload that is kept.

        Raises:
            Problem: 404, it is not, or not any more.
        """
        data = self._cache.get(name) if NAME.fullmatch(name) else None
        if data is None:
            raise Problem(404, "This upload is not kept any more; please send the image again.")
        return Upload(name, data)
