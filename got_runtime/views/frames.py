"""Frames drawn around a part of a page in red, green or blue."""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from got_runtime.views.components import connected_components, drawn_sides, mask_of

__all__ = ["inside_frame"]

Box = tuple[int, int, int, int]

CHANNELS = ("red", "green", "blue")
MIN_COLOUR = 60
"""Of 255: by how much a frame's channel exceeds the other two. Blur and JPEG take a third from thin lines."""
MIN_SIDE = 16
"""Pixels: a smaller ring is a letter."""
MIN_DRAWN = 0.85
"""Part of a side's length that is drawn."""
MAX_FILLED = 0.1
"""Part of the middle that has the frame's colour; more of it is a filled area."""
BRIDGE = 5
"""Pixels: gaps in a line that are narrower are bridged."""


def inside_frame(image: Image.Image, color: str) -> tuple[Image.Image, Box] | None:
    """What stands inside the largest frame of a colour, without the frame, and its box in pixels of the page.

    Args:
        image: the page.
        color: ``"red"``, ``"green"`` or ``"blue"``.

    Returns:
        None where no frame is found.
    """
    levels = np.asarray(image.convert("RGB")).astype(np.int16)
    channel = CHANNELS.index(color)
    mask = levels[..., channel] - np.delete(levels, channel, axis=2).max(axis=2) > MIN_COLOUR
    wide = np.asarray(Image.fromarray(mask).convert("L").filter(ImageFilter.MaxFilter(BRIDGE))) > 0
    parts = connected_components(wide)
    sizes = parts.widths * parts.heights
    for number in np.argsort(-sizes, kind="stable").tolist():
        left, top, right, bottom = parts.boxes[number].tolist()
        if min(right - left, bottom - top) < MIN_SIDE:
            continue
        frame = mask_of(parts.runs.chosen(parts.label == number), parts.boxes[number])
        if _is_frame(frame):
            part = levels[top:bottom, left:right].astype(np.uint8)
            part[frame] = np.median(part[~frame], axis=0)
            return Image.fromarray(part), (left, top, right, bottom)
    return None


def _is_frame(mask: npt.NDArray[np.bool_]) -> bool:
    """Whether all four sides of a component are drawn, and its middle is empty."""
    height, width = (side // 4 for side in mask.shape)
    if mask[height:-height, width:-width].mean() > MAX_FILLED:
        return False
    return min(drawn_sides(mask, 4)) >= MIN_DRAWN
