"""Ink and paper: which pixels of a page are print, whatever its colours, and by how much the page is tilted."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

__all__ = ["InkMap", "Mask", "ink_map", "level", "thin_ink"]

Mask = npt.NDArray[np.bool_]
Grey = npt.NDArray[np.float32]

CELL = 8
"""Side in pixels of the cells whose 70th percentile is the local paper level: most of a cell of text is paper."""
PAPER_PERCENTILE = 70
MEDIAN_CELLS = 9
"""Cells of the median filter over paper levels, so that a heading in bold type does not count as dark paper."""
MIN_CONTRAST = 20.0
"""Of 255: print that is nearer to its paper is not told from shadows and JPEG noise."""
INK_CONTRAST = 0.35
"""Part of the page's strongest contrast that a pixel needs to be ink."""
THIN_CONTRAST = 0.2
"""The same for thin or small type, whose strokes are blurred below the contrast of the page's other type."""

MAX_TILT = 4.0
"""Degrees. A page that is tilted further is not levelled."""
MIN_TILT = 0.15
"""Degrees. Lines of a page that is tilted less lie level enough; rotating would only blur them."""
TILT_GAIN = 1.08
"""By how much the row profile must be sharper than that of the page as it is: pictures have a best angle too."""
MIN_INK = 200
"""Ink pixels below which no tilt can be measured."""
SAMPLED_INK = 60_000
"""Ink pixels that the tilt is measured on, at most."""
PROFILE_ROWS = 1100
"""Rows of the profile that the tilt is measured on."""


@dataclass(frozen=True, eq=False)
class InkMap:
    """A page's ``grey`` levels (0 to 255), the level of the ``paper`` around each pixel, and which pixels are ``ink``.

    All of shape (height, width).
    """

    grey: Grey
    paper: Grey
    ink: Mask


def ink_map(image: Image.Image) -> InkMap:
    """The ink of a page: pixels that differ from the paper around them, darker or lighter."""
    grey = np.asarray(image.convert("L"), dtype=np.float32)
    paper = _paper_level(grey)
    contrast = np.abs(paper - grey)
    noise = np.median(np.abs(contrast - np.median(contrast))) * 1.48  # the standard deviation, robustly
    threshold = max(MIN_CONTRAST, INK_CONTRAST * float(np.percentile(contrast, 99)), 4 * float(noise))
    return InkMap(grey, paper, contrast > threshold)


def thin_ink(page: InkMap) -> Mask:
    """A more sensitive mask, which holds thin and small type, and some noise."""
    contrast = np.abs(page.paper - page.grey)
    # The median of the contrast is that of paper alone; 6.5 of its standard deviations keep paper texture out.
    texture = 6.5 * float(np.median(contrast)) / 0.6745
    strongest = float(np.percentile(contrast, 99))
    return np.asarray(contrast > max(MIN_CONTRAST - 2, THIN_CONTRAST * strongest, texture)) | page.ink


def level(image: Image.Image) -> tuple[Image.Image, float]:
    """The page turned so that its lines lie level, and the angle in degrees (counter-clockwise) it was turned by.

    The image stays as it is, and the angle is 0, where the tilt is small or cannot be measured.
    """
    angle = _tilt(ink_map(image).ink)
    if abs(angle) < MIN_TILT:
        return image, 0.0
    rgb = image.convert("RGB")
    red, green, blue = np.median(np.asarray(rgb)[::7, ::7].reshape(-1, 3), axis=0).astype(int).tolist()
    return rgb.rotate(angle, Image.Resampling.BICUBIC, fillcolor=(red, green, blue)), angle


def _paper_level(grey: Grey) -> Grey:
    height, width = grey.shape
    rows, columns = -(-height // CELL), -(-width // CELL)
    padded = np.pad(grey, ((0, rows * CELL - height), (0, columns * CELL - width)), mode="edge")
    cells = padded.reshape(rows, CELL, columns, CELL).swapaxes(1, 2).reshape(rows, columns, -1)
    levels = np.percentile(cells, PAPER_PERCENTILE, axis=2).clip(0, 255).astype(np.uint8)
    smooth = Image.fromarray(levels).filter(ImageFilter.MedianFilter(MEDIAN_CELLS))
    return np.asarray(smooth.resize((width, height), Image.Resampling.BILINEAR), dtype=np.float32)


def _tilt(ink: Mask) -> float:
    """Degrees to turn by (counter-clockwise): the angle at which the profile of ink by rows is sharpest."""
    ys, xs = np.nonzero(ink)
    if len(ys) < MIN_INK:
        return 0.0
    if len(ys) > SAMPLED_INK:
        chosen = np.random.default_rng(0).choice(len(ys), SAMPLED_INK, replace=False)
        ys, xs = ys[chosen], xs[chosen]
    step = max(1, ink.shape[0] // PROFILE_ROWS)

    def sharpness(angle: float) -> float:
        rows = ((ys - xs * math.tan(math.radians(angle))) / step).astype(np.int64)
        return float((np.diff(np.bincount(rows - rows.min()).astype(float)) ** 2).sum())

    coarse = max(np.arange(-MAX_TILT, MAX_TILT + 0.01, 0.25).tolist(), key=sharpness)
    best = max(np.arange(coarse - 0.25, coarse + 0.26, 0.05).tolist(), key=sharpness)
    return float(best) if sharpness(best) > TILT_GAIN * sharpness(0.0) else 0.0
