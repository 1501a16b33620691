"""Leaders and upright text: marks and letters that are part of no level line."""

import numpy as np

from got_runtime.views.components import Boxes, Components, bounding_boxes, smallest_labels
from got_runtime.views.segments import LETTER_HEIGHT, Flags, chained, cheapest, to_the_right

__all__ = ["without_leaders", "without_upright"]

NO_BOXES: Boxes = np.zeros((0, 4), np.int64)
LEADER = 4
"""So many equal marks in a row with nothing between are a leader or a dashed rule; an ellipsis has three."""
LETTER_GAP = 0.35
"""Largest gap between the letters of a word, in heights of a letter."""
UPRIGHT_LETTERS = 4
"""So many letters closely above each other are a word that is set upright."""
LEVEL_LETTERS = 3
"""So many letters closely beside each other are a word of a level line."""


def without_upright(parts: Components, usable: Flags, x_height: float) -> Flags:
    """``usable`` without the letters of text that is set upright: they follow each other closely down the page."""
    size = np.maximum(parts.heights, parts.widths)
    where = np.flatnonzero(usable & (size >= 0.4 * x_height) & (size < 6 * x_height))
    level = parts.boxes[where]
    upright = level[:, [1, 0, 3, 2]]
    down = chained(upright, x_height, NO_BOXES, LETTER_GAP)
    across = chained(level, x_height, NO_BOXES, LETTER_GAP)
    count, level_count = np.bincount(down)[down], np.bincount(across)[across]
    line = (count >= UPRIGHT_LETTERS) & (count > level_count)
    columns = bounding_boxes(level[line], np.unique(down[line], return_inverse=True)[1])
    columns = columns[(columns[:, 3] - columns[:, 1]) > 2.5 * (columns[:, 2] - columns[:, 0])]
    kept = usable.copy()
    middle = (level[:, 0] + level[:, 2]) / 2
    for left, top, right, bottom in columns.tolist():
        own = (middle > left) & (middle < right) & (level[:, 2] - level[:, 0] < 1.2 * (right - left))
        own &= line | (level_count < LEVEL_LETTERS)
        while True:  # the line's other words, one after the other
            reach = 1.2 * (right - left)
            members = own & (level[:, 1] > top - reach) & (level[:, 3] < bottom + reach)
            first, last = level[members, 1].min(), level[members, 3].max()
            if first >= top and last <= bottom:
                break
            top, bottom = min(top, first), max(bottom, last)
        kept[where[members]] = False
    return kept


def without_leaders(parts: Components, usable: Flags, x_height: float, apart: float = 0.0) -> Flags:
    """``usable`` without dotted leaders and dashed rules: equal marks in a row with nothing between.

    The marks are ``apart``, in their widths, at least: so far that they are no letters of smaller type.
    """
    heights, widths = parts.heights, parts.widths
    where = np.flatnonzero(usable & (widths < 5 * x_height))
    boxes = parts.boxes[where].astype(np.float64)
    small = (heights[where] < LETTER_HEIGHT * x_height) & (widths[where] < 2.5 * x_height)
    if small.sum() < LEADER:
        return usable
    one, other = to_the_right(parts.boxes[where], x_height)
    one, other = one[small[one]], other[small[one]]
    gap = boxes[other, 0] - boxes[one, 2]
    offset = np.abs(boxes[other, 1] + boxes[other, 3] - boxes[one, 1] - boxes[one, 3]) / 2
    reaches = (boxes[other, 1] < boxes[one, 3] + 0.3 * x_height) & (boxes[other, 3] > boxes[one, 1] - 0.3 * x_height)
    nearest = cheapest(one, np.where(reaches & (gap > 0), gap, np.inf), len(where))
    one, other, gap, offset = one[nearest], other[nearest], gap[nearest], offset[nearest]
    size = boxes[:, 2:] - boxes[:, :2]
    alike = (np.abs(size[other] - size[one]) <= 1 + 0.25 * size[one]).all(axis=1)
    equal = small[other] & alike & (offset < 0.15 * x_height) & (gap > 0) & (gap < 2.5 * x_height)
    equal &= gap >= apart * size[one, 0]
    label = smallest_labels(len(where), one[equal], other[equal])
    kept = usable.copy()
    kept[where[(np.bincount(label)[label] >= LEADER) & small]] = False
    return kept
