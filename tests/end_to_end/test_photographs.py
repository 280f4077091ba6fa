"""Photographs to neighbours, with the real network: the main job."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import seealso
from conftest import crop


@pytest.fixture(scope="module")
def photos(tmp_path_factory, photographs):
    """Every photograph whole, and two crops of each."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for name, image in photographs.items():
        (folder / name).mkdir()
        image.save(folder / name / "whole.jpg", quality=92)
        for number in range(2):
            crop(image, rng, 0.75).save(folder / name / f"crop {number}.png")
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory, photos, python):
    """A configuration with nothing but a path, indexed by the command line."""
    home = tmp_path_factory.mktemp("home")
    (home / "seealso.yaml").write_text("collections:\n  photos: {path: ./photos.seealso}\n")
    done = python.seealso("index", str(photos), cwd=home)
    assert done.returncode == 0, done.stderr
    return home


def test_random_crops_find_their_photograph_first(home, photographs, tmp_path):
    """Crops that are not in the collection; what is nearest is of the same photograph."""
    rng = np.random.default_rng(5)
    right = 0
    with seealso.open(home / "photos.seealso") as collection:
        for name, image in photographs.items():
            crop(image, rng, 0.7).save(tmp_path / "query.jpg", quality=90)
            hits = collection.similar(tmp_path / "query.jpg", 3).hits
            right += f"/{name}/" in hits[0].path
    assert right >= len(photographs) - 1


def test_distances_are_those_of_brute_force(home):
    with seealso.open(home / "photos.seealso") as collection:
        ids = collection.ids()
        descriptors = collection.descriptors(ids).astype(np.float64)
        directions = descriptors / np.linalg.norm(descriptors, axis=1, keepdims=True)
        for place in range(0, len(ids), 5):
            # The angle, by the chord.
            chords = np.linalg.norm(directions - directions[place], axis=1)
            expected = 2 * np.arcsin(chords / 2)
            answer = collection.similar(int(ids[place]), len(ids))
            found = {hit.id: hit.distance for hit in answer.hits}
            np.testing.assert_allclose([found[int(i)] for i in ids], expected, rtol=1e-4, atol=1e-4)
            assert [hit.id for hit in answer.hits][:5] == ids[np.lexsort((ids, expected))][:5].tolist()


@pytest.mark.slow
def test_ppp_codes_find_what_brute_force_finds(photographs, tmp_path):
    """Among more objects than there are pivots, and also after some went away and others came."""
    rng = np.random.default_rng(3)
    for number in range(6):
        for name, image in photographs.items():
            file = tmp_path / "crops" / str(number % 3) / f"{name} {number}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            crop(image, rng, rng.uniform(0.4, 0.9)).resize((160, 120)).save(file, quality=88)
    with seealso.open(tmp_path / "c", index={"plugin": "ppp-codes", "pivots": 32}) as collection:
        for number in range(3):
            collection.index([tmp_path / "crops" / str(number)])
        for file in sorted((tmp_path / "crops" / "0").iterdir())[::3]:
            file.unlink()
        collection.index([tmp_path / "crops" / "0"])
        with seealso.open(tmp_path / "c", index="exact") as exact:
            assert collection.ids().size == 85
            for id_ in collection.ids()[::3].tolist():
                found, expected = (
                    [(hit.id, hit.distance) for hit in one.similar(id_, 50).hits] for one in (collection, exact)
                )
                assert found == expected


def test_descriptors_do_not_depend_on_the_batch_they_came_in(home, photos):
    """Each descriptor of the collection equals that of the image by itself."""
    with seealso.open(home / "photos.seealso") as collection:
        extractor = collection.parts.extractor
        for hit in collection.random(6, seed=2):
            decoded = seealso.decode_image(Path(hit.path).read_bytes(), min_side=extractor.min_side)
            alone = extractor.extract(extractor.prepare(decoded.image)[np.newaxis])
            np.testing.assert_allclose(collection.descriptors([hit.id]), alone, rtol=1e-3, atol=1e-3)


def test_the_command_line_does_it(home, photos, python):
    done = python.seealso("similar", str(photos / "rocket" / "crop 0.png"), "-k", "3", "--json", cwd=home)
    assert done.returncode == 0, done.stderr
    hits = json.loads(done.stdout)["hits"]
    assert {os.path.basename(os.path.dirname(hit["path"])) for hit in hits} == {"rocket"}
    assert python.seealso("index", str(photos), cwd=home).stdout.startswith("nothing to do: 48 files unchanged")
    assert python.seealso("verify", cwd=home).returncode == 0


def test_a_damaged_index_is_told(home, tmp_path, python):
    """Whatever it says meanwhile, and what to do is what helps."""
    shutil.copytree(home, tmp_path / "home")
    with (tmp_path / "home" / "seealso.yaml").open("w") as file:
        file.write("collections:\n  photos: {path: ./photos.seealso, index: ppp-codes}\n")
    assert python.seealso("rebuild", cwd=tmp_path / "home").returncode == 0
    (codes,) = (tmp_path / "home" / "photos.seealso" / "index").rglob("0_codes.npy")
    content = bytearray(codes.read_bytes())
    content[-1] ^= 1
    codes.write_bytes(content)
    done = python.seealso("verify", cwd=tmp_path / "home")
    assert done.returncode == 1
    assert "0_codes.npy is damaged: it is not as it was saved; run `seealso rebuild`" in done.stdout + done.stderr
    assert python.seealso("similar", "id:1", cwd=tmp_path / "home").returncode == 0
    assert python.seealso("rebuild", cwd=tmp_path / "home").returncode == 0
    assert python.seealso("verify", cwd=tmp_path / "home").returncode == 0


def test_a_collection_of_another_model_is_refused(home, photos, tmp_path, python):
    """By its weights here, and by its preprocessing: a query and an ingest say what differs, and change nothing."""
    (home / "other.yaml").write_text(
        "collections:\n  photos: {path: ./photos.seealso, extractor: thumbnail}\n"
        f"plugins: [{os.path.dirname(__file__)}/../samples/thumbnail.py]\n"
    )
    crop_file = tmp_path / "q.jpg"
    with open(crop_file, "wb") as file:
        file.write((photos / "coffee" / "whole.jpg").read_bytes() + b"\0")
    for command in (["index", str(photos)], ["similar", str(crop_file)]):
        done = python.seealso("--config", "other.yaml", *command, cwd=home)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert "was made by another extractor: plugin is 'thumbnail' and was 'onnx'" in done.stderr
        assert "another `path:`" in done.stderr
    # What needs no extraction is answered.
    assert python.seealso("--config", "other.yaml", "similar", "id:1", cwd=home).returncode == 0
    assert (
        python.seealso("--config", "other.yaml", "similar", str(photos / "coffee" / "whole.jpg"), cwd=home).returncode
        == 0
    )
