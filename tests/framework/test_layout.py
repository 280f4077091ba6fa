"""The names in a collection's directory: who has them, and what a directory is by them."""

import os
import re
import shutil
from pathlib import Path

import pytest

import seealso
from seealso import layout
from seealso.catalogue.writer import CatalogWriter
from seealso.collection.parts.creation import STORE_FOLDER
from seealso.configuration.models import check_data
from seealso.registry.loading import load_plugins
from seealso.testing.collections import PIXELS
from seealso.testing.images import write_pictures

INSIDE = Path(__file__).parents[2] / "docs" / "inside.md"


def deployment_in(folder: Path) -> seealso.Deployment:
    """A collection with all that leaves something in its directory."""
    settings = {
        "path": str(folder / "c"),
        "extractor": "pixels",
        "store": "flat-file",
        "keywords": ["names"],
        "sketch": "rabitq",
    }
    frontends = [{"plugin": "web", "thumbnails": "keep"}]
    return seealso.Deployment(
        check_data({"collections": {"c": settings}, "frontends": frontends}), load_plugins([PIXELS])
    )


@pytest.fixture(scope="module")
def everything(tmp_path_factory) -> Path:
    """A folder with a collection ``c`` in whose directory lies every file that the product itself writes."""
    folder = tmp_path_factory.mktemp("layout")
    write_pictures(folder / "photos", 6, seed=6)
    with deployment_in(folder) as deployment:
        collection = deployment.collection()
        collection.index([folder / "photos"])
        seealso.evaluate(collection, count=3, k=2, sizes=[3])
        collection.duplicates()
        collection.likeness()

        def interrupt(done, total):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            collection.convert(seealso.PluginChoice("lmdb"), interrupt)
        collection.similar(1, 2)
        # While it is open, so that SQLite's files are there too.
        shutil.copytree(folder / "c", folder / "copy")
    shutil.rmtree(folder / "c")
    (folder / "copy").rename(folder / "c")
    return folder


@pytest.fixture
def lost(everything, tmp_path) -> Path:
    """The same without its catalogue."""
    shutil.copytree(everything, tmp_path / "lost")
    for file in (tmp_path / "lost" / "c").glob(f"{layout.CATALOGUE}*"):
        file.unlink()
    return tmp_path / "lost"


def content_below(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


COMMANDS = {
    "similar": lambda collection, photos: collection.similar(1),
    "index": lambda collection, photos: collection.index([photos]),
    "status": lambda collection, photos: collection.status(),
    "verify": lambda collection, photos: collection.verify(),
    "maintain": lambda collection, photos: collection.maintain(),
}


@pytest.mark.parametrize("beside", ["nothing", "a user's file", "files of other releases"])
def test_a_lost_catalogue_is_told_as_such_and_nothing_is_touched(lost, beside):
    if beside == "a user's file":
        (lost / "c" / "notes.txt").write_text("mine")
        (lost / "c" / "mine").mkdir()
    if beside == "files of other releases":
        (lost / "c" / "thumbnails").mkdir()
        (lost / "c" / "shards").mkdir()
    before = content_below(lost)
    for name, command in COMMANDS.items():
        with (
            deployment_in(lost) as deployment,
            pytest.raises(
                seealso.CorruptCollection, match="the catalogue is missing, and the store beside it holds"
            ) as caught,
        ):
            command(deployment.collection(), lost / "photos")
        assert f"move {lost / 'c'} away" in str(caught.value), name
        assert content_below(lost) == before, name


@pytest.mark.parametrize("kept", ["store", "store write.lock", "store index text"])
def test_it_is_told_of_a_backup_that_lacks_more_than_the_catalogue(lost, kept):
    for path in (lost / "c").iterdir():
        if path.name not in kept.split():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    with deployment_in(lost) as deployment, pytest.raises(seealso.CorruptCollection, match="the catalogue is missing"):
        deployment.collection().status()


def test_an_empty_catalogue_is_a_lost_one(lost):
    (lost / "c" / layout.CATALOGUE).touch()
    before = content_below(lost)
    for name, command in COMMANDS.items():
        with (
            deployment_in(lost) as deployment,
            pytest.raises(seealso.CorruptCollection, match="the catalogue is empty, and the store beside it holds"),
        ):
            command(deployment.collection(), lost / "photos")
        assert content_below(lost) == before, name


def test_the_log_of_a_lost_catalogue_is_not_taken_for_that_of_a_new_one(everything, tmp_path):
    """Where no descriptors are, nothing is lost with the catalogue, and another one is made."""
    (tmp_path / "none").mkdir()
    with deployment_in(tmp_path) as deployment:
        deployment.collection().index([tmp_path / "none"])
    writer = CatalogWriter(tmp_path / "c")
    writer.set_meta({STORE_FOLDER: "store-9"})
    kept = {file.name: file.read_bytes() for file in (tmp_path / "c").glob(f"{layout.CATALOGUE}-*")}
    writer.close()
    assert kept[f"{layout.CATALOGUE}-wal"]
    (tmp_path / "c" / layout.CATALOGUE).write_bytes(b"")
    for name, content in kept.items():
        (tmp_path / "c" / name).write_bytes(content)
    with deployment_in(tmp_path) as deployment:
        assert deployment.collection().index([everything / "photos"]).added == 6
    with deployment_in(tmp_path) as deployment:
        assert deployment.collection().verify().problems == []
        assert deployment.collection().counts().objects == 6


def test_a_folder_of_somebody_elses_that_is_called_store_is_none(tmp_path):
    (tmp_path / "c" / "store").mkdir(parents=True)
    (tmp_path / "c" / "store" / "prices.txt").write_text("mine")
    (tmp_path / "c" / "README").write_text("my shop")
    with deployment_in(tmp_path) as deployment:
        with pytest.raises(seealso.NoCollection, match="is not a seealso collection"):
            deployment.collection().status()
        with pytest.raises(seealso.CollectionError, match="holds other files and is not a seealso collection"):
            deployment.collection().index([tmp_path])
    assert sorted(os.listdir(tmp_path / "c")) == ["README", "store"]


def test_the_page_on_the_inside_lists_every_file_that_the_product_writes(everything):
    page = INSIDE.read_text()
    block = page.partition("photos.seealso/\n")[2].partition("```")[0]
    listed = re.findall(r"^ {4}([\w.]+)/? ", block, re.MULTILINE)
    written = {re.sub(r"^store-\d+$", layout.STORE, name) for name in os.listdir(everything / "c")}
    beside = {name for name in written if name.startswith(f"{layout.CATALOGUE}-")}
    assert sorted(listed) == sorted(written - beside)
    assert all(f"`{name}`" in page for name in beside)
    assert beside
    assert (everything / "c" / "extras" / "web" / "thumbnails").is_dir()
    assert "web/thumbnails/" in block


def test_no_name_is_spelt_anywhere_else_in_the_framework():
    names = [layout.CATALOGUE, layout.LOCK, layout.EVALUATION, layout.LIKENESS, layout.DUPLICATES]
    for file in Path(seealso.__file__).parent.rglob("*.py"):
        if file.name != "layout.py":
            assert not [name for name in names if f'"{name}' in file.read_text(encoding="utf-8")], file


# The folders of plugins


def test_a_plugin_has_a_folder_of_its_own(everything, tmp_path):
    shutil.copytree(everything, tmp_path / "own")
    with deployment_in(tmp_path / "own") as deployment:
        collection = deployment.collection()
        folder = collection.folder_for("my-notes")
        assert folder == tmp_path / "own" / "c" / "extras" / "my-notes"
        assert not folder.exists()
        assert collection.folder_for("my-notes", make=True) == folder
        before = collection.status()["bytes"]
        (folder / "note").write_bytes(bytes(1 << 20))
        assert collection.status()["bytes"] == before  # it may hold a file for each image, and status is quick
        collection.maintain()
        assert collection.verify().problems == []
        assert (folder / "note").exists()


@pytest.mark.parametrize("name", ["", "..", ".", "a/b", "/etc", "A", "a b", "-a", "a\0"])
def test_a_name_that_no_plugin_has_gives_no_folder(tmp_path, name):
    with deployment_in(tmp_path) as deployment, pytest.raises(seealso.PluginError, match="is no name of a plugin"):
        deployment.collection().folder_for(name)


def test_no_folder_is_made_where_there_is_no_collection(tmp_path):
    with deployment_in(tmp_path) as deployment, pytest.raises(seealso.NoCollection):
        deployment.collection().folder_for("notes", make=True)
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    ("name", "following"), [("store", "store-2"), ("store-2", "store-3"), ("store-10", "store-11")]
)
def test_the_folder_after_a_store(name, following):
    assert layout.following_store(name) == following
    assert layout.is_store(name)
    assert layout.is_store(f"{name}{layout.GONE}")
    assert not layout.is_store(f"{name}s")
