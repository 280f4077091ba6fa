"""The web's pages: what they show, where they lead, and that a plugin can add to them."""

import os
import re
import shutil
import time
from dataclasses import asdict, replace
from html.parser import HTMLParser
from urllib.parse import urlsplit

import numpy as np
import pytest

import seealso
from conftest import THUMBNAIL
from seealso.collection.parts.advice import Advice
from seealso_web import showing
from seealso_web.links import RESERVED
from web_site import application, client_of, configure, jpeg


class Page(HTMLParser):
    """What a page refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def all(self, tag: str, key: str, **wanted: str) -> list[str]:
        return [has[key] for name, has in self.tags if name == tag and key in has and wanted.items() <= has.items()]

    def tiles(self) -> list[str]:
        return self.all("a", "href", **{"class": "tile"})


def page(client, address: str) -> Page:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return Page(answer.text)


def test_the_start_leads_to_the_only_collection(client):
    answer = client.get("/")
    assert (answer.status_code, answer.headers["location"]) == (302, "/photos")


def test_with_several_collections_the_start_shows_them(serve, web_collection, tmp_path):
    client = serve({"photos": web_collection, "b & w": tmp_path / "none.seealso"})
    shown = page(client, "/")
    assert {"/photos", "/b%20%26%20w"} <= set(shown.all("a", "href"))
    assert "16 images" in client.get("/").text
    assert "empty" in client.get("/").text
    assert len(page(client, "/photos?seed=1").tiles()) == 16
    nothing = client.get("/b%20%26%20w")
    assert nothing.status_code == 200
    assert "index ~/Pictures" in nothing.text
    assert client.get("/api/v1/b%20%26%20w/random").status_code == 404
    assert client.get("/others").status_code == 404


@pytest.mark.parametrize("name", [*sorted(RESERVED - {""}), "a/b", "a\nb"])
def test_a_name_that_cannot_be_an_address_is_refused(tmp_path, web_collection, name):
    with pytest.raises(seealso.ConfigError, match="cannot be served under that name"):
        application(configure(tmp_path, {name: web_collection}))


def test_a_random_selection_is_the_same_on_the_way_back(client):
    first = client.get("/photos")
    assert first.status_code == 302
    assert re.fullmatch(r"/photos\?seed=\d+", first.headers["location"])
    assert first.headers["location"] != client.get("/photos").headers["location"]
    shown = page(client, "/photos?seed=7")
    assert shown.tiles() == page(client, "/photos?seed=7").tiles()
    assert sorted(shown.tiles()) == sorted(page(client, "/photos?seed=8").tiles())
    assert shown.tiles() != page(client, "/photos?seed=8").tiles()
    assert client.get("/photos?seed=x").status_code == 422
    assert len(page(client, "/photos?seed=7&limit=5").tiles()) == 5


@pytest.mark.slow
def test_from_image_to_image(client):
    """Random → a click → similar → a click again; every address that a page names answers."""
    at, seen = "/photos?seed=1", set()
    for _ in range(4):
        shown = page(client, at)
        for address in shown.all("img", "src") + shown.all("link", "href") + shown.all("script", "src"):
            assert client.get(address).status_code == 200, address
        for address in shown.all("a", "href"):
            assert not urlsplit(address).netloc
            assert address.startswith("#") or client.get(address).status_code in (200, 302), address
        at = shown.tiles()[0]
        assert at not in shown.all("a", "href", **{"class": "about"})
        seen.add(at)
    assert len(seen) > 1


def test_neighbours_are_those_of_the_collection_nearest_first(client, web_collection):
    with seealso.open(web_collection, plugins=[THUMBNAIL]) as collection:
        expected = [f"/photos/similar/{hit.id}" for hit in collection.similar(3, 60, others=True).hits]
    assert page(client, "/photos/similar/3").tiles() == expected
    first = page(client, "/photos/similar/3?limit=6")
    (more,) = first.all("a", "href", **{"class": "button more"})
    second = page(client, more)
    assert first.tiles() + second.tiles() == expected[:12]
    last = page(client, "/photos/similar/3?offset=12&limit=6")
    assert last.tiles() == expected[12:]
    assert not last.all("a", "href", **{"class": "button more"})
    assert page(client, "/photos/similar/3?offset=500").tiles() == []


def test_a_part_of_an_image_is_searched_with(client):
    whole = page(client, "/photos/similar/7").tiles()
    part = page(client, "/photos/similar/7?crop=0.5,0.1,0.25,0.3").tiles()
    assert part != whole
    # As a form without scripts sends it.
    assert page(client, "/photos/similar/7?left=50&top=10&width=25&height=30").tiles() == part
    everything = page(client, "/photos/similar/7?crop=0,0,1,1").tiles()
    assert everything == ["/photos/similar/7", *whole]
    for wrong in (
        "0,0,1",
        "0,0,1,1,1",
        "a,0,1,1",
        "0.5,0,0.6,1",
        "0,0,0,1",
        "-0.1,0,1,1",
        "nan,0,1,1",
        "1e0,0,1,1",
        ".",
    ):
        answer = client.get(f"/photos/similar/7?crop={wrong}")
        assert answer.status_code == 422, wrong
        assert "crop" in answer.text or "not a part of the image" in answer.text


def test_a_collection_of_imported_descriptors_has_pages_as_any_other(serve, tmp_path):
    """Its objects have no image, so no width and height."""
    np.save(tmp_path / "vectors.npy", np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32))
    with seealso.open(tmp_path / "v.seealso") as collection:
        collection.import_descriptors(tmp_path / "vectors.npy")
    client = serve({"vectors": tmp_path / "v.seealso"}, extractor="imported")
    assert len(page(client, "/vectors?seed=1").tiles()) == 9
    shown = page(client, "/vectors/similar/3")
    assert len(shown.tiles()) == 8
    # A width of 0 would hide the name that stands in the place of the picture.
    assert not shown.all("img", "width")
    assert "0 0 0 0" not in shown.all("svg", "viewbox")
    assert "0 × 0" not in client.get("/vectors/objects/3").text
    assert {client.get(address).status_code for address in shown.all("img", "src")} == {404}


def test_an_object_says_what_it_is(client, web_photos, serve):
    shown = client.get("/photos/objects/2")
    assert shown.status_code == 200
    assert f"{web_photos}/" in shown.text
    assert "/photos/objects/2/original" in shown.text
    discreet = serve(locations=False, originals=False)
    for address in (
        "/photos/objects/2",
        "/photos/status",
        "/photos?seed=1",
        "/api/v1/photos/objects/2",
        "/api/v1/photos/status",
    ):
        answer = discreet.get(address)
        assert answer.status_code == 200
        assert str(web_photos.parent) not in answer.text
        assert "original" not in answer.text
    assert discreet.get("/photos/objects/2/original").status_code == 403


@pytest.mark.parametrize(
    "id_", ["0", "999", "9" * 18, "9" * 19, "9" * 5000, "-1", "1.0", "x", "%00", "1%0a", "%F0%9F%92%A9"]
)
def test_what_is_no_object_is_not_found(client, id_):
    for address in (
        "/photos/objects/{}",
        "/photos/similar/{}",
        "/photos/objects/{}/thumbnail",
        "/photos/objects/{}/original",
    ):
        assert client.get(address.format(id_)).status_code == 404


def test_status_says_what_made_it(client):
    text = client.get("/photos/status").text
    assert "<b>16</b> images" in text
    for word in ("thumbnail", "euclidean", "ppp-codes", "flat-file", "192 × float32", "sketch none: up to 5,000"):
        assert word in text


def test_status_says_what_would_be_better(client, monkeypatch):
    assert "better" not in client.get("/photos/status").text
    told = Advice("distance", "euclidean", "cosine", "`seealso rebuild --distance cosine` changes it")
    monkeypatch.setattr("seealso.collection.collection.advice", lambda parts: [told])
    assert (
        "distance cosine, by now the default; `seealso rebuild --distance cosine`" in client.get("/photos/status").text
    )
    assert client.get("/api/v1/photos/status").json()["advice"] == [asdict(told)]


def test_the_page_of_the_api_names_every_operation(client):
    text = client.get("/api").text
    document = client.get("/api/openapi.json").json()
    for path in document["paths"]:
        assert f"<code>{path}</code>" in text


def test_errors_are_pages_for_people_and_details_for_programs(client):
    shown = client.get("/photos/objects/999")
    assert shown.status_code == 404
    assert "There is no object 999 here; it may have been removed." in shown.text
    details = client.get("/photos/objects/999", headers={"Accept": "*/*"})
    assert details.headers["content-type"] == "application/problem+json"
    assert details.json()["detail"].startswith("There is no object 999 here")
    assert client.post("/photos/similar/1").status_code == 405


def test_what_is_taken_in_is_shown_without_a_restart(tmp_path, web_photos, serve):
    (tmp_path / "more").mkdir()
    names = sorted(path.name for path in web_photos.iterdir())
    client = serve({"more": tmp_path / "more.seealso"})
    assert "is empty" in client.get("/more").text

    def take_in(some):
        for name in some:
            shutil.copy(web_photos / name, tmp_path / "more" / name)
        with seealso.open(tmp_path / "more.seealso", plugins=[THUMBNAIL], extractor="thumbnail") as collection:
            collection.index([tmp_path / "more"])

    take_in(names[:6])
    assert len(page(client, "/more?seed=1").tiles()) == 6
    take_in(names[6:10])
    assert len(page(client, "/more?seed=1").tiles()) == 10
    assert len(page(client, "/more/similar/1").tiles()) == 9
    (tmp_path / "more" / names[0]).unlink()
    take_in([])
    assert len(page(client, "/more?seed=1").tiles()) == 9
    assert "/more/similar/1" not in page(client, "/more/similar/2").tiles()
    assert client.get("/more/similar/1").status_code == 404


def test_keywords_are_shown_where_there_are_some(client, monkeypatch):
    assert 'class="words"' not in client.get("/photos/similar/1").text
    search = seealso.Collection.search

    def described(self, query):
        answer = search(self, query)
        hits = [replace(hit, keywords=("<b>boat</b>", "sea")) for hit in answer.hits]
        return replace(answer, hits=tuple(hits))

    monkeypatch.setattr(seealso.Collection, "search", described)
    shown = client.get("/photos/similar/1").text
    assert ">&lt;b&gt;boat&lt;/b&gt;</a> · <a" in shown
    assert 'href="/photos/text?q=sea"' in shown
    assert client.get("/api/v1/photos/similar/1").json()["hits"][0]["keywords"] == ["<b>boat</b>", "sea"]


def test_names_of_files_are_text(tmp_path, photographs, serve):
    folder = tmp_path / "strange"
    folder.mkdir()
    photographs["coffee"].save(folder / "x.jpg")
    photographs["rocket"].save(folder / "y.jpg")
    names = ('"><img src=x onerror=alert(1)>.jpg', b"caf\xe9 \xff.jpg")
    (folder / "x.jpg").rename(folder / names[0])
    os.rename(os.fsencode(folder / "y.jpg"), os.fsencode(folder) + b"/" + names[1])
    with seealso.open(tmp_path / "s", plugins=[THUMBNAIL], extractor="thumbnail") as collection:
        collection.index([folder])
    client = serve({"s": tmp_path / "s"})
    for address in ("/s?seed=1", "/s/similar/1", "/s/similar/2", "/s/objects/1", "/s/objects/2"):
        text = client.get(address).text
        assert "<img src=x" not in text
    assert "onerror=alert(1)&gt;.jpg" in client.get("/s?seed=1").text
    found = {client.get(f"/api/v1/s/objects/{id_}").json()["name"] for id_ in (1, 2)}
    assert found == {names[0], r"caf\xe9 \xff.jpg"}
    kept = {client.get(f"/s/objects/{id_}/original").headers["content-disposition"] for id_ in (1, 2)}
    assert "attachment; filename*=UTF-8''caf%E9%20%FF.jpg" in kept
    assert all(value.isascii() and '"' not in value for value in kept)


def test_a_plugin_adds_pages_and_routes(tmp_path, serve, caplog):
    plugin = tmp_path / "count.py"
    plugin.write_text(
        """
import seealso

@seealso.hookimpl
def register_routes(host):
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def count(request):
        site = request.app.state.site
        collection = site.collection(request)
        return JSONResponse({"objects": (await site.work(collection.counts)).objects})

    async def shown(request):
        text = '{% extends "base.html" %}{% block main %}<p>{{ word }}</p>{% endblock %}'
        return await request.app.state.site.page(request, "Counted", template=text, word="<one & all>")

    async def wrong(request):
        raise seealso.QueryError("this query makes no sense")

    async def refused(request):
        raise seealso.FileError("list.txt: cannot be read")

    async def broken(request):
        raise RuntimeError("secret")

    return [
        Route("/api/v1/{collection}/count", count),
        Route("/{collection}/counted", shown),
        Route("/{collection}/wrong", wrong),
        Route("/{collection}/refused", refused),
        Route("/{collection}/broken", broken),
        Route("/{collection}/status", broken),
    ]
"""
    )
    client = serve(plugins=(plugin,))
    assert client.get("/api/v1/photos/count").json() == {"objects": 16}
    assert client.get("/api/v1/none/count").status_code == 404
    text = client.get("/photos/counted").text
    assert "<p>&lt;one &amp; all&gt;</p>" in text
    assert "/photos/status" in text
    assert client.get("/photos/status").status_code == 200  # ours come first
    assert client.get("/photos/wrong").status_code == 422
    assert client.get("/photos/refused").status_code == 422
    assert "list.txt: cannot be read" in client.get("/photos/refused").text
    answer = client.get("/photos/broken")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert f"The plugin {plugin.stem} is broken here; the server&#39;s log says how." in answer.text
    assert str(plugin.parent) not in answer.text
    assert f"plugin {plugin.stem} ({plugin}) raised RuntimeError: secret; mend it or tell its author" in caplog.text
    assert "content-security-policy" in answer.headers


def test_it_says_when_it_is_ready_and_counts(client):
    assert client.get("/healthz").text == "alive\n"
    deadline = time.monotonic() + 20
    while (ready := client.get("/readyz")).status_code == 503 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert ready.text == "ready\n"
    client.get("/photos/similar/3")
    client.get("/photos/objects/3/thumbnail")
    client.get("/photos/objects/3/thumbnail")
    text = client.get("/metrics").text
    assert 'seealso_web_requests_total{method="GET",route="/{collection}/similar/{id}",status="200"} 1.0' in text
    assert 'seealso_query_seconds_count{stage="candidates"} 1.0' in text
    assert 'seealso_web_pictures_total{source="made"} 1.0' in text
    assert 'seealso_web_pictures_total{source="cache"} 1.0' in text
    assert 'seealso_web_waiting{work="query"} 0.0' in text


def test_it_is_not_ready_before_it_is_warm(tmp_path, web_collection, monkeypatch):
    app, deployment = application(configure(tmp_path, {"photos": web_collection}))
    seen = []
    monkeypatch.setattr(seealso.Collection, "extract", lambda self, example: seen.append(app.state.site.ready))
    with deployment, client_of(app) as client:
        while client.get("/readyz").status_code == 503:
            time.sleep(0.02)
    assert seen == [False]


def test_shapes_are_in_the_style_sheet(client):
    sheet = client.get("/static/site.css").text
    steps = range(showing.NARROWEST, showing.WIDEST + 1)
    for step in steps:
        record = seealso.ObjectRecord(1, b"", round(1000 * 2 ** (step / showing.STEPS)), 1000, 1, ())
        (ratio,) = re.findall(rf"\.{showing.shape(record)} {{ --r: ([\d.]+) }}", sheet)
        assert abs(float(ratio) / (record.width / record.height) - 1) < 0.001
    extreme = [seealso.ObjectRecord(1, b"", width, height, 1, ()) for width, height in ((1, 99999), (99999, 1))]
    assert [showing.shape(record) for record in extreme] == ["shape-n14", "shape-w20"]


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (9_996_000, "10 MB"),
        (999_600, "1 MB"),
        (3 * 10**15, "3000 TB"),
    ],
)
def test_sizes(count, shown):
    assert showing.file_size(count) == shown


def test_an_upload_has_a_page_that_can_be_shared(client, photographs):
    sent = client.post(
        "/photos/uploads", files={"image": ("mine.jpg", jpeg(photographs["coffee"].crop((40, 40, 500, 300))))}
    )
    assert sent.status_code == 303
    assert re.fullmatch(r"/photos/uploads/[\w-]{22}", sent.headers["location"])
    shown = page(client, sent.headers["location"])
    assert len(shown.tiles()) == 16
    assert shown.tiles() == page(client, sent.headers["location"]).tiles()
    (picture,) = [src for src in shown.all("img", "src") if "/uploads/" in src]
    assert client.get(picture).headers["content-type"] == "image/webp"
    assert page(client, sent.headers["location"] + "?crop=0.2,0.2,0.3,0.3").tiles() != shown.tiles()


def test_the_status_lists_damaged_images(serve, tmp_path, photographs):
    folder = tmp_path / "photos"
    folder.mkdir()
    data = jpeg(photographs["coffee"], quality=85)
    (folder / "whole.jpg").write_bytes(data)
    (folder / "<cut>.jpg").write_bytes(data[: len(data) * 4 // 5])
    path = tmp_path / "c.seealso"
    with seealso.open(path, plugins=[THUMBNAIL], extractor="thumbnail") as collection:
        collection.index([folder])
        (damaged,) = collection.damaged()
    client = serve({"photos": path})
    text = client.get("/photos/status").text
    assert "<b>1</b> damaged images" in text
    assert "&lt;cut&gt;.jpg" in text
    assert "image file is truncated" in text
    assert f"/photos/objects/{damaged.id}" in page(client, "/photos/status").all("a", "href")
    (folder / "<cut>.jpg").unlink()
    with seealso.open(path, plugins=[THUMBNAIL], extractor="thumbnail") as collection:
        collection.index([folder])
    assert "amaged images" not in client.get("/photos/status").text
