"""Finds the installed plugins and those in a file of their own, and loads them."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Iterable
from functools import lru_cache, partial
from importlib.metadata import Distribution, EntryPoint, entry_points
from pathlib import Path

from seealso.paths import PathLike
from seealso.registry import hookspecs
from seealso.registry.markers import GROUP
from seealso.registry.registry import Plugins


def load_plugins(files: Iterable[PathLike] = ()) -> Plugins:
    """Load every installed plugin (entry points of the group ``seealso``), then the one-file plugins ``files``.

    Where two plugins claim one name the first loaded keeps it: the framework's own distribution, then the others by
    name, then the files in their order.
    """
    plugins = Plugins(hookspecs)
    for distribution, version, entry_point in _installed():
        remedy = "mend the plugin or uninstall it"
        if entry_point.extras:
            remedy = f"install what it needs: pip install '{distribution}[{','.join(entry_point.extras)}]'"
        plugins.register(entry_point.load, entry_point.name, distribution, version, remedy)
    for file in map(Path, map(os.fsdecode, files)):
        plugins.files.append(file.absolute())
        plugins.register(partial(_load_file, file), file.stem, str(file), remedy="mend it or take it out of `plugins:`")
    return plugins


def _installed() -> list[tuple[str, str, EntryPoint]]:
    """Every entry point with the name and the version of its distribution; the framework's own come first.

    Looking through all distributions takes longer than all else about opening a collection. It is done again when one
    may have been installed: that changes its folder.
    """
    return _installed_in(tuple((folder, _changed(folder or os.curdir)) for folder in sys.path))


def _changed(place: str) -> int:
    """When a folder, or a file, was changed; 0 where it is not there."""
    try:
        return os.stat(place).st_mtime_ns
    except (OSError, ValueError):
        return 0


@lru_cache(maxsize=1)
def _installed_in(places: tuple[tuple[str, int], ...]) -> list[tuple[str, str, EntryPoint]]:
    """What is installed in the folders of ``sys.path``, each with the time of its last change.

    Every look at a distribution's name or version parses a file anew, so one look serves all of its plugins.
    """
    read: dict[Distribution | None, tuple[str, str]] = {None: ("unknown distribution", "")}
    found = []
    for entry_point in entry_points(group=GROUP):
        distribution = entry_point.dist
        if distribution is not None and distribution not in read:
            read[distribution] = (distribution.name, distribution.version)
        found.append((*read[distribution], entry_point))
    return sorted(found, key=lambda each: (each[0] != "seealso", each[0], each[2].name))


def _load_file(file: Path) -> object:
    if not file.is_file():
        raise ImportError(f"there is no file {file}")
    # A name of its own, so that a plugin file called numpy.py hides nothing.
    name = "seealso_file_" + re.sub(r"\W", "_", str(file.with_suffix("")))
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
