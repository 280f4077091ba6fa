"""The server: uvicorn on a socket of ours, until it is told to stop."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import sys
import threading
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from seealso import Collection, ConfigError, Host, MessageFormatter
from seealso_web.app import make_app
from seealso_web.options import WebOptions

log = logging.getLogger("seealso_web")

HEAD_SECONDS = 10  # for the head of a request to arrive
GRACE_SECONDS = 30  # for requests in flight, at the end
CONNECTIONS = 1024  # at the same time; more are told to come back


class PatientProtocol(H11Protocol):
    """uvicorn's HTTP, but a connection whose request has not begun to be answered in time is closed.

    uvicorn itself waits without end for a request that comes a byte at a time, so that a few hundred idle connections keep
    everybody else out. What comes after the head, the body, is limited where it is received.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come."""
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Something has come of a request."""
        if self._deadline is None and (self.cycle is None or self.cycle.response_complete):
            self._expect_head()
        asked = self.cycle
        super().data_received(data)
        if self.cycle is not asked:
            self._got_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self._got_head()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _got_head(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def listen(options: WebOptions) -> socket.socket:
    """A socket that listens.

    Raises:
        ConfigError: the address is not ours, or taken.
    """
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    try:
        listening = socket.create_server((options.host, options.port), family=family, backlog=512)
    except (OSError, ValueError) as error:  # ValueError: what no name of a host can be
        raise ConfigError(
            f"the web cannot listen at {options.host} port {options.port}: {getattr(error, 'strerror', None) or error}; choose another "
            "`port:` (0: any that is free) or `host:`"
        ) from None
    # asyncio does this for sockets of its own making alone, and connections inherit it. Without it the second of the two
    # writes of an answer waits until the client acknowledges the first: 40 ms.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def address_of(listening: socket.socket) -> str:
    """Where a browser finds a socket that listens."""
    host, port = listening.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = "localhost"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def serve(host: Host[Collection], options: WebOptions, stop: threading.Event) -> None:
    """Serve until ``stop`` is set; requests in flight are then finished.

    Raises:
        ConfigError: it cannot listen there, or a collection's name cannot be part of an address.
    """
    with listen(options) as listening:
        app = make_app(host, options)
        if options.token is None and not ipaddress.ip_address(listening.getsockname()[0]).is_loopback:
            log.warning(
                "everybody who can reach this machine can look at the collections; `token:` asks for a word first"
            )
        _log_requests()
        config = uvicorn.Config(
            app,
            http=PatientProtocol,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(options.proxies),
            forwarded_allow_ips=options.proxies,
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        asyncio.run(_run(uvicorn.Server(config), listening, stop, app.state.site))


async def _run(server: uvicorn.Server, listening: socket.socket, stop: threading.Event, site: Any) -> None:
    async def watch() -> None:
        told = False
        while not stop.is_set():
            if site.ready and not told:
                told = True
                print(f"seealso: ready at {address_of(listening)}", file=sys.stderr, flush=True)
            await asyncio.sleep(0.05)
        server.should_exit = True

    watching = asyncio.create_task(watch())
    try:
        await server.serve(sockets=[listening])
    finally:
        watching.cancel()


def _log_requests() -> None:
    """Have the lines of requests go to standard error as they are, whatever else is logged."""
    access = logging.getLogger("seealso_web.access")
    if not access.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(MessageFormatter())
        access.addHandler(handler)
    access.setLevel(logging.INFO)
    access.propagate = False
