"""Finding files."""

import os
import shutil
import socket

import pytest

from seealso.collection.intake.scan import Scan, ScannedFile, ScanProblem
from seealso.interfaces.scan_rules import ScanRules


@pytest.fixture
def tree(tmp_path):
    for name in (
        "b/2.jpg",
        "b/1.PNG",
        "a/x.jpeg",
        "a/notes.txt",
        ".hidden/h.jpg",
        "a/.h.jpg",
        "c d/ü 🐈.webp",
        "top.heic",
    ):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path / "tree"


def names(scan: Scan, top) -> list[str]:
    return [
        os.fsdecode(os.path.relpath(found.path, os.fsencode(top))) for found in scan if isinstance(found, ScannedFile)
    ]


def scan(*paths, **rules) -> Scan:
    return Scan([os.fsencode(path) for path in paths], ScanRules(**rules))


def test_images_in_a_stable_order(tree):
    expected = ["top.heic", "a/x.jpeg", "b/1.PNG", "b/2.jpg", "c d/ü 🐈.webp"]
    assert names(scan(tree), tree) == expected
    assert scan(tree).count() == 5


def test_hidden_ones_when_asked(tree):
    assert {".hidden/h.jpg", "a/.h.jpg"} <= set(names(scan(tree, hidden=True), tree))


def test_named_files_are_taken_whatever_they_are_called(tree):
    assert names(scan(tree / "a/notes.txt", tree / ".hidden"), tree) == ["a/notes.txt", ".hidden/h.jpg"]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({"include": ("*.jpg",)}, ["b/2.jpg"]),
        ({"include": ("a/*", "b/1*")}, ["a/x.jpeg", "b/1.PNG"]),
        ({"exclude": ("b",)}, ["top.heic", "a/x.jpeg", "c d/ü 🐈.webp"]),
        ({"exclude": ("*/?.*", "top*")}, ["c d/ü 🐈.webp"]),
        ({"include": ("b",), "exclude": ("2*",)}, ["b/1.PNG"]),
        ({"exclude": ("b/",)}, ["top.heic", "a/x.jpeg", "c d/ü 🐈.webp"]),
        ({"include": ("b/",)}, ["b/1.PNG", "b/2.jpg"]),
    ],
)
def test_patterns(tree, rules, expected):
    assert names(scan(tree, **rules), tree) == expected


def test_a_pattern_of_a_whole_path(tree):
    assert names(scan(tree, exclude=(f"{tree}/b", f"{tree}/top*")), tree) == ["a/x.jpeg", "c d/ü 🐈.webp"]
    assert names(scan(tree / "b", exclude=(f"{tree}/b/2*",)), tree) == ["b/1.PNG"]


def test_what_patterns_leave_out_is_counted(tree):
    found = scan(tree, exclude=("b", "top*", "notes*", ".hidden"))
    assert names(found, tree) == ["a/x.jpeg", "c d/ü 🐈.webp"]
    # A folder and a file. What is hidden, and what has no image's suffix, is passed over anyway.
    assert found.left_out == 2
    assert len(list(found)) == 2
    assert found.left_out == 2


def test_what_other_rules_would_leave_out_is_counted(tree):
    (tree / "a" / "@eaDir" / "deeper").mkdir(parents=True)
    for name in ("1.jpg", "deeper/2.jpg", "notes.txt"):
        (tree / "a" / "@eaDir" / name).write_bytes(b"x")
    found = Scan([os.fsencode(tree)], ScanRules(exclude=()), noting=ScanRules())
    assert len(names(found, tree)) == 7
    assert (found.noted, found.left_out) == (2, 0)
    assert len(names(scan(tree), tree)) == 5


def test_links_are_followed_once(tree, tmp_path):
    (tree / "a" / "loop").symlink_to(tree)
    (tree / "0-first").symlink_to(tree / "b")
    (tree / "file.jpg").symlink_to(tree / "b" / "2.jpg")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "o.jpg").write_bytes(b"x")
    (tree / "out").symlink_to(outside)
    (outside / "back").symlink_to(tree)
    found = names(scan(tree), tree)
    assert found == ["file.jpg", "top.heic", "a/x.jpeg", "b/1.PNG", "b/2.jpg", "c d/ü 🐈.webp", "out/o.jpg"]


def test_broken_links_are_problems(tree):
    (tree / "broken.jpg").symlink_to("nowhere.jpg")
    (tree / "self.jpg").symlink_to("self.jpg")
    problems = {os.path.basename(found.path): found.reason for found in scan(tree) if isinstance(found, ScanProblem)}
    assert problems == {
        b"broken.jpg": "a symbolic link to something that is not there",
        b"self.jpg": "a symbolic link that leads back to itself",
    }


def test_what_vanishes_in_the_middle_is_no_problem(tree):
    found = iter(scan(tree))
    assert next(found).path.endswith(b"top.heic")
    (tree / "a" / "x.jpeg").unlink()
    assert next(found).path.endswith(b"1.PNG")  # and folder b is listed
    (tree / "b" / "2.jpg").unlink()
    shutil.rmtree(tree / "c d")
    assert list(found) == []


def test_only_regular_files(tree):
    os.mkfifo(tree / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as unix:
        here = os.getcwd()
        os.chdir(tree)  # the path of a socket has to be short
        try:
            unix.bind("socket.jpg")
        finally:
            os.chdir(here)
    assert len(names(scan(tree), tree)) == 5
    (problem,) = scan(tree / "pipe.jpg")
    assert problem.reason == "it is neither a file nor a folder"


def test_any_bytes_in_names(tree):
    name = os.fsencode(tree) + b"/new\nline \xff\xfe.jpg"
    with open(name, "wb") as file:
        file.write(b"x")
    assert name in [found.path for found in scan(tree)]
    assert name in [found.path for found in scan(tree, include=("*line*",))]


def test_overlapping_paths_find_each_file_once(tree):
    assert len(names(scan(tree, tree / "b", tree / "a"), tree)) == 5


def test_a_folder_that_is_passed_over(tree):
    (tree / "c d" / "link").symlink_to(tree / "b")
    found = Scan([os.fsencode(tree), os.fsencode(tree / "b")], skip=os.fsencode(tree / "b"))
    assert names(found, tree) == ["top.heic", "a/x.jpeg", "c d/ü 🐈.webp"]
    assert found.count() == 3


def test_a_very_deep_folder(tmp_path):
    deep = tmp_path
    for _ in range(120):
        deep = deep / "deeper"
    deep.mkdir(parents=True)
    (deep / "a.jpg").write_bytes(b"x")
    assert len(list(scan(tmp_path))) == 1
