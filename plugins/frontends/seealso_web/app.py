"""The application: every route, and what is done when one fails."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from seealso import Collection, Host, SeealsoError
from seealso_web import api, files, pages
from seealso_web.gate import Gate
from seealso_web.options import WebOptions
from seealso_web.pages import site_of
from seealso_web.problems import Problem, problem_of
from seealso_web.site import Site

STATIC = Path(__file__).parent / "static"
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Static(StaticFiles):
    """Our own files; a browser asks whether they have changed, so that after an update none stays behind."""

    def file_response(self, *arguments: Any, **more: Any) -> Response:
        """The answer with a file."""
        response = super().file_response(*arguments, **more)
        response.headers["Cache-Control"] = "no-cache"
        return response


async def alive(request: Request) -> Response:
    """The process answers."""
    return PlainTextResponse("alive\n", headers={"Cache-Control": "no-store"})


async def ready(request: Request) -> Response:
    """Whether everything is loaded, so that a query takes no longer than the next one, and every collection can be read."""
    missing = await site_of(request).readiness.missing()
    headers = {"Cache-Control": "no-store"} | ({"Retry-After": "1"} if missing else {})
    return PlainTextResponse(f"{missing or 'ready'}\n", 503 if missing else 200, headers)


async def metrics(request: Request) -> Response:
    """For Prometheus."""
    return Response(site_of(request).metrics.exposition(), 200, {"Cache-Control": "no-store"}, METRICS_TYPE)


async def failed(request: Request, error: Exception) -> Response:
    """The answer to a request that failed."""
    site = site_of(request)
    return await site.told(request, problem_of(error, site.host))


def make_app(host: Host[Collection], options: WebOptions) -> Starlette:
    """The application. It warms up when it is started, and closes its caches at the end.

    Raises:
        ConfigError: a collection's name cannot be part of an address, or the cache cannot be written.
    """
    site = Site(host, options)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        warming = asyncio.create_task(site.readiness.warm_up())
        try:
            yield
        finally:
            await warming
            site.close()

    routes: list[BaseRoute] = [
        Route("/healthz", alive),
        Route("/readyz", ready),
        Route("/metrics", metrics),
        Mount("/static", Static(directory=STATIC)),
        *api.ROUTES,
        *files.ROUTES,
        *pages.ROUTES,
    ]
    routes += host.gather("register_routes", BaseRoute, host=host)
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Gate, site=site)],
        exception_handlers=dict.fromkeys((HTTPException, Problem, SeealsoError), failed),
        lifespan=lifespan,
    )
    app.state.site = site
    return app
