"""Small images of known descriptors and words, in a folder that changes; and what a search over them must find, by brute force.

A search that runs beside a writer may see the folder as it was before, as it is after, or anything between that was committed. What is
the same before and after must be found all the same, and nothing may be found that never was.
"""

import json
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

THUMBNAIL = Path(__file__).resolve().parent.parent / "samples" / "thumbnail.py"
SIDE = 8  # of an image: the descriptor of the extractor ``thumbnail`` is then its pixels
KINDS = 7  # words that many images have
NEAR = 1e-3  # relative: so far may a distance in float32 be from that in float64


@dataclass(frozen=True)
class Item:
    """An image: its number, the name of its file, and its words."""

    number: int
    name: str
    words: frozenset[str]


Items = dict[int, Item]
"""The images of a state of the folder, by number."""


@dataclass
class Gallery:
    """The folder.

    Attributes:
        folder: where it is.
        seed: of all pixels.
        states: the folder's images after each change, the newest last.
        settled: the state that the last writer, when it ended, had taken in.
    """

    folder: Path
    seed: int = 1
    states: list[Items] = field(default_factory=lambda: [{}])
    settled: int = 0
    _numbers: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _descriptors: np.ndarray = field(default_factory=lambda: np.zeros((0, 3 * SIDE * SIDE)))

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)

    @property
    def now(self) -> Items:
        """The images that are there."""
        return self.states[-1]

    def change(self, random: Random, add: int, remove: int, rename: int = 0, reword: int = 0) -> None:
        """Have so many new images, and of those that are there so many gone, renamed, and described anew.

        The new state stands in ``states`` before the first file changes: whoever looks meanwhile may see either.
        """
        before = self.now
        items = dict(before)
        there = random.sample(sorted(items), min(len(items), remove + rename + reword))
        gone, moved, described = there[:remove], there[remove : remove + rename], there[remove + rename :]
        for number in gone:
            del items[number]
        for number in moved:
            items[number] = replace(items[number], name=f"{number}-{random.randrange(10**6)}.png")
        for number in described:
            items[number] = replace(items[number], words=self._some_words(number, random))
        new = range(self._numbers + 1, self._numbers + 1 + add)
        for number in new:
            items[number] = Item(number, f"{number}.png", self._some_words(number, random))
        self._numbers += add
        self.states.append(items)

        for number in gone:
            self._path(before[number]).unlink()
            self._path(before[number]).with_suffix(".txt").unlink()
        for number in moved:
            os.rename(self._path(before[number]).with_suffix(".txt"), self._path(items[number]).with_suffix(".txt"))
            os.rename(self._path(before[number]), self._path(items[number]))
        for number in (*described, *new):
            self._path(items[number]).with_suffix(".txt").write_text(" ".join(sorted(items[number].words)) + "\n")
        for number in new:
            Image.fromarray(self.pixels(number)).save(self._path(items[number]))

    def _path(self, item: Item) -> Path:
        return self.folder / item.name

    @staticmethod
    def _some_words(number: int, random: Random) -> frozenset[str]:
        return frozenset({f"word{random.randrange(KINDS)}", f"item{number}", f"said{random.randrange(10**6)}"})

    def settle(self) -> None:
        """All of it has been taken in."""
        self.settled = len(self.states) - 1

    def pixels(self, number: int) -> np.ndarray:
        """An image."""
        return np.random.default_rng((self.seed, number)).integers(0, 256, (SIDE, SIDE, 3), np.uint8)

    def distances(self, number: int) -> np.ndarray:
        """The Euclidean distances of an image from all that there ever were, by their numbers (that of 0 means nothing)."""
        with self._lock:
            for missing in range(len(self._descriptors), self._numbers + 1):
                new = self.pixels(missing).reshape(1, -1).astype(np.float64)
                self._descriptors = np.concatenate([self._descriptors, new])
        return np.linalg.norm(self._descriptors - self.pixels(number).reshape(-1), axis=1)

    def during(self, first: int, last: int | None = None) -> "Between":
        """What may be found by a search that began when the state ``first`` had been taken in, and ended when the newest was ``last``
        (None: the one of now)."""
        return Between(self, self.states[first : None if last is None else last + 1])


def configure(file: Path, collections: dict[str, dict[str, object]], **more: object) -> None:
    """Write a configuration of collections: their settings, beside those of all; it has the extractor of such images."""
    common: dict[str, object] = {"distance": "euclidean", "index": "ppp-codes", "sketch": "rabitq", "text": "tantivy"}
    # Answers are compared with a brute force, and of images that are noise a sketch may overlook a neighbour: so all are read.
    common["search"] = {"reads": 10_000}
    held = {name: common | settings for name, settings in collections.items()}
    # JSON is YAML.
    file.write_text(json.dumps({"plugins": [str(THUMBNAIL)], "collections": held, **more}))


def number_of(path: str) -> int:
    """The number of the image at a path."""
    return int(Path(path).stem.split("-")[0])


class Between:
    """What a search may and must find that saw one of some states, or something between two that follow one another.

    Attributes:
        stable: the numbers of the images that are in all of them.
        ever: of those that are in any.
        in_place: of those whose file is at the same place in all of them.
    """

    def __init__(self, gallery: Gallery, states: Sequence[Items]) -> None:
        self._gallery = gallery
        self._states = states
        self.stable = set.intersection(*(set(state) for state in states))
        self.ever = set.union(*(set(state) for state in states))
        names = [{(number, item.name) for number, item in state.items()} for state in states]
        self.in_place = {number for number, _ in set.intersection(*names)}

    def _with(self, word: str | None) -> tuple[set[int], set[int]]:
        """The numbers of the images that have a word all the time, and at any time."""
        if word is None:
            return self.stable, self.ever
        having = [{number for number, item in state.items() if word in item.words} for state in self._states]
        return set.intersection(*having), set.union(*having)

    def wrong_matches(self, word: str, hits: Sequence[int], matched: int | None, k: int) -> str:
        """What is wrong with the answer to a word: the numbers of the images found, and how many there are in all; empty: nothing."""
        stable, ever = self._with(word)
        if len(set(hits)) != len(hits):
            return f"an image twice: {sorted(hits)}"
        if set(hits) - ever:
            return f"found by {word}, which they never had: {sorted(set(hits) - ever)}"
        # While some go, a page has fewer hits than there are matches.
        if k >= len(ever) and stable - set(hits):
            return f"not found by {word}: {sorted(stable - set(hits))} of {len(stable)}"
        if matched is None or not len(stable) <= matched <= len(ever):
            return f"{matched} are said to match {word}: {len(stable)} to {len(ever)} do"
        return ""

    def wrong_neighbours(
        self, example: int, hits: Sequence[tuple[int, float]], k: int, where: str | None = None
    ) -> str:
        """What is wrong with the neighbours of an image, each a number and a distance; empty: nothing."""
        stable, ever = self._with(where)
        numbers = [number for number, _ in hits]
        given = np.array([distance for _, distance in hits], np.float64)
        if len(set(numbers)) != len(numbers):
            return f"an image twice: {sorted(numbers)}"
        if set(numbers) - ever:
            return f"neighbours that are not there: {sorted(set(numbers) - ever)}"
        true = self._gallery.distances(example)
        if not np.allclose(given, true[numbers], rtol=NEAR, atol=NEAR):
            return f"distances {given.tolist()}, which are {true[numbers].tolist()}"
        if (np.diff(given) < 0).any():
            return f"not in order: {given.tolist()}"
        # As many as were asked for: then all that is nearer than the last. Some that go may have taken places.
        reach = given[-1] * (1 - NEAR) if len(hits) >= k else np.inf
        missing = sorted(number for number in stable - set(numbers) if true[number] < reach)
        return f"nearer ones are missing: {missing} of {len(stable)}; found {numbers}" if missing else ""
