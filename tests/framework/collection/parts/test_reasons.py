"""What a collection tells of its index and its sketch, where its size has chosen them."""

import numpy as np
import pytest

import seealso
from conftest import SAMPLES
from seealso.collection.parts import automatic, reasons

BY_SIZE = SAMPLES / "by_size.py"


@pytest.fixture
def told(tmp_path, monkeypatch):
    """What the status of a collection of so many descriptors says, which was made with some settings, and is opened with others."""
    monkeypatch.setattr(automatic, "FEW", 30)
    monkeypatch.setattr(reasons, "FEW", 30)
    file = tmp_path / "vectors.npy"
    np.save(file, np.random.default_rng(1).normal(size=(40, 80)).astype(np.float32))

    def told(objects: int, made: dict[str, object], **settings: object) -> dict[str, str]:
        with seealso.open(tmp_path / "c", plugins=[BY_SIZE], text=False, **made) as collection:
            collection.import_descriptors(file, limit=objects)
        with seealso.open(tmp_path / "c", plugins=[BY_SIZE], text=False, **settings) as collection:
            return collection.status()["auto"]

    return told


MIDDLING = "middling: of those installed it suits up to 100 objects without sketches best"


@pytest.mark.parametrize(
    ("objects", "made", "settings", "expected"),
    [
        (20, {}, {}, {"index": MIDDLING, "sketch": "none: up to 30 objects all of them are read"}),
        (
            40,
            {},
            {},
            {
                "index": "small: of those installed it suits up to 60 objects with sketches best",
                "sketch": "rabitq: of those installed it estimates the distance euclidean best, and there are more than 30 objects",
            },
        ),
        (
            40,
            {"index": "large"},
            {"index": "exact"},
            {
                "sketch": "rabitq: of those installed it estimates the distance euclidean best, and there are more than 30 objects"
            },
        ),
        (20, {"index": "exact"}, {}, {"sketch": "none: the index exact compares all descriptors"}),
        (20, {"sketch": "none"}, {}, {"index": MIDDLING}),
        (20, {"sketch": "none", "index": "large"}, {}, {}),
        (
            40,
            {"sketch": "none", "index": "large"},
            {"sketch": "auto", "index": "auto"},
            {
                "index": "large; middling takes its place when a command next writes",
                "sketch": "none yet: the next command that writes makes it, with rabitq",
            },
        ),
    ],
)
def test_what_was_chosen_and_why(told, objects, made, settings, expected):
    assert told(objects, made, **settings) == expected
