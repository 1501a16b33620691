"""What every request passes before its route: origin, key, size and time of the body; headers of every answer."""

import asyncio
import hmac
import logging
import time
from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fastapi.responses import Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from got_runtime.serving.problems import Problem

if TYPE_CHECKING:
    from got_runtime.serving.settings import ServeSettings

__all__ = ["Gate", "key_of_request"]

logger = logging.getLogger(__name__)

OPEN_PATHS = ("/", "/health", "/ready", "/openapi.json", "/favicon.ico")
"""Answered without a key: they hold nothing of a user's."""
_OPEN_FOLDER = "/static/"
_BODY_ROOM = 1 << 20
"""Bytes that a multipart body may have besides the document."""

Respond = Callable[[str, Problem], Response]
"""From the path and a problem to the answer in the shape of the path's dialect."""
Record = Callable[[str, str, int, float], None]
"""Called with method, route, status and seconds of every request."""


class Gate:
    """An ASGI middleware. It wraps ``receive`` and never reads ahead, so that routes see a client go away.

    Args:
        app: what it protects.
        settings: keys, origins and bounds.
        respond: makes the answer of a refused request.
        record: for metrics.
        is_draining: whether the service is being stopped; requests that are cancelled then have run out of time.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: "ServeSettings",
        respond: Respond,
        record: Record,
        is_draining: Callable[[], bool],
    ) -> None:
        self._app = app
        self._settings = settings
        self._keys = tuple(key.get_secret_value().encode() for key in settings.keys)
        self._respond = respond
        self._record = record
        self._is_draining = is_draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.monotonic(), 0

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Cache-Control", "no-store")
                headers.setdefault("Referrer-Policy", "no-referrer")
                self._allow_origin(headers, scope)
            await send(message)

        try:
            if (answer := self._early_answer(scope)) is not None:
                await answer(scope, receive, sent)
            else:
                await self._app(scope, self._bounded(scope, receive), sent)
        except asyncio.CancelledError:
            if not self._is_draining():
                raise
            # Raised on, the server would log a traceback for each request.
            logger.warning("%s %s was cut off: the service is being stopped", scope["method"], scope["path"])
            if not status:
                problem = Problem(503, "Draining", "the service is being stopped: try another one, or later")
                await self._respond(str(scope["path"]), problem)(scope, receive, sent)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._record(scope["method"], route, status or 499, time.monotonic() - started)

    def _early_answer(self, scope: Scope) -> Response | None:
        """The answer of a request that does not reach its route."""
        headers, path = Headers(scope=scope), str(scope["path"])
        if self._settings.hosts and _host_name(headers) not in self._settings.hosts:
            return self._respond(path, Problem(421, "HostForbidden", "the service has another name: --allow-host"))
        origin = headers.get("origin")
        if origin is not None and not self._is_allowed(origin, headers):
            problem = Problem(403, "OriginForbidden", "pages of this origin may not call the service: --allow-origin")
            return self._respond(path, problem)
        if origin is not None and scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            return Response(status_code=204)
        if self._keys and path not in OPEN_PATHS and not path.startswith(_OPEN_FOLDER) and not self._has_key(headers):
            problem = Problem(
                401,
                "Unauthorized",
                "give a valid key: Authorization: Bearer KEY, or X-Api-Key: KEY",
                headers={"WWW-Authenticate": "Bearer"},
            )
            return self._respond(path, problem)
        announced = headers.get("content-length", "0")
        if announced.isdecimal() and int(announced[:20]) > self._max_body:
            return self._respond(path, self._too_large())
        return None

    @property
    def _max_body(self) -> int:
        return self._settings.limits.max_bytes + _BODY_ROOM

    def _too_large(self) -> Problem:
        most = self._settings.limits.max_bytes
        return Problem(413, "LimitExceeded", f"the body is larger than {most:,} bytes: split the document")

    def _is_allowed(self, origin: str, headers: Headers) -> bool:
        """Whether a page of this origin may call: the service's own page, or one that the settings name."""
        try:
            own = urlsplit(origin).netloc == headers.get("host")
        except ValueError:
            own = False
        return own or origin in self._settings.allowed_origins

    def _allow_origin(self, headers: MutableHeaders, scope: Scope) -> None:
        origin = Headers(scope=scope).get("origin")
        if origin in self._settings.allowed_origins:
            headers["Access-Control-Allow-Origin"] = str(origin)
            headers["Access-Control-Allow-Headers"] = (
                "Authorization, X-Api-Key, Content-Type, Accept, Last-Event-ID, Idempotency-Key"
            )
            headers["Access-Control-Allow-Methods"] = "GET, POST, PUT, DELETE"
            headers["Access-Control-Expose-Headers"] = "Location, Retry-After"
            headers["Vary"] = "Origin"

    def _has_key(self, headers: Headers) -> bool:
        given = key_of_request(headers).encode()
        # Every key is compared, in constant time: the time tells nothing of how much was right.
        matches = [hmac.compare_digest(given, key) for key in self._keys]
        return any(matches)

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        """``receive`` that raises Problem when the body is too large, or arrives too slowly."""
        deadline = time.monotonic() + self._settings.body_seconds
        size, complete = 0, False

        async def bounded() -> MutableMapping[str, Any]:
            nonlocal size, complete
            if complete:
                return await receive()
            left = min(self._settings.idle_seconds, deadline - time.monotonic())
            try:
                message = await asyncio.wait_for(receive(), max(left, 0.001))
            except TimeoutError as error:
                complete = True
                raise Problem(
                    408, "RequestTimeout", "the body arrived too slowly: send it again", headers={"Connection": "close"}
                ) from error
            if message["type"] == "http.request":
                size += len(message.get("body", b""))
                complete = not message.get("more_body", False)
                if size > self._max_body:
                    complete = True
                    raise self._too_large()
            return message

        return bounded


def _host_name(headers: Headers) -> str:
    """The name in the header ``Host``, without the port."""
    try:
        return urlsplit(f"//{headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


def key_of_request(headers: Headers) -> str:
    """The key that a client sends, in any of the ways of the dialects; empty if it sends none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")


def on_path(shapes: dict[str, Callable[[Problem], Response]]) -> Respond:
    """The function that answers a problem in the shape of the path's dialect, which the longest prefix decides."""

    def respond(path: str, problem: Problem) -> Response:
        prefixes = [prefix for prefix in shapes if path == prefix or path.startswith(f"{prefix}/")]
        return shapes[max(prefixes, key=len)](problem) if prefixes else problem.response()

    return respond
