"""Work in threads that never runs far ahead of who takes its results, so that memory stays bounded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from typing import TypeVar

R = TypeVar("R")


class Pending:
    """Work under way, at most so much; raises what one of it raised.

    Args:
        limit: how much.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._futures: deque[Future[None]] = deque()

    def add(self, future: Future[None]) -> None:
        """One more; waits for the oldest where that is one too many."""
        self._futures.append(future)
        while len(self._futures) > self._limit:
            self._futures.popleft().result()

    def wait(self) -> None:
        """Wait for all."""
        while self._futures:
            self._futures.popleft().result()


def in_order(begun: Iterable[Future[R] | R], window: int) -> Iterator[R]:
    """Results in the order in which the work for them was begun.

    Args:
        begun: begins a piece of work each time that it is asked for the next one; or gives the result, where nothing has to be done.
        window: so many pieces are begun ahead of the result that is waited for, at most.
    """
    waiting: deque[Future[R] | R] = deque()
    for each in begun:
        waiting.append(each)
        if len(waiting) >= window:
            yield _result(waiting.popleft())
    while waiting:
        yield _result(waiting.popleft())


def _result(each: Future[R] | R) -> R:
    return each.result() if isinstance(each, Future) else each
