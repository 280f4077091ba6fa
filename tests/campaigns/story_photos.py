"""A folder of photographs that changes, for the story."""

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from campaigns.story_check import BROKEN

MOST = 48  # photographs
ONCE = 30  # words that are no more, of which is still asked
FOLDERS = ("", "a", "b")


class Photos:
    """A folder of small photographs, some of them with words in a sidecar, that changes.

    Args:
        folder: where; made here.
        touched: told the path of every photograph, before it is changed, moved or removed.

    Attributes:
        words_once: the last words that were taken from a photograph.
    """

    def __init__(self, folder: Path, touched: Callable[[Path], None]) -> None:
        self.folder = folder
        self.words_once: list[str] = []
        self._touched = touched
        self._number = 0
        for each in FOLDERS:
            (folder / each).mkdir()

    def change(self, random: Random) -> None:
        """Some photographs are new; some others go, move, or are changed in another way."""
        changes = (self._remove, self._move, self._overwrite, self._copy, self._describe, self._undescribe, self._break)
        for _ in range(random.randrange(2, 12)):
            self._add(random)
        for path in random.sample(self.files(), len(self.files()) // 6):
            random.choice(changes)(path, random)
        for path in self.files()[:-MOST]:
            self._remove(path, random)

    def describe(self, random: Random) -> None:
        """Some get other words, and nothing else happens."""
        files = self.files()
        for path in random.sample(files, len(files) // 5):
            self._describe(path, random)

    def files(self) -> list[Path]:
        """All photographs, the oldest first."""
        return sorted(self.folder.rglob("*.png"), key=lambda path: path.name)

    def _name(self, random: Random) -> Path:
        self._number += 1
        return self.folder / random.choice(FOLDERS) / f"{self._number:06d}.png"

    def _add(self, random: Random) -> None:
        path = self._name(random)
        self._paint(path, random)
        if random.random() < 0.8:
            self._describe(path, random)

    def _paint(self, path: Path, random: Random) -> None:
        rng = np.random.default_rng(random.getrandbits(64))
        # Black in places, so that every codec has something to do.
        blocks = rng.integers(0, 256, (4, 4, 3)) * rng.integers(0, 2, (4, 4, 1))
        Image.fromarray(np.kron(blocks, np.ones((4, 4, 1))).astype(np.uint8)).save(path)

    def _describe(self, path: Path, random: Random) -> None:
        self._forget_words(path)
        self._number += 1
        path.with_suffix(".txt").write_text(f"word{random.randrange(9)} item{self._number}\n")

    def _undescribe(self, path: Path, random: Random) -> None:
        self._forget_words(path)
        path.with_suffix(".txt").unlink(missing_ok=True)

    def _forget_words(self, path: Path) -> None:
        sidecar = path.with_suffix(".txt")
        if sidecar.exists():
            self.words_once = [*self.words_once, *sidecar.read_text().split()][-ONCE:]

    def _remove(self, path: Path, random: Random) -> None:
        self._touched(path)
        path.unlink()
        self._undescribe(path, random)

    def _move(self, path: Path, random: Random) -> None:
        self._touched(path)
        new, sidecar = self._name(random), path.with_suffix(".txt")
        path.rename(new)
        if sidecar.exists() and random.random() < 0.5:
            sidecar.rename(new.with_suffix(".txt"))

    def _overwrite(self, path: Path, random: Random) -> None:
        self._touched(path)
        other = random.choice(self.files())
        if other == path or random.random() < 0.5:
            self._paint(path, random)
        else:
            shutil.copyfile(other, path)

    def _copy(self, path: Path, random: Random) -> None:
        shutil.copyfile(path, self._name(random))

    def _break(self, path: Path, random: Random) -> None:
        self._touched(path)
        path.write_bytes(BROKEN + bytes(str(random.random()), "ascii"))
