"""How long the campaigns are: tests that try again and again, at another moment or with other input each time."""

import os

WHOLE = bool(os.environ.get("TORTURE"))
"""Whether they run at full length, as ``make torture`` has it."""


def campaign(usual: int, whole: int) -> int:
    """How many turns a campaign takes; each turn asserts the same."""
    return whole if WHOLE else usual
