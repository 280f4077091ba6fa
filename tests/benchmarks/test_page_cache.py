import mmap
import os
from pathlib import Path

import pytest
from page_cache import bytes_in_memory, drop_cache, read_from_disk, share_in_memory

PAGES = 50


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of some pages that was just written."""
    path = tmp_path / "file"
    with path.open("wb") as out:
        out.write(os.urandom(PAGES * mmap.PAGESIZE - 100))
        out.flush()
        os.fsync(out.fileno())
    return path


def test_what_was_just_written_lies_in_memory(file):
    held = bytes_in_memory(file)
    if held is None:
        pytest.skip("the operating system does not tell")
    assert held == PAGES * mmap.PAGESIZE
    (file.parent / "empty").touch()
    assert share_in_memory(file.parent) == pytest.approx(1, abs=0.01)


def test_what_is_dropped_is_read_from_the_disk_again(file):
    before = bytes_in_memory(file)
    drop_cache(file.parent)
    after = bytes_in_memory(file)
    if before is None or after == before:
        pytest.skip("files of this folder stay in memory")
    assert after == 0
    read = read_from_disk()
    file.read_bytes()
    if read is not None:
        assert read_from_disk() - read >= (PAGES - 1) * mmap.PAGESIZE
