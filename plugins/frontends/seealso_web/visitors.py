"""Who may ask, and how often."""

from __future__ import annotations

import hmac
import ipaddress
import math
import socket
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from starlette.requests import Request

from seealso_web.problems import Problem

REMEMBERED = 10_000  # visitors whose queries are counted; who has not asked for longest is forgotten first
GUESSES_PER_MINUTE = 10  # at the token, by one visitor


class KnownHosts:
    """The names under which the server is reached.

    A page of another site can point a name of its own at this machine (DNS rebinding), and would then read what is served
    here as if it were its own. Such a request carries that name; nobody can do this with an address.
    """

    def __init__(self, names: Sequence[str]) -> None:
        own = {"localhost", socket.gethostname().lower()}
        self._names = own | {name.lower().rstrip(".") for name in names}

    def __contains__(self, host: str) -> bool:
        """Whether a ``Host`` header names this server."""
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
        name = name.lower().rstrip(".")
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
        except ValueError:
            return False
        return True


class Token:
    """The word that a visitor has to know; a browser is given a cookie that proves that he did."""

    COOKIE = "seealso"

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self.proof = hmac.digest(self._token, b"seealso cookie", "sha256").hex()

    def is_right(self, given: str) -> bool:
        """Whether this is the token; takes as long whatever is given."""
        return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self._token)

    def is_proved_by(self, cookie: str) -> bool:
        """Whether a cookie comes from who knows it."""
        return hmac.compare_digest(cookie.encode("utf-8", "surrogatepass"), self.proof.encode())


def bearer_of(authorization: str) -> str:
    """The token that an ``Authorization`` header gives; empty where it gives none."""
    scheme, _, given = authorization.partition(" ")
    return given.strip() if scheme.lower() == "bearer" else ""


class Allowance:
    """So many queries a minute for each visitor, who may save up a minute's worth (a token bucket).

    Args:
        per_minute: how many; None: no limit.
        clock: seconds, ascending.
    """

    def __init__(self, per_minute: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def spend(self, address: str) -> None:
        """Take one query from a visitor's allowance.

        Raises:
            Problem: 429, nothing is left of it.
        """
        if self._per_minute is None:
            return
        visitor, now, left = self._account(address)
        self._left.pop(visitor, None)
        self._left[visitor] = (left - 1 if left >= 1 else left, now)
        if len(self._left) > REMEMBERED:
            self._left.popitem(last=False)
        self._check(left)

    def check(self, address: str) -> None:
        """Refuse a visitor whose allowance is spent, without taking anything from it.

        Raises:
            Problem: 429, nothing is left of it.
        """
        if self._per_minute is not None:
            self._check(self._account(address)[2])

    def _account(self, address: str) -> tuple[str, float, float]:
        """Who is at an address, the time, and what is left of his allowance."""
        assert self._per_minute is not None
        visitor, now = visitor_of(address), self._clock()
        left, then = self._left.get(visitor, (float(self._per_minute), now))
        return visitor, now, min(self._per_minute, left + (now - then) * self._per_minute / 60)

    def _check(self, left: float) -> None:
        assert self._per_minute is not None
        if left < 1:
            seconds = str(math.ceil((1 - left) * 60 / self._per_minute))
            raise Problem(429, f"That was a lot at once; please go on in {seconds} s.", {"Retry-After": seconds})


class AtOnce:
    """So many requests at the same time of each visitor, at most; None: no limit."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._under_way: Counter[str] = Counter()

    @contextmanager
    def one_of(self, address: str) -> Iterator[None]:
        """Count a request while it is under way.

        Raises:
            Problem: 429, it is one too many.
        """
        visitor = visitor_of(address)
        if self._most is not None and self._under_way[visitor] >= self._most:
            detail = "There are too many requests of yours at once; please wait for their answers."
            raise Problem(429, detail, {"Retry-After": "1", "Connection": "close"})
        self._under_way[visitor] += 1
        try:
            yield
        finally:
            self._under_way[visitor] -= 1
            if not self._under_way[visitor]:
                del self._under_way[visitor]


class Proxies:
    """The reverse proxies that are believed whom they speak for: addresses, networks, or ``*`` for everybody."""

    def __init__(self, named: Sequence[str]) -> None:
        self._all = "*" in named
        self._names = set(named)
        self._networks = [network for name in named if (network := _network(name)) is not None]

    def __contains__(self, address: str) -> bool:
        """Whether an address is a proxy's."""
        network = _network(address)
        named = self._all or address in self._names
        return named or (network is not None and any(network[0] in each for each in self._networks))


def _network(name: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(name)
    except ValueError:
        return None


def address_of(request: Request) -> str:
    """Where a request comes from: the visitor's own address, also behind a proxy that is believed."""
    return request.client.host if request.client else ""


def visitor_of(address: str) -> str:
    """Who is behind an address: of IPv6 a visitor has a whole network."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv4Address):
        return address
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(ipaddress.ip_network((known, 64), strict=False))
