"""The store flat-file when its files are damaged: the rest is served, and what is hit is named."""

import logging
import os
import random
import shutil

import numpy as np
import pytest

import seealso
from lengths import campaign
from plugins.flatfile_files import contents, flip, open_store, segment, segments
from seealso.testing.opening import put, rows
from seealso_flatfile import files, manifest
from seealso_flatfile.writer import Writer


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def store(folder):
    store = open_store(folder)
    yield store
    store.close()


def check_all_but(folder, expected: set[int], damaged: set[int]) -> None:
    """All are served but some of those that may be damaged, and these are named, for a reader and for who writes."""
    for only_read in (True, False):
        opened = open_store(folder, dim=3, read_only=only_read)
        assert set(opened.ids().tolist()) == expected
        wrong = set(opened.verify().damaged)
        assert wrong <= damaged
        for id_ in wrong:
            with pytest.raises(seealso.CorruptRecord, match=f"ID {id_} fails its checksum"):
                opened.get_many(np.array([id_]))
        rest = np.array(sorted(expected - wrong), np.int64)
        assert np.array_equal(opened.get_many(rest), rows(rest, 3))
        served = [block.ids for block in opened.read_blocks(np.array(sorted(expected)))]
        assert set(rest.tolist()) <= set(np.concatenate([*served, rest[:0]]).tolist())
        if not only_read:
            opened.put_many(np.array([1000]), rows([1000], 3))
            assert np.array_equal(opened.get_many(np.array([1000])), rows([1000], 3))
            assert set(opened.ids().tolist()) == expected | {1000}
        opened.close()


def small_store(folder, *, closed: bool = True) -> set[int]:
    """Seven records of 40 bytes; the header of a segment has 16."""
    store = open_store(folder, dim=3)
    for id_ in range(7):
        store.put_many(np.array([id_]), rows([id_], 3))
    store.flush()
    if closed:
        store.close()
    return set(range(7))


def interesting_bytes(folder) -> list[tuple[str, int]]:
    """Every byte of every file, but of the zeros in the table only some."""
    rng = random.Random(1)
    found = []
    for name, content in contents(folder).items():
        for place, byte in enumerate(content):
            if byte or len(content) < 2000 or rng.random() < 0.003:
                found.append((name, place))
    return found


@pytest.mark.slow
@pytest.mark.torture
def test_a_bit_flipped_at_every_byte(tmp_path, caplog):
    """At every eighth, where this is not run at full length."""
    caplog.set_level(logging.CRITICAL, "seealso")
    pristine = tmp_path / "pristine"
    expected = small_store(pristine)
    rng = random.Random(2)
    for name, place in interesting_bytes(pristine)[:: campaign(8, 1)]:
        folder = tmp_path / "store"
        shutil.copytree(pristine, folder)
        flip(folder / name, place, rng.randrange(8))
        hit = {(place - 16) // 40} if name.endswith(".seg") and place >= 16 else set()
        check_all_but(folder, expected, hit)
        shutil.rmtree(folder)


@pytest.mark.torture
def test_a_bit_flipped_in_what_was_not_checkpointed(tmp_path, caplog):
    """What was flushed is there but for the record that is hit, which is named; it is never cut because of it.

    At every seventh byte, and so in every part of a record, where this is not run at full length.
    """
    caplog.set_level(logging.CRITICAL, "seealso")
    pristine = tmp_path / "pristine"
    expected = small_store(pristine, closed=False)
    for place in range(16, 16 + 40 * 6, campaign(7, 1)):
        folder = tmp_path / "store"
        shutil.copytree(pristine, folder)
        flip(segment(folder), place, place % 8)
        check_all_but(folder, expected, {(place - 16) // 40})
        shutil.rmtree(folder)


def test_a_tail_cut_at_every_byte_of_the_last_record(tmp_path):
    pristine = tmp_path / "pristine"
    small_store(pristine, closed=False)
    size = segment(pristine).stat().st_size
    for cut in range(1, 41):
        folder = tmp_path / "store"
        shutil.copytree(pristine, folder)
        os.truncate(segment(folder), size - cut)
        check_all_but(folder, set(range(6)), set())
        again = open_store(folder, dim=3)
        assert again.ids().tolist() == [*range(6), 1000]
        again.close()
        shutil.rmtree(folder)


@pytest.mark.parametrize("kept", [0, 7, 16, 100, 170])
def test_a_segment_cut_short(folder, kept, caplog):
    caplog.set_level(logging.CRITICAL, "seealso")
    expected = small_store(folder)
    os.truncate(segment(folder), kept)
    check_all_but(folder, expected, {id_ for id_ in expected if 16 + 40 * (id_ + 1) > kept})


def test_a_segment_is_gone(folder, monkeypatch, caplog):
    monkeypatch.setattr(Writer, "segment_bytes", 2000)
    store = open_store(folder)
    for first in range(0, 100, 10):
        put(store, range(first, first + 10))
    store.close()
    names = segments(folder)
    (folder / "segments" / names[1]).unlink()
    again = open_store(folder)
    damaged = again.verify().damaged
    assert 10 <= len(damaged) < 50
    rest = np.setdiff1d(np.arange(100), damaged)
    assert np.array_equal(again.get_many(rest), rows(rest))
    with pytest.raises(seealso.CorruptRecord):
        again.get_many(np.arange(100))
    assert sum(block.ids.size for block in again.read_blocks(np.arange(100))) == rest.size
    assert caplog.messages[-1].startswith(f"the stored descriptor of ID {damaged[0]}, ")
    again.close()
    (folder / "segments" / names[-1]).unlink()
    with pytest.raises(seealso.StoreError, match=f"{names[-1]} is missing, and with it descriptors; restore it from a"):
        open_store(folder)


def test_a_damaged_record_is_named_once_in_a_search(store, folder, caplog):
    put(store, range(100))
    store.close()
    flip(segment(folder), 16 + 88 * 7 + 2)
    again = open_store(folder)
    blocks = list(again.read_blocks(np.arange(100)))
    assert sum(block.ids.size for block in blocks) == 99
    assert [message for message in caplog.messages if "ID 7 " in message] == caplog.messages
    assert len(caplog.messages) == 1
    again.close()


def test_what_is_damaged_is_still_named_after_compaction(store, folder):
    put(store, range(100))
    store.close()
    flip(segment(folder), 16 + 88 * 7 + 2)
    flip(segment(folder), 16 + 88 * 9 + 50)
    again = open_store(folder)
    again.compact(np.arange(100)[::-1].copy(), np.arange(80))
    assert segments(folder) == ["00000002.seg"]
    assert again.verify().damaged == [7, 9]
    rest = np.delete(np.arange(80), [7, 9])
    assert np.array_equal(again.get_many(rest), rows(rest))
    again.close()


@pytest.mark.parametrize("name", ["table-000001.bin", "pages-000001.bin", "manifest.json", "flat-file.json", "lock"])
@pytest.mark.parametrize("how", ["gone", "empty", "cut short", "rubbish"])
def test_a_file_beside_the_segments_is_lost(store, folder, name, how, caplog):
    put(store, range(1000))
    store.close()
    path = folder / name
    content = path.read_bytes()
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes({"empty": b"", "cut short": content[: len(content) // 2], "rubbish": b"\xff[" * 5000}[how])
    reader = open_store(folder, read_only=True)
    assert np.array_equal(reader.get_many(np.arange(1000)), rows(range(1000)))
    writer = open_store(folder)
    put(writer, [1000])
    assert reader.ids().tolist() == writer.ids().tolist() == list(range(1001))
    writer.close()
    reader.close()
    caplog.clear()
    again = open_store(folder, read_only=True)
    assert np.array_equal(again.get_many(np.arange(1001)), rows(range(1001)))
    assert caplog.messages == []
    again.close()


def test_a_place_in_the_table_is_damaged(store, folder, caplog):
    put(store, range(1000))
    store.close()
    flip(folder / "table-000001.bin", 4096 + 16 * 300 + 1)
    reader = open_store(folder, read_only=True)
    assert np.array_equal(reader.get_many(np.arange(200)), rows(range(200)))
    assert caplog.messages == []
    assert np.array_equal(reader.get_many(np.arange(1000)), rows(range(1000)))
    assert caplog.messages == [f"{folder}: the table of the store is damaged; reading all that it holds instead"]
    writer = open_store(folder)
    writer.remove_many(np.arange(290, 310))
    assert writer.ids().size == reader.ids().size == 980
    assert (folder / "table-000002.bin").exists()
    assert not (folder / "table-000001.bin").exists()
    writer.close()
    reader.close()


def test_nothing_says_what_it_holds(folder):
    small_store(folder)
    (folder / "manifest.json").unlink()
    content = (folder / "flat-file.json").read_bytes()
    (folder / "flat-file.json").unlink()
    with pytest.raises(
        seealso.StoreError, match=r"flat-file.json is missing, and without it the descriptors cannot be"
    ):
        open_store(folder, dim=3)
    (folder / "flat-file.json").write_bytes(content[:-3])
    with pytest.raises(seealso.FormatError, match="is not of a store flat-file of seealso, or is damaged; restore it"):
        open_store(folder, dim=3)


@pytest.mark.parametrize("name", ["flat-file.json", "manifest.json"])
def test_a_newer_format(folder, name):
    small_store(folder)
    content = manifest._read(folder / name) | {"version": 9}
    manifest._write(folder / name, {key: value for key, value in content.items() if key != "magic"})
    with pytest.raises(
        seealso.FormatError, match=rf"{name} was written by a newer seealso \(format 9; .*; upgrade seealso"
    ):
        open_store(folder, dim=3)


@pytest.mark.parametrize(
    ("pattern", "magic"), [("table-*", files.TABLE), ("pages-*", files.PAGES), ("segments/*", files.SEGMENT)]
)
def test_a_newer_format_of_the_files(folder, pattern, magic):
    small_store(folder)
    (path,) = folder.glob(pattern)
    path.write_bytes(files.preamble(magic, 2) + path.read_bytes()[16:])
    with pytest.raises(seealso.FormatError, match=r"format 2; this release reads up to 1.; upgrade seealso"):
        open_store(folder, dim=3).get_many(np.array([1]))
