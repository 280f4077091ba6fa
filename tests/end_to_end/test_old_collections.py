"""Whole collections of earlier releases open, answer as they did, and lose nothing when they are brought up to date."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import seealso
from conftest import SAMPLES, THUMBNAIL, read_only

OLD = sorted(SAMPLES.glob("collection-*"))


@pytest.fixture(params=OLD, ids=lambda path: path.name)
def old(request, tmp_path: Path) -> tuple[Path, dict]:
    """A copy of an old collection, and what it answered then."""
    shutil.copytree(request.param / "collection", tmp_path / "old.seealso")
    return tmp_path / "old.seealso", json.loads((request.param / "answers.json").read_text(encoding="utf-8"))


def opened(path: Path) -> seealso.Collection:
    return seealso.open(path, plugins=[THUMBNAIL])


def check(collection: seealso.Collection, then: dict) -> None:
    counts = collection.counts()
    assert [counts.objects, counts.locations, counts.failures] == then["counts"]
    assert collection.ids().size == then["objects"]
    for id_, expected in then["similar"].items():
        hits = collection.similar(int(id_), 5).hits
        assert [[hit.id, round(hit.distance, 3)] for hit in hits] == expected, id_
    for words, ids in then["text"].items():
        assert sorted(hit.id for hit in collection.text(words, 50).hits) == ids, words
    for id_, ids in then["where"].items():
        assert [hit.id for hit in collection.similar(int(id_), 3, where="bird").hits] == ids, id_
    ids = collection.ids().tolist()
    told = {
        str(id_): {source: [list(word) for word in words] for source, words in said.items()}
        for id_, said in collection.keywords(ids).items()
    }
    assert told == then["keywords"]
    paths = {str(id_): [path.decode() for path in record.paths] for id_, record in collection.records(ids).items()}
    assert paths == then["paths"]


def test_it_answers_as_it_did(old):
    path, then = old
    with opened(path) as collection:
        check(collection, then)


def test_it_answers_on_a_read_only_disk(old):
    path, then = old
    before = _files(path)
    with read_only(path), opened(path) as collection:
        check(collection, then)
    assert _files(path) == before


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda collection: collection.maintain(), id="maintain"),
        pytest.param(lambda collection: collection.rebuild(), id="rebuild"),
        pytest.param(lambda collection: collection.remove([]), id="an empty removal"),
        pytest.param(lambda collection: collection.convert(seealso.PluginChoice("lmdb")), id="convert"),
    ],
)
def test_it_is_brought_up_to_date_without_loss(old, write: Callable[[seealso.Collection], object]):
    path, then = old
    with opened(path) as collection:
        write(collection)
        check(collection, then)
        assert collection.verify().problems == []
    with opened(path) as collection:
        check(collection, then)
        assert collection.verify().problems == []


def _files(path: Path) -> dict[str, bytes]:
    return {
        os.path.relpath(os.path.join(folder, name), path): Path(folder, name).read_bytes()
        for folder, _, names in os.walk(path)
        for name in names
    }
