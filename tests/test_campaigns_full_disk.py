"""The campaign of full disks notices a command that does not say so, and an answer that is wrong."""

from subprocess import CompletedProcess

import pytest

from campaigns.campaign import Tally
from campaigns.full_disk import Full

FULL = "seealso: /disk/c.seealso: the disk is full; make room and run the command again, nothing is lost\n"


@pytest.mark.parametrize(
    ("status", "errors", "failed"),
    [
        (0, "", ""),
        (1, FULL, ""),
        (1, "9 of 300 files, 19 images extracted, 8 files/s, 0:01 left\n1,634 of 3,000 descriptors\n" + FULL, ""),
        (1, "", "index does not say in one line that the disk is full"),
        (1, FULL + FULL, "index does not say in one line that the disk is full"),
        (1, "seealso: /disk/c.seealso: the catalogue is damaged\n", "index does not say in one line that the disk is full"),
        (1, "Traceback (most recent call last):\n" + FULL, "index ends badly on a full disk"),
        (-7, "", "index ends badly on a full disk"),
    ],
)  # fmt: skip
def test_how_a_command_ends(tmp_path, status, errors, failed):
    campaign = Full(tmp_path, Tally("full-disk", print))
    campaign.judge("index", "index", CompletedProcess([], status, "", errors))
    assert list(campaign.tally.failures) == ([failed] if failed else [])
