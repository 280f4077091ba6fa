"""What the command line says when something goes wrong: one line of a sensible length, whatever was typed or raised."""

import errno
import json
import os

import pytest

from conftest import THUMBNAIL

LONG = 60_000
MOST = 1100
"""Characters of a line; it may begin with ``seealso: warning:``."""

PRINTED = ("loaded", "registered", "ingested", "searched")
"""What the plugin prints; these lines are its own."""

PLUGIN = """
import os

import seealso

print("loaded")
if os.environ.get("RAISES_AT") == "import":
    raise ValueError("\\x1b[2J\\nx" * 20_000)


@seealso.hookimpl
def ingested(batch):
    print("ingested")
    if os.environ.get("RAISES_AT") == "hook":
        raise ValueError("\\x1b[2J\\nx" * 20_000)


@seealso.hookimpl
def searched(query):
    print("searched")


@seealso.hookimpl
def register_commands(group):
    print("registered")

    @group.command()
    def loud():
        print("of the command")
"""


@pytest.fixture
def home(tmp_path, monkeypatch, make_photos):
    monkeypatch.chdir(tmp_path)
    make_photos(tmp_path / "photos", 5)
    (tmp_path / "loud.py").write_text(PLUGIN)
    (tmp_path / "seealso.yaml").write_text(
        f"plugins: [{THUMBNAIL}, ./loud.py]\ncollections:\n  photos: {{path: ./c.seealso, extractor: thumbnail}}\n"
    )
    return tmp_path


def one_message(err: str) -> str:
    """The only line of an error, after those in which click shows the usage."""
    lines = [
        line for line in err.splitlines() if line and line not in PRINTED and not line.startswith(("Usage: ", "Try "))
    ]
    assert len(lines) == 1, err[:2000]
    assert len(lines[0]) <= MOST
    assert lines[0].isprintable()
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["x" * LONG], "Error: No such command 'xxx"),
        (["similar", f"--{'x' * LONG}"], "Error: No such option"),
        (["similar", "id:1", "-k", "x" * LONG], "Error: Invalid value for '-k'"),
        (["similar", "id:1", "-k", "\x1b[2J\nx"], r"\x1b[2J\nx"),
        (["similar", "x" * LONG], "File name too long"),
        (["similar", "/x" * (LONG // 2)], "File name too long"),
        (["index", "/x" * (LONG // 2)], "File name too long"),
        (["--in", "x" * LONG, "status"], "there is no collection 'xxx"),
        (["--config", "x" * LONG, "status"], "File name too long"),
        (["import-descriptors", f"{'x' * LONG}.npy"], "File name too long"),
        (["plugins", "show", "x" * LONG], "there is no plugin named 'xxx"),
        (["text", '"a\n\x1b[2J'], r'"a\n\x1b[2J'),
        (["text", "-" * 900 + '"\n'], "holds no word"),
        (["tune", "--index", "a=[,]"], "there is a value in it that is none of YAML"),
        (["tune", "--index", "a=!!timestamp x"], "there is a value in it that is none of YAML"),
    ],
)
def test_what_was_typed_is_not_repeated_at_length(home, call, monkeypatch, arguments, expected):
    call("index", "photos")
    status, out, err = call(*arguments)
    assert status in (1, 2)
    assert all(len(line) <= MOST for line in out.splitlines())
    assert expected in one_message(err)
    assert "this is a bug" not in err


@pytest.mark.parametrize("when", ["import", "hook"])
def test_nor_is_what_a_plugin_raised(home, call, monkeypatch, caplog, when):
    monkeypatch.setenv("RAISES_AT", when)
    status, out, err = call("index", "photos", "--json")
    assert status == 0
    assert json.loads(out)["added"] == 5
    (told,) = (line for line in [*err.splitlines(), *caplog.messages] if "raised" in line)
    assert r"raised ValueError" in told
    assert r"\x1b[2J" in told
    assert len(told) <= MOST
    assert "\x1b" not in err


def test_nor_a_table_of_many_columns(home, call):
    (home / "words.csv").write_text(",".join(f"column{number}" for number in range(20_000)) + "\n1,2\n")
    status, _, err = call("index", "photos", "--keywords", "words.csv")
    assert status == 1
    assert "the table needs a column path" in one_message(err)


def test_the_traceback_of_debug_is_cut_too(home, call):
    status, _, err = call("--debug", "similar", "/x" * (LONG // 2))
    assert status == 1
    assert "Traceback" in err
    assert all(len(line) <= MOST for line in err.splitlines())


def test_help_is_shown_whole(home, call):
    assert call("--help")[1].count("\n") > 20
    _, out, err = call()
    assert (out + err).count("\n") > 20


def test_what_a_plugin_prints_is_no_result(home, call):
    status, out, err = call("index", "photos", "--json")
    assert status == 0
    assert json.loads(out)["added"] == 5
    assert [line for line in err.splitlines() if line in PRINTED] == ["loaded", "ingested"]
    status, out, err = call("similar", "id:1", "--json")
    assert len(json.loads(out)["hits"]) == 5
    assert err == "loaded\nsearched\n"
    status, out, err = call("loud")
    assert (status, out) == (0, "of the command\n")
    assert err == "loaded\nregistered\n"


def test_a_limit_behind_an_error_is_told_with_what_helps(home, call, monkeypatch):
    """A store, a catalogue or an index tells what has failed; it cannot know that it was a limit."""
    assert call("index", "photos")[0] == 0
    read = os.open

    def refuse(path, *args, **kwargs):
        if "/store/" in str(path):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), path)
        return read(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", refuse)
    status, _, err = call("similar", "id:1")
    assert status == 1
    told = one_message(err)
    assert told.startswith(f"seealso: {home}/c.seealso/store: the store flat-file failed: ")
    assert told.endswith("raise the limit (`ulimit -n 1024`) and run the command again, nothing is lost)")
