"""What the extractors on torch share, and the command that exports them (its hook: `seealso_torch.hooks`).

Each name is loaded when it is first used, and torch itself by those that need it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seealso_torch.device import choose_device as choose_device
    from seealso_torch.extractor import Assembled as Assembled
    from seealso_torch.extractor import TorchExtractor as TorchExtractor
    from seealso_torch.installed import check_installed as check_installed
    from seealso_torch.options import TorchOptions as TorchOptions
    from seealso_torch.runner import Runner as Runner
    from seealso_torch.weights import file_sha256 as file_sha256
    from seealso_torch.weights import fit as fit
    from seealso_torch.weights import load_state as load_state
    from seealso_torch.weights import state_sha256 as state_sha256

_HOME = {
    "Assembled": "extractor",
    "Runner": "runner",
    "TorchExtractor": "extractor",
    "TorchOptions": "options",
    "check_installed": "installed",
    "choose_device": "device",
    "file_sha256": "weights",
    "fit": "weights",
    "load_state": "weights",
    "state_sha256": "weights",
}

__all__ = [
    "Assembled",
    "Runner",
    "TorchExtractor",
    "TorchOptions",
    "check_installed",
    "choose_device",
    "file_sha256",
    "fit",
    "load_state",
    "state_sha256",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'seealso_torch' has no attribute {name!r}")
    return getattr(import_module(f"seealso_torch.{_HOME[name]}"), name)
