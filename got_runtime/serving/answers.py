"""Results in the format that a client accepts: JSON, JSON lines, events, Markdown, HTML, text."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

from fastapi.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from got_runtime.results import DocumentResult, PageResult
from got_runtime.serving.problems import Problem

__all__ = [
    "JSON",
    "LINES",
    "SSE",
    "ClosingResponse",
    "chosen",
    "document_json",
    "json_line",
    "page_json",
    "rendered",
    "sse",
    "unless_gone",
    "with_pings",
]

_Result = TypeVar("_Result")

JSON, LINES, SSE = "application/json", "application/x-ndjson", "text/event-stream"
MARKDOWN, HTML, TEXT = "text/markdown", "text/html", "text/plain"
PING_SECONDS = 15.0
"""Proxies end a connection on which nothing is sent; 60 s are usual."""
_HTML_HEADERS = {"Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"}
"""The text of a page is a stranger's: whatever it holds runs nothing in the service's origin."""


def chosen(accept: str, offered: Sequence[str]) -> str:
    """The media type to answer with.

    Args:
        accept: the header; the most preferred of the offered types is chosen (RFC 9110), the first one for ``*/*``.
        offered: media types, the default first.

    Raises:
        Problem: none is accepted.
    """
    best, best_quality = None, 0.0
    for part in accept.split(",") if accept.strip() else ["*/*"]:
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = next((_quality(each[2:]) for each in parameters if each.startswith("q=")), 1.0)
        for kind in offered:
            fits = name in (kind, "*/*", f"{kind.partition('/')[0]}/*")
            if fits and quality > best_quality:
                best, best_quality = kind, quality
    if best is None:
        raise Problem(406, "NotAcceptable", f"give one of these in Accept: {', '.join(offered)}")
    return best


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _extras(result: DocumentResult | PageResult, include: Sequence[str]) -> dict[str, Any]:
    from got_runtime.markup import to_html, to_json, to_markdown

    render: dict[str, Callable[[], Any]] = {
        "markdown": lambda: to_markdown(result.elements),
        "html": lambda: to_html(result.elements, title=result.source),
        "elements": lambda: json.loads(to_json(result.elements)),
    }
    return {name: render[name]() for name in include}


def page_json(page: PageResult, include: Sequence[str] = ()) -> dict[str, Any]:
    """A page with the extras."""
    return {**page.model_dump(mode="json"), **_extras(page, include)}


def document_json(document: DocumentResult, include: Sequence[str] = ()) -> dict[str, Any]:
    """A document with the extras, for itself and for each page."""
    return {
        **document.model_dump(mode="json", exclude={"pages"}),
        "pages": [page_json(page, include) for page in document.pages],
        **_extras(document, include),
    }


def rendered(document: DocumentResult, kind: str, include: Sequence[str] = ()) -> Response:
    """A whole document."""
    if kind == HTML:
        return HTMLResponse(document.html, headers=_HTML_HEADERS)
    if kind in (MARKDOWN, TEXT):
        return Response(document.markdown if kind == MARKDOWN else document.text, media_type=f"{kind}; charset=utf-8")
    if not include:  # pydantic writes JSON faster than Python
        return Response(document.model_dump_json(), media_type=JSON)
    return JSONResponse(document_json(document, include))


def json_line(value: Any) -> bytes:
    """A line of JSON lines."""
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


def sse(event: str, data: Any, id: str | None = None) -> bytes:
    """A server-sent event with JSON as its data."""
    return format_sse_event(data_str=json.dumps(data, ensure_ascii=False), event=event, id=id)


async def with_pings(
    parts: AsyncGenerator[bytes, None], ping: bytes = KEEPALIVE_COMMENT
) -> AsyncGenerator[bytes, None]:
    """The parts, and a comment wherever nothing was sent for :data:`PING_SECONDS`."""
    async with aclosing(parts):
        step: asyncio.Future[bytes] | None = None
        try:
            while True:
                step = step or asyncio.ensure_future(anext(parts))
                done, _ = await asyncio.wait({step}, timeout=PING_SECONDS)
                if not done:
                    yield ping
                    continue
                try:
                    part = step.result()
                except StopAsyncIteration:
                    return
                step = None
                yield part
        finally:
            if step is not None:
                step.cancel()
                with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration, Exception):
                    await step


async def unless_gone(receive: Receive, work: Coroutine[Any, Any, _Result]) -> _Result:
    """The result of ``work``, which is cancelled if the client goes away. The body must have been read.

    Raises:
        ClientDisconnect: the client went away.
        BaseException: what ``work`` raises.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        for each in (task, gone):
            each.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await each


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class ClosingResponse(StreamingResponse):
    """A streamed answer that ends when its client goes away, also while there is nothing to send.

    Its generator is closed and ``release`` called, however the connection ends.
    """

    def __init__(self, parts: AsyncGenerator[bytes, None], media_type: str, release: Callable[[], None]) -> None:
        # Proxies such as nginx would collect the parts of an answer.
        super().__init__(parts, media_type=media_type, headers={"X-Accel-Buffering": "no"})
        self._parts = parts
        self._release = release

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with contextlib.suppress(ClientDisconnect, OSError):
                await unless_gone(receive, self.stream_response(send))
        finally:
            await self._parts.aclose()
            self._release()


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        return round(time.monotonic() - self._started, 3)
