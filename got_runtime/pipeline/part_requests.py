"""Makes the requests of a part of a page: of a retry, or of a zoomed view."""

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from got_runtime.engine.protocol import Request
from got_runtime.errors import GotError
from got_runtime.options import ReadOptions
from got_runtime.pipeline.page_task import PartTask, RetryTask, ViewTask, Work
from got_runtime.pipeline.preprocess import retry_request

if TYPE_CHECKING:
    from got_runtime.model.checkpoint import LoadedModel

__all__ = ["part_requests"]

logger = logging.getLogger(__name__)


def part_requests(checkpoint: "LoadedModel", options: ReadOptions, part: PartTask) -> Iterator[Work]:
    """The requests of a part of a page, one for each of its images; one without a request if they cannot be made."""
    header = part.task.header
    try:
        if isinstance(part, RetryTask):
            made = _retry_requests(checkpoint, options, part)
        else:
            part.view = part.zoom.view(part.pieces)
            made = [part.zoom.request(checkpoint, options, part.view)]
    except (GotError, MemoryError) as error:  # the file was removed in the meantime, or memory is short
        what = "a view could not be made" if isinstance(part, ViewTask) else f"no retry with {part.method.name}"
        logger.warning("%s page %d: %s: %s", header.source, header.number, what, error)
        if isinstance(part, RetryTask):
            part.parts = 1
        yield Work(part, None)
        return
    for number, request in enumerate(made):
        yield Work(part, request, number)


def _retry_requests(checkpoint: "LoadedModel", options: ReadOptions, part: RetryTask) -> list[Request]:
    images, header = part.method.images(), part.task.header
    part.parts = len(images)
    seconds = part.retry.seconds_left
    return [retry_request(checkpoint, options, header, image, part.method.task, seconds) for image in images]
