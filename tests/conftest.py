"""What many tests need: real photographs, a cheap extractor, and collections made with it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import skimage
from PIL import Image

import seealso

SAMPLES = Path(__file__).parent / "samples"
THUMBNAIL = SAMPLES / "thumbnail.py"

PHOTOGRAPHS = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "cell.png",
    "chelsea.png",
    "clock_motion.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "moon.png",
    "motorcycle_left.png",
    "retina.jpg",
    "rocket.jpg",
)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test sees the user's own configuration, data or environment, nor leaves anything there."""
    for variable in list(os.environ):
        if variable.startswith("SEEALSO"):
            monkeypatch.delenv(variable)
    # The cache is shared: it holds the converted network, which takes seconds to make.
    cache = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.getbasetemp() / "data"))


@pytest.fixture(scope="session")
def photographs() -> dict[str, Image.Image]:
    """Real photographs, by name: those that scikit-image's wheel carries."""
    folder = Path(skimage.__file__).parent / "data"
    return {name.split(".")[0]: Image.open(folder / name).convert("RGB") for name in PHOTOGRAPHS}


def crop(image: Image.Image, rng: np.random.Generator, share: float = 0.5) -> Image.Image:
    """A random crop with ``share`` of both sides."""
    width, height = round(image.width * share), round(image.height * share)
    left, top = int(rng.integers(image.width - width + 1)), int(rng.integers(image.height - height + 1))
    return image.crop((left, top, left + width, top + height))


@pytest.fixture
def make_photos(photographs: dict[str, Image.Image]) -> Callable[..., list[Path]]:
    """Write ``count`` photographs of different content into a folder: random crops of real ones, 96 pixels wide."""

    def make(folder: Path, count: int, seed: int = 0) -> list[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(seed)
        originals = list(photographs.items())
        made = []
        for number in range(count):
            name, original = originals[number % len(originals)]
            path = folder / f"{number:04d}-{name}.jpg"
            crop(original, rng, 0.6).resize((96, 72)).save(path, quality=85)
            made.append(path)
        return made

    return make


@pytest.fixture
def open_collection(tmp_path: Path) -> Iterator[Callable[..., seealso.Collection]]:
    """Open (or make) a collection with the cheap extractor; closed at the end."""
    opened: list[seealso.Collection] = []

    def make(path: Path | None = None, **settings: object) -> seealso.Collection:
        settings.setdefault("extractor", "thumbnail")
        collection = seealso.open(path or tmp_path / "photos.seealso", plugins=[THUMBNAIL], **settings)
        opened.append(collection)
        return collection

    yield make
    for collection in opened:
        collection.close()
