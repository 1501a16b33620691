"""Tasks that read a part of a page, or a page in tiles, with zoom: which lines are read in zoomed views."""

import logging
from typing import TYPE_CHECKING

from got_runtime.options import ReadOptions
from got_runtime.tasks import Box, Color, Tiles
from got_runtime.views.frames import inside_frame
from got_runtime.views.zoom import ZoomedPage

if TYPE_CHECKING:
    from PIL import Image

    from got_runtime.model.checkpoint import LoadedModel

__all__ = ["could_not_find_lines", "is_cut_out", "readable_width", "zoom_is_off", "zoomed_part"]

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


def is_cut_out(checkpoint: "LoadedModel", options: ReadOptions) -> bool:
    """Whether the task reads a box, which is cut out and read in zoomed views instead."""
    task = options.task
    whole_box = isinstance(task, Box) and task.x2 is not None and not task.crop and not task.formatted
    return whole_box and not zoom_is_off(checkpoint, options)


def zoomed_part(
    checkpoint: "LoadedModel", options: ReadOptions, image: "Image.Image"
) -> tuple[ZoomedPage, Offset] | str | None:
    """The lines of a box, of a coloured frame, or of type that is too small for tiles.

    Args:
        checkpoint: says which type it reads.
        options: the task, and whether to zoom.
        image: the page, or the box that was cut out of it.

    Returns:
        The lines, with left and top of their part of the image in pixels; a warning where no frame is found or the
        analysis fails; None for other tasks, without zoom, for large type in tiles, and where there are no lines.
    """
    task = options.task
    if task.formatted or zoom_is_off(checkpoint, options):
        return None
    readable, size = readable_width(checkpoint), checkpoint.image_processor.size[0]
    try:
        offset = 0, 0
        if isinstance(task, Color):
            inside = inside_frame(image, task.color)
            if inside is None:
                return f"no {task.color} frame was found: the page is shown whole"
            image, offset = inside[0], inside[1][:2]
        elif not (isinstance(task, Tiles) or is_cut_out(checkpoint, options)):
            return None
        lines = ZoomedPage.where_needed(image, readable, size)
    except Exception as error:  # an unforeseen picture must not cost the page
        logger.exception("the lines of a part of a page could not be found")
        return could_not_find_lines(error)
    if not lines.pieces or (isinstance(task, Tiles) and not lines.is_needed(readable, size)):
        return None
    return lines, offset
