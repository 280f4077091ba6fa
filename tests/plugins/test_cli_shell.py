"""The frontend cli: commands from standard input, for as long as it is served."""

import json
import os
import time

import pytest

from seealso.testing import FrontendTests
from seealso_cli.shell import Shell


class TestShell(FrontendTests):
    frontend_class = Shell

    @pytest.fixture(autouse=True)
    def _standard_input(self, monkeypatch, capfdbinary):
        """A pipe in the place of standard input; what is printed to standard output is read back."""
        reading, writing = os.pipe()
        with os.fdopen(reading) as stream, os.fdopen(writing, "w") as self.commands:
            monkeypatch.setattr("sys.stdin", stream)
            self.printed = capfdbinary
            yield

    def ask(self, frontend, collection, id_):
        print(f"--in {collection} similar id:{id_} --json", file=self.commands, flush=True)
        answer, deadline = b"", time.monotonic() + 30
        while time.monotonic() < deadline:
            answer += self.printed.readouterr().out
            if answer.endswith(b"}\n"):
                return [hit["id"] for hit in json.loads(answer)["hits"]]
            time.sleep(0.02)
        raise TimeoutError("the shell does not answer")
