"""Open WebUI's external document loader: ``PUT /process`` with the bytes of a file; a document for each page."""

from contextlib import aclosing
from typing import Any
from urllib.parse import unquote

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from got_runtime.results import PageResult, render_pages
from got_runtime.serving.body import Reading, form_options
from got_runtime.serving.dialects.common import all_failed
from got_runtime.serving.problems import Problem
from got_runtime.serving.service import Service
from got_runtime.serving.uploads import Spool

__all__ = ["PATHS", "error", "router"]

PATHS = ("/process",)

router = APIRouter(tags=["open-webui"])


def error(problem: Problem) -> Response:
    """A problem as Open WebUI shows it."""
    return JSONResponse({"detail": problem.detail}, problem.status, problem.headers)


@router.put("/process")
async def process(request: Request) -> Response:
    """Read a file. Options of reading may be query parameters of the loader's address."""
    service = Service.of(request)
    service.queue.check_room()
    given = {"task": service.markdown_task, **form_options(dict(request.query_params))}
    options = service.intake.options(given)
    spool = Spool(service.state.uploads, options.limits.max_bytes, unquote(request.headers.get("x-filename", "")))
    async with aclosing(request.stream()) as parts:
        reading = Reading(await spool.take(parts), options)
    document = await service.read(request, reading)
    if document.errors and len(document.errors) == len(document.pages):
        raise all_failed(document.errors)
    return JSONResponse([_page(page, document.model.name) for page in document.pages])


def _page(page: PageResult, model: str) -> dict[str, Any]:
    from got_runtime.markup import to_markdown

    metadata = {
        "source": page.source,
        "page": page.number - 1,  # LangChain's, which Open WebUI keeps, are counted from 0
        "page_label": page.label,
        "total_pages": page.total or 0,
        "sha256": page.sha256 or "",
        "model": model,
        "task": page.task.kind,
        "finish_reason": page.finish_reason,
        "confidence": round(page.confidence.mean, 2) if page.confidence else 0.0,
        "error": f"{page.error.type}: {page.error.message}" if page.error else "",
    }
    return {"page_content": render_pages([page], to_markdown), "metadata": metadata}
