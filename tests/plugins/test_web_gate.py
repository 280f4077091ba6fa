"""Who is let in, and what every answer carries."""

import contextlib
import logging
import re

import pytest
from starlette.testclient import TestClient
from uvicorn.middleware.proxy_headers import _TrustedHosts

import seealso
from seealso_web.problems import Problem
from seealso_web.visitors import Allowance, AtOnce, KnownHosts, Proxies, Token
from web_site import application, configure, jpeg

TOKEN = "an owl and a pussycat"
DETAILS = {"Accept": "application/json"}


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/photos?seed=1",
        "/nowhere",
        "/api/v1/photos/random",
        "/photos/objects/1/thumbnail",
        "/static/site.js",
        "/healthz",
        "/photos/objects/1/original",
    ],
)
def test_every_answer_carries_what_keeps_it_safe(client, address):
    headers = client.get(address).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "frame-ancestors 'self'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "server" not in headers


def test_pages_need_no_inline_script_or_style(client, photographs):
    sent = client.post("/photos/uploads", files={"image": ("x", jpeg(photographs["coffee"]))})
    for address in (
        "/photos?seed=1",
        "/photos/similar/1",
        "/photos/objects/1",
        "/photos/duplicates",
        "/photos/status",
        "/api",
        "/nowhere",
        sent.headers["location"],
    ):
        text = client.get(address).text
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\son\w+=|javascript:|https?://", text), address


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8080",
        "LOCALHOST.",
        "127.0.0.1:80",
        "[::1]:8080",
        "192.168.1.20",
        "photos.example.org",
        "photos.example.org:443",
    ],
)
def test_known_hosts(host):
    assert host in KnownHosts(["photos.example.org"])


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "localhost.evil.example",
        "photos.example.org.evil.example",
        "1.2.3.4.evil.example",
        "evil.example:127.0.0.1",
        "127.0.0.1.nip.io",
        "2130706433",
    ],
)
def test_other_hosts_are_turned_away(client, host):
    """A page of another site may point its own name at this machine."""
    assert host not in KnownHosts(["photos.example.org"])
    answer = client.get("/photos?seed=1", headers={"Host": host})
    assert answer.status_code == 421
    assert "`hosts`" in answer.json()["detail"]


def test_pages_of_other_sites_cannot_send_anything(client, photographs):
    files = {"image": ("x", jpeg(photographs["coffee"]))}
    for headers, status in (
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}, 303),
        ({"Origin": "http://localhost"}, 303),
        ({}, 303),
    ):
        assert client.post("/photos/uploads", files=files, headers=headers).status_code == status, headers


def test_without_the_token_nothing_is_shown(serve):
    client = serve(token=TOKEN)
    for address in ("/", "/photos?seed=1", "/photos/objects/1", "/api"):
        answer = client.get(address)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login?to=%2F")
    for address in (
        "/api/v1",
        "/api/openapi.json",
        "/metrics",
        "/photos/objects/1/thumbnail",
        "/photos/objects/1/original",
        "/nowhere",
    ):
        answer = client.get(address, headers=DETAILS)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
    assert client.post("/photos/uploads", files={"image": ("x", b"x")}, headers=DETAILS).status_code == 401
    assert client.get("/photos/objects/1", headers={"Authorization": f"Bearer {TOKEN}x"}).status_code == 303
    assert client.get("/photos/objects/1", headers={"Cookie": f"{Token.COOKIE}={TOKEN}"}).status_code == 303
    for address in ("/healthz", "/readyz", "/login", "/static/site.css"):
        assert client.get(address).status_code in (200, 503)


def test_with_the_token_all_is_shown(serve):
    client = serve(token=TOKEN)
    assert client.get("/api/v1", headers={"Authorization": f"bearer {TOKEN}"}).status_code == 200
    wrong = client.post("/login?to=/photos", data={"token": "something else here"})
    assert wrong.status_code == 403
    assert "That is not the token" in wrong.text
    assert "set-cookie" not in wrong.headers
    right = client.post("/login?to=/photos?seed=3", data={"token": f" {TOKEN} "})
    assert (right.status_code, right.headers["location"]) == (303, "/photos?seed=3")
    cookie = right.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert TOKEN not in cookie
    assert client.get("/photos?seed=3").status_code == 200  # the client keeps the cookie


def guesser(client, address: str) -> TestClient:
    """Another client of the same server, at an address."""
    return TestClient(client.app, base_url="http://localhost", follow_redirects=False, client=(address, 1))


@pytest.mark.parametrize("by", ["form", "header"])
def test_guesses_at_the_token_slow_down(serve, by):
    """Whatever `queries_per_minute` says; for who guesses alone, and not for who has proved that he knows it."""
    client = serve(token=TOKEN)
    ours = guesser(client, "2001:db8::1")
    assert ours.post("/login", data={"token": TOKEN}).status_code == 303

    def guess(as_: TestClient, token: str) -> int:
        if by == "form":
            return as_.post("/login", data={"token": token}).status_code
        return as_.get("/api/v1", headers={"Authorization": f"Bearer {token}"}).status_code

    refused, welcome = (403, 303) if by == "form" else (401, 200)
    stranger = guesser(client, "2001:db8::2")
    assert [guess(stranger, f"a guess, number {number}") for number in range(12)] == [refused] * 10 + [429] * 2
    assert guess(stranger, TOKEN) == 429
    assert ours.get("/api/v1").status_code == 200
    assert guess(guesser(client, "2001:db8:0:1::1"), TOKEN) == welcome
    answer = stranger.post("/login", data={"token": TOKEN})
    assert 1 <= int(answer.headers["retry-after"]) <= 6


def test_so_many_requests_at_once_of_a_visitor():
    at_once = AtOnce(2)
    with at_once.one_of("2001:db8::1"), at_once.one_of("2001:db8::2"):
        with pytest.raises(Problem) as caught, at_once.one_of("2001:db8::3"):
            pass
        assert caught.value.status == 429
        with at_once.one_of("10.0.0.1"):
            pass
    with at_once.one_of("2001:db8::3"):
        pass
    assert not at_once._under_way
    with contextlib.ExitStack() as held:
        for _ in range(1000):
            held.enter_context(AtOnce(None).one_of("10.0.0.1"))


@pytest.mark.parametrize(
    ("named", "address", "is_one"),
    [
        (["10.0.0.1"], "10.0.0.1", True),
        (["10.0.0.1"], "10.0.0.2", False),
        (["10.0.0.0/8"], "10.9.9.9", True),
        (["::1"], "0:0:0:0:0:0:0:1", True),
        (["2001:db8::/32"], "10.0.0.1", False),
        (["*"], "10.0.0.1", True),
        ([], "10.0.0.1", False),
        (["proxy"], "proxy", True),
        (["10.0.0.1"], "", False),
    ],
)
def test_who_is_a_proxy(named, address, is_one):
    """As uvicorn sees it, which reads the headers."""
    assert (address in Proxies(named)) == is_one
    assert (address in _TrustedHosts(named)) == is_one


@pytest.mark.parametrize(
    "to", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "/\n/evil"]
)
def test_logging_in_leads_nowhere_else(serve, to):
    answer = serve(token=TOKEN).post("/login", params={"to": to}, data={"token": TOKEN})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_a_token_has_to_be_long(tmp_path, web_collection):
    file = configure(tmp_path, {"photos": web_collection}, token="short")
    with pytest.raises(seealso.ConfigError, match=r"token: a token of less than 16 characters"):
        application(file)


def test_queries_are_limited_where_the_operator_wants(serve):
    client = serve(queries_per_minute=3)
    statuses = [client.get("/photos/similar/1").status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    answer = client.get("/api/v1/photos/similar/1")
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 20
    assert client.post("/photos/uploads", files={"image": ("x", b"x")}).status_code == 429
    assert client.get("/photos/objects/1/thumbnail").status_code == 200  # looking is free


def test_an_allowance_comes_back_with_time():
    now = 0.0
    allowance = Allowance(6, lambda: now)

    def spend(address: str, times: int) -> int:
        done = 0
        for _ in range(times):
            with contextlib.suppress(Problem):
                allowance.spend(address)
                done += 1
        return done

    assert spend("1.2.3.4", 10) == 6
    assert spend("1.2.3.5", 10) == 6
    now = 20.0
    assert spend("1.2.3.4", 10) == 2
    now = 1000.0
    assert spend("1.2.3.4", 10) == 6  # no more than a minute's worth is saved up
    # A visitor has a whole network of addresses in IPv6.
    assert spend("2001:db8::1", 4) + spend("2001:db8::2", 4) == 6
    assert spend("2001:db8:0:1::2", 4) == 4


def test_visitors_are_not_remembered_without_end():
    allowance = Allowance(1)
    for number in range(20_000):
        allowance.spend(f"10.0.{number >> 8}.{number & 255}")
    assert len(allowance._left) == 10_000


def test_a_request_is_a_line(serve, caplog):
    # Whatever another server in this process has set.
    access = logging.getLogger("seealso_web.access")
    access.addHandler(caplog.handler)
    caplog.set_level(logging.INFO, "seealso_web.access")
    client = serve(access_log=True)
    try:
        client.get("/photos/objects/3?x=0,1")
        client.get("/a%0Ab%1B[31m?x=%0D%0Aforged")
        client.get("/photos/objects/99")
    finally:
        access.removeHandler(caplog.handler)
    lines = list(dict.fromkeys(record.getMessage() for record in caplog.records if record.name == "seealso_web.access"))
    assert len(lines) == 3
    assert re.fullmatch(r"\S+T\S+ testclient GET /photos/objects/3\?x=0,1 200 \d+ \d+\.\dms", lines[0])
    assert all(line.isprintable() for line in lines)
    assert " 404 " in lines[2]
