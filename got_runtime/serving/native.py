"""The native interface: ``POST /v1/read``, and what the service says of itself."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from got_runtime import __version__
from got_runtime.serving.answers import (
    HTML,
    JSON,
    LINES,
    MARKDOWN,
    SSE,
    TEXT,
    ClosingResponse,
    Stopwatch,
    chosen,
    json_line,
    page_json,
    rendered,
    sse,
    with_pings,
)
from got_runtime.serving.body import Reading
from got_runtime.serving.openapi import READ_BODY, READ_RESPONSES
from got_runtime.serving.problems import Problem, as_problem
from got_runtime.serving.read_queue import PageDone, Ticket, TokenRead
from got_runtime.serving.service import Service

__all__ = ["router"]

OFFERED = (JSON, LINES, "application/jsonl", SSE, MARKDOWN, HTML, TEXT)
ACCEPTED = ("application/pdf", *(f"image/{kind}" for kind in ("png", "jpeg", "webp", "bmp", "tiff", "gif")))
PYMUPDF_SOURCE = "https://github.com/pymupdf/PyMuPDF"
"""PyMuPDF is under the AGPL, which asks to show users of a service where its source is."""

router = APIRouter()


@router.post("/v1/read", openapi_extra={"requestBody": READ_BODY}, responses=READ_RESPONSES, tags=["native"])
async def read(request: Request) -> Response:
    """Read a document. ``Accept`` chooses the format of the answer."""
    service = Service.of(request)
    kind = chosen(request.headers.get("accept", ""), OFFERED)
    service.queue.check_room()
    reading = await service.intake.reading(request)
    if kind not in (SSE, LINES, "application/jsonl"):
        return rendered(await service.read(request, reading), kind, reading.include)
    ticket = await service.admit(reading)
    parts = with_pings(_events(service, ticket, reading)) if kind == SSE else _lines(service, ticket, reading)
    return ClosingResponse(parts, kind, lambda: service.release(ticket))


async def _events(service: Service, ticket: Ticket, reading: Reading) -> AsyncGenerator[bytes, None]:
    """``accepted``, then ``token`` and ``page`` events, then ``done`` or ``error``."""
    watch, failed, pages = Stopwatch(), 0, []
    accepted = {"source": ticket.source.source, "pages": list(ticket.numbers)}
    yield sse("accepted", {**accepted, "waiting_pages": service.queue.waiting_pages})
    try:
        async with aclosing(service.events(ticket, tokens=True)) as events:
            async for event in events:
                if isinstance(event, TokenRead):
                    yield sse("token", {"page": event.page, "text": event.text})
                elif isinstance(event, PageDone):
                    failed += event.result.error is not None
                    pages.append(event.result)
                    yield sse("page", page_json(event.result, reading.include), id=str(len(pages)))
    except Exception as error:  # noqa: BLE001 - the status line was sent long ago
        yield sse("error", as_problem(error).document())
        return
    document = service.document(ticket.source.source, ticket.options, pages).model_dump(mode="json", exclude={"pages"})
    yield sse("done", {**document, "pages": len(pages), "failed": failed, "seconds": watch.seconds})


async def _lines(service: Service, ticket: Ticket, reading: Reading) -> AsyncGenerator[bytes, None]:
    """A line for each page; where reading broke off, a last line with the member ``problem``."""
    try:
        async with aclosing(service.events(ticket)) as events:
            async for event in events:
                if isinstance(event, PageDone):
                    yield json_line(page_json(event.result, reading.include))
    except Exception as error:  # noqa: BLE001 - the status line was sent long ago
        yield json_line({"problem": as_problem(error).document()})


@router.get("/health", tags=["service"])
async def health() -> dict[str, str]:
    """Whether the process answers."""
    return {"status": "ok"}


@router.get("/ready", tags=["service"])
async def ready(request: Request) -> dict[str, str]:
    """Whether the service accepts documents: 200, or 503 while it is being stopped."""
    if Service.of(request).queue.draining:
        raise Problem(503, "Draining", "the service is being stopped")
    return {"status": "ready"}


@router.get("/metrics", tags=["service"])
async def metrics(request: Request) -> Response:
    """Numbers for Prometheus."""
    return Response(Service.of(request).metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/v1/capacity", tags=["service"])
async def capacity(request: Request) -> dict[str, Any]:
    """How much waits, and how fast it is read."""
    service = Service.of(request)
    queue, speed = service.queue, service.queue.pages_per_second
    return {
        "waiting_pages": queue.waiting_pages,
        "max_waiting_pages": service.settings.max_waiting_pages,
        "reading_pages": queue.reading_pages,
        "reading_documents": queue.reading_documents,
        "readers": service.settings.readers,
        "pages_per_second": None if speed is None else round(speed, 3),
        "seconds_until_free": queue.retry_after if queue.waiting_pages or queue.reading_pages else 0,
        "draining": queue.draining,
    }


@router.get("/v1/info", tags=["service"])
async def info(request: Request) -> Response:
    """Model, versions, limits, and where the source is."""
    service = Service.of(request)
    settings = service.settings
    return JSONResponse(
        {
            "name": "got-ocr",
            "version": __version__,
            "model": service.runtime.model_info.model_dump(mode="json"),
            "versions": {package: version(package) for package in ("torch", "transformers", "pymupdf", "pillow")},
            "tasks": ["plain", "format", "box", "color", "tiles", "pages"],
            "accepts": ACCEPTED,
            "answers": list(OFFERED),
            "limits": {
                **settings.limits.model_dump(mode="json"),
                "max_new_tokens": settings.max_new_tokens,
                "max_json_bytes": settings.max_json_bytes,
                "max_waiting_pages": settings.max_waiting_pages,
            },
            "fetches_addresses": settings.allow_remote,
            "needs_key": bool(settings.keys),
            "licence": "Apache-2.0, with PyMuPDF under AGPL-3.0",
            "source": {"got-ocr": settings.source_url, "pymupdf": PYMUPDF_SOURCE},
        }
    )
