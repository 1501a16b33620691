"""LlamaIndex LiteParse's OCR server: ``POST /ocr`` with an image; its lines with boxes in pixels."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.datastructures import UploadFile

from got_runtime.results import PageResult
from got_runtime.serving.body import Reading
from got_runtime.serving.dialects.common import all_failed, refuse
from got_runtime.serving.problems import Problem
from got_runtime.serving.service import GOT_NANO, Service

__all__ = ["PATHS", "error", "router"]

PATHS = ("/ocr",)
LANGUAGES = ("en", "zh")
"""Of the official weights; got-nano reads English."""

router = APIRouter(tags=["liteparse"])


def error(problem: Problem) -> Response:
    """A problem as the reference servers of LiteParse answer."""
    return JSONResponse({"error": problem.detail}, problem.status, problem.headers)


@router.post("/ocr")
async def ocr(request: Request) -> Response:
    """Read an image."""
    service = Service.of(request)
    service.queue.check_room()
    async with request.form(max_files=1, max_fields=8, max_part_size=1 << 12) as form:
        fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
        languages = LANGUAGES[:1] if service.runtime.model_info.name == GOT_NANO else LANGUAGES
        refuse(fields, {"language": languages}, {"language": f"the model reads {' and '.join(languages)}"})
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise Problem(422, "InvalidRequest", "send the image as the part 'file'")
        options = service.intake.options({"task": "plain", "boxes": True, "pages": 1})
        reading = Reading(await service.intake.file(file, options.limits), options)
    document = await service.read(request, reading)
    if document.errors:
        raise all_failed(document.errors)
    return JSONResponse({"results": _results(document.pages[0])})


def _results(page: PageResult) -> list[dict[str, Any]]:
    """Lines where they are known, else the located elements."""
    mean = page.confidence.mean if page.confidence else 0.0
    if page.lines:
        found = [(line.text, line.bbox, mean if line.confidence is None else line.confidence) for line in page.lines]
    else:
        found = [(page.text[slice(*box.span)].strip(), box.bbox, mean) for box in page.boxes]
    across, down = (page.width / page.size_pt[0], page.height / page.size_pt[1]) if page.size_pt else (1.0, 1.0)
    return [
        {
            "text": text,
            "bbox": [bbox[0] * across, bbox[1] * down, bbox[2] * across, bbox[3] * down],
            "confidence": round(confidence, 4),
        }
        for text, bbox, confidence in found
        if text
    ]
