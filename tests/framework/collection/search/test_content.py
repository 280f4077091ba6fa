"""The bytes of an object's file, a block at a time: only those that were taken in."""

import os
from pathlib import Path

import pytest

import seealso
from seealso.collection.search import content
from seealso.collection.search.content import BLOCK


@pytest.fixture
def large(tmp_path, photographs, open_collection):
    """A photograph with 200 kB behind it, and its object in a collection."""
    file = tmp_path / "photos" / "large.jpg"
    file.parent.mkdir()
    photographs["coffee"].save(file, quality=95)
    with file.open("ab") as more:
        more.write(bytes(range(256)) * 800)
    collection = open_collection()
    collection.index([file.parent])
    return collection, int(collection.ids()[0]), file


def read(opened: seealso.Content) -> list[bytes]:
    return list(iter(opened.read, b""))


def test_a_file_is_read_block_by_block(large):
    collection, id_, file = large
    with collection.content(id_) as opened:
        blocks = read(opened)
        assert opened.read() == b""
    assert b"".join(blocks) == file.read_bytes()
    assert opened.size == file.stat().st_size
    assert opened.head == blocks[0]
    assert {len(block) for block in blocks[:-1]} == {BLOCK}


def test_the_whole_file_is_hashed_once(large, monkeypatch):
    collection, id_, file = large
    read_at = []
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda *arguments: read_at.append(arguments[2]) or pread(*arguments))
    collection.content(id_).close()
    whole = len(read_at)
    assert whole > file.stat().st_size // BLOCK
    collection.content(id_).close()
    assert len(read_at) == whole + 1  # its first block


@pytest.mark.parametrize("known", [False, True])
def test_what_changes_while_it_is_read_is_not_given(large, known):
    collection, id_, file = large
    if known:
        collection.content(id_).close()
    with collection.content(id_) as opened:
        first = opened.read()
        with file.open("r+b") as changed:
            changed.seek(BLOCK + 7)
            changed.write(b"secret")
        assert first == file.read_bytes()[:BLOCK]
        with pytest.raises(seealso.FileError, match="it has changed since it was taken in"):
            opened.read()


def test_what_has_changed_is_not_opened(large, tmp_path):
    collection, id_, file = large
    copy = tmp_path / "photos" / "zz.jpg"
    copy.write_bytes(file.read_bytes())
    collection.index([file.parent])
    for known in range(2):
        data = copy.read_bytes()
        for other in (b"secret", data[:-1], data + b"x", b"x" + data[1:], b""):
            file.write_bytes(other)
            with collection.content(id_) as opened:
                assert b"".join(read(opened)) == data  # from its other place
            if not known:
                collection._contents._latest.clear()
    copy.unlink()
    with pytest.raises(seealso.FileError, match="it has changed since it was taken in"):
        collection.content(id_)
    file.unlink()
    with pytest.raises(seealso.FileError, match="cannot be read: No such file"):
        collection.content(id_)
    with pytest.raises(seealso.QueryError, match="there is no object"):
        collection.content(10**9)


def test_no_more_is_read_than_the_limit(large):
    collection, id_, file = large
    with file.open("r+b") as grown:
        grown.truncate(1 << 40)
    with pytest.raises(seealso.FileError, match="the limit"):
        content.Contents(seealso.ImageLimits(max_bytes=1 << 20)).open(collection.show(id_))


def test_few_files_are_remembered(large, monkeypatch):
    collection, _, file = large
    monkeypatch.setattr(content, "REMEMBERED", 2)
    photo = file.read_bytes()
    for number in range(4):
        Path(file.parent, f"{number}.jpg").write_bytes(photo + bytes([number]))
    collection.index([file.parent])
    for id_ in collection.ids().tolist():
        collection.content(id_).close()
    assert len(collection._contents._latest) == 2


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="only Linux says which files are open")
def test_no_file_stays_open(large):
    collection, id_, file = large
    data = file.read_bytes()
    collection.content(id_).close()
    before = len(os.listdir("/proc/self/fd"))
    collection.content(id_).close()
    for other in (b"x" + data[1:], b"x"):
        file.write_bytes(other)
        with pytest.raises(seealso.FileError):
            collection.content(id_)
    assert len(os.listdir("/proc/self/fd")) == before
