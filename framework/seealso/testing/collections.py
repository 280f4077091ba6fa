"""Small real collections, made in a moment, with an extractor that needs no network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seealso.configuration.models import check_data
from seealso.deployment import Deployment
from seealso.registry.loading import load_plugins

PIXELS = Path(__file__).parent / "pixels.py"
"""A plugin file with the extractor ``pixels``."""

EXTRACTOR = "pixels"


def deployment_of(
    folder: Path, names: Sequence[str] = ("photos",), plugins: Sequence[Path] = (), **settings: Any
) -> Deployment:
    """A deployment of collections ``NAME.seealso`` in a folder.

    Args:
        folder: where they are.
        names: theirs.
        plugins: plugins that are a Python file each, beside the extractor ``pixels``.
        settings: of every collection, each as in the YAML; ``extractor`` is ``pixels`` unless it is given.
    """
    common: Mapping[str, Any] = {"extractor": EXTRACTOR, **settings}
    described = {name: {"path": str(folder / f"{name}.seealso"), **common} for name in names}
    return Deployment(check_data({"collections": described}), load_plugins([PIXELS, *plugins]))
