"""Threads that work ahead do so in bounds, and their results come in order."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from seealso.collection.intake.bounded import Pending, in_order


def test_results_come_in_the_order_of_their_beginning():
    later = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            later.wait(10)
        elif number == 3:
            later.set()
        return number

    with ThreadPoolExecutor(4) as workers:
        # What needs no work comes in its place, too.
        begun = (number if number % 5 == 4 else workers.submit(work, number) for number in range(30))
        assert list(in_order(begun, 6)) == list(range(30))


@pytest.mark.parametrize("window", [1, 3, 100])
def test_no_more_is_begun_than_the_window_holds(window):
    begun = []

    def begin():
        for number in range(20):
            begun.append(number)
            yield number

    for place, result in enumerate(in_order(begin(), window)):
        assert result == place
        assert len(begun) <= min(20, place + window)


def test_what_work_raises_is_raised_in_its_place():
    failed: Future[int] = Future()
    failed.set_exception(KeyError("x"))
    results = in_order([1, failed, 3], 2)
    assert next(results) == 1
    with pytest.raises(KeyError):
        next(results)


def test_who_adds_one_too_many_waits():
    pending, futures = Pending(2), [Future() for _ in range(3)]
    for future in futures[:2]:
        pending.add(future)
    adding = threading.Thread(target=pending.add, args=(futures[2],))
    adding.start()
    adding.join(0.05)
    assert adding.is_alive()
    futures[0].set_result(None)
    adding.join(10)
    assert not adding.is_alive()
    futures[1].set_exception(ValueError("x"))
    with pytest.raises(ValueError, match="x"):
        pending.wait()
