"""Pieces → views: pieces one below the other on clean paper, dark on light, as a page of a few large lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from got_runtime.views.ink import Mask
from got_runtime.views.lines import PageLines
from got_runtime.views.pieces import Box, Piece

__all__ = ["PAPER", "Placement", "StackedView", "cleaned", "stacked_view"]

PAPER = 250
"""Grey level of the paper of a view."""
PRINT = 30
"""Grey level of print that was light or coloured."""
DARK_PRINT = 0.5
"""Part of the paper's level by which print is darker that is shown in its own colours."""
COLOURED = 60
"""Levels by which the channels of coloured paper differ."""
ABOVE, BELOW = 0.9, 0.5
"""x-heights above and below a part of a piece that are shown with it: a dot or a dash is placed by them."""
MAX_ASPECT = 1.5
"""Width : height of a view, or its inverse, at most. Five rows without padding: 8.0 % errors, padded: .65."""
SAME_SIZE = 1.5
"""Pieces whose x-heights differ by more than this factor are scaled to the view's."""
MIN_WIDTH = 20.0
"""Least width of a view in x-heights: few short words are not shown larger."""
LINE_PITCH = 2.6
"""Distance of the rows of a view, in x-heights."""

Floats = npt.NDArray[np.float32]


class Placement(NamedTuple):
    """Where a part of a piece lies in its view: pixels of the view are ``scale`` × pixels of the page + ``offset``."""

    scale: float
    offset: tuple[float, float]


@dataclass(frozen=True, eq=False)
class StackedView:
    """A view (RGB, or L of a page in L) and, for each of its pieces, the placement of each part.

    ``heights`` are those of the middles of the pieces, from 0 (the view's top) to 1.
    """

    image: Image.Image
    placements: tuple[tuple[Placement, ...], ...]
    heights: tuple[float, ...]


def stacked_view(page: PageLines, pieces: Sequence[Piece], wider: float = 1.0) -> StackedView:
    """One view of ``pieces``, in their order from the top; ``wider`` than it need be by that factor."""
    x_height = float(np.median([piece.x_height for piece in pieces]))
    crops = [_scaled(_crop(page, piece), x_height / piece.x_height) for piece in pieces]
    pitch = max(LINE_PITCH * x_height, 1.12 * float(np.median([crop.image.height for crop in crops])))
    margin = int(1.2 * x_height)
    tops, end = [], float(margin)
    for crop in crops:
        tops.append(int(end))
        end += max(pitch, crop.image.height + 0.25 * x_height)
    height, width = int(end + margin - 0.3 * x_height), max(crop.image.width for crop in crops) + 2 * margin
    width = max(int(wider * width), int(MIN_WIDTH * x_height))
    size = max(width, int(height / MAX_ASPECT)), max(height, int(width / MAX_ASPECT))
    view = _blank(page, size)
    for crop, top in zip(crops, tops, strict=True):
        view.paste(crop.image, (margin, top))
    placements = (
        tuple(_moved(each, margin, top) for each in crop.parts) for crop, top in zip(crops, tops, strict=True)
    )
    middles = (top + crop.image.height / 2 for crop, top in zip(crops, tops, strict=True))
    return StackedView(view, tuple(placements), tuple(middle / view.height for middle in middles))


def _blank(page: PageLines, size: tuple[int, int]) -> Image.Image:
    """Empty paper; without colours where the page has none."""
    return Image.new("L", size, PAPER) if page.image.mode == "L" else Image.new("RGB", size, (PAPER,) * 3)


class _Crop(NamedTuple):
    """A piece's picture, and where each of its parts lies in it."""

    image: Image.Image
    parts: tuple[Placement, ...]


def _moved(placement: Placement, right: float, down: float) -> Placement:
    return placement._replace(offset=(placement.offset[0] + right, placement.offset[1] + down))


def _scaled(crop: _Crop, factor: float) -> _Crop:
    if 1 / SAME_SIZE < factor < SAME_SIZE:
        return crop
    size = max(1, round(crop.image.width * factor)), max(1, round(crop.image.height * factor))
    parts = (Placement(factor, (factor * x, factor * y)) for _, (x, y) in crop.parts)
    return _Crop(crop.image.resize(size, Image.Resampling.BICUBIC), tuple(parts))


def _crop(page: PageLines, piece: Piece) -> _Crop:
    """The piece's picture; the parts of several cells stand side by side with a blank between them."""
    top, bottom = piece.box[1], piece.box[3]
    crops = []
    for left, part_top, right, part_bottom in piece.parts:
        # Not the whole height of the piece: beside a part that stands higher or lower is another line.
        part_top = max(top, part_top - int(ABOVE * piece.x_height))
        part_bottom = min(bottom, part_bottom + int(BELOW * piece.x_height))
        crops.append((_cleaned(page, (left, part_top, right, part_bottom), piece.x_height), part_top - top))
    if len(crops) == 1:
        return crops[0][0]
    blank = int(0.5 * piece.x_height)
    width = sum(crop.image.width for crop, _ in crops) + blank * (len(crops) - 1)
    height = max(crop.image.height + down for crop, down in crops)
    row = _blank(page, (width, height))
    left, placements = 0, []
    for crop, down in crops:
        row.paste(crop.image, (left, down))
        placements.append(_moved(crop.parts[0], left, down))
        left += crop.image.width + blank
    return _Crop(row, tuple(placements))


def cleaned(page: PageLines, box: Box, x_height: float) -> Image.Image:
    """A part of the page with a margin, dark print on paper that is near white."""
    return _cleaned(page, box, x_height).image


def _cleaned(page: PageLines, box: Box, x_height: float) -> _Crop:
    """A part of the page with a margin, its paper brought to near white; light or coloured print is made dark."""
    across, down = 0.45 * x_height, 0.12 * x_height + 1
    width, height = page.image.size
    left, top = max(0, int(box[0] - across)), max(0, int(box[1] - down))
    right, bottom = min(width, int(box[2] + across + 1)), min(height, int(box[3] + down + 1))
    crop = page.image.crop((left, top, right, bottom))
    pixels = np.atleast_3d(np.asarray(crop if crop.mode == "L" else crop.convert("RGB"), dtype=np.float32))
    ink = page.ink[top:bottom, left:right]
    channels = pixels.shape[2]
    paper = np.median(pixels[~ink], axis=0) if not ink.all() else np.full(channels, 255.0, np.float32)
    stroke = np.median(pixels[ink], axis=0) if ink.any() else np.zeros(channels, np.float32)
    pixels[_rules_within(page, (left, top, right, bottom)) | _beside(ink, box[0] - left, box[2] - left)] = paper
    cleaned = _dark_on_light(pixels, paper, stroke)
    return _Crop(Image.fromarray(cleaned[..., 0] if channels == 1 else cleaned), (Placement(1.0, (-left, -top)),))


def _beside(ink: Mask, begin: int, end: int) -> Mask:
    """The pixels on the left of ``begin`` and the right of ``end`` without print, such as the edge of a filled cell."""
    beside = np.ones_like(ink)
    beside[:, max(0, begin - 1) : end + 1] = False
    return beside & ~_with_grey_edge(ink)


def _with_grey_edge(ink: Mask) -> Mask:
    """The ink and the pixels next to it: print is grey beside its ink."""
    near = ink.copy()
    for axis in (0, 1):
        one, other = np.swapaxes(near.copy(), 0, axis), np.swapaxes(near, 0, axis)
        other[1:] |= one[:-1]
        other[:-1] |= one[1:]
    return near


def _rules_within(page: PageLines, box: Box) -> Mask:
    """The pixels of a box that show rules, such as the sides of a cell, and no print."""
    left, top, right, bottom = box
    shown = np.zeros((bottom - top, right - left), np.bool_)
    for x0, y0, x1, y1 in np.concatenate([page.rules.level, page.rules.upright]).tolist():
        if x0 < right and x1 > left and y0 < bottom and y1 > top and min(x1 - x0, y1 - y0) <= page.x_height:
            shown[max(0, y0 - 2 - top) : max(0, y1 + 2 - top), max(0, x0 - 2 - left) : max(0, x1 + 2 - left)] = True
    if shown.any():
        shown &= ~_with_grey_edge(page.ink[top:bottom, left:right])
    return shown


def _dark_on_light(pixels: Floats, paper: Floats, stroke: Floats) -> npt.NDArray[np.uint8]:
    """Pixels (height, width, channels) with the colour of the ``paper`` near white, that of the ``stroke`` dark.

    One channel stands for three equal ones.
    """
    level = float(paper.mean())
    if level - float(stroke.mean()) >= DARK_PRINT * level and np.ptp(paper) < COLOURED:
        whitened = pixels * (PAPER / max(level, 60.0))  # very dark paper would drown in its noise
    else:
        way = stroke - paper
        # How far each pixel is on the way from the paper's colour to that of the print.
        equal = 3 // len(way)
        part = equal * ((pixels - paper) @ way) / max(equal * float(way @ way), 1.0)
        whitened = np.repeat((PAPER - (PAPER - PRINT) * part)[..., None], len(way), axis=2)
    return np.asarray(np.clip(whitened, 0, PAPER), np.uint8)
