"""What the README shows works, word for word."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import yaml

import doc_blocks
import seealso
from web_site import configure, free_port, running

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "CONTRIBUTING.md")
"""The documentation's are seen to in test_docs.py."""


def blocks(name: str, language: str) -> list[str]:
    return [block.text for block in doc_blocks.blocks(name, language)]


@pytest.fixture(scope="module")
def home(tmp_path_factory, photographs, python):
    """A home directory with a folder Pictures, the README's plugins, and the program on the path."""
    home = tmp_path_factory.mktemp("home")
    (home / "Pictures").mkdir()
    for name, image in photographs.items():
        image.save(home / "Pictures" / f"{name}.jpg")
    for text in blocks("README.md", "python"):
        if text.startswith("# "):
            (home / text.split()[1]).write_text(text)
    # The program that belongs to this Python, whatever else is installed.
    (home / "bin").mkdir()
    python.write(home / "bin")
    return home


@pytest.fixture
def run(home):
    """Run a command in that home directory; it has to succeed."""
    environment = os.environ | {
        "HOME": str(home),
        "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
        "XDG_DATA_HOME": str(home / "data"),
    }

    def run(*command: str) -> subprocess.CompletedProcess:
        done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done

    return run


@pytest.mark.slow
def test_the_tour(home, run):
    commands = [line.removeprefix("$ ") for text in blocks("README.md", "console") for line in text.splitlines()]
    assert len(commands) > 10
    for command in commands:
        run("sh", "-c", command)
    assert {"neighbours.png", "some.png"} <= {path.name for path in home.iterdir()}


def test_the_python(run):
    (program,) = (text for text in blocks("README.md", "python") if not text.startswith("# "))
    lines = run("python", "-c", program).stdout.splitlines()
    assert lines[0] == "16 new images, 0 failures"
    assert re.fullmatch(r" +0\.000  .*/Pictures/coffee\.jpg", lines[1])
    assert re.fullmatch(r"\d+ are near", lines[7])
    assert len(lines) == 8


def test_the_configurations(home, run):
    shown = blocks("README.md", "yaml")
    assert len(shown) == 2
    for text in shown:
        (home / "shown.yaml").write_text(text)
        run("seealso", "--config", "shown.yaml", "config", "check")


def test_the_plugins(home, run):
    """The colour histogram: named in the YAML, indexed, searched, with no change anywhere else."""
    (text,) = (text for text in blocks("README.md", "yaml") if "histogram" in text)
    (home / "colours.yaml").write_text(text)
    assert yaml.safe_load(text)["collections"]["colours"]["extractor"]["bins"] == 5
    run("seealso", "--config", "colours.yaml", "index", "Pictures")
    shutil.copy(home / "Pictures" / "coffee.jpg", home / "copy.jpg")
    done = run("seealso", "--config", "colours.yaml", "similar", "copy.jpg", "-k", "1", "--paths")
    assert done.stdout == f"{home}/Pictures/coffee.jpg\n"
    assert re.search(r"^colours: \d+ ms, 1 reads$", done.stderr, re.MULTILINE)
    with seealso.open(home / "colours.seealso", plugins=[home / "histogram.py"]) as colours:
        descriptors = colours.descriptors(colours.ids())
        assert descriptors.shape == (16, 125)
        assert abs(descriptors.sum(axis=1) - 1).max() < 1e-5
        assert "manhattan" in str(colours.choices()["distance"])


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    for target in re.findall(r"\]\(([^)]+)\)", (ROOT / name).read_text()):
        if not target.startswith("https://"):
            assert (ROOT / name).parent.joinpath(target).exists(), target


def nginx(folder: Path, block: str, target: str) -> Iterator[str]:
    """Run nginx with a block of its configuration, in front of a server; gives its address, and says it is photos.example.org."""
    if shutil.which("nginx") is None:
        pytest.skip("this needs nginx")
    port = free_port()
    served = block.replace("http://127.0.0.1:8080", target)
    assert served != block
    temporary = "".join(
        f"{each}_temp_path {folder}/{each};\n" for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = folder / "nginx.conf"
    file.write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;\nevents {{}}\n"
        f"http {{ access_log off;\n{temporary}server {{ listen 127.0.0.1:{port}; {served} }} }}\n"
    )
    running = subprocess.Popen(["nginx", "-e", folder / "error.log", "-p", folder, "-c", file])
    try:
        # The proxy is there before it has anything to pass on.
        while running.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        running.terminate()
        assert running.wait(20) == 0


def test_the_web_behind_nginx(tmp_path, photographs):
    """The options and the block of docs/web.md: let in with the token, counted by the visitor's own address."""
    (tmp_path / "Pictures").mkdir()
    photographs["coffee"].save(tmp_path / "Pictures" / "coffee.jpg")
    (shown,) = [text for text in blocks("docs/web.md", "yaml") if "proxies" in text]
    options = yaml.safe_load(shown)["frontends"][0]
    options["queries_per_minute"] = 2
    file = configure(tmp_path, {"photos": tmp_path / "c"}, port=free_port(), **options)
    with seealso.Deployment.load(file) as deployment:
        deployment.collection().index([tmp_path / "Pictures"])
    (block,) = blocks("docs/web.md", "nginx")
    named = {"Host": "photos.example.org"}
    known = named | {"Authorization": f"Bearer {options['token']}"}
    with running(file) as server, contextlib.contextmanager(nginx)(tmp_path, block, server) as address:
        assert httpx2.get(f"{address}/api/v1/photos/status", headers=named).status_code == 401
        assert httpx2.get(f"{address}/api/v1/photos/status", headers=known).status_code == 200
        assert httpx2.get(f"{address}/api", headers=known | {"Host": "elsewhere.example.org"}).status_code == 421
        # What a visitor says of himself is not passed on: the proxy knows better who he is.
        search = f"{address}/api/v1/photos/similar/1"
        forged = [known | {"X-Forwarded-For": f"192.0.2.{number}"} for number in range(3)]
        assert [httpx2.get(search, headers=each).status_code for each in forged] == [200, 200, 429]


def test_the_web(home, run, tmp_path):
    """The configurations, the plugin and the requests of docs/web.md."""
    shown = blocks("docs/web.md", "yaml")
    assert len(shown) == 2
    for text in shown:
        (home / "shown.yaml").write_text(text)
        run("seealso", "--config", "shown.yaml", "config", "check")
    (plugin,) = blocks("docs/web.md", "python")
    (home / "large.py").write_text(plugin)
    # Like the built-in configuration, but at a port that is free, and in no user's data directory.
    file = configure(home, {"default": tmp_path / "c"}, (home / "large.py",), extractor="onnx", port=free_port())
    run("seealso", "--config", str(file), "index", "Pictures")
    commands = [line.removeprefix("$ ") for text in blocks("docs/web.md", "console") for line in text.splitlines()]
    assert len(commands) == 8
    with running(file) as address:
        for command in commands:
            answer = json.loads(run("sh", "-c", command.replace("http://localhost:8080", address)).stdout)
            assert len(answer["hits"]) == (3 if "limit=3" in command else 5)
        ids = httpx2.get(f"{address}/api/v1/default/large").json()["ids"]
        assert len(ids) == 10
        page = httpx2.get(f"{address}/default/large").text
        assert f'<li><a href="/default/objects/{ids[0]}">' in page
