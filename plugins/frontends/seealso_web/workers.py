"""Work that takes long, off the event loop: so much at once, and what waits has a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

from seealso_web.problems import Problem

P = ParamSpec("P")
T = TypeVar("T")


class Turns:
    """So many may be at it at once; others wait their turn, until a deadline.

    Args:
        at_once: how many.
        seconds: how long one waits, at most.
    """

    def __init__(self, at_once: int, seconds: float) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._seconds = seconds
        self.waiting = 0

    async def __aenter__(self) -> None:
        """Wait for a turn.

        Raises:
            Problem: 503, it did not come in time.
        """
        self.waiting += 1
        try:
            async with asyncio.timeout(self._seconds):
                await self._free.acquire()
        except TimeoutError:
            seconds = str(max(1, round(self._seconds)))
            detail = "There is too much to do at the moment; please try again in a few seconds."
            raise Problem(503, detail, {"Retry-After": seconds}) from None
        finally:
            self.waiting -= 1

    async def __aexit__(self, *_: object) -> None:
        self._free.release()


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
