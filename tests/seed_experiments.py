"""The seed's experiment at a tiny size: what its tests share."""

from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
DIM, LATENT, QUERIES, SIZE = 64, 8, 5, 3000

CODE = """
import sys
from pathlib import Path
sys.path.append(sys.argv[1])
import seed_fill
from seealso.collection.intake import vector_files
vector_files.PART_BYTES, seed_fill.KEPT_EACH = 1 << 16, 256
seed_fill.fill(Path(sys.argv[2]), int(sys.argv[3]))
"""
"""Fills the collection in portions of 128 descriptors; what has passed is kept every 256."""


def filling(folder: Path, size: int = SIZE) -> tuple[object, ...]:
    """The arguments of a Python that fills the collection of an experiment."""
    return "-c", CODE, BENCHMARKS, folder, size


def begun(folder: Path, codec: str = "sparse") -> Path:
    """A folder in which an experiment is begun."""
    from seed_record import Record

    folder.mkdir()
    Record(DIM, LATENT, QUERIES, codec).save(folder)
    return folder


def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """All stages run in this process, whose memory stays as it is."""
    monkeypatch.setattr("seed_fill.limit_memory", lambda most: None)
    monkeypatch.setattr("seed_answers.limit_memory", lambda most: None)
    monkeypatch.setattr("seed_experiment.alone", lambda work, *given: work(*given))


def outcome(folder: Path) -> dict[str, np.ndarray]:
    """All that an experiment has come to, but how long it took: descriptors by their numbers, and what is known of the queries."""
    from activations import Activations
    from seed_fill import opened
    from seed_record import Record
    from seed_truth import Passed

    record = Record.of(folder)
    assert record is not None
    passed = Passed(folder, Activations(record.dim, record.latent).held_out(record.queries))
    with opened(folder, record) as collection:
        assert collection.verify().problems == []
        ids = collection.ids()
        records = collection.records(ids.tolist())
        numbers = [int(b"".join(records[id_].paths).rpartition(b"#")[2]) for id_ in ids.tolist()]
        descriptors = collection.descriptors(ids)
        status = collection.status()
    indexed = [status[part]["objects"] for part in ("index", "sketch")]  # type: ignore[index]
    return {
        "numbers": np.array(numbers),
        "descriptors": descriptors,
        "neighbours": passed.nearest.ids,
        "squares": passed.nearest.squares,
        "rows": np.array([passed.rows, *indexed]),
    }


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    """Both have come to the same."""
    for name, expected in one.items():
        assert np.array_equal(expected, other[name]), name
