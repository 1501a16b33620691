"""Mistral's dialect: ``POST /v1/ocr``."""

from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from got_runtime.serving.body import Reading, read_json
from got_runtime.serving.dialects.common import ANY, all_failed, reading_options, refuse
from got_runtime.serving.dialects.mistral_files import content_path
from got_runtime.serving.dialects.mistral_pages import page_json
from got_runtime.serving.problems import Problem
from got_runtime.serving.service import Service
from got_runtime.serving.uploads import Upload
from got_runtime.sources import Limits
from got_runtime.sources.names import one_line

__all__ = ["PATHS", "error", "router"]

PATHS = ("/v1/ocr", "/v1/files")
_ACCEPTED = {
    **dict.fromkeys(("model", "id", "document", "pages", "options"), ANY),
    # No pictures are cut out of a page: their list is empty, and these change nothing.
    **dict.fromkeys(("include_image_base64", "image_limit", "image_min_size"), ANY),
    "include_blocks": (True, False),
    "table_format": ("markdown", "html"),
    "confidence_scores_granularity": ("page", "word"),
    "extract_header": (False,),
    "extract_footer": (False,),
}
_NO_ANNOTATIONS = "GOT reads text and follows no schema: leave it out"
_HINTS = {
    "bbox_annotation_format": _NO_ANNOTATIONS,
    "document_annotation_format": _NO_ANNOTATIONS,
    "document_annotation_prompt": _NO_ANNOTATIONS,
    "extract_header": "headers stay in the text: leave it out",
    "extract_footer": "footers stay in the text: leave it out",
}

router = APIRouter(tags=["mistral"])


def error(problem: Problem) -> Response:
    """A problem in Mistral's shape; for 422 with the list that its clients parse."""
    body: dict[str, Any] = {
        "object": "error",
        "message": problem.detail,
        "type": "invalid_request_error" if problem.status < 500 else "server_error",
        "param": problem.fields.get("param"),
        "code": problem.code,
    }
    if problem.status == 422:
        where = ["body", *filter(None, [problem.fields.get("param")])]
        body["detail"] = [{"loc": where, "msg": problem.detail, "type": problem.code}]
    return JSONResponse(body, problem.status, problem.headers)


@router.post("/v1/ocr")
async def ocr(request: Request) -> Response:
    """Read a document to Markdown, with the boxes of its blocks."""
    service = Service.of(request)
    service.queue.check_room()
    body = await read_json(request, service.settings.max_json_bytes)
    if not isinstance(body, dict):
        raise _wrong("the body is an object with 'model' and 'document'", "body")
    annotations = {name: value for name, value in body.items() if value is not None or name in _ACCEPTED}
    refuse(annotations, _ACCEPTED, _HINTS)
    _check_model(body.get("model"), service)
    blocks = body.get("include_blocks") is not False
    defaults = {"task": service.markdown_task, "boxes": blocks, "pages": _pages(body.get("pages"))}
    options = service.intake.options({**defaults, **reading_options(body)})
    upload = await _document(request, service, body.get("document"), options.limits)
    size = upload.size
    document = await service.read(request, Reading(upload, options))
    if document.errors and len(document.errors) == len(document.pages):
        raise all_failed(document.errors)
    tables, scores = body.get("table_format"), body.get("confidence_scores_granularity")
    pages = [page_json(page, blocks=blocks, tables=tables, scores=scores) for page in document.pages]
    usage = {"pages_processed": len(document.pages), "doc_size_bytes": size}
    return JSONResponse(
        {"pages": pages, "model": document.model.name, "document_annotation": None, "usage_info": usage}
    )


def _wrong(detail: str, param: str) -> Problem:
    return Problem(422, "InvalidRequest", detail, param=param)


def _check_model(name: Any, service: Service) -> None:
    served = service.runtime.model_info.name
    # Clients of Mistral's own service name its models where nothing else is configured.
    if name is not None and name not in (served, "got-ocr") and not str(name).startswith("mistral-ocr"):
        raise Problem(
            404, "model_not_found", f"there is no model {one_line(str(name))!r}: give {served!r}", param="model"
        )


def _pages(value: Any) -> Any:
    """Pages counted from 0, as numbers or as text such as ``0,2-4``, counted from 1."""
    if value is None:
        return None
    try:
        if isinstance(value, str):
            ranges = [[int(end) + 1 for end in part.split("-")] for part in value.split(",")]
            pages: Any = ",".join("-".join(map(str, ends)) for ends in ranges)
            return pages
        return [_number(page) + 1 for page in value]
    except (ValueError, TypeError) as failure:
        raise _wrong("pages: give numbers from 0, or text such as '0,2-4'", "pages") from failure


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError
    return value


async def _document(request: Request, service: Service, given: Any, limits: Limits) -> Upload:
    """The document of a request. Raises Problem and SourceError."""
    if not isinstance(given, dict):
        raise _wrong("give an object with 'document_url', 'image_url' or 'file_id'", "document")
    kind, name = given.get("type", "document_url"), given.get("document_name")
    value = given.get({"file": "file_id"}.get(str(kind), str(kind)))
    if kind == "image_url" and isinstance(value, dict):
        value = value.get("url")
    if kind not in ("document_url", "image_url", "file") or not isinstance(value, str):
        raise _wrong("its type is 'document_url', 'image_url' or 'file', with a string of that name", "document")
    if kind == "file":
        return service.files.upload(value, service.owner(request))
    if value[:5].lower() == "data:":
        return service.intake.encoded(value, name if isinstance(name, str) else "document", limits)
    if (id := _own_file(request, value)) is not None:
        return service.files.upload(id, service.owner(request))
    return await service.intake.address(value, limits)


def _own_file(request: Request, url: str) -> str | None:
    """The id of a file of this service, if the address is the one that it gave."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    id = parts.path.removeprefix("/v1/files/").removesuffix("/content")
    return id if parts.netloc == request.url.netloc and parts.path == content_path(id) else None
