"""Images from strangers: limits on how many, how long, how large; and what is not an image at all."""

import asyncio
import contextlib
import struct
import time
import zlib

import httpx2
import numpy as np
import pytest
from PIL import Image
from starlette.requests import Request

from image_files import chunk, encode, png
from seealso_web.cache import BytesCache
from seealso_web.options import WebOptions
from seealso_web.problems import Problem
from seealso_web.rendering import SIZES
from seealso_web.uploads import Uploads
from web_site import application, configure, jpeg, opened

SIMILAR = "/api/v1/photos/similar"
AS_IMAGE = {"Content-Type": "image/png"}


def send(client, data: bytes, **headers: str):
    return client.post(SIMILAR, content=data, headers={**AS_IMAGE, **headers})


def bomb(side: int) -> bytes:
    """A PNG of a few hundred kilobytes with a great many pixels, all of them black."""
    rows = bytes(1000 * (1 + side // 8))
    packer = zlib.compressobj(9, wbits=-15)
    # Flushed like this, the same rows are packed into the same bytes again and again.
    packed = packer.compress(rows) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = side // 1000 * len(rows) % 65_521 << 16 | 1  # Adler-32 of zeros
    pixels = b"\x78\xda" + packed * (side // 1000) + packer.flush() + struct.pack(">I", checksum)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


HOSTILE = {
    "bomb": (bomb(64_000), 413),
    "a header of 100,000 pixels": (png(100_000, 100_000, 8, 2, b"\0" * 100), 413),
    "wide and empty": (png(100_000, 1, 8, 2, b"\0" * 100), 422),
    "no pixels": (png(0, 5, 8, 2, b""), 422),
    "text": (b"hello", 422),
    "zeros": (bytes(100_000), 422),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', 422),
    "html": (b"<!doctype html><script>alert(1)</script>", 422),
    "a picture and a script": (b"GIF89a=1;/*" + bytes(50) + b"*/alert(1)", 422),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (r) file", 422),
    "nothing": (b"", 400),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_uploads_are_refused(client, name):
    data, status = HOSTILE[name]
    started = time.process_time()
    answer = send(client, data)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    if data:
        shown = client.post("/photos/uploads", files={"image": ("../../etc/passwd", data)})
        assert shown.status_code == status
        assert "<h1>" in shown.text
    assert time.process_time() - started < 5
    assert client.get("/photos/similar/1").status_code == 200


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_image_of_which_less_than_half_is_there_is_refused(client, photographs, kind):
    data = encode(photographs["coffee"], kind)
    for share in (0.001, 0.1, 0.3):
        assert send(client, data[: int(len(data) * share)]).status_code == 422


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_damaged_image_is_searched_with_and_shown(client, photographs, kind):
    data = encode(photographs["coffee"], kind)
    cut = data[: int(len(data) * 0.9)]
    assert send(client, cut).json()["hits"][0]["name"].startswith("coffee")
    sent = client.post("/photos/uploads", files={"image": ("cut", cut)})
    assert sent.status_code == 303
    for size in SIZES:
        assert opened(client.get(f"{sent.headers['location']}/{size}").content).size[0] > 100


def test_nothing_of_a_polyglots_other_side_is_served(client, photographs):
    """A JPEG that is a page, too: it is an image, and what is shown of it is drawn anew."""
    script = b"<html><script>alert(document.domain)</script></html>"
    data = jpeg(photographs["coffee"].resize((200, 150)), comment=script, exif=_located()) + script
    assert script in data
    sent = client.post("/photos/uploads", files={"image": ("x.html", data, "text/html")})
    assert sent.status_code == 303
    for size in SIZES:
        picture = client.get(f"{sent.headers['location']}/{size}")
        assert picture.headers["content-type"] == "image/webp"
        assert picture.headers["x-content-type-options"] == "nosniff"
        assert b"script" not in picture.content
        assert opened(picture.content).getexif() == {}


def _located() -> Image.Exif:
    """Metadata with a place in it."""
    written = Image.Exif()
    written.get_ifd(0x8825)[2] = (50.0, 5.0, 0.0)
    return written


def test_what_is_sent_upright_is_shown_upright(client):
    from image_files import CLOCKWISE, close, corners, exif, seen

    data = jpeg(corners(120, 80).transpose(Image.Transpose.ROTATE_90), exif=exif(6), quality=95)
    sent = client.post("/photos/uploads", files={"image": ("x", data)})
    picture = opened(client.get(f"{sent.headers['location']}/preview").content).convert("RGB")
    assert picture.size == (120, 80)
    assert close(seen(picture), CLOCKWISE)


def test_size_is_limited(serve, photographs):
    client = serve(upload_megabytes=1, upload_megapixels=1)
    rng = np.random.default_rng(0)
    large = encode(Image.fromarray(rng.integers(0, 255, (700, 600, 3), np.uint8)), "PNG")
    assert len(large) > 1 << 20
    assert send(client, large).status_code == 413
    assert client.post(SIMILAR, files={"image": ("x", large)}).status_code == 413
    many = encode(Image.new("L", (1100, 1000)), "PNG")
    assert send(client, many).status_code == 413
    assert send(client, jpeg(photographs["coffee"])).status_code == 200


def test_a_body_without_an_end_is_cut_off(serve):
    """Of a gigabyte, no more is read than the limit."""
    client, sent = serve(upload_megabytes=1), 0

    def stream():
        nonlocal sent
        while sent < 1 << 30:
            sent += 1 << 16
            yield bytes(1 << 16)

    app = client.app
    assert app.state.site.uploads.limits.max_bytes == 1 << 20

    async def ask():
        pieces = stream()

        async def receive():
            return {"type": "http.request", "body": next(pieces), "more_body": True}

        scope = {"type": "http", "method": "POST", "headers": [(b"content-type", b"image/png")], "path": "/"}
        async with app.state.site.uploads.received(Request(scope, receive)):
            pass

    with pytest.raises(Problem) as caught:
        client.portal.call(ask)
    assert caught.value.status == 413
    assert sent < 2 << 20


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("", b"x", 415),
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=x", b"--y\r\n", 400),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="other"\r\n\r\nq\r\n--x--\r\n',
            400,
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="image"\r\n\r\nq\r\n--x--\r\n',
            400,
        ),
        (
            "multipart/form-data; boundary=x",
            9 * b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nq\r\n' + b"--x--\r\n",
            400,
        ),
        (
            "multipart/form-data; boundary=x",
            2 * b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nq\r\n' + b"--x--\r\n",
            400,
        ),
    ],
)
def test_a_body_that_is_no_image_is_refused(client, content_type, body, status):
    answer = client.post(SIMILAR, content=body, headers={"Content-Type": content_type})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


class Hurried(asyncio.SelectorEventLoop):
    """An event loop whose clock can be put forward: a test need not wait for a deadline, nor be quicker than it."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


def in_turn(application, *requests, addresses=()):
    """Answers to requests that are made at the same time, of the application as it is; each from its address, or all from one."""

    async def ask():
        async with contextlib.AsyncExitStack() as held:
            clients = []
            for address in addresses or ["127.0.0.1"] * len(requests):
                transport = httpx2.ASGITransport(app=application, client=(address, 1234))
                client = httpx2.AsyncClient(transport=transport, base_url="http://localhost")
                clients.append(await held.enter_async_context(client))
            return await asyncio.gather(*(request(client) for request, client in zip(requests, clients, strict=True)))

    with asyncio.Runner(loop_factory=Hurried) as runner:
        return runner.run(ask())


@pytest.fixture
def serving(tmp_path, web_collection):
    """Gives an application that serves with options of the web."""
    with contextlib.ExitStack() as cleanup:

        def serving(**options: object):
            app, deployment = application(configure(tmp_path, {"photos": web_collection}, **options))
            cleanup.enter_context(deployment)
            cleanup.callback(app.state.site.close)
            return app

        yield serving


class Uploading:
    """An image that is sent, by some slowly: its beginning, and the rest when they may go on."""

    def __init__(self, image: Image.Image) -> None:
        self.data = jpeg(image)
        self.begun = asyncio.Semaphore(0)
        self.may_go_on = asyncio.Event()

    async def _pieces(self):
        yield self.data[:100]
        self.begun.release()
        await self.may_go_on.wait()
        yield self.data[100:]

    async def slowly(self, client: httpx2.AsyncClient):
        return await client.post(SIMILAR, content=self._pieces(), headers=AS_IMAGE)

    async def at_once(self, client: httpx2.AsyncClient):
        return await client.post(SIMILAR, content=self.data, headers=AS_IMAGE)


def test_what_comes_too_slowly_is_cut_off_and_holds_nobody_up(serving, photographs):
    app = serving(upload_seconds=100, uploads_at_once=1, queue_seconds=300)
    upload, looked = Uploading(photographs["coffee"]), asyncio.Event()

    async def another(client):
        await upload.begun.acquire()
        upload.begun.release()
        return await upload.at_once(client)

    async def look(client):
        await upload.begun.acquire()
        upload.begun.release()
        answer = await client.get("/photos/similar/1")
        looked.set()
        return answer

    async def let_time_pass(client):
        await looked.wait()
        while not app.state.site.uploads.turns.waiting:
            await asyncio.sleep(0.01)
        asyncio.get_running_loop().ahead += 101

    late, well, seen, _ = in_turn(app, upload.slowly, another, look, let_time_pass)
    assert (late.status_code, well.status_code, seen.status_code) == (408, 200, 200)
    assert late.headers["connection"] == "close"


def test_more_at_once_wait_their_turn_and_are_then_asked_to_come_back(serving, photographs):
    app = serving(uploads_at_once=1, queue_seconds=1, upload_seconds=100)
    upload = Uploading(photographs["coffee"])

    async def another(client):
        await upload.begun.acquire()
        answer = await upload.at_once(client)
        upload.may_go_on.set()
        return answer

    first, second = in_turn(app, upload.slowly, another)
    assert first.status_code == 200
    assert (second.status_code, second.headers["retry-after"]) == (503, "1")
    assert second.json()["title"] == "Service Unavailable"


@pytest.mark.parametrize(("limit", "status"), [(1, 200), (None, 503)])
def test_the_slow_uploads_of_one_address_hold_up_none_of_another(serving, photographs, limit, status):
    """In IPv6 of one network. Without the limit they do."""
    app = serving(uploads_at_once=2, uploads_per_visitor=limit, queue_seconds=1, upload_seconds=100)
    upload = Uploading(photographs["coffee"])

    async def another(client):
        for _ in range(limit or 2):
            await upload.begun.acquire()
        answer = await upload.at_once(client)
        upload.may_go_on.set()
        return answer

    addresses = ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"]
    answers = in_turn(app, upload.slowly, upload.slowly, another, addresses=addresses)
    assert (answers[0].status_code, answers[2].status_code) == (200, status)
    assert app.state.site.uploads._turns_of_each._turns == {}


@pytest.mark.parametrize("form", [False, True])
def test_an_upload_that_hangs_up_is_no_failure_of_ours(serve, caplog, form):
    app = serve().app
    kind = b"multipart/form-data; boundary=x" if form else b"image/png"
    begun = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n' if form else b""
    coming = [{"type": "http.request", "body": begun + bytes(500_000), "more_body": True}, {"type": "http.disconnect"}]
    sent = []

    async def hang_up():
        headers = [(b"host", b"localhost"), (b"content-type", kind)]
        scope = {"type": "http", "method": "POST", "path": SIMILAR, "raw_path": SIMILAR.encode(), "query_string": b""}
        scope |= {"headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "scheme": "http"}

        async def receive():
            return coming.pop(0)

        async def send(message):
            sent.append(message)

        await app(scope, receive, send)

    asyncio.run(hang_up())
    assert sent == []
    assert caplog.text == ""
    counted = app.state.site.metrics.exposition().decode()
    assert 'route="/api/v1/{collection}/similar",status="499"} 1.0' in counted
    assert 'status="500"' not in counted


def test_uploads_are_forgotten(tmp_path):
    cache = BytesCache(tmp_path, 10)
    uploads = Uploads(WebOptions(), cache, tmp_path)
    kept = uploads.keep(b"image")
    assert uploads.find(kept.name).data == b"image"
    uploads._kept_for = 0.05
    brief = uploads.keep(b"image")
    assert brief.name != kept.name
    time.sleep(0.1)
    with pytest.raises(Problem, match="not kept any more"):
        uploads.find(brief.name)
    for name in ("", "x", "../../../etc/passwd", "a" * 21, "a" * 22 + "\n"):
        with pytest.raises(Problem, match="not kept any more"):
            uploads.find(name)
    cache.close()
    with pytest.raises(Problem) as caught:
        Uploads(WebOptions(), _Full(), tmp_path).keep(b"image")
    assert caught.value.status == 507


class _Full:
    """A cache on a full disk."""

    def put(self, key, value, seconds=None):
        return False
