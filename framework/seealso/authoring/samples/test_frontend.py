"""The plugin acme does what the framework asks of its kind."""

import json
import socket
import time
from urllib.error import URLError
from urllib.request import urlopen

import pytest

import seealso
from seealso.authoring.samples.frontend import Acme, AcmeOptions
from seealso.testing import FrontendTests


class TestAcme(FrontendTests):
    """All of it."""

    frontend_class = Acme

    @pytest.fixture
    def frontend(self) -> Acme:
        """One that listens at a port that is free."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        return Acme(AcmeOptions(port=port))

    def ask(self, frontend: seealso.Frontend, collection: str, id_: int) -> list[int]:
        """Over HTTP, as soon as it answers."""
        assert isinstance(frontend, Acme)
        deadline = time.monotonic() + 10
        while True:
            try:
                with urlopen(f"http://127.0.0.1:{frontend.options.port}/{collection}/{id_}", timeout=10) as answer:
                    return [hit["id"] for hit in json.load(answer)["hits"]]
            except URLError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
