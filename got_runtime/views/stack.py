"""Pieces → views: pieces one below the other on clean paper, dark on light, as a page of a few large lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image

from got_runtime.views.lines import PageLines
from got_runtime.views.pieces import Box, Piece

__all__ = ["Placement", "StackedView", "stacked_view"]

PAPER = 250
"""Grey level of the paper of a view."""
MAX_ASPECT = 1.5
"""Width : height of a view, or its inverse, at most. Five rows without padding: 8.0 % errors, padded: .65."""
SAME_SIZE = 1.5
"""Pieces whose x-heights differ by more than this factor are scaled to the view's."""
LINE_PITCH = 2.6
"""Distance of the rows of a view, in x-heights."""


class Placement(NamedTuple):
    """Where a part of a piece lies in its view: pixels of the view are ``scale`` × pixels of the page + ``offset``."""

    scale: float
    offset: tuple[float, float]


@dataclass(frozen=True, eq=False)
class StackedView:
    """A view (RGB) and, for each of its pieces, the placement of each part."""

    image: Image.Image
    placements: tuple[tuple[Placement, ...], ...]


def stacked_view(page: PageLines, pieces: Sequence[Piece]) -> StackedView:
    """One view of ``pieces``, in their order from the top."""
    x_height = float(np.median([piece.x_height for piece in pieces]))
    crops = [_scaled(_crop(page, piece), x_height / piece.x_height) for piece in pieces]
    pitch = max(LINE_PITCH * x_height, 1.12 * float(np.median([crop.image.height for crop in crops])))
    margin = int(1.2 * x_height)
    tops, end = [], float(margin)
    for crop in crops:
        tops.append(int(end))
        end += max(pitch, crop.image.height + 0.25 * x_height)
    height, width = int(end + margin - 0.3 * x_height), max(crop.image.width for crop in crops) + 2 * margin
    size = max(width, int(height / MAX_ASPECT)), max(height, int(width / MAX_ASPECT))
    view = Image.new("RGB", size, (PAPER, PAPER, PAPER))
    for crop, top in zip(crops, tops, strict=True):
        view.paste(crop.image, (margin, top))
    placements = (
        tuple(_moved(each, margin, top) for each in crop.parts) for crop, top in zip(crops, tops, strict=True)
    )
    return StackedView(view, tuple(placements))


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
    parts = [_cleaned(page, (left, top, right, bottom), piece.x_height) for left, _, right, _ in piece.parts]
    if len(parts) == 1:
        return parts[0]
    blank = int(0.5 * piece.x_height)
    width = sum(part.image.width for part in parts) + blank * (len(parts) - 1)
    row = Image.new("RGB", (width, max(part.image.height for part in parts)), (PAPER, PAPER, PAPER))
    left, placements = 0, []
    for part in parts:
        row.paste(part.image, (left, 0))
        placements.append(_moved(part.parts[0], left, 0))
        left += part.image.width + blank
    return _Crop(row, tuple(placements))


def _cleaned(page: PageLines, box: Box, x_height: float) -> _Crop:
    """A part of the page with a margin, its paper brought to near white; light print on dark is inverted."""
    across, down = 0.45 * x_height, 0.12 * x_height + 1
    width, height = page.image.size
    left, top = max(0, int(box[0] - across)), max(0, int(box[1] - down))
    right, bottom = min(width, int(box[2] + across + 1)), min(height, int(box[3] + down + 1))
    pixels = np.asarray(page.image.convert("RGB").crop((left, top, right, bottom)), dtype=np.float32)
    ink, grey = page.ink[top:bottom, left:right], pixels.mean(axis=2)
    paper = float(np.median(grey[~ink])) if not ink.all() else 255.0
    stroke = float(np.median(grey[ink])) if ink.any() else 0.0
    if stroke > paper:
        pixels, paper = 255 - pixels, 255 - paper
    whitened = np.clip(pixels * (PAPER / max(paper, 60.0)), 0, PAPER)  # very dark paper would drown in its noise
    return _Crop(Image.fromarray(whitened.astype(np.uint8)), (Placement(1.0, (-left, -top)),))
