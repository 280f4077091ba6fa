"""The pages for people."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from itertools import islice
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from seealso import Collection, DamagedObject, Example, NoObject, QueryError, UnknownWord
from seealso_web import openapi
from seealso_web.duplicates import found_duplicates
from seealso_web.examples import LARGEST_ID
from seealso_web.links import Links
from seealso_web.parameters import LARGEST_SEED, asked_text, id_of, number, way, window
from seealso_web.problems import Problem, problem_of, wants_page
from seealso_web.queries import (
    Found,
    Wanted,
    by_text,
    question_of,
    record_of,
    records_of_examples,
    similar,
    some,
    wanted,
)
from seealso_web.showing import by_language
from seealso_web.site import Site
from seealso_web.uploads import ENVELOPE, Upload, limited
from seealso_web.visitors import Token, address_of

PER_PAGE = 60
GROUPS_PER_PAGE = 20
DAMAGED_SHOWN = 100  # damaged images, on the page of the status
LOGIN_SECONDS = 10  # for the token to arrive


def site_of(request: Request) -> Site:
    """What all requests share."""
    site: Site = request.app.state.site
    return site


def _is_empty(collection: Collection) -> bool:
    return not collection.exists() or not collection.counts().objects


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
    return await _neighbours(request, site.collection(request), id_of(request.path_params["id"]))


async def similar_to_examples(request: Request) -> Response:
    """The neighbours of objects and words that the query string names."""
    site = site_of(request)
    return await _neighbours(request, site.collection(request), None)


async def similar_to_upload(request: Request) -> Response:
    """The neighbours of an upload."""
    site = site_of(request)
    collection = site.collection(request)
    upload = await site.work(site.uploads.find, request.path_params["upload"])
    return await _neighbours(request, collection, upload)


async def _neighbours(request: Request, collection: Collection, source: int | Upload | None) -> Response:
    site = site_of(request)
    asked = wanted(request, source, PER_PAGE)
    try:
        # What is not there costs no query.
        records = await site.work(records_of_examples, collection, asked)
        site.spend(request)
        found = await site.work(similar, collection, asked, site.uploads.limits)
    except QueryError as error:
        if not wants_page(request):
            raise
        problem, instead = problem_of(error, site.host), _other_questions(Links(collection.name), asked, error)
        title = problem.title
        if isinstance(error, UnknownWord):
            title, problem = "Unknown word", Problem(problem.status, f"{_without(error, instead)}.")
        return await site.page(
            request, title, template="error.html", status=problem.status, problem=problem, instead=instead
        )
    assert found.answer is not None
    site.metrics.count_query(found.answer.cost)
    if found.answer.empty:
        return await site.page(request, collection.name, template="empty.html")
    return await site.page(
        request, "Similar images", template="similar.html", asked=asked, found=found, examples=records
    )


def _without(error: QueryError, instead: Sequence[object]) -> str:
    """What is wrong; without the words that are known, where links to them follow."""
    return error.brief if isinstance(error, UnknownWord) and instead else str(error)


def _other_questions(links: Links, asked: Wanted, error: QueryError) -> list[tuple[str, str]]:
    """What can be asked instead of what cannot be answered, and its addresses: with words that are spelt nearly so, without an object that
    is gone, or at any distance where words have no likeness."""
    if isinstance(error, UnknownWord):
        return _other_words(links, asked, error)
    if isinstance(error, NoObject):
        gone = [each for each in (None, *asked.beside) if error.id == (asked.source if each is None else each.what)]
        return [("Without it", links.neighbours(asked.without(each))) for each in gone[:1] if asked.can_lose(each)]
    if asked.within is not None and asked.within.likeness is not None and any(each.is_words for each in asked.beside):
        return [("At any distance", links.neighbours(asked.at_any_distance()))]
    return []


def _other_words(links: Links, asked: Wanted, error: UnknownWord) -> list[tuple[str, str]]:
    """With each of the words that are spelt nearly as one that is not known in its place; and without those that it stands among."""
    found = []
    for each in asked.beside:
        if isinstance(each.what, str) and error.is_in(each.what):
            others = error.instead(each.what)
            found += [(other, links.neighbours(asked.without(each).adding(other, each.weight))) for other in others]
            if asked.can_lose(each):
                found.append(("Without words", links.neighbours(asked.without(each))))
            break
    return found


async def text(request: Request) -> Response:
    """What is found by words."""
    site = site_of(request)
    collection, query, by = site.collection(request), asked_text(request, "q"), way(request)
    if await site.work(_is_empty, collection):
        return await site.page(request, collection.name, template="empty.html")
    ways = await site.work(collection.finds_by)
    values: dict[str, Any] = {"query": query, "by": by, "ways": ways, "found": None, "problem": None, "instead": ()}
    if query is None or not ways:
        return await site.page(request, "Words", template="text.html", **values)
    site.spend(request)
    values["shown"] = shown = window(request, PER_PAGE)
    try:
        # Where there is one way alone, nothing is said of the other.
        found = await site.work(by_text, collection, query, ways[0] if len(ways) == 1 and not by else by, shown)
    except QueryError as error:
        instead = error.instead(query) if isinstance(error, UnknownWord) else ()
        values |= {"problem": _without(error, instead), "instead": instead}
        return await site.page(request, query, template="text.html", status=422, **values)
    assert found.answer is not None
    site.metrics.count_query(found.answer.cost)
    values |= {"found": found, "instead": found.answer.instead}
    return await site.page(request, query, template="text.html", asked=question_of(found.answer, shown), **values)


async def duplicates(request: Request) -> Response:
    """The groups of near-identical images that were found last."""
    site = site_of(request)
    collection = site.collection(request)
    if await site.work(_is_empty, collection):
        return await site.page(request, collection.name, template="empty.html")
    shown = await site.work(found_duplicates, collection, window(request, GROUPS_PER_PAGE, LARGEST_ID))
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
    looks = (await site.work(collection.looks_like, [id_])).get(id_, ())
    return await site.page(
        *(request, f"Image {id_}"),
        template="object.html",
        record=record,
        words=words,
        translated=translated,
        looks=looks,
    )


async def status(request: Request) -> Response:
    """What a collection holds, and what made it."""
    site = site_of(request)
    collection = site.collection(request)
    if not collection.exists():
        return await site.page(request, collection.name, template="empty.html")
    held, damaged = await site.work(_held, collection)
    return await site.page(request, "Status", template="status.html", held=held, damaged=damaged)


def _held(collection: Collection) -> tuple[dict[str, object], list[DamagedObject]]:
    """What there is to say of a collection, and the first of its damaged images."""
    return collection.status(), list(islice(collection.damaged(), DAMAGED_SHOWN))


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
    Route("/{collection}/similar", similar_to_examples),
    Route("/{collection}/duplicates", duplicates),
    Route("/{collection}/similar/{id}", similar_to_object),
    Route("/{collection}/uploads", upload, methods=["POST"]),
    Route("/{collection}/uploads/{upload}", similar_to_upload),
    Route("/{collection}/objects/{id}", object_),
    Route("/{collection}/status", status),
]
