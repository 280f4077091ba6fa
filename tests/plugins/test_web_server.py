"""The server as a process and a socket: it starts, serves beside those who mean ill, and ends when told."""

import contextlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx2
import pytest

import seealso
from seealso.testing import FrontendTests
from seealso_web import connections, server
from seealso_web.frontend import Web
from seealso_web.options import WebOptions
from seealso_web.server import address_of, listen
from web_site import configure, free_port, jpeg, running, wait_until_ready


class TestWeb(FrontendTests):
    frontend_class = Web

    @pytest.fixture
    def frontend(self, tmp_path):
        return Web(WebOptions(port=free_port(), cache=tmp_path / "cache", access_log=False))

    def ask(self, frontend, collection, id_):
        address = f"http://127.0.0.1:{frontend.options.port}"
        wait_until_ready(address)
        return [hit["id"] for hit in httpx2.get(f"{address}/api/v1/{collection}/similar/{id_}").json()["hits"]]


@pytest.fixture(scope="module")
def address(tmp_path_factory, web_collection):
    """A running server with an upload limit of a megabyte and little patience."""
    file = configure(
        tmp_path_factory.mktemp("server"),
        {"photos": web_collection},
        port=free_port(),
        upload_megabytes=1,
        upload_seconds=2,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections, "HEAD_SECONDS", 1)
        with running(file) as address:
            yield address


def test_memory_is_given_back_after_requests(tmp_path, web_collection, monkeypatch):
    """And not again while nobody asks."""
    given = []
    monkeypatch.setattr(server, "TIDY_SECONDS", 0.05)
    monkeypatch.setattr(server, "give_back", lambda: given.append(1))
    file = configure(tmp_path, {"photos": web_collection}, port=free_port())
    with running(file) as address:
        for number in (1, 2):
            httpx2.get(f"{address}/readyz")
            deadline = time.monotonic() + 10
            while len(given) < number and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(0.3)
            quiet = len(given)
            time.sleep(0.3)
            assert len(given) == quiet >= number


def connect(address: str) -> socket.socket:
    host, port = address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=10)


def ask(address: str, request: bytes) -> bytes:
    """What a server says to these bytes until it closes."""
    said = b""
    # It need not read all that is sent.
    with connect(address) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(request)
        while piece := connection.recv(1 << 16):
            said += piece
    return said


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static/%2e%2e%2f%2e%2e%2f%2e%2e%2fetc/passwd", "/static/..%5capp.py",
        "/static//etc/passwd", "/static/%00", "/static/site.js%00.png", "/photos/../../etc/passwd", "/photos/objects/../../etc/passwd",
        "/photos/objects/1%2f..%2f..%2fetc%2fpasswd/original", "/photos/objects/1/%2e%2e/%2e%2e/original", "/photos%00", "/%00",
        "/photos/uploads/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/photos/uploads/..%00/thumbnail", "/photos/objects/1/../original",
        "/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/%c0%ae%c0%ae/etc/passwd", "/photos/objects/%31%00/thumbnail", "//etc/passwd", "http://evil.example/photos",
    ],
)  # fmt: skip
def test_paths_lead_nowhere_else(address, path):
    said = ask(address, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert re.match(rb"HTTP/1.1 4\d\d ", said), said[:200]
    assert b"root:" not in said
    assert b"import" not in said


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\0\r\n\r\n", b"GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET / HTTP/9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /api/v1/photos/similar HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/v1/photos/similar HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused(address, request_):
    assert re.match(rb"HTTP/1.1 4\d\d ", ask(address, request_))
    assert httpx2.get(f"{address}/healthz").status_code == 200


def test_a_gigabyte_is_not_read(address):
    """The sender is told off after the limit; meanwhile others are served."""
    sent = 0
    with connect(address) as connection:
        connection.sendall(
            b"POST /api/v1/photos/similar HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        piece = b"10000\r\n" + bytes(1 << 16) + b"\r\n"
        with contextlib.suppress(ConnectionError):  # when it has closed
            while sent < 1 << 30:
                connection.sendall(piece)
                sent += 1 << 16
    assert sent < 64 << 20
    assert httpx2.get(f"{address}/photos/similar/1").status_code == 200


def send_slowly(connection: socket.socket, count: int) -> None:
    for _ in range(count):
        connection.sendall(b"G")
        time.sleep(0.1)


def test_who_sends_slowly_is_cut_off(address):
    """A head a byte at a time; a head that never comes; a second request that never comes to its end; a body that stops."""
    whole = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connect(address) as trickle, connect(address) as silent, connect(address) as second, connect(address) as body:
        second.sendall(whole)
        answered = b""
        while not answered.endswith(b"alive\n"):
            answered += second.recv(1 << 16)
        assert answered.startswith(b"HTTP/1.1 200")
        second.sendall(whole[:20])
        body.sendall(
            b"POST /api/v1/photos/similar HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
            b"Content-Length: 1000\r\n\r\n\x89PNG"
        )
        with pytest.raises(ConnectionError):
            # For five seconds at least, and a head may take one.
            send_slowly(trickle, 50)
        assert silent.recv(1) == b""
        assert second.recv(1) == b""
        assert body.recv(1 << 16).startswith(b"HTTP/1.1 408 ")
        assert httpx2.get(f"{address}/photos/similar/1").status_code == 200


@pytest.mark.slow
def test_a_connection_serves_many_requests(address):
    """Those who are quick are not cut off, however long they stay."""
    with httpx2.Client(base_url=address) as client:
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            assert client.get("/photos/objects/1/thumbnail").status_code == 200
            time.sleep(0.4)


def test_many_at_once(address, photographs):
    data = jpeg(photographs["coffee"].resize((300, 200)))
    statuses = []

    def visit(number: int) -> None:
        with httpx2.Client(base_url=address, timeout=30) as client:
            for each in range(3):
                id_ = 1 + (number + each) % 16
                statuses.append(client.get(f"/api/v1/photos/similar/{id_}").status_code)
                statuses.append(client.get(f"/photos/objects/{id_}/thumbnail").status_code)
                sent = client.post("/api/v1/photos/similar", content=data, headers={"Content-Type": "image/jpeg"})
                statuses.append(sent.status_code)

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 16 * 3 * 3


def test_a_taken_port_is_said_in_a_line():
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(seealso.ConfigError, match=r"cannot listen at 127.0.0.1 port \d+: .*; choose another `port:`"),
    ):
        listen(WebOptions(port=taken.getsockname()[1]))
    with pytest.raises(seealso.ConfigError, match="cannot listen"):
        listen(WebOptions(host="203.0.113.7", port=0))


@pytest.mark.parametrize(
    ("host", "shown"), [("127.0.0.1", "http://127.0.0.1:"), ("0.0.0.0", "http://localhost:"), ("::1", "http://[::1]:")]
)
def test_the_address_can_be_clicked(host, shown):
    if host == "::1" and not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    with listen(WebOptions(host=host, port=0)) as listening:
        assert address_of(listening).startswith(shown)


@pytest.fixture
def started(tmp_path, web_collection, python):
    """``seealso serve`` as a process."""
    port = free_port()
    file = configure(tmp_path, {"photos": web_collection}, port=port, access_log=True)
    address = f"http://127.0.0.1:{port}"
    with python.start("-m", "seealso_cli", "--config", file, "serve") as child:
        try:
            assert child.stderr.readline().startswith(b"serving photos (process ")
            assert child.stderr.readline().decode() == f"seealso: ready at {address}/\n"
            yield child, address
        finally:
            child.kill()


def wait_until_closed(address: str) -> None:
    with contextlib.suppress(ConnectionRefusedError):
        while True:
            connect(address).close()
            time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_is_in_flight_is_finished_when_it_ends(started, photographs, number):
    child, address = started
    data = jpeg(photographs["coffee"])
    head = f"POST /api/v1/photos/similar HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}"
    with connect(address) as connection, connection.makefile("rb") as answer:
        # It says to go on as soon as it is at it.
        connection.sendall(f"{head}\r\nExpect: 100-continue\r\n\r\n".encode())
        assert answer.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert answer.readline() == b"\r\n"
        connection.sendall(data[:1000])
        child.send_signal(number)
        wait_until_closed(address)  # so it has heard
        connection.sendall(data[1000:])
        assert answer.readline().startswith(b"HTTP/1.1 200 ")
    out, err = child.communicate(timeout=20)
    assert child.returncode == 0
    assert out == b""
    assert re.search(r"127\.0\.0\.1 POST /api/v1/photos/similar 200 \d+ \d+\.\dms", err.decode())
    assert "Traceback" not in err.decode()
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(address)


def test_the_web_is_what_serves_by_default():
    assert seealso.load_plugins().preferred("frontend") == "web"


def test_no_other_command_loads_it():
    """What serves is imported by who serves."""
    program = (
        "import sys, seealso_cli\nsys.argv = ['seealso', '--help']\n"
        "try: seealso_cli.main()\nexcept SystemExit: pass\n"
        "loaded = {'starlette', 'uvicorn', 'jinja2', 'diskcache', 'prometheus_client', 'h11'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
        "import seealso\nplugins = seealso.load_plugins(); plugins.list_all()\n"
        "loaded = {'starlette', 'uvicorn', 'jinja2', 'diskcache', 'prometheus_client', 'h11'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_answers_do_not_wait_for_acknowledgements():
    with (
        listen(WebOptions(port=0)) as listening,
        socket.create_connection(listening.getsockname()),
        listening.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
