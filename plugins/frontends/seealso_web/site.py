"""What all requests share: the collections, the threads that do the work, the caches, the templates."""

from __future__ import annotations

import os
import sys
from functools import partial
from http import HTTPStatus
from typing import Any, ParamSpec, TypeVar

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from seealso import Collection, Host
from seealso_web import showing
from seealso_web.cache import BytesCache
from seealso_web.connections import Connections
from seealso_web.links import Links, check_name
from seealso_web.metrics import Metrics
from seealso_web.options import WebOptions
from seealso_web.pictures import Pictures
from seealso_web.problems import Problem, as_details, wants_page
from seealso_web.readiness import Readiness
from seealso_web.uploads import Uploads
from seealso_web.visitors import GUESSES_PER_MINUTE, Allowance, AtOnce, Proxies, address_of
from seealso_web.workers import Workers

PICTURE_PATIENCE = 30  # seconds; a page of new thumbnails takes its time, and the browser waits gladly

P = ParamSpec("P")
T = TypeVar("T")


class Site:
    """One running web frontend.

    Args:
        host: has the collections that are served.
        options: how.

    Raises:
        ConfigError: a collection's name cannot be part of an address, or the cache cannot be written.
    """

    def __init__(self, host: Host[Collection], options: WebOptions) -> None:
        for name in host.names:
            check_name(name)
        self.host = host
        self.options = options
        self.readiness = Readiness(host)
        self.metrics = Metrics()
        self.folder = options.cache_folder()
        self._thumbnails = BytesCache(self.folder / "pictures", options.cache_megabytes)
        self._uploaded = BytesCache(self.folder / "uploads", options.uploads_megabytes)
        self.connections = Connections(_most(options), options.connections_per_visitor, Proxies(options.proxies))
        self.under_way = AtOnce(options.connections_per_visitor)
        threads = max(2, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2)
        self.work = Workers("query", threads, options.queue_seconds)
        self.draw = Workers("picture", threads, PICTURE_PATIENCE)
        self.uploads = Uploads(options, self._uploaded, self.folder)
        self.allowance = Allowance(options.queries_per_minute)
        self.guesses = Allowance(GUESSES_PER_MINUTE)
        self.pictures = Pictures(self._thumbnails, keep=options.thumbnails == "keep", metrics=self.metrics)
        for name, turns in (("query", self.work.turns), ("picture", self.draw.turns), ("upload", self.uploads.turns)):
            self.metrics.waiting.labels(name).set_function(partial(getattr, turns, "waiting"))
        self.metrics.connections.set_function(self.connections.__len__)
        self.metrics.refused.set_function(lambda: self.connections.refused)
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("seealso_web"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= showing.FILTERS

    @property
    def ready(self) -> bool:
        """Whether everything that can be loaded is."""
        return self.readiness.warm

    @property
    def names(self) -> list[str]:
        """The collections."""
        return self.host.names

    def collection(self, request: Request) -> Collection:
        """The collection in a request's path.

        Raises:
            Problem: 404, there is none of that name.
        """
        name = request.path_params["collection"]
        if name not in self.names:
            raise Problem(404, "There is no such collection.")
        return self.host.collection(name)

    def spend(self, request: Request) -> None:
        """Take one query from the visitor's allowance.

        Raises:
            Problem: 429, nothing is left of it.
        """
        self.allowance.spend(address_of(request))

    async def page(self, request: Request, title: str, *, template: str, status: int = 200, **values: Any) -> Response:
        """A page of the site.

        Args:
            request: what is answered.
            title: of the page.
            template: a file of ours, or the source of one that begins with ``{% extends "base.html" %}``.
            status: the HTTP status.
            values: for the template, beside ``title``, ``site``, ``links`` (of the collection in the path), ``name`` (its),
                ``has_text`` (whether it has a text index), and ``takes_words`` (whether its extractor reads words).
        """
        name = request.path_params.get("collection")
        if name not in self.names:
            name = self.names[0] if len(self.names) == 1 else None
        source = self._templates.from_string(template) if "{%" in template else self._templates.get_template(template)
        links = Links(name) if name is not None else None
        collection = self.host.collection(name) if name is not None else None
        shared = {
            "site": self,
            "name": name,
            "links": links,
            "Links": Links,
            "query": None,
            "by": None,
            "has_text": collection is not None and collection.has_text,
            "takes_words": collection is not None and collection.takes_words,
        }
        text = source.render(title=title, **{**shared, **values})
        return HTMLResponse(text, status, {"Cache-Control": "no-cache"})

    async def told(self, request: Request, problem: Problem) -> Response:
        """The answer that says what is wrong: a page where a person asks, problem details otherwise."""
        if not wants_page(request):
            return as_details(request, problem)
        title = HTTPStatus(problem.status).phrase
        page = await self.page(request, title, template="error.html", status=problem.status, problem=problem)
        page.headers.update({"Cache-Control": "no-store", **problem.headers})
        return page

    def close(self) -> None:
        """Let what runs come to its end, and close the caches."""
        self.work.close()
        self.draw.close()
        self._thumbnails.close()
        self._uploaded.close()


def _most(options: WebOptions) -> int:
    """How many connections there may be: files and indexes have to be opened, too."""
    if sys.platform == "win32":
        return options.connections
    import resource

    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return options.connections if files == resource.RLIM_INFINITY else max(1, min(options.connections, files // 2))
