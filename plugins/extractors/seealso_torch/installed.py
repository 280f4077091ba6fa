"""Whether the extra ``torch`` is installed."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from seealso import MissingExtra

EXTRA = "seealso[torch]"


def check_installed(*modules: str) -> None:
    """Refuse to go on without torch, and what else is named of the extra ``torch``.

    Raises:
        MissingExtra: one is not installed, or cannot be imported; says how to install it.
    """
    needed = ("torch", *modules)
    # To look for all is quick; torch itself takes seconds to import.
    for module in needed:
        if find_spec(module) is None:
            raise MissingExtra(f"{module} is not installed", EXTRA)
    for module in needed:
        try:
            import_module(module)
        except ImportError as error:
            raise MissingExtra(f"{module} cannot be used: {error}", EXTRA) from None
