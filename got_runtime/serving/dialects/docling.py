"""docling-serve's dialect: ``/v1/convert/file`` and ``/v1/convert/source``, at once or as tasks."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.datastructures import UploadFile

from got_runtime.results import DocumentResult
from got_runtime.serving.body import Reading, read_json
from got_runtime.serving.dialects.common import ANY, refuse
from got_runtime.serving.job import Job
from got_runtime.serving.problems import Problem
from got_runtime.serving.service import Service
from got_runtime.serving.uploads import Upload
from got_runtime.sources import Limits

__all__ = ["PATHS", "error", "router"]

PATHS = ("/v1/convert", "/v1/status", "/v1/result")
FORMATS = {"md": "md_content", "html": "html_content", "text": "text_content"}
LONGEST_WAIT_S = 60.0
_OUR_PRESETS = ("got_ocr", "got_ocr_2")
_ACCEPTED = {
    **dict.fromkeys(("to_formats", "from_formats", "page_range", "md_page_break_placeholder"), ANY),
    "do_ocr": (True,),
    "force_ocr": (True, False),
    "ocr_engine": ("auto", "got"),
    "ocr_preset": ("auto", "got"),
    "pipeline": ("standard", "vlm"),
    "vlm_pipeline_preset": _OUR_PRESETS,
    "table_mode": ("accurate",),
    "do_table_structure": (True,),
    "do_formula_enrichment": (True, False),
    "abort_on_error": (True, False),
    "image_export_mode": ("placeholder",),
    "include_images": (False,),
    "target_type": ("inbody",),
    "return_as_file": (False,),
    **dict.fromkeys(
        (
            *("do_code_enrichment", "do_picture_classification", "do_picture_description"),
            *("do_chart_extraction", "generate_page_images", "generate_picture_images"),
        ),
        (False,),
    ),
}
_HINTS = {
    "to_formats": f"give some of {', '.join(FORMATS)}",
    "do_ocr": "pages are always read by OCR: leave it out",
    "ocr_engine": "the engine is GOT: give 'auto'",
    "ocr_lang": "GOT has no choice of languages: leave it out",
    "image_export_mode": "no pictures are cut out of a page: give 'placeholder'",
    "target_type": "the answer is in the body: give 'inbody'",
}

router = APIRouter(tags=["docling"])


def error(problem: Problem) -> Response:
    """A problem in the shape of docling-serve."""
    return JSONResponse({"detail": problem.detail}, problem.status, problem.headers)


@router.post("/v1/convert/file")
async def convert_file(request: Request) -> Response:
    """Convert an uploaded file."""
    return await _convert(request, *await _from_form(request))


@router.post("/v1/convert/source")
async def convert_source(request: Request) -> Response:
    """Convert a file in base64, or at an address."""
    return await _convert(request, *await _from_json(request))


@router.post("/v1/convert/file/async")
async def submit_file(request: Request) -> dict[str, Any]:
    """Make a task of an uploaded file."""
    return await _submit(request, *await _from_form(request))


@router.post("/v1/convert/source/async")
async def submit_source(request: Request) -> dict[str, Any]:
    """Make a task of a file in base64, or at an address."""
    return await _submit(request, *await _from_json(request))


@router.get("/v1/status/poll/{id}")
async def poll(request: Request, id: str, wait: float = 0.0) -> dict[str, Any]:
    """The state of a task; with ``wait`` not before it has ended, or so many seconds have passed."""
    service = Service.of(request)
    job = service.jobs.get(id, service.owner(request))
    if not wait >= 0:
        raise Problem(422, "InvalidRequest", "wait: give a number of seconds")
    await service.jobs.wait(job, min(wait, LONGEST_WAIT_S))
    return _state(job)


@router.get("/v1/result/{id}")
async def result(request: Request, id: str) -> Response:
    """The document of a task, as often as wanted."""
    service = Service.of(request)
    job = service.jobs.get(id, service.owner(request))
    if not job.ended:
        raise Problem(404, "JobNotDone", "the task is not done: ask for its status first")
    record = job.record
    if record.status == "failed":
        details = record.problem or {}
        return JSONResponse(_failed(record.name, str(details.get("detail", "")), record.extra))
    document = service.document(record.name, job.options, list(job.results()))
    return JSONResponse(_converted(document, record.extra, (record.finished or 0.0) - record.created))


async def _convert(request: Request, reading: Reading, extra: dict[str, Any]) -> Response:
    started = time.monotonic()
    document = await Service.of(request).read(request, reading)
    return JSONResponse(_converted(document, extra, time.monotonic() - started))


async def _submit(request: Request, reading: Reading, extra: dict[str, Any]) -> dict[str, Any]:
    service = Service.of(request)
    return _state(await service.jobs.accept(reading, service.owner(request), extra=extra))


async def _from_form(request: Request) -> tuple[Reading, dict[str, Any]]:
    service = Service.of(request)
    service.queue.check_room()
    async with request.form(max_files=1, max_fields=64, max_part_size=1 << 16) as form:
        fields: dict[str, Any] = {}
        for name, value in form.multi_items():
            if isinstance(value, str):  # a list is sent as several fields
                before = fields.get(name)
                fields[name] = value if before is None else [*([before] if isinstance(before, str) else before), value]
        file = form.get("files")
        if not isinstance(file, UploadFile):
            raise Problem(422, "InvalidRequest", "send one document as the part 'files'")
        options, extra = _options(service, {name: _value(value) for name, value in fields.items()})
        return Reading(await service.intake.file(file, options.limits), options), extra


async def _from_json(request: Request) -> tuple[Reading, dict[str, Any]]:
    service = Service.of(request)
    service.queue.check_room()
    body = await read_json(request, service.settings.max_json_bytes)
    if not isinstance(body, dict) or not isinstance(body.get("options") or {}, dict):
        raise Problem(422, "InvalidRequest", "the body is an object with 'sources' and 'options'")
    target = body.get("target") or {"kind": "inbody"}
    refuse({"target": target}, {"target": ({"kind": "inbody"},)}, {"target": _HINTS["target_type"]})
    options, extra = _options(service, body.get("options") or {})
    return Reading(await _source(service, body.get("sources"), options.limits), options), extra


async def _source(service: Service, sources: Any, limits: Limits) -> Upload:
    if not isinstance(sources, list) or len(sources) != 1 or not isinstance(sources[0], dict):
        raise Problem(422, "InvalidRequest", "sources: give one at a time")
    source = sources[0]
    if source.get("kind") == "file" and isinstance(source.get("base64_string"), str):
        name = source.get("filename")
        return service.intake.encoded(source["base64_string"], name if isinstance(name, str) else None, limits)
    if source.get("kind", "http") == "http" and isinstance(source.get("url"), str):
        if source.get("headers"):
            raise Problem(422, "UnsupportedOption", "headers: addresses are fetched without: send the file")
        return await service.intake.address(source["url"], limits)
    raise Problem(422, "InvalidRequest", "a source is of the kind 'file' with 'base64_string', or 'http' with 'url'")


def _value(value: Any) -> Any:
    """The value of a form field: JSON where it is, else text."""
    if isinstance(value, list):
        return [_value(each) for each in value]
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _options(service: Service, given: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Options of reading, and those of the answer. Raises Problem and OptionError."""
    refuse(given, _ACCEPTED, _HINTS)
    formats = given.get("to_formats") or ["md"]
    formats = [formats] if isinstance(formats, str) else formats
    if not isinstance(formats, list) or not all(each in tuple(FORMATS) for each in formats):
        raise Problem(422, "UnsupportedOption", f"to_formats: {_HINTS['to_formats']}", param="to_formats")
    page_break = given.get("md_page_break_placeholder") or ""
    options = service.intake.options(
        {
            "task": service.markdown_task,
            "pages": _pages(given.get("page_range")),
            "on_error": "raise" if given.get("abort_on_error") is True else "keep",
            # docling keeps the text layer of pages that have one, unless it is told otherwise.
            "ocr": "auto" if given.get("force_ocr") is False else "always",
        }
    )
    return options, {"formats": formats, "page_break": str(page_break)}


def _pages(value: Any) -> str | None:
    """docling's first and last page; its default last page is the greatest integer."""
    if value is None:
        return None
    if not isinstance(value, Sequence) or len(value) != 2 or not all(type(each) is int and each > 0 for each in value):
        raise Problem(422, "InvalidRequest", "page_range: give the first and the last page, such as [1, 3]")
    first, last = value
    return f"{first}-" if last > 10**6 else f"{first}-{last}"


def _converted(document: DocumentResult, extra: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    errors = [
        {"component_type": "model", "module_name": page.error.type, "error_message": page.error.message}
        for page in document.errors
        if page.error is not None
    ]
    status = "success" if not errors else "partial_success" if len(errors) < len(document.pages) else "failure"
    contents = {name: _content(document, name, extra) for name in extra["formats"]}
    return _body(document.source, contents, status, errors, seconds)


def _content(document: DocumentResult, name: str, extra: Mapping[str, Any]) -> str:
    from got_runtime.markup import to_markdown, to_text

    if name == "html":
        return document.html
    if name == "text":
        return to_text(document.elements)
    if not extra["page_break"]:
        return document.markdown
    pages = (to_markdown(page.elements).rstrip("\n") for page in document.pages)
    return f"\n\n{extra['page_break']}\n\n".join(pages)


def _failed(name: str, detail: str, extra: Mapping[str, Any]) -> dict[str, Any]:
    errors = [{"component_type": "model", "module_name": "got-ocr", "error_message": detail}]
    return _body(name, {}, "failure", errors, 0.0)


def _body(
    name: str, contents: Mapping[str, str], status: str, errors: list[dict[str, Any]], seconds: float
) -> dict[str, Any]:
    document: dict[str, Any] = {"filename": name, "json_content": None, "doctags_content": None}
    document.update({field: contents.get(kind) for kind, field in FORMATS.items()})
    return {
        "document": document,
        "status": status,
        "errors": errors,
        "processing_time": round(seconds, 3),
        "timings": {},
    }


def _state(job: Job) -> dict[str, Any]:
    status = {"waiting": "pending", "reading": "started", "done": "success", "failed": "failure"}[job.record.status]
    detail = (job.record.problem or {}).get("detail")
    return {
        "task_id": job.record.id,
        "task_type": "convert",
        "task_status": status,
        "task_position": None,
        "task_meta": {"num_docs": 1, "num_processed": int(job.ended), "num_succeeded": 0, "num_failed": 0},
        "error_message": detail,
    }
