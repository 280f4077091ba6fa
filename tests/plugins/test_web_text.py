"""The web's search by words: the page, the API, and words with similar images."""

import json

import pytest

import seealso
from conftest import THUMBNAIL
from seealso_web.showing import as_query, by_language
from web_site import application, client_of, configure

API = "/api/v1/photos"


@pytest.fixture(scope="module")
def described(tmp_path_factory, photographs):
    """A collection whose images have words."""
    folder = tmp_path_factory.mktemp("words")
    photos = folder / "photos"
    photos.mkdir()
    for name, image in photographs.items():
        image.save(photos / f"{name}.jpg", quality=85)
        (photos / f"{name}.json").write_text(
            f'{{"keywords": ["{name}", "a photo & more"], "caption": {{"en": "One <b>{name[0]}</b>", "de": "Ein Bild"}}}}'
        )
    path = folder / "photos.seealso"
    with seealso.open(path, plugins=[THUMBNAIL], extractor="thumbnail") as collection:
        assert collection.index([photos]).added == 16
    return path


@pytest.fixture
def client(serve, described):
    return serve({"photos": described})


def test_the_page(client):
    assert 'role="search"' in client.get("/photos?seed=1").text
    text = client.get("/photos/text?q=moon").text
    assert text.count('class="tile"') == 1
    assert "1 image matches" in text
    assert 'value="moon"' in text
    everything = client.get("/photos/text?q=photo&limit=10").text
    assert everything.count('class="tile"') == 10
    assert "/photos/text?q=photo&amp;offset=10&amp;limit=10" in everything
    assert client.get("/photos/text?q=photo&offset=10&limit=10").text.count('class="tile"') == 6
    assert "Nothing is described by these words" in client.get("/photos/text?q=nothing").text
    assert "All words have to be there" in client.get("/photos/text").text
    assert "All words have to be there" in client.get("/photos/text?q=+").text


@pytest.mark.parametrize("query", ["-moon", '"', "*", "x" * 1001])
def test_what_cannot_be_asked(client, query):
    for address in ("/photos/text", f"{API}/text"):
        assert client.get(address, params={"q": query}).status_code == 422
    for address in ("/photos/similar/1", f"{API}/similar/1"):
        assert client.get(address, params={"where": query}).status_code == 422
    assert client.get(f"{API}/text").status_code == 422


def test_keywords_are_links_that_find_them(client):
    text = client.get("/photos/text?q=moon").text
    assert 'href="/photos/text?q=%22a+photo+%26+more%22"' in text
    assert client.get("/photos/text?q=%22a+photo+%26+more%22&limit=60").text.count('class="tile"') == 16


def test_words_of_an_object(client):
    (hit,) = client.get(f"{API}/text?q=moon").json()["hits"]
    text = client.get(f"/photos/objects/{hit['id']}").text
    assert "One &lt;b&gt;m&lt;/b&gt;" in text
    assert '<p lang="de">Ein Bild <small>de</small></p>' in text
    assert 'href="/photos/text?q=moon"' in text


def test_the_api(client):
    answer = client.get(f"{API}/text?q=photo&limit=5").json()
    assert (answer["matched"], len(answer["hits"]), answer["offset"]) == (16, 5, 0)
    assert answer["query"]["text"] == "photo"
    assert answer["hits"][0]["distance"] is None
    assert "a photo & more" in answer["hits"][0]["keywords"]
    seen, address = [], f"{API}/text?q=photo&limit=5"
    while address:
        answer = client.get(address).json()
        seen += [hit["id"] for hit in answer["hits"]]
        address = answer["next"]
    assert sorted(seen) == list(range(1, 17))
    assert client.get(f"{API}/suggest?q=moo").json() == {"words": ["moon"]}
    assert len(client.get(f"{API}/suggest?q=mo&limit=1").json()["words"]) == 1
    assert client.get(f"{API}/suggest").json() == {"words": []}
    assert client.get(f"{API}/suggest", params={"q": "x" * 1000}).json() == {"words": []}
    assert client.get(f"{API}/suggest", params={"q": "x" * 1001}).status_code == 422


def test_similar_ones_that_match(client, photographs):
    query = '"moon" '
    plain = client.get(f"{API}/similar/1?limit=20").json()
    assert plain["matched"] is None
    some = client.get(f"{API}/similar/1", params={"where": "photo -moon", "limit": 20}).json()
    (moon,) = client.get(f"{API}/text", params={"q": query}).json()["hits"]
    assert some["matched"] == 15
    assert [hit["id"] for hit in some["hits"]] == [hit["id"] for hit in plain["hits"] if hit["id"] != moon["id"]]
    text = client.get("/photos/similar/1?where=moon").text
    assert text.count('class="tile"') == 1
    assert "1 image matches" in text
    paged = client.get(f"{API}/similar/1", params={"where": "photo", "limit": 4}).json()
    assert "where=photo" in paged["next"]
    assert len(client.get(paged["next"]).json()["hits"]) == 4


def test_without_a_text_index(tmp_path, described):
    file = configure(tmp_path, {"photos": described})
    document = json.loads(file.read_text())
    document["collections"]["photos"]["text"] = False
    file.write_text(json.dumps(document))
    app, deployment = application(file)
    with deployment, client_of(app) as client:
        assert 'role="search"' not in client.get("/photos?seed=1").text
        assert "no text index" in client.get("/photos/text").text
        assert client.get(f"{API}/text?q=moon").status_code == 422
        assert client.get(f"{API}/suggest?q=mo").json() == {"words": []}


def test_how_words_are_shown():
    assert [as_query(word) for word in ("bird", "black bird", 'a "b"', "x-y")] == [
        "bird",
        '"black bird"',
        '"a  b "',
        '"x-y"',
    ]
    words = [seealso.Words(*each) for each in (("a", "1", "de"), ("a", "2", "en"), ("a", "3"), ("b", "4", "en"))]
    assert by_language(words) == ([words[0], words[2], words[3]], [words[1]])
