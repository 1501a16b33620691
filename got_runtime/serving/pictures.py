"""``POST /v1/pages``: pictures of a document's pages, which a browser shows beside what was read in them."""

import base64
import io
import json
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress

from fastapi import APIRouter, Request
from fastapi.responses import Response

from got_runtime.serving.answers import LINES, ClosingResponse
from got_runtime.serving.body import Reading
from got_runtime.serving.openapi import READ_BODY
from got_runtime.serving.picture_desk import PictureDesk
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
    service.pictures.enter()
    try:
        reading = await service.intake.reading(request)
    except BaseException:
        service.pictures.leave()
        raise

    def release() -> None:
        service.pictures.leave()
        reading.upload.remove()

    return ClosingResponse(_lines(service.pictures, reading), LINES, release)


async def _lines(desk: PictureDesk, reading: Reading) -> AsyncGenerator[bytes, None]:
    """A line for each page; where the document breaks off, a last line with the member ``problem``."""
    options = reading.options
    opened = _Opened(
        open_pages(
            reading.upload,
            pages=options.pages,
            password=options.password,
            limits=options.limits,
            rotate=options.rotate,
            long_side=LONG_SIDE,
        )
    )
    try:
        while (line := await desk.in_thread(opened.next_line)) is not None:
            yield line
    except Exception as error:  # noqa: BLE001 - the status line was sent long ago
        yield json.dumps({"problem": as_problem(error).document()}).encode() + b"\n"
    finally:
        opened.is_closed = True
        with suppress(RuntimeError):  # the threads have ended with the service
            await desk.in_thread(opened.close)


class _Opened:
    """A document whose pages are made by threads, one at a time, also where its request has ended meanwhile."""

    def __init__(self, pages: Iterator[SourcePage]) -> None:
        self._pages = pages
        self._lock = threading.Lock()
        self.is_closed = False

    def next_line(self) -> bytes | None:
        with self._lock:
            page = None if self.is_closed else next(self._pages, None)
            return None if page is None else _line(page)

    def close(self) -> None:
        with self._lock:
            if (close := getattr(self._pages, "close", None)) is not None:
                close()


def _line(page: SourcePage) -> bytes:
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
