"""Tasks that read a part of a page, or a page in tiles, with zoom: which lines are read in zoomed views."""

import logging
from typing import TYPE_CHECKING

from got_runtime.options import ReadOptions
from got_runtime.tasks import Box, Color, PageFrame, Task, Tiles
from got_runtime.views.frames import inside_frame
from got_runtime.views.zoom import ZoomedPage

if TYPE_CHECKING:
    from PIL import Image

    from got_runtime.model.checkpoint import LoadedModel

__all__ = ["could_not_find_lines", "readable_width", "zoom_is_off", "zoomed_part"]

logger = logging.getLogger(__name__)

OFFICIAL_READABLE_WIDTH = 6.0
"""Pixels of a view: width of characters that the official weights read, about that of 4-point type on an A4 page. An
estimate: it was not measured with the weights."""

Offset = tuple[int, int]


def zoom_is_off(checkpoint: "LoadedModel", options: ReadOptions) -> bool:
    """Whether every page is shown as the official code does, by the option or by its default with this checkpoint."""
    return options.zoom == "off" or (options.zoom is None and checkpoint.readable_width is None)


def readable_width(checkpoint: "LoadedModel") -> float:
    """Width of characters, in pixels of a view, from which the network reads them."""
    return checkpoint.readable_width or OFFICIAL_READABLE_WIDTH


def could_not_find_lines(error: Exception) -> str:
    """The warning of a page whose analysis failed."""
    return f"read in one view, as its lines could not be found ({type(error).__name__}: {error})"


def zoomed_part(
    checkpoint: "LoadedModel", options: ReadOptions, frame: PageFrame, image: "Image.Image"
) -> tuple[ZoomedPage, Offset] | str | None:
    """The lines in a box, in a coloured frame, or of type that is too small for tiles.

    Args:
        checkpoint: says which type it reads.
        options: the task, and whether to zoom.
        frame: the size of the page.
        image: the page.

    Returns:
        The lines, with left and top of the part of the page in pixels; a warning where the analysis of the page
        failed; None for other tasks, without zoom, for large type in tiles, and where there are no lines.
    """
    task = options.task
    if task.formatted or zoom_is_off(checkpoint, options):
        return None
    readable, size = readable_width(checkpoint), checkpoint.image_processor.size[0]
    try:
        found = _part_of_page(task, frame, image)
        if found is None:
            return None
        lines = ZoomedPage.where_needed(found[0], readable, size)
    except Exception as error:  # an unforeseen picture must not cost the page
        logger.exception("the lines of a part of a page could not be found")
        return could_not_find_lines(error)
    if not lines.pieces or (isinstance(task, Tiles) and not lines.is_needed(readable, size)):
        return None
    return lines, found[1]


def _part_of_page(task: Task, frame: PageFrame, image: "Image.Image") -> "tuple[Image.Image, Offset] | None":
    """The picture of the part that the task reads, with its left and top."""
    if isinstance(task, Tiles):
        return image, (0, 0)
    if isinstance(task, Color):
        inside = inside_frame(image, task.color)
        return None if inside is None else (inside[0], inside[1][:2])
    if isinstance(task, Box) and task.x2 is not None and not task.crop:
        crop = task.model_copy(update={"crop": True}).query(frame).crop
        return None if crop is None else (image.crop(crop), crop[:2])
    return None
