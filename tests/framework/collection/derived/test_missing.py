"""What is missing is looked up once, and then only extended."""

from types import SimpleNamespace

import numpy as np

from seealso.collection.derived.limits import Limits
from seealso.collection.derived.missing import Lookup


class Changes:
    """A catalogue whose changes are one object each, and what tells of them; each look is noted."""

    def __init__(self):
        self.newest = 0
        self.gone = {}
        self.looks = []
        self.bytes_each = 8

    def change(self):
        return self.newest

    def counts(self):
        return SimpleNamespace(objects=self.newest - len(self.gone))

    def removed_ids(self, since):
        return np.array([id_ for id_, change in self.gone.items() if change > since], np.int64)

    def changed(self, catalog, since, until):
        self.looks.append(since)
        return np.array([id_ for id_ in range(since + 1, self.newest + 1) if id_ not in self.gone], np.int64)


def state(applied):
    return SimpleNamespace(applied=applied, part=SimpleNamespace(statistics=lambda: {"objects": applied}))


def test_it_is_extended_and_never_read_anew():
    changes = Changes()
    lookup, held = Lookup(changes, Limits(tail=100, flat_bytes=0)), state(2)
    changes.newest = 5
    assert lookup.missing(changes, held).added.tolist() == [3, 4, 5]
    changes.newest = 7
    changes.gone = {4: 7}
    found = lookup.missing(changes, held)
    assert (found.added.tolist(), found.removed.tolist()) == ([3, 5, 6, 7], [4])
    assert lookup.missing(changes, held) is found
    assert changes.looks == [2, 5]


def test_another_thing_lacks_something_else():
    changes = Changes()
    lookup = Lookup(changes, Limits(tail=100, flat_bytes=0))
    changes.newest = 5
    assert lookup.missing(changes, state(4)).added.tolist() == [5]
    assert lookup.missing(changes, None).added.tolist() == [1, 2, 3, 4, 5]
    following = state(3)
    assert lookup.missing(changes, following).added.tolist() == [4, 5]
    following.applied = 5
    assert lookup.missing(changes, following).added.tolist() == []


def test_too_many_are_not_listed():
    changes = Changes()
    lookup = Lookup(changes, Limits(tail=3, flat_bytes=4 * 8))
    changes.newest = 4
    assert lookup.missing(changes, None).added.tolist() == [1, 2, 3, 4]
    changes.newest = 5
    assert lookup.missing(changes, None).added is None
