"""The ways in which image files are decoded: a collection keeps to one, so that its descriptors can be compared with each other."""

from __future__ import annotations

from enum import IntEnum
from typing import Literal


class Way(IntEnum):
    """A way of decoding image files. Its number is what a collection records."""

    FIRST = 1
    """That of the releases before collections recorded it: what a PNG says of its gamma and its chromaticity does not count, and a picture
    that is damaged is refused."""

    WITH_GAMMA = 2
    """The gamma and the chromaticity of a PNG count, and a picture is taken where at least half of it can be decoded."""

    @property
    def honours_gamma(self) -> bool:
        """Whether the chunks gAMA, cHRM and cICP of a PNG count."""
        return self >= Way.WITH_GAMMA

    @property
    def damaged(self) -> Literal["take", "refuse"]:
        """What becomes of damaged pictures where the configuration leaves that open."""
        return "take" if self >= Way.WITH_GAMMA else "refuse"


NEWEST = max(Way)
"""The way that a new collection gets, and in which images are shown."""
