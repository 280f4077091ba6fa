"""Whether a server says the truth about itself, also while its collection is converted."""

import json
import shutil

import pytest

import seealso
from conftest import THUMBNAIL
from seealso_web import readiness
from web_site import application, client_of, configure, wait_until


@pytest.fixture
def own(tmp_path, web_collection, monkeypatch):
    """A server of a collection that a test may change, whose configuration names the store that it is in."""
    monkeypatch.setattr(readiness, "FRESH_SECONDS", 0)
    path = tmp_path / "own.seealso"
    shutil.copytree(web_collection, path)
    file = configure(tmp_path, {"own": path})
    document = json.loads(file.read_text())
    document["collections"]["own"]["store"] = "flat-file"
    file.write_text(json.dumps(document))
    app, deployment = application(file)
    with deployment, client_of(app) as client:
        wait_until(lambda: client.get("/readyz").status_code == 200)
        yield client, path, deployment.collection()


def test_a_conversion_beside_it_changes_nothing_for_visitors(own):
    client, path, _ = own
    before = client.get("/api/v1/own/similar/3").json()["hits"]
    with seealso.open(path, plugins=[THUMBNAIL], extractor="thumbnail") as other:
        for store in ("lmdb", "flat-file", "lmdb"):
            assert other.convert(seealso.PluginChoice(store)).copied == 16
            assert client.get("/api/v1/own/similar/3").json()["hits"] == before
            assert client.get("/readyz").status_code == 200


def test_it_is_not_ready_while_a_collection_cannot_be_read(own, tmp_path):
    client, path, collection = own
    collection.close()
    (path / "store").rename(tmp_path / "away")
    assert client.get("/api/v1/own/similar/3").status_code == 500
    answer = client.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "1 of 1 collections cannot be used\n")
    assert "retry-after" in answer.headers
    (tmp_path / "away").rename(path / "store")
    assert client.get("/readyz").text == "ready\n"
