"""Files of arrays: what was written is read again, and what is damaged never."""

import numpy as np
import pytest

from seealso.array_files import read_arrays, write_arrays

HEAD = b"\x93NUMPY"
"""How each array begins; two bytes of a version follow, and two that say how long its head is."""


@pytest.fixture
def written(tmp_path):
    """A file, and the arrays that it holds."""
    random = np.random.default_rng(0)
    arrays = {
        "ids": random.integers(0, 100, 7),
        "near": random.random(9, np.float32),
        "flipped": random.random(5) < 0.5,
        "none": np.empty((0, 3)),
        "key": np.array("abc"),
    }
    write_arrays(tmp_path / "a.npz", **arrays)
    return tmp_path / "a.npz", arrays


def same(read, arrays) -> bool:
    return read.keys() == arrays.keys() and all(
        read[name].dtype == arrays[name].dtype and np.array_equal(read[name], arrays[name]) for name in arrays
    )


def test_what_was_written_is_read_again(written):
    file, arrays = written
    assert same(read_arrays(file, *arrays), arrays)
    write_arrays(file, one=np.arange(3))
    assert same(read_arrays(file, "one"), {"one": np.arange(3)})
    assert read_arrays(file, "one", "other") is None


def test_a_file_that_is_gone_or_something_else_has_none(tmp_path):
    assert read_arrays(tmp_path / "gone.npz", "a") is None
    for content in (b"", b"none", b"PK\x03\x04" + bytes(50)):
        (tmp_path / "a.npz").write_bytes(content)
        assert read_arrays(tmp_path / "a.npz", "a") is None
    np.savez_compressed(tmp_path / "packed.npz", zeros=np.zeros(1000))
    assert read_arrays(tmp_path / "packed.npz", "zeros") is None
    np.savez(tmp_path / "pickled.npz", any=np.array([{}]))
    assert read_arrays(tmp_path / "pickled.npz", "any") is None


def test_damage_is_never_believed(written):
    """Of the heads every bit: a shorter head would move the values; of the rest some."""
    file, arrays = written
    sound = file.read_bytes()
    heads = [place for place in range(len(sound)) if sound.startswith(HEAD, place)]
    assert len(heads) == len(arrays)
    lengths = [8 * (head + len(HEAD)) + bit for head in heads for bit in range(40)]
    for bit in [*lengths, *range(0, 8 * len(sound), 13)]:
        damaged = bytearray(sound)
        damaged[bit // 8] ^= 1 << bit % 8
        file.write_bytes(damaged)
        read = read_arrays(file, *arrays)
        assert read is None or same(read, arrays), bit
    for length in range(0, len(sound), 50):
        file.write_bytes(sound[:length])
        assert read_arrays(file, *arrays) is None
