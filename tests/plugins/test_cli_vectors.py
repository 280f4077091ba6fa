"""The commands for descriptors without images."""

import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import seealso
from durability.full_disk import SOURCE, FullDisk
from durability.power_cut import compile_layer


@pytest.fixture
def vectors(call, tmp_path):
    """The command line, and a file of descriptors."""
    (tmp_path / "seealso.yaml").write_text("collections: {vectors: {path: ./c}}\n")
    np.save(tmp_path / "v.npy", np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32))
    return call


def test_in_and_out(vectors, tmp_path):
    status, out, err = vectors("import-descriptors", "v.npy", "--made-by", "chance", "--limit", "30")
    assert (status, err) == (0, "")
    assert out.startswith("30 new descriptors (")
    assert json.loads(vectors("import-descriptors", "v.npy", "--made-by", "chance", "--json")[1])["added"] == 10
    assert vectors("import-descriptors", "v.npy", "--made-by", "chance")[1].startswith(
        "0 new descriptors, 40 were there ("
    )
    assert vectors("similar", "v.npy#5", "-k", "1", "--paths")[1] == f"{tmp_path}/v.npy#5\n"
    assert "descriptors  6 × float32, chance" in vectors("status")[1]
    assert vectors("show", "3")[0] == 0
    assert vectors("random", "-n", "3", "--paths")[1].count("#") == 3
    assert vectors("export", "out.npy")[1].startswith("wrote 40 descriptors to out.npy (")
    assert np.array_equal(np.load(tmp_path / "out.npy"), np.load(tmp_path / "v.npy"))
    assert vectors("verify")[0] == 0
    assert vectors("duplicates", "--mirrored") == (
        1,
        "",
        "seealso: imported descriptors have no pictures, by which a mirror image is recognised; look for duplicates without mirrored ones\n",
    )


def test_what_is_said_of_them_is_not_said_of_files(vectors, tmp_path, monkeypatch):
    """They have none: nothing can be spared, and there is nothing to make altered copies of."""
    rows = np.random.default_rng(0).normal(size=(60, 6)).astype(np.float32)
    rows[[20, 30]] = rows[7]
    np.save(tmp_path / "v.npy", rows)
    vectors("import-descriptors", "v.npy")
    status, out, err = vectors("duplicates", "--within", "0.01")
    assert (status, out.count("\n")) == (0, 3)
    assert err == "1 group of 3 descriptors among 60 descriptors (within 0.01)\n"
    monkeypatch.setattr("seealso_cli.duplicates.for_people", lambda: True)
    first, *lines = vectors("duplicates", "--within", "0.01")[1].splitlines()
    assert first.startswith("3 descriptors, at most 0.0000 apart")
    assert [line.split() for line in lines] == [
        [str(row + 1), "0.0000", f"{tmp_path}/v.npy#{row}"] for row in (7, 20, 30)
    ]
    status, out, err = vectors("evaluate", "--queries", "5", "-k", "2", "--candidates", "60")
    assert (status, "warning" in err) == (0, False)
    assert "unrelated images" in out


def test_every_distance_is_a_number_or_nothing(vectors, tmp_path):
    """Also where a collection has descriptors that another distance cannot compare: JSON knows no infinity."""
    rows = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    rows[3], rows[5] = 3e38, -3e38
    np.save(tmp_path / "v.npy", rows)
    for distance in ("cosine", "manhattan", "euclidean"):
        (tmp_path / "seealso.yaml").write_text(
            f"collections: {{vectors: {{path: ./c, index: ppp-codes, distance: {distance}}}}}\n"
        )
        if distance == "cosine":
            assert vectors("import-descriptors", "v.npy")[0] == 0
        status, out, err = vectors("similar", "id:4", "-k", "40", "--json")
        assert (status, err) == (0, "")
        hits = json.loads(out, parse_constant=pytest.fail)["hits"]
        assert len(hits) == 40
        assert any(hit["distance"] is None for hit in hits) == (distance != "cosine")
        status, out, _ = vectors("evaluate", "--queries", "20", "-k", "5", "--candidates", "40", "--json")
        assert status == 0
        json.loads(out, parse_constant=pytest.fail)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["import-descriptors", "none.npy"], "none.npy: it cannot be read: No such file or directory"),
        (["import-descriptors", "v.npy", "--ids", "seealso.yaml"], "there are 1 names, and 40 descriptors"),
        (["import-descriptors", "seealso.yaml"], "descriptors are read from .npy"),
        (["export", "out.npy"], "there is no collection at"),
        (["index", "."], "no image files were found"),
    ],
)
def test_what_cannot_be_done(vectors, arguments, expected):
    status, out, err = vectors(*arguments)
    assert expected in out + err
    assert (status == 1) == (arguments[0] != "index")
    assert "Traceback" not in err


def test_images_are_refused(vectors, tmp_path, make_photos):
    vectors("import-descriptors", "v.npy")
    make_photos(tmp_path / "photos", 2)
    status, _, err = vectors("index", "photos")
    assert status == 1
    assert "were imported, so images cannot be taken in" in err
    status, _, err = vectors("similar", str(next((tmp_path / "photos").iterdir())))
    assert status == 1
    assert "images cannot be described" in err


@pytest.mark.slow
def test_exporting_to_a_disk_that_becomes_full(tmp_path):
    """One line that says so, in every format, and nothing is left; the process lives."""
    np.save(tmp_path / "v.npy", np.random.default_rng(0).normal(size=(3000, 32)).astype(np.float32))
    with seealso.open(tmp_path / "c") as collection:
        collection.import_descriptors(tmp_path / "v.npy")
    (tmp_path / "disk").mkdir()
    full = FullDisk(compile_layer(tmp_path, SOURCE), tmp_path / "disk", tmp_path / "left")
    full.leave(60_000)
    code = """
        import os, pathlib, seealso
        with seealso.open("../c") as collection:
            for name in ("o.npy", "o.h5", "o.parquet"):
                try:
                    seealso.export(collection, pathlib.Path(name))
                except seealso.DiskFull as error:
                    print(error)
        print(os.listdir())
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    environment = os.environ | full.environment()
    done = subprocess.run(command, cwd=full.watched, env=environment, capture_output=True, text=True)
    told = [f"{name}: cannot be written: No space left on device" for name in ("o.npy", "o.h5", "o.parquet")]
    assert (done.stdout.splitlines(), done.returncode) == ([*told, "[]"], 0), done.stderr
