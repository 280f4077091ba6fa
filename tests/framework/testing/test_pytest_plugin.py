"""The fixtures that an author of plugins gets: a folder of pictures, and collections of them."""

import subprocess
import sys

import pytest

from conftest import SAMPLES
from seealso.testing import strategies


def test_a_collection_of_the_photos(collection, photos):
    assert collection.counts().objects == len(list(photos.iterdir())) == 12
    assert collection.provenance.plugin == "pixels"
    answer = collection.similar(photos / "0003.png", 1)
    assert [hit.path for hit in answer.hits] == [str(photos / "0003.png")]


@pytest.mark.seealso(plugins=[SAMPLES / "plain.py"], index="pivot", store={"plugin": "plain"})
def test_of_the_plugins_that_are_named(collection):
    parts = collection.choices()
    assert (parts["index"]["plugin"], parts["store"]) == ("pivot", "plain")
    assert len(collection.similar(1, 12).hits) == 12


def test_several_collections(make_collection, photos):
    first, second = make_collection(), make_collection("others", distance="cosine")
    first.index([photos / "0001.png"])
    second.index([photos])
    assert (first.counts().objects, second.counts().objects) == (1, 12)
    assert make_collection("others").counts().objects == 12


def test_pictures_are_always_the_same():
    one, again, other = (strategies.picture((40, 30), seed, "noise") for seed in (1, 1, 2))
    assert one.tobytes() == again.tobytes() != other.tobytes()
    assert (one.size, one.mode) == ((40, 30), "RGB")


def test_the_plugin_costs_next_to_nothing_where_it_is_not_used():
    code = "import sys, seealso.pytest_plugin; print(sorted({'numpy', 'hypothesis', 'pydantic', 'PIL'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_without_hypothesis_it_says_what_to_install():
    code = "import sys; sys.modules['hypothesis'] = None; import seealso.testing"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1].endswith("seealso.testing needs hypothesis: pip install 'seealso[testing]'")
