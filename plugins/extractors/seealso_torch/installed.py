"""Whether the extra ``torch`` is installed."""

from __future__ import annotations

from importlib import import_module

from seealso import MissingExtra

EXTRA = "seealso[torch]"


def check_installed(*modules: str) -> None:
    """Refuse to go on without torch, and what else is named of the extra ``torch``.

    Raises:
        MissingExtra: one is not installed, or cannot be imported; says how to install it.
    """
    for module in ("torch", *modules):
        try:
            import_module(module)
        except ImportError as error:
            raise MissingExtra(f"{module} cannot be used: {error}", EXTRA) from None
