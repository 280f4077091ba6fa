"""What the tests of the web have in common: a deployment in a folder, and clients of it."""

import contextlib
import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
from PIL import Image
from starlette.testclient import TestClient

import seealso
from conftest import THUMBNAIL
from seealso_web.app import make_app

HOST = "http://localhost"


def configure(
    folder: Path,
    collections: dict[str, Path],
    plugins: tuple[Path, ...] = (),
    extractor: str = "thumbnail",
    **options: object,
) -> Path:
    """A configuration file with the web as its frontend; its cache is in the folder too."""
    options = {"plugin": "web", "cache": str(folder / "cache"), "access_log": False, **options}
    held = {name: {"path": str(path), "extractor": extractor} for name, path in collections.items()}
    file = folder / "seealso.yaml"
    # JSON is YAML.
    document = {"plugins": [str(THUMBNAIL), *map(str, plugins)], "collections": held, "frontends": [options]}
    file.write_text(json.dumps(document))
    return file


def application(file: Path):
    """The application of a configuration file, and its deployment."""
    deployment = seealso.Deployment.load(file)
    (frontend,) = deployment.frontends()
    return make_app(deployment, frontend.options), deployment


def client_of(app) -> TestClient:
    """A browser's stand-in, which is to be entered; it follows no redirection."""
    return TestClient(app, base_url=HOST, follow_redirects=False, headers={"Accept": "text/html"})


def jpeg(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@contextlib.contextmanager
def running(file: Path) -> Iterator[str]:
    """Serve a configuration file with a real server, in a thread; gives its address once it is ready."""
    deployment = seealso.Deployment.load(file)
    port = deployment.config.frontends[0].options["port"]
    stop = threading.Event()
    with deployment:
        thread = threading.Thread(target=deployment.serve, args=(stop,))
        thread.start()
        try:
            wait_until_ready(f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}"
        finally:
            stop.set()
            thread.join(30)
            assert not thread.is_alive()


def wait_until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def wait_until_ready(address: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx2.TransportError):
            if httpx2.get(f"{address}/readyz").status_code == 200:
                return
        time.sleep(0.05)
    raise TimeoutError(f"{address} does not get ready")
