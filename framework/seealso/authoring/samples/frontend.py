"""The frontend ``acme``: answers ``GET /COLLECTION/ID`` with the neighbours of an object, as JSON."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pydantic import Field

import seealso

ADDRESS = re.compile(r"/(?P<collection>[\w.-]+)/(?P<id>[0-9]{1,18})")
LOOK_SECONDS = 0.2  # how often it is looked whether to stop


class AcmeOptions(seealso.PluginOptions):
    """The options of the frontend acme."""

    host: str = Field(
        default="127.0.0.1", description="the address it listens at; by default only this machine reaches it"
    )
    port: int = Field(default=8088, ge=1, le=65535, description="the port")
    neighbours: int = Field(default=20, ge=1, le=1000, description="how many neighbours an answer holds")


class Acme(seealso.Frontend):
    """Answers over HTTP."""

    name = "acme"
    Options = AcmeOptions
    options: AcmeOptions

    def run(self, host: seealso.Host[seealso.Collection], stop: threading.Event) -> None:
        """Serve until ``stop`` is set; what is being answered is finished.

        Raises:
            ConfigError: it cannot listen there.
        """
        neighbours = self.options.neighbours

        class Handler(BaseHTTPRequestHandler):
            timeout = 10  # seconds for a slow sender

            def do_GET(self) -> None:
                asked = ADDRESS.fullmatch(self.path)
                if asked is None:
                    self.answer(404, {"error": "ask for /COLLECTION/ID"})
                    return
                try:
                    collection = host.collection(asked["collection"])
                    hits = collection.similar(int(asked["id"]), neighbours, others=True).hits
                except seealso.SeealsoError as error:
                    self.answer(404, {"error": str(error)})
                    return
                self.answer(200, {"hits": [{"id": hit.id, "distance": hit.distance} for hit in hits]})

            def answer(self, status: int, document: object) -> None:
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:
                """Say nothing of every request."""

        class Server(ThreadingHTTPServer):
            daemon_threads = False
            timeout = LOOK_SECONDS

        try:
            server = Server((self.options.host, self.options.port), Handler)
        except OSError as error:
            raise seealso.ConfigError(
                f"cannot listen at {self.options.host}:{self.options.port}: {error.strerror}; choose another `port:`"
            ) from None
        with server:
            while not stop.is_set():
                server.handle_request()
