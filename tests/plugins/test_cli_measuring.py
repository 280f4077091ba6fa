"""The commands that measure."""

import json
import re
import shutil

import numpy as np
import pytest
import yaml

import seealso
from conftest import THUMBNAIL


@pytest.fixture(scope="module")
def template(tmp_path_factory, make_photos):
    """A folder with a configuration, and a collection of 60 photographs in two folders."""
    folder = tmp_path_factory.mktemp("measured")
    make_photos(folder / "one", 30)
    make_photos(folder / "two", 30, seed=5)
    (folder / "seealso.yaml").write_text(
        f"plugins: [{THUMBNAIL}]\ncollections:\n  photos:\n    path: ./c\n    extractor: thumbnail # cheap\n"
    )
    with seealso.Deployment.load(folder / "seealso.yaml") as deployment:
        assert deployment.collection().index([folder / "one", folder / "two"]).added == 60
    return folder


@pytest.fixture
def measured(call, tmp_path, template):
    """Runs a command line in a copy of this folder."""
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    return call


@pytest.mark.slow
def test_evaluate(measured, tmp_path):
    status, out, err = measured(
        "evaluate",
        "--queries",
        "20",
        "-k",
        "3",
        "--candidates",
        "5",
        "--candidates",
        "60",
        "--labels",
        "folder",
        "--plot",
        "p.svg",
    )
    assert status == 0
    rows = [line.split("\t") for line in out.splitlines() if "\t" in line]
    assert [(row[0], len(row)) for row in rows] == [("5", 13), ("60", 13)]
    assert rows[1][1:3] == ["1.0000", "0.839-1.000"]
    assert re.search(r"^of the 10 nearest, \d+\.\d % are in the query's folder$", out, re.MULTILINE)
    assert "photos: 60 objects; 20 queries from collection (seed 0); recall of the 3 nearest;" in err
    assert (tmp_path / "p.svg").exists()
    document = json.loads(measured("evaluate", "--queries", "20", "-k", "3", "--candidates", "5", "--json")[1])
    assert document["results"][0]["recall"] == pytest.approx(float(rows[0][1]), abs=1e-4)


def test_evaluate_says_how_far_apart_images_are(measured):
    status, out, err = measured("evaluate", "--queries", "20", "-k", "3", "--candidates", "60")
    assert (status, "warning" in err) == (0, False)
    lines = out.splitlines()
    heads = next(place for place, line in enumerate(lines) if line.startswith("distances of"))
    kinds = [re.split(r"  +", line) for line in lines[heads + 1 : heads + 6]]
    assert [(kind[0], kind[1]) for kind in kinds] == [
        ("copies of half size", "40"),
        ("copies of quality 40", "40"),
        ("copies cropped by 5 %", "40"),
        ("nearest other images", "20"),
        ("unrelated images", "1,770"),
    ]
    quantiles = [[float(value) for value in kind[2:]] for kind in kinds]
    assert all(values == sorted(values) and len(values) == 7 for values in quantiles)
    bars = lines.index(next(line for line in lines if line.startswith("distance  likeness  altered copies")))
    assert lines[bars + 1].startswith("0         100 %")
    assert sum("█" in line for line in lines[bars + 1 : bars + 21]) > 5
    document = json.loads(measured("evaluate", "--queries", "20", "-k", "3", "--candidates", "60", "--json")[1])
    told = document["distances"]
    assert [sum(kind["histogram"]) for kind in told["kinds"]] == [40, 40, 40, 20, 1770]
    assert told["kinds"][4]["median"] == pytest.approx(told["likeness"]["typical"])
    (alike,) = [line for line in lines if line.startswith("alike: `--within ")]
    assert f"({told['likeness']['alike']:.4g})" in alike or f"{told['likeness']['alike']:.4g}`" in alike
    same = [line for line in lines if line.startswith("the same picture: `--within ")]
    assert len(same) == (told["likeness"]["same"] is not None)
    # What is suggested is remembered, and can be typed.
    answer = json.loads(measured("similar", "id:3", "--json")[1])
    assert {**answer["likeness"], "alike": told["likeness"]["alike"]} == told["likeness"]
    for line in (*same, alike):
        assert measured("similar", "id:3", "--within", line.split("`")[1].removeprefix("--within "))[0] == 0


def test_evaluate_queries_from_elsewhere(measured, tmp_path, make_photos):
    make_photos(tmp_path / "queries", 4, seed=9)
    (tmp_path / "queries" / "broken.jpg").write_bytes(b"none")
    status, out, err = measured("evaluate", "--from", "queries", "-k", "3")
    assert status == 0
    assert "4 queries from queries" in err
    assert "seealso: warning: queries/broken.jpg: " in err
    assert out.split("\t")[1] == "1.0000"


def test_tune(measured, tmp_path):
    status, out, err = measured("tune", "--recall", "0.8", "-k", "3", "--queries", "60", "--write")
    assert (status, out.count("\n")) == (0, 1)
    size = int(out.split("\t")[0])
    text = (tmp_path / "seealso.yaml").read_text()
    assert yaml.safe_load(text)["collections"]["photos"]["search"] == {"candidates": size}
    assert "extractor: thumbnail # cheap\n" in text
    assert re.search(
        r"# tuned \d{4}-\d\d-\d\d on 60 objects: recall of the 3 nearest [01]\.\d+ \(0\.\d+ at least\), 60 queries\n",
        text,
    )
    assert f"wrote search: candidates: {size} to {tmp_path}/seealso.yaml" in err
    status, out, _ = measured(
        "tune", "--recall", "0.8", "-k", "3", "--queries", "60", "--index", "prefix_length=2,7", "--json"
    )
    document = json.loads(out)
    assert [each["index"]["prefix_length"] for each in document["tried"]] == [2, 7]
    assert document["best"] in document["tried"]


@pytest.fixture(scope="module")
def sketched(tmp_path_factory):
    """A folder with a configuration, and a collection of 900 descriptors with sketches that say little."""
    folder = tmp_path_factory.mktemp("sketched")
    np.save(folder / "rows.npy", np.random.default_rng(0).normal(size=(900, 48)).astype(np.float32))
    sketch = "{plugin: rabitq, bytes: 16}"
    (folder / "seealso.yaml").write_text(
        f"collections:\n  rows:\n    path: ./c\n    text: false\n    sketch: {sketch}\n    search: {{candidates: 600}}\n"
    )
    with seealso.Deployment.load(folder / "seealso.yaml") as deployment:
        deployment.collection().import_descriptors(folder / "rows.npy")
    return folder


@pytest.fixture
def of_sketched(call, tmp_path, sketched):
    """Runs a command line in a copy of this folder."""
    shutil.copytree(sketched, tmp_path, dirs_exist_ok=True)
    return call


@pytest.mark.slow
def test_evaluate_says_what_reads_are_worth(of_sketched):
    status, out, _ = of_sketched("evaluate", "--queries", "20", "-k", "3", "--candidates", "600")
    assert status == 0
    lines = out.splitlines()
    place = lines.index("with 600 candidates, by how many of them are read, the best by the sketch:")
    assert len(lines[place - 1].split("\t")) == 13
    rows = [line.split("\t") for line in lines[place + 1 : place + 7]]
    assert [(row[0], len(row)) for row in rows] == [(reads, 11) for reads in ("20", "50", "100", "200", "500", "600")]
    assert [float(row[1]) for row in rows] == sorted(float(row[1]) for row in rows)
    document = json.loads(of_sketched("evaluate", "--queries", "20", "-k", "3", "--candidates", "600", "--json")[1])
    assert [result["asked_reads"] for result in document["by_reads"]] == [20, 50, 100, 200, 500, 600]
    assert document["by_reads"][0]["recall"] == pytest.approx(float(rows[0][1]), abs=1e-4)
    assert document["sketch"]["plugin"] == "rabitq"


def test_tune_writes_candidates_and_reads(of_sketched, tmp_path):
    status, out, err = of_sketched("tune", "--recall", "0.6", "-k", "3", "--queries", "20", "--write")
    assert (status, out.count("\n")) == (0, 1)
    candidates, reads = map(int, out.split("\t")[:2])
    assert reads < candidates
    file = tmp_path / "seealso.yaml"
    assert yaml.safe_load(file.read_text())["collections"]["rows"]["search"] == {
        "candidates": candidates,
        "reads": reads,
    }
    assert f"wrote search: candidates: {candidates}, reads: {reads} to {file}" in err
    best = json.loads(of_sketched("tune", "--recall", "0.6", "-k", "3", "--queries", "20", "--json")[1])["best"]
    assert (best["candidates"], best["reads"], best["sketch"]["bytes"]) == (candidates, reads, 16)


def test_plan_names_the_sketch(of_sketched, quick_trials):
    status, out, err = of_sketched("plan", "--objects", "2000")
    assert (status, out.split("\t")[1]) == (0, "scan + rabitq")
    assert re.search(r"^on disk: bytes an object: .*, sketch \d+, ", err, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "status", "expected"),
    [
        (["tune", "--recall", "1.5"], 1, "a recall of 1.5 cannot be aimed at; give one above 0 and below 1"),
        (["tune", "--index", "prefix_length"], 2, "write it as OPTION=VALUE,VALUE"),
        (["tune", "--index", "prefix_lenght=3"], 1, "prefix_lenght: unknown key; did you mean `prefix_length`?"),
        (["tune", "--index", "prefix_length=many"], 1, "prefix_length"),
        (["evaluate", "-k", "60"], 1, "k is 60, and a query has 59 possible neighbours here"),
        (["evaluate", "--from", "seealso.yaml"], 1, "descriptors are read from .npy"),
        (["evaluate", "--plot", "plot.doc"], 1, "a plot is written as one of .png, .svg, .pdf"),
        (["evaluate", "--labels", "colour"], 2, "'colour' is not 'folder'"),
    ],
)
def test_what_cannot_be_measured(measured, arguments, status, expected):
    found, _, err = measured(*arguments)
    assert found == status
    assert expected in err
    assert "Traceback" not in err


def test_there_is_nothing_yet(call, tmp_path):
    (tmp_path / "seealso.yaml").write_text("collections: {photos: {path: ./c}}\n")
    status, _, err = call("evaluate")
    assert (status, err.count("\n")) == (1, 1)
    assert "there is no collection at" in err


@pytest.mark.slow
def test_plan(measured, tmp_path, quick_trials):
    status, out, err = measured("plan", "one", "--seconds", "0.2", "--index", "exact")
    assert status == 0
    rows = [line.split("\t") for line in out.splitlines()]
    assert [row[:3] for row in rows] == [["thumbnail", "ppp-codes", "flat-file"], ["thumbnail", "exact", "flat-file"]]
    for row in rows:
        assert re.fullmatch(r"\d+\.\d s", row[3])
        assert re.fullmatch(r"\d+(\.\d)? (bytes|kB|MB)", row[4])
        assert re.fullmatch(r"\d+\.\d MB", row[5])
        assert float(row[6]) > 0
    assert f"30 objects; tried with 30 images below {tmp_path / 'one'}" in err
    assert re.search(r"^to index: \d\.\d s to start, \d+\.\d\d ms an image \(.*\), .* s to build the index", err, re.M)
    document = json.loads(measured("plan", "--objects", "500", "--seconds", "0.2", "--json")[1])
    assert document["objects"] == 500
    assert document["sample"] == "the collection photos, 60 objects"
    assert set(document["plans"][0]) == {
        "extractor", "index", "store", "seconds", "disk", "memory", "query", "cold_query", "sketch",
    }  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c", "one", "seealso.yaml", "two"]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["plan", "missing"], 1, "there is no such file or folder"),
        (["plan", ""], 2, "a path is empty"),
        (["plan", "--objects", "0"], 2, "0 is not in the range"),
        (["plan", "one", "--seconds", "0"], 2, "0.0 is not in the range"),
        (["plan", "one", "--index", "exat"], 1, "no index named 'exat'; did you mean `exact`"),
        (["plan", "one", "--scratch", "nowhere"], 2, "'nowhere' does not exist"),
    ],
)
def test_what_cannot_be_planned(measured, arguments, status, message):
    found = measured(*arguments)
    assert found[0] == status
    assert message in found[2]
    assert "Traceback" not in found[2]
