"""``${NAME}`` in the values of a configuration: what the environment says.

``${NAME}`` is the value of an environment variable, ``${NAME:-default}`` the default where it is not set or empty, and
``$${`` stands for ``${`` itself. What is put in is never looked at again, and never read as YAML structure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"\$(?P<plain>\$\{)|\$\{(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-[^{}]*)?\})?")


def expand(text: str, environment: Mapping[str, str]) -> str:
    """The text with every reference replaced.

    Raises:
        ValueError: a variable is not set and has no default, or a reference is malformed; says which.
    """

    def value(reference: re.Match[str]) -> str:
        if reference["plain"]:
            return reference["plain"]
        name, default = reference["name"], reference["default"]
        if name is None:
            raise ValueError(
                f"{text!r} holds no whole reference; write ${{NAME}} or ${{NAME:-default}} ($${{ for ${{ itself)"
            )
        found = environment.get(name, "")
        if found:
            return found
        if default is None:
            # An empty one too: a token that was lost on the way must not mean that none is wanted.
            raise ValueError(f"the environment variable {name} is not set; set it, or give a default: ${{{name}:-…}}")
        return default.removeprefix(":-")

    return _REFERENCE.sub(value, text)
