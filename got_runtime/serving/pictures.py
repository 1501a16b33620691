"""``POST /v1/pages``: pictures of a document's pages, which a browser shows beside what was read in them."""

import base64
import io
import json
from collections.abc import AsyncGenerator, Iterator

from fastapi import APIRouter, Request
from fastapi.responses import Response

from got_runtime.serving.answers import LINES, ClosingResponse
from got_runtime.serving.body import Reading
from got_runtime.serving.openapi import READ_BODY
from got_runtime.serving.problems import as_problem
from got_runtime.serving.service import Service
from got_runtime.sources import SourcePage, open_pages

__all__ = ["LONG_SIDE", "router"]

LONG_SIDE = 1400
"""Pixels of the longer side of a picture, at most: what a browser's window shows."""
_QUALITY = 82

router = APIRouter()


@router.post("/v1/pages", openapi_extra={"requestBody": READ_BODY}, tags=["native"])
async def pages(request: Request) -> Response:
    """Pictures of the selected pages, a JSON line each; nothing is read in them."""
    service = Service.of(request)
    service.queue.check_room()
    reading = await service.intake.reading(request)
    return ClosingResponse(_lines(service, reading), LINES, reading.upload.remove)


async def _lines(service: Service, reading: Reading) -> AsyncGenerator[bytes, None]:
    """A line for each page; where the document breaks off, a last line with the member ``problem``."""
    options = reading.options
    opened = open_pages(
        reading.upload,
        pages=options.pages,
        password=options.password,
        limits=options.limits,
        rotate=options.rotate,
        long_side=LONG_SIDE,
    )
    try:
        while (line := await service.queue.in_thread(_next_line, opened)) is not None:
            yield line
    except Exception as error:  # noqa: BLE001 - the status line was sent long ago
        yield json.dumps({"problem": as_problem(error).document()}).encode() + b"\n"
    finally:
        await service.queue.in_thread(_close, opened)


def _close(pages: Iterator[SourcePage]) -> None:
    if (close := getattr(pages, "close", None)) is not None:
        close()


def _next_line(pages: Iterator[SourcePage]) -> bytes | None:
    page = next(pages, None)
    if page is None:
        return None
    shown: dict[str, object] = {"number": page.number, "label": page.label, "total": page.total}
    if page.image is None:
        shown["problem"] = as_problem(page.error).document() if page.error else None
    else:
        picture = page.image
        picture.thumbnail((LONG_SIDE, LONG_SIDE))
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=_QUALITY)
        data = base64.b64encode(buffer.getvalue()).decode()
        shown |= {"width": picture.width, "height": picture.height, "image": f"data:image/jpeg;base64,{data}"}
    return json.dumps(shown).encode() + b"\n"
