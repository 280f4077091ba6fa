"""Paths, which are bytes."""

import os
from pathlib import Path

import pytest

from seealso.paths import absolute, shown_path, uri_of_path


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
    with pytest.raises(ValueError, match="a path is empty"):
        absolute(path)
