"""Dashes that stand alone in the cells of a table, where a number is missing."""

import numpy as np
import numpy.typing as npt

from got_runtime.views.components import Boxes, Components
from got_runtime.views.segments import Segment

__all__ = ["MOST_HEIGHT", "lone_dashes"]

Flags = npt.NDArray[np.bool_]

WIDTHS = (0.25, 2.6)
"""From a hyphen to an em dash. Lengths are in x-heights."""
MOST_HEIGHT = 0.4
LEAST_SHAPE = 1.5
"""Width of a dash in its heights."""
OFF_MIDDLE = 0.25
"""How far a dash may stand above or below the middle of the cells beside it, in their heights."""
BESIDE = 80.0
"""Distance at which another cell of the row stands."""
ABOVE = 8.0
"""Distance at which another cell of the column stands."""
APART = 1.8
"""A dash that is nearer to something on its row is part of a dashed line, a tick of an axis or a mark of a legend."""


def lone_dashes(parts: Components, found: list[Segment], x_height: float, upright: Boxes) -> list[Segment]:
    """A segment without letters for each dash that has cells beside it and cells, or such dashes, above or below it.

    Args:
        parts: components of the page's ink.
        found: segments of the page's letters.
        x_height: usual height of small letters in pixels.
        upright: boxes of upright rules.

    Returns:
        Segments as wide as the dash and as high as the nearest cell of the row.
    """
    if not found:
        return []
    cells = np.array([segment.box for segment in found], float)
    dashes = parts.boxes[_dash_shaped(parts, x_height)].astype(float)
    x, y = (dashes[:, 0] + dashes[:, 2]) / 2, (dashes[:, 1] + dashes[:, 3]) / 2
    gap = _gaps(dashes, cells)
    middle, height = (cells[:, 1] + cells[:, 3]) / 2, cells[:, 3] - cells[:, 1]
    level = np.abs(y[:, None] - middle) < OFF_MIDDLE * height
    beside = np.where(level & (gap < BESIDE * x_height) & (height < 3 * x_height), gap, np.inf)
    near_dash = (np.abs(y[:, None] - y) < 0.5 * x_height) & (_gaps(dashes, dashes) < APART * x_height)
    np.fill_diagonal(near_dash, False)
    crossed = (upright[:, 1] < y[:, None]) & (upright[:, 3] > y[:, None])
    near_rule = crossed & (_gaps(dashes, upright.astype(float)) < 0.5 * x_height)
    near_cell = (cells[:, 1] < y[:, None]) & (cells[:, 3] > y[:, None]) & (gap < APART * x_height)
    free = np.isfinite(beside).any(axis=1) & ~near_dash.any(axis=1) & ~near_rule.any(axis=1) & ~near_cell.any(axis=1)
    dashes, x, y, beside = dashes[free], x[free], y[free], beside[free]
    mates = np.concatenate([cells, dashes])
    down = np.maximum(mates[:, 1] - y[:, None], y[:, None] - mates[:, 3])
    over = (mates[:, 0] - x_height < x[:, None]) & (mates[:, 2] + x_height > x[:, None])
    in_column = (over & (down > 0.5 * x_height) & (down < ABOVE * x_height)).any(axis=1)
    segments = []
    for (left, _, right, _), distances in zip(dashes[in_column].tolist(), beside[in_column], strict=True):
        cell = found[int(distances.argmin())]
        segments.append(Segment((int(left), cell.box[1], int(right), cell.box[3]), cell.x_height, ()))
    return segments


def _dash_shaped(parts: Components, x_height: float) -> Flags:
    widths, heights = parts.widths, parts.heights
    fits = (widths > WIDTHS[0] * x_height) & (widths < WIDTHS[1] * x_height) & (heights < MOST_HEIGHT * x_height)
    shaped: Flags = fits & (widths > LEAST_SHAPE * heights) & (parts.areas > 0.7 * widths * heights)
    return shaped


def _gaps(dashes: npt.NDArray[np.float64], boxes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Horizontal distance of each dash from each box, ``(dashes, boxes)``; negative where they overlap."""
    return np.maximum(boxes[:, 0] - dashes[:, 2, None], dashes[:, 0, None] - boxes[:, 2])
