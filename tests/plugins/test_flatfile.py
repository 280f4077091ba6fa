"""The store flat-file: what every store does, its files, reading, and compaction."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import seealso
from conftest import SAMPLES, read_only, without_privileges
from plugins.flatfile_files import contents, open_store, script, segment, segments
from seealso.testing import ObjectStoreTests
from seealso.testing.opening import put, rows
from seealso_flatfile import files, manifest, reading, records, view
from seealso_flatfile.places import PLACE
from seealso_flatfile.store import FlatFileStore
from seealso_flatfile.table import TableWriter
from seealso_flatfile.view import View
from seealso_flatfile.writer import Writer


class TestFlatFile(ObjectStoreTests):
    store_class = FlatFileStore


class TestFlatFileInSmallSegments(ObjectStoreTests):
    """The same with a new segment and a checkpoint every few records."""

    store_class = FlatFileStore

    @pytest.fixture(autouse=True)
    def _small(self, monkeypatch):
        monkeypatch.setattr(Writer, "segment_bytes", 50_000)
        monkeypatch.setattr(Writer, "checkpoint_bytes", 7_000)
        monkeypatch.setattr("seealso_flatfile.compaction.BATCH_BYTES", 10_000)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def store(folder):
    store = open_store(folder)
    yield store
    store.close()


# The files


def test_what_it_adds_to_a_record_of_2560_bytes_is_under_two_percent(folder):
    store = open_store(folder, dim=640)
    for first in range(0, 10_000, 1000):
        store.put_many(np.arange(first, first + 1000), rows(range(first, first + 1000), 640))
    store.close()
    reopened = open_store(folder, dim=640, read_only=True)
    assert reopened.statistics()["bytes"] < 1.02 * 10_000 * 2560
    reopened.close()


def test_opening_changes_nothing(folder):
    open_store(folder).close()
    assert contents(folder) == {}
    writer = open_store(folder)
    put(writer, range(100))
    before = contents(folder)
    for only_read in (True, False):
        opened = open_store(folder, read_only=only_read)
        opened.get_many(np.arange(100))
        opened.verify()
        opened.close()
    assert contents(folder) == before
    writer.close()


def test_ids_far_apart_cost_a_page_each(store, folder):
    ids = np.unique(np.random.default_rng(1).integers(0, 2**63, 500))
    store.put_many(ids, rows(range(ids.size)))
    store.close()
    again = open_store(folder)
    assert np.array_equal(again.get_many(ids), rows(range(ids.size)))
    assert again.ids().tolist() == ids.tolist()
    assert (folder / "table-000001.bin").stat().st_size <= 4096 + 8192 * ids.size
    again.close()


def test_statistics_tell_what_compaction_would_give_back(store, folder):
    put(store, range(1000))
    assert store.statistics()["bytes_free"] == 0
    put(store, range(500))
    store.remove_many(np.arange(100))
    statistics = store.statistics()
    assert (statistics["objects"], statistics["segments"]) == (900, 1)
    assert statistics["bytes_free"] == 600 * 88 + 100 * 24
    assert statistics["bytes"] == sum(map(len, contents(folder).values()))
    store.compact(None, np.arange(1000))
    assert store.statistics()["bytes_free"] == 0


@pytest.mark.parametrize("checkpoint_bytes", [1000, 1 << 26])
def test_statistics_go_through_no_list_of_all_objects(folder, monkeypatch, checkpoint_bytes):
    """However many there are, however they were put, replaced and removed, by whom, and whatever is in the table by now."""
    monkeypatch.setattr(Writer, "checkpoint_bytes", checkpoint_bytes)
    monkeypatch.setattr(View, "parts", None)
    rng = np.random.default_rng(1)
    writer, reader = open_store(folder), open_store(folder, read_only=True)
    there = set()
    for turn in range(1, 60):
        some = np.unique(rng.integers(0, 300, 40))
        if turn % 3:
            put(writer, some)
            there |= set(some.tolist())
        else:
            writer.remove_many(some)
            there -= set(some.tolist())
        if turn % 10 == 9:
            writer.close()
            writer = open_store(folder)
        told = writer.statistics()
        assert told == reader.statistics()
        assert (told["objects"], told["ratio"]) == (len(there), 1)
        held = sum(path.stat().st_size for path in (folder / "segments").iterdir()) - told["bytes_free"]
        assert held == 16 * told["segments"] + 88 * len(there)
    writer.close()
    reader.close()


def test_counts_are_right_at_every_step_of_a_checkpoint(store, folder, monkeypatch):
    put(store, range(1000))
    store.close()
    writer, reader, late = open_store(folder), open_store(folder, read_only=True), []
    steps = []

    def looked_at(step, real):
        def wrapped(*arguments):
            done = real(*arguments)
            steps.append(step)
            late.append(open_store(folder, read_only=True))
            for opened in (reader, *late):
                assert opened.statistics()["objects"] == 1100
                assert opened.verify().problems == []
            return done

        return wrapped

    put(writer, range(900, 1100))
    monkeypatch.setattr("seealso_flatfile.writer.write_manifest", looked_at("manifest", manifest.write_manifest))
    monkeypatch.setattr(TableWriter, "put", looked_at("table", TableWriter.put))
    writer.close()
    assert steps == ["manifest", "table", "manifest"]
    for opened in (reader, *late):
        opened.close()


def test_a_checkpoint_that_begins_has_no_reader_read_again(store, folder, monkeypatch):
    put(store, range(1000))
    reader = open_store(folder, read_only=True)
    assert reader.ids().size == 1000
    scanned = []
    real = view.scan
    monkeypatch.setattr(view, "scan", lambda file, start, size: scanned.append(size - start) or real(file, start, size))
    monkeypatch.setattr(TableWriter, "put", lambda *_: scanned.clear() or reader.ids())
    store.close()
    assert sum(scanned) == 0
    reader.close()


def test_a_store_that_was_never_counted_is_counted_when_it_is_written_to(tmp_path):
    folder = tmp_path / "store"
    shutil.copytree(SAMPLES / "flat-file-1", folder)
    reader = open_store(folder, dim=3, read_only=True)
    assert reader.statistics()["objects"] == 3
    assert manifest.read_manifest(folder).counts is None
    writer = open_store(folder, dim=3)
    writer.put_many(np.array([3, 4]), rows([3, 4], 3))
    assert writer.statistics() == reader.statistics()
    writer.close()
    assert manifest.read_manifest(folder).counts == manifest.Counts(4, 4 * 40)
    assert reader.statistics()["objects"] == 4
    reader.close()


def test_a_store_that_was_never_counted_is_gone_through_once(tmp_path, monkeypatch):
    passes = []
    real = View.parts
    monkeypatch.setattr(View, "parts", lambda self: passes.append(1) or real(self))
    reader = open_store(SAMPLES / "flat-file-1", dim=3, read_only=True)
    for _ in range(3):
        assert reader.statistics()["objects"] == 3
    assert len(passes) == 1
    reader.close()


def test_wrong_counts_are_told_and_mended(store, folder):
    put(store, range(100))
    store.close()
    found = manifest.read_manifest(folder)
    manifest.write_manifest(folder, replace(found, counts=manifest.Counts(99, 5)))
    store = open_store(folder)
    assert store.statistics()["objects"] == 99
    assert store.verify().problems == [
        f"{folder}: 100 descriptors of 8800 bytes are there, and 99 of 5 are counted; `seealso maintain` counts anew"
    ]
    store.compact(None, np.arange(100))
    assert store.verify() == seealso.StoreReport(100)
    assert store.statistics()["objects"] == 100
    assert manifest.read_manifest(folder).counts == manifest.Counts(100, 8800)
    store.close()


def test_segments_follow_one_another(store, folder, monkeypatch):
    monkeypatch.setattr(Writer, "segment_bytes", 20_000)
    monkeypatch.setattr("seealso_flatfile.compaction.BATCH_BYTES", 5_000)
    reader = open_store(folder, read_only=True)
    for first in range(0, 2000, 50):
        put(store, range(first, first + 50))
        assert reader.ids().size == first + 50
    assert len(segments(folder)) > 5
    assert max(path.stat().st_size for path in (folder / "segments").iterdir()) <= 20_000
    assert reader.verify().checked == 2000
    store.compact(np.arange(2000)[::-1].copy(), np.arange(500, 2000))
    assert reader.ids().tolist() == list(range(500, 2000))
    assert len(segments(folder)) > 3
    reader.close()


def test_a_sample_of_format_1_opens(tmp_path):
    """Made by this code when the format was new; it has to open for ever."""
    shutil.copytree(SAMPLES / "flat-file-1", tmp_path / "store")
    for opened in (open_store(SAMPLES / "flat-file-1", dim=3, read_only=True), open_store(tmp_path / "store", dim=3)):
        assert opened.ids().tolist() == [1, 3, 1 << 40]
        assert np.array_equal(opened.get_many(np.array([1, 3, 1 << 40])), rows([1, 33, 7], 3))
        assert opened.verify().damaged == []
        opened.close()


@pytest.mark.parametrize("numbers", [(0, 0, 0), (1, 2, 3), (2**63 - 1, 2**64 - 1, 2**32 - 1)])
def test_the_check_is_the_same_for_arrays(numbers):
    arrays = [np.array([number], np.uint64) for number in numbers]
    assert files.fingerprint(*arrays).tolist() == [files.fingerprint(*numbers)]
    assert files.fingerprint(0, 0, 0) != 0


def test_every_flipped_bit_of_a_header_is_noticed():
    rng = np.random.default_rng(1)
    for _ in range(20):
        id_, length = int(rng.integers(0, 2**62)), int(rng.integers(0, 10_000))
        header = records.headers(np.array([id_]), np.array([length]), 0, np.array([7])).tobytes()
        for bit in range(8 * len(header)):
            changed = bytearray(header)
            changed[bit // 8] ^= 1 << bit % 8
            buffer = np.frombuffer(bytes(changed), np.uint8)
            assert not records.sound_headers(buffer, np.array([0]), np.array([id_]), np.array([length]))[0]


# Reading


def test_near_records_are_read_at_once(folder):
    store = open_store(folder, dim=1024)
    order = np.random.default_rng(1).permutation(3000)
    store.put_many(order, rows(order, 1024))
    near, far = np.arange(50), order[1000:1050]
    assert sum(block.reads for block in store.read_blocks(far)) < 5
    before = sum(block.reads for block in store.read_blocks(near))
    assert before > 40
    store.compact(np.arange(3000), np.arange(3000))
    assert sum(block.reads for block in store.read_blocks(near)) < 5
    store.close()


def test_plans_cover_everything_once():
    rng = np.random.default_rng(1)
    for block_bytes in (1, 1000, 100_000):
        lengths = rng.integers(0, 3000, 500)
        starts = np.cumsum(records.record_bytes(lengths) + rng.choice([0, 8, 20_000, 80_000], 500)) // 8 * 8
        chosen = np.sort(rng.choice(499, 200, replace=False))
        found = np.zeros(chosen.size, PLACE)
        found["start"], found["segment"] = starts[chosen] // 8, 1 + chosen // 100
        found["length"] = lengths[chosen + 1]
        made = reading.plans(chosen, found, block_bytes)
        assert np.concatenate([plan.ids for plan in made]).tolist() == chosen.tolist()
        for plan in made:
            assert plan.size == sum(size for *_, size in plan.reads)
            for id_, at, length in zip(plan.ids, plan.starts, plan.lengths, strict=True):
                where = np.flatnonzero(chosen == id_)[0]
                stop = at + records.record_bytes(length)
                ((start_, base, _),) = [r for r in plan.reads if r[1] <= at and stop <= r[1] + r[2]]
                assert plan.segment == found["segment"][where]
                assert start_ + at - base == 8 * int(found["start"][where])


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="the system forgets no file on request")
def test_what_is_not_cached_is_read_all_the_same(folder):
    store = open_store(folder, dim=1024)
    order = np.random.default_rng(1).permutation(3000)
    store.put_many(order, rows(order, 1024))
    store.flush()
    with segment(folder).open("rb") as file:
        # Some of it stays.
        os.posix_fadvise(file.fileno(), 2 << 20, 0, os.POSIX_FADV_DONTNEED)
    wanted = np.arange(0, 3000, 3)
    assert (store.get_many(wanted) == rows(wanted, 1024)).all()
    store.close()


def test_reading_can_be_given_up(folder):
    store = open_store(folder, dim=1024)
    store.put_many(np.arange(3000), rows(np.arange(3000), 1024))
    reads = store.read_blocks(np.arange(3000))
    assert next(reads).ids.size < 3000
    reads.close()
    assert (store.get_many(np.arange(9)) == rows(np.arange(9), 1024)).all()
    store.close()


# Compaction


def test_compaction_is_left_out_where_little_is_to_gain(store, folder):
    ids = np.arange(1000)
    put(store, ids)
    store.compact(None, ids[50:])
    store.compact(ids, ids[50:])
    assert segments(folder) == ["00000001.seg"]
    assert store.ids().tolist() == ids[50:].tolist()
    store.compact(ids[::-1].copy(), ids[50:])
    assert segments(folder) == ["00000002.seg"]
    store.compact(ids[::-1].copy(), ids[50:])
    assert segments(folder) == ["00000002.seg"]


def test_another_process_reads_during_compaction(store, folder, python):
    ids = np.arange(20_000)
    put(store, ids)
    code = """
    import pathlib
    opened, ids, turns = store(read_only=True), np.arange(0, 20_000, 3), 0
    print("open", flush=True)
    while turns < 3 or not (pathlib.Path(opened.context.directory) / "stop").exists():
        assert np.array_equal(opened.get_many(ids), rows(ids))
        found = 0
        for block in opened.read_blocks(ids):
            assert np.array_equal(block.decode(), rows(block.ids))
            found += block.ids.size
        assert found == ids.size, found
        turns += 1
    """
    with python.start("-c", script(folder, code)) as child:
        assert child.stdout.readline() == b"open\n"
        for turn in range(8):
            store.compact(np.random.default_rng(turn).permutation(ids), ids)
        (folder / "stop").touch()
        printed, errors = child.communicate(timeout=60)
    assert (child.returncode, printed) == (0, b""), errors
    assert segments(folder) == ["00000009.seg"]


# Where writing is not possible


def test_on_a_read_only_disk(store, folder):
    put(store, range(10))
    store.close()
    with read_only(folder):
        reader = open_store(folder, read_only=True)
        assert np.array_equal(reader.get_many(np.arange(10)), rows(range(10)))
        assert len(list(reader.read_blocks(np.arange(10)))) == 1
        reader.close()
        writer = open_store(folder)
        assert writer.ids().size == 10
        with pytest.raises(seealso.StoreError, match=r"the store flat-file failed: .*[Rr]ead-only"):
            put(writer, [11])
        assert writer.ids().size == 10
        writer.close()


def test_without_the_permission_to_write(store, folder):
    put(store, range(10))
    store.close()
    for path in [*folder.rglob("*"), folder]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        code = script(folder, "print(store(read_only=True).ids().size)")
        command = [*without_privileges(), sys.executable, "-W", "error", "-c", code]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, "10\n", "")
    finally:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_a_collection_in_it(tmp_path, make_photos, open_collection):
    photos = tmp_path / "photos"
    files = make_photos(photos, 30)
    collection = open_collection(store="flat-file")
    assert collection.index([photos]).added == 30
    assert collection.similar(3, k=5).hits[0].id == 3
    for path in files[:9]:
        path.unlink()
    collection.index([photos])
    collection.maintain()
    assert collection.verify().problems == []
    collection.close()
    again = open_collection()
    assert again.status()["store"]["objects"] == 21
    assert len(again.similar(int(again.ids()[0]), k=30).hits) == 21
