"""The web's JSON API: what its document promises, it keeps."""

import hashlib
import re
from dataclasses import replace

import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings, strategies
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

import seealso
from conftest import THUMBNAIL
from image_files import encode
from lengths import campaign
from seealso.collection.search import answering
from seealso_web.openapi import document
from seealso_web.options import WebOptions
from web_site import application, client_of, configure, free_port, jpeg, running

API = "/api/v1/photos"


OPERATIONS = [
    f"{method} {path}" for path, item in document(WebOptions(), ["photos"])["paths"].items() for method in item
]


@pytest.fixture(scope="module")
def whole_api(tmp_path_factory, web_collection):
    """The API as schemathesis reads it, from a running server."""
    folder = tmp_path_factory.mktemp("api")
    with running(configure(folder, {"photos": web_collection}, port=free_port())) as address:
        yield schemathesis.openapi.from_url(f"{address}/api/openapi.json")


@pytest.fixture(scope="module")
def client(tmp_path_factory, web_collection):
    """A client of one server with the default options, for all tests here: none changes what another one gets."""
    app, deployment = application(configure(tmp_path_factory.mktemp("client"), {"photos": web_collection}))
    with deployment, client_of(app) as client:
        yield client


@pytest.mark.torture
@pytest.mark.parametrize("operation", OPERATIONS)
def test_whatever_is_asked_is_answered_as_documented(whole_api, operation):
    """Values that fit, values that do not, other media types: never a status of 500 or beyond, nor an undocumented answer."""
    method, path = operation.split()

    @given(case=strategies.one_of(*(whole_api[path][method].as_strategy(mode) for mode in GenerationMode)))
    @settings(
        max_examples=campaign(12, 30),
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    def ask(case):
        # That a region lies inside its image is beyond what a schema can say.
        case.call_and_validate(excluded_checks=[positive_data_acceptance])

    ask()


def test_every_route_is_documented(client):
    promised = {
        path.replace("{id}", "1").replace("{collection}", "photos")
        for path in client.get("/api/openapi.json").json()["paths"]
    }
    assert promised == {
        "/api/v1",
        f"{API}/status",
        f"{API}/random",
        f"{API}/objects/1",
        f"{API}/similar/1",
        f"{API}/similar",
        f"{API}/text",
        f"{API}/suggest",
        f"{API}/duplicates",
        f"{API}/uploads/{{upload}}/similar",
    }


def test_the_document_says_what_is_asked_for():
    plain = document(WebOptions(), ["a"])
    assert plain["openapi"] == "3.1.0"
    assert "security" not in plain
    guarded = document(WebOptions(token="0123456789abcdef"), ["a"])
    assert guarded["security"] == [{"token": []}]
    assert guarded["components"]["securitySchemes"]["token"] == {"type": "http", "scheme": "bearer"}


def test_neighbours_of_an_object(client, web_collection):
    answer = client.get(f"{API}/similar/3?limit=4").json()
    with seealso.open(web_collection, plugins=[THUMBNAIL]) as collection:
        expected = collection.similar(3, 4, others=True)
        records = collection.records([hit.id for hit in expected.hits])
    assert [(hit["id"], hit["distance"]) for hit in answer["hits"]] == [(hit.id, hit.distance) for hit in expected.hits]
    for hit in answer["hits"]:
        record = records[hit["id"]]
        assert (hit["width"], hit["height"], hit["bytes"]) == (record.width, record.height, record.file_size)
        assert hit["path"] == seealso.shown_path(record.paths[0])
        assert hit["uri"] == seealso.uri_of_path(record.paths[0])
        for name, address in hit["links"].items():
            assert client.get(address).status_code == 200, name
    assert answer["query"]["id"] == 3
    assert answer["cost"]["candidates"] >= 4
    assert set(answer["cost"]["ms"]) >= {"extract", "candidates", "read", "refine", "total"}


def test_paging_gives_each_neighbour_once(client):
    address, seen = f"{API}/similar/3?limit=4", []
    while address:
        answer = client.get(address).json()
        assert answer["offset"] == len(seen)
        seen += [hit["id"] for hit in answer["hits"]]
        address = answer["next"]
    assert sorted([*seen, 3]) == list(range(1, 17))


@pytest.mark.parametrize(
    "asked", ["limit=0", "limit=201", "limit=x", "limit=-1", "limit=1.5", "limit=" + "9" * 30, "offset=2000", "offset="]
)
def test_limits_are_kept(client, asked):
    answer = client.get(f"{API}/similar/3?{asked}")
    assert answer.status_code == 422
    assert "whole number" in answer.json()["detail"]


def test_neighbours_of_an_image_that_is_sent(client, photographs, web_collection):
    """As a body or in a form, they are those that the library gives for the same file."""
    data = jpeg(photographs["coffee"].crop((10, 10, 400, 300)))
    as_body = client.post(f"{API}/similar?limit=5", content=data, headers={"Content-Type": "image/jpeg"})
    in_form = client.post(f"{API}/similar?limit=5", files={"image": ("x", data)})
    assert as_body.status_code == in_form.status_code == 200
    with seealso.open(web_collection, plugins=[THUMBNAIL]) as collection:
        descriptor, known = collection.extract(seealso.Example(image=data))
        assert known is None
        expected = [(hit.id, hit.distance) for hit in collection.similar_to_descriptor(descriptor, 5).hits]
    for answer in (as_body.json(), in_form.json()):
        assert [(hit["id"], hit["distance"]) for hit in answer["hits"]] == expected
    # It is kept, so more of its neighbours can be asked for.
    more = client.get(in_form.json()["next"]).json()
    assert more["offset"] == 5
    assert not {hit["id"] for hit in more["hits"]} & {id_ for id_, _ in expected}
    assert client.get(in_form.json()["query"]["links"]["page"]).status_code == 200
    assert client.get(f"{API}/uploads/{'x' * 22}/similar").status_code == 404
    assert client.get(f"{API}/uploads/..%2f..%2fetc/similar").status_code == 404


def test_an_image_that_is_there_already_finds_itself(client, web_photos):
    data = (web_photos / "coffee.jpg").read_bytes()
    hit = client.post(f"{API}/similar?limit=1", content=data, headers={"Content-Type": "image/jpeg"}).json()["hits"][0]
    assert (hit["name"], hit["distance"]) == ("coffee.jpg", 0.0)
    found = client.get(hit["links"]["self"]).json()
    assert found["sha256"] == hashlib.sha256(data).hexdigest()
    assert [place["path"] for place in found["locations"]] == [str(web_photos / "coffee.jpg")]


def test_what_has_not_changed_is_not_sent_again(client):
    for address in (f"{API}/similar/3", f"{API}/objects/3", f"{API}/random?seed=4", "/api/v1", "/api/openapi.json"):
        tag = client.get(address).headers["etag"]
        assert re.fullmatch(r'(W/)?"[0-9a-f]{32}"', tag)
        again = client.get(address, headers={"If-None-Match": f'"other", {tag}'})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert client.get(address, headers={"If-None-Match": '"other"'}).status_code == 200
        assert client.head(address).headers["etag"] == tag


def test_a_random_selection_can_be_had_again(client):
    first = client.get(f"{API}/random?limit=6").json()
    again = client.get(f"{API}/random?limit=6&seed={first['seed']}").json()
    assert [hit["id"] for hit in first["hits"]] == [hit["id"] for hit in again["hits"]]
    assert all(hit["distance"] is None for hit in first["hits"])


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/api/v1/none/status", 404),
        ("/api/v2", 404),
        (f"{API}/objects/99", 404),
        (f"{API}/similar/3?crop=2,2,2,2", 422),
        (f"{API}/random?seed=-1", 422),
    ],
)
def test_problems_are_told_in_details(client, address, status):
    answer = client.get(address, headers={"Accept": "text/html"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert set(told) == {"type", "title", "status", "detail", "instance"}
    assert (told["status"], told["instance"]) == (status, address.partition("?")[0])


def test_no_problem_repeats_what_is_long_or_steers_a_terminal(client):
    for address in (f"{API}/{'x' * 60_000}", f"{API}/objects/{'9' * 60_000}", f"{API}/random?seed={'x' * 60_000}"):
        told = client.get(address).json()
        assert told["status"] in (404, 422)
        assert max(len(told["detail"]), len(told["instance"])) <= 1000
    told = client.get(f"{API}/text", params={"q": 'a\n\x1b[2J"'}).json()
    assert told["detail"].endswith(r'a\n\x1b[2J"')


def test_a_part_of_an_image_that_is_away_cannot_be_looked_at(tmp_path, serve, photographs):
    (tmp_path / "away").mkdir()
    photographs["coffee"].save(tmp_path / "away" / "coffee.jpg")
    photographs["rocket"].save(tmp_path / "away" / "rocket.jpg")
    with seealso.open(tmp_path / "c", plugins=[THUMBNAIL], extractor="thumbnail") as collection:
        collection.index([tmp_path / "away"])
    (tmp_path / "away").rename(tmp_path / "gone")
    client = serve({"photos": tmp_path / "c"})
    assert len(client.get(f"{API}/similar/1").json()["hits"]) == 1
    answer = client.get(f"{API}/similar/1?crop=0,0,0.5,0.5")
    assert (answer.status_code, answer.json()["title"]) == (409, "Conflict")


def test_another_extractor_is_the_operators_affair(tmp_path, web_collection, photographs, caplog, serve):
    """A visitor learns that it cannot be done; the log says why."""
    copy = tmp_path / "copy.py"
    copy.write_text(
        THUMBNAIL.read_text()
        .replace('name = "thumbnail"', 'name = "other"')
        .replace('Provenance("thumbnail"', 'Provenance("other"')
    )
    app, deployment = application(configure(tmp_path, {"photos": web_collection}, (copy,), extractor="other"))
    with deployment, client_of(app) as client:
        answer = client.post(
            f"{API}/similar", content=jpeg(photographs["coffee"]), headers={"Content-Type": "image/jpeg"}
        )
        assert client.get(f"{API}/similar/3").status_code == 200
    assert answer.status_code == 500
    assert str(web_collection) not in answer.text
    assert "was made by another extractor" in caplog.text


def test_only_what_is_near(client):
    everything = client.get("/api/v1/photos/similar/3?limit=200").json()["hits"]
    distance = everything[4]["distance"]
    near = client.get(f"/api/v1/photos/similar/3?limit=200&within={distance!r}").json()
    assert [hit["id"] for hit in near["hits"]] == [hit["id"] for hit in everything if hit["distance"] <= distance]
    assert near["query"]["within"] == distance
    assert f"within={distance!r}" in near["query"]["links"]["page"]
    shown = client.get(near["query"]["links"]["page"], headers={"Accept": "text/html"}).text
    assert f"Only images within {distance:g}." in shown
    for wrong in ("-1", "nan", "inf", "near", "1e999", "-0.5"):
        answer = client.get(f"/api/v1/photos/similar/3?within={wrong}")
        assert (answer.status_code, answer.json()["detail"]) == (
            422,
            f"`within`: {wrong!r} is neither a distance (a number, 0 or more) nor a likeness (as 80%, above 0% and at most 100%).",
        )


@pytest.mark.parametrize("there", [False, True])
def test_a_hit_whose_last_place_is_dropped_meanwhile_is_left_out(client, monkeypatch, there):
    """It is an object without a place, until it is none."""
    before = {place: client.get(f"/api/v1/photos/{place}").json()["hits"] for place in ("similar/3", "random?seed=1")}
    records = seealso.Collection.records
    going = before["similar/3"][0]["id"]

    def racing(self, ids):
        found = records(self, ids)
        if len(ids) > 1 and going in found:
            found[going] = replace(found[going], paths=())
            if not there:
                del found[going]
        return found

    monkeypatch.setattr(seealso.Collection, "records", racing)
    for place, hits in before.items():
        left = client.get(f"/api/v1/photos/{place}")
        assert left.status_code == 200
        assert left.json()["hits"] == [hit for hit in hits if hit["id"] != going]
    for page in ("/photos/similar/3", "/photos?seed=1"):
        shown = client.get(page, headers={"Accept": "text/html"})
        assert shown.status_code == 200
        assert f'/photos/similar/{going}"' not in shown.text


def test_the_place_of_a_hit_that_is_removed_meanwhile_is_taken_by_the_next(client, monkeypatch):
    everything = client.get("/api/v1/photos/similar/3?limit=6").json()["hits"]
    going = everything[2]["id"]
    records, nearest_hits = seealso.Collection.records, answering.nearest_hits
    gone = False

    def removed_before_this(self, ids):
        nonlocal gone
        found = records(self, ids)
        if len(ids) > 1:
            gone = True
            found.pop(going, None)
        return found

    def without_it(catalog, ids, distances, k, offset):
        kept = ids != going if gone else np.ones(ids.size, bool)
        return nearest_hits(catalog, ids[kept], distances[kept], k, offset)

    monkeypatch.setattr(seealso.Collection, "records", removed_before_this)
    monkeypatch.setattr(answering, "nearest_hits", without_it)
    left = client.get("/api/v1/photos/similar/3?limit=5").json()["hits"]
    assert left == [hit for hit in everything if hit["id"] != going]


def test_an_upload_of_what_the_collection_holds_has_an_id(client, web_collection):
    with seealso.open(web_collection, plugins=[THUMBNAIL]) as collection:
        data = collection.read(3)
    sent = client.post("/api/v1/photos/similar", content=data, headers={"Content-Type": "image/jpeg"}).json()
    assert sent["query"]["id"] == sent["hits"][0]["id"]
    assert sent["hits"][0]["distance"] == 0
    left_out = client.post(
        "/api/v1/photos/similar?others=true", content=data, headers={"Content-Type": "image/jpeg"}
    ).json()
    assert left_out["hits"] == sent["hits"][1:]
    assert client.get("/api/v1/photos/similar/3?others=false").json()["hits"][0]["id"] == 3
    assert client.get("/api/v1/photos/similar/3?others=perhaps").status_code == 422


@pytest.mark.parametrize(
    "ask",
    [
        lambda client, data: client.get("/api/v1/photos/similar/3"),
        lambda client, data: client.get("/api/v1/photos/similar/3?crop=0.2,0.2,0.5,0.5"),
        lambda client, data: client.post("/api/v1/photos/similar", content=data, headers={"Content-Type": "image/png"}),
        lambda client, data: client.post(
            "/api/v1/photos/similar?crop=0,0,0.5,0.5", content=data, headers={"Content-Type": "image/png"}
        ),
    ],
)
def test_the_stages_add_up_and_observers_are_told_the_same(client, photographs, ask, monkeypatch):
    told = []
    observe = seealso.Plugins.observe

    def noted(self, hook, **arguments):
        if hook == "searched":
            told.append(arguments)
        observe(self, hook, **arguments)

    monkeypatch.setattr(seealso.Plugins, "observe", noted)
    answer = ask(client, encode(photographs["coffee"].resize((90, 60)), "PNG")).json()
    ms = answer["cost"]["ms"]
    # Warming up asks, too.
    (one,) = [each for each in told if each["answer"].cost.as_json() == answer["cost"]]
    assert one["collection"] == "photos"
    assert one["query"] == one["answer"].query
    assert [hit.id for hit in one["answer"].hits][: len(answer["hits"])] == [hit["id"] for hit in answer["hits"]]
    total = ms.pop("total")
    assert abs(sum(ms.values()) - total) <= max(1, 0.05 * total)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("similar?like=3&crop=0,0,0.5,0.5", "`crop` is not taken here; it is a part of the image in the path, or of one that is sent."),
        ("similar?like=3&crop=rubbish", "`crop` is not taken here; it is a part of the image in the path, or of one that is sent."),
        (
            "similar?like=3&weight=2",
            "`weight` is not taken here; it is that of the image in the path, or of one that is sent; other examples have theirs "
            "behind ^, as in like=7^2.",
        ),
        ("duplicates?within=80%25", "`within` is not taken here; it takes limit, offset."),
        ("text?q=red&fold=true", "`fold` is not taken here; it takes q, by, limit, offset."),
        ("random?offset=3", "`offset` is not taken here; it takes limit, seed."),
        ("objects/3?crop=0,0,1,1", "`crop` is not taken here; it is a part of the image in the path, or of one that is sent."),
        ("status?limit=3", "`limit` is not taken here; it takes nothing."),
        ("similar/3?within=9&within=1", "`within` is given twice; give it once."),
        ("similar/3?limit=5&limit=6", "`limit` is given twice; give it once."),
        ("similar/3?within=", "`within` is empty; give it a value, or leave it out."),
        ("similar/3?where=%20", "`where` is empty; give it a value, or leave it out."),
        ("similar/3?weight=", "`weight` is empty; give it a value, or leave it out."),
        ("text?q=red&by=", "`by` is empty; give it a value, or leave it out."),
    ],
)  # fmt: skip
def test_nothing_is_passed_over(client, asked, said):
    """What would not be understood as it is meant is refused in one line."""
    answer = client.get(f"{API}/{asked}")
    assert (answer.status_code, answer.json()["detail"]) == (422, said)


@pytest.mark.parametrize("asked", ["similar/3?wihtin=1", f"similar/3?{'x' * 5000}=1", "similar/3?a%0Ab=1"])
def test_a_misspelt_name_is_told_with_those_that_are_taken(client, asked):
    answer = client.get(f"{API}/{asked}")
    assert answer.status_code == 422
    assert " is not taken here; it takes weight, like, unlike, words, crop, where, within, " in answer.json()["detail"]
    assert len(answer.json()["detail"]) < 200
    assert "\n" not in answer.json()["detail"]


def test_every_name_that_is_documented_is_taken(client):
    given = {"q": "a", "like": "3", "words": "a", "within": "9", "by": "looks", "crop": "0,0,1,1", "fold": "true"}
    given |= {"where": "a", "unlike": "4", "others": "true"}
    for path, item in client.get("/api/openapi.json").json()["paths"].items():
        address = path.replace("{id}", "1").replace("{collection}", "photos")
        for each in item.get("get", {"parameters": []})["parameters"]:
            if each["in"] == "query":
                answer = client.get(f"{address}?{each['name']}={given.get(each['name'], 1)}")
                assert "is not taken here" not in answer.text


@pytest.mark.parametrize("page", [False, True])
@pytest.mark.parametrize(
    "asked",
    ["similar/99", "similar/99?like=3", "similar/3?like=99", "similar/3?unlike=99", "similar?like=99", "similar?like=3&unlike=99^2",
     "similar/3?like=5&like=99&crop=0,0,0.5,0.5"],
)  # fmt: skip
def test_an_object_that_is_not_there_is_not_found_wherever_it_is_named(client, asked, page):
    answer = client.get(f"/photos/{asked}" if page else f"{API}/{asked}")
    assert answer.status_code == 404
    said = "There is no object 99 here; it may have been removed."
    assert said in answer.text if page else answer.json()["detail"] == said


def test_an_object_that_is_removed_while_it_is_asked_for_is_not_found(client, monkeypatch):
    """It was there when the page looked it up, and is not when it is searched with."""

    def gone(self, query):
        raise seealso.NoObject(5, "photos")

    monkeypatch.setattr(seealso.Collection, "search", gone)
    for address in (f"{API}/similar/3?like=5", "/photos/similar/3?like=5"):
        assert client.get(address).status_code == 404


def test_an_address_of_a_part_gives_just_that_part(client):
    for crop in ("0.33335,0,0.66665,1", "0.1,0.1,0.00004,0.00004", "0.999999,0.5,0.000001,0.5"):
        answer = client.get(f"{API}/similar/3?crop={crop}").json()
        again = client.get(answer["query"]["links"]["self"])
        assert again.status_code == 200
        assert again.json()["query"]["crop"] == answer["query"]["crop"]


def test_an_empty_collection_says_so(tmp_path, serve, photographs):
    (tmp_path / "none").mkdir()
    with seealso.open(tmp_path / "c", plugins=[THUMBNAIL], extractor="thumbnail") as collection:
        collection.index([tmp_path / "none"])
    client = serve({"photos": tmp_path / "c"})
    said = "the collection is empty; `seealso index PATH…` takes images in"
    headers = {"Content-Type": "image/jpeg"}
    sent = client.post(f"{API}/similar", content=jpeg(photographs["coffee"]), headers=headers).json()
    for answer in (sent, client.get(f"{API}/similar?words=dog").json(), client.get(f"{API}/text?q=dog").json()):
        assert (answer["hits"], answer["reasons"], answer["next"]) == ([], [said], None)
    assert client.get(f"{API}/similar/3").status_code == 404
    upload = client.post("/photos/uploads", files={"image": ("x", jpeg(photographs["coffee"]))})
    for address in (
        upload.headers["location"],
        "/photos/similar?words=dog",
        "/photos/text?q=dog",
        "/photos/duplicates",
    ):
        shown = client.get(address)
        assert shown.status_code == 200
        assert "photos is empty" in shown.text
        assert "seealso index" in shown.text
