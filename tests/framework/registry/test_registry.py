"""Finding, checking and handing out plugins."""

import importlib.metadata
import shutil
import sys
import textwrap
from pathlib import Path

import pytest

import seealso
from seealso.registry.loading import load_plugins

GOOD = """
import numpy as np
import seealso

class Grey(seealso.Extractor):
    name = "grey"
    @property
    def provenance(self):
        return seealso.Provenance("grey", "", "mean", dim=1)
    def prepare(self, image):
        return np.asarray(image.convert("L").resize((1, 1)))
    def extract(self, batch):
        return batch.reshape(len(batch), 1).astype(np.float32)

@seealso.hookimpl
def register_extractors():
    return [Grey]
"""


@pytest.fixture
def write(tmp_path):
    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(textwrap.dedent(text))
        return path

    return write


def test_built_ins_come_by_entry_points():
    plugins = load_plugins()
    assert plugins.problems == []
    assert "onnx" in plugins.classes("extractor")
    assert "exact" in plugins.classes("index")
    assert "lmdb" in plugins.classes("store")
    assert "cli" in plugins.classes("frontend")
    assert set(plugins.classes("distance")) == {"euclidean", "manhattan", "cosine", "hamming"}
    assert "raw" in plugins.classes("codec")
    assert plugins.preferred("extractor") == "onnx"
    # Which distance is the default, the extractor says.
    assert plugins.preferred("distance") == plugins.get("extractor", "onnx").default_distance == "cosine"


def test_a_file_is_a_plugin(write):
    file = write("grey.py", GOOD)
    plugins = load_plugins([str(file)])
    assert plugins.problems == []
    assert plugins.files == [file]
    assert plugins.get("extractor", "grey").name == "grey"
    # It never becomes a default by being there.
    assert plugins.preferred("extractor") == "onnx"


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(seealso.PluginError, match=r"no store named 'lmbd'; did you mean `lmdb`"):
        load_plugins().get("store", "lmbd")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 / 0", "raised ZeroDivisionError on import: division by zero"),
        ("import a_module_that_is_not_there", "cannot be imported: No module named 'a_module_that_is_not_there'"),
        ("def f(:", "raised SyntaxError on import"),
        ("raise SystemExit(3)", "raised SystemExit on import"),
        (
            "import seealso\n@seealso.hookimpl\ndef register_extractor():\n    return []",
            "there is no hook `register_extractor`; did you mean `register_extractors`?",
        ),
        ("import seealso\n@seealso.hookimpl\ndef ingested(batch, nothing): pass", "nothing"),
        ("x = 1", "it has no function marked with `@seealso.hookimpl`"),
    ],
)
def test_a_broken_plugin_is_one_problem_and_breaks_nothing_else(write, text, expected):
    plugins = load_plugins([write("broken.py", text), write("grey.py", GOOD)])
    assert len(plugins.problems) == 1
    problem = str(plugins.problems[0])
    assert "plugin broken" in problem
    assert "broken.py" in problem
    assert expected in problem
    assert "\n" not in problem
    assert {"grey", "onnx"} <= set(plugins.classes("extractor"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("return [Grey]", "return ['Grey']"), "is no subclass of seealso.Extractor"),
        (("return [Grey]", "return [int]"), "is no subclass of seealso.Extractor"),
        (("return [Grey]", "return Grey"), "not a list of classes"),
        (("return [Grey]", "raise OSError('no')"), "register_extractors raised OSError: no"),
        (("return [Grey]", "import nothing_of_this_name"), "No module named 'nothing_of_this_name'"),
        (("def extract(", "def extrakt("), "lacks the required extract"),
        (('name = "grey"', 'name = "Grey Scale"'), "it has to be lower-case words"),
        (('name = "grey"', 'name = "onnx"'), "already taken by seealso_onnx"),
    ],
)
def test_a_class_that_breaks_its_contract_is_one_problem(write, change, expected):
    plugins = load_plugins([write("broken.py", GOOD.replace(*change)), write("grey.py", GOOD)])
    names = set(plugins.classes("extractor"))
    assert len(plugins.problems) == 1
    assert expected in str(plugins.problems[0])
    assert "broken.py" in str(plugins.problems[0])
    assert {"grey", "onnx"} <= names
    assert plugins.get("extractor", "onnx").__module__.startswith("seealso_onnx")


def test_a_failed_plugin_is_named_when_its_class_is_missed(write):
    plugins = load_plugins([write("histogram.py", "1 / 0")])
    with pytest.raises(seealso.PluginError, match="these plugins failed: histogram"):
        plugins.get("extractor", "histogram")


def test_a_missing_extra_names_the_command_that_installs_it(monkeypatch):
    class Distribution:
        name = "birds"
        version = "1.0"

    entry_point = importlib.metadata.EntryPoint("owl", "a_module_that_is_not_there [torch]", "seealso")
    object.__setattr__(entry_point, "dist", Distribution())
    monkeypatch.setattr("seealso.registry.loading.entry_points", lambda group: [entry_point])
    monkeypatch.setattr("sys.path", [*sys.path, "elsewhere"])
    (problem,) = load_plugins().problems
    assert problem.remedy == "install what it needs: pip install 'birds[torch]'"


def test_a_plugin_that_is_installed_meanwhile_is_found(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    assert "grey" not in load_plugins().classes("extractor")
    (tmp_path / "grey_plugin.py").write_text(GOOD)
    installed = tmp_path / "grey_plugin-1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: grey-plugin\nVersion: 1\n")
    (installed / "entry_points.txt").write_text("[seealso]\ngrey = grey_plugin\n")
    assert "grey" in load_plugins().classes("extractor")
    shutil.rmtree(installed)
    assert "grey" not in load_plugins().classes("extractor")


def test_what_is_installed_is_looked_for_once(monkeypatch):
    load_plugins()
    monkeypatch.setattr("seealso.registry.loading.entry_points", None)
    assert "exact" in load_plugins().classes("index")


def test_observers_are_called_and_may_fail(write, caplog):
    plugins = load_plugins(
        [
            write("failing.py", "import seealso\n@seealso.hookimpl\ndef searched(answer): 1 / 0"),
            write(
                "seeing.py", "import seealso\nseen = []\n@seealso.hookimpl\ndef searched(answer): seen.append(answer)"
            ),
        ]
    )
    plugins.observe("searched", answer="the answer")
    seeing = next(plugin for plugin in plugins.loaded.values() if plugin.name == "seeing")
    assert seeing.module.seen == ["the answer"]
    assert "searched raised ZeroDivisionError" in caplog.text
    assert plugins.problems == []


def test_tracing_prints_each_call(write, monkeypatch, capsys):
    monkeypatch.setenv("SEEALSO_TRACE_PLUGINS", "1")
    load_plugins([write("grey.py", GOOD)]).classes("extractor")
    assert "seealso: grey.register_extractors()" in capsys.readouterr().err


def test_two_managers_share_nothing(write):
    one, two = load_plugins([write("grey.py", GOOD)]), load_plugins()
    assert "grey" in one.classes("extractor")
    assert "grey" not in two.classes("extractor")


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("plugin: str = 'x'", "Grey.Options.plugin can never be given: that key names the plugin; rename it"),
        ("bits: int = 'eight'", "Grey.Options.bits: its default is of another type"),
        ("bits: int = None", "Grey.Options.bits: its default does not fit: Input should be a valid integer"),
        (
            "bits: int = 8\n        where: seealso.RelativePath = 7",
            "Grey.Options.where: its default is of another type",
        ),
        (
            "bits: int = pydantic.Field(default=0, gt=0)",
            "Grey.Options.bits: its default does not fit: Input should be greater",
        ),
        ("way: typing.Literal['a', 'b'] = 'c'", "Grey.Options.way: its default "),
    ],
)
def test_options_that_cannot_be_kept_are_one_problem_when_the_plugin_is_loaded(write, recwarn, field, expected):
    options = f'    name = "grey"\n    class Options(seealso.PluginOptions):\n        {field}\n'
    text = "import pydantic, typing\n" + GOOD.replace('    name = "grey"\n', options)
    plugins = load_plugins([write("broken.py", text)])
    assert "grey" not in plugins.classes("extractor")
    (problem,) = plugins.problems
    assert expected in str(problem)
    assert "plugin broken" in str(problem)
    assert "\n" not in str(problem)
    assert not recwarn.list


def test_what_only_given_options_have_to_fit_is_not_asked_of_defaults(write):
    options = """    name = "grey"
    class Options(seealso.PluginOptions):
        needed: int
        file: seealso.RelativePath = pathlib.Path("nowhere")
        pair: tuple[int, int] | None = None
        codec: seealso.PluginChoice | None = seealso.PluginChoice("raw")

        @pydantic.field_validator("file")
        @classmethod
        def _there(cls, file):
            if not file.exists():
                raise ValueError("there is no such file")
            return file

        @pydantic.model_validator(mode="after")
        def _together(self):
            raise ValueError("never")
"""
    text = "import pathlib, pydantic\n" + GOOD.replace('    name = "grey"\n', options)
    plugins = load_plugins([write("fine.py", text)])
    assert plugins.get("extractor", "grey").name == "grey"
    assert plugins.problems == []


@pytest.mark.parametrize(("kind", "noun"), [("text", "text index"), ("keywords", "keyword source"), ("store", "store")])
def test_a_missing_plugin_is_called_as_a_person_would(kind, noun):
    with pytest.raises(seealso.PluginError, match=f"there is no {noun} named 'nosuch'"):
        load_plugins().get(kind, "nosuch")
