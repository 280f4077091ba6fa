"""Images that visitors send: received within limits, and kept for a while under a name that cannot be guessed."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.types import Message

from seealso import ImageLimits
from seealso_web.cache import BytesCache
from seealso_web.options import WebOptions
from seealso_web.problems import Problem
from seealso_web.workers import Turns

NAME = re.compile(r"[A-Za-z0-9_-]{22}")
FIELD = "image"
ENVELOPE = 64 << 10  # bytes of a form beside its file, at most


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
    """

    def __init__(self, options: WebOptions, cache: BytesCache) -> None:
        self._cache = cache
        self._seconds = options.upload_seconds
        self._kept_for = options.upload_hours * 3600
        self.turns = Turns(options.uploads_at_once, options.queue_seconds)
        self.limits = ImageLimits(
            max_bytes=options.upload_megabytes << 20, max_pixels=options.upload_megapixels * 1_000_000
        )

    async def receive(self, request: Request) -> bytes:
        """The bytes of the image that a request carries: in the field ``image`` of a form, or as its body.

        Raises:
            Problem: 400 or 415, there is none; 408, it came too slowly; 413, it is too long; 503, too many at once.
        """
        async with self.turns:
            try:
                async with asyncio.timeout(self._seconds):
                    data = await self._read(limited(request, self.limits.max_bytes + ENVELOPE))
            except TimeoutError:
                detail = f"The upload took longer than {self._seconds} s and was cut off."
                raise Problem(408, detail, {"Connection": "close"}) from None
        if not data:
            raise Problem(400, "No image was sent; choose a file first.")
        if len(data) > self.limits.max_bytes:
            raise Problem(413, "The image is larger than what is taken here.")
        return data

    async def _read(self, request: Request) -> bytes:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "multipart/form-data":
            async with request.form(max_files=1, max_fields=4, max_part_size=ENVELOPE // 8) as form:
                file = form.get(FIELD)
                if not isinstance(file, UploadFile):
                    raise Problem(400, f"The form has no file in its field `{FIELD}`.")
                return await file.read()
        if kind.startswith("image/") or kind == "application/octet-stream":
            return await request.body()
        raise Problem(415, f"Send the image as it is (Content-Type: image/…), or in the field `{FIELD}` of a form.")

    def keep(self, data: bytes) -> Upload:
        """Keep an upload for a while.

        Raises:
            Problem: 507, there is no room.
        """
        upload = Upload(secrets.token_urlsafe(16), data)
        if not self._cache.put(upload.name, data, self._kept_for):
            raise Problem(507, "There is no room for uploads at the moment.")
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
