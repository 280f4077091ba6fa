"""The frontend: what a person or a program talks to."""

from __future__ import annotations

import threading
from abc import abstractmethod
from typing import TYPE_CHECKING

from seealso.interfaces.plugin import Plugin, PluginOptions

if TYPE_CHECKING:
    from seealso.deployment import Deployment


class Frontend(Plugin):
    """Serves the collections of a deployment, until it is told to stop. Several run at once, each in its own thread."""

    def __init__(self, options: PluginOptions) -> None:
        self.options = options

    @abstractmethod
    def run(self, deployment: Deployment, stop: threading.Event) -> None:
        """Serve, and return soon after ``stop`` is set. Returning earlier means that there is nothing more to serve."""
