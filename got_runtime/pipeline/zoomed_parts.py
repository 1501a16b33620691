"""What of a page is shown, and which lines of it are read in zoomed views."""

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from got_runtime.options import ReadOptions
from got_runtime.tasks import Box, Color, Formatted, MultiPage, PageFrame, Plain, Query
from got_runtime.views.formatted import FormattedPage
from got_runtime.views.formulas import FILL
from got_runtime.views.frames import inside_frame
from got_runtime.views.zoom import ZoomedPage

if TYPE_CHECKING:
    from PIL import Image

    from got_runtime.model.checkpoint import LoadedModel

__all__ = ["FoundLines", "ShownPart", "find_page_lines", "is_page_by_page", "readable_width", "shown_part"]

logger = logging.getLogger(__name__)

OFFICIAL_READABLE_WIDTH = 6.0
"""Pixels of a view: width of characters that the official weights read, about that of 4-point type on an A4 page. An
estimate: it was not measured with the weights."""


class ShownPart(NamedTuple):
    """What of a page is read: the whole page, or a part whose left and top are at ``offset``, in pixels.

    The query says which part it is, unless it is ``alone``: cut out, to be read as a page of its own."""

    image: "Image.Image"
    query: Query
    offset: tuple[int, int] = (0, 0)
    alone: bool = False


class FoundLines(NamedTuple):
    """The lines of a picture, and whether they are read in ``zoomed`` views rather than in one view."""

    lines: ZoomedPage | None = None
    zoomed: bool = False
    warnings: tuple[str, ...] = ()
    type_width: float | None = None
    """Width of a character in pixels of the picture, where it has lines."""


def _zoom_is_off(checkpoint: "LoadedModel", options: ReadOptions) -> bool:
    """Whether every page is shown as the official code does, by the option or by its default with this checkpoint."""
    return options.zoom == "off" or (options.zoom is None and checkpoint.readable_width is None)


def readable_width(checkpoint: "LoadedModel") -> float:
    """Width of characters, in pixels of a view, from which the network reads them."""
    return checkpoint.readable_width or OFFICIAL_READABLE_WIDTH


def is_page_by_page(checkpoint: "LoadedModel", options: ReadOptions) -> bool:
    """Whether the task reads several pages, each of which is read as a page of its own instead of in one context."""
    return isinstance(options.task, MultiPage) and not _zoom_is_off(checkpoint, options)


def shown_part(checkpoint: "LoadedModel", options: ReadOptions, image: "Image.Image", frame: PageFrame) -> ShownPart:
    """What is shown of a page. With zoom, boxes and what stands in a coloured frame are cut out.

    Raises:
        TaskError: the box is empty, or outside the page.
    """
    task = options.task
    zooms = not _zoom_is_off(checkpoint, options)
    if isinstance(task, Color):
        return _inside_frame(task, image, frame) if zooms else ShownPart(image, task.query(frame))
    alone = zooms and isinstance(task, Box) and task.x2 is not None
    query = (task.model_copy(update={"crop": True}) if alone else task).query(frame)
    if query.crop is None:
        return ShownPart(image, query)
    return ShownPart(image.crop(query.crop), query, query.crop[:2], alone)


def _inside_frame(task: Color, image: "Image.Image", frame: PageFrame) -> ShownPart:
    """What stands inside the frame of a colour; the page, if there is none."""
    try:
        inside = inside_frame(image, task.color)
        warning = f"no {task.color} frame was found: the page is shown whole"
    except Exception as error:  # an unforeseen picture must not cost the page
        logger.exception("a frame could not be looked for")
        inside, warning = None, f"the page is shown whole ({type(error).__name__}: {error})"
    if inside is None:
        query = task.query(frame)
        return ShownPart(image, replace(query, warnings=(*query.warnings, warning)))
    of_page = Formatted() if task.formatted else Plain()
    return ShownPart(inside[0], of_page.query(frame), inside[1][:2], alone=True)


def find_page_lines(checkpoint: "LoadedModel", options: ReadOptions, image: "Image.Image", alone: bool) -> FoundLines:
    """The lines of a page, or of the part of it that is shown.

    There are none without zoom, for a part that the query names, and where the analysis of the picture fails.

    Args:
        checkpoint: says which type it reads.
        options: the task, and whether to zoom.
        image: the page, or the part.
        alone: whether it is a part that is read as a page of its own.
    """
    task = options.task
    if _zoom_is_off(checkpoint, options) or (isinstance(task, Box | Color) and not alone):
        return FoundLines()
    readable, size = readable_width(checkpoint), checkpoint.image_processor.size[0]
    try:
        lines = (FormattedPage if task.formatted else ZoomedPage).where_needed(image, readable, size)
        # Alone in one view, type has less room by the margins, and lines of text are larger than any the network knows.
        least = readable / FILL if alone else readable
        if lines.is_needed(least, size) or (alone and not task.formatted and lines.pieces):
            return FoundLines(lines, True)
        width = lines.character_width(size) / size * image.width if lines.pieces else None
    except Exception as error:  # an unforeseen picture must not cost the page
        logger.exception("the lines of a page could not be found")
        message = f"read in one view, as its lines could not be found ({type(error).__name__}: {error})"
        return FoundLines(warnings=(message,))
    # The answer of one view tells the text of these lines where it is plain text of all of the page.
    return FoundLines(lines if isinstance(task, Plain) else None, type_width=width)
