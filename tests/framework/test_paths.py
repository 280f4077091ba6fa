"""Paths, which are bytes."""

import os
from pathlib import Path

import pytest

import seealso
from seealso.paths import absolute, can_be_a_path, shown_path, unreadable, uri_of_path


def test_shown_and_told():
    path = "/a b/ü%".encode() + b"\xff\n"
    assert shown_path(path) == "/a b/ü%\\xff\n"
    assert uri_of_path(path) == "file:///a%20b/%C3%BC%25%FF%0A"


def test_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    here = os.fsencode(tmp_path)
    for path in ("x/../y", b"y", Path("y")):
        assert absolute(path) == here + b"/y"
    assert absolute("~/z") == here + b"/home/z"
    (tmp_path / "link").symlink_to(tmp_path)
    assert absolute("link/y") == here + b"/link/y"


@pytest.mark.parametrize("path", ["", b""])
def test_an_empty_path_is_no_path(path):
    with pytest.raises(seealso.FileError, match="a path is empty"):
        absolute(path)


@pytest.mark.parametrize("path", ["a\0b", b"a\0b", Path("a\0b"), "\ud800"])
def test_what_the_system_cannot_be_asked_for_is_no_path(path):
    assert not can_be_a_path(path)
    with pytest.raises(seealso.FileError, match="is no path: a path holds neither NUL nor halves of a character"):
        absolute(path)
    assert can_be_a_path(os.fsdecode(b"\xff"))


def test_only_a_regular_file_of_a_bounded_size_is_read(tmp_path):
    file = tmp_path / "file"
    assert unreadable(file) == "it cannot be read: No such file or directory"
    file.write_bytes(b"abc")
    assert unreadable(file) == ""
    assert unreadable(file, 3) == ""
    assert unreadable(file, 2) == "it has 3 bytes, and more than 2 are not read"
    os.mkfifo(tmp_path / "pipe")
    for other in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        assert unreadable(other) == "it is no regular file; write what it gives to one first"
    assert unreadable(Path("a\0b")) == "it cannot be read: embedded null byte"
