"""An exception inside a plugin's class names the plugin, whatever raised it in the end."""

import textwrap

import numpy as np
import pytest

import seealso
from seealso.registry.loading import load_plugins
from seealso.testing.collections import deployment_of

PLUGIN = """
import os

import numpy as np

import seealso


class Broken(seealso.Distance):
    name = "broken"

    def many_to_many(self, a, b, out=None):
        if os.environ["BROKEN"] == "shape":
            return np.zeros((len(a), len(b) + 1), np.float32)
        if os.environ["BROKEN"] == "ours":
            seealso.shown_path(7)
        if os.environ["BROKEN"] == "numpy":
            a.reshape(-1, 7, 11)
        return np.abs(a[:, np.newaxis] - b).max(axis=2, initial=0)


@seealso.hookimpl
def register_distances():
    return [Broken]
"""


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "twisted.py"
    file.write_text(textwrap.dedent(PLUGIN))
    return file


@pytest.fixture
def fail(tmp_path, photos, file, monkeypatch):
    """Asks a collection with the broken distance, and returns what that raised, with the plugins."""

    def fail(how: str):
        monkeypatch.setenv("BROKEN", "")
        with deployment_of(tmp_path, plugins=[file], distance="broken", index="exact") as deployment:
            collection = deployment.collection()
            collection.index([photos])
            monkeypatch.setenv("BROKEN", how)
            with pytest.raises(Exception) as caught:
                collection.similar(1)
            return caught.value, deployment.plugins

    return fail


def test_a_plugin_of_a_file_is_named(fail, file):
    error, plugins = fail("numpy")
    assert seealso.raised_by(error, plugins).name == "twisted"
    told = seealso.explain_failure(error, plugins)
    assert told.startswith(f"plugin twisted ({file}) raised ValueError: cannot reshape array")
    assert told.endswith("; mend it or tell its author")


def test_what_a_plugin_makes_of_ours_may_be_of_either(fail, file):
    error, plugins = fail("ours")
    assert seealso.raised_by(error, plugins) is None
    told = seealso.explain_failure(error, plugins)
    assert told.endswith(f"; this is a bug of seealso, or of a plugin that is not part of it: twisted ({file})")


def test_a_result_that_does_not_fit_casts_suspicion_on_what_is_not_ours(fail, file):
    error, plugins = fail("shape")
    assert not isinstance(error, seealso.SeealsoError)
    told = seealso.explain_failure(error, plugins)
    assert "; this is a bug of seealso, or of a plugin that is not part of it: pixels (" in told
    assert told.endswith(f", twisted ({file})")


def test_ours_is_a_bug_of_ours():
    plugins = load_plugins()
    with pytest.raises(AttributeError) as caught:
        plugins.get("distance", "euclidean")().many_to_many(None, np.zeros((1, 2), np.float32))
    assert seealso.raised_by(caught.value, plugins) is None
    assert seealso.explain_failure(caught.value, plugins).endswith("; this is a bug of seealso")


def test_a_package_is_named_with_its_release(tmp_path, monkeypatch):
    package = tmp_path / "acme_vision"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "hooks.py").write_text("import seealso\n@seealso.hookimpl\ndef ingested(batch): pass\n")
    (package / "inner.py").write_text("def fail():\n    raise KeyError('a\\nb')\n")
    monkeypatch.syspath_prepend(tmp_path)
    plugins = load_plugins()

    from acme_vision import hooks, inner

    plugins.register(lambda: hooks, "vision", "acme-vision", "2.1")
    with pytest.raises(KeyError) as caught:
        inner.fail()
    assert (
        seealso.explain_failure(caught.value, plugins)
        == r"plugin vision (acme-vision 2.1) raised KeyError: 'a\nb'; mend it or tell its author"
    )


def test_many_suspects_are_counted():
    plugins = load_plugins()
    for number in range(5):
        plugin = type(f"Plugin{number}", (), {"ingested": seealso.hookimpl(lambda batch: None)})
        plugins.register(plugin, f"number-{number}", f"file{number}.py")
    told = seealso.explain_failure(ValueError(), plugins)
    assert told == (
        "ValueError; this is a bug of seealso, or of a plugin that is not part of it: one of 5 that `seealso plugins` lists"
    )


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), "there is not enough memory; "),
        (OSError(12, "Cannot allocate memory"), "there is not enough memory; "),
        (RuntimeError("can't start new thread"), "there is not enough memory; "),
        (ImportError("libblas.so: failed to map segment from shared object"), "there is not enough memory; "),
        (OSError(24, "Too many open files"), "too many files are open; "),
        (ImportError("libblas.so: cannot open shared object file: Too many open files"), "too many files are open; "),
    ],
)
def test_a_limit_is_nobodys_fault(tmp_path, error, expected):
    plugins = load_plugins()
    assert seealso.explain_failure(error, plugins).startswith(expected)
    around = ValueError("cannot be read")
    around.__cause__ = error
    assert seealso.explain_failure(around, plugins).startswith(expected)
    assert seealso.limit_reached(OSError(2, "No such file or directory")) == ""
