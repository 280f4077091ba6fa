"""The documentation: what it shows works, what it lists is what there is, and it builds as a site with no warning."""

import importlib.util
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

import doc_blocks
import seealso
from doc_blocks import Block
from seealso.registry import hookspecs
from seealso_cli.app import run as run_program
from seealso_cli.session import Session
from seealso_web.app import make_app
from seealso_web.options import WebOptions
from web_site import client_of

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))

RUN_ELSEWHERE = {"decaf7", "timm", "web"}
"""Pages that need what only the tests of their own part have (test_blocks.py says which)."""


def load_script(name: str):
    specification = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def blocks(page: Path, language: str) -> list[Block]:
    return doc_blocks.blocks(f"docs/{page.name}", language)


OWN = [page for page in PAGES if page.stem not in RUN_ELSEWHERE]


@pytest.fixture(scope="module")
def home(tmp_path_factory, photographs, python):
    """A home directory with a folder Pictures, and the program on the path."""
    home = tmp_path_factory.mktemp("home")
    (home / "Pictures").mkdir()
    for name, image in photographs.items():
        image.resize((320, 240)).save(home / "Pictures" / f"{name}.jpg")
    (home / "Pictures" / "coffee.txt").write_text("coffee")
    (home / "bin").mkdir()
    python.write(home / "bin")
    return home


@pytest.fixture(scope="module")
def run(home):
    """Run a command in that home directory; it has to succeed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEEALSO")} | {
        "HOME": str(home),
        "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
        "XDG_DATA_HOME": str(home / ".local" / "share"),
    }

    def run(*command: str) -> subprocess.CompletedProcess:
        done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done

    run("seealso", "index", "Pictures")
    # docs/import.md
    (home / "vectors.yaml").write_text("collections: {vectors: {path: ./vectors.seealso}}\n")
    run("python", "-c", blocks(DOCS / "import.md", "python")[0].text)
    return run


# Blocks

SLOW = ("duplicates.md", "evaluate.md", "import.md", "models.md", "plan.md", "writing-plugins.md")
"""Pages whose commands take some seconds."""

TRIED = [pytest.param(page, marks=pytest.mark.slow) if page.name in SLOW else page for page in OWN]


@pytest.mark.parametrize("page", TRIED, ids=lambda page: page.name)
def test_what_the_console_shows(page, run):
    for block in blocks(page, "console"):
        for command in block.commands if not block.reason else ():
            run("sh", "-c", command)


@pytest.mark.parametrize("page", TRIED, ids=lambda page: page.name)
def test_what_is_python_runs(page, run, home):
    if page.stem == "hooks":
        return  # these are all called below
    for block in blocks(page, "python"):
        assert not block.reason
        file = home / "shown.py"
        file.write_text(block.text)
        if "hookimpl" in block.text:
            (home / "shown.yaml").write_text("plugins: [./shown.py]\ncollections: {default: {path: ./x.seealso}}\n")
            assert run("seealso", "--config", "shown.yaml", "plugins").stderr == ""
        elif re.search(r"^(def|class) [tT]est|^    def test_", block.text, re.MULTILINE):
            said = run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "shown.py").stdout
            assert re.search(r"[1-9]\d* passed", said)
        else:
            run("python", "shown.py")


@pytest.mark.parametrize("page", OWN, ids=lambda page: page.name)
def test_configurations_are_right(page, run, home):
    if page.stem == "writing-plugins" and not (home / "colours.py").exists():
        run("seealso", "plugins", "new", "extractor", "colours", "--one-file")
    for block in blocks(page, "yaml"):
        if block.reason:
            continue
        (home / "shown.yaml").write_text(block.text)
        run("seealso", "--config", "shown.yaml", "config", "check")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    headings = {
        other.name: {
            re.sub(r"[^\w\- ]", "", line.lstrip("# ")).strip().lower().replace(" ", "-")
            for line in other.read_text().splitlines()
            if line.startswith("#")
        }
        for other in PAGES
    }
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        assert not path or (DOCS / path).exists(), target
        assert not anchor or anchor in headings[path or page.name], target


# Hooks

HOOKS = [name for name, value in vars(hookspecs).items() if hasattr(value, "seealso_spec")]


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_a_heading_with_its_signature(name):
    signature = str(inspect.signature(getattr(hookspecs, name))).replace("'", "")
    section = (DOCS / "hooks.md").read_text().partition(f"\n### {name}{signature}\n")[2].partition("\n##")[0]
    assert section.strip(), f"docs/hooks.md has no heading `### {name}{signature}`"
    assert re.search(r"Since \d+\.\d+\.", section)
    assert re.search(rf"^ *def {name}\(", section, re.MULTILINE), "it has no example"
    # What holds for all hooks of a group stands once, at its beginning.
    before = (DOCS / "hooks.md").read_text().partition(f"\n### {name}(")[0]
    group = before.rpartition("\n## ")[2].partition("\n### ")[0]
    for fact in ("**Called**", "**Thread:**", "**An error**"):
        assert fact in section + group, f"it does not say of {name}: {fact}"


def test_the_examples_of_hooks_work(tmp_path, monkeypatch, photos, caplog, capsys):
    """All of them in one deployment: each is loaded, registers what it says, and is called without an error."""
    for kind in ("index", "sketch", "codec", "store", "text", "frontend"):
        written = seealso.write_new_plugin(seealso.load_plugins(), kind, f"my-{kind}", tmp_path)
        monkeypatch.syspath_prepend(str(written / "src"))
    files = [tmp_path / f"example_{number}.py" for number in range(len(HOOKS))]
    for file, block in zip(files, blocks(DOCS / "hooks.md", "python"), strict=True):
        file.write_text(block.text)
    grey = {
        "path": "./grey.seealso", "extractor": "grey", "distance": "chebyshev", "index": "my-index",
        "store": {"plugin": "my-store", "codec": "my-codec"}, "text": "my-text", "keywords": ["years"],
    }  # fmt: skip
    configuration = tmp_path / "seealso.yaml"
    configuration.write_text(
        json.dumps({"plugins": list(map(str, files)), "collections": {"grey": grey}, "frontends": ["my-frontend"]})
    )
    (photos / "0003.png").rename(photos / "2019-sea.png")
    monkeypatch.chdir(tmp_path)
    with seealso.Deployment.load(configuration) as deployment:
        deployment.check()
        collection = deployment.collection()
        assert collection.index([photos]).added == 12
        assert [hit.path for hit in collection.text("2019", 3).hits] == [str(photos / "2019-sea.png")]
        assert collection.similar(1, 3).hits[0].id == 1
        notes = collection.folder_for("notes", make=True)
        (notes / bytes(32).hex()).touch()
        assert collection.remove([12]) == 1
        collection.maintain()
        assert list(notes.iterdir()) == []
        with client_of(make_app(deployment, WebOptions(cache=tmp_path / "cache", access_log=False))) as client:
            assert client.get("/api/v1/grey/count").json() == {"objects": 11}
        assert [type(frontend).name for frontend in deployment.frontends()] == ["my-frontend"]
        assert deployment.plugins.problems == []
    said = capsys.readouterr().err
    assert re.search(r"new images in grey, up to ID 12$", said, re.MULTILINE)
    assert re.search(r"^grey: [0-9a-f]{8}: only 96 x \d+ pixels, \d+ bytes$", said, re.MULTILINE)
    assert re.search(r"^1 images are gone from grey$", said, re.MULTILINE)
    assert re.search(r"^grey: \d+ ms, \d+ reads$", said, re.MULTILINE)
    with Session() as session:
        assert run_program(["--config", str(configuration), "count"], session) == 0
    assert capsys.readouterr().out == "11\n"
    assert caplog.records == []


def test_no_other_hook_is_described():
    described = re.findall(r"^### (\w+)\(", (DOCS / "hooks.md").read_text(), re.MULTILINE)
    assert sorted(described) == sorted(HOOKS)


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_a_test_of_its_own(name):
    assert f"def test_{name}(" in (ROOT / "tests" / "framework" / "registry" / "test_hooks.py").read_text()


# What is generated


def test_the_configuration_page_is_that_of_the_models():
    if find_spec("torch") is None:
        pytest.skip("the options of the plugins on torch are listed too")
    generated = load_script("configuration")
    assert generated.page() == generated.PAGE.read_text(), "run docs/configuration.py"


def test_the_drawings_are_those_of_the_script(tmp_path, monkeypatch):
    drawings = load_script("drawings")
    monkeypatch.setattr(drawings, "FOLDER", tmp_path)
    drawings.main()
    for file in tmp_path.iterdir():
        assert file.read_text() == (DOCS / file.name).read_text(), "run docs/drawings.py"


def test_every_public_name_is_in_the_api():
    import seealso.testing
    from seealso.testing import strategies

    shown = re.findall(r"^::: (\S+)$", (DOCS / "api.md").read_text(), re.MULTILINE)
    errors = [name for name in seealso.__all__ if isinstance(vars(seealso.errors).get(name), type)]
    assert sorted(shown) == sorted(
        [
            *(f"seealso.{name}" for name in seealso.__all__ if name not in errors),
            *(f"seealso.testing.{name}" for name in seealso.testing.__all__),
            *(f"seealso.testing.strategies.{name}" for name in ("descriptors", "ids", "images")),
            "seealso.errors",
        ]
    )
    assert callable(strategies.descriptors)


# Deploying


@pytest.mark.parametrize("name", ["seealso.service", "seealso-index.service", "seealso-index.timer"])
def test_units_are_right(name, tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("this needs systemd-analyze")
    for file in (ROOT / "deploy").glob("seealso*"):
        text = file.read_text().replace("/opt/seealso/bin/seealso", sys.executable)
        (tmp_path / file.name).write_text(text)
    done = subprocess.run(["systemd-analyze", "verify", str(tmp_path / name)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_service_may_open_as_many_files_as_its_connections_need():
    unit = (ROOT / "deploy" / "seealso.service").read_text()
    (limit,) = re.findall(r"^LimitNOFILE=(\d+)$", unit, re.M)
    # The web keeps half of them for all else; and for each connection a file may be open that is sent.
    assert int(limit) // 2 >= 2 * WebOptions().connections


def test_the_units_are_as_closed_as_the_page_says():
    if shutil.which("systemd-analyze") is None:
        pytest.skip("this needs systemd-analyze")
    page = (DOCS / "operating.md").read_text()
    for name in ("seealso", "seealso-index"):
        unit = str(ROOT / "deploy" / f"{name}.service")
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", unit], capture_output=True, text=True)
        (level,) = re.findall(rf"level for {name}.service: (\d+\.\d)", done.stdout)
        assert f"{level} of 10" in page or f"{level} to the one that takes in" in page, level


def test_the_units_start_what_there_is(python, tmp_path):
    for name in ("seealso.service", "seealso-index.service"):
        (line,) = re.findall(r"^ExecStart=(.*)$", (ROOT / "deploy" / name).read_text(), re.MULTILINE)
        program, *arguments = line.split()
        assert program == "/opt/seealso/bin/seealso"
        done = python.seealso(*arguments, "--help", cwd=tmp_path)
        assert done.returncode == 0, done.stderr


def test_the_containerfile_is_right():
    hadolint = shutil.which("hadolint") or shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if hadolint is None:
        pytest.skip("this needs hadolint")
    done = subprocess.run([hadolint, "--format", "json", str(ROOT / "deploy" / "Containerfile")], capture_output=True)
    assert json.loads(done.stdout) == []


def test_what_the_containerfile_copies_is_there():
    for copied in re.findall(r"^COPY (?!--from)(.*)$", (ROOT / "deploy" / "Containerfile").read_text(), re.MULTILINE):
        for source in copied.split()[:-1]:
            assert (ROOT / source).exists(), source


def test_the_sites_configuration_names_every_page():
    loaded = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    named = re.findall(r"[\w-]+\.md", json.dumps(loaded["nav"]))
    assert sorted(named) == sorted([*(page.name for page in PAGES), "changelog.md"])
