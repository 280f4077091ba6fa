"""The rooms of the framework, in their order: pyproject.toml has it, and import-linter holds it. Here: nobody goes in a circle."""

from graphlib import CycleError, TopologicalSorter

import grimp
import pytest


def test_no_circle_of_imports_not_even_for_annotations():
    graph = grimp.build_graph("seealso", exclude_type_checking_imports=False, cache_dir=None)
    imported = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert len(imported) > 100
    try:
        TopologicalSorter(imported).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))
