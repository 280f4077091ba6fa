import argparse
import ast
import json
from pathlib import Path

import pytest
from report import Figure, report

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def reported(folder: Path, *, quick: bool = False, **settings: bool) -> list[bool | None]:
    """What a report says of a goal that is met, of one that is missed, and of a figure without a goal."""
    options = argparse.Namespace(quick=quick, json=folder / "report.json")
    figures = [Figure("met", 1, "ms", "<= 2", True), Figure("missed", 3, "ms", "<= 2", False), Figure("free", 5, "ms")]
    report("Some figures", figures, options, **settings)
    return [figure["holds"] for figure in json.loads(options.json.read_text())["figures"]]


def test_goals_are_judged(tmp_path, capsys):
    assert reported(tmp_path) == [True, False, None]
    shown = capsys.readouterr().out
    assert "yes" in shown
    assert "NO" in shown


@pytest.mark.parametrize("less", [{"quick": True}, {"whole": False}, {"quick": True, "whole": True}])
def test_no_goal_is_met_or_missed_by_less_work_than_it_is_meant_for(tmp_path, capsys, less):
    assert reported(tmp_path, **less) == [None, None, None]
    shown = capsys.readouterr().out
    assert "<= 2" in shown
    assert "yes" not in shown
    assert "NO" not in shown


PROGRAMS = [path for path in sorted(BENCHMARKS.glob("*.py")) if path.name != "report.py"]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_every_benchmark_leaves_that_to_the_report(path):
    """None decides for itself what ``--quick`` does to a goal, and each hands on its own options."""
    tree = ast.parse(path.read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    for call in calls:
        if call.func.id == "report":
            assert [argument.id for argument in call.args[2:] if isinstance(argument, ast.Name)] == ["options"]
    judging = [node for node in ast.walk(tree) if isinstance(node, ast.IfExp | ast.keyword | ast.Compare)]
    assert not [node for node in judging if "quick" in ast.unparse(node) and "None if" in ast.unparse(node)]
    assert "judged=not options.quick" not in path.read_text()
