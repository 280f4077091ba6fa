"""The frontend: a socket, a server, and its end when it is told to stop."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from seealso import Frontend
from seealso_web.options import WebOptions

if TYPE_CHECKING:
    from seealso import Collection, Host


class Web(Frontend):
    """Pages for people and a JSON API for programs, over HTTP."""

    name = "web"
    preference = 20
    Options = WebOptions
    options: WebOptions

    def check(self, names: Sequence[str]) -> None:
        """Each name is the first part of an address."""
        from seealso_web.links import check_name

        for name in names:
            check_name(name)

    def run(self, host: Host[Collection], stop: threading.Event) -> None:
        """Serve until ``stop`` is set; requests in flight are then finished.

        Raises:
            ConfigError: it cannot listen there, or a collection's name cannot be part of an address.
        """
        from seealso_web.server import serve

        serve(host, self.options, stop)
