"""What the commands of one process share: the plugins, the configuration, the collections that are open."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from seealso import ConfigError, find_config, own_stdout, read_plugin_files
from seealso_cli.output import note

if TYPE_CHECKING:
    from seealso import Collection, Config, Deployment, Plugins


class Session:
    """Everything is loaded when a command first asks for it.

    Args:
        deployment: one that is open already; it then stays open.
    """

    def __init__(self, deployment: Deployment | None = None) -> None:
        self.config_file: Path | None = None
        self.collection_name: str | None = None
        self.debug = False
        self._deployment = deployment
        self._owned = deployment is None
        self._plugins: Plugins | None = deployment.plugins if deployment else None
        self._warned: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._owned and self._deployment is not None:
            with own_stdout():
                self._deployment.close()

    @property
    def interactive(self) -> bool:
        """Whether commands are read while a deployment is served, rather than one from the command line."""
        return not self._owned

    @property
    def plugins(self) -> Plugins:
        """What is installed, and what the configuration names as files; also when the rest of it is broken."""
        if self._plugins is None:
            from seealso import load_plugins

            file = find_config(self.config_file)
            try:
                files = read_plugin_files(file) if file is not None else []
            except ConfigError:
                # `config` will say so; a broken file must not keep `--help` and `init` from working.
                files = []
            self._plugins = load_plugins(files)
        return self._plugins

    @property
    def config(self) -> Config:
        """The configuration in force.

        Raises:
            ConfigError: it does not fit.
        """
        if self._deployment is not None:
            return self._deployment.config
        from seealso import load_config

        return load_config(self.config_file)

    @property
    def deployment(self) -> Deployment:
        """The deployment in force.

        Raises:
            ConfigError: the configuration does not fit.
        """
        if self._deployment is None:
            from seealso import Deployment

            self._deployment = Deployment(self.config, self.plugins)
            self.warn_of_plugins()
        return self._deployment

    def collection(self) -> Collection:
        """The collection that ``--in`` picks, or the only one.

        Raises:
            ConfigError: there is no such collection, or several and none was picked.
        """
        collection = self.deployment.collection(self.collection_name)
        self.warn_of_plugins()
        return collection

    def explained(self, error: Exception) -> str:
        """One line on an exception that nobody raised on purpose, which says whose fault it is."""
        from seealso import explain_failure

        return explain_failure(error, self.plugins)

    def blamed(self, error: OSError) -> str:
        """Which plugin the operating system refused something to, as the beginning of a line; empty where that was seealso itself."""
        from seealso import raised_by

        plugin = raised_by(error, self.plugins)
        return "" if plugin is None else f"plugin {plugin}: "

    def warn_of_plugins(self) -> None:
        """Say once of each plugin that cannot be used that it cannot, and why."""
        for problem in map(str, self._plugins.problems if self._plugins else ()):
            if problem not in self._warned:
                self._warned.add(problem)
                note(f"seealso: warning: {problem}")
