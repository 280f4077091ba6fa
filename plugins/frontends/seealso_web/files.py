"""The images themselves: thumbnails, previews, and the originals as downloads."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from seealso import Content, FileError, media_type
from seealso_web.pages import site_of
from seealso_web.parameters import id_of
from seealso_web.problems import Problem
from seealso_web.queries import record_of
from seealso_web.rendering import MEDIA_TYPE, SIZES, Size
from seealso_web.sending import Source, Spooled, Streamed

FOR_EVER = "private, max-age=31536000, immutable"
A_WHILE = "private, max-age=3600"


def unchanged(request: Request, tag: str) -> bool:
    """Whether who asks has the content of this tag already."""
    given = request.headers.get("if-none-match", "")
    return given.strip() == "*" or tag in (each.strip().removeprefix("W/") for each in given.split(","))


async def object_picture(request: Request) -> Response:
    """An object, as WebP."""
    site, size = site_of(request), _size(request)
    collection, id_ = site.collection(request), id_of(request.path_params["id"])
    record = await site.work(record_of, collection, id_)
    version = record.hash.hex()[:16]
    headers = _headers(request, f'"{version}-{size.name}"', version)
    if unchanged(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)

    def draw() -> Source:
        return Spooled(site.pictures.of_object(collection, record, size), site.folder)

    try:
        picture = await site.draw(draw)
    except FileError:
        raise Problem(404, "The image's file is away at the moment, and no picture of it was kept.") from None
    return Streamed(picture, headers, MEDIA_TYPE)


async def upload_picture(request: Request) -> Response:
    """An upload, as WebP."""
    site, size = site_of(request), _size(request)
    site.collection(request)
    upload = await site.work(site.uploads.find, request.path_params["upload"])
    headers = _headers(request, f'"{upload.version}-{size.name}"', upload.version)
    if unchanged(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)

    def draw() -> Source:
        return Spooled(site.pictures.of_upload(upload.version, upload.data, size, site.uploads.limits), site.folder)

    return Streamed(await site.draw(draw), headers, MEDIA_TYPE)


def _size(request: Request) -> Size:
    size = SIZES.get(request.path_params["size"])
    if size is None:
        raise Problem(404, f"There is no picture of that size; there are: {', '.join(SIZES)}.")
    return size


def _headers(request: Request, tag: str, version: str) -> dict[str, str]:
    # An address with the content's own version can never mean another.
    lasting = request.query_params.get("v") == version
    return {"ETag": tag, "Cache-Control": FOR_EVER if lasting else A_WHILE}


async def original(request: Request) -> Response:
    """An object's file as it was taken in, to download; never anything else, whatever lies in its place now."""
    site = site_of(request)
    if not site.options.originals:
        raise Problem(403, "Originals are not given away here.")
    collection, id_ = site.collection(request), id_of(request.path_params["id"])
    record = await site.work(record_of, collection, id_)
    headers: dict[str, Any] = {
        "ETag": f'"{record.hash.hex()[:32]}"',
        "Cache-Control": A_WHILE,
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(os.path.basename(record.paths[0]), safe='')}",
    }
    if unchanged(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    try:
        content: Content = await site.draw(collection.content, id_)
    except FileError:
        raise Problem(404, "The image's file is away at the moment, or has changed since it was taken in.") from None
    return Streamed(content, headers, media_type(content.head))


ROUTES = [
    Route("/{collection}/objects/{id}/original", original),
    Route("/{collection}/objects/{id}/{size}", object_picture),
    Route("/{collection}/uploads/{upload}/{size}", upload_picture),
]
