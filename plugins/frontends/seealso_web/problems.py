"""What can be wrong with a request, and how it is told: problem details (RFC 9457), or a page where a person asks."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from seealso import (
    FileError,
    ImageError,
    ImageTooLarge,
    NoCollection,
    NoObject,
    QueryError,
    SeealsoError,
    one_line,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seealso import Collection, Host

log = logging.getLogger("seealso_web")


class Problem(Exception):
    """A request that is not answered as asked.

    Args:
        status: the HTTP status.
        detail: one line for who asked: what is wrong, and what to do.
        headers: more headers for the response.
    """

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = one_line(detail)
        self.headers = dict(headers or {})

    @property
    def title(self) -> str:
        """The name of the status."""
        return HTTPStatus(self.status).phrase


def problem_of(error: Exception, host: Host[Collection]) -> Problem:
    """What to tell of an exception. What only the operator can mend is in the log, and not told to a visitor."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):
        detail = "There is nothing at this address." if error.status_code == 404 else str(error.detail)
        return Problem(error.status_code, detail, error.headers)
    if isinstance(error, ImageTooLarge):
        return Problem(413, "The image is larger than what is taken here; make it smaller.")
    if isinstance(error, ImageError):
        return Problem(422, f"The image cannot be used: {error}.")
    if isinstance(error, NoCollection):
        return Problem(404, "Nothing has been taken into this collection yet.")
    if isinstance(error, NoObject):
        return Problem(404, f"There is no object {error.id} here; it may have been removed.")
    if isinstance(error, QueryError | FileError):
        return Problem(422, f"{error}")
    if isinstance(error, SeealsoError):
        log.error("%s", error)
        return Problem(500, "The collection cannot be used at the moment; the server's log says why.")
    log.error("%s", host.explain(error), exc_info=error)
    culprit = host.culprit(error)
    broken = f"The plugin {culprit}" if culprit else "Something"
    return Problem(500, f"{broken} is broken here; the server's log says how.")


def wants_page(request: Request) -> bool:
    """Whether a person is to read the answer."""
    return not request.url.path.startswith("/api/") and "text/html" in request.headers.get("accept", "")


def as_details(request: Request, problem: Problem) -> Response:
    """Problem details."""
    document = {
        "type": "about:blank",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": one_line(request.url.path),
    }
    body = json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace")
    headers = {"Cache-Control": "no-store", **problem.headers}
    return Response(body, problem.status, headers, "application/problem+json")
