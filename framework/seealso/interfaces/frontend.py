"""The frontend: what a person or a program talks to; and the host, which is what a frontend may touch."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from seealso.interfaces.plugin import Plugin, PluginOptions

T = TypeVar("T")
Served = TypeVar("Served", covariant=True)


class Host(Protocol[Served]):
    """What runs the frontends, as a frontend sees it. A `seealso.Deployment` is a ``Host[Collection]``.

    Every method may be called from several threads at once.
    """

    @property
    def names(self) -> list[str]:
        """The collections, in the order of the configuration."""

    def collection(self, name: str | None = None) -> Served:
        """A collection by name; without a name the only one. It is shared by all frontends: do not close it.

        Raises:
            ConfigError: there is none of that name, or several and no name was given.
        """

    def gather(self, hook: str, of: type[T], **arguments: object) -> list[T]:
        """What every plugin gives by a hook that returns lists of ``of``; what a plugin does wrong is logged, and left out."""

    def explain(self, error: BaseException) -> str:
        """One line for the log on an exception that nobody foresaw: what was raised, and by which plugin of which package or file."""

    def culprit(self, error: BaseException) -> str:
        """The name of the plugin that raised an exception; empty where seealso itself did."""


class Frontend(Plugin):
    """Serves the collections of a deployment, until it is told to stop. Several run at once, each in its own thread."""

    def __init__(self, options: PluginOptions) -> None:
        self.options = options

    def check(self, names: Sequence[str]) -> None:
        """Refuse collections that cannot be served under their names; `config check` asks for it, and nothing is opened.

        Raises:
            ConfigError: says which, and what to do.
        """

    @abstractmethod
    def run(self, host: Host[Any], stop: threading.Event) -> None:
        """Serve the collections of ``host``, and return soon after ``stop`` is set. Returning earlier means that there is nothing
        more to serve."""
