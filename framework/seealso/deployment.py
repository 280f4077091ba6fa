"""A deployment: what one configuration describes."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Self, TypeVar

from seealso.collection import Collection
from seealso.collection.parts.reading_words import try_words
from seealso.configuration.models import Config, load_config, place_of
from seealso.errors import ConfigError, PluginError, SeealsoError
from seealso.interfaces.frontend import Frontend
from seealso.interfaces.plugin import PluginChoice
from seealso.registry.blame import explain_failure, raised_by
from seealso.registry.kinds import EXTRACTOR, FRONTEND
from seealso.registry.loading import load_plugins
from seealso.registry.registry import Plugins

log = logging.getLogger("seealso")
T = TypeVar("T")


class Deployment:
    """The collections and the frontends of a configuration. Each collection is opened once, and shared by all.

    It is the `Host` of its frontends.

    Close it, or use it in a ``with`` statement.
    """

    def __init__(self, config: Config, plugins: Plugins) -> None:
        self.config = config
        self.plugins = plugins
        self._collections: dict[str, Collection] = {}
        self._lock = threading.Lock()

    @classmethod
    def load(cls, path: Path | str | None = None) -> Self:
        """The deployment of the configuration in force, or of the one at ``path``.

        Raises:
            ConfigError: the configuration does not fit.
        """
        config = load_config(path)
        return cls(config, load_plugins(config.plugins))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def collection(self, name: str | None = None) -> Collection:
        """A collection by name; without a name the only one.

        Raises:
            ConfigError: there is none of that name, or several and no name was given.
        """
        name, _ = self.config.collection(name)
        with self._lock:
            if name not in self._collections:
                self._collections[name] = Collection(self.config, self.plugins, name)
            return self._collections[name]

    @property
    def names(self) -> list[str]:
        """The collections, in the order of the configuration."""
        return list(self.config.collections)

    def gather(self, hook: str, of: type[T], **arguments: object) -> list[T]:
        """What every plugin gives by a hook that returns lists of ``of``; what a plugin does wrong is logged, and left out."""
        return self.plugins.gather(hook, of, **arguments)

    def explain(self, error: BaseException) -> str:
        """One line for the log on an exception that nobody foresaw: what was raised, and by which plugin of which package or file."""
        return explain_failure(error, self.plugins)

    def culprit(self, error: BaseException) -> str:
        """The name of the plugin that raised an exception; empty where seealso itself did."""
        plugin = raised_by(error, self.plugins)
        return "" if plugin is None else plugin.name

    def check(self) -> None:
        """Check the configuration, that the parts of each collection fit together, and that its descriptors are looked for where
        they are; nothing is made or written.

        Raises:
            ConfigError: the first that does not fit, with its place.
        """
        self.config.check(self.plugins)
        for problem in self.plugins.problems:
            if Path(problem.source) in self.config.plugins:
                raise ConfigError(str(problem))
        for name in self.config.collections:
            parts = self.collection(name).parts
            try:
                # An extractor that cannot be used says so when it is asked what it gives.
                provenance = parts.extractor.provenance
            except PluginError as error:
                raise ConfigError(f"{self.config.source.place(place_of(name, EXTRACTOR))}: {error}") from error
            parts.distance(provenance.dtype)
            parts.check_sketch()
            try_words(parts)
            parts.choices()  # every other part is looked for
            parts.check_store()
        for place, frontend in enumerate(self.frontends() if self.config.frontends else ()):
            try:
                frontend.check(self.names)
            except ConfigError as error:
                raise ConfigError(f"{self.config.source.place(('frontends', place))}: {error}") from None

    def frontends(self) -> list[Frontend]:
        """The frontends that the configuration names; without any, the best that is installed.

        Raises:
            ConfigError: one does not exist, or its options do not fit.
        """
        choices = self.config.frontends or [PluginChoice(self.plugins.preferred(FRONTEND))]
        frontends = []
        for place, choice in enumerate(choices):
            cls, options = self.config.options(self.plugins, FRONTEND, choice, ("frontends", place))
            frontends.append(cls(options))
        return frontends

    def serve(self, stop: threading.Event) -> None:
        """Run all frontends, each in a thread of its own, until ``stop`` is set or all have ended by themselves.

        Raises:
            SeealsoError: what the first frontend to fail raised; the others were told to stop.
        """
        failures: list[BaseException] = []
        running = [
            threading.Thread(target=self._run, args=(frontend, stop, failures), name=f"frontend {frontend.name}")
            for frontend in self.frontends()
        ]
        for thread in running:
            thread.start()
        for thread in running:
            # A join without a limit would keep signals from being handled.
            while thread.is_alive():
                thread.join(0.2)
        if failures:
            raise failures[0]

    def _run(self, frontend: Frontend, stop: threading.Event, failures: list[BaseException]) -> None:
        try:
            frontend.run(self, stop)
        except SeealsoError as error:
            failures.append(error)
            stop.set()
        except Exception as error:
            wrapped = PluginError(f"the frontend {frontend.name} failed: {self.explain(error)}")
            wrapped.__cause__ = error
            failures.append(wrapped)
            stop.set()

    def close(self) -> None:
        """Close every collection."""
        with self._lock:
            for collection in self._collections.values():
                collection.close()
            self._collections.clear()
