"""The connections that are open: how many there may be, and which one gives way to another."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any, Protocol

from uvicorn.protocols.http.h11_impl import H11Protocol

from seealso_web.memory import give_back
from seealso_web.options import WebOptions
from seealso_web.visitors import Proxies, visitor_of

HEAD_SECONDS = 10  # for the head of a request to arrive
BUFFER = 1 << 16  # bytes that are received at once
CROWD = 100  # connections that take memory worth giving back
BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 43\r\n"
    b"Retry-After: 5\r\nConnection: close\r\n\r\nThere are too many connections at present.\n"
)


class Guest(Protocol):
    """What is open, as `Connections` sees it."""

    def free_since(self) -> tuple[int, float] | None:
        """Since when nobody works for it: what gives way first is smallest. None: it is not to be disturbed."""
        ...

    def let_go(self) -> None:
        """End it at once."""
        ...


class Connections:
    """The connections that are open, by visitor.

    Where another is one too many, one that nobody works for gives way to it: one of the same visitor where he has too many, else one
    of the visitor who has the most. So neither many idle connections nor many that take nothing of what is sent keep others out.

    Args:
        most: at the same time.
        per_visitor: of one visitor; None: no limit.
        proxies: their connections are those of many visitors, so that limit is not for them.
    """

    def __init__(self, most: int, per_visitor: int | None, proxies: Proxies) -> None:
        self._most = most
        self._per_visitor = per_visitor
        self._proxies = proxies
        # The order of a dictionary is that in which they came.
        self._open: dict[str, dict[Guest, None]] = {}
        self._visitors: dict[Guest, str] = {}
        self._crowd = 0  # the most that there were since it was last looked at
        self.refused = 0

    def __len__(self) -> int:
        return len(self._visitors)

    def admit(self, guest: Guest, address: str) -> bool:
        """Whether one from an address may stay; for it another may have been let go."""
        visitor = visitor_of(address)
        own = self._open.get(visitor, {})
        limited = self._per_visitor is not None and address not in self._proxies
        fits = not limited or self._per_visitor is None or len(own) < self._per_visitor or self._made_room(own)
        if fits and len(self) >= self._most:
            fits = self._made_room(max(self._open.values(), key=len))
        if not fits:
            self.refused += 1
            return False
        self._open.setdefault(visitor, {})[guest] = None
        self._visitors[guest] = visitor
        self._crowd = max(self._crowd, len(self))
        return True

    def is_over(self) -> bool:
        """Whether a crowd has gone; once for each crowd."""
        over = self._crowd >= CROWD and 16 * len(self) <= self._crowd
        if over:
            self._crowd = len(self)
        return over

    def leave(self, guest: Guest) -> bool:
        """Forget one that is closed; returns whether it was admitted, and not let go yet."""
        visitor = self._visitors.pop(guest, None)
        if visitor is None:
            return False
        own = self._open[visitor]
        del own[guest]
        if not own:
            del self._open[visitor]
        return True

    def _made_room(self, own: dict[Guest, None]) -> bool:
        """Whether one of these could be let go."""
        free = [(since, guest) for guest in own if (since := guest.free_since()) is not None]
        if not free:
            return False
        _, guest = min(free, key=lambda each: each[0])
        self.leave(guest)
        guest.let_go()
        return True


class PatientProtocol(H11Protocol, asyncio.BufferedProtocol):
    """uvicorn's HTTP on one connection, with an end to its patience.

    A connection is closed whose request has not begun to be answered in time, and one whose client takes nothing of what is sent;
    uvicorn waits for both without end. Of what is sent it holds no more than a piece. What comes after the head, the body, is limited
    where it is received.

    Args:
        guests: the connections that are open.
        send_seconds: a client that takes nothing for so long is cut off.
        received: where bytes are received; one place for all connections of a server, as none is kept there.
        settings: uvicorn's own.
    """

    def __init__(self, *, guests: Connections, send_seconds: float, received: bytearray, **settings: Any) -> None:
        super().__init__(**settings)
        self._guests = guests
        self._send_seconds = send_seconds
        self._received = memoryview(received)
        self._expecting: asyncio.TimerHandle | None = None
        self._sending: asyncio.TimerHandle | None = None
        self._left = 0  # bytes that were still to be sent when it was last looked at
        self._since = 0.0
        self._admitted = False

    # For `Connections`

    def free_since(self) -> tuple[int, float] | None:
        """First those that wait for a request, then those whose client takes nothing; of each the longest."""
        if self._sending is not None:
            return (1, self._since)
        return (0, self._since) if self.cycle is None else None

    def let_go(self) -> None:
        """Close it at once, whatever is still to be sent."""
        self.transport.abort()

    # For the event loop

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come."""
        peer = transport.get_extra_info("peername")
        self._since = time.monotonic()
        self._admitted = self._guests.admit(self, peer[0] if isinstance(peer, tuple) else "")
        if not self._admitted:
            transport.write(BUSY)
            transport.close()
            return
        transport.set_write_buffer_limits(high=0)
        super().connection_made(transport)
        self._expect_head()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to put what comes."""
        return self._received

    def buffer_updated(self, nbytes: int) -> None:
        """Something has come."""
        self.data_received(bytes(self._received[:nbytes]))

    def data_received(self, data: bytes) -> None:
        """Something has come of a request."""
        if self._expecting is None and self.cycle is None:
            self._expect_head()
        super().data_received(data)
        if self.cycle is not None:
            self._got_head()

    def pause_writing(self) -> None:
        """Something is left to be sent that the client does not take just now."""
        super().pause_writing()
        self._since = time.monotonic()
        self._watch_sending()

    def resume_writing(self) -> None:
        """Nothing is left."""
        super().resume_writing()
        self._since = time.monotonic()
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self._guests.leave(self)
        if not self._admitted:
            return
        self._got_head()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)
        self.resume_writing()
        if self._guests.is_over():
            self.loop.run_in_executor(None, give_back)

    def on_response_complete(self) -> None:
        """A request is answered; what it needed is let go of, for the next may be long in coming."""
        self.cycle = self.scope = self.headers = None  # type: ignore[assignment]
        self._since = time.monotonic()
        super().on_response_complete()

    def _expect_head(self) -> None:
        self._expecting = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _got_head(self) -> None:
        if self._expecting is not None:
            self._expecting.cancel()
            self._expecting = None

    def _watch_sending(self) -> None:
        self._left = self.transport.get_write_buffer_size()
        self._sending = self.loop.call_later(self._send_seconds, self._look_at_sending)

    def _look_at_sending(self) -> None:
        if self.transport.get_write_buffer_size() < self._left:
            self._watch_sending()
        else:
            self.transport.abort()


def protocol(guests: Connections, options: WebOptions) -> Any:
    """What makes a `PatientProtocol` of each connection of one server."""
    return partial(PatientProtocol, guests=guests, send_seconds=options.send_seconds, received=bytearray(BUFFER))
