"""The command ``duplicates``, and neighbours that are folded."""

import json
import math
import os
import shutil

import pytest
from PIL import Image

import seealso
from conftest import THUMBNAIL


@pytest.fixture(autouse=True)
def _no_lines_of_progress(monkeypatch):
    """However busy the machine is."""
    monkeypatch.setattr("seealso_cli.progress.SECONDS_BETWEEN_LINES", math.inf)


@pytest.fixture
def indexed(call, tmp_path, make_photos):
    """A collection of eight photographs; of the fifth there are two smaller copies, of the second two files."""
    photos = make_photos(tmp_path / "photos", 8)
    for name, side in (("half.png", 48), ("small.png", 40)):
        Image.open(photos[4]).resize((side, side * 3 // 4)).save(tmp_path / "photos" / name)
    shutil.copy(photos[1], tmp_path / "photos" / "again.jpg")
    (tmp_path / "seealso.yaml").write_text(
        f"plugins: [{THUMBNAIL}]\n"
        "collections: {photos: {path: ./c.seealso, extractor: thumbnail, distance: euclidean}}\nfrontends: [cli]\n"
    )
    assert call("index", "photos")[0] == 0
    return call


def sizes(tmp_path, *names):
    return sum(os.path.getsize(tmp_path / "photos" / name) for name in names)


def copied(tmp_path):
    """The names of the one with copies, and of the one with two files."""
    names = sorted(path.name for path in (tmp_path / "photos").glob("000*.jpg"))
    return names[4], names[1]


def test_lines_for_scripts(indexed, tmp_path):
    first, second = copied(tmp_path)
    status, out, err = indexed("duplicates", "--within", "200")
    rows = [line.split("\t") for line in out.splitlines()]
    assert status == 0
    assert sorted(row[2] for row in rows if row[5].endswith(".png")) == ["40x30", "48x36"]
    by_group = {number: [os.path.basename(row[5]) for row in rows if row[0] == number] for number in ("1", "2")}
    assert {tuple(sorted(group)) for group in by_group.values()} == {
        tuple(sorted([first, "half.png", "small.png"])),
        tuple(sorted([second, "again.jpg"])),
    }
    (copies,) = [group for group in by_group.values() if len(group) == 3]
    assert copies[0] == first
    assert [row[4] for row in rows if os.path.basename(row[5]) == first] == ["0.0000"]
    assert err.startswith("2 groups of 5 files among 10 images (within 200); ")


def test_one_json_document(indexed, tmp_path):
    first, second = copied(tmp_path)
    document = json.loads(indexed("duplicates", "--within", "80%", "--json")[1])
    assert (document["count"], document["files"], document["likeness"], document["mirrored"]) == (2, 5, 80, False)
    (copies,) = [group for group in document["groups"] if len(group["images"]) == 3]
    assert copies["spare"] == sizes(tmp_path, "half.png", "small.png")
    assert [image["largest"] for image in copies["images"]] == [True, False, False]
    assert copies["images"][0]["distance"] == 0 < copies["spread"]
    assert (copies["images"][0]["width"], copies["images"][0]["bytes"]) == (96, sizes(tmp_path, first))
    (twice,) = [group for group in document["groups"] if len(group["images"]) == 1]
    paths = [os.path.basename(each["path"]) for each in twice["images"][0]["locations"]]
    assert (paths, twice["files"], twice["spread"]) == ([second, "again.jpg"], 2, 0)
    assert document["spare"] == copies["spare"] + twice["spare"]


@pytest.mark.slow
def test_paths_alone(indexed, tmp_path):
    status, out, _ = indexed("duplicates", "--within", "200", "--paths")
    groups = [group.splitlines() for group in out.split("\n\n")]
    assert (status, sorted(map(len, groups))) == (0, [2, 3])
    _, out, _ = indexed("duplicates", "--within", "200", "--paths", "--others")
    assert out.splitlines() == [path for group in groups for path in group[1:]]
    assert all(os.path.exists(path) for path in out.splitlines())
    _, out, _ = indexed("duplicates", "--within", "200", "-0")
    assert [group.split("\0") for group in out.removesuffix("\0").split("\0\0")] == groups
    assert indexed("duplicates", "--json", "--paths")[0] == 2


def test_lines_for_people(indexed, tmp_path, monkeypatch):
    monkeypatch.setattr("seealso_cli.duplicates.for_people", lambda: True)
    first, _ = copied(tmp_path)
    out = indexed("duplicates", "--within", "200")[1]
    assert "3 files, " in out
    assert "2 files, " in out
    assert " to spare, the same bytes\n" in out
    (line,) = [line for line in out.splitlines() if line.endswith(f"{first} (the largest)")]
    assert "96 × 72" in line


@pytest.mark.slow
def test_mirror_images_are_marked(indexed, tmp_path, monkeypatch):
    monkeypatch.setattr("seealso_cli.duplicates.for_people", lambda: True)
    first, _ = copied(tmp_path)
    image = Image.open(tmp_path / "photos" / first)
    image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((80, 60)).save(tmp_path / "photos" / "mirror.png")
    assert indexed("index", "photos")[0] == 0
    assert "mirror.png" not in indexed("duplicates", "--within", "4000")[1]
    assert "mirror.png (mirrored)\n" in indexed("duplicates", "--within", "4000", "--mirrored")[1]


@pytest.mark.parametrize("within", ["-1", "0%", "101%", "-5%", "near", "nan", ""])
def test_what_is_no_distance_and_no_likeness_is_one_line(indexed, within):
    status, out, err = indexed("duplicates", f"--within={within}")
    assert (status, out) == (2, "")
    assert "Invalid value for '--within'" in err


def test_where_there_is_nothing(indexed, call, tmp_path):
    assert indexed("duplicates", "--within", "100%")[1].count("\n") == 2
    for path in (tmp_path / "photos").iterdir():
        if path.name in ("again.jpg", "half.png", "small.png"):
            path.unlink()
    indexed("index", "--prune", "photos")
    status, out, err = indexed("duplicates", "--within", "0.01")
    assert (status, out) == (0, "")
    assert err == "no duplicates among 8 images (within 0.01)\n"
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.yaml").write_text(
        f"plugins: [{THUMBNAIL}]\ncollections: {{photos: {{path: ./empty.seealso, extractor: thumbnail}}}}\n"
    )
    status, _, err = call("--config", "empty.yaml", "duplicates")
    assert status == 1
    assert err.count("\n") == 1
    assert call("--config", "empty.yaml", "index", "empty")[0] == 0
    assert call("--config", "empty.yaml", "duplicates") == (
        0,
        "",
        "the collection is empty; `seealso index PATH…` takes images in\n",
    )
    assert json.loads(call("--config", "empty.yaml", "duplicates", "--json")[1])["groups"] == []


def test_neighbours_are_folded(indexed, tmp_path):
    first, _ = copied(tmp_path)
    plain = json.loads(indexed("similar", f"photos/{first}", "-k", "3", "--json")[1])["hits"]
    with seealso.open(
        tmp_path / "c.seealso", plugins=[THUMBNAIL], extractor="thumbnail", distance="euclidean"
    ) as opened:
        likeness = opened.likeness()
    assert likeness.percent(plain[2]["distance"]) > seealso.NEARLY_THE_SAME.likeness
    folded = json.loads(indexed("similar", f"photos/{first}", "-k", "3", "--fold", "--json")[1])["hits"]
    assert folded[0]["folded"] == [plain[1]["id"], plain[2]["id"]]
    assert len(folded) == 3
    line = indexed("similar", f"photos/{first}", "-k", "3", "--fold")[1].splitlines()[0]
    assert line.endswith("(the query itself) (2 nearly the same)")
