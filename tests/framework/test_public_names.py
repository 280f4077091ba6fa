"""The names that `seealso` exports stand there twice, for the type checker and for Python: both lists are the same."""

import ast
from pathlib import Path

import seealso


def test_both_lists_of_names_are_the_same():
    tree = ast.parse(Path(seealso.__file__).read_text())
    (checked,) = (node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    imports = [node for node in checked.body if isinstance(node, ast.ImportFrom)]
    assert len(imports) == len(checked.body)
    typed = {alias.name: node.module for node in imports for alias in node.names if alias.name == alias.asname}
    assert typed == seealso._HOME


def test_every_name_is_there():
    for name in seealso.__all__:
        assert getattr(seealso, name) is not None
