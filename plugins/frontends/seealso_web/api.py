"""The JSON API, version 1; `openapi` describes it."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from functools import wraps
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from seealso import Answer, Collection, Hit, ObjectRecord, shown_path, uri_of_path
from seealso_web import openapi
from seealso_web.duplicates import ShownGroup, found_duplicates
from seealso_web.examples import LARGEST_ID, LONGEST_TEXT
from seealso_web.files import unchanged
from seealso_web.links import Links
from seealso_web.pages import site_of
from seealso_web.parameters import (
    LARGEST_SEED,
    MOST,
    Window,
    asked_text,
    check_names,
    id_of,
    number,
    way,
    window,
)
from seealso_web.problems import Problem
from seealso_web.queries import Found, Wanted, by_text, record_of, similar, some, wanted
from seealso_web.showing import name_of
from seealso_web.site import Site
from seealso_web.uploads import Upload

PER_ANSWER = 20
SUGGESTED = 8


def answer(request: Request, document: dict[str, Any], *, status: int = 200, without: str = "") -> Response:
    """A JSON document, with its tag; 304 where who asks has it already. ``without``: a key that does not count for that."""
    counted = {key: value for key, value in document.items() if key != without}
    tag = f'"{hashlib.sha256(_encoded(counted)).hexdigest()[:32]}"'
    headers = {"ETag": f"W/{tag}" if without else tag, "Cache-Control": "private, no-cache"}
    if request.method in ("GET", "HEAD") and unchanged(request, tag):
        return Response(status_code=304, headers=headers)
    return Response(_encoded(document), status, headers, "application/json")


def _encoded(document: dict[str, Any]) -> bytes:
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")


async def collections(request: Request) -> Response:
    """The collections."""
    site = site_of(request)
    listed = [
        {"name": name, "links": {"page": Links(name).home, "status": f"{Links(name).api}/status"}}
        for name in site.names
    ]
    return answer(request, {"collections": listed})


async def random(request: Request) -> Response:
    """A random selection."""
    site = site_of(request)
    collection = site.collection(request)
    seed = number(request, "seed", secrets.randbelow(LARGEST_SEED), 0, LARGEST_SEED)
    found = await site.work(some, collection, number(request, "limit", PER_ANSWER, 1, MOST), seed)
    return answer(request, {"seed": seed, "hits": _hits(site, collection, found)})


async def object_(request: Request) -> Response:
    """One object."""
    site = site_of(request)
    collection = site.collection(request)
    record = await site.work(record_of, collection, id_of(request.path_params["id"]))
    document = _object(site, collection, record)
    places = record.paths if site.options.locations else ()
    document["locations"] = [{"path": shown_path(path), "uri": uri_of_path(path)} for path in places]
    document["sha256"] = record.hash.hex()
    looks = await site.work(collection.looks_like, [record.id])
    document["looks_like"] = [{"word": word, "weight": sure} for word, sure in looks.get(record.id, ())]
    return answer(request, document)


async def similar_to_object(request: Request) -> Response:
    """The neighbours of an object."""
    site = site_of(request)
    collection = site.collection(request)
    return await _neighbours(request, collection, id_of(request.path_params["id"]))


async def similar_to_examples(request: Request) -> Response:
    """The neighbours of objects and words that the query string names."""
    site = site_of(request)
    return await _neighbours(request, site.collection(request), None)


async def similar_to_upload(request: Request) -> Response:
    """The neighbours of an upload that is kept."""
    site = site_of(request)
    collection = site.collection(request)
    return await _neighbours(request, collection, await site.work(site.uploads.find, request.path_params["upload"]))


async def similar_to_sent(request: Request) -> Response:
    """The neighbours of an image that is sent along; it is kept, so that more of them can be asked for."""
    site, collection = site_of(request), site_of(request).collection(request)
    # Refused before the image is received.
    asked = wanted(request, Upload("", b""), PER_ANSWER)
    site.spend(request)
    async with site.uploads.received(request) as sent:

        def ask() -> tuple[Upload, Found]:
            data = sent.read()
            found = similar(collection, replace(asked, source=Upload("", data)), site.uploads.limits)
            return site.uploads.keep(data), found

        kept, found = await site.work(ask)
    return _neighbours_document(request, collection, replace(asked, source=kept), found)


async def _neighbours(request: Request, collection: Collection, source: int | Upload | None) -> Response:
    site = site_of(request)
    site.spend(request)
    asked = wanted(request, source, PER_ANSWER)
    found = await site.work(similar, collection, asked, site.uploads.limits)
    return _neighbours_document(request, collection, asked, found)


def _neighbours_document(request: Request, collection: Collection, asked: Wanted, found: Found) -> Response:
    site, links = site_of(request), Links(collection.name)
    assert found.answer is not None
    site.metrics.count_query(found.answer.cost)
    part = asked.part
    query = {
        "id": found.answer.example.id,
        "upload": asked.source.name if isinstance(asked.source, Upload) else None,
        "crop": None if part is None else [part.left, part.top, part.width, part.height],
        "text": asked.where,
        "within": found.answer.query.farthest(found.answer.likeness),
        "by": None,
        "examples": _examples(found.answer),
        "links": {
            "page": links.neighbours(asked),
            "self": links.api_neighbours(asked, asked.shown),
        },
    }
    if asked.within is not None and asked.within.likeness is not None:
        query["likeness"] = asked.within.likeness
    following = links.api_neighbours(asked, found.next) if found.next is not None else None
    return answer(request, _answered(site, collection, query, asked.shown, found, following), without="cost")


def _answered(
    site: Site, collection: Collection, query: dict[str, Any], shown: Window, found: Found, following: str | None
) -> dict[str, Any]:
    """What an answer to a query holds."""
    assert found.answer is not None
    return {
        "query": query,
        "hits": _hits(site, collection, found),
        "offset": shown.offset,
        "next": following,
        "matched": found.answer.matched,
        "reasons": list(found.answer.reasons),
        "instead": list(found.answer.instead),
        "unsearched": found.answer.unsearched,
        **({} if found.answer.likeness is None else {"likeness": asdict(found.answer.likeness)}),
        "cost": found.answer.cost.as_json(),
    }


def _examples(answer: Answer) -> list[dict[str, Any]]:
    """What was asked: for each example, what it turned out to be."""
    return [
        {"id": found.id, "words": example.words, "weight": example.weight}
        for example, found in zip(answer.query.examples, answer.asked, strict=False)
    ]


async def text(request: Request) -> Response:
    """What is found by words."""
    site = site_of(request)
    collection, query, by = site.collection(request), asked_text(request, "q"), way(request)
    shown = window(request, PER_ANSWER)
    if query is None:
        raise Problem(422, "`q` has to say which words to look for.")
    site.spend(request)
    found = await site.work(by_text, collection, query, by, shown)
    assert found.answer is not None
    site.metrics.count_query(found.answer.cost)
    links = Links(collection.name)
    asked = {
        "id": None,
        "upload": None,
        "crop": None,
        "text": query,
        "within": None,
        "by": by,
        "examples": _examples(found.answer),
        "links": {"page": links.text(query, by=by), "self": links.api_text(query, shown, by)},
    }
    following = links.api_text(query, found.next, by) if found.next is not None else None
    return answer(request, _answered(site, collection, asked, shown, found, following), without="cost")


async def duplicates(request: Request) -> Response:
    """The groups of near-identical images that were found last."""
    site = site_of(request)
    collection, links = site.collection(request), Links(request.path_params["collection"])
    shown = await site.work(found_duplicates, collection, window(request, PER_ANSWER, LARGEST_ID))
    if shown is None:
        raise Problem(404, "Nobody has looked for near-identical images yet; `seealso duplicates` does.")
    following = links.api_duplicates(shown.next) if shown.next is not None else None
    document = shown.found.as_json() | {
        "groups": [_group(site, collection, each) for each in shown.groups],
        "offset": shown.shown.offset,
        "next": following,
    }
    return answer(request, document)


async def suggest(request: Request) -> Response:
    """Words of the collection that begin as what was typed."""
    site = site_of(request)
    collection = site.collection(request)
    limit = number(request, "limit", SUGGESTED, 1, MOST)
    begun = request.query_params.get("q", "")
    if len(begun) > LONGEST_TEXT:
        raise Problem(422, f"`q` has to be the beginning of a word, of {LONGEST_TEXT} characters at most.")
    words = await site.work(collection.suggest, begun, limit)
    return answer(request, {"words": words})


async def status(request: Request) -> Response:
    """What a collection holds, and what made it."""
    site = site_of(request)
    document = await site.work(site.collection(request).status)
    if not site.options.locations:
        # A pattern may be a whole path.
        document = {key: value for key, value in document.items() if key not in ("path", "scan")}
    return answer(request, document)


async def described(request: Request) -> Response:
    """What the API is."""
    site = site_of(request)
    return answer(request, openapi.document(site.options, site.names))


def _hits(site: Site, collection: Collection, found: Found) -> list[dict[str, Any]]:
    return [
        {
            **hit.measures(),
            "by": list(hit.by),
            **_folded(hit, found),
            **_object(site, collection, found.records[hit.id], hit),
        }
        for hit in found.hits
        if hit.id in found.records  # else it was removed just now
    ]


def _folded(hit: Hit, found: Found) -> dict[str, Any]:
    asked = found.answer is not None and found.answer.query.fold is not None
    return {"folded": list(hit.folded)} if asked else {}


def _group(site: Site, collection: Collection, shown: ShownGroup) -> dict[str, Any]:
    images = [
        {
            "distance": image.distance,
            "mirrored": image.mirrored,
            "largest": image.largest,
            "files": len(image.record.paths),
            **_object(site, collection, image.record),
        }
        for image in shown.images
    ]
    group = shown.group
    return {
        "files": group.files,
        "spare": group.spare,
        "spread": group.spread,
        "count": int(group.ids.size),
        "images": images,
    }


def _object(site: Site, collection: Collection, record: ObjectRecord, hit: Hit | None = None) -> dict[str, Any]:
    links = Links(collection.name)
    addresses = {
        "self": links.api_object(record.id),
        "page": links.object(record.id),
        "similar": links.api_similar(record.id),
        "thumbnail": links.picture(record, "thumbnail"),
        "preview": links.picture(record, "preview"),
    }
    if site.options.originals:
        addresses["original"] = links.original(record.id)
    document: dict[str, Any] = {
        "id": record.id,
        "name": name_of(record),
        "width": record.width,
        "height": record.height,
        "bytes": record.file_size,
        "keywords": list(hit.keywords) if hit is not None else [],
        "links": addresses,
    }
    if site.options.locations:
        document |= {"path": shown_path(record.paths[0]), "uri": uri_of_path(record.paths[0])}
    return document


def _route(path: str, answered: Callable[[Request], Awaitable[Response]], method: str = "GET") -> Route:
    """A route below ``/api/v1`` that takes just what the document says of it."""
    taken = openapi.taken(path, method)

    @wraps(answered)
    async def checked(request: Request) -> Response:
        check_names(request, taken)
        return await answered(request)

    return Route(path, checked, methods=[method])


ROUTES = [
    Route("/api/openapi.json", described),
    _route("/api/v1", collections),
    _route("/api/v1/{collection}/status", status),
    _route("/api/v1/{collection}/random", random),
    _route("/api/v1/{collection}/objects/{id}", object_),
    _route("/api/v1/{collection}/text", text),
    _route("/api/v1/{collection}/duplicates", duplicates),
    _route("/api/v1/{collection}/suggest", suggest),
    _route("/api/v1/{collection}/similar", similar_to_examples),
    _route("/api/v1/{collection}/similar", similar_to_sent, "POST"),
    _route("/api/v1/{collection}/similar/{id}", similar_to_object),
    _route("/api/v1/{collection}/uploads/{upload}/similar", similar_to_upload),
]
