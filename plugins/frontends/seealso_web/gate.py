"""What every request passes: it is checked, timed, counted and logged, and its answer gets the headers that keep it safe."""

from __future__ import annotations

import logging
import time
from datetime import datetime
from urllib.parse import quote, urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seealso_web.problems import Problem, as_details, problem_of, wants_page
from seealso_web.site import Site
from seealso_web.visitors import KnownHosts, Token, address_of, bearer_of, visitor_of
from seealso_web.workers import VISITOR

access = logging.getLogger("seealso_web.access")

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self' blob:; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
HUNG_UP = 499
"""What is noted as the status of a request whose client went before it was all there; nobody is told."""
OPEN = ("/healthz", "/readyz", "/login")
"""What is answered without the token; and what is below /static."""


class Gate:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app = app
        self._site = site
        self._hosts = KnownHosts([*site.options.hosts, site.options.host])
        token = site.options.token
        self._token = Token(token.get_secret_value()) if token is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        VISITOR.set(visitor_of(address_of(Request(scope))))
        told = {"status": 0, "bytes": 0}

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                told["status"] = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            elif message["type"] == "http.response.body":
                told["bytes"] += len(message.get("body", b""))
            await send(message)

        try:
            with self._site.under_way.one_of(address_of(Request(scope))):
                refused = await self._refuse(Request(scope))
                await (refused or self._app)(scope, receive, noting)
        except ClientDisconnect:
            told["status"] = told["status"] or HUNG_UP
        except Exception as error:
            # What the application did not foresee; it must not get past the headers either.
            problem = problem_of(error, self._site.host)
            if not told["status"]:
                await (await self._site.told(Request(scope), problem))(scope, receive, noting)
        finally:
            self._note(scope, told["status"], told["bytes"], time.perf_counter() - started)

    async def _refuse(self, request: Request) -> Response | None:
        """The answer to a request that is not let through; None for one that is."""
        site = self._site
        if request.headers.get("host", "") not in self._hosts:
            return as_details(
                request,
                Problem(
                    421, "This server is not known under that name; its operator can add it to the option `hosts`."
                ),
            )
        if request.method not in ("GET", "HEAD") and self._comes_from_elsewhere(request):
            return as_details(request, Problem(403, "The request was sent by a page of another site."))
        if "content-length" in request.headers and "transfer-encoding" in request.headers:
            # Whoever stands between may take another end for the end of this request (RFC 9112, 6.1).
            detail = "The length of the request is said in two ways; send Content-Length or Transfer-Encoding."
            return as_details(request, Problem(400, detail, {"Connection": "close"}))
        if self._token is None or request.url.path in OPEN or request.url.path.startswith("/static/"):
            return None
        if self._token.is_proved_by(request.cookies.get(Token.COOKIE, "")):
            return None
        given = bearer_of(request.headers.get("authorization", ""))
        if given:
            # A cookie's proof cannot be guessed; this can be tried.
            self._site.guesses.check(address_of(request))
            if self._token.is_right(given):
                return None
            self._site.guesses.spend(address_of(request))
        if wants_page(request) and request.method == "GET":
            asked = quote(request.url.path) + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"/login?{urlencode({'to': asked})}", 303, {"Cache-Control": "no-store"})
        problem = Problem(401, "The token is missing or wrong.", {"WWW-Authenticate": "Bearer"})
        return await site.told(request, problem)

    @staticmethod
    def _comes_from_elsewhere(request: Request) -> bool:
        site = request.headers.get("sec-fetch-site")
        if site is not None:
            return site not in ("same-origin", "none")
        origin = request.headers.get("origin")
        return origin is not None and origin.rpartition("//")[2] != request.headers.get("host")

    def _note(self, scope: Scope, status: int, sent: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "none")
        method = scope["method"] if scope["method"] in ("GET", "HEAD", "POST") else "other"
        self._site.metrics.requests.labels(route, method, str(status)).inc()
        self._site.metrics.seconds.labels(route).observe(seconds)
        if self._site.options.access_log:
            client = scope["client"][0] if scope.get("client") else "-"
            asked = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
            # Percent-encoded again where it is not: a line stays a line.
            shown = quote(asked, safe="/?&=%:,+~@!$'()*;[]")
            when = datetime.now().astimezone().isoformat(timespec="seconds")
            access.info("%s %s %s %s %d %d %.1fms", when, client, method, shown, status, sent, 1000 * seconds)
