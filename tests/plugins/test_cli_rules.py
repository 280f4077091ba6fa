"""What is taken in and what stays out, on the command line: the rules of a scan, ``forget``, and dry runs."""

import json
import math
import re

import pytest
import yaml

from conftest import THUMBNAIL
from old_catalogues import make_old


@pytest.fixture(autouse=True)
def _no_lines_of_progress(monkeypatch):
    """However busy the machine is."""
    monkeypatch.setattr("seealso_cli.progress.SECONDS_BETWEEN_LINES", math.inf)
    monkeypatch.setattr("seealso.collection.intake.reading.SETTLED_NS", -1)


@pytest.fixture
def photos(tmp_path, make_photos):
    """Twelve photographs, with six thumbnails of a NAS in a folder between them; and a configuration."""
    make_photos(tmp_path / "p", 12)
    make_photos(tmp_path / "p" / "sub" / "@eaDir", 6, seed=3)
    configure(tmp_path)
    return tmp_path / "p"


def configure(folder, **settings: object) -> None:
    collection = {"path": "./c.seealso", "extractor": "thumbnail", **settings}
    document = {"plugins": [str(THUMBNAIL)], "collections": {"photos": collection}, "frontends": ["cli"]}
    (folder / "seealso.yaml").write_text(yaml.safe_dump(document))


def scan_line(call) -> str:
    (line,) = [line for line in call("status")[1].splitlines() if line.startswith("scan ")]
    return line.removeprefix("scan").strip()


def test_a_rule_holds_in_every_later_run(call, photos):
    """What a nightly timer runs has no options."""
    assert call("index", "p", "--exclude", "0001*")[1].startswith("11 new images (")
    for _ in range(2):
        assert call("index", "p")[1].startswith("nothing to do: 11 files unchanged")
    assert scan_line(call) == (
        "leaves out @eaDir, #recycle, $RECYCLE.BIN, __MACOSX, .Trash*, lost+found, 0001*; no hidden files"
    )
    assert call("index", "p", "--rules", "default")[1].startswith("1 new image, 11 unchanged")
    assert json.loads(call("status", "--json")[1])["scan"]["exclude"][-1] == "lost+found"


def test_what_is_left_out_later_is_dropped_in_one_line(call, photos):
    assert call("index", "p", "--rules", "none")[1].startswith("18 new images (")
    assert scan_line(call) == "leaves out no folder; no hidden files"
    status, out, err = call("index", "p", "--exclude", "@eaDir")
    assert (status, err) == (0, "")
    assert out.startswith("12 unchanged, 6 files left out by the rules, 6 images removed (")
    assert "@eaDir" not in call("similar", "p/0002-camera.jpg", "-k", "50")[1]
    assert call("index", "p")[1].startswith("nothing to do: 12 files unchanged")


def test_a_pattern_that_leaves_out_everything_is_refused(call, photos):
    call("index", "p")
    status, out, err = call("index", "p", "--exclude", "*")
    assert (status, out) == (1, "")
    assert err == (
        f"seealso: {photos}: these rules leave out 12 of the 12 images that were found there, which is more than half; nothing was "
        "changed (`--prune` goes by them all the same, and drops these)\n"
    )
    assert call("index", "p")[1].startswith("nothing to do: 12 files unchanged")
    assert "*;" not in scan_line(call).replace(".Trash*", "")
    assert "12 files left out by the rules, 12 images removed" in call("index", "p", "--exclude", "*", "--prune")[1]
    out = call("index", "p")[1]
    assert out.startswith(
        "no image files were found; the collection's rules leave out 13 files or folders (see `seealso"
    )


def test_a_rule_of_the_configuration_that_leaves_out_everything(call, photos, tmp_path):
    call("index", "p")
    configure(tmp_path, scan={"exclude": ["*"]})
    status, _, err = call("index", "p")
    assert status == 0
    assert err == (
        f"seealso: warning: {photos}: the rules of the scan leave out more than half of what was found there; nothing below it was "
        "dropped (`--prune` drops it)\n"
    )
    assert json.loads(call("status", "--json")[1])["objects"] == 12


def test_rules_of_the_configuration_are_shown(call, photos, tmp_path):
    configure(tmp_path, scan={"exclude": ["thumbs"], "include": ["*.jpg"], "hidden": True})
    call("index", "p", "--exclude", "0001*")
    assert scan_line(call) == "only *.jpg; leaves out thumbs, 0001*; hidden files, too"
    shown = yaml.safe_load(call("config", "show")[1])["collections"]["photos"]["scan"]
    assert shown == {"include": ["*.jpg"], "exclude": ["thumbs", "0001*"], "hidden": True}
    status, _, err = call("index", "p", "--no-hidden")
    assert (status, err) == (1, "seealso: the configuration says `scan: {hidden: true}`; change it there\n")


def test_an_older_collection_is_told_once_a_run(call, photos, tmp_path):
    call("index", "p", "--rules", "none")
    make_old(tmp_path / "c.seealso", 4)
    for _ in range(2):
        status, out, err = call("index", "p")
        assert status == 0
        assert out.startswith("nothing to do: 18 files unchanged")
        (line,) = err.splitlines()
        assert line.startswith("seealso: warning: 6 files lie in folders that a new collection leaves out (@eaDir, ")
        assert "`seealso index --rules default PATH…`" in line
    (better,) = [line for line in call("status")[1].splitlines() if line.startswith("better")]
    assert better.startswith(
        "better       scan.exclude @eaDir, #recycle, $RECYCLE.BIN, __MACOSX, .Trash*, lost+found, by now"
    )
    assert call("index", "p", "--rules", "default")[1].startswith("12 unchanged, 6 files left out by the rules")
    assert call("index", "p")[2] == ""
    assert "better" not in call("status")[1]


@pytest.mark.parametrize("option", ["--include", "--exclude"])
def test_an_empty_pattern_is_refused(call, photos, option):
    status, _, err = call("index", "p", option, "")
    assert status == 2
    assert "a pattern is empty" in err


def test_forget(call, photos):
    call("index", "p")
    status, out, err = call("forget", "p/0003-cell.jpg", "5", "id:6")
    assert (status, err) == (0, "")
    assert out == "3 images forgotten, found at 3 places; `seealso forget --undo` lets them come in again\n"
    assert "forgotten    3 images (see `seealso forget --list`)" in call("status")[1]
    out = call("index", "p")[1]
    assert out.startswith("nothing to do: 9 files unchanged; 3 files forgotten before (see `seealso forget --list`) (")
    listed = call("forget", "--list")[1].splitlines()
    assert len(listed) == 3
    assert any(re.fullmatch(rf"5\t\d{{4}}-\d\d-\d\d \d\d:\d\d\t{photos}/0004-chelsea.jpg", line) for line in listed)
    found = json.loads(call("forget", "--list", "--json")[1])["forgotten"]
    assert sorted(each["id"] for each in found) == [4, 5, 6]
    assert set(found[0]) == {"id", "sha256", "locations", "time"}


def test_forget_is_undone(call, photos):
    call("index", "p")
    call("forget", "4", "5", "6")
    assert call("forget", "--undo", "p/0003-cell.jpg")[1] == (
        "1 image forgotten no more; `seealso index PATH…` takes in what it finds of them\n"
    )
    assert call("index", "p")[1].startswith("1 new image, 9 unchanged; 2 files forgotten before")
    assert json.loads(call("forget", "--undo", "--json")[1]) == {"objects": 2}
    assert call("index", "p")[1].startswith("2 new images, 10 unchanged (")
    assert call("forget", "--list") == (0, "", "nothing was forgotten\n")


def test_index_again(call, photos):
    call("index", "p")
    assert json.loads(call("forget", "4", "--json")[1]) == {"objects": 1, "locations": 1, "elsewhere": 0}
    assert call("index", "p", "--again")[1].startswith("1 new image, 11 unchanged (")


def test_a_folder_with_copies_of_what_lies_elsewhere(call, photos):
    call("index", "p")
    copies = photos / "copies"
    copies.mkdir()
    for name in ("0000-astronaut.jpg", "0001-brick.jpg"):
        (copies / name).write_bytes((photos / name).read_bytes())
    call("index", "p")
    status, out, err = call("forget", "p/copies")
    assert (status, out.split(",")[0]) == (0, "0 images forgotten")
    assert err == "2 images found elsewhere, too, and kept; an ID or a file forgets it everywhere\n"


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ((), 2, "say what to forget: an ID or a PATH; or --list, or --undo"),
        (("--list", "3"), 2, "--list goes alone"),
        (("--list", "--undo"), 2, "--list goes alone"),
        (("",), 2, "a path is empty"),
        (("99",), 1, "there is no object 99 in the collection photos"),
        (("nowhere.jpg",), 1, "nowhere.jpg: nothing of the collection photos was found there"),
        (("--undo", "3"), 1, "object 3: no image was forgotten by that name; `seealso forget --list` lists all"),
    ],
)
def test_what_cannot_be_forgotten(call, photos, arguments, status, said):
    call("index", "p")
    found, out, err = call("forget", *arguments)
    assert (found, out) == (status, "")
    assert err.splitlines()[-1].endswith(said)


def test_a_dry_run_says_what_would_be_done(call, photos, tmp_path):
    status, out, err = call("index", "p", "--dry-run")
    assert (status, err) == (0, "")
    assert re.fullmatch(
        r"12 new images, 1 file or folder passed over by the rules; this was a dry run: nothing was written \(\d+\.\d s\)\n",
        out,
    )
    assert not (tmp_path / "c.seealso").exists()
    call("index", "p")
    call("forget", "3")
    (photos / "0000-astronaut.jpg").unlink()
    (photos / "0003-cell.jpg").rename(photos / "moved.jpg")
    out = call("index", "p", "--dry-run", "--exclude", "0001*")[1]
    assert out.startswith(
        "1 file moved or copied, 8 unchanged, 2 files gone, 1 file left out by the rules, 1 file forgotten before, "
        "2 files or folders passed over by the rules; this was a dry run"
    )
    run = json.loads(call("index", "p", "--dry-run", "--exclude", "0001*", "--json")[1])
    assert (run["moved"], run["gone"], run["excluded"], run["forgotten"]) == (1, 2, 1, 1)
    assert "0001*" not in scan_line(call)


def test_a_dry_run_fails_as_the_run_would(call, photos):
    status, out, err = call("index", "p", "nowhere", "--dry-run")
    assert (status, err) == (1, f"seealso: {photos.parent}/nowhere: there is no such file or folder\n")
    assert out.startswith("12 new images")
    assert call("index", "p", "--dry-run", "--keywords", "none")[0] == 2
