"""What goes wrong at people's homes: each gives a clear line and the right exit status, and nothing is lost."""

import json
import os
import re
import shutil
import sqlite3
import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import seealso
from conftest import THUMBNAIL, read_only, small_disk, without_privileges
from warm_python import WarmPython

PROGRESS = re.compile(r"\d+ of [\d,]+ files, ")


@pytest.fixture
def home(tmp_path, make_photos):
    make_photos(tmp_path / "photos", 20)
    (tmp_path / "seealso.yaml").write_text(
        f"plugins: [{THUMBNAIL}]\ncollections:\n  photos: {{path: ./disk/c.seealso, extractor: thumbnail}}\n"
    )
    (tmp_path / "disk").mkdir(exist_ok=True)
    return tmp_path


@pytest.fixture
def run(python):
    """Run a command."""

    def run(home: Path, *arguments: str | bytes) -> subprocess.CompletedProcess[str]:
        return python.seealso(*arguments, cwd=home)

    return run


@pytest.fixture(scope="module")
def run_bound(tmp_path_factory):
    """Run a command that permissions bind."""
    with WarmPython(tmp_path_factory.mktemp("p"), prefix=without_privileges()) as python:
        yield lambda home, *arguments: python.seealso(*arguments, cwd=home, timeout=120)


def failed(done: subprocess.CompletedProcess, *expected: str) -> None:
    """It ended with status 1, and with one line that says so, after those that tell how far it is."""
    assert done.returncode == 1
    assert len([line for line in done.stderr.splitlines() if not PROGRESS.match(line)]) == 1, done.stderr
    for part in expected:
        assert part in done.stderr


def bomb() -> bytes:
    head = b"IHDR" + struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + head
        + struct.pack(">I", zlib.crc32(head))
        + b"\0\0\0\0IEND\xaeB`\x82"
    )


def test_files_of_every_sort_in_one_folder(home, run):
    """The good are taken, the bad are named with their reason, and the run goes on to its end."""
    photos = home / "photos"
    image = Image.open(sorted(photos.iterdir())[0])
    image.convert("CMYK").save(photos / "cmyk.jpg")
    image.convert("P").save(photos / "palette.png")
    image.convert("RGBA").save(photos / "alpha.webp")
    Image.fromarray(np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)).save(photos / "deep.png")
    image.save(photos / "animated.gif", save_all=True, append_images=[image.rotate(90)])
    exif = Image.Exif()
    exif[0x0112] = 6
    image.rotate(33).save(photos / "turned.jpg", exif=exif)
    good = len(list(photos.iterdir()))
    (photos / "zero.jpg").touch()
    (photos / "truncated.jpg").write_bytes(sorted(photos.iterdir())[3].read_bytes()[:800])
    (photos / "text.jpg").write_text("dear diary")
    (photos / "bomb.png").write_bytes(bomb())
    (photos / "broken.jpg").symlink_to("nowhere.jpg")
    (photos / "loop.jpg").symlink_to("loop.jpg")
    (photos / "around").symlink_to(photos)
    odd = [b"new\nline.jpg", b" spaces .jpg", "🐈 ümlaut.jpg".encode(), b"\xff\xfe\xe9.jpg", b"-k.jpg", b"'quote\".jpg"]
    for number, name in enumerate(odd):
        with open(os.fsencode(photos) + b"/" + name, "wb") as file:
            image.rotate(number + 1).save(file, "JPEG")
    done = run(home, "index", "photos", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert (report["added"], report["failed"]) == (good + len(odd), 6)
    reasons = {
        os.path.basename(each["path"]): each["reason"]
        for each in json.loads(run(home, "failures", "--json").stdout)["failures"]
    }
    assert set(reasons) == {"zero.jpg", "truncated.jpg", "text.jpg", "bomb.png", "broken.jpg", "loop.jpg"}
    assert reasons["zero.jpg"] == "the file is empty"
    assert "truncated" in reasons["truncated.jpg"]
    assert "30000 × 30000 pixels; the limit is" in reasons["bomb.png"]
    assert "something that is not there" in reasons["broken.jpg"]
    assert "leads back to itself" in reasons["loop.jpg"]
    assert run(home, "verify").returncode == 0
    for name in odd:
        done = run(home, "similar", b"photos/" + name, "-k", "1", "-0")
        assert os.fsencode(done.stdout) == os.fsencode(photos) + b"/" + name + b"\0"
    assert "nothing to do" in run(home, "index", "photos").stdout


def test_what_may_not_be_read(home, run, run_bound):
    photos = home / "photos"
    secret = photos / "secret.jpg"
    secret.write_bytes(sorted(photos.iterdir())[0].read_bytes() + b"\0")
    (photos / "locked").mkdir()
    (photos / "locked" / "a.jpg").write_bytes(sorted(photos.iterdir())[1].read_bytes() + b"\0")
    assert run(home, "index", "photos").returncode == 0
    secret.chmod(0)
    (photos / "locked").chmod(0)
    try:
        done = run_bound(home, "index", "photos")
        assert done.returncode == 0
        assert "2 files failed" in done.stdout
        listed = run_bound(home, "failures").stdout
        assert f"{secret}\tcannot be read: Permission denied" in listed
        assert f"{photos}/locked\tthe folder cannot be read: Permission denied" in listed
        # What cannot be read is not gone.
        assert json.loads(run(home, "status", "--json").stdout)["objects"] == 22
        failed(run_bound(home, "index", "photos/secret.jpg"), "secret.jpg: cannot be read")
        failed(run_bound(home, "index", "photos/locked"), "the folder cannot be read")
    finally:
        (photos / "locked").chmod(0o755)
        secret.chmod(0o644)
    done = run(home, "index", "photos")
    assert done.returncode == 0
    assert run(home, "failures").stdout == ""
    assert json.loads(run(home, "status", "--json").stdout)["objects"] == 22


def test_a_folder_that_may_be_listed_but_not_entered(home, run, run_bound):
    locked = home / "photos" / "locked"
    locked.mkdir()
    image = Image.open(home / "photos" / "0003-cell.jpg")
    for turn in (1, 2):
        image.rotate(turn).save(locked / f"{turn}.jpg")
    try:
        locked.chmod(0o444)
        for retry in ([], ["failures", "--retry"]):
            assert "2 files failed" in run_bound(home, *(retry or ["index", "photos"])).stdout
            listed = run_bound(home, "failures").stdout
            assert listed == "".join(f"{locked}/{turn}.jpg\tcannot be read: Permission denied\n" for turn in (1, 2))
        failed(run_bound(home, "index", f"{locked}/1.jpg"), "1.jpg: cannot be read: Permission denied")
        locked.chmod(0)
        run_bound(home, "index", "photos")
        run_bound(home, "failures", "--retry")
        assert f"{locked}\tthe folder cannot be read" in run_bound(home, "failures").stdout
    finally:
        locked.chmod(0o755)
    assert "2 new images" in run(home, "failures", "--retry").stdout
    assert run(home, "failures").stdout == ""


def test_a_read_only_disk(home, run):
    run(home, "index", "photos")
    expected = run(home, "similar", "id:3", "-k", "5", "--paths").stdout
    query = home / "query.png"
    Image.open(home / "photos" / "0003-cell.jpg").rotate(5).save(query)
    by_file = run(home, "similar", str(query), "-k", "5", "--paths").stdout
    with read_only(home / "disk"):
        assert run(home, "similar", "id:3", "-k", "5", "--paths").stdout == expected
        assert run(home, "similar", str(query), "-k", "5", "--paths").stdout == by_file
        for command in (["status"], ["verify"], ["show", "3"], ["random"], ["failures"]):
            done = run(home, *command)
            assert (done.returncode, done.stderr) in ((0, ""), (0, "no failures\n")), done.stderr
        for command in (["index", "photos"], ["maintain"], ["rebuild"]):
            failed(run(home, *command), "the collection cannot be written: it lies on a read-only disk")
        done = run(home, "similar", "id:3", "--sheet", "disk/sheet.png")
        failed(done, "disk/sheet.png: the contact sheet cannot be written: Read-only file system; name another place")
    assert run(home, "index", "photos").returncode == 0


def test_a_read_only_disk_with_an_unfinished_log(home, run, python):
    """The process that wrote the collection was killed, so SQLite's log was not folded in; then the disk was mounted."""
    collection = home / "disk" / "c.seealso"
    code = (
        "import os, sys, seealso\n"
        f"c = seealso.open({str(collection)!r}, plugins=[{str(THUMBNAIL)!r}], extractor='thumbnail')\n"
        "c.index(['photos'])\n"
        "os.kill(os.getpid(), 9)\n"
    )
    assert python.run("-c", code, cwd=home).returncode == -9
    assert (collection / "catalog.sqlite3-wal").stat().st_size > 0
    (collection / "catalog.sqlite3-shm").unlink()
    with read_only(home / "disk"):
        done = run(home, "similar", "id:3", "-k", "100", "--paths")
        assert (done.returncode, done.stderr) == (0, "")
        assert len(done.stdout.splitlines()) == 20
    assert json.loads(run(home, "status", "--json").stdout)["objects"] == 20


def test_without_the_permission_to_write(home, run, run_bound):
    run(home, "index", "photos")
    collection = home / "disk" / "c.seealso"
    everything = [collection, *collection.rglob("*")]
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        done = run_bound(home, "similar", "id:3", "--paths")
        assert (done.returncode, len(done.stdout.splitlines())) == (0, 10), done.stderr
        failed(run_bound(home, "index", "photos"), "the collection cannot be written", "permission")
    finally:
        for path in everything:
            path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.mark.slow
def test_a_full_disk(home, make_photos, run):
    (home / "disk").rmdir()
    contents = {path.read_bytes() for path in make_photos(home / "photos", 700)}
    with small_disk(home / "disk", megabytes=0.5):
        done = run(home, "index", "photos")
        failed(done, "the disk is full; make room and run the command again, nothing is lost")
        done = run(home, "status", "--json")
        if done.returncode == 0:
            kept = json.loads(done.stdout)["objects"]
            assert run(home, "verify").returncode == 0
            assert len(run(home, "random", "-n", "5000", "--paths").stdout.splitlines()) == kept
        subprocess.run(["mount", "-o", "remount,size=64m", str(home / "disk")], check=True)
        assert run(home, "index", "photos").returncode == 0
        assert json.loads(run(home, "status", "--json").stdout)["objects"] == len(contents)
        assert run(home, "verify").returncode == 0


def test_two_ingests_at_once(home, run, python):
    (home / "slow.py").write_text(
        "import sys, seealso\n@seealso.hookimpl\n"
        "def ingested(batch):\n    print('at it', flush=True)\n    sys.stdin.read()\n"
    )
    text = (home / "seealso.yaml").read_text()
    (home / "slow.yaml").write_text(text.replace("plugins: [", "plugins: [./slow.py, "))
    with python.start(
        *("-m", "seealso_cli", "--config", "slow.yaml", "index", "photos"), cwd=home, stdin=subprocess.PIPE
    ) as first:
        # What a plugin prints is not the program's.
        assert first.stderr.readline() == b"at it\n"
        # It is at it until it is told: these do not wait.
        failed(run(home, "index", "photos"), f"is being written to by process {first.pid}", "wait until it is done")
        done = run(home, "similar", "id:1", "--paths")
        assert done.returncode == 0, done.stderr
        first.stdin.close()
        assert first.wait(60) == 0
    assert run(home, "index", "photos").returncode == 0
    assert run(home, "verify").returncode == 0


def test_a_collection_of_a_newer_format(home, run):
    run(home, "index", "photos")
    connection = sqlite3.connect(home / "disk" / "c.seealso" / "catalog.sqlite3")
    connection.execute("PRAGMA user_version = 7")
    connection.close()
    for command in (["index", "photos"], ["similar", "id:1"], ["status"]):
        failed(run(home, *command), "was made by a newer seealso (format 7", "upgrade seealso")


def test_a_collection_with_a_damaged_record(home, run):
    run(home, "index", "photos")
    connection = sqlite3.connect(home / "disk" / "c.seealso" / "catalog.sqlite3")
    connection.execute("UPDATE meta SET value = '{' WHERE key = 'provenance'")
    connection.commit()
    connection.close()
    failed(
        run(home, "similar", "id:1"),
        "these settings fail their checksums: provenance; restore the catalogue from a backup",
    )


def test_the_folder_of_the_store_is_gone(home, run):
    run(home, "index", "photos")
    shutil.rmtree(home / "disk" / "c.seealso" / "store")
    for command in (["similar", "id:1"], ["index", "photos"], ["status"], ["maintain"]):
        failed(
            run(home, *command), "the folder of the descriptors is missing", "restore it", "seealso maintain --force"
        )
    # What the message says.
    (home / "disk" / "c.seealso" / "store").mkdir()
    assert run(home, "maintain", "--force").returncode == 0
    assert "20 new images" in run(home, "index", "photos").stdout
    assert run(home, "verify").returncode == 0


def test_a_store_that_is_cut_short(home, run):
    run(home, "index", "photos")
    (file,) = (home / "disk" / "c.seealso" / "store").rglob("*.seg")
    os.truncate(file, file.stat().st_size // 2)
    failed(run(home, "similar", "id:20"), "the stored descriptor of ID 20 fails its checksum; run `seealso verify`")
    done = run(home, "similar", "id:1", "-k", "20", "--paths")
    assert done.returncode == 0
    assert 5 < len(done.stdout.splitlines()) < 15
    done = run(home, "verify")
    assert done.returncode == 1
    assert re.search(r"\d+ of 20 descriptors are damaged: .*; else restore it from a backup", done.stderr)
    failed(run(home, "maintain"), "of 20 descriptors are damaged", "`seealso maintain --force`")
    assert run(home, "maintain", "--force").returncode == 0
    assert "new images" in run(home, "index", "photos").stdout
    assert run(home, "verify").returncode == 0


def test_a_store_lmdb_that_is_cut_short(home, run):
    text = (home / "seealso.yaml").read_text()
    (home / "seealso.yaml").write_text(text.replace("thumbnail}", "thumbnail, store: lmdb}"))
    run(home, "index", "photos")
    (file,) = (home / "disk" / "c.seealso" / "store").rglob("data.mdb")
    os.truncate(file, file.stat().st_size // 2)
    for command in (["similar", "id:1"], ["index", "photos"], ["status"], ["verify"]):
        failed(run(home, *command), "data.mdb is cut short", "restore it from a backup")


def test_a_collection_whose_making_was_interrupted(home, run):
    collection = home / "disk" / "c.seealso"
    (collection / "store").mkdir(parents=True)
    (collection / "write.lock").touch()
    (collection / "catalog.sqlite3.new").write_bytes(b"half")
    for command in (["status"], ["similar", "id:1"], ["maintain"]):
        failed(
            run(home, *command), "the making of the collection at", "was interrupted; `seealso index PATH…` finishes"
        )
    assert "20 new images" in run(home, "index", "photos").stdout
    assert run(home, "verify").returncode == 0


def test_the_catalogue_is_gone(home, run):
    """The store may not be gone on with: its descriptors have the IDs that would be given again."""
    run(home, "index", "photos")
    catalogue = home / "disk" / "c.seealso" / "catalog.sqlite3"
    backup = catalogue.read_bytes()
    catalogue.unlink()
    for command in (["index", "photos"], ["similar", "id:1"], ["status"], ["maintain"]):
        failed(run(home, *command), "the catalogue is missing", "restore the catalogue from a backup, or move")
    # What the message says.
    catalogue.write_bytes(backup)
    assert run(home, "verify").returncode == 0
    shutil.rmtree(home / "disk" / "c.seealso")
    assert "20 new images" in run(home, "index", "photos").stdout


def test_a_damaged_index_is_built_anew(home, run):
    run(home, "index", "photos")
    for file in (home / "disk" / "c.seealso" / "index").rglob("*"):
        if file.is_file() and file.name == "pivots.npy":
            file.write_bytes(b"rubbish")
    done = run(home, "similar", "id:3", "-k", "100", "--paths")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 20
    assert "cannot be used" in done.stderr
    assert run(home, "rebuild").returncode == 0
    assert run(home, "similar", "id:3").stderr == ""


def test_another_store_or_distance_for_a_collection_that_exists(home, run):
    run(home, "index", "photos")
    plain = Path(__file__).parent.parent / "samples" / "plain.py"
    text = (home / "seealso.yaml").read_text()
    (home / "store.yaml").write_text(
        text.replace("plugins: [", f"plugins: [{plain}, ").replace("thumbnail}", "thumbnail, store: plain}")
    )
    failed(
        run(home, "--config", "store.yaml", "similar", "id:1"),
        "keeps its descriptors in the store flat-file, not plain",
    )
    # Another index or distance is another way to look at the same descriptors.
    (home / "other.yaml").write_text(
        text.replace("plugins: [", f"plugins: [{plain}, ").replace(
            "thumbnail}", "thumbnail, index: pivot, distance: manhattan}"
        )
    )
    done = run(home, "--config", "other.yaml", "similar", "id:1", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["hits"][0]["id"] == 1
    (home / "bits.yaml").write_text(text.replace("thumbnail}", "thumbnail, distance: hamming}"))
    failed(
        run(home, "--config", "bits.yaml", "similar", "id:1"), "the distance hamming takes uint8", "another `distance:`"
    )


def test_the_collection_lies_in_the_way(home, run):
    (home / "disk" / "c.seealso").write_text("a file")
    failed(run(home, "index", "photos"), "c.seealso")
    failed(run(home, "status"), "is not a seealso collection")


def test_moved_to_another_place(home, run):
    """A collection is a directory: it may be moved, and holds what made it."""
    run(home, "index", "photos")
    (home / "disk" / "c.seealso").rename(home / "moved")
    with seealso.open(home / "moved", plugins=[THUMBNAIL]) as collection:
        assert collection.provenance.plugin == "thumbnail"
        assert len(collection.similar(3, 5).hits) == 5
    with (
        seealso.open(home / "moved") as collection,
        pytest.raises(seealso.PluginError, match="no extractor named 'thumbnail'"),
    ):
        collection.index([home / "photos"])
