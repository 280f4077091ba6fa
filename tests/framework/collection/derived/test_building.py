"""What is built beside is used when it is done; and given up, waited for and told of as it should be."""

import threading
from types import SimpleNamespace

import pytest

from seealso.collection.derived.building import Builder

CATALOG = SimpleNamespace(change=lambda: 5)


class Fresh:
    """A state that needs five steps."""

    def __init__(self, step=lambda: None):
        self.applied = 0
        self._step = step

    def train(self, catalog):
        return True

    def step(self, catalog):
        self._step()
        self.applied += 1


def builder_of(step=lambda: None):
    source = SimpleNamespace(what="index", collection="photos")
    return Builder(source, SimpleNamespace(empty=lambda made_by: Fresh(step)))


def test_it_is_built_to_the_newest_change():
    assert builder_of().build(CATALOG, {}).applied == 5


def test_what_is_given_up_ends_until_it_may_be_built_again():
    builder = builder_of()
    builder.give_up()
    with pytest.raises(InterruptedError):
        builder.build(CATALOG, {})
    builder.may_build()
    assert builder.build(CATALOG, {}).applied == 5


def test_a_thread_builds_it_and_has_it_used():
    used, go_on = [], threading.Event()
    builder = builder_of(lambda: go_on.wait(10))
    assert builder.idle
    builder.begin(CATALOG, {}, lambda fresh, catalog: used.append(fresh.applied))
    assert not builder.idle
    assert used == []
    go_on.set()
    builder.finish()
    assert used == [5]
    assert builder.idle


def test_a_thread_that_is_told_to_gives_up(caplog):
    begun, go_on = threading.Event(), threading.Event()

    def step():
        begun.set()
        go_on.wait(10)

    builder, used = builder_of(step), []
    builder.begin(CATALOG, {}, lambda fresh, catalog: used.append(fresh))
    assert begun.wait(10)
    builder.give_up()
    go_on.set()
    builder.finish()
    assert (used, builder.idle, caplog.messages) == ([], True, [])


def test_what_fails_is_told_and_not_tried_again(caplog):
    def fail():
        raise ValueError("not now")

    builder = builder_of(fail)
    builder.begin(CATALOG, {}, lambda fresh, catalog: None)
    builder.finish()
    assert not builder.idle
    assert caplog.messages == [
        "collection photos: the index could not be built anew (not now); it goes on with what it has"
    ]
