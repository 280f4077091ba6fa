"""New plugins: what is written works at once, and passes the tests that come with it."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from importlib import import_module
from importlib.util import find_spec

import hatchling.build
import pytest

import seealso
import seealso.testing
from seealso.registry.kinds import KINDS
from warm_python import PYTEST, WarmPython


def suite_of(kind):
    """The sample of a kind under its suite; under the tests beside it, where it needs more than the name of its class."""
    samples = "seealso.authoring.samples"
    if find_spec(f"{samples}.test_{kind.word}") is not None:
        return import_module(f"{samples}.test_{kind.word}").TestAcme
    suite = getattr(seealso.testing, f"{kind.interface}Tests")
    assert suite.class_attribute == f"{kind.word}_class"  # so it stands in what is written
    return type("TestAcme", (suite,), {suite.class_attribute: import_module(f"{samples}.{kind.word}").Acme})


globals().update({f"Test{word.capitalize()}": suite_of(kind) for word, kind in KINDS.items()})


@pytest.fixture(scope="module")
def plugins():
    return seealso.load_plugins()


@pytest.mark.slow
def test_packages_are_installed_found_and_pass_their_tests(plugins, tmp_path, tmp_path_factory, monkeypatch):
    written = [seealso.write_new_plugin(plugins, kind, f"my-own-{kind}", tmp_path) for kind in KINDS]
    installed, wheels = tmp_path / "installed", tmp_path / "wheels"
    wheels.mkdir()
    # pip starts three processes to build one; this is what they do, for all but the first.
    for package in written[1:]:
        monkeypatch.chdir(package)
        hatchling.build.build_wheel(str(wheels))
    install = ("install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--no-compile")
    command = [sys.executable, "-m", "pip", *install, "--disable-pip-version-check", "--target", installed]
    done = subprocess.run([*command, written[0], *wheels.iterdir()], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    with WarmPython(tmp_path_factory.mktemp("p"), {"PYTHONPATH": str(installed)}) as python:
        # All of their tests pass above; here it is whether they, and the plugins, are found under their new names.
        said = python.output(*PYTEST, cwd=written[0])
        assert int(re.search(r"(\d+) passed", said)[1]) >= 20
        report = tmp_path / "report.xml"
        python.output(
            *(*PYTEST, "-c", written[1] / "pyproject.toml", "--rootdir", tmp_path, f"--junitxml={report}"),
            *("-k", "framework_takes or it_is_found or in_a_collection or come_back", *written[1:]),
            cwd=tmp_path,
        )
        listed = python.output("-m", "seealso_cli", "plugins", cwd=tmp_path)
    passed = Counter(case.get("classname").split(".")[0] for case in ElementTree.parse(report).iter("testcase"))
    for package in written:
        assert package is written[0] or passed[package.name] >= 3
        assert "acme" not in "".join(file.read_text().lower() for file in package.rglob("*.py"))
        assert "ACME" not in (package / "README.md").read_text()
    for kind in KINDS:
        row = rf"^{kind}\tmy-own-{kind}\tmy-own-{kind}\tseealso-my-own-{kind} 0\.1\.0\t"
        assert re.search(row, listed, re.MULTILINE)


@pytest.mark.parametrize("kind", KINDS)
def test_one_file_is_found(plugins, kind, tmp_path):
    file = seealso.write_new_plugin(plugins, kind, "quite-new", tmp_path / "new folder", one_file=True)
    assert file.name == "quite_new.py"
    loaded = seealso.load_plugins([file])
    assert loaded.get(kind, "quite-new").__doc__
    assert loaded.problems == []
    assert "acme" not in file.read_text().lower()


def test_one_file_in_a_collection(plugins, make_collection, photos, tmp_path):
    kinds = ["extractor", "distance", "index", "codec", "store", "text"]
    files = [seealso.write_new_plugin(plugins, kind, f"own-{kind}", tmp_path, one_file=True) for kind in kinds]
    collection = make_collection(
        plugins=files,
        extractor={"plugin": "own-extractor", "parts": 4},
        distance={"plugin": "own-distance", "power": 1.5},
        index={"plugin": "own-index", "pivots": 4},
        store={"plugin": "own-store", "codec": {"plugin": "own-codec", "level": 1}},
        text="own-text",
    )
    assert collection.index([photos]).added == 12
    assert [hit.id for hit in collection.similar(photos / "0004.png", 1).hits] == [5]
    assert collection.verify().problems == []


def test_one_file_with_a_sketch_in_a_collection(plugins, make_collection, photos, tmp_path):
    # By itself: the distance that is written is of no kind that the sketch estimates.
    file = seealso.write_new_plugin(plugins, "sketch", "own-sketch", tmp_path, one_file=True)
    collection = make_collection(plugins=[file], sketch={"plugin": "own-sketch", "values": 16})
    assert collection.index([photos]).added == 12
    answer = collection.similar(photos / "0004.png", 1, reads=3)
    assert [hit.id for hit in answer.hits] == [5]
    assert answer.cost.refined == 3
    assert collection.verify().problems == []


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("extractr", "mine", r"there is no kind 'extractr'; did you mean `extractor`\? \(there are: extractor, "),
        ("index", "My_Index", "'My_Index' is no name for a plugin: lower-case words joined by hyphens"),
        ("index", "2nd", "is no name for a plugin"),
        ("index", "../mine", "is no name for a plugin"),
        ("index", "", "is no name for a plugin"),
        ("index", "x" * 41, "40 letters at most"),
        ("index", "exact", r"there is index exact already \(seealso_exact.index\); choose another name"),
        ("store", "there", r"seealso-there is there already; choose another name, or another place"),
        ("store", "no-room", r"cannot be written: Not a directory"),
    ],
)
def test_what_cannot_be_written(plugins, tmp_path, kind, name, expected):
    (tmp_path / "seealso-there").mkdir()
    (tmp_path / "file").touch()
    error = seealso.FileError if name in ("there", "no-room") else seealso.PluginError
    with pytest.raises(error, match=expected):
        seealso.write_new_plugin(plugins, kind, name, tmp_path / "file" if name == "no-room" else tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "seealso-there"]
