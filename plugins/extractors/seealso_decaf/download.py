"""Fetches a published file: goes on where an interrupted try ended, and lets nothing pass that has another hash."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import http.client
import os
import re
import ssl
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from seealso import DiskFull, FileError, SeealsoError, sync_directory
from seealso_decaf.published import PublishedFile

BLOCK = 1 << 18
LARGEST = 1 << 30
"""No published file has so many bytes; a server that sends more is not sending one."""

SECONDS_TO_ANSWER = 30.0

Progress = Callable[[int, int | None], None]
"""Is told how many bytes are there, and of how many; None where the server does not say."""


def fetch(published: PublishedFile, target: Path, progress: Progress) -> str:
    """Fetch a published file to ``target``; returns its SHA-256, hexadecimal.

    Meanwhile its name ends in ``.part``. That file stays when the connection breaks or the disk is full, and the next call
    goes on from there; the name ``target`` is given only to a whole file with the published hash that is on the disk to
    stay. A ``target`` that is such a file already is left alone.

    Raises:
        SeealsoError: there is no way to the server, it has no such file, the connection broke, what came has another hash
            (it is removed).
        FileError: ``target`` cannot be written, or is another file.
        DiskFull: there is no room.
    """
    if target.exists():
        return _check_present(published, target)
    part = target.with_name(target.name + ".part")
    with _locked(part) as file:
        content = _Content(published, file)
        resumed = content.size > 0
        _download(published, content, part, progress)
        if resumed and not content.is_right:
            # The file may have changed on the server since; or what was there was never a piece of it.
            content.start_again()
            _download(published, content, part, progress)
        if not content.is_right:
            part.unlink()
            raise SeealsoError(f"{published.url}: what came is {content.mistake}; it was removed")
        with _writing(part):
            os.fsync(file.fileno())
            part.rename(target)
            sync_directory(target.absolute().parent)
    return content.sha256


def _check_present(published: PublishedFile, target: Path) -> str:
    if not target.is_file():
        raise FileError(f"{target}: it is there already, and no file; name another place with --to")
    with target.open("rb") as file:
        content = _Content(published, file)
    if not content.is_right:
        raise FileError(f"{target}: it is there already, and is {content.mistake}; name another place with --to")
    return content.sha256


class _Content:
    """A file that grows, with its hashes."""

    def __init__(self, published: PublishedFile, file: IO[bytes]) -> None:
        self._published = published
        self._file = file
        self._forget()
        while block := file.read(BLOCK):
            self._take(block)

    def _forget(self) -> None:
        self.size = 0
        self._beginning = b""
        self._hash = hashlib.new(self._published.algorithm, usedforsecurity=False)
        self._sha256 = hashlib.sha256()

    def _take(self, block: bytes) -> None:
        self.size += len(block)
        self._beginning = self._beginning or block[:512]
        self._hash.update(block)
        self._sha256.update(block)

    def append(self, block: bytes) -> None:
        """Write it too. Of a disk that is full as much is used as there is."""
        while block:
            written = self._file.write(block)
            self._take(block[:written])
            block = block[written:]

    def start_again(self) -> None:
        """Forget all that was there."""
        self._file.seek(0)
        self._file.truncate()
        self._forget()

    @property
    def is_right(self) -> bool:
        """Whether it has the published hash."""
        return self._hash.hexdigest().startswith(self._published.digest)

    @property
    def sha256(self) -> str:
        """Its SHA-256, hexadecimal."""
        return self._sha256.hexdigest()

    @property
    def mistake(self) -> str:
        """What it is instead of the published file."""
        if re.match(rb"\s*<(!doctype\s+html|html)", self._beginning, re.IGNORECASE):
            return f"a web page of {self.size:,} bytes (a login or an error?), not the published file"
        algorithm = self._published.known_by.split()[0]
        return (
            f"damaged, or another file: its {algorithm} is {self._hash.hexdigest()}, and of the published one it is known: "
            f"{self._published.known_by}"
        )


@contextmanager
def _locked(part: Path) -> Iterator[IO[bytes]]:
    """The unfinished file, for us alone, to be read from its beginning."""
    with _writing(part):
        # Not buffered: what could not be written must not be tried again when the file is closed.
        file = os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "r+b", buffering=0)
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SeealsoError(
                f"{part}: another process is fetching it; wait for that, or name another place with --to"
            ) from None
        try:
            yield file
        finally:
            # An attempt that brought nothing leaves nothing.
            if os.fstat(file.fileno()).st_size == 0:
                part.unlink(missing_ok=True)


@contextmanager
def _writing(part: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write into our errors."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DiskFull(
                f"{part}: the disk is full; make room and run the command again, it goes on from there"
            ) from error
        raise FileError(f"{part}: cannot be written: {error.strerror}; name another place with --to") from error


def _download(published: PublishedFile, content: _Content, part: Path, progress: Progress) -> None:
    """Append what is missing; whether it is right is for the caller to see."""
    response = _request(published, content)
    if response is None:
        return
    with response:
        length = response.headers.get("Content-Length", "")
        total = content.size + int(length) if length.isascii() and length.isdigit() else None
        progress(content.size, total)
        while block := _read(published, content, response):
            if content.size + len(block) > LARGEST:
                raise SeealsoError(
                    f"{published.url}: more than {LARGEST:,} bytes come, so it is not the published file"
                )
            with _writing(part):
                content.append(block)
            progress(content.size, total)
        if total is not None and content.size < total:
            raise _broken(published, content, f"the connection ended before its {total:,} bytes were there")


def _request(published: PublishedFile, content: _Content) -> Any:
    """The server's answer, at the first byte that is missing; None where it has no more.

    A server that cannot begin there begins anew, and so do we.
    """
    request = urllib.request.Request(published.url, headers={"User-Agent": "seealso"})  # noqa: S310 - see _opener
    if content.size:
        request.add_header("Range", f"bytes={content.size}-")
    try:
        response = _opener().open(request, timeout=SECONDS_TO_ANSWER)
    except HTTPError as error:
        error.close()
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and content.size:
            return None
        raise SeealsoError(
            f"{published.url}: the server answers {error.code} {error.reason}; try again later, or get a file "
            f"{published.file_name} elsewhere and check it ({published.known_by})"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        raise SeealsoError(
            f"{published.url}: the server cannot be reached: {_reason(error)}; check the connection, or get the file on "
            f"another machine and check it ({published.known_by})"
        ) from error
    answered = response.headers.get("Content-Range", "")
    if response.status != http.client.PARTIAL_CONTENT or not answered.startswith(f"bytes {content.size}-"):
        if response.status == http.client.PARTIAL_CONTENT:
            response.close()
            raise SeealsoError(
                f"{published.url}: the server answers with other bytes ({answered}) than was asked; try again later"
            )
        content.start_again()
    return response


def _read(published: PublishedFile, content: _Content, response: Any) -> bytes:
    try:
        block: bytes = response.read(BLOCK)
    except (OSError, http.client.HTTPException) as error:
        raise _broken(published, content, f"the connection broke: {_reason(error)}") from error
    return block


def _broken(published: PublishedFile, content: _Content, reason: str) -> SeealsoError:
    return SeealsoError(
        f"{published.url}: {reason}; {content.size:,} bytes are kept, and running the command again goes on from there"
    )


def _reason(error: Exception) -> str:
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, TimeoutError):
        return f"no answer within {SECONDS_TO_ANSWER:.0f} seconds"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({cause.verify_message})"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return " ".join(str(cause).split()) or type(cause).__name__


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a server to another place on the web, and never from an encrypted connection to an open one."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        before, after = urlsplit(req.full_url).scheme, urlsplit(newurl).scheme
        if after not in ("http", "https") or (before, after) == ("https", "http"):
            raise URLError(f"it sends us to {newurl}, where we do not go")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """Opens http and https, and no other kind of place: no files of this machine, no FTP."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener
