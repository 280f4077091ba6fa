"""Opening a collection from a program."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from seealso.collection.collection import Collection
from seealso.configuration.models import Config, check_data, load_config
from seealso.registry.loading import load_plugins


def open(
    path: str | os.PathLike[str] | None = None,
    *,
    config: str | os.PathLike[str] | None = None,
    name: str | None = None,
    plugins: Sequence[str | os.PathLike[str]] = (),
    **settings: object,
) -> Collection:
    """Open a collection; one that does not exist is made when something is first indexed.

    Args:
        path: the collection's directory. Without it the configuration in force says what there is.
        config: a configuration file, instead of the one in force.
        name: which of the collections that the configuration describes.
        plugins: plugins that are a Python file each.
        settings: with ``path``: ``extractor``, ``distance``, ``index``, ``store``, ``keywords``, ``text``, ``scan``, ``search``,
            ``images``, each as in the YAML.

    Raises:
        ConfigError: the configuration does not fit.
    """
    if path is None:
        loaded = load_config(Path(config) if config is not None else None)
        files = [*loaded.plugins, *(Path(os.path.abspath(file)) for file in plugins)]
        return Collection(loaded, load_plugins(files), name)
    made = config_for(Path(path), **settings)
    return Collection(made, load_plugins([Path(os.path.abspath(file)) for file in plugins]))


def config_for(path: Path, **settings: object) -> Config:
    """The configuration of one collection at a path."""
    name = path.name.removesuffix(".seealso") or "collection"
    return check_data({"collections": {name: {"path": str(path), **settings}}})
