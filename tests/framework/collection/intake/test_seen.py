"""Which files a scan has seen."""

import numpy as np

from seealso.collection.intake.seen import Seen


def test_what_was_seen_and_has_not_vanished():
    seen = Seen()
    assert seen.holds([b"/a"]).tolist() == [False]
    assert seen.holds([]).tolist() == []
    for name in (b"/z", b"/a", b"/m", b"/a"):
        seen.add(name)
    assert seen.holds([b"/m", b"/b", b"/a", b"/z"]).tolist() == [True, False, True, True]
    seen.add(b"/b")
    seen.discard(b"/m")
    assert seen.holds([b"/m", b"/b", b"/a"]).tolist() == [False, True, True]
    assert seen.holds([]).dtype == np.bool_


def test_many():
    seen = Seen()
    for number in range(0, 20_000, 2):
        seen.add(b"/photos/%d.jpg" % number)
    paths = [b"/photos/%d.jpg" % number for number in range(20_000)]
    assert np.array_equal(seen.holds(paths), np.arange(20_000) % 2 == 0)
