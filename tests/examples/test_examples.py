"""The examples of outside plugins: each does what it says, with no privilege, and takes its place by the configuration alone."""

import ast
import contextlib
import importlib.util
import json
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

import doc_blocks
import seealso
from conftest import THUMBNAIL
from image_files import encode
from seealso.testing import ExtractorTests, FrontendTests, picture
from warm_python import PYTEST, WarmPython

EXAMPLES = Path(__file__).parents[2] / "examples"
PACKAGES = ["seealso-faiss", "seealso-sqlite"]


def load(name: str):
    specification = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


colour_histogram, perceptual_hash, unix_socket = map(load, ("colour_histogram", "perceptual_hash", "unix_socket"))


# No privileges


@pytest.mark.parametrize("file", sorted(EXAMPLES.rglob("*.py")), ids=lambda file: str(file.relative_to(EXAMPLES)))
def test_they_import_only_what_everybody_may(file):
    for node in ast.walk(ast.parse(file.read_text())):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for module in modules:
            if module.split(".")[0] == "seealso":
                assert module in ("seealso", "seealso.testing"), module


# In one file


class TestColourHistogram(ExtractorTests):
    extractor_class = colour_histogram.ColourHistogram


class TestPerceptualHash(ExtractorTests):
    extractor_class = perceptual_hash.PerceptualHash


def made(cls, **options):
    return cls(cls.Options(**options), seealso.ExtractorContext(Path("cache"), 1))


def describe(extractor, *images):
    return extractor.extract(np.stack([extractor.prepare(image) for image in images]))


def test_colours_count_and_shapes_do_not(photographs):
    extractor = made(colour_histogram.ColourHistogram)
    coffee, rocket = photographs["coffee"], photographs["rocket"]
    turned = coffee.transpose(Image.Transpose.ROTATE_180)
    found = describe(extractor, coffee, turned, rocket)
    assert np.allclose(found.sum(axis=1), 1, atol=1e-5)
    off, far = np.abs(found[1:] - found[0]).sum(axis=1)
    assert off < far / 20
    # Bins are soft: a little more light is a little distance.
    lighter = describe(extractor, ImageEnhance.Brightness(coffee).enhance(1.02))
    assert np.abs(lighter - found[0]).sum() < far / 5


def test_copies_have_the_same_hash(photographs):
    extractor = made(perceptual_hash.PerceptualHash)
    bits = {}
    for name, image in photographs.items():
        copies = [
            image,
            image.resize((image.width // 2, image.height // 2)),
            seealso.decode_image(encode(image, "JPEG", quality=30)).image,
            ImageEnhance.Brightness(image).enhance(1.1),
        ]
        bits[name] = np.unpackbits(describe(extractor, *copies), axis=1)
        assert (bits[name][1:] != bits[name][0]).sum(axis=1).max() <= 10, name
    assert (bits["coffee"][0] != bits["rocket"][0]).sum() > 15
    assert made(perceptual_hash.PerceptualHash, frequencies=16).provenance.dim == 32


class TestUnixSocket(FrontendTests):
    frontend_class = unix_socket.UnixSocket

    @pytest.fixture
    def frontend(self, tmp_path_factory):
        # The path of a socket has to be short.
        path = tmp_path_factory.mktemp("s", numbered=True) / "s"
        return unix_socket.UnixSocket(unix_socket.UnixSocketOptions(socket=path))

    @pytest.fixture
    def plugin_options(self, frontend):
        return frontend.options

    def ask(self, frontend, collection, id_):
        return [hit["id"] for hit in asked(frontend, {"collection": collection, "id": id_, "k": 50})["hits"]]

    def test_others_cannot_connect(self, start, frontend):
        start(frontend)
        self.ask(frontend, "first", 1)
        assert frontend.options.socket.stat().st_mode & 0o777 == 0o600

    def test_an_image_file_and_what_is_wrong(self, start, frontend, tmp_path):
        start(frontend)
        picture((96, 72), 6).save(tmp_path / "query.png")
        with connected(frontend) as (write, read):
            for request, expected in [
                ({"collection": "first", "path": str(tmp_path / "query.png"), "k": 1}, "hits"),
                ({"collection": "first", "path": "/nowhere.png"}, "error"),
                ({"collection": "third", "id": 1}, "error"),
                ({"id": 1}, "error"),
                ({"collection": "first"}, "error"),
                ([1], "error"),
                ({"collection": "first", "id": 1e400}, "error"),
                ({"collection": "first", "id": 2}, "hits"),
            ]:
                write(json.dumps(request).encode() + b"\n")
                answer = json.loads(read())
                assert list(answer) == [expected], (request, answer)
            write(b"not JSON\n")
            assert "a request is a line such as" in json.loads(read())["error"]
            write(b"x" * 100_000 + b"\n")  # it hangs up
            assert read() == b""
        assert self.ask(frontend, "second", 1)

    def test_what_is_in_its_place(self, start, frontend, deployment):
        path = frontend.options.socket
        path.write_text("mine")
        with pytest.raises(seealso.ConfigError, match="is there already, and is no socket"):
            frontend.run(deployment, threading.Event())
        assert path.read_text() == "mine"
        path.unlink()
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(path))  # and nobody answers
        running = start(frontend)
        assert self.ask(frontend, "first", 1)
        with pytest.raises(seealso.ConfigError, match="somebody serves there already"):
            frontend.run(deployment, threading.Event())
        running.end()
        assert not path.exists()


def connected(frontend):
    @contextlib.contextmanager
    def connect():
        deadline = time.monotonic() + 10
        with socket.socket(socket.AF_UNIX) as connection:
            while True:
                try:
                    connection.connect(str(frontend.options.socket))
                    break
                except OSError:
                    assert time.monotonic() < deadline
                    time.sleep(0.02)
            connection.settimeout(10)
            with connection.makefile("rb") as stream:

                def read():
                    with contextlib.suppress(ConnectionError):
                        return stream.readline()
                    return b""

                yield connection.sendall, read

    return connect()


def asked(frontend, request):
    with connected(frontend) as (write, read):
        write(json.dumps(request).encode() + b"\n")
        return json.loads(read())


# In packages, from wheels


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The two packages, each built as a wheel and installed where only who asks for it finds it."""
    folder = tmp_path_factory.mktemp("installed")
    options = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
    for name in PACKAGES:
        wheels = ["wheel", *options, "--no-build-isolation", "--wheel-dir", folder / "wheels", EXAMPLES / name]
        run("-m", "pip", *wheels)
    run(
        "-m",
        "pip",
        "install",
        *options,
        "--no-compile",
        "--target",
        folder / "site",
        *(folder / "wheels").glob("*.whl"),
    )
    return folder / "site"


def run(*arguments):
    done = subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def call(installed, tmp_path_factory):
    """Run Python where they are installed, as ``call(…, cwd=folder)``; what it wrote."""
    # faiss warns when it is imported; its threads would spend more time on waiting for each other than on work.
    environment = {"PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}
    with WarmPython(tmp_path_factory.mktemp("p"), environment, warnings="default") as python:
        yield python.output


@pytest.mark.slow
def test_faiss_passes_its_tests(call):
    said = call(*PYTEST, cwd=EXAMPLES / "seealso-faiss")
    assert int(re.search(r"(\d+) passed", said)[1]) > 40


@pytest.mark.slow
def test_sqlite_is_what_a_new_store_is(call, tmp_path):
    # So its tests are those that pass in test_authoring.py.
    written = seealso.write_new_plugin(seealso.load_plugins(), "store", "sqlite", tmp_path)
    for file in [file.relative_to(written) for file in written.rglob("*") if file.is_file()]:
        if file.name != "README.md":
            assert (EXAMPLES / "seealso-sqlite" / file).read_text() == (written / file).read_text(), file
    said = call(*PYTEST, "tests/test_installed.py", cwd=EXAMPLES / "seealso-sqlite")
    assert "2 passed" in said


@pytest.mark.parametrize("page", ["README.md", "seealso-faiss/README.md", "seealso-sqlite/README.md"])
def test_configurations_on_the_pages_are_right(call, tmp_path, page):
    shown = doc_blocks.blocks(f"examples/{page}", "yaml")
    assert shown
    for block in shown:
        (tmp_path / "seealso.yaml").write_text(block.text.replace("./colour", f"{EXAMPLES}/colour"))
        call("-m", "seealso_cli", "config", "check", cwd=tmp_path)


# In the place of ours


CONFIGURATION = """\
plugins: [{thumbnail}, {examples}/colour_histogram.py]
collections:
  photos:
    path: ./photos.seealso
    extractor: thumbnail
"""


def test_they_take_the_place_of_ours_by_the_configuration_alone(call, tmp_path, make_photos):
    photos = make_photos(tmp_path / "photos", 40)
    configuration = tmp_path / "seealso.yaml"

    def program(*arguments: str) -> str:
        return call("-m", "seealso_cli", "--config", configuration, *arguments, cwd=tmp_path)

    def first(count: int = 5) -> list[str]:
        return program("similar", str(photos[7]), "-k", str(count), "--paths").splitlines()

    before = CONFIGURATION.format(thumbnail=THUMBNAIL, examples=EXAMPLES)
    configuration.write_text(before)
    program("index", "photos")
    expected = first()
    assert expected[0] == str(photos[7])

    # The index: what is there is indexed anew by itself.
    configuration.write_text(before + "    index: faiss\n")
    assert first() == expected
    assert "faiss" in program("status")
    assert program("verify")

    # The store: one command moves what is there.
    configuration.write_text(before + "    index: faiss\n    store: {plugin: sqlite, codec: sparse}\n")
    program("convert")
    assert first() == expected
    assert "sqlite" in program("status")
    more = make_photos(tmp_path / "more", 5, seed=9)
    assert "5 new images" in program("index", "more")
    assert program("similar", str(more[2]), "-k", "1", "--paths").splitlines() == [str(more[2])]
    assert program("verify")
    expected = first()

    # The extractor: descriptors are others, so the collection is another.
    configuration.write_text(
        (before + "    index: faiss\n    store: sqlite\n")
        .replace("extractor: thumbnail", "extractor: {plugin: colour-histogram, hues: 6}\n    distance: euclidean")
        .replace("./photos.seealso", "./colours.seealso")
    )
    program("index", "photos")
    assert first()[0] == str(photos[7])

    # And back.
    configuration.write_text(before + "    index: exact\n    store: lmdb\n")
    program("convert")
    assert first() == expected
