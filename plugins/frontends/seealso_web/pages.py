"""The pages for people."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from seealso import Collection, Example
from seealso_web import openapi
from seealso_web.duplicates import found_duplicates
from seealso_web.links import Links
from seealso_web.problems import Problem
from seealso_web.queries import (
    LARGEST_SEED,
    Found,
    asked_text,
    by_text,
    id_of,
    number,
    record_of,
    similar,
    some,
    wanted,
    window,
)
from seealso_web.showing import by_language
from seealso_web.site import Site
from seealso_web.uploads import ENVELOPE, Upload, limited
from seealso_web.visitors import Token, address_of

PER_PAGE = 60
GROUPS_PER_PAGE = 20
LOGIN_SECONDS = 10  # for the token to arrive


def site_of(request: Request) -> Site:
    """What all requests share."""
    site: Site = request.app.state.site
    return site


async def start(request: Request) -> Response:
    """The only collection, or all of them."""
    site = site_of(request)
    if len(site.names) == 1:
        return RedirectResponse(Links(site.names[0]).home, 302, {"Cache-Control": "no-store"})

    def look() -> list[tuple[str, int | None]]:
        collections = (site.host.collection(name) for name in site.names)
        return [(each.name, each.counts().objects if each.exists() else None) for each in collections]

    return await site.page(request, "Collections", template="collections.html", collections=await site.work(look))


async def home(request: Request) -> Response:
    """A random selection. The address says which, so that it is the same again on the way back."""
    site = site_of(request)
    collection = site.collection(request)
    if not collection.exists():
        return await site.page(request, collection.name, template="empty.html")
    if "seed" not in request.query_params:
        address = Links(collection.name).selection(secrets.randbelow(LARGEST_SEED))
        return RedirectResponse(address, 302, {"Cache-Control": "no-store"})
    seed = number(request, "seed", 0, 0, LARGEST_SEED)
    limit = number(request, "limit", PER_PAGE, 1, 200)

    def look() -> tuple[Found, int]:
        return some(collection, limit, seed), collection.counts().objects

    found, objects = await site.work(look)
    if not found.hits:
        return await site.page(request, collection.name, template="empty.html")
    another = Links(collection.name).selection(secrets.randbelow(LARGEST_SEED))
    return await site.page(
        request, collection.name, template="home.html", found=found, objects=objects, another=another
    )


async def similar_to_object(request: Request) -> Response:
    """The neighbours of an object."""
    site = site_of(request)
    collection, id_ = site.collection(request), id_of(request.path_params["id"])
    record = await site.work(record_of, collection, id_)
    return await _neighbours(request, collection, id_, record=record)


async def similar_to_upload(request: Request) -> Response:
    """The neighbours of an upload."""
    site = site_of(request)
    collection = site.collection(request)
    upload = await site.work(site.uploads.find, request.path_params["upload"])
    return await _neighbours(request, collection, upload, record=None)


async def _neighbours(request: Request, collection: Collection, source: int | Upload, **values: Any) -> Response:
    site = site_of(request)
    site.spend(request)
    asked = wanted(request, source, PER_PAGE)
    found = await site.work(similar, collection, asked, site.uploads.limits)
    assert found.answer is not None
    site.metrics.count_query(found.answer.cost)
    return await site.page(request, "Similar images", template="similar.html", asked=asked, found=found, **values)


async def text(request: Request) -> Response:
    """What matches a text query."""
    site = site_of(request)
    collection, query = site.collection(request), asked_text(request, "q")
    if query is None:
        return await site.page(request, "Words", template="text.html", found=None)
    site.spend(request)
    shown = window(request, PER_PAGE)
    found = await site.work(by_text, collection, query, shown)
    assert found.answer is not None
    site.metrics.count_query(found.answer.cost)
    return await site.page(request, query, template="text.html", query=query, shown=shown, found=found)


async def duplicates(request: Request) -> Response:
    """The groups of near-identical images that were found last."""
    site = site_of(request)
    collection = site.collection(request)
    if not collection.exists():
        return await site.page(request, collection.name, template="empty.html")
    shown = await site.work(found_duplicates, collection, window(request, GROUPS_PER_PAGE))
    return await site.page(request, "Duplicates", template="duplicates.html", shown=shown)


async def upload(request: Request) -> Response:
    """Take an image, and go to the page of its neighbours."""
    site = site_of(request)
    collection = site.collection(request)
    site.spend(request)
    async with site.uploads.received(request) as sent:

        def keep() -> Upload:
            data = sent.read()
            # All that can be wrong with it is found out here, so that it is said here.
            collection.extract(Example(image=data, limits=site.uploads.limits))
            return site.uploads.keep(data)

        kept = await site.work(keep)
    return RedirectResponse(Links(collection.name).similar(kept), 303, {"Cache-Control": "no-store"})


async def object_(request: Request) -> Response:
    """One object."""
    site = site_of(request)
    collection, id_ = site.collection(request), id_of(request.path_params["id"])
    record = await site.work(record_of, collection, id_)
    sources = (await site.work(collection.keywords, [id_])).get(id_, {})
    words, translated = by_language(dict.fromkeys(word for said in sources.values() for word in said))
    return await site.page(
        request, f"Image {id_}", template="object.html", record=record, words=words, translated=translated
    )


async def status(request: Request) -> Response:
    """What a collection holds, and what made it."""
    site = site_of(request)
    collection = site.collection(request)
    if not collection.exists():
        return await site.page(request, collection.name, template="empty.html")
    return await site.page(request, "Status", template="status.html", held=await site.work(collection.status))


async def api(request: Request) -> Response:
    """What the API offers, for people."""
    site = site_of(request)
    return await site.page(request, "API", template="api.html", document=openapi.document(site.options, site.names))


async def login(request: Request) -> Response:
    """Ask for the token, and remember that it was given."""
    site = site_of(request)
    if site.options.token is None:
        return RedirectResponse("/", 303)
    token, wrong = Token(site.options.token.get_secret_value()), False
    to = request.query_params.get("to", "/")
    if request.method == "POST":
        given = await _token_given(request)
        site.guesses.check(address_of(request))
        wrong = not token.is_right(given)
        if wrong:
            site.guesses.spend(address_of(request))
        if not wrong:
            # Only to a page of this site.
            here = to.startswith("/") and not to.startswith(("//", "/\\")) and to.isprintable()
            response = RedirectResponse(to if here else "/", 303)
            response.set_cookie(
                Token.COOKIE,
                token.proof,
                max_age=30 * 24 * 3600,
                httponly=True,
                samesite="lax",
                secure=request.url.scheme == "https",
            )
            return response
    return await site.page(request, "Log in", template="login.html", status=403 if wrong else 200, wrong=wrong, to=to)


async def _token_given(request: Request) -> str:
    try:
        async with asyncio.timeout(LOGIN_SECONDS):
            async with limited(request, ENVELOPE).form(max_files=0, max_fields=2, max_part_size=4096) as form:
                return str(form.get("token", "")).strip()
    except TimeoutError:
        raise Problem(408, "The token came too slowly.", {"Connection": "close"}) from None


ROUTES = [
    Route("/", start),
    Route("/login", login, methods=["GET", "POST"]),
    Route("/api", api),
    Route("/{collection}", home),
    Route("/{collection}/text", text),
    Route("/{collection}/duplicates", duplicates),
    Route("/{collection}/similar/{id}", similar_to_object),
    Route("/{collection}/uploads", upload, methods=["POST"]),
    Route("/{collection}/uploads/{upload}", similar_to_upload),
    Route("/{collection}/objects/{id}", object_),
    Route("/{collection}/status", status),
]
