"""Files of descriptors that are damaged: each is a file error in one line, whatever the library raises that reads it."""

import random

import h5py
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

import seealso
from lengths import campaign
from seealso.collection.intake.vector_files import open_vectors

ROWS = np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32)


def write(file) -> bytes:
    if file.suffix == ".npy":
        np.save(file, ROWS)
    elif file.suffix == ".h5":
        with h5py.File(file, "w") as made:
            made.create_dataset("train", data=ROWS, chunks=(10, 8), compression="gzip")
    else:
        lists = pyarrow.array(list(ROWS), pyarrow.list_(pyarrow.float32()))
        pyarrow.parquet.write_table(pyarrow.table({"emb": lists}), file, row_group_size=15)
    return file.read_bytes()


def read(file) -> None:
    """Read all of it; what is wrong is one line."""
    told = str(file)
    try:
        with open_vectors(file) as vectors:
            # A damaged head may promise any number.
            for start in range(0, min(vectors.count, 100), 10):
                vectors.rows(start, min(start + 10, vectors.count))
    except seealso.FileError as error:
        told = str(error)
    assert told.startswith(str(file))
    assert len(told) <= 1000
    assert told.isprintable()


@pytest.mark.parametrize("suffix", [".npy", ".h5", ".parquet"])
def test_damage_anywhere_is_one_line(tmp_path, suffix):
    file = tmp_path / f"vectors{suffix}"
    whole = write(file)
    chance = random.Random(suffix)
    for turn in range(campaign(120, 3000)):
        damaged = bytearray(whole)
        for _ in range(1 + turn % 3):
            # The heads and the ends of such files say what the rest is.
            place = chance.choice(
                [chance.randrange(min(len(whole), 200)), -1 - chance.randrange(200), chance.randrange(len(whole))]
            )
            damaged[place] = chance.choice([0, 255, 10, 39, 40, 92, 123, chance.randrange(256)])
        file.write_bytes(damaged if turn % 4 else damaged[: chance.randrange(len(damaged))])
        read(file)


@pytest.mark.parametrize(
    "head",
    [
        b"{'descr': '<f4', 'shape': (40, 8), (",
        b"(" * 9000,
        b"{'descr': '''",
        b"\\",
        b"  {\n 'a'\n  }\n   b",
        b"\0",
        b"{'\\q'}",
        b"1" * 5000,
    ],
)
def test_a_head_that_is_no_python(tmp_path, head):
    file = tmp_path / "vectors.npy"
    file.write_bytes(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + ROWS.tobytes())
    with pytest.raises(seealso.FileError, match="no array that can be read"):
        open_vectors(file)
