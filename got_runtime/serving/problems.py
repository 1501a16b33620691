"""Errors as problem documents (RFC 9457), one type for each class of error, and whether to try again."""

import logging
import re
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from got_runtime import errors
from got_runtime.errors import GotError

__all__ = ["Problem", "as_problem"]

MEDIA_TYPE = "application/problem+json"
CLIENT_CLOSED_REQUEST = 499
"""Nobody reads this answer; the number is nginx's, for logs."""

logger = logging.getLogger(__name__)

_STATUS: tuple[tuple[type[GotError], int], ...] = (
    (errors.SourceForbidden, 403),
    (errors.SourceUnsupported, 415),
    (errors.LimitExceeded, 413),
    (errors.SourceError, 422),
    (errors.OptionError, 422),
    (errors.TaskError, 422),
    (errors.MissingExtra, 501),
    (errors.EngineError, 503),
    (GotError, 500),
)
"""The first class that fits decides."""

_RETRYABLE = frozenset({408, 429, 503})


class Problem(Exception):
    """An answer that is no result.

    Args:
        status: of HTTP.
        code: name of the error, such as ``"SourceCorrupt"`` or ``"Busy"``.
        detail: what was wrong and what to do, in one line.
        headers: further headers of the answer.
        fields: further members of the document.
    """

    def __init__(
        self, status: int, code: str, detail: str, *, headers: dict[str, str] | None = None, **fields: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}
        self.fields = fields

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status in _RETRYABLE

    def document(self) -> dict[str, Any]:
        """The members of the problem document."""
        return {
            "type": f"urn:got-ocr:problem:{_kebab(self.code)}",
            "title": re.sub(r"(?<!^)([A-Z])", r" \1", self.code).capitalize(),
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "retryable": self.retryable,
            **self.fields,
        }

    def response(self) -> Response:
        """The answer."""
        return JSONResponse(self.document(), self.status, self.headers, MEDIA_TYPE)


def as_problem(error: BaseException) -> Problem:
    """The problem document of any exception. One that is no GotError is logged, and its message is not shown."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, GotError):
        status = next(status for kind, status in _STATUS if isinstance(error, kind))
        return Problem(status, type(error).__name__, str(error))
    logger.error("a request failed", exc_info=error)
    return Problem(500, "InternalError", "the service failed to answer; its log has the reason")


def http_problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Problem:
    """The problem document of an error of the web framework."""
    try:
        code = HTTPStatus(status).phrase.title().replace(" ", "").replace("-", "")
    except ValueError:
        code = "Error"
    return Problem(status, code, detail, headers=headers)


async def on_exception(_: Request, error: Exception) -> Response:
    """Exception handler of the application for problems and GotErrors."""
    return as_problem(error).response()


async def on_disconnect(_: Request, error: Exception) -> Response:
    """Exception handler of the application for clients that went away."""
    return Response(status_code=CLIENT_CLOSED_REQUEST)


def _kebab(code: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"-\1", code).lower()
