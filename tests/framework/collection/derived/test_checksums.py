"""What is known of the files of a snapshot."""

import os
import random

import pytest

from seealso.collection.derived.checksums import BLOCK, BLOCKS, Known, differing, files_below

SMALL, LARGE = BLOCK * BLOCKS, 40 * BLOCK * BLOCKS


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "below" / "small").write_bytes(random.Random(1).randbytes(SMALL))
    (tmp_path / "large").write_bytes(random.Random(2).randbytes(LARGE))
    return tmp_path


@pytest.fixture
def files(folder):
    return {name: Known.of(folder / name) for name, _ in files_below(folder)}


def flip(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def wrong(folder, files, most):
    return [line.split(" is damaged: ") for line in differing(folder, files, most)]


def test_what_is_as_it_was(folder, files):
    assert sorted(files) == ["below/small", "empty", "large"]
    for most in (None, 0, SMALL, SMALL + LARGE):
        assert wrong(folder, files, most) == []


@pytest.mark.parametrize("place", [0, SMALL // 2, SMALL - 1])
def test_no_bit_of_a_small_file_is_missed(folder, files, place):
    flip(folder / "below" / "small", place)
    for most in (None, 0):
        assert wrong(folder, files, most) == [[f"{folder}/below/small", "it is not as it was saved"]]


def test_of_a_large_file_the_ends_and_blocks_between_are_compared(folder, files):
    gap = (LARGE - BLOCK) // (BLOCKS - 1)
    for place in (0, BLOCK - 1, gap, 7 * gap + 5, LARGE - 1):
        flip(folder / "large", place)
        assert len(wrong(folder, files, 0)) == 1
        flip(folder / "large", place)
    flip(folder / "large", gap // 2)
    assert wrong(folder, files, SMALL + LARGE - 1) == []
    assert wrong(folder, files, SMALL + LARGE) == wrong(folder, files, None) != []


@pytest.mark.parametrize("most", [0, None])
def test_another_size_another_file_and_none(folder, files, most):
    os.truncate(folder / "large", LARGE - 1)
    (folder / "below" / "small").unlink()
    (folder / "empty").write_bytes(b"x")
    assert wrong(folder, files, most) == [
        [f"{folder}/empty", "it is not as it was saved"],
        [f"{folder}/below/small", "No such file or directory"],
        [f"{folder}/large", "it is not as it was saved"],
    ]
