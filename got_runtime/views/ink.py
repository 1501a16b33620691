"""Ink and paper: which pixels of a page are print, whatever its colours."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from got_runtime.views.components import Mask
from got_runtime.views.fills import filled_areas

__all__ = ["Grey", "InkMap", "Mask", "coloured_ink", "ink_map", "ink_within", "thin_ink"]

Grey = npt.NDArray[np.uint8]

CELL = 16
"""Side in pixels of the cells whose 70th percentile is the local paper level: most of a cell of text is paper."""
PAPER_PERCENTILE = 70
MEDIAN_CELLS = 9
"""Cells of the median filter over paper levels: neither bold type nor a bar behind a heading counts as dark paper."""
MIN_CONTRAST = 20.0
"""Of 255: print that is nearer to its paper is not told from shadows and JPEG noise."""
INK_CONTRAST = 0.35
"""Part of the page's strongest contrast that a pixel needs to be ink."""
THIN_CONTRAST = 0.2
"""The same for thin or small type, whose strokes are blurred below the contrast of the page's other type."""
MIN_COLOUR = 90
"""Of 255: how much more colour than its paper print has that counts by its colour."""
EDGE = 3
"""Pixels on either side of the edge of a filled area in which its level and that of the paper mix."""
SAMPLE = 4
"""Every fourth row and column says enough about the levels of a page."""


@dataclass(frozen=True, eq=False)
class InkMap:
    """A page's ``grey`` levels (0 to 255), the level of the ``paper`` around each pixel, and which pixels are ``ink``.

    ``contrast`` is the distance of grey and paper. All are of shape (height, width).
    """

    grey: Grey
    paper: Grey
    contrast: Grey
    ink: Mask


def ink_map(image: Image.Image) -> InkMap:
    """The ink of a page: pixels that differ from the paper around them, darker or lighter."""
    grey = np.asarray(image.convert("L"))
    paper = _paper_level(grey)
    fills = filled_areas(grey)
    filled = fills >= 0
    if filled.any():
        outside = np.where(filled, np.uint8(np.median(paper[~filled])) if not filled.all() else paper, grey)
        paper = np.where(filled, fills, _paper_level(outside)).astype(np.uint8)
        contrast = _distance(paper, grey)
        contrast[_at_edges(paper, filled)] = 0
    else:
        contrast = _distance(paper, grey)
    levels = np.cumsum(_histogram(contrast))
    usual = _percentile(levels, 50)
    deviation = np.zeros(256, np.int64)
    np.add.at(deviation, np.abs(np.arange(256) - usual), np.diff(levels, prepend=0))
    noise = 1.48 * _percentile(np.cumsum(deviation), 50)  # the standard deviation, robustly
    threshold = max(MIN_CONTRAST, INK_CONTRAST * _percentile(levels, 99), 4 * noise)
    return InkMap(grey, paper, contrast, contrast > threshold)


def ink_within(page: InkMap, box: tuple[int, int, int, int]) -> Mask:
    """The ink of a box against the usual level of the box itself, whatever stands around it."""
    left, top, right, bottom = box
    grey = page.grey[top:bottom, left:right].astype(np.int16)
    contrast = np.abs(grey - int(np.median(grey))).astype(np.uint8)
    levels = np.cumsum(np.bincount(contrast.ravel(), minlength=256))
    return np.asarray(contrast > max(MIN_CONTRAST, INK_CONTRAST * _percentile(levels, 99)))


def thin_ink(page: InkMap) -> Mask:
    """A more sensitive mask, which holds thin and small type, and some noise."""
    levels = np.cumsum(np.bincount(page.contrast[::SAMPLE, ::SAMPLE].ravel(), minlength=256))
    # The median of the contrast is that of paper alone; 6.5 of its standard deviations keep paper texture out.
    texture = 6.5 * _percentile(levels, 50) / 0.6745
    strongest = _percentile(levels, 99)
    return (page.contrast > max(MIN_CONTRAST - 2, THIN_CONTRAST * strongest, texture)) | page.ink


def coloured_ink(page: InkMap, image: Image.Image) -> Mask:
    """Bright print, such as yellow on white, that is nearer to its paper in its grey level than in its colour.

    Args:
        page: the ink of ``image``.
        image: the page.
    """
    if image.mode == "L":
        return np.zeros_like(page.ink)
    red, green, blue = (np.asarray(channel) for channel in image.convert("RGB").split())
    colour = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    if int(colour.max()) < MIN_COLOUR:
        return np.zeros_like(page.ink)
    around = _paper_level(colour)
    differs = _distance(colour, around) >= MIN_COLOUR
    return np.asarray(differs & (page.contrast >= MIN_CONTRAST))


def _distance(one: Grey, other: Grey) -> Grey:
    """The absolute difference, without a wider type: pages have megapixels."""
    return np.asarray(np.maximum(one, other) - np.minimum(one, other))


def _histogram(levels: Grey) -> npt.NDArray[np.int64]:
    """How many pixels have each level, ``(256,)``."""
    flat = levels.ravel()
    even = len(flat) - len(flat) % 2
    pairs = np.bincount(flat[:even].view(np.uint16), minlength=1 << 16).reshape(256, 256)  # half the work
    counts = pairs.sum(axis=0) + pairs.sum(axis=1)
    counts[flat[even:]] += 1
    return np.asarray(counts, np.int64)


def _percentile(counts: npt.NDArray[np.int64], percent: float) -> int:
    """The level below which ``percent`` of the pixels lie, from the cumulative counts of the levels."""
    return int(np.searchsorted(counts, counts[-1] * percent / 100))


def _at_edges(paper: Grey, filled: Mask) -> Mask:
    """Pixels at the edges of filled areas, where the levels of both sides mix."""
    edges = np.zeros(paper.shape, np.bool_)
    for axis in (0, 1):
        one, other = (np.swapaxes(each, 0, axis) for each in (paper.astype(np.int16), edges))
        inside = np.swapaxes(filled, 0, axis)
        steps = (np.abs(np.diff(one, axis=0)) > MIN_CONTRAST) & (inside[1:] | inside[:-1])
        for shift in range(-EDGE, EDGE + 1):
            begin, end = max(0, 1 + shift), min(len(other), len(steps) + 1 + shift)
            other[begin:end] |= steps[begin - 1 - shift : end - 1 - shift]
    return edges


def _paper_level(pixels: Grey) -> Grey:
    height, width = pixels.shape
    pixels = pixels[::SAMPLE, ::SAMPLE]
    side = CELL // SAMPLE
    rows, columns = -(-pixels.shape[0] // side), -(-pixels.shape[1] // side)
    padded = np.pad(pixels, ((0, rows * side - pixels.shape[0]), (0, columns * side - pixels.shape[1])), mode="edge")
    cells = padded.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(rows * columns, side * side)
    rank = int(side * side * PAPER_PERCENTILE / 100)
    levels = np.sort(cells, axis=1)[:, rank].reshape(rows, columns)
    smooth = Image.fromarray(levels).filter(ImageFilter.MedianFilter(MEDIAN_CELLS))
    return np.asarray(smooth.resize((width, height), Image.Resampling.BILINEAR))
