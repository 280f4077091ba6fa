"""What many tests need: real photographs, a cheap extractor, and collections made with it."""

import gc
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest
import skimage
from hypothesis import HealthCheck, Phase, settings
from PIL import Image

import seealso
from warm_python import WarmPython

SAMPLES = Path(__file__).parent / "samples"
THUMBNAIL = SAMPLES / "thumbnail.py"
COLOUR_WORDS = SAMPLES / "colours.py"

PHOTOGRAPHS = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "cell.png",
    "chelsea.png",
    "clock_motion.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "moon.png",
    "motorcycle_left.png",
    "retina.jpg",
    "rocket.jpg",
)


ON_TORCH = ("test_clip.py", "test_decaf.py", "test_export.py", "test_timm.py", "test_torch.py")
"""The modules that import what only the extra ``torch`` brings."""


class WithoutTorch(pytest.Module):
    """Such a module where the extra is not installed."""

    def collect(self):
        pytest.skip("this needs torch: pip install 'seealso[torch]'")


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Skip what needs torch where there is none; anything else is collected as always."""
    if module_path.name in ON_TORCH and find_spec("torch") is None:
        return WithoutTorch.from_parent(parent, path=module_path)
    return None


settings.register_profile("usual", deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""How long an example takes is the machine's affair: no test fails for it."""

settings.load_profile("usual")

settings.register_profile(
    "broken", max_examples=20, phases=[Phase.explicit, Phase.generate], database=None, derandomize=True
)
"""For tests of which many are meant to fail: the first example will do, and takes a tenth of finding the smallest.

The examples are the same in every run, so what is found once is found always.
"""


def pytest_configure() -> None:
    """Let the hundreds of processes that the tests start be quick.

    They keep what they compile, also where the environment says otherwise, and those that are pytest do without the
    plugin that takes longest to load.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    os.environ["PYTEST_ADDOPTS"] = "-p no:schemathesis"
    # Threads of torch that wait for one another sleep: turning round and round takes time from whoever has work.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def pytest_collection_finish() -> None:
    """What is loaded by now stays: the garbage collector need not look through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test sees the user's own configuration, data or environment, nor leaves anything there."""
    for variable in list(os.environ):
        if variable.startswith("SEEALSO"):
            monkeypatch.delenv(variable)
    # The cache is shared: it holds the converted network, which takes seconds to make.
    cache = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.getbasetemp() / "data"))


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmPython]:
    """Python processes that start in a moment, with seealso loaded; the program ``seealso`` among them."""
    # The path of a socket has to be short.
    with WarmPython(tmp_path_factory.mktemp("p")) as python:
        yield python


@pytest.fixture
def quick_trials(python: WarmPython, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans ask few queries, some of them in a process that starts in a moment."""
    for name, few in (("WARM_UP", 1), ("QUERIES", 5), ("COLD_QUERIES", 2)):
        monkeypatch.setattr(f"seealso.planning.trial.{name}", few)
    monkeypatch.setattr(
        "seealso.planning.trial._serve",
        lambda asked: python.run("-m", "seealso.planning.serving", input=asked.encode()),
    )


@pytest.fixture(scope="session")
def photographs() -> dict[str, Image.Image]:
    """Real photographs, by name: those that scikit-image's wheel carries."""
    folder = Path(skimage.__file__).parent / "data"
    return {name.split(".")[0]: Image.open(folder / name).convert("RGB") for name in PHOTOGRAPHS}


def crop(image: Image.Image, rng: np.random.Generator, share: float = 0.5) -> Image.Image:
    """A random crop with ``share`` of both sides."""
    width, height = round(image.width * share), round(image.height * share)
    left, top = int(rng.integers(image.width - width + 1)), int(rng.integers(image.height - height + 1))
    return image.crop((left, top, left + width, top + height))


@pytest.fixture(scope="session")
def _photo_files(photographs: dict[str, Image.Image]) -> Callable[[int], Iterator[tuple[str, bytes]]]:
    """Names and contents of the files that ``make_photos`` writes, of each seed; each is made once."""
    originals = list(photographs.items())
    made: dict[int, list[tuple[str, bytes]]] = {}
    random: dict[int, np.random.Generator] = {}

    def files(seed: int) -> Iterator[tuple[str, bytes]]:
        known = made.setdefault(seed, [])
        rng = random.setdefault(seed, np.random.default_rng(seed))
        for number in count():
            if number == len(known):
                name, original = originals[number % len(originals)]
                file = io.BytesIO()
                crop(original, rng, 0.6).resize((96, 72)).save(file, "JPEG", quality=85)
                known.append((f"{number:04d}-{name}.jpg", file.getvalue()))
            yield known[number]

    return files


@pytest.fixture(scope="session")
def make_photos(_photo_files: Callable[[int], Iterator[tuple[str, bytes]]]) -> Callable[..., list[Path]]:
    """Write ``count`` photographs of different content into a folder: random crops of real ones, 96 pixels wide."""

    def make(folder: Path, count: int, seed: int = 0) -> list[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for name, content in islice(_photo_files(seed), count):
            written.append(folder / name)
            written[-1].write_bytes(content)
        return written

    return make


@contextmanager
def mounted(place: Path, *arguments: str) -> Iterator[Path]:
    """A mount, for as long as the block lasts; the test is skipped where mounting is not permitted."""
    if shutil.which("mount") is None:
        pytest.skip("this needs the command mount")
    done = subprocess.run(["mount", *arguments, str(place)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"this needs the permission to mount ({done.stderr.strip()})")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@contextmanager
def small_disk(place: Path, megabytes: float) -> Iterator[Path]:
    """A disk of so many megabytes."""
    place.mkdir()
    with mounted(place, "-t", "tmpfs", "-o", f"size={round(megabytes * 1024)}k", "tmpfs"):
        yield place


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder as on a read-only disk."""
    with mounted(folder, "--bind", str(folder)):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
        yield


def without_privileges() -> list[str]:
    """What to put before a command so that permissions bind it, also when root runs the tests."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("as root, this needs the command setpriv")
    powers = "-dac_override,-dac_read_search,-sys_admin"
    return ["setpriv", f"--bounding-set={powers}", f"--inh-caps={powers}"]


@pytest.fixture
def open_collection(tmp_path: Path) -> Iterator[Callable[..., seealso.Collection]]:
    """Open (or make) a collection with the cheap extractor; closed at the end."""
    opened: list[seealso.Collection] = []

    def make(path: Path | None = None, **settings: object) -> seealso.Collection:
        settings.setdefault("extractor", "thumbnail")
        collection = seealso.open(path or tmp_path / "photos.seealso", plugins=[THUMBNAIL], **settings)
        opened.append(collection)
        return collection

    yield make
    for collection in opened:
        collection.close()


@pytest.fixture(scope="session")
def _templates(
    tmp_path_factory: pytest.TempPathFactory, _photo_files: Callable[[int], Iterator[tuple[str, bytes]]]
) -> Callable[..., Path]:
    """The collection of ``number`` photographs with these settings, made at the first call."""
    photos = tmp_path_factory.mktemp("indexed") / "photos"
    made: dict[str, Path] = {}

    def template(number: int, plugins: tuple[Path, ...], settings: dict[str, object]) -> Path:
        key = repr((number, plugins, sorted(settings.items())))
        if key not in made:
            folder = photos / str(number)
            if not folder.exists():
                folder.mkdir(parents=True)
                for name, content in islice(_photo_files(0), number):
                    (folder / name).write_bytes(content)
            path = photos.parent / f"{len(made)}.seealso"
            with seealso.open(path, plugins=plugins, **settings) as collection:
                assert collection.index([folder]).added == number
            made[key] = path
        return made[key]

    return template


@pytest.fixture
def indexed(tmp_path: Path, _templates: Callable[..., Path]) -> Iterator[Callable[..., seealso.Collection]]:
    """Open a collection of photographs that is this test's own: a copy, which costs a tenth of indexing them.

    The photographs are those that ``make_photos`` makes. They lie in a folder that the whole run shares: a test may
    read them, and learns their paths from hits, but must not change them. A test that changes photographs
    makes its own with ``make_photos``, and indexes them.
    """
    opened: list[seealso.Collection] = []

    def copy(
        number: int = 60, path: Path | None = None, plugins: tuple[Path, ...] = (), **settings: object
    ) -> seealso.Collection:
        settings.setdefault("extractor", "thumbnail")
        plugins = (THUMBNAIL, *plugins)
        path = path or tmp_path / "photos.seealso"
        shutil.copytree(_templates(number, plugins, settings), path)
        opened.append(seealso.open(path, plugins=plugins, **settings))
        return opened[-1]

    yield copy
    for collection in opened:
        collection.close()
