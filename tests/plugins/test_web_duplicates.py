"""The web's page of duplicates, the API's, and neighbours that are folded."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import seealso
from conftest import THUMBNAIL
from web_site import application, client_of

WITHIN = seealso.Within(200.0)


@pytest.fixture
def photos(tmp_path, make_photos):
    photos = make_photos(tmp_path / "photos", 6)
    Image.open(photos[4]).resize((48, 36)).save(tmp_path / "photos" / "half.png")
    Image.open(photos[4]).resize((40, 30)).save(tmp_path / "photos" / "small.png")
    shutil.copy(photos[1], tmp_path / "photos" / "again.jpg")
    return photos


@pytest.fixture
def collection(tmp_path, photos):
    with seealso.open(tmp_path / "c", plugins=[THUMBNAIL], extractor="thumbnail", distance="euclidean") as opened:
        opened.index([tmp_path / "photos"])
        yield opened


@pytest.fixture
def client(tmp_path, collection):
    file = tmp_path / "seealso.yaml"
    held = {"photos": {"path": str(collection.path), "extractor": "thumbnail", "distance": "euclidean"}}
    web = {"plugin": "web", "cache": str(tmp_path / "cache"), "access_log": False}
    file.write_text(json.dumps({"plugins": [str(THUMBNAIL)], "collections": held, "frontends": [web]}))
    app, deployment = application(file)
    with deployment, client_of(app) as client:
        yield client


def test_without_the_command_nothing_is_looked_for(client):
    page = client.get("/photos/duplicates")
    assert page.status_code == 200
    assert "<code>seealso duplicates</code>" in page.text
    answer = client.get("/api/v1/photos/duplicates")
    assert answer.status_code == 404
    assert "`seealso duplicates` does" in answer.json()["detail"]


def test_the_page_shows_what_was_found_last(client, collection, photos):
    found = collection.duplicates(WITHIN)
    page = client.get("/photos/duplicates")
    assert page.status_code == 200
    assert "2 groups of 5 files" in page.text
    assert page.text.count(">largest<") == 2
    assert "48 × 36" in page.text
    assert "2 files" in page.text
    assert "the same bytes" in page.text
    for address in re.findall(r'(?:src|href)="(/[^"#]*)"', page.text):
        assert client.get(address.replace("&amp;", "&")).status_code in (200, 302), address
    assert "has changed since" not in page.text
    collection.remove([int(found[0].ids[0])])
    later = client.get("/photos/duplicates")
    assert "has changed since" in later.text
    first = client.get("/photos/duplicates?limit=1")
    assert 'href="/photos/duplicates?offset=1&amp;limit=1"' in first.text
    assert "There is nothing more." in client.get("/photos/duplicates?offset=9").text
    assert client.get("/photos/duplicates?offset=x").status_code == 422


def test_the_api_gives_the_same(client, collection):
    found = collection.duplicates(WITHIN)
    answer = client.get("/api/v1/photos/duplicates").json()
    assert {name: answer[name] for name in found.as_json()} == found.as_json()
    assert [group["files"] for group in answer["groups"]] == [group.files for group in found]
    for shown, group in zip(answer["groups"], found, strict=True):
        assert [image["id"] for image in shown["images"]] == group.ids.tolist()
        assert [image["largest"] for image in shown["images"]] == [True] + [False] * (len(group.ids) - 1)
        assert shown["count"] == len(group.ids)
        assert sum(image["files"] for image in shown["images"]) == group.files
    one = client.get("/api/v1/photos/duplicates?limit=1").json()
    assert len(one["groups"]) == 1
    assert client.get(one["next"]).json()["groups"] == answer["groups"][1:]
    assert client.get("/api/v1/photos/duplicates?offset=9").json()["groups"] == []


def test_of_imported_descriptors_no_bytes_can_be_spared(serve, tmp_path):
    rows = np.random.default_rng(0).normal(size=(60, 6)).astype(np.float32)
    rows[[20, 30]] = rows[7]
    np.save(tmp_path / "rows.npy", rows)
    with seealso.open(tmp_path / "rows.seealso", text=False) as collection:
        collection.import_descriptors(tmp_path / "rows.npy")
        collection.duplicates(0.01)
    client = serve({"rows": tmp_path / "rows.seealso"})
    page = client.get("/rows/duplicates").text
    assert "1 group of 3 descriptors" in page
    assert "spare" not in page
    assert "largest" not in page
    assert client.get("/api/v1/rows/duplicates").json()["spare"] == 0


def test_neighbours_are_folded(client, collection):
    plain = client.get("/api/v1/photos/similar/5?limit=8&others=false").json()["hits"]
    folded = client.get("/api/v1/photos/similar/5?limit=8&others=false&fold=true").json()["hits"]
    assert all("folded" not in hit for hit in plain)
    assert {hit["id"] for hit in plain} == {id_ for hit in folded for id_ in (hit["id"], *hit["folded"])}
    assert len(folded[0]["folded"]) == 2
    page = client.get("/photos/similar/5?others=false&fold=true")
    assert re.search(r'class="folded"[^>]*>\+2<', page.text)
    assert "Show duplicates" in page.text
    plain = client.get("/photos/similar/5").text
    assert "fold=true" in plain
    assert 'class="folded"' not in plain
    assert client.get("/photos/similar/5?fold=1").status_code == 422


def test_groups_are_paged_to_the_last(client, collection, monkeypatch):
    """However many there are."""
    found, many = collection.duplicates(WITHIN), 2_345
    pair = found.ids[:2]
    made = replace(
        found,
        starts=np.arange(0, 2 * many + 1, 2),
        ids=np.tile(pair, many),
        distances=np.zeros(2 * many, np.float32),
        flipped=np.zeros(2 * many, bool),
        files=np.full(many, 2),
        spare=np.arange(many)[::-1],
        spreads=np.zeros(many, np.float32),
    )
    monkeypatch.setattr(seealso.Collection, "found_duplicates", lambda self: made)
    spare, address = [], "/api/v1/photos/duplicates?limit=200"
    while address:
        answer = client.get(address).json()
        assert answer["offset"] == len(spare)
        spare += [group["spare"] for group in answer["groups"]]
        address = answer["next"]
    assert spare == made.spare.tolist()
    shown = client.get("/photos/duplicates?offset=2100&limit=200").text
    assert shown.count('<section class="group">') == 200
    assert 'href="/photos/duplicates?offset=2300&amp;limit=200"' in shown
    assert "There is nothing more." in client.get("/photos/duplicates?offset=9000000").text
    assert client.get(f"/api/v1/photos/duplicates?offset={10**30}").status_code == 422
