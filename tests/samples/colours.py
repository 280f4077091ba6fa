"""A plugin in one file: a cheap, deterministic extractor that knows words. Its descriptor is the image in 8 × 8 pixels."""

import difflib

import numpy as np
from PIL import Image

import seealso

COLOURS = {
    "black": (0, 0, 0),
    "grey": (128, 128, 128),
    "white": (255, 255, 255),
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "brown": (120, 70, 40),
}


class Colours(seealso.Extractor):
    """An 8 × 8 thumbnail, RGB, as 192 float32 values; words are plain images in the mean of their colours."""

    name = "colours"
    min_side = 8

    @property
    def provenance(self) -> seealso.Provenance:
        return seealso.Provenance("colours", "", "resized to 8 × 8", dim=192)

    def prepare(self, image: Image.Image) -> np.ndarray:
        return np.asarray(image.resize((8, 8), Image.Resampling.BOX))

    def extract(self, batch: np.ndarray) -> np.ndarray:
        return batch.reshape(len(batch), -1).astype(np.float32)

    def extract_words(self, phrases: list[str]) -> np.ndarray:
        means = [np.mean([_colour(word) for word in phrase.casefold().split()], axis=0) for phrase in phrases]
        return np.tile(np.array(means, np.float32), 64)

    def looks_like(self, descriptors: np.ndarray) -> list[list[tuple[str, float]]]:
        means = descriptors.reshape(len(descriptors), 64, 3).mean(axis=1)
        off = {word: np.abs(means - colour).max(axis=1) for word, colour in COLOURS.items()}
        sure = {word: 1 - each / 255 for word, each in off.items()}
        return [
            sorted(
                ((word, float(each[row])) for word, each in sure.items() if each[row] > 0.8), key=lambda each: -each[1]
            )
            for row in range(len(descriptors))
        ]


def _colour(word: str) -> tuple[int, int, int]:
    if word not in COLOURS:
        near = difflib.get_close_matches(word, COLOURS, cutoff=0.6)
        hint = f"it knows {', '.join(near)}" if near else "try another"
        raise seealso.UnknownWord(f"no colour is called {word[:64]!r}; {hint}", word, near)
    return COLOURS[word]


@seealso.hookimpl
def register_extractors():
    return [Colours]
