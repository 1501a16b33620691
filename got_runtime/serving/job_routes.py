"""``/v1/jobs``: documents that are read after their request was answered."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from got_runtime.serving.answers import (
    HTML,
    JSON,
    LINES,
    MARKDOWN,
    SSE,
    TEXT,
    ClosingResponse,
    chosen,
    json_line,
    page_json,
    rendered,
    sse,
    with_pings,
)
from got_runtime.serving.body import includes
from got_runtime.serving.job import Job
from got_runtime.serving.openapi import READ_BODY
from got_runtime.serving.problems import Problem
from got_runtime.serving.service import Service

__all__ = ["router"]

LONGEST_WAIT_S = 60.0
LONGEST_KEY = 256

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@router.post("", openapi_extra={"requestBody": READ_BODY}, status_code=202)
async def create(request: Request) -> Response:
    """Accept a document, as ``POST /v1/read`` does. Requests with one ``Idempotency-Key`` make one job."""
    service = Service.of(request)
    key = request.headers.get("idempotency-key")
    if key is not None and not 0 < len(key) <= LONGEST_KEY:
        raise Problem(422, "InvalidRequest", f"Idempotency-Key: give 1 to {LONGEST_KEY} characters")
    service.queue.check_room()
    job = await service.jobs.accept(await service.intake.reading(request), service.owner(request), key)
    return JSONResponse(_state(service, job), 202, {"Location": f"/v1/jobs/{job.record.id}"})


@router.get("/{id}")
async def status(request: Request, id: str, wait: float = 0.0) -> dict[str, Any]:
    """The state of a job; with ``wait`` not before it has ended, or so many seconds (60 at most) have passed."""
    service = Service.of(request)
    job = service.jobs.get(id, service.owner(request))
    if not wait >= 0:  # NaN too
        raise Problem(422, "InvalidRequest", "wait: give a number of seconds")
    await service.jobs.wait(job, min(wait, LONGEST_WAIT_S))
    return _state(service, job)


@router.get("/{id}/result")
async def result(request: Request, id: str) -> Response:
    """The document, in the format that ``Accept`` names; it may be fetched as often as wanted until the job expires."""
    service = Service.of(request)
    job = service.jobs.get(id, service.owner(request))
    kind = chosen(request.headers.get("accept", ""), (JSON, LINES, MARKDOWN, HTML, TEXT))
    include = includes(dict(request.query_params)) or tuple(job.record.include)
    if not job.ended:
        raise Problem(409, "JobNotDone", "the job is not done: wait with GET /v1/jobs/ID?wait=60")
    if job.record.status == "failed":
        raise _failure(job)
    if kind == LINES:
        return ClosingResponse(_lines(job, include), kind, lambda: None)
    return rendered(service.document(job.record.name, job.options, list(job.results())), kind, include)


@router.get("/{id}/events")
async def events(request: Request, id: str) -> Response:
    """``page`` events, from the one after ``Last-Event-ID`` on, and ``done`` or ``error`` at the end."""
    service = Service.of(request)
    job = service.jobs.get(id, service.owner(request))
    last = request.headers.get("last-event-id", "0")
    if not last.isdecimal() or len(last) > 9:
        raise Problem(422, "InvalidRequest", "Last-Event-ID: give the id of an event of this job")
    include = includes(dict(request.query_params)) or tuple(job.record.include)
    return ClosingResponse(with_pings(_events(service, job, int(last), include)), SSE, lambda: None)


@router.delete("/{id}", status_code=204)
async def delete(request: Request, id: str) -> Response:
    """Cancel a job, and remove what is kept of it."""
    service = Service.of(request)
    await service.jobs.remove(service.jobs.get(id, service.owner(request)))
    return Response(status_code=204)


def _state(service: Service, job: Job) -> dict[str, Any]:
    path = f"/v1/jobs/{job.record.id}"
    links = {"self": path, "events": f"{path}/events", "result": f"{path}/result"}
    return {**job.state(service.settings.keep_seconds), "links": links}


def _failure(job: Job) -> Problem:
    known = dict(job.record.problem or {})
    return Problem(int(known.get("status", 500)), str(known.get("code", "Error")), str(known.get("detail", "")))


async def _lines(job: Job, include: tuple[str, ...]) -> AsyncGenerator[bytes, None]:
    for page in job.results():
        yield json_line(page_json(page, include))


async def _events(service: Service, job: Job, after: int, include: tuple[str, ...]) -> AsyncGenerator[bytes, None]:
    async with aclosing(service.jobs.pages(job, after)) as pages:
        async for number, page in pages:
            yield sse("page", page_json(page, include), id=str(number))
    if job.record.problem is not None:
        yield sse("error", job.record.problem)
    else:
        yield sse("done", _state(service, job))
