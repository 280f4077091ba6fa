"""The command line: what scripts rely on, and what people are told."""

import fcntl
import json
import math
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

import seealso
from conftest import COLOUR_WORDS, SAMPLES, THUMBNAIL
from plugins import flatfile_files
from seealso.collection.parts.advice import Advice
from seealso_cli.app import run
from seealso_cli.output import printable, size
from seealso_cli.session import Session
from seealso_cli.sheet import draw_sheet
from seealso_lmdb.store import LmdbStore

SEEALSO = [sys.executable, "-W", "error", "-m", "seealso_cli"]
UNDECODABLE = b"caf\xe9 \xff.jpg"


@pytest.fixture
def home(tmp_path, monkeypatch, make_photos):
    """A folder of photographs, and a configuration with the cheap extractor, in the current directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("seealso.collection.intake.reading.SETTLED_NS", -1)
    make_photos(tmp_path / "photos", 20)
    (tmp_path / "seealso.yaml").write_text(
        f"plugins: [{THUMBNAIL}]\ncollections:\n  photos: {{path: ./c.seealso, extractor: thumbnail}}\nfrontends: [cli]\n"
    )
    return tmp_path


@pytest.fixture
def call(home, capfdbinary):
    """Run a command line in this process; gives exit status, standard output and standard error."""

    def call(*arguments: str) -> tuple[int, str, str]:
        with Session() as session:
            status = run(arguments, session)
        found = capfdbinary.readouterr()
        return status, os.fsdecode(found.out), found.err.decode()

    return call


@pytest.fixture
def indexed(call):
    assert call("index", "photos")[0] == 0
    return call


def test_index_says_what_it_did(call, home):
    status, out, err = call("index", "photos")
    assert (status, err) == (0, "")
    assert re.fullmatch(r"20 new images \(\d+\.\d s\)\n", out)
    os.rename(home / "photos" / "0003-cell.jpg", home / "photos" / "moved.jpg")
    (home / "photos" / "0004-chelsea.jpg").unlink()
    (home / "photos" / "text.jpg").write_text("text")
    status, out, _ = call("index", "photos")
    assert status == 0
    assert "1 file moved or copied" in out
    assert "2 files gone, 1 image removed, 1 file failed (see `seealso failures`)" in out
    status, out, _ = call("index", "photos")
    assert (status, out[: out.index(" (")]) == (0, "nothing to do: 19 files unchanged; 1 file failed before")


def test_index_json(call):
    status, out, _ = call("index", "photos", "--json")
    report = json.loads(out)
    assert status == 0
    assert (report["added"], report["files"], report["changed"]) == (20, 20, True)


def test_index_exit_status_and_messages(call, home):
    (home / "empty").mkdir()
    assert call("index", "empty")[:2] == (0, call("index", "empty")[1])
    assert call("index", "empty")[1].startswith("no image files were found")
    status, _, err = call("index", "photos", "nowhere")
    assert (status, err) == (1, f"seealso: {home}/nowhere: there is no such file or folder\n")
    assert call("index", "nowhere") == (1, "", f"seealso: {home}/nowhere: there is no such file or folder\n")
    (home / "text.jpg").write_text("text")
    status, _, err = call("index", "text.jpg")
    assert status == 1
    assert err == f"seealso: {home}/text.jpg: not an image of a format that is known here\n"
    assert call("index")[0] == 2
    assert call("index", "--nonsense", "photos")[0] == 2


def test_index_patterns(call, home):
    wanted = ("--include", "*rocket*", "--include", "*moon*")
    assert json.loads(call("index", "photos", *wanted, "--json")[1])["added"] == 2
    # They hold until they are taken back.
    assert call("index", "photos")[1].startswith("nothing to do: 2 files unchanged")
    report = json.loads(call("index", "photos", "--rules", "default", "--exclude", "*rocket*", "--json")[1])
    assert (report["added"], report["excluded"], report["left_out"]) == (18, 1, 1)


def test_index_passes_over_the_collection_itself(call, home):
    call("index", "photos/0003-cell.jpg")
    Image.new("RGB", (9, 9)).save(home / "c.seealso" / "store" / "thumbnail.png")
    assert json.loads(call("index", ".", "--json")[1])["files"] == 20


def test_index_keeps_what_may_only_be_away(indexed, home):
    os.rename(home / "photos", home / "away")
    (home / "photos").mkdir()
    status, _, err = indexed("index", "photos")
    assert status == 0
    assert err == (f"seealso: warning: {home}/photos: it is empty; nothing below it was dropped (`--prune` drops it)\n")
    assert "20 images removed" in indexed("index", "photos", "--prune")[1]


def test_index_drops_a_folder_that_is_gone_when_told(indexed, home):
    os.rename(home / "photos", home / "away")
    status, out, err = indexed("index", "photos", "--prune")
    assert (status, err) == (
        0,
        f"seealso: warning: {home}/photos: it is not there; what was found there before is dropped\n",
    )
    assert out.startswith("20 files gone, 20 images removed (")
    # Now nothing is known of it any more.
    status, out, err = indexed("index", "photos", "--prune")
    assert (status, out, err) == (1, "", f"seealso: {home}/photos: there is no such file or folder\n")


def test_no_prune(indexed, home):
    (home / "photos" / "0004-chelsea.jpg").unlink()
    assert "nothing to do" in indexed("index", "photos", "--no-prune")[1]
    assert "1 image removed" in indexed("index", "photos")[1]


def test_similar_json_is_the_contract(indexed, home):
    status, out, err = indexed("similar", "photos/0003-cell.jpg", "-k", "4", "--json")
    assert (status, err) == (0, "")
    answer = json.loads(out)
    assert set(answer) == {"query", "hits", "unsearched", "cost"}
    assert len(answer["hits"]) == 4
    assert set(answer["hits"][0]) == {"id", "distance", "score", "path", "uri", "keywords"}
    assert answer["hits"][0]["path"] == f"{home}/photos/0003-cell.jpg"
    assert answer["hits"][0]["uri"] == f"file://{home}/photos/0003-cell.jpg"
    assert answer["hits"][0]["distance"] == 0
    assert set(answer["cost"]) == {"candidates", "refined", "reads", "bytes_read", "ms"}
    stages = {"open", "catch_up", "extract", "text", "candidates", "sketch", "read", "refine", "rows"}
    assert set(answer["cost"]["ms"]) == {*stages, "total"}
    assert set(answer["query"]) == {"id", "path", "uri", "text", "within", "offset", "examples"}
    by_id = json.loads(indexed("similar", f"id:{answer['hits'][0]['id']}", "-k", "4", "--json")[1])
    assert by_id["hits"] == answer["hits"]
    others = json.loads(indexed("similar", "photos/0003-cell.jpg", "-k", "3", "--others", "--json")[1])
    assert others["hits"] == answer["hits"][1:]


def test_similar_within_and_from(indexed):
    everything = json.loads(indexed("similar", "id:3", "-k", "50", "--json")[1])["hits"]
    within = everything[3]["distance"]
    near = json.loads(indexed("similar", "id:3", "-k", "50", "--within", str(within), "--json")[1])
    assert near["query"]["within"] == within
    assert near["hits"] == [hit for hit in everything if hit["distance"] <= within]
    later = json.loads(indexed("similar", "id:3", "-k", "2", "--offset", "4", "--json")[1])
    assert later["hits"] == everything[4:6]
    assert indexed("similar", "id:3", "--others", "--within", "0") == (0, "", "nothing is within 0\n")
    assert indexed("similar", "id:3", "--offset", "500") == (0, "", "there are no more hits after the first 500\n")


@pytest.mark.parametrize("within", ["-1", "nan", "inf", "near", "-0.001", "80,5%", "nan%", "-5%", "%"])
def test_what_is_no_distance_and_no_likeness(indexed, within):
    status, out, err = indexed("similar", "id:3", f"--within={within}")
    assert (status, out) == (2, "")
    assert (
        f"{within!r} is neither a distance (a number, 0 or more) nor a likeness (as 80%, above 0% and"
        in err.splitlines()[-1]
    )


@pytest.mark.parametrize("within", ["0%", "100.5%", "0 %"])
def test_a_likeness_that_cannot_be_asked_for(indexed, within):
    status, out, err = indexed("similar", "id:3", f"--within={within}")
    assert (status, out) == (2, "")
    percent = within.replace(" ", "")
    assert err.splitlines()[-1].endswith(f"{percent} is no likeness to ask for: it is above 0% and at most 100%")


def test_similar_within_a_likeness(indexed, home):
    for within in ("10%", "10 %"):
        answer = json.loads(indexed("similar", "id:3", "-k", "50", "--within", within, "--json")[1])
        assert answer["query"]["likeness"] == 10
        farthest = answer["likeness"]["typical"] * 0.9
        assert answer["query"]["within"] == pytest.approx(farthest)
        assert 1 <= len(answer["hits"]) < 20
    everything = json.loads(indexed("similar", "id:3", "-k", "50", "--json")[1])["hits"]
    assert answer["hits"] == [hit for hit in everything if hit["distance"] <= farthest]
    assert all(hit["likeness"] >= 10 for hit in answer["hits"])
    assert indexed("similar", "id:3", "--others", "--within", "100%") == (0, "", "nothing is 100 % alike\n")
    status, _, err = indexed("similar", "--words", "dog", "--within", "80%")
    assert (status, err) == (
        1,
        "seealso: a likeness in percent compares images with images; with words give a distance instead, such as 1.2 "
        "(each hit shows its own)\n",
    )


def test_hits_as_far_away_as_unrelated_images_are_marked(indexed, home, monkeypatch):
    hits = json.loads(indexed("similar", "id:3", "-k", "5", "--json")[1])["hits"]
    plain = indexed("similar", "id:3", "-k", "5")
    assert plain[2] == ""
    monkeypatch.setattr("seealso.collection.likeness.KeptLikeness.of_query", lambda self, opened, likeness, _: likeness)
    with seealso.open("c.seealso", plugins=[THUMBNAIL]) as collection:
        typical = collection.likeness().typical
        for alike, said in (
            (hits[2]["distance"], "the last 2 hits are"),
            (hits[3]["distance"], "the last hit is"),
            (hits[4]["distance"], ""),
        ):
            collection.keep_likeness(seealso.Likeness(typical, alike))
            status, out, err = indexed("similar", "id:3", "-k", "5")
            assert (status, out) == plain[:2]  # what scripts split at tabs stays as it is
            assert (err == "") == (said == "")
            assert not said or err.startswith(f"{said} further away than {alike:.4f} (")
            marked = json.loads(indexed("similar", "id:3", "-k", "5", "--json")[1])["hits"]
            assert [hit["beyond"] for hit in marked] == [hit["distance"] > alike for hit in hits]
        collection.keep_likeness(seealso.Likeness(typical, hits[1]["distance"]))
    status, _, err = indexed("similar", "id:3", "-k", "3", "--offset", "2")
    assert err.startswith("every hit is further away than ")
    monkeypatch.setattr("seealso_cli.output.for_people", lambda: True)
    heads, *lines = indexed("similar", "id:3", "-k", "5")[1].splitlines()
    assert heads.split() == ["id", "distance", "likeness", "path"]
    for line, hit in zip(lines, marked, strict=True):
        assert line.split()[1:4] == [f"{hit['distance']:.4f}", str(math.floor(hit["likeness"])), "%"]


@pytest.mark.parametrize(
    ("option", "said"), [("-k", "to hit 1,000,000,000,000"), ("--offset", "to hit 1,000,000,000,010")]
)
def test_further_than_a_query_reaches(indexed, option, said):
    status, out, err = indexed("similar", "id:3", option, str(10**12))
    assert (status, out) == (1, "")
    assert err == f"seealso: k and offset reach {said}; a query reaches 1,000,000 at most\n"


def test_similar_to_several_and_unlike_others(indexed):
    """The mean of the distances; the examples are marked, or left out."""

    def distances(*arguments):
        hits = json.loads(indexed("similar", *arguments, "-k", "50", "--json")[1])["hits"]
        return {hit["id"]: hit["distance"] for hit in hits}

    one, other, both = distances("id:3"), distances("id:5"), distances("id:3", "id:5")
    assert both == pytest.approx({id_: (one[id_] + other[id_]) / 2 for id_ in one}, rel=1e-4)
    unlike = distances("id:3", "--unlike", "id:5")
    assert unlike == pytest.approx({id_: one[id_] + max(0, one[id_] - other[id_]) for id_ in one}, rel=1e-4, abs=1e-4)
    assert set(distances("id:3", "id:5", "--others")) == set(one) - {3, 5}
    assert indexed("similar", "id:3", "id:5", "-k", "50")[1].count("(the query itself)") == 2
    answer = json.loads(indexed("similar", "id:3", "--unlike", "photos/0003-cell.jpg", "--json")[1])
    assert [each["weight"] for each in answer["query"]["examples"]] == [1.0, -1.0]
    assert answer["query"]["examples"][0]["id"] == answer["query"]["id"] == 3
    assert answer["query"]["examples"][1]["path"].endswith("0003-cell.jpg")


def test_similar_for_people_and_for_pipes(indexed, home):
    status, out, _ = indexed("similar", "photos/0003-cell.jpg", "-k", "2")
    lines = out.splitlines()
    assert status == 0
    assert re.fullmatch(rf"\d+\t0\.0000\t{home}/photos/0003-cell\.jpg \(the query itself\)", lines[0])
    assert len(lines) == 2
    assert indexed("similar", "photos/0003-cell.jpg", "-k", "1", "--paths")[1] == f"{home}/photos/0003-cell.jpg\n"
    assert indexed("similar", "photos/0003-cell.jpg", "-k", "1", "-0")[1] == f"{home}/photos/0003-cell.jpg\0"


@pytest.mark.parametrize(
    ("arguments", "status", "expected"),
    [
        (["similar", "id:999"], 1, "there is no object 999 in the collection photos"),
        (["similar", "nowhere.jpg"], 1, "nowhere.jpg: cannot be read: No such file or directory"),
        (["similar", "seealso.yaml"], 1, "not an image of a format that is known here"),
        (["similar", "photos"], 1, "cannot be read: Is a directory"),
        (["similar", "id:1", "-k", "0"], 2, "0 is not in the range x>=1"),
        (["similar"], 2, "say what the images shall be like: an IMAGE, or --words"),
        (["similar", "--unlike", "id:1"], 2, "say what the images shall be like: an IMAGE, or --words"),
        (["similar", "id:1", "--unlike", "id:999"], 1, "there is no object 999 in the collection photos"),
        (["similar", "--words", "dog"], 1, "the extractor thumbnail turns images into descriptors, not words"),
        (["similar", "--words", " "], 1, "there are no words to look for"),
        (["similar", ""], 2, "a path is empty"),
        (["index", "photos", ""], 2, "a path is empty"),
        (["similar", "id:12x"], 2, "after id: comes the number of an object"),
        (["similar", "id:99999999999999999999"], 2, "after id: comes the number of an object"),
        (["similar", "id:9999999999999999999"], 1, "there is no object"),
        (["show", "999"], 1, "there is no object 999"),
        (["show", "x"], 2, "'x' is not the number of an object, as in 123 or id:123"),
        (["show", "id:"], 2, "'id:' is not the number of an object"),
        (["show", "id:999"], 1, "there is no object 999"),
        (["similar", "id:1", "-k", "abc"], 2, "'-k': 'abc' is not a valid whole number."),
        (["similar", "id:1", "--json", "--paths"], 2, "--json and --paths (or -0) exclude each other"),
        (["random", "--json", "-0"], 2, "--json and --paths (or -0) exclude each other"),
        (["similr", "id:1"], 2, "Did you mean 'similar'?"),
        (["--in", "other", "status"], 1, "there is no collection 'other'"),
        (["--config", "nowhere.yaml", "status"], 1, "nowhere.yaml: cannot be read: No such file"),
        (["similar", "id:1", "--sheet", "out.nonsense"], 1, "no picture can be written with that suffix"),
        (["similar", "id:1", "--sheet", "nowhere/out.png"], 1, "the contact sheet cannot be written"),
    ],
)
def test_errors_are_one_line_and_a_status(indexed, arguments, status, expected):
    found, _, err = indexed(*arguments)
    assert found == status
    assert expected in err
    if status == 1:
        assert len(err.splitlines()) == 1
        assert err.startswith("seealso: ")


def test_before_there_is_a_collection(call, home):
    for command in (["status"], ["similar", "id:1"], ["random"], ["verify"], ["maintain"], ["failures"], ["rebuild"]):
        status, _, err = call(*command)
        assert (status, err) == (
            1,
            f"seealso: there is no collection at {home}/c.seealso yet; `seealso index PATH…` makes it\n",
        )
    assert not (home / "c.seealso").exists()


def test_a_directory_that_is_no_collection(call, home):
    (home / "c.seealso").mkdir()
    (home / "c.seealso" / "letters.txt").write_text("dear")
    for command in (["status"], ["index", "photos"]):
        status, _, err = call(*command)
        assert status == 1
        assert "is not a seealso collection" in err
    assert [path.name for path in (home / "c.seealso").iterdir()] == ["letters.txt"]


def test_names_that_are_no_text(call, home):
    name = os.fsencode(home / "photos") + b"/" + UNDECODABLE
    os.rename(home / "photos" / "0003-cell.jpg", name)
    newline = home / "photos" / "two\nlines \x1b[31m🐈.jpg"
    os.rename(home / "photos" / "0004-chelsea.jpg", newline)
    assert call("index", "photos")[0] == 0
    hit = json.loads(call("similar", os.fsdecode(name), "-k", "1", "--json")[1])["hits"][0]
    assert hit["path"].endswith(r"/photos/caf\xe9 \xff.jpg")
    assert hit["uri"].endswith("/photos/caf%E9%20%FF.jpg")
    assert os.fsencode(call("similar", os.fsdecode(name), "-k", "1", "--paths")[1]) == name + b"\n"
    found = call("similar", str(newline), "-k", "1", "-0")[1]
    assert found == f"{newline}\0"
    shown = call("similar", str(newline), "-k", "1")[1]
    assert len(shown.splitlines()) == 1
    assert r"two\nlines \x1b[31m🐈.jpg" in shown
    assert call("similar", str(newline), "-k", "3", "--sheet", "out.png")[0] == 0


def test_names_that_are_no_text_in_errors(indexed):
    for command in ("similar", "index"):
        status, _, err = indexed(command, os.fsdecode(b"no \xff\x1b[31m.jpg"))
        assert status == 1
        assert r"/no \xff\x1b[31m.jpg: " in err
        assert len(err.splitlines()) == 1


def test_nothing_can_steer_the_terminal():
    assert printable("plain ü 🐈 text") == "plain ü 🐈 text"
    assert printable("a\x1b]0;x\x07\n\r\u202e\u200b") == r"a\x1b]0;x\x07\n\r\u202e\u200b"
    assert printable("non-breaking\u00a0space") == "non-breaking\u00a0space"


def test_sizes_for_people():
    assert [size(n) for n in (0, 999, 1500, 12_900_000, 3.2e13)] == [
        "0 bytes",
        "999 bytes",
        "1.5 kB",
        "12.9 MB",
        "32.0 TB",
    ]


def test_show_and_random(indexed, home):
    shown = json.loads(indexed("show", "3", "--json")[1])
    assert set(shown) == {
        "id",
        "sha256",
        "width",
        "height",
        "file_size",
        "locations",
        "keywords",
        "words",
        "looks_like",
    }
    assert shown["looks_like"] == []
    assert (shown["id"], shown["width"], shown["height"]) == (3, 96, 72)
    assert f"found at  {shown['locations'][0]['path']}" in indexed("show", "3")[1]
    assert indexed("show", "id:3") == indexed("show", "3")
    some = json.loads(indexed("random", "-n", "5", "--seed", "1", "--json")[1])["hits"]
    assert len(some) == 5
    assert some == json.loads(indexed("random", "-n", "5", "--seed", "1", "--json")[1])["hits"]
    assert len(indexed("random", "-n", "50", "--paths")[1].splitlines()) == 20


def test_status(indexed, home):
    status = json.loads(indexed("status", "--json")[1])
    assert (status["objects"], status["locations"], status["failures"]) == (20, 20, 0)
    assert status["provenance"]["plugin"] == "thumbnail"
    assert status["parts"]["store"]["plugin"] == "flat-file"
    assert status["store"]["objects"] == status["index"]["objects"] == 20
    text = indexed("status")[1]
    assert "20 objects at 20 locations" in text
    assert (
        "auto         index ppp-codes: of those installed it suits any number of objects without sketches best" in text
    )
    assert "auto         sketch none: up to 5,000 objects all of them are read" in text
    assert "192 × float32" in text


def test_status_says_that_the_plugin_of_the_extractor_is_missing(indexed, home):
    (home / "seealso.yaml").write_text("collections:\n  photos: {path: ./c.seealso}\n")
    status, out, _ = indexed("status")
    lines = out.splitlines()
    place = lines.index("extractor    thumbnail")
    assert status == 0
    assert lines[place + 1].split()[:6] == ["missing:", "there", "is", "no", "extractor", "named"]
    (home / "seealso.yaml").write_text("collections:\n  photos: {path: ./c.seealso, extractor: thumbnail}\n")
    missing = json.loads(indexed("status", "--json")[1])["extractor"]["missing"]
    assert "seealso.yaml, line 2: collections.photos.extractor" in missing
    assert indexed("config", "show")[0] == 0
    assert indexed("config", "check")[0] == 1


def test_status_says_what_would_be_better(indexed, monkeypatch):
    assert "better" not in indexed("status")[1]
    told = [Advice("distance", "euclidean", "cosine", "`seealso rebuild --distance cosine` changes it")]
    monkeypatch.setattr("seealso.collection.collection.advice", lambda parts: told)
    assert json.loads(indexed("status", "--json")[1])["advice"] == [asdict(told[0])]
    last = indexed("status")[1].splitlines()[-1]
    assert last == f"better       distance cosine, by now the default; {told[0].how}"


def test_another_distance(indexed):
    assert indexed("rebuild", "--distance", "manhattan")[1].startswith("rebuilt the index of 20 objects")
    assert json.loads(indexed("status", "--json")[1])["parts"]["distance"] == "manhattan"
    assert indexed("verify")[0] == 0
    status, out, err = indexed("rebuild", "--distance", "manhatan")
    assert (status, out) == (1, "")
    assert err.startswith("seealso: there is no distance named 'manhatan'; did you mean `manhattan`?")


def test_failures(call, home):
    (home / "photos" / "text.jpg").write_text("text")
    call("index", "photos")
    assert call("failures")[1] == f"{home}/photos/text.jpg\tnot an image of a format that is known here\n"
    (failure,) = json.loads(call("failures", "--json")[1])["failures"]
    assert set(failure) == {"path", "uri", "reason", "time"}
    status, out, _ = call("failures", "--retry")
    assert status == 0
    assert re.fullmatch(r"1 file failed again \(see `seealso failures`\) \(\d+\.\d s\)\n", out)
    Image.new("RGB", (9, 9)).save(home / "photos" / "text.jpg")
    assert "1 new image" in call("failures", "--retry")[1]
    assert call("failures")[1:] == ("", "no failures\n")
    assert call("failures", "--retry") == (0, "nothing to retry\n", "")


def test_verify_rebuild_maintain(indexed, home):
    assert indexed("verify")[:2] == (0, "all is well: 20 objects, 20 descriptors checked\n")
    assert indexed("rebuild")[1].startswith("rebuilt the index of 20 objects")
    assert " before, " in indexed("maintain")[1]
    told = {"objects": 20, "descriptors": 20, "unused": 0, "unchecked": 0, "problems": [], "doubtful": False}
    assert json.loads(indexed("verify", "--json")[1]) == told


def test_damage_is_found_and_mended(indexed, home):
    folder = home / "c.seealso" / "store"
    store = flatfile_files.open_store(folder, dim=192)
    store.remove_many(np.array([4]))
    (block,) = store.read_blocks(np.array([5]))
    record = bytes(block.records[0])
    store.close()
    path = flatfile_files.segment(folder)
    flatfile_files.flip(path, path.read_bytes().index(record))
    status, out, err = indexed("verify")
    assert status == 1
    assert out.startswith("2 problems found")
    assert "object 4: the store holds no descriptor of it; `seealso maintain` lets go of it" in err
    assert "object 5: its stored descriptor fails its checksum" in err
    assert indexed("similar", "id:5")[0] == 1
    assert "2 objects whose descriptor was lost or damaged dropped" in indexed("maintain")[2]
    assert "2 new images" in indexed("index", "photos")[1]
    assert indexed("verify")[0] == 0


def test_plugins(call, home):
    listed = json.loads(call("plugins", "--json")[1])
    assert {
        "name": "lmdb",
        "distribution": "seealso",
        "version": seealso.__version__,
        "provides": {"store": ["lmdb"]},
        "lacking": {},
        "options": {"store": {"lmdb": [asdict(option) for option in seealso.options_of(LmdbStore.Options)]}},
    } in listed["plugins"]
    assert listed["defaults"] == {
        "extractor": ["onnx"],
        "distance": ["cosine"],
        "index": ["scan"],
        "sketch": ["rabitq"],
        "codec": ["raw"],
        "store": ["flat-file"],
        "keywords": ["embedded", "sidecar"],
        "text": ["tantivy"],
        "frontend": ["web"],
    }
    assert listed["problems"] == []
    rows = [line.split("\t") for line in call("plugins")[1].splitlines()]
    assert ["extractor", "thumbnail", "thumbnail", str(THUMBNAIL), "side: whole number = 8"] in rows
    assert [
        "codec", "zstd", "codecs", f"seealso {seealso.__version__}", "level: whole number, at least 1, at most 22 = 3",
    ] in rows  # fmt: skip
    assert next(row for row in rows if row[1].startswith("timm"))[4].startswith("device: text")


def test_one_plugin(call):
    status, out, err = call("plugins", "show", "ppp-codes")
    assert (status, err) == (0, "")
    assert out.startswith("index ppp-codes (auto)\nseealso_pppcodes.index.PPPCodesIndex, from seealso ")
    assert "\n  prefix_length: whole number, at least 0, at most 32; default 7\n      symbols kept" in out
    shown = json.loads(call("plugins", "show", "codec/sparse-f16", "--json")[1])
    assert (shown["kind"], shown["name"], shown["capabilities"]["lossless"], shown["options"]) == (
        "codec",
        "sparse-f16",
        False,
        [],
    )
    assert "Options: none" in call("plugins", "show", "raw")[1]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ppp-code", "there is no plugin named 'ppp-code'; did you mean `ppp-codes`? (installed: "),
        ("index/raw", "there is no index named 'raw'"),
        ("indx/raw", "there is no kind 'indx' (there are: extractor, "),
        ("both", "there are several plugins named 'both'; say distance/both or index/both"),
        ("broken", "plugin broken ("),
    ],
)
def test_plugins_that_are_not_there(call, home, name, expected):
    (home / "broken.py").write_text("1 / 0")
    (home / "both.py").write_text(
        "import seealso\nfrom seealso.distances.vectors import Euclidean\nfrom seealso_exact.index import ExactIndex\n"
        "class D(Euclidean):\n    name = 'both'\nclass I(ExactIndex):\n    name = 'both'\n"
        "@seealso.hookimpl\ndef register_distances():\n    return [D]\n"
        "@seealso.hookimpl\ndef register_metric_indexes():\n    return [I]\n"
    )
    configuration = (home / "seealso.yaml").read_text()
    (home / "seealso.yaml").write_text(configuration.replace("plugins: [", "plugins: [./broken.py, ./both.py, "))
    status, out, err = call("plugins", "show", name)
    assert (status, out) == (1, "")
    assert f"seealso: {expected}" in err


def test_a_plugin_that_cannot_be_used_is_listed(call, home):
    (home / "broken.py").write_text("1 / 0")
    configuration = (home / "seealso.yaml").read_text()
    (home / "seealso.yaml").write_text(configuration.replace("plugins: [", "plugins: [./broken.py, "))
    (row,) = (line.split("\t") for line in call("plugins")[1].splitlines() if line.startswith("(unavailable)"))
    assert row[2:4] == ["broken", str(home / "broken.py")]
    assert row[4] == "raised ZeroDivisionError on import: division by zero; mend it or take it out of `plugins:`"


def test_a_new_plugin(call, home):
    status, out, err = call("plugins", "new", "codec", "my-codec", "--folder", "new")
    assert (status, out) == (0, "new/seealso-my-codec\n")
    assert err == "next: cd new/seealso-my-codec; python -m pip install -e '.[test]'; python -m pytest\n"
    status, out, err = call("plugins", "new", "extractor", "mine", "--one-file")
    assert (status, out) == (0, "mine.py\n")
    assert err == "next: name it in the configuration, as in `plugins: [./mine.py]`\n"
    assert call("plugins", "new", "extractor", "mine", "--one-file")[0] == 1
    (home / "seealso.yaml").write_text("plugins: [./mine.py]\ncollections: {p: {path: ./p, extractor: mine}}\n")
    assert call("index", "photos")[0] == 0
    assert call("similar", "id:3", "-k", "1", "--paths")[1].count("\n") == 1


def test_the_schema(call):
    status, out, err = call("config", "schema")
    assert (status, err) == (0, "")
    schema = json.loads(out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "thumbnail" in schema["$defs"]["choice of extractor"]["anyOf"][0]["enum"]


def test_a_broken_plugin_is_a_warning_and_breaks_nothing_else(call, home):
    (home / "broken.py").write_text("1 / 0")
    (home / "seealso.yaml").write_text(
        (home / "seealso.yaml").read_text().replace("plugins: [", "plugins: [./broken.py, ")
    )
    status, out, err = call("index", "photos")
    assert status == 0
    assert "20 new images" in out
    assert err.splitlines() == [
        f"seealso: warning: plugin broken ({home}/broken.py): raised ZeroDivisionError on import: division by zero; "
        "mend it or take it out of `plugins:`"
    ]
    status, _, err = call("config", "check")
    assert status == 1
    assert "ZeroDivisionError" in err
    assert len(err.splitlines()) == 1
    assert "seealso: warning: plugin broken" in call("plugins")[2]


def test_two_plugins_with_one_name_are_a_warning(call, home):
    (home / "again.py").write_text(THUMBNAIL.read_text())
    (home / "seealso.yaml").write_text(
        (home / "seealso.yaml").read_text().replace(f"[{THUMBNAIL}]", f"[{THUMBNAIL}, ./again.py]")
    )
    status, _, err = call("index", "photos")
    assert status == 0
    assert len(err.splitlines()) == 1
    assert "the extractor name 'thumbnail' of seealso_file_" in err
    assert f"is already taken by seealso_file_{re.sub(chr(92) + 'W', '_', str(THUMBNAIL.with_suffix('')))}" in err


def test_commands_of_plugins(indexed, home):
    (home / "counting.py").write_text(
        "import seealso\n"
        "@seealso.hookimpl\n"
        "def register_commands(group):\n"
        "    import click\n"
        "    @group.command()\n"
        "    @click.pass_obj\n"
        "    def count(session):\n"
        '        """Count the objects."""\n'
        "        click.echo(session.collection().counts().objects)\n"
    )
    (home / "seealso.yaml").write_text(
        (home / "seealso.yaml").read_text().replace("plugins: [", "plugins: [./counting.py, ")
    )
    assert indexed("count")[:2] == (0, "20\n")
    assert re.search(r"count +Count the objects", indexed("--help")[1])
    assert "Did you mean 'count'" in indexed("cuont")[2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "collections:\n  photos:\n    path: a\n    stor: lmdb",
            "line 4: collections.photos.stor: unknown key; did you mean `store`?",
        ),
        ("collections:\n  photos:\n    path: [a]", "line 3: collections.photos.path: expected a path, found ['a']"),
        ("collections:\n  photos:\n\tpath: a", "line 3: a tab; YAML is indented with spaces"),
        ("collections:\n  photos: {path: a, store: lmbd}", "there is no store named 'lmbd'; did you mean `lmdb`?"),
        (
            "collections:\n  photos: {path: a, extractor: {plugin: onnx, model: lite0}}",
            "there is no built-in model 'lite0'",
        ),
    ],
)
def test_a_broken_configuration(call, home, text, expected):
    (home / "seealso.yaml").write_text(text)
    for command in (["config", "check"], ["index", "photos"]):
        status, _, err = call(*command)
        assert status == 1
        assert expected in err
        assert len(err.splitlines()) == 1
    # and what has no need of it works
    assert call("--help")[0] == 0
    assert call("plugins")[0] == 0
    assert call("init", "other.yaml")[0] == 0


def test_a_model_that_is_no_onnx(call, home):
    (home / "my.onnx").write_text("no model")
    (home / "seealso.yaml").write_text(
        "collections:\n  photos: {path: ./c, extractor: {plugin: onnx, model: ./my.onnx, mean: [0, 0, 0], std: [1, 1, 1]}}"
    )
    status, _, err = call("index", "photos")
    assert status == 1
    assert f"{home}/my.onnx: not an ONNX model that can be run" in err
    assert len(err.splitlines()) == 1


def test_config_show_and_check(indexed, home, monkeypatch):
    assert indexed("config", "check")[:2] == (0, f"{home}/seealso.yaml: all is well\n")
    monkeypatch.setenv("SEEALSO__COLLECTIONS__PHOTOS__SEARCH__CANDIDATES", "77")
    shown = indexed("config", "show")[1]
    assert shown.startswith(f"# from {home}/seealso.yaml\n")
    document = yaml.safe_load(shown)
    assert document["collections"]["photos"]["search"]["candidates"] == 77
    assert document["collections"]["photos"]["extractor"] == {"plugin": "thumbnail", "side": 8}
    assert document["collections"]["photos"]["index"] == document["collections"]["photos"]["sketch"] == "auto"
    assert document["frontends"] == ["cli"]
    # What is shown is itself a configuration.
    (home / "shown.yaml").write_text(shown)
    assert indexed("--config", "shown.yaml", "config", "check")[0] == 0
    assert "nothing to do" in indexed("--config", "shown.yaml", "index", "photos")[1]


def test_config_show_shows_no_secret(call, home):
    token = "a token that nobody may see"
    file = home / "seealso.yaml"
    frontends = f"[{{plugin: web, port: 8081, token: {token}}}, {{plugin: nonsense, token: {token}}}]"
    file.write_text(file.read_text().replace("[cli]", frontends))
    status, out, err = call("config", "show")
    assert status == 0
    assert token not in out + err
    assert yaml.safe_load(out)["frontends"] == [{"plugin": "web", "port": 8081}, "nonsense"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{path: a, extractor: {plugin: onnx, model: ./x.onnx}}", "line 2: collections.p.extractor: {home}/x.onnx: it cannot be read"),
        ("{path: a, extractor: {plugin: onnx, model: ./no.onnx}}", "{home}/no.onnx: not an ONNX model that can be run"),
        ("{path: a, distance: hamming}", "the distance hamming takes uint8, and the extractor's descriptors are float32"),
        ("{path: a}\n  q: {path: b/../a}", "line 3: collections.q.path: {home}/a is the directory of the collection p"),
        ("{path: a}\n  a/b: {path: b}\nfrontends: [web]", "line 4: frontends.0: the collection 'a/b' cannot be served under that name; give it another"),
        ("{path: a}\n  api: {path: b}\nfrontends: [{plugin: web, port: 8081}]", "line 4: frontends.0: the collection 'api' cannot be served under that name"),
        ("{path: a, images: {max_pixels: yes}}", "max_pixels: input should be a valid integer, found True"),
        ("{path: a, search: {candidates: yes}}", "candidates: input should be a valid integer, found True"),
        ("{path: a, store: {plugin: lmdb, map_size: yes}}", "map_size: input should be a valid integer, found True"),
        ("{path: a, extractor: {plugin: onnx, model: ./no.onnx, resize: yes}}", "resize: input should be a valid integer"),
    ],
)  # fmt: skip
def test_config_check_tries_what_can_be_tried(call, home, text, expected):
    (home / "no.onnx").write_text("no model")
    (home / "seealso.yaml").write_text(f"collections:\n  p: {text}\n")
    status, out, err = call("config", "check")
    assert (status, out, len(err.splitlines())) == (1, "", 1)
    assert expected.format(home=home) in err
    assert not (home / "a").exists()


def test_config_check_knows_what_made_a_collection(indexed, home):
    (home / "seealso.yaml").write_text(f"plugins: [{THUMBNAIL}]\ncollections:\n  photos: {{path: ./c.seealso}}\n")
    assert indexed("config", "check")[0] == 0


def test_init(call, home):
    status, _, err = call("init")
    assert (status, err) == (1, "seealso: seealso.yaml is there already; `--force` replaces it\n")
    assert call("init", "--force")[0] == 0
    assert call("config", "check")[0] == 0
    # Taking the comments off gives what it is without them.
    bare = re.sub(r"^( *)# ?(  )?(?=(#|-|[a-z_]+:))", r"\1\2", (home / "seealso.yaml").read_text(), flags=re.MULTILINE)
    (home / "all.yaml").write_text(bare.replace("plugins: [./my_plugin.py]", ""))
    assert call("--config", "all.yaml", "config", "check")[0] == 0, bare


def test_the_default_configuration_is_what_init_writes():
    written = (Path(__file__).parents[2] / "configs" / "default.yaml").read_text()
    assert written == seealso.commented_configuration(seealso.load_plugins())


def test_several_collections(call, home):
    (home / "seealso.yaml").write_text(
        f"plugins: [{THUMBNAIL}]\ncollections:\n"
        "  one: {path: ./one, extractor: thumbnail}\n  two: {path: ./two, extractor: thumbnail}\n"
    )
    assert "pick one with `--in NAME`" in call("index", "photos")[2]
    assert call("--in", "two", "index", "photos")[0] == 0
    assert call("--in", "two", "status")[0] == 0
    assert "no collection at" in call("--in", "one", "status")[2]


def test_debug_shows_the_traceback(indexed):
    assert "Traceback" in indexed("--debug", "similar", "id:999")[2]
    assert "Traceback" not in indexed("similar", "id:999")[2]


def test_a_bug_is_called_one(indexed, monkeypatch):
    monkeypatch.setattr(seealso.Collection, "status", lambda self: 1 / 0)
    status, _, err = indexed("status")
    assert status == 1
    # The extractor of these tests is a plugin beside seealso, and might have led to it.
    suspect = r"or of a plugin that is not part of it: thumbnail \(.*thumbnail\.py\)"
    assert re.fullmatch(
        rf"seealso: ZeroDivisionError: division by zero; this is a bug of seealso, {suspect} \(`seealso --debug …` shows where\)\n",
        err,
    )


def test_a_failure_inside_a_plugin_names_it(call, home):
    (home / "twisted.py").write_text(
        "import seealso\n@seealso.hookimpl\ndef register_commands(group):\n"
        "    @group.command('divide')\n    def divide(): 1 / 0\n"
        "    @group.command('look')\n    def look(): open('none.txt')\n"
    )
    (home / "seealso.yaml").write_text("plugins: [./twisted.py]\ncollections: {photos: {path: ./c}}")
    plugin = f"plugin twisted ({home}/twisted.py)"
    told = f"seealso: {plugin} raised ZeroDivisionError: division by zero; mend it or tell its author (`seealso --debug …` shows where)\n"
    assert call("divide") == (1, "", told)
    assert call("look") == (1, "", f"seealso: {plugin}: none.txt: No such file or directory\n")


def test_the_contact_sheet(indexed, home):
    status, _, err = indexed("similar", "photos/0006-coffee.jpg", "-k", "7", "--sheet", "out.png")
    assert (status, err) == (0, "contact sheet: out.png\n")
    with Image.open(home / "out.png") as sheet:
        assert sheet.format == "PNG"
        assert len(sheet.convert("RGB").resize((200, 100)).getcolors(20_000)) > 1000
        assert sheet.width > 1000
    assert [path.name for path in home.iterdir() if path.name.startswith(".out")] == []
    assert indexed("random", "-n", "3", "--sheet", "three.jpg")[0] == 0


def test_a_contact_sheet_with_what_cannot_be_shown(tmp_path):
    (tmp_path / "text.jpg").write_text("text")
    hits = [
        seealso.Hit(1, 0.5, (os.fsencode(tmp_path / name),))
        for name in ("gone.jpg", "text.jpg", "日本語" * 40 + ".jpg")
    ]
    draw_sheet(tmp_path / "out.png", hits, None, seealso.ImageLimits())
    draw_sheet(tmp_path / "none.png", [], None, seealso.ImageLimits())
    assert (tmp_path / "out.png").stat().st_size > 1000


def test_progress_without_a_terminal(call, home, make_photos, monkeypatch):
    monkeypatch.setattr("seealso_cli.progress.SECONDS_BETWEEN_LINES", 0)
    make_photos(home / "photos", 130)
    status, _, err = call("index", "photos")
    lines = err.splitlines()
    assert status == 0
    assert lines
    assert re.fullmatch(r"\d+ of 130 files, \d+ images extracted, \d+ files/s, 0:\d\d left", lines[0])


# Processes of their own


@pytest.fixture
def process(home, python):
    """Run a command line in a process of its own, to its end."""

    def process(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
        return python.run("-m", "seealso_cli", *arguments, cwd=home, timeout=60, **options)

    return process


def test_a_poor_locale_ends_nothing(home, process):
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    os.rename(home / "photos" / "0003-cell.jpg", home / "photos" / "ünï 🐈.jpg")
    assert process("index", "photos", env=environment).returncode == 0
    done = process("status", env=environment)
    assert (done.returncode, " float32, resized to 8 " in done.stdout) == (0, True)
    done = process("similar", "photos/ünï 🐈.jpg", "-k", "1", env=environment)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 1)
    done = process("similar", "photos/ünï 🐕.jpg", env=environment)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)


@pytest.mark.slow
def test_as_a_program(home):
    def process(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([*SEEALSO, *arguments], cwd=home, capture_output=True, text=True)

    done = process("index", "photos")
    assert (done.returncode, done.stderr) == (0, "")
    done = process("similar", "id:1", "--json")
    assert json.loads(done.stdout)["hits"][0]["id"] == 1
    done = process("--version")
    assert seealso.__version__ in done.stdout
    assert process("similar", "id:99").returncode == 1
    assert process("similar").returncode == 2


def test_help_needs_nothing_heavy(home):
    code = (
        "import sys\nfrom seealso_cli.app import run\nfrom seealso_cli.session import Session\n"
        "run(['--help'], Session())\n"
        "print(sorted({'numpy', 'pydantic', 'PIL', 'tqdm', 'onnxruntime', 'lmdb', 'sqlite3'} & set(sys.modules)))"
    )
    (home / "seealso.yaml").unlink()
    done = subprocess.run([sys.executable, "-c", code], cwd=home, capture_output=True, text=True)
    assert done.stdout.endswith("\n[]\n"), done.stderr


def test_whoever_reads_may_stop_reading(home, process, python):
    process("index", "photos")
    with python.start("-m", "seealso_cli", "random", "-n", "20", cwd=home) as child:
        child.stdout.close()
        assert child.stderr.read() == b""


@pytest.mark.parametrize("arguments", [["status"], ["random", "-0"], ["similar", "id:1", "--json"], ["--help"]])
def test_output_to_a_full_disk(home, process, python, arguments):
    process("index", "photos")
    with (
        Path("/dev/full").open("wb") as full,
        python.start("-m", "seealso_cli", *arguments, cwd=home, stdout=full.fileno()) as child,
    ):
        _, said = child.communicate(timeout=60)
    expected = b"seealso: standard output cannot be written: No space left on device; make room, or send it elsewhere\n"
    assert (child.returncode, said) == (1, expected)


def test_the_current_folder_is_gone(home, process):
    process("index", "photos")
    command = f'mkdir "$0" && cd "$0" && rmdir "$0" && "{sys.executable}" -P -m seealso_cli index .'
    done = subprocess.run(["sh", "-c", command, str(home / "gone")], capture_output=True, timeout=60)
    assert done.returncode == 1
    assert re.fullmatch(rb"seealso: the current folder cannot be found: .*; change to one [^\n]*\n", done.stderr)


@pytest.mark.parametrize("closed", [["stdout"], ["stderr"], ["stdin", "stdout", "stderr"]], ids=" and ".join)
def test_closed_streams_lead_nowhere(home, process, python, closed):
    """Nor does a file of the collection get the number of one."""
    process("index", "photos")
    for status, arguments in ((0, ["index", "photos"]), (0, ["status"]), (0, ["serve"]), (1, ["similar", "id:99"])):
        with python.start("-m", "seealso_cli", *arguments, cwd=home, **dict.fromkeys(closed)) as child:
            said = child.communicate(timeout=60)
        assert child.returncode == status, arguments
        assert b"bug" not in b"".join(said)
    assert process("verify").returncode == 0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 1), (signal.SIGTERM, -signal.SIGTERM)])
def test_interrupting(home, process, python, number, status):
    """By Ctrl-C; and by what the system ends a service with, which then sees that just this has ended it."""
    plugin = home / "slow.py"
    plugin.write_text(
        "import sys, seealso\n@seealso.hookimpl\ndef ingested(batch):\n    print('committed', flush=True)\n    sys.stdin.readline()\n"
    )
    (home / "seealso.yaml").write_text(
        (home / "seealso.yaml").read_text().replace("plugins: [", "plugins: [./slow.py, ")
    )
    with python.start("-m", "seealso_cli", "index", "photos", cwd=home, stdin=subprocess.PIPE) as child:
        assert child.stderr.readline() == b"committed\n"
        child.send_signal(number)
        out, err = child.communicate(timeout=30)
    assert (child.returncode, out) == (status, b"")
    # An empty line first, for a terminal shows ^C there.
    assert re.fullmatch(rb"(committed\n)*\n?seealso: interrupted; what was committed is kept, [^\n]*\n", err)
    assert process("verify").returncode == 0


def test_interrupting_before_there_is_a_command(python, home):
    program = (
        "import sys, seealso_cli, seealso_cli.session\n"
        "def interrupt(): raise KeyboardInterrupt\n"
        "seealso_cli.session.Session = interrupt\nsys.exit(seealso_cli.main())\n"
    )
    done = python.run("-c", program, cwd=home)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "seealso: interrupted\n")


def test_progress_and_columns_on_a_terminal(home, python):
    """Through a pseudo-terminal: a bar while it works, columns with heads for the hits."""

    def on_terminal(*arguments: str) -> str:
        main, child = pty.openpty()
        fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))  # a new one has no size
        terminal = dict.fromkeys(("stdin", "stdout", "stderr"), child)
        with python.start("-m", "seealso_cli", *arguments, cwd=home, **terminal) as running:
            os.close(child)
            output = b""
            while True:
                try:
                    data = os.read(main, 65536)
                except OSError:
                    break
                if not data:
                    break
                output += data
            assert running.wait(30) == 0, output
        os.close(main)
        return output.decode()

    assert "Indexing" in on_terminal("index", "photos")
    shown = on_terminal("similar", "id:1", "-k", "2")
    assert re.search(r"id +distance +path", shown)
    assert "(the query itself)" in shown


def test_serve_answers_from_standard_input(home, process):
    process("index", "photos")
    script = (
        "similar id:3 -k 2 --json\n# a comment\n\nsimilar id:999\nshow 'unclosed\nnonsense\nserve\n"
        "--in photos random -n 1 --paths\nquit\nstatus\n"
    )
    done = process("serve", input=script.encode())
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert json.loads(lines[0])["hits"][0]["id"] == 3
    assert lines[1].startswith(f"{home}/photos/")
    assert len(lines) == 2  # nothing after `quit`
    err = done.stderr
    assert err.startswith("serving photos (process ")
    assert "there is no object 999" in err
    assert "No closing quotation" in err
    assert "No such command 'nonsense'" in err
    assert "this is being served already" in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_ends_when_told(home, process, python, number):
    process("index", "photos")
    with python.start("-m", "seealso_cli", "serve", cwd=home, stdin=subprocess.PIPE) as child:
        child.stdin.write(b"random -n 1 --paths\n")
        assert child.stdout.readline().startswith(bytes(home))
        child.send_signal(number)
        assert child.wait(5) == 0


def test_serve_ends_with_its_input(home, process):
    process("index", "photos")
    assert process("serve", input=b"random -n 1 --paths").stdout.startswith(str(home))


def test_serve_sees_what_is_indexed_meanwhile(home, process, python, make_photos):
    process("index", "photos")
    with python.start("-m", "seealso_cli", "serve", cwd=home, stdin=subprocess.PIPE) as child:

        def ask(line: bytes) -> bytes:
            child.stdin.write(line + b"\n")
            return child.stdout.readline()

        assert len(json.loads(ask(b"similar id:1 -k 1000 --json"))["hits"]) == 20
        make_photos(home / "photos" / "more", 15, seed=3)
        assert process("index", "photos").returncode == 0
        assert len(json.loads(ask(b"similar id:1 -k 1000 --json"))["hits"]) == 35
        child.communicate(timeout=10)
        assert child.returncode == 0


def test_convert(indexed):
    assert indexed("convert", "flat-file")[:2] == (0, "nothing to do: the descriptors are kept in just that way\n")
    status, out, err = indexed("convert", "flat-file", "--codec", "raw")
    assert (status, err) == (0, "")
    assert re.fullmatch(r"20 descriptors copied: .* before, .* now \(\d+\.\d s\)\n", out)
    assert len(json.loads(indexed("similar", "id:3", "-k", "30", "--json")[1])["hits"]) == 20
    # Without a store it is the one in force.
    assert indexed("convert", "--codec", "raw")[1].startswith("nothing to do")
    assert indexed("convert", "--codec", "sparse", "--option", "nonsense")[0] == 2
    assert indexed("convert", "--codec", "sparse")[1].startswith("20 descriptors copied")
    status, _, err = indexed("convert")
    assert (status, err) == (1, "seealso: say which store, or name one in the configuration (`store:`)\n")
    status, _, err = indexed("convert", "lmbd")
    assert status == 1
    assert "did you mean" in err


# Words


@pytest.fixture
def described(call, home):
    """The photographs with sidecars and a table, indexed; calls a command."""
    (home / "seealso.yaml").write_text(
        f"plugins: [{THUMBNAIL}, {SAMPLES / 'plain_text.py'}]\n"
        "collections:\n  photos: {path: ./c.seealso, extractor: thumbnail, text: plain-text}\n"
    )
    for number, photo in enumerate(sorted((home / "photos").iterdir())):
        photo.with_suffix(".txt").write_text("A red bird" if number % 2 else "A bird\x1b[31m")
    (home / "table.csv").write_text('file,keywords\n0003-cell.jpg,"sea; blue sky"\nnone.jpg,x\n')
    status, _, err = call("index", "photos", "--keywords", "table.csv")
    assert status == 0
    assert "table.csv: 1 row names no image that was found: none.jpg" in err
    return call


def test_text(described, home):
    status, out, err = described("text", "red", "bird", "-k", "3")
    assert status == 0
    assert len(out.splitlines()) == 3
    assert err == "10 objects match red bird\n"
    answer = json.loads(described("text", "bird", "-red", "-k", "30", "--json")[1])
    assert set(answer) == {"query", "hits", "unsearched", "cost", "matched"}
    nothing = dict.fromkeys(["id", "path", "uri", "within"])
    asked = nothing | {"text": "bird -red", "offset": 0, "examples": []}
    assert answer["query"] == asked
    assert answer["matched"] == len(answer["hits"]) == 10
    assert answer["hits"][0]["distance"] is None
    assert described("text", "blue sky")[1].endswith("/0003-cell.jpg\n")
    assert described("text", "keywords:sea", "--paths")[1] == f"{home}/photos/0003-cell.jpg\n"
    first, second = (described("text", "red", "-k", "4", "--offset", offset, "--paths")[1] for offset in ("0", "4"))
    assert len(set((first + second).splitlines())) == 8
    no_words = "the extractor thumbnail turns images into descriptors, not words\n"
    assert described("text", "nothing") == (0, "", f"no object matches nothing\n{no_words}")
    assert described("text", "nothing", "--by", "keywords") == (0, "", "no object matches nothing\n")
    assert described("text", "nothing", "--by", "looks") == (1, "", f"seealso: {no_words}")
    assert described("text", '"red bird" sea', "-k", "1")[2] == ""
    status, _, err = described("text", "red", "--sheet", "sheet.png")
    assert (home / "sheet.png").exists()


@pytest.mark.parametrize(
    ("query", "reason"),
    [("-red", "has to name a word"), ('"', "holds no word"), ("*", "holds no word"), ("", "is empty")],
)
def test_text_queries_that_are_refused(described, query, reason):
    for command in (["text", "--", query], ["similar", "id:1", "--where=" + query]):
        status, out, err = described(*command)
        assert (status, out) == (1, "")
        assert err.startswith("seealso: ")
        assert reason in err
        assert len(err.splitlines()) == 1


def test_similar_where(described):
    answer = json.loads(described("similar", "id:1", "-k", "30", "--where", "bird -red", "--json")[1])
    assert answer["matched"] == len(answer["hits"]) == 10
    assert [hit["distance"] for hit in answer["hits"]] == sorted(hit["distance"] for hit in answer["hits"])
    status, out, err = described("similar", "id:1", "-k", "3", "--where", "red")
    assert (status, len(out.splitlines()), err) == (0, 3, "10 objects match red\n")


def test_words_are_shown(described):
    (hit,) = json.loads(described("text", "sea", "--json")[1])["hits"]
    assert hit["keywords"] == ["sea", "blue sky"]
    shown = json.loads(described("show", str(hit["id"]), "--json")[1])
    assert shown["keywords"] == ["sea", "blue sky"]
    assert {"source": "sidecar", "field": "caption", "text": "A red bird", "language": ""} in shown["words"]
    text = described("show", str(hit["id"]))[1]
    assert "keywords  sea; blue sky (table)\n" in text
    assert "caption   A red bird (sidecar)\n" in text
    assert all(hit["keywords"] for hit in json.loads(described("random", "--json")[1])["hits"])
    assert "\x1b" not in described("show", "1")[1]


def test_keywords_of_a_table_are_kept_and_forgotten(described, home):
    assert "nothing to do" in described("index", "photos")[1]
    (home / "table.csv").write_text("file,keywords\n0004-chelsea.jpg,cat\n")
    assert "2 images described anew, 18 unchanged" in described("index", "photos")[1]
    (home / "table.csv").unlink()
    status, _, err = described("index", "photos")
    assert status == 1
    assert "table.csv: the table of keywords: it cannot be read: No such file or directory" in err
    assert "1 image described anew" in described("index", "photos", "--keywords", "none")[1]
    assert described("text", "cat")[1] == ""
    status, _, err = described("index", "photos", "--keywords", "table.xls")
    assert status == 1
    assert "table.xls: the table of keywords: it cannot be read: No such file" in err


def test_without_a_text_index(call, home):
    text = (home / "seealso.yaml").read_text()
    (home / "seealso.yaml").write_text(text.replace("thumbnail}", "thumbnail, text: false}"))
    call("index", "photos")
    status, _, err = call("text", "bird")
    missing = "the collection has no text index (`text: false` in its configuration)"
    assert (status, err) == (
        1,
        f"seealso: {missing}; and the extractor thumbnail turns images into descriptors, not words\n",
    )
    assert call("text", "bird", "--by", "keywords")[2] == f"seealso: {missing}\n"
    assert call("similar", "id:1", "--where", "bird")[0] == 1
    assert call("verify")[0] == call("rebuild")[0] == call("maintain")[0] == 0


# Words for what is seen


@pytest.fixture
def seen(call, home):
    """The photographs without keywords, with an extractor that reads words."""
    (home / "seealso.yaml").write_text(
        f"plugins: [{COLOUR_WORDS}]\ncollections:\n  photos: {{path: ./c.seealso, extractor: colours}}\n"
    )
    assert call("index", "photos")[0] == 0
    return call


def test_what_an_object_looks_like(seen):
    told = {}
    for number in range(1, 21):
        shown = json.loads(seen("show", str(number), "--json")[1])["looks_like"]
        told[number] = [each["word"] for each in shown]
        assert all(0 < each["weight"] <= 1 for each in shown)
        line = f"looks like {', '.join(told[number])}\n"
        assert seen("show", str(number))[1].endswith(line if shown else "\n")
        assert ("looks like" in seen("show", str(number))[1]) == bool(shown)
    assert any(told.values())


def test_behind_the_last_that_looks_like_words(seen):
    """No keyword matches, but that is not why there is nothing."""
    assert seen("text", "red", "--offset", "500") == (0, "", "there are no more hits after the first 500\n")
    assert seen("text", "red", "--offset", "500", "--by", "keywords") == (0, "", "no object matches red\n")


def test_examples_with_weights(seen, home):
    def found(*arguments):
        answer = json.loads(seen("similar", *arguments, "--json")[1])
        return answer["query"]["examples"], [hit["id"] for hit in answer["hits"]]

    examples, hits = found("id:3^2", "--like", "id:5", "--words", "red blue^0.5", "--unlike", "id:7^3")
    assert [(each["id"], each["words"], each["weight"]) for each in examples] == [
        (3, None, 2.0),
        (5, None, 1.0),
        (None, "red blue", 0.5),
        (7, None, -3.0),
    ]
    assert hits != found("id:3", "--like", "id:5")[1]
    # A file may be called so.
    os.rename(home / "photos" / "0003-cell.jpg", home / "cell^2")
    assert found("cell^2")[0][0]["weight"] == 1
    assert found("cell^2^4")[0][0]["weight"] == 4


def test_a_word_that_is_not_known_is_told_with_what_to_look_for_instead(seen):
    said = "no object matches blakc\nno colour is called 'blakc'\nlook for black instead\n"
    assert seen("text", "blakc") == (0, "", said)
    assert seen("text", "blakc", "--by", "looks")[2] == "seealso: no colour is called 'blakc'; it knows black\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--unlike", "id:1", "id:1"], "the hits shall be both like and unlike object 1; leave one of the two out"),
        (["--words", "blakc"], "no colour is called 'blakc'; it knows black"),
        (["--words", "black", "id:1^0"], "the weight of an example is 0.0"),
        (["--words", "黒い鳥"], "no colour is called '黒い鳥'; try another"),
    ],
)
def test_examples_that_make_no_sense(seen, arguments, said):
    status, out, err = seen("similar", *arguments)
    assert (status, out) == (1, "")
    assert said in err
    assert len(err.splitlines()) == 1


# Where there is nothing


@pytest.mark.parametrize(
    "asked",
    [
        ["similar", "photos/0003-cell.jpg"],
        ["similar", "nowhere.jpg", "--within", "80%"],
        ["similar", "--words", "black", "--where", "bird"],
        ["similar", "photos/0003-cell.jpg", "--paths"],
        ["text", "black"],
        ["text", "black", "--by", "keywords"],
        ["text", "black", "--json"],
        ["random"],
        ["duplicates"],
    ],
    ids=" ".join,
)
def test_an_empty_collection(call, home, asked):
    """It says so in one line, and what to run."""
    (home / "seealso.yaml").write_text(
        f"plugins: [{COLOUR_WORDS}]\ncollections:\n  photos: {{path: ./c.seealso, extractor: colours}}\n"
    )
    (home / "nothing").mkdir()
    assert call("index", "nothing")[0] == 0
    status, out, err = call(*asked)
    assert (status, err) == (0, "the collection is empty; `seealso index PATH…` takes images in\n")
    assert out == "" or json.loads(out)["hits"] == []


def test_an_object_of_an_empty_collection(call, home):
    (home / "nothing").mkdir()
    assert call("index", "nothing")[0] == 0
    assert call("similar", "id:3") == (1, "", "seealso: there is no object 3 in the collection photos\n")


def test_damaged_images(call, home):
    whole = (home / "photos" / "0003-cell.jpg").read_bytes()
    (home / "photos" / "cut.jpg").write_bytes(whole[: len(whole) * 9 // 10])
    status, out, _ = call("index", "photos")
    assert status == 0
    assert "21 new images (1 damaged, see `seealso failures --damaged`)" in out
    assert "damaged      1 image (see `seealso failures --damaged`)\n" in call("status")[1]
    assert "decoding     way 2: the gamma of a PNG counts, damaged pictures are taken\n" in call("status")[1]
    assert call("failures")[1:] == ("", "no failures\n")
    id_, share, path, reason = call("failures", "--damaged")[1].rstrip("\n").split("\t")
    assert path == f"{home}/photos/cut.jpg"
    assert re.fullmatch(r"[5-9]\d %", share)
    assert "truncated" in reason
    (found,) = json.loads(call("failures", "--damaged", "--json")[1])["damaged"]
    assert (f"id:{found['id']}", found["paths"], found["reason"]) == (id_, [path], reason)
    assert found["uris"] == [Path(path).as_uri()]
    assert 0.5 < found["share"] < 1
    sheet = home / "sheet.png"
    assert call("similar", "photos/cut.jpg", "--sheet", str(sheet))[0] == 0
    status, _, err = call("failures", "--damaged", "--retry")
    assert status == 2
    assert "one of --damaged and --retry" in err
    (home / "photos" / "cut.jpg").unlink()
    call("index", "photos")
    assert call("failures", "--damaged")[1:] == ("", "no damaged images\n")
    assert "damaged   " not in call("status")[1]
