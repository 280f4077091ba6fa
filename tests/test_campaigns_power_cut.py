"""The check of the campaign ``power-cut`` notices what a power cut has taken."""

import random
import shutil

import pytest

from campaigns.campaign import Tally
from campaigns.power_cut import PowerCuts


@pytest.mark.slow
def test_commits_that_were_never_synced(tmp_path):
    campaign = PowerCuts(tmp_path, Tally("power-cut", print))
    with campaign.resources:
        campaign.prepare(random.Random(1))
        story, cut = campaign.story, campaign.cut
        cut.cut()
        assert story.check("a power cut") == []
        # As if the disk had been told to sync nothing of what is written now.
        cut.adopt()
        for kind in ("content", "listing"):
            shutil.copytree(cut.mirror / kind, tmp_path / kind)
        story.run("index", random.Random(2), kill=False)
        for kind in ("content", "listing"):
            shutil.rmtree(cut.mirror / kind)
            shutil.copytree(tmp_path / kind, cut.mirror / kind)
        cut.cut()
        assert {kind for kind, _ in story.check("a power cut")} == {"what was committed is lost"}
