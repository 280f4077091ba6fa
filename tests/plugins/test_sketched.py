"""What the frontends say of sketches: in the status, and of what each kind of query cost."""

import json
import re

import numpy as np
import pytest

import seealso
from conftest import COLOUR_WORDS, crop
from image_files import encode
from web_site import application, client_of, configure

API = "/api/v1/photos"
SKETCH = {"plugin": "rabitq", "bytes": 40, "bits": None, "seed": 0}


@pytest.fixture(scope="module")
def described(tmp_path_factory, photographs):
    """A collection with sketches, whose extractor reads words, and whose images have keywords."""
    folder = tmp_path_factory.mktemp("sketched")
    photos = folder / "photos"
    photos.mkdir()
    for name, image in photographs.items():
        image.save(photos / f"{name}.jpg", quality=85)
        (photos / f"{name}.json").write_text('{"keywords": ["black"]}')
    with seealso.open(
        folder / "photos.seealso", plugins=[COLOUR_WORDS], extractor="colours", sketch="rabitq"
    ) as collection:
        assert collection.index([photos]).added == 16
    return folder / "photos.seealso"


@pytest.fixture(scope="module")
def client(tmp_path_factory, described):
    file = configure(tmp_path_factory.mktemp("client"), {"photos": described}, (COLOUR_WORDS,), extractor="colours")
    app, deployment = application(file)
    with deployment, client_of(app) as client:
        yield client


@pytest.fixture
def told(call, tmp_path, described):
    """Runs a command line on the collection."""
    (tmp_path / "seealso.yaml").write_text(
        f"plugins: [{COLOUR_WORDS}]\ncollections: {{photos: {{path: {described}, extractor: colours, sketch: rabitq}}}}\n"
    )
    return call


def check_cost(cost: dict, looked_at: int = 16) -> None:
    """So many were looked at by their sketches, and read, since they are few; every stage is told."""
    assert (cost["candidates"], cost["refined"]) == (looked_at, looked_at)
    assert cost["reads"] > 0
    assert cost["bytes_read"] > 0
    stages = dict(cost["ms"])
    assert stages["sketch"] >= 0
    assert stages.pop("total") == pytest.approx(sum(stages.values()), abs=0.1)


@pytest.mark.parametrize(
    "arguments",
    [
        ["similar", "id:3"],
        ["similar", "id:3", "id:4^2", "--unlike", "id:5"],
        ["similar", "--words", "red"],
        ["similar", "id:3", "--words", "red", "--reads", "1000"],
        ["similar", "id:3", "--where", "black"],
        ["similar", "id:3", "--fold"],
        ["text", "red"],
        ["text", "black", "--by", "looks"],
        ["text", "black"],
    ],
    ids=" ".join,
)
def test_the_command_line_tells_what_each_kind_of_query_cost(told, arguments):
    status, out, _ = told(*arguments, "--json")
    assert status == 0
    check_cost(json.loads(out)["cost"])


@pytest.mark.parametrize(
    ("address", "looked_at"),
    [
        ("/similar/3", 15),  # without the examples themselves
        ("/similar/3?like=4%5E2&unlike=5", 13),
        ("/similar?words=red", 16),
        ("/similar/3?words=red", 15),
        ("/similar/3?where=black", 15),
        ("/similar/3?fold=true", 15),
        ("/text?q=red", 16),
        ("/text?q=black&by=looks", 16),
        ("/text?q=black", 16),
    ],
)
def test_the_web_tells_what_each_kind_of_query_cost(client, address, looked_at):
    check_cost(client.get(API + address).json()["cost"], looked_at)
    page = client.get("/photos" + address)
    assert page.status_code == 200
    for name, value in (("candidates", looked_at), ("of these read", looked_at)):
        assert f"<dt>{name}</dt><dd>{value}</dd>" in page.text
    assert re.search(r"<dt>sketch</dt><dd>\d+\.\d ms</dd>", page.text)


def test_what_a_sent_image_cost(client, photographs):
    image = encode(crop(photographs["rocket"], np.random.default_rng(0)), "PNG")
    check_cost(client.post(f"{API}/similar", files={"image": ("a.png", image, "image/png")}).json()["cost"])


def test_words_that_are_keywords_alone_look_at_no_candidates(client):
    page = client.get("/photos/text?q=black&by=keywords").text
    assert "Found in " in page
    assert "of these read" not in page


def test_the_status_in_plain_words(told, described):
    out = told("status")[1]
    assert re.search(r"^sketch +rabitq$", out, re.MULTILINE)
    for said in (
        r"40 bytes an object, 664 bytes in memory for 16 objects",
        r"made by rabitq with bytes 40, seed 0",
        r"values \d+",
        r"bits \d",
    ):
        assert re.search(rf"^ +{said}$", out, re.MULTILINE), said
    document = json.loads(told("status", "--json")[1])["sketch"]
    assert document["made_by"] == SKETCH
    assert (document["objects"], document["bytes"], document["bytes_per_object"]) == (16, 664, 40)


def test_the_status_of_what_is_not_made_yet(call, tmp_path, make_photos):
    make_photos(tmp_path / "photos", 12)
    configuration = (
        f"plugins: [{COLOUR_WORDS}]\ncollections: {{photos: {{path: ./c, extractor: colours, sketch: SKETCH}}}}\n"
    )
    (tmp_path / "seealso.yaml").write_text(configuration.replace("SKETCH", "none"))
    assert call("index", "photos")[0] == 0
    assert not re.search("^sketch ", call("status")[1], re.MULTILINE)
    (tmp_path / "seealso.yaml").write_text(configuration.replace("SKETCH", "rabitq"))
    assert re.search(
        r"^sketch +rabitq \(none are made yet: the next command that writes makes them, or `seealso rebuild`\)$",
        call("status")[1],
        re.MULTILINE,
    )
    document = json.loads(call("status", "--json")[1])["sketch"]
    assert (document["made_by"], document["missing"]) == (None, 12)
    assert call("rebuild")[0] == 0
    assert "40 bytes an object" in call("status")[1]


def test_the_status_of_the_web(client):
    told = client.get(f"{API}/status").json()
    assert told["sketch"]["made_by"] == told["parts"]["sketch"] == SKETCH
    page = re.sub(r"\s+", " ", client.get("/photos/status").text)
    assert '<th scope="row">sketch</th>' in page
    assert "objects 16, bytes 664 bytes, bytes per object 40 bytes" in page
    assert "made_by" not in page
    assert "made by" not in page


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("0", "reads: input should be greater than 0, found 0"),
        ("-3", "reads: input should be greater than 0, found -3"),
        ("many", "reads: input should be a valid integer, found 'many'"),
        ("2.5", "reads: input should be a valid integer, found 2.5"),
        ("null", "reads: input should be a valid integer, found None"),
    ],
)
def test_what_is_no_number_of_reads(told, tmp_path, given, expected):
    file = tmp_path / "seealso.yaml"
    good = file.read_text()
    file.write_text(good.replace("sketch: rabitq", f"sketch: rabitq, search: {{reads: {given}}}"))
    status, out, err = told("config", "check")
    assert (status, out, len(err.splitlines())) == (1, "", 1)
    assert expected in err
    file.write_text(good)
    if given != "null":
        status, _, err = told("similar", "id:3", "--reads", given)
        assert status == 2
        assert "'--reads'" in err


def test_more_than_there_are_is_all_of_them(told):
    for number in ("1000000", "9" * 400):
        cost = json.loads(told("similar", "id:3", "--reads", number, "--candidates", number, "--json")[1])["cost"]
        assert (cost["candidates"], cost["refined"]) == (16, 16)
