"""Standard output holds answers and nothing else, whatever plugins print."""

import json
import subprocess

import pytest

from conftest import SAMPLES


@pytest.fixture
def home(tmp_path, make_photos):
    """Photographs, and a configuration whose extractor, store and index print whenever they are called."""
    make_photos(tmp_path / "photos", 6)
    parts = "extractor: noisy-extractor, store: noisy-store, index: noisy-index, text: false"
    (tmp_path / "seealso.yaml").write_text(
        f"plugins: [{SAMPLES / 'noisy.py'}]\ncollections:\n  photos: {{path: ./c.seealso, {parts}}}\nfrontends: [cli]\n"
    )
    return tmp_path


@pytest.fixture
def run(python, home):
    """Runs the program; what it answers. Plugins have printed, and that went to standard error."""

    def run(*arguments: str, noise: bool = True) -> str:
        done = python.seealso(*arguments, cwd=home)
        assert done.returncode == 0, done.stderr
        assert ("noise" in done.stderr) == noise, arguments
        assert "noise" not in done.stdout, arguments
        return done.stdout

    return run


def test_what_plugins_print_is_no_part_of_an_answer(run, home):
    assert json.loads(run("index", "photos", "--json"))["added"] == 6
    photo = str(home / "photos" / "0000-astronaut.jpg")
    hits = json.loads(run("similar", photo, "-k", "3", "--json"))["hits"]
    assert hits[0]["path"] == photo
    assert run("similar", photo, "-k", "1", "--paths") == f"{photo}\n"
    assert run("similar", photo, "-k", "1", "-0") == f"{photo}\0"
    assert run("show", "1").startswith("id        1\n")
    for command in (["status"], ["verify"], ["evaluate", "-k", "2"], ["tune", "-k", "2"]):
        assert isinstance(json.loads(run(*command, "--json")), dict), command
    assert run("config", "check") == f"{home}/seealso.yaml: all is well\n"
    assert json.loads(run("plugins", "show", "noisy-store", "--json", noise=False))["name"] == "noisy-store"
    assert run("similar", "--help", noise=False).startswith("Usage: seealso similar")
    assert run("config", "show", "--help", noise=False).startswith("Usage: seealso config show")


@pytest.mark.slow
def test_a_plan_is_no_part_of_it_either(run):
    """It asks a process of its own, which answers on standard output, too."""
    assert json.loads(run("plan", "photos", "--json"))["objects"] == 6


def test_a_plugins_own_command_answers_as_it_likes(run):
    assert run("own", noise=False) == "an answer\n"


def test_the_answers_of_the_shell(run, python, home):
    run("index", "photos")
    commands = b"similar id:1 --json\nsimilar --help\nown\nsimilar id:2 --json\n"
    with python.start("-m", "seealso_cli", "serve", cwd=home, stdin=subprocess.PIPE) as serving:
        serving.stdin.write(commands)
        out, err = serving.communicate(timeout=60)
    assert serving.returncode == 0, err
    assert b"noise of candidates" in err
    first, *help_, own, last = out.decode().splitlines()
    assert [json.loads(line)["query"] for line in (first, last)]
    assert help_[0].startswith("Usage: seealso similar")
    assert own == "an answer"
    assert "noise" not in out.decode()
