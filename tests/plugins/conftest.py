"""A collection for the tests of the web, and clients of an application that serves it."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

import seealso
from conftest import THUMBNAIL
from seealso_cli.app import run
from seealso_cli.session import Session
from web_site import application, client_of, configure


@pytest.fixture(scope="session")
def web_photos(tmp_path_factory, photographs) -> Path:
    """A folder with real photographs."""
    folder = tmp_path_factory.mktemp("web") / "photos"
    folder.mkdir()
    for name, image in photographs.items():
        image.save(folder / f"{name}.jpg", quality=85)
    return folder


@pytest.fixture(scope="session")
def web_collection(web_photos) -> Path:
    """A collection of them, made with the cheap extractor; nobody writes to it."""
    path = web_photos.parent / "photos.seealso"
    with seealso.open(path, plugins=[THUMBNAIL], extractor="thumbnail") as collection:
        assert collection.index([web_photos]).added == 16
    return path


@pytest.fixture
def serve(tmp_path, web_collection) -> Iterator[Callable]:
    """Serve collections (by default the one, as ``photos``) with options of the web; gives a client."""
    with contextlib.ExitStack() as cleanup:

        def serve(collections: dict[str, Path] | None = None, plugins: tuple[Path, ...] = (), **options: object):
            file = configure(tmp_path, collections or {"photos": web_collection}, plugins, **options)
            app, deployment = application(file)
            cleanup.enter_context(deployment)
            return cleanup.enter_context(client_of(app))

        yield serve


@pytest.fixture
def client(serve):
    """A client of a server with the default options."""
    return serve()


@pytest.fixture
def call(tmp_path, monkeypatch, capfd) -> Callable[..., tuple[int, str, str]]:
    """Runs a command line in a new folder; gives exit status, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        with Session() as session:
            status = run(arguments, session)
        found = capfd.readouterr()
        return status, found.out, found.err

    return call


@pytest.fixture
def finds_each_first(call, tmp_path, make_photos) -> Callable[[], None]:
    """Indexes photographs as the configuration says; each that is tried is the first found for its own pixels."""

    def finds_each_first() -> None:
        assert call("config", "check")[0] == 0
        photos = make_photos(tmp_path / "photos", 4)
        assert call("index", "photos")[0] == 0
        for photo in photos[::2]:
            # Other bytes, the same pixels: so the query is extracted, and not found by its hash.
            Image.open(photo).save("query.bmp")
            status, out, err = call("similar", "query.bmp", "-k", "2", "--paths")
            assert (status, err) == (0, "")
            assert out.splitlines()[0] == str(photo)

    return finds_each_first
