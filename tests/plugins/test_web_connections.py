"""Connections: how many, how long, how slowly; and who gives way."""

import contextlib
import hashlib
import re
import socket
import time

import httpx2
import pytest

import seealso
from conftest import THUMBNAIL
from seealso_web.connections import BUSY, Connections
from seealso_web.memory import give_back
from seealso_web.visitors import Proxies
from web_site import configure, free_port, running

SIZE = 8 << 20


class Guest:
    """A connection that nobody works for since a time, or that is not to be disturbed (None)."""

    def __init__(self, since: tuple[int, float] | None = None) -> None:
        self.since = since
        self.gone = False

    def free_since(self):
        return self.since

    def let_go(self):
        self.gone = True


def admitted(connections: Connections, address: str, count: int, since=None) -> list[Guest]:
    guests = [Guest(since) for _ in range(count)]
    for guest in guests:
        assert connections.admit(guest, address)
    return guests


def test_a_visitor_has_so_many():
    connections = Connections(100, 3, Proxies([]))
    busy = admitted(connections, "10.0.0.1", 3)
    assert not connections.admit(Guest(), "10.0.0.1")
    assert connections.refused == 1
    assert connections.admit(Guest(), "10.0.0.2")
    assert connections.leave(busy[0])
    assert not connections.leave(busy[0])
    assert connections.admit(Guest(), "10.0.0.1")
    assert len(connections) == 4


def test_of_a_visitors_own_the_idle_one_gives_way_first_and_then_the_one_that_takes_nothing():
    connections = Connections(100, 3, Proxies([]))
    (busy,) = admitted(connections, "10.0.0.1", 1)
    (stuck,) = admitted(connections, "10.0.0.1", 1, (1, 5.0))
    (idle,) = admitted(connections, "10.0.0.1", 1, (0, 9.0))
    assert connections.admit(Guest(), "10.0.0.1")
    assert (idle.gone, stuck.gone, busy.gone) == (True, False, False)
    assert connections.admit(Guest(), "10.0.0.1")
    assert (stuck.gone, busy.gone) == (True, False)
    assert not connections.admit(Guest(), "10.0.0.1")
    assert len(connections) == 3


@pytest.mark.parametrize("per_visitor", [None, 50])
def test_where_all_are_taken_who_has_the_most_gives_one(per_visitor):
    connections = Connections(10, per_visitor, Proxies([]))
    few = admitted(connections, "10.0.0.1", 2, (0, 1.0))
    many = admitted(connections, "10.0.0.2", 8, (0, 2.0))
    many[3].since = (0, 1.5)
    assert connections.admit(Guest(), "10.0.0.3")
    assert [guest.gone for guest in few] == [False, False]
    assert [number for number, guest in enumerate(many) if guest.gone] == [3]
    for guest in many:
        guest.since = None
    assert not connections.admit(Guest(), "10.0.0.3")
    assert len(connections) == 10


def test_of_ipv6_a_network_is_one_visitor_and_a_proxy_is_many():
    connections = Connections(100, 2, Proxies(["10.0.0.1", "10.1.0.0/16"]))
    admitted(connections, "10.0.0.1", 5)
    admitted(connections, "10.1.2.3", 5)
    admitted(connections, "2001:db8::1", 1)
    admitted(connections, "2001:db8::2", 1)
    assert not connections.admit(Guest(), "2001:db8::3")
    assert connections.admit(Guest(), "2001:db8:0:1::3")
    admitted(connections, "::ffff:10.0.0.7", 1)
    admitted(connections, "::ffff:10.0.0.8", 2)
    admitted(connections, "10.0.0.7", 1)
    assert not connections.admit(Guest(), "10.0.0.7")


def test_a_crowd_is_over_once():
    connections = Connections(1000, None, Proxies([]))
    crowd = admitted(connections, "10.0.0.1", 120)
    left = [connections.leave(guest) and connections.is_over() for guest in crowd]
    assert left.index(True) == 112
    assert sum(left) == 1
    few = admitted(connections, "10.0.0.1", 50)
    assert not any(connections.leave(guest) and connections.is_over() for guest in few)
    give_back()


def test_what_is_said_to_one_too_many_is_an_answer():
    head, _, body = BUSY.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert int(re.search(rb"Content-Length: (\d+)", head)[1]) == len(body)


@pytest.fixture(scope="module")
def original(tmp_path_factory, photographs):
    """A collection with one image of 8 MB."""
    folder = tmp_path_factory.mktemp("large")
    file = folder / "photos" / "large.jpg"
    file.parent.mkdir()
    photographs["coffee"].save(file)
    with file.open("ab") as more:
        more.write(hashlib.sha256(b"large").digest() * (SIZE // 32))
    with seealso.open(folder / "c", plugins=[THUMBNAIL], extractor="thumbnail") as collection:
        collection.index([file.parent])
    return folder / "c", file.read_bytes()


@pytest.fixture(scope="module")
def address(tmp_path_factory, original):
    """A running server of few connections and little patience."""
    options = {"connections": 12, "connections_per_visitor": 6, "idle_seconds": 1, "send_seconds": 1}
    file = configure(tmp_path_factory.mktemp("server"), {"photos": original[0]}, port=free_port(), **options)
    with running(file) as address:
        yield address


def connect(address: str, source: str = "127.0.0.1") -> socket.socket:
    """A connection from an address of this machine, which holds little of what it does not read."""
    host, port = address.removeprefix("http://").split(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 14)
    connection.bind((source, 0))
    connection.settimeout(10)
    connection.connect((host, int(port)))
    return connection


def ask(connection: socket.socket, path: str) -> None:
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())


def all_of(connection: socket.socket, pause: float = 0) -> bytes:
    """What comes until the server closes; a pause follows each piece."""
    said = bytearray()
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(1 << 18):
            said += piece
            time.sleep(pause)
    return bytes(said)


def open_now(address: str) -> int:
    """How many connections there are, beside the one that asks."""
    return int(float(re.search(r"\nseealso_web_connections (\S+)", httpx2.get(f"{address}/metrics").text)[1])) - 1


def test_who_takes_nothing_is_cut_off(address, original):
    """Of a large file, and of an answer that is sent already but for its end."""
    with connect(address) as download, connect(address, "127.0.1.1") as small:
        ask(download, "/photos/objects/1/original")
        for _ in range(400):
            ask(small, "/static/site.css")
        time.sleep(2.5)
        assert open_now(address) == 0
        assert len(all_of(download)) < SIZE / 2


@pytest.mark.slow
def test_who_takes_slowly_gets_it_all(address, original):
    with connect(address) as connection:
        ask(connection, "/photos/objects/1/original")
        connection.settimeout(0.9)
        said = bytearray()
        started = time.monotonic()
        with contextlib.suppress(TimeoutError):
            while piece := connection.recv(1 << 16):
                said += piece
                if time.monotonic() < started + 2.5:
                    time.sleep(0.1)
    head, _, body = bytes(said).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert f"content-length: {len(original[1])}".encode() in head
    assert body == original[1]


def test_an_idle_connection_is_closed(address):
    with connect(address) as connection:
        ask(connection, "/healthz")
        started = time.monotonic()
        assert all_of(connection).endswith(b"alive\n")
        assert 0.5 < time.monotonic() - started < 5


def test_idle_connections_keep_nobody_out(address):
    """Whether they have asked before or not, from one address or from many."""
    with contextlib.ExitStack() as held:
        for number in range(40):
            connection = held.enter_context(connect(address, f"127.0.1.{1 + number % 3}"))
            if number % 2:
                with contextlib.suppress(ConnectionError):
                    ask(connection, "/healthz")
        with httpx2.Client(base_url=address) as honest:
            for _ in range(3):
                assert honest.get("/photos/objects/1/thumbnail").status_code == 200
            assert open_now(address) <= 12


def test_who_takes_nothing_keeps_nobody_out(address, original):
    with contextlib.ExitStack() as held:
        for number in range(24):
            connection = held.enter_context(connect(address, f"127.0.1.{1 + number % 6}"))
            ask(connection, "/photos/objects/1/original")
        # Who is told to come back does so: until the crowd has filled what the server buffers, it may be about to take more.
        for _ in range(20):
            answer = httpx2.get(f"{address}/photos/objects/1/original")
            if answer.status_code != 503:
                break
            time.sleep(0.1)
        assert answer.status_code == 200, answer.text[:200]
        assert hashlib.sha256(answer.content).digest() == hashlib.sha256(original[1]).digest()


def test_an_answer_to_a_question_about_a_file_has_its_length_and_no_body(address):
    answer = httpx2.head(f"{address}/photos/objects/1/original")
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) > SIZE
    assert answer.content == b""


def test_a_file_that_changes_meanwhile_is_broken_off(tmp_path, photographs):
    photo = tmp_path / "photos" / "large.jpg"
    photo.parent.mkdir()
    photographs["coffee"].save(photo)
    with photo.open("ab") as more:
        more.write(bytes(SIZE))
    with seealso.open(tmp_path / "c", plugins=[THUMBNAIL], extractor="thumbnail") as collection:
        collection.index([photo.parent])
    with (
        running(configure(tmp_path, {"photos": tmp_path / "c"}, port=free_port())) as address,
        connect(address) as slow,
    ):
        ask(slow, "/photos/objects/1/original")
        said = slow.recv(100)
        with photo.open("r+b") as file:
            file.seek(SIZE - (1 << 20))
            file.write(b"secret")
        said += all_of(slow)
    assert said.startswith(b"HTTP/1.1 200 ")
    assert SIZE / 2 < len(said) < SIZE
    assert b"secret" not in said


def test_a_request_whose_length_is_said_twice_is_the_last(address):
    """What follows it is not taken for another request."""
    with connect(address) as connection:
        connection.sendall(
            b"POST /api/v1/photos/similar HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 5\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        said = all_of(connection)
    assert said.startswith(b"HTTP/1.1 400 ")
    assert b"said in two ways" in said
    assert b"alive" not in said


def test_behind_a_proxy_each_visitor_has_his_own(tmp_path, original):
    """And only the proxy is believed about who that is."""
    options = {"proxies": ["127.0.0.1"], "connections_per_visitor": 1}
    file = configure(tmp_path, {"photos": original[0]}, port=free_port(), **options)

    def status(source: str, visitor: str) -> int:
        with connect(address, source) as connection:
            head = (
                f"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {visitor}\r\nConnection: close\r\n\r\n"
            )
            connection.sendall(head.encode())
            return int(all_of(connection)[9:12])

    with running(file) as address, connect(address) as held:
        held.sendall(
            b"GET /photos/objects/1/original HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n"
        )
        assert held.recv(12) == b"HTTP/1.1 200"
        assert status("127.0.0.1", "203.0.113.7") == 429
        assert status("127.0.0.1", "203.0.113.8") == 200
        assert status("127.0.1.9", "203.0.113.7") == 200
