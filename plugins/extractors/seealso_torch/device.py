"""The device that a network runs on."""

from __future__ import annotations

import warnings

import torch

from seealso import PluginError


def choose_device(wanted: str) -> torch.device:
    """The device of that name; for ``auto`` the first graphics card, or else the processor.

    Raises:
        PluginError: it is not there; says which are.
    """
    present = _present()
    if wanted == "auto":
        return torch.device(present[0])
    if wanted == "cuda":
        wanted = "cuda:0"
    if wanted not in present:
        raise PluginError(
            f"there is no device {wanted} here; there are: {', '.join(present)}; say `device: auto` for the best"
        )
    return torch.device(wanted)


def _present() -> list[str]:
    """The devices, best first."""
    with warnings.catch_warnings():
        # Of a driver that is too old torch says so here. It is then as if there were no card.
        warnings.simplefilter("ignore")
        cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
        others = ["mps"] if torch.backends.mps.is_available() else []
    return [*(f"cuda:{number}" for number in range(cards)), *others, "cpu"]
