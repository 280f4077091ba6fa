"""What a plugin that observes may ask of the collection that it is told of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from seealso.interfaces.image_limits import ImageLimits
from seealso.interfaces.plugin import PluginChoice


class Observed(Protocol):
    """A collection while something is taken in or put in order: where it lies, and what it knows. `Collection` is one."""

    @property
    def path(self) -> Path:
        """The collection's directory."""

    @property
    def limits(self) -> ImageLimits:
        """What an image file may be, at most."""

    @property
    def frontends(self) -> Sequence[PluginChoice]:
        """The frontends that the configuration names: a frontend's plugin can tell whether it is one of them."""

    def folder_for(self, plugin: str, *, make: bool = False) -> Path:
        """The folder of a plugin's own in the collection's directory.

        For what can be made again: nobody checks it or counts on it, `status` does not count its bytes, and a backup may leave it
        out. It is the plugin's to keep in order, with the hooks ``removed`` and ``maintained``; it goes with the directory.

        Args:
            plugin: the name by which the configuration selects the plugin.
            make: make it, durably, where it is missing.

        Raises:
            PluginError: a plugin cannot have that name.
            CollectionReadOnly, DiskFull: it cannot be made.
        """

    def known(self, digests: Iterable[bytes]) -> set[bytes]:
        """Those of the content hashes (SHA-256 of a file, `ObjectRecord.hash`) that are of an object."""
