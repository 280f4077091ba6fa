"""Who may ask, and how often."""

from __future__ import annotations

import hmac
import ipaddress
import math
import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from seealso_web.problems import Problem

REMEMBERED = 10_000  # visitors whose queries are counted; who has not asked for longest is forgotten first


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

    def admits(self, authorization: str, cookie: str) -> bool:
        """Whether a request with these headers comes from who knows it."""
        scheme, _, given = authorization.partition(" ")
        if scheme.lower() == "bearer" and self.is_right(given.strip()):
            return True
        return hmac.compare_digest(cookie.encode("utf-8", "surrogatepass"), self.proof.encode())


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
        visitor, now, rate = _visitor(address), self._clock(), self._per_minute / 60
        left, then = self._left.pop(visitor, (float(self._per_minute), now))
        left = min(self._per_minute, left + (now - then) * rate)
        self._left[visitor] = (left - 1 if left >= 1 else left, now)
        if len(self._left) > REMEMBERED:
            self._left.popitem(last=False)
        if left < 1:
            seconds = str(math.ceil((1 - left) / rate))
            raise Problem(429, f"That was a lot at once; please go on in {seconds} s.", {"Retry-After": seconds})


def _visitor(address: str) -> str:
    """Who is behind an address: of IPv6 a visitor has a whole network."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((known, 64), strict=False)) if known.version == 6 else address
