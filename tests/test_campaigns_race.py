"""The campaign of races notices wrong answers, refusals that must not be, and a refused writer that is not told who writes."""

from random import Random

import pytest

from campaigns.campaign import Tally
from campaigns.gallery import Gallery
from campaigns.race import Ended, Race


@pytest.fixture
def race(tmp_path):
    campaign = Race(tmp_path, Tally("race", print))
    campaign.gallery = Gallery(tmp_path / "photos")
    campaign.gallery.change(Random(1), 30, 0)
    campaign.ids = {}
    return campaign


class Writer:
    """Stands for a writer that has ended."""

    def __init__(self, status: int, errors: str) -> None:
        self._ended = Ended(status, "", errors)

    def runs(self) -> bool:
        return False

    def end(self) -> Ended:
        return self._ended


HELD = "seealso: /c is being written to by process 12 on here (since 2026-01-01 10:00:00); wait until it is done, or stop it\n"


@pytest.mark.parametrize(
    ("said", "failed"),
    [
        ({"kind": "text", "word": "item3", "hits": [[3, None]], "matched": 1, "error": ""}, ""),
        ({"kind": "text", "word": "item3", "hits": [], "matched": 0, "error": ""}, "a wrong answer to a text query"),
        ({"kind": "text", "word": "item3", "error": "the text index is away"}, "a query is refused"),
        ({"kind": "similar", "number": 3, "where": "item3", "hits": [[3, 0.0]], "error": ""}, ""),
        ({"kind": "similar", "number": 3, "where": "item3", "hits": [], "error": ""}, "wrong neighbours"),
        ({"kind": "similar", "number": 3, "where": None, "error": "there is no object 3"}, "a query is refused"),
        ({"kind": "similar", "number": 99, "where": None, "error": "there is no object 99"}, ""),
        ({"kind": "similar", "number": 99, "where": None, "error": "the index is away"}, "a query is refused"),
    ],
)
def test_answers(race, said, failed):
    race.judge({"k": 100, **said}, race.gallery.during(1))
    assert list(race.tally.failures) == ([failed] if failed else [])


@pytest.mark.parametrize(
    ("writers", "failed"),
    [
        ([Writer(0, ""), Writer(1, HELD)], ""),
        ([Writer(0, ""), Writer(0, "")], ""),
        ([Writer(0, ""), Writer(1, HELD.replace("process 12 on here", "another process"))], "index or its rival ends badly"),
        ([Writer(0, ""), Writer(1, HELD + "more\n")], "index or its rival ends badly"),
        ([Writer(0, "Traceback (most recent call last):\n"), Writer(1, HELD)], "index or its rival ends badly"),
        ([Writer(1, HELD), Writer(1, HELD)], "index and its rival were both refused"),
    ],
)  # fmt: skip
def test_writers(race, writers, failed):
    race._side_by_side("index", writers, Random(1))
    assert list(race.tally.failures) == ([failed] if failed else [])
