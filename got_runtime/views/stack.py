"""Pieces → views: pieces one below the other on clean paper, dark on light, as a page of a few large lines."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from got_runtime.views.lines import PageLines
from got_runtime.views.pieces import Box, Piece

__all__ = ["stacked_view"]

PAPER = 250
"""Grey level of the paper of a view."""
MAX_ASPECT = 1.5
"""Width : height of a view, or its inverse, at most. Five rows without padding: 8.0 % errors, padded: .65."""
SAME_SIZE = 1.5
"""Pieces whose x-heights differ by more than this factor are scaled to the view's."""
LINE_PITCH = 2.6
"""Distance of the rows of a view, in x-heights."""


def stacked_view(page: PageLines, pieces: Sequence[Piece]) -> Image.Image:
    """One view of ``pieces``, in their order from the top (RGB)."""
    x_height = float(np.median([piece.x_height for piece in pieces]))
    crops = [_scaled(_crop(page, piece), x_height / piece.x_height) for piece in pieces]
    pitch = max(LINE_PITCH * x_height, 1.12 * float(np.median([crop.height for crop in crops])))
    margin = int(1.2 * x_height)
    tops, end = [], float(margin)
    for crop in crops:
        tops.append(int(end))
        end += max(pitch, crop.height + 0.25 * x_height)
    height, width = int(end + margin - 0.3 * x_height), max(crop.width for crop in crops) + 2 * margin
    size = max(width, int(height / MAX_ASPECT)), max(height, int(width / MAX_ASPECT))
    view = Image.new("RGB", size, (PAPER, PAPER, PAPER))
    for crop, top in zip(crops, tops, strict=True):
        view.paste(crop, (margin, top))
    return view


def _scaled(crop: Image.Image, factor: float) -> Image.Image:
    if 1 / SAME_SIZE < factor < SAME_SIZE:
        return crop
    size = max(1, round(crop.width * factor)), max(1, round(crop.height * factor))
    return crop.resize(size, Image.Resampling.BICUBIC)


def _crop(page: PageLines, piece: Piece) -> Image.Image:
    """The piece's picture; the parts of several cells stand side by side with a blank between them."""
    top, bottom = piece.box[1], piece.box[3]
    parts = [_cleaned(page, (left, top, right, bottom), piece.x_height) for left, _, right, _ in piece.parts]
    if len(parts) == 1:
        return parts[0]
    blank = int(0.5 * piece.x_height)
    size = sum(part.width for part in parts) + blank * (len(parts) - 1), max(part.height for part in parts)
    row = Image.new("RGB", size, (PAPER, PAPER, PAPER))
    left = 0
    for part in parts:
        row.paste(part, (left, 0))
        left += part.width + blank
    return row


def _cleaned(page: PageLines, box: Box, x_height: float) -> Image.Image:
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
    return Image.fromarray(whitened.astype(np.uint8))
