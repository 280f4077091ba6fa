"""`seealso weights list` and `fetch`: interrupted, misled, refused, and at last right."""

import fcntl
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

import seealso
from conftest import small_disk
from seealso_decaf import commands, download
from seealso_decaf.published import PUBLISHED, PublishedFile, find_published

CONTENT = np.random.default_rng(0).bytes(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves one file, in whatever way it is told to."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.kept = None  # how many bytes are sent before the connection is closed
        self.ranges = True
        self.shifted = 0  # how far off the bytes are that are sent of a range
        self.status = None
        self.location = None
        self.chunked = False
        self.length = True
        self.asked = []  # the Range header of each request

    def handle_error(self, *_):
        """A client that has enough, and goes away while we send, is nothing to tell of."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/models/net.caffemodel"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server = self.server
        server.asked.append(self.headers["Range"])
        if server.location or server.status:
            self.send_response(server.status or 302)
            if server.location:
                self.send_header("Location", server.location)
                server.location = None
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = int(re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "bytes=0-")[1]) if server.ranges else 0
        if start and start >= len(server.content):
            self.send_response(416)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = server.content[start:]
        self.send_response(206 if start else 200)
        if start:
            first = start + server.shifted
            self.send_header("Content-Range", f"bytes {first}-{len(server.content) - 1}/{len(server.content)}")
        if server.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif server.length:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        body = body[: server.kept]
        if server.chunked:
            self.wfile.write(b"%x\r\n" % len(body) + body + (b"" if server.kept else b"\r\n0\r\n\r\n"))
        else:
            self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with Server() as server:
        thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def fetch(server, tmp_path):
    """Fetches from the server; gives the SHA-256. What it was told of the progress is in `fetch.told`."""

    def fetch(digest=SHA256, algorithm="sha256", target=tmp_path / "net.caffemodel", url=None):
        published = PublishedFile("net", url or server.url, algorithm, digest, "a network")
        fetch.told = []
        return download.fetch(published, target, lambda *told: fetch.told.append(told))

    return fetch


@pytest.fixture
def target(tmp_path):
    return tmp_path / "net.caffemodel"


@pytest.fixture
def part(tmp_path):
    return tmp_path / "net.caffemodel.part"


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [("sha256", SHA256), ("sha256", SHA256[:8]), ("sha1", hashlib.sha1(CONTENT).hexdigest())],
)
def test_a_file_comes_whole(server, fetch, target, tmp_path, algorithm, digest):
    assert fetch(digest, algorithm) == SHA256
    assert target.read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [target]
    assert server.asked == [None]
    assert fetch.told[0] == (0, len(CONTENT))
    assert fetch.told[-1] == (len(CONTENT), len(CONTENT))
    # Again: nothing is asked of anybody.
    assert fetch(digest, algorithm) == SHA256
    assert server.asked == [None]


@pytest.mark.parametrize("chunked", [False, True])
def test_an_interrupted_fetch_goes_on(server, fetch, target, part, chunked):
    server.kept, server.chunked = 1_000_000, chunked
    with pytest.raises(seealso.SeealsoError, match="running the command again goes on from there") as caught:
        fetch()
    assert "\n" not in str(caught.value)
    kept = part.stat().st_size
    assert 0 < kept <= 1_000_000
    assert f"{kept:,} bytes are kept" in str(caught.value)
    assert not target.exists()
    server.kept = None
    assert fetch() == SHA256
    assert target.read_bytes() == CONTENT
    assert not part.exists()
    assert server.asked == [None, f"bytes={kept}-"]
    assert fetch.told[0][0] == kept


def test_all_was_there_but_the_name(server, fetch, target, part):
    part.write_bytes(CONTENT)
    assert fetch() == SHA256
    assert target.read_bytes() == CONTENT
    assert server.asked == [f"bytes={len(CONTENT)}-"]


@pytest.mark.parametrize("was_there", [CONTENT[:1000], b"other" * 1000, CONTENT + b"more"])
@pytest.mark.parametrize("ranges", [True, False])
def test_whatever_was_there_the_end_is_right(server, fetch, target, part, was_there, ranges):
    part.write_bytes(was_there)
    server.ranges = ranges
    assert fetch() == SHA256
    assert target.read_bytes() == CONTENT


def test_a_server_without_lengths(server, fetch, target):
    server.length = False
    assert fetch() == SHA256
    assert fetch.told[-1] == (len(CONTENT), None)


def test_other_bytes_than_were_asked_for_are_not_appended(server, fetch, part):
    part.write_bytes(CONTENT[:1000])
    server.shifted = 7
    with pytest.raises(seealso.SeealsoError, match=r"answers with other bytes \(bytes 1007-"):
        fetch()
    assert part.read_bytes() == CONTENT[:1000]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (CONTENT[:-1] + b"!", f"another file: its SHA-256 is [0-9a-f]{{64}}, .* SHA-256 {SHA256}; it was removed"),
        (b"", "another file"),
        (
            b"\n <!DOCTYPE HTML><p>Please log in" + b" " * 10_000,
            r"a web page of 10,0\d\d bytes \(a login or an error\?\)",
        ),
        (b"<html>", "a web page of 6 bytes"),
    ],
)
def test_another_content_is_removed(server, fetch, target, tmp_path, content, expected):
    server.content = content
    with pytest.raises(seealso.SeealsoError, match=expected) as caught:
        fetch()
    assert "\n" not in str(caught.value)
    assert server.url in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_another_file_that_is_there_stays(server, fetch, target):
    target.write_bytes(b"mine")
    with pytest.raises(seealso.SeealsoError, match=r"it is there already, and is damaged, or another file.*--to"):
        fetch()
    assert target.read_bytes() == b"mine"
    target.unlink()
    target.mkdir()
    with pytest.raises(seealso.SeealsoError, match="and no file"):
        fetch()
    assert server.asked == []


@pytest.mark.parametrize(
    ("status", "expected"), [(404, "404 Not Found"), (503, "503 Service Unavailable"), (416, "416")]
)
def test_what_the_server_refuses(server, fetch, status, expected):
    server.status = status
    with pytest.raises(seealso.SeealsoError, match=f"answers {expected}.*net.caffemodel elsewhere.*SHA-256 {SHA256}"):
        fetch()


def test_no_way_to_the_server(server, fetch, tmp_path, monkeypatch):
    with pytest.raises(seealso.SeealsoError, match=r"cannot be reached: Connection refused; check the connection"):
        fetch(url="http://127.0.0.1:1/net.caffemodel")
    with pytest.raises(seealso.SeealsoError, match="cannot be reached: "):
        fetch(url="http://no-such-host.invalid/net.caffemodel")


def test_a_server_that_does_not_answer(server, fetch, monkeypatch):
    monkeypatch.setattr(download, "SECONDS_TO_ANSWER", 0.2)
    # The connection is taken, and nobody looks at it.
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), Handler) as silent,
        pytest.raises(seealso.SeealsoError, match="cannot be reached: no answer within"),
    ):
        fetch(url=f"http://127.0.0.1:{silent.server_port}/")


def test_redirects(server, fetch, tmp_path):
    server.location = server.url
    assert fetch() == SHA256
    secret = tmp_path / "secret"
    secret.write_text("secret")
    for place in (f"file://{secret}", "ftp://127.0.0.1/x", "data:,x"):
        server.location = place
        with pytest.raises(seealso.SeealsoError, match=r"is not allowed|it sends us to .*, where we do not go"):
            fetch(target=tmp_path / "other")
    assert {path.name for path in tmp_path.iterdir()} == {"secret", "net.caffemodel"}


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/x", "data:,x"])
def test_only_the_web_is_opened(fetch, url):
    with pytest.raises(seealso.SeealsoError, match="cannot be reached: unknown url type"):
        fetch(url=url)


def test_no_way_from_an_encrypted_connection_to_an_open_one():
    request = download.urllib.request.Request("https://example.org/a")
    follow = partial(download._Redirects().redirect_request, request, None, 302, "Found", {})
    assert follow("https://example.org/b").full_url == "https://example.org/b"
    with pytest.raises(download.URLError, match="where we do not go"):
        follow("http://example.org/b")


def test_more_than_any_published_file_has(server, fetch, part, monkeypatch):
    monkeypatch.setattr(download, "LARGEST", 2_000_000)
    with pytest.raises(seealso.SeealsoError, match="more than 2,000,000 bytes come"):
        fetch()
    assert part.stat().st_size <= 2_000_000


def test_a_full_disk(server, fetch, tmp_path):
    with small_disk(tmp_path / "disk", 1) as disk:
        with pytest.raises(seealso.DiskFull, match=r"net\.part: the disk is full; make room and run the command again"):
            fetch(target=disk / "net")
        # What there was room for is right, and used by the next attempt.
        kept = (disk / "net.part").read_bytes()
        assert kept == CONTENT[: len(kept)]
        assert len(kept) > 500_000
        (tmp_path / "net.part").write_bytes(kept)
    assert fetch(target=tmp_path / "net") == SHA256
    assert server.asked[-1] == f"bytes={len(kept)}-"


def test_where_nothing_can_be_written(fetch, tmp_path):
    with pytest.raises(seealso.SeealsoError, match=r"x\.part: cannot be written: No such file or directory.*--to"):
        fetch(target=tmp_path / "nowhere" / "x")


def test_the_name_is_given_last(server, fetch, target, monkeypatch):
    """On the disk to stay, then named, then the name on the disk to stay."""
    done = []
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: done.append(("sync", os.readlink(f"/proc/self/fd/{descriptor}")))
    )
    rename = download.Path.rename
    monkeypatch.setattr(
        download.Path, "rename", lambda self, to: done.append(("rename", str(self))) or rename(self, to)
    )
    fetch()
    part = f"{target}.part"
    assert done == [("sync", part), ("rename", part), ("sync", str(target.parent))]


def test_two_at_once(server, fetch, part):
    with part.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(seealso.SeealsoError, match="another process is fetching it"):
            fetch()
    assert fetch() == SHA256


# The published files


def test_the_published_files_are_known_well_enough():
    assert len({file.name for file in PUBLISHED}) == len(PUBLISHED) == 3
    for file in PUBLISHED:
        assert file.url.startswith(("http://", "https://"))
        assert re.fullmatch("[0-9a-f]+", file.digest)
        # Where the connection is not encrypted, the whole hash is needed.
        assert file.url.startswith("https://") or len(file.digest) == hashlib.new(file.algorithm).digest_size * 2
        assert find_published(file.name) is find_published(file.file_name) is file


def test_a_name_that_is_not_known():
    with pytest.raises(seealso.SeealsoError, match="'bvlc_alex_net'; did you mean bvlc_alexnet"):
        find_published("bvlc_alex_net")
    with pytest.raises(
        seealso.SeealsoError, match="there are bvlc_reference_caffenet, bvlc_alexnet, torchvision_alexnet"
    ):
        find_published("x")


# The commands


def test_list(call):
    status, out, err = call("weights", "list")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert len(lines) == 3
    assert lines[0].split("\t")[0::2] == [
        "bvlc_reference_caffenet",
        "SHA-1 4c8d77deb20ea792f84eb5e6d0a11ca0a8660a46",
    ]
    assert lines[2].split("\t")[2] == "SHA-256 begins 7be5be79"
    listed = json.loads(call("weights", "list", "--json")[1])["weights"]
    assert [each["name"] for each in listed] == [file.name for file in PUBLISHED]
    assert listed[1]["sha1"] == "9116a64c0fbe4459d18f4bb6b56d647b63920377"


def test_fetch(call, server, tmp_path, monkeypatch):
    published = PublishedFile("net", server.url, "sha256", SHA256[:8], "a network")
    monkeypatch.setattr(commands, "find_published", lambda name: {"net": published}[name])
    monkeypatch.setattr(commands, "SECONDS_BETWEEN_LINES", 0)
    status, out, err = call("weights", "fetch", "net")
    assert status == 0
    assert out.splitlines() == [
        f"net.caffemodel: SHA-256 begins {SHA256[:8]}, as published; SHA-256 {SHA256}",
        f"next, in the configuration: extractor: {{plugin: decaf7, weights: {tmp_path}/net.caffemodel}}",
    ]
    assert err.splitlines()[-1] == "net: 3,000,000 bytes of 3,000,000"
    assert (tmp_path / "net.caffemodel").read_bytes() == CONTENT
    assert call("weights", "fetch", "net", "--to", "other")[0] == 0
    assert (tmp_path / "other").read_bytes() == CONTENT
    server.status = 404
    status, out, err = call("weights", "fetch", "net", "--to", "third")
    assert (status, out) == (1, "")
    assert "404 Not Found" in err.splitlines()[-1]
    assert call("weights", "fetch")[0] == 2


def test_nothing_heavy_is_loaded():
    code = """
import sys
from seealso_cli.app import run
from seealso_cli.session import Session
with Session() as session:
    assert run(["weights", "list"], session) == 0
assert not {"torch", "google.protobuf", "urllib.request", "numpy"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
