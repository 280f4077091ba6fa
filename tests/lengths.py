"""How long the campaigns are: tests that try again and again, at another moment or with other input each time."""

import os

import pytest

WHOLE = bool(os.environ.get("TORTURE"))
"""Whether they run at full length, as ``make torture`` has it."""


def campaign(usual: int, whole: int) -> int:
    """How many turns a campaign takes; each turn asserts the same."""
    return whole if WHOLE else usual


def only_whole(*values: object) -> list[object]:
    """More values of a parameter (tuples of several), which are tried at full length alone."""
    rows = [value if isinstance(value, tuple) else (value,) for value in values]
    return [pytest.param(*row, marks=pytest.mark.torture) for row in rows] if WHOLE else []
