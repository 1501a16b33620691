"""By how much a page is tilted: the angle at which the feet of its letters stand on lines."""

import math

import numpy as np
import numpy.typing as npt
from PIL import Image

from got_runtime.views.components import Components

__all__ = ["MIN_TILT", "tilt", "turned"]

MAX_TILT = 4.0
"""Degrees. A page that is tilted further is not levelled."""
MIN_TILT = 0.15
"""Degrees. Lines of a page that is tilted less lie level enough; rotating would only blur them."""
GAIN = 1.08
"""By how much the feet must stand closer together than on the page as it is."""
CLEAR = 1.4
"""The same against the angles at which the lines of the page fall apart: what is no text has no best angle."""
MIN_LETTERS = 12
"""Letters below which no tilt is measured."""
MAX_LETTERS = 12_000
COARSE, FINE = 0.25, 0.05
"""Steps in degrees."""


def tilt(parts: Components, x_height: float) -> float:
    """Degrees to turn a page by (counter-clockwise) so that its lines lie level; 0 where that cannot be measured."""
    heights, widths = parts.heights, parts.widths
    letters = (heights > 0.6 * x_height) & (heights < 2.6 * x_height) & (widths < 4 * x_height)
    letters &= (widths > 0.12 * x_height) & (parts.areas > 0.1 * heights * widths)
    boxes = parts.boxes[letters]
    if len(boxes) < MIN_LETTERS:
        return 0.0
    boxes = boxes[:: -(-len(boxes) // MAX_LETTERS)]
    across, feet = (boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3].astype(np.float64)
    bin_height = max(1.0, x_height / 10)

    def sharpness(angle: float) -> float:
        rows = ((feet - across * math.tan(math.radians(angle))) / bin_height).astype(np.int64)
        counts = np.bincount(rows - rows.min())
        pairs = counts[1:] + counts[:-1]  # feet of one line may stand on either side of the edge of two bins
        return float(pairs @ pairs)

    angles = np.arange(-MAX_TILT, MAX_TILT + COARSE / 2, COARSE).tolist()
    sharp = [sharpness(angle) for angle in angles]
    around = angles[int(np.argmax(sharp))]
    best = max(np.arange(around - COARSE, around + COARSE + FINE / 2, FINE).tolist(), key=sharpness)
    clear = sharpness(best) > max(GAIN * sharpness(0.0), CLEAR * float(np.median(sharp)))
    return float(best) if clear else 0.0


def turned(image: Image.Image, angle: float) -> Image.Image:
    """The page turned by so many degrees (counter-clockwise), its corners filled with the colour of its paper."""
    page = image if image.mode == "L" else image.convert("RGB")
    pixels: npt.NDArray[np.uint8] = np.asarray(page)[::7, ::7]
    paper = tuple(np.median(pixels.reshape(-1, len(page.getbands())), axis=0).astype(int).tolist())
    return page.rotate(angle, Image.Resampling.BICUBIC, fillcolor=paper if len(paper) > 1 else paper[0])
