"""An extractor in two releases."""

from collections.abc import Callable
from pathlib import Path

import pytest

BLOCKS = '''
import numpy as np

import seealso


class Blocks(seealso.Extractor):
    """The colours of an image in few pixels."""

    name = "blocks"
    preference = 100
    # what it says

    class Options(seealso.PluginOptions):
        side: int = 4
        pace: int = 1

    @property
    def provenance(self):
        side = self.options.side
        return seealso.Provenance("blocks", "", f"{side} x {side} pixels", dim=3 * side * side)

    def prepare(self, image):
        return np.asarray(image.resize((self.options.side, self.options.side)))

    def extract(self, batch):
        return batch.reshape(len(batch), -1).astype(np.float32)


@seealso.hookimpl
def register_extractors():
    return [Blocks]
'''

LATER = BLOCKS.replace("side: int = 4", "side: int = 5").replace(
    "# what it says",
    'default_distance = "cosine"\n    earlier_distances = ("manhattan", "euclidean")\n    earlier_defaults = {"side": (3, 4)}',
)


@pytest.fixture
def release(tmp_path: Path) -> Callable[[int], list[Path]]:
    """The plugin file of a release of the extractor ``blocks``, which is the default: 2 has another network and another distance by
    default than 1 had."""

    def release(number: int) -> list[Path]:
        file = tmp_path / f"blocks_{number}.py"
        file.write_text(LATER if number == 2 else BLOCKS)
        return [file]

    return release
