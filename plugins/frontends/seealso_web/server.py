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

from seealso import Collection, ConfigError, Host, MessageFormatter
from seealso_web.app import make_app
from seealso_web.connections import protocol
from seealso_web.memory import give_back, share_heaps
from seealso_web.options import WebOptions

log = logging.getLogger("seealso_web")

GRACE_SECONDS = 30  # for requests in flight, at the end
TIDY_SECONDS = 60  # after so many, memory that is free goes back to the system
UNSENT = 1 << 17  # bytes that the system takes for a connection and has not sent yet


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
    # Else it takes megabytes for a client that takes none of them; and who is slow would seem to take nothing until a third of them
    # is sent.
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
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
    share_heaps()
    with listen(options) as listening:
        app = make_app(host, options)
        if options.token is None and not ipaddress.ip_address(listening.getsockname()[0]).is_loopback:
            log.warning(
                "everybody who can reach this machine can look at the collections; `token:` asks for a word first"
            )
        _log_requests()
        config = uvicorn.Config(
            app,
            http=protocol(app.state.site.connections, options),
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(options.proxies),
            forwarded_allow_ips=options.proxies,
            timeout_keep_alive=options.idle_seconds,
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

    beside = [asyncio.create_task(each) for each in (watch(), _tidy(server))]
    try:
        await server.serve(sockets=[listening])
    finally:
        for task in beside:
            task.cancel()


async def _tidy(server: uvicorn.Server) -> None:
    """Give memory back now and then, where anything was asked since: what each request leaves free lies about in pieces, and is kept."""
    tidied = 0
    while True:
        await asyncio.sleep(TIDY_SECONDS)
        answered = server.server_state.total_requests
        if answered != tidied:
            tidied = answered
            await asyncio.to_thread(give_back)


def _log_requests() -> None:
    """Have the lines of requests go to standard error as they are, whatever else is logged."""
    access = logging.getLogger("seealso_web.access")
    if not access.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(MessageFormatter())
        access.addHandler(handler)
    access.setLevel(logging.INFO)
    access.propagate = False
