"""Work that takes long, off the event loop: so much at once, each visitor in his turn, and what waits has a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

from seealso_web.problems import Problem

P = ParamSpec("P")
T = TypeVar("T")


VISITOR: ContextVar[str] = ContextVar("visitor", default="")
"""Whom what runs is done for."""


class Turns:
    """So many may be at it at once; others wait their turn, until a deadline.

    The visitors get their turns one after the other, however many each of them waits for: who asks for much keeps himself waiting, and
    nobody else. How many may wait is limited by the requests that may be under way.

    Args:
        at_once: how many.
        seconds: how long one waits, at most.
    """

    def __init__(self, at_once: int, seconds: float) -> None:
        self._free = at_once
        self._seconds = seconds
        # Whose turn is next comes first; of each visitor, who has waited longest. A dictionary keeps its order.
        self._queues: dict[str, dict[asyncio.Future[None], None]] = {}

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(map(len, self._queues.values()))

    async def __aenter__(self) -> None:
        """Wait for a turn.

        Raises:
            Problem: 503, it did not come in time.
        """
        if self._free:
            self._free -= 1
            return
        visitor, turn = VISITOR.get(), asyncio.get_running_loop().create_future()
        self._queues.setdefault(visitor, {})[turn] = None
        try:
            async with asyncio.timeout(self._seconds):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self._hand_on()  # it came just when nobody waited for it any more
            else:
                self._leave(visitor, turn)
            if not isinstance(error, TimeoutError):
                raise
            seconds = str(max(1, round(self._seconds)))
            detail = "There is too much to do at the moment; please try again in a few seconds."
            raise Problem(503, detail, {"Retry-After": seconds}) from None

    async def __aexit__(self, *_: object) -> None:
        self._hand_on()

    def _hand_on(self) -> None:
        """Give a turn to who is next."""
        while self._queues:
            visitor, own = next(iter(self._queues.items()))
            turn = next(iter(own))
            self._leave(visitor, turn)
            if turn.done():
                continue  # whoever waited has just given up
            if own:
                # Behind all others.
                self._queues[visitor] = self._queues.pop(visitor)
            turn.set_result(None)
            return
        self._free += 1

    def _leave(self, visitor: str, turn: asyncio.Future[None]) -> None:
        own = self._queues.get(visitor, {})
        own.pop(turn, None)
        if not own:
            self._queues.pop(visitor, None)


class TurnsOfEach:
    """So many of each visitor may be at it at once; others of his wait their turn, until a deadline.

    Args:
        at_once: how many; None: no limit.
        seconds: how long one waits, at most.
    """

    def __init__(self, at_once: int | None, seconds: float) -> None:
        self._at_once = at_once
        self._seconds = seconds
        self._turns: dict[str, tuple[Turns, int]] = {}

    @asynccontextmanager
    async def of(self, visitor: str) -> AsyncIterator[None]:
        """A turn of a visitor's.

        Raises:
            Problem: 503, it did not come in time.
        """
        if self._at_once is None:
            yield
            return
        turns, users = self._turns.get(visitor) or (Turns(self._at_once, self._seconds), 0)
        self._turns[visitor] = (turns, users + 1)
        try:
            async with turns:
                yield
        finally:
            turns, users = self._turns.pop(visitor)
            if users > 1:
                self._turns[visitor] = (turns, users - 1)


class Workers:
    """Threads, and turns at them."""

    def __init__(self, name: str, threads: int, seconds: float) -> None:
        self.turns = Turns(threads, seconds)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def __call__(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function returns, run in a thread.

        Raises:
            Problem: 503, its turn did not come in time.
        """
        async with self.turns:
            return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: function(*args, **kwargs))

    def close(self) -> None:
        """Let what runs come to its end."""
        self._threads.shutdown(cancel_futures=True)
