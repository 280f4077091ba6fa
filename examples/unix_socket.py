"""The frontend ``unix-socket``: answers programs on the same machine through a socket in the file system.

A plugin in one file. Name it in a configuration:

    plugins: [./unix_socket.py]
    collections:
      photos: {path: ./photos.seealso}
    frontends:
      - {plugin: unix-socket, socket: ./seealso.sock}

A request is a line of JSON, and so is its answer; a connection may be kept for many:

    {"collection": "photos", "path": "/home/ada/cat.jpg", "k": 5}
    {"hits": [{"id": 12, "distance": 8.25, "path": "/home/ada/Pictures/tiger.jpg"}, …]}

In the place of a path there may be an ``"id"``. Who may connect is decided by the permissions of the file: its owner alone.
"""

import asyncio
import contextlib
import json
import os
import socket
import stat
import threading
from pathlib import Path
from typing import Any

from pydantic import Field

import seealso

LONGEST_LINE = 64 << 10
LOOK_SECONDS = 0.1  # how often it is looked whether to stop
FINISH_SECONDS = 5  # for what is being answered then


class UnixSocketOptions(seealso.PluginOptions):
    """The options of the frontend unix-socket."""

    socket: seealso.RelativePath = Field(
        description="the socket's path; made when it is served, and removed at the end"
    )


class UnixSocket(seealso.Frontend):
    """Answers lines of JSON on a Unix socket."""

    name = "unix-socket"
    Options = UnixSocketOptions
    options: UnixSocketOptions

    def run(self, host: seealso.Host[seealso.Collection], stop: threading.Event) -> None:
        """Serve until ``stop`` is set.

        Raises:
            ConfigError: something else is there, or somebody serves there already.
        """
        path = self.options.socket
        _remove_stale(path)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)
        try:
            listening.bind(str(path))
        except OSError as error:
            listening.close()
            raise seealso.ConfigError(f"cannot listen at {path}: {error.strerror}; choose another `socket:`") from None
        finally:
            os.umask(mask)
        try:
            asyncio.run(_serve(listening, host, stop))
        finally:
            path.unlink(missing_ok=True)


def _remove_stale(path: Path) -> None:
    """Remove the socket of one that was killed; nothing else, and no socket that answers."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise seealso.ConfigError(f"{path} is there already, and is no socket; choose another `socket:`")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        try:
            asking.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise seealso.ConfigError(f"{path} cannot be used: {error.strerror}; choose another `socket:`") from None
    raise seealso.ConfigError(f"{path}: somebody serves there already; choose another `socket:`")


async def _serve(listening: socket.socket, host: seealso.Host[seealso.Collection], stop: threading.Event) -> None:
    conversations: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        conversations.add(task)
        try:
            with contextlib.suppress(ConnectionError, ValueError):  # they left; or a line was too long
                while line := await reader.readline():
                    document = await asyncio.to_thread(_answer, host, line)
                    writer.write(json.dumps(document).encode() + b"\n")
                    await writer.drain()
        finally:
            conversations.discard(task)
            writer.close()

    server = await asyncio.start_unix_server(converse, sock=listening, limit=LONGEST_LINE)
    async with server:
        while not stop.is_set():
            await asyncio.sleep(LOOK_SECONDS)
        server.close()
        for task in conversations:
            task.cancel()
        if conversations:
            await asyncio.wait(conversations, timeout=FINISH_SECONDS)


def _answer(host: seealso.Host[seealso.Collection], line: bytes) -> dict[str, Any]:
    """The answer to one line; what is wrong with it is an answer too."""
    try:
        asked = json.loads(line)
        query = asked["path"] if "path" in asked else int(asked["id"])
        collection = host.collection(asked.get("collection"))
        hits = collection.similar(query, min(int(asked.get("k", 10)), 1000)).hits
    except seealso.SeealsoError as error:
        return {"error": str(error)}
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return {"error": 'a request is a line such as {"collection": "photos", "path": "/cat.jpg", "k": 10}'}
    return {
        "hits": [{"id": hit.id, "distance": hit.distance, "path": seealso.shown_path(hit.paths[0])} for hit in hits]
    }


@seealso.hookimpl
def register_frontends() -> list[type[seealso.Frontend]]:
    """The frontend unix-socket."""
    return [UnixSocket]
