"""The commands for descriptors without images."""

import json

import numpy as np
import pytest


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
