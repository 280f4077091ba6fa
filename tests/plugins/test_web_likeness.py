"""Likeness in the web and its API: asked for in percent, shown where it is known, and marked where it says nothing any more."""

import math
import re
import shutil

import pytest

import seealso
from conftest import THUMBNAIL
from seealso.layout import LIKENESS


def copy_unmeasured(collection, folder):
    """A copy of a collection in which nobody has asked for a likeness yet."""
    shutil.copytree(collection, folder, ignore=shutil.ignore_patterns(f"{LIKENESS}*"))


def test_images_of_a_likeness(serve, web_collection, tmp_path):
    copy_unmeasured(web_collection, tmp_path / "c")
    client = serve({"photos": tmp_path / "c"})
    asked = {id_: client.get(f"/api/v1/photos/similar/{id_}?limit=200").json() for id_ in range(1, 17)}
    id_ = min(asked, key=lambda id_: asked[id_]["hits"][0]["distance"])
    before = client.get(f"/photos/similar/{id_}").text
    assert "likeness" not in before
    everything = asked[id_]
    assert "likeness" not in everything
    answer = client.get(f"/api/v1/photos/similar/{id_}", params={"within": "10%", "limit": 200}).json()
    assert answer["query"]["likeness"] == 10
    assert answer["query"]["within"] == pytest.approx(0.9 * answer["likeness"]["typical"])
    near = [hit["id"] for hit in everything["hits"] if hit["distance"] <= answer["query"]["within"]]
    assert [hit["id"] for hit in answer["hits"]] == near
    assert 0 < len(near) < len(everything["hits"])
    assert all(hit["likeness"] >= 10 for hit in answer["hits"])
    assert "within=10%25" in answer["query"]["links"]["page"]
    shown = client.get(answer["query"]["links"]["page"]).text
    assert "Only images that are at least 10 % alike." in shown
    assert f'<span class="hidden">, likeness </span>{math.floor(answer["hits"][0]["likeness"])}\u202f%' in shown
    assert (
        "Only images that are at least 10 % alike." in client.get(f"/photos/similar/{id_}?within=10%").text
    )  # as people type it
    assert "There is nothing so alike." in client.get(f"/photos/similar/{id_}?within=100%25").text
    for wrong in ("0%25", "100.5%25", "nan%25", "80,5%25", "-5%25"):
        refused = client.get(f"/api/v1/photos/similar/{id_}?within={wrong}")
        assert refused.status_code == 422
        assert refused.json()["detail"].startswith("`within`: ")


def test_hits_as_far_away_as_unrelated_images_are_marked(serve, web_collection, tmp_path, monkeypatch):
    monkeypatch.setattr("seealso.collection.likeness.KeptLikeness.of_query", lambda self, opened, likeness, _: likeness)
    copy_unmeasured(web_collection, tmp_path / "c")
    client = serve({"photos": tmp_path / "c"})
    hits = client.get("/api/v1/photos/similar/3?limit=200").json()["hits"]
    assert "beyond" not in client.get("/photos/similar/3").text
    with seealso.open(tmp_path / "c", plugins=[THUMBNAIL]) as collection:
        alike = hits[5]["distance"]
        collection.keep_likeness(seealso.Likeness(collection.likeness().typical, alike))
    marked = client.get("/api/v1/photos/similar/3?limit=200").json()["hits"]
    assert [hit["beyond"] for hit in marked] == [hit["distance"] > alike for hit in hits]
    shown = client.get("/photos/similar/3").text
    beyond = sum(hit["beyond"] for hit in marked)
    assert len(re.findall(r'<li class="cell [^"]* beyond">', shown)) == beyond > 0
    assert shown.count(", as far as unrelated images</span>") == beyond
    assert "alike; so are unrelated ones." in shown
    (link,) = re.findall(r'href="(/photos/similar/3\?within=[^"]*)">Leave them out', shown)
    left = client.get(link).text
    assert "beyond" not in left
    assert left.count('<li class="cell') == len(hits) - beyond
