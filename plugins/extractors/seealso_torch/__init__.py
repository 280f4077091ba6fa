"""What the extractors on torch share. Not a plugin: it registers nothing.

torch itself is imported when a name that needs it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from seealso import PluginError
from seealso_torch.options import TorchOptions as TorchOptions

if TYPE_CHECKING:
    from seealso_torch.device import choose_device as choose_device
    from seealso_torch.runner import Runner as Runner
    from seealso_torch.weights import file_sha256 as file_sha256
    from seealso_torch.weights import fit as fit
    from seealso_torch.weights import load_state as load_state

_HOME = {
    "Runner": "runner",
    "choose_device": "device",
    "file_sha256": "weights",
    "fit": "weights",
    "load_state": "weights",
}

__all__ = ["Runner", "TorchOptions", "check_installed", "choose_device", "file_sha256", "fit", "load_state"]


def check_installed() -> None:
    """Refuse to go on without torch.

    Raises:
        PluginError: it is not installed; says how to install it.
    """
    try:
        import_module("torch")
    except ImportError as error:
        raise PluginError(f"torch cannot be used: {error}; pip install 'seealso[torch]'") from None


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'seealso_torch' has no attribute {name!r}")
    return getattr(import_module(f"seealso_torch.{_HOME[name]}"), name)
