"""Looking through LMDB's pages before LMDB does."""

import contextlib
import os
import random
import shutil
import time

import lmdb
import numpy as np
import pytest

import seealso
from lengths import campaign
from plugins.store_scripts import fork
from seealso.testing import opening
from seealso_lmdb import generations, pages
from seealso_lmdb.store import LmdbStore

SMALL, LARGE = 16, 2048  # values of a descriptor: one stands in a page with others, one in pages of its own
PAGE = 4096


def rows(ids, dim: int) -> np.ndarray:
    return np.stack([np.random.default_rng(id_).random(dim, np.float32) for id_ in ids])


@pytest.fixture(scope="module", params=[SMALL, LARGE])
def made(request, tmp_path_factory):
    """A store with levels of pages, some of them free; its IDs and their length."""
    dim, ids = request.param, np.arange(3000 if request.param == SMALL else 300)
    store = opening.open_store(LmdbStore, tmp_path_factory.mktemp("made") / "store", dim=dim, codec="raw")
    store.put_many(ids, rows(ids, dim))
    store.remove_many(ids[: ids.size // 3])
    store.put_many(ids[:20], rows(ids[:20], dim))
    store.keep_identity("x" * 32)
    store.close()
    return store.context.directory, np.concatenate([ids[:20], ids[ids.size // 3 :]]), dim


@pytest.fixture
def folder(made, tmp_path):
    """A copy of its folder with LMDB's files."""
    shutil.copytree(made[0], tmp_path / "store")
    return tmp_path / "store" / "data-000001"


def refusal(folder, *, whole: bool = False) -> str:
    """Why the files are refused; empty where they are not."""
    try:
        with generations.open_folder(folder, 0, readonly=True) as opened:
            generations.refuse_damaged(opened, whole=whole)
    except seealso.StoreError as error:
        return str(error) if generations.REMEDY in str(error) else f"no remedy: {error}"
    except lmdb.Error as error:  # LMDB sees by itself that a head is none
        return str(error)
    return ""


def test_what_is_sound(folder, made):
    for whole in (False, True):
        assert refusal(folder, whole=whole) == ""
    with lmdb.open(str(folder), max_dbs=2) as opened:
        database = opened.open_db(b"descriptors")
        with opened.begin(write=True) as transaction:
            # Nothing is left of its tree; everything is free.
            transaction.drop(database, delete=False)
    assert refusal(folder) == ""


def test_damage_of_the_structure_is_named_or_harmless(folder, made):
    """Whoever reads and writes all the same, in another process, comes to no harm."""
    _, ids, dim = made
    file = folder / "data.mdb"
    data = file.read_bytes()
    rng = random.Random(1)
    refused = 0
    for turn in range(campaign(8, 600)):
        page = rng.randrange(min(12, len(data) // PAGE)) if turn % 2 else rng.randrange(len(data) // PAGE)
        at = PAGE * page + rng.choice((rng.randrange(40), rng.randrange(PAGE)))
        junk = (bytes(PAGE), b"\xff" * PAGE, bytes([data[at] ^ 1 << rng.randrange(8)]))[min(turn % 6, 2)]
        start = at if len(junk) == 1 else PAGE * page
        file.write_bytes(data[:start] + junk + data[start + len(junk) :])
        if refusal(folder):
            refused += 1
            continue

        def goes_well():
            with open_store(folder, dim) as store:
                named = set(store.verify().damaged)
                left = np.array([id_ for id_ in ids.tolist() if id_ not in named])
                sound = np.array_equal(store.get_many(left), rows(left, dim))
                store.remove_many(left[5:50])
                store.put_many(left[:30], rows(left[:30], dim))
                rest = np.setdiff1d(left, left[30:50])
                return sound and np.array_equal(store.get_many(rest), rows(rest, dim))

        assert fork(goes_well) == 0, (page, start, junk[:1])
    assert refused


def open_store(folder, dim):
    return contextlib.closing(opening.open_store(LmdbStore, folder.parent, dim=dim))


def test_of_a_large_file_a_sample_is_looked_at(folder, monkeypatch):
    file = folder / "data.mdb"
    monkeypatch.setattr(pages, "LARGE", PAGE)
    assert refusal(folder) == ""
    data = bytearray(file.read_bytes())
    told = set()
    for page in range(2, len(data) // PAGE, max(1, len(data) // PAGE // 40)):
        damaged = data[: PAGE * page] + bytes(16) + data[PAGE * page + 16 :]
        file.write_bytes(damaged)
        told.add((bool(refusal(folder)), bool(refusal(folder, whole=True))))
    # `verify` looks at everything.
    assert (False, True) in told
    assert (True, False) not in told


def test_a_file_that_is_being_written_to(folder, made, monkeypatch):
    looked = []

    def overtaken(self, file, size, transaction):
        looked.append(transaction)
        raise pages.Overtaken

    monkeypatch.setattr(pages.Pages, "__init__", overtaken)
    assert "its head is not as it was written" in refusal(folder)
    assert len(looked) == generations.ATTEMPTS


@pytest.mark.parametrize(
    ("at", "value", "expected"),
    [(40, 3, "pages of"), (40, 0, "pages of"), (44, 9, "head 0"), (88, 4, "head 0"), (PAGE + 44, 9, "head 1")],
)
def test_a_head_that_lmdb_would_map_the_file_by(folder, at, value, expected):
    with (folder / "data.mdb").open("r+b") as file:
        file.seek(at)
        file.write(bytes([value, 0]))
    assert expected in refusal(folder)


def test_it_costs_little_to_open(folder):
    """Milliseconds, for a small file."""
    with generations.open_folder(folder, 0, readonly=True) as opened:
        started = time.process_time()
        for _ in range(10):
            generations.refuse_damaged(opened, whole=False)
        assert (time.process_time() - started) / 10 < 0.05


def test_where_nobody_may_look(folder):
    os.truncate(folder / "data.mdb", 3 * PAGE)
    assert "cut short" in refusal(folder)
