"""Lines in the order in which a person reads them: columns one after the other, rows from the top.

A gutter that runs free beside running text parts the page into columns; what lies above and below is read before and
after. Elsewhere the segments of a row are read from left to right.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from got_runtime.views.columns import CELL_GAP, FEW_ROWS, widest_columns
from got_runtime.views.components import Boxes
from got_runtime.views.rules import NO_RULES, Rules

__all__ = ["TextLine", "in_reading_order"]

Floats = npt.NDArray[np.float64]

HEAD_GAP = 1.2
"""White space between a running head or foot and the columns."""
HEAD_SEGMENTS = 3
PAIR_FROM_LEFT = 4.0
"""How far from the left edge of its column the right part of a running head begins."""
MARGIN = 0.5
"""A left column that is narrower than so much of what stands on its right holds notes beside the text."""
MAX_DEPTH = 8
"""Columns within columns; a page has two or three."""


@dataclass(frozen=True)
class TextLine:
    """A line of text, or the part of it up to a column gap. ``box`` is left, top, right, bottom in pixels.

    Lines with the same ``row`` stand beside each other, as the cells of a table do.
    """

    box: tuple[int, int, int, int]
    x_height: float
    row: int = 0
    light_on_dark: bool = False


def in_reading_order(lines: list[TextLine], rules: Rules = NO_RULES) -> list[TextLine]:
    """Lines in reading order with their rows numbered; segments of a row that stand close are one line.

    Rules part the page: no column goes on beyond a level one, and nothing is joined across an upright one.
    """
    if not lines:
        return []
    boxes = np.array([line.box for line in lines], float)
    x_height = float(np.median([line.x_height for line in lines]))
    ordered: list[TextLine] = []
    for number, row in enumerate(_rows(boxes, np.arange(len(lines)), rules, x_height, 0)):
        joined = _joined([lines[index] for index in row], rules.upright)
        ordered += [replace(line, row=number) for line in joined]
    return ordered


def _rows(
    boxes: Floats, members: npt.NDArray[np.int64], rules: Rules, x_height: float, depth: int
) -> Iterator[list[int]]:
    """Rows of the ``members``, as lists of their indices from left to right, in reading order."""
    gutter = None
    if len(members) >= 2 * FEW_ROWS and depth < MAX_DEPTH:
        gutter = widest_columns(boxes[members], rules.level, x_height)
    if gutter is None:
        yield from _rows_from_the_top(boxes, members, x_height)
        return
    across = (boxes[members, 0] + boxes[members, 2]) / 2
    down = (boxes[members, 1] + boxes[members, 3]) / 2
    beside = (down > gutter.top) & (down < gutter.bottom)
    top, bottom = _ends_of_columns(boxes[members], beside, across < gutter.x, x_height)
    left = (down > top) & (down < bottom) & (across < gutter.x)
    right = (down > top) & (down < bottom) & (across >= gutter.x)
    for part in (down <= top, left, right, down >= bottom):
        if part.any():
            yield from _rows(boxes, members[part], rules, x_height, depth + 1)


def _ends_of_columns(
    boxes: Floats, beside: npt.NDArray[np.bool_], on_left: npt.NDArray[np.bool_], x_height: float
) -> tuple[float, float]:
    """From where to where segments belong to columns: a running head or foot beside the gutter belongs to neither.

    It is set off by white space, and stands higher or lower than all of the other side. What stands above in the left
    column alone is read first in any case, and may be wider than the columns that the left side holds. A head or foot
    of two parts ends where the right column ends; titles of both columns would begin where they begin.
    """
    left, right = boxes[beside & on_left], boxes[beside & ~on_left]
    top, bottom = float(boxes[beside, 1].min()) - 1, float(boxes[beside, 3].max()) + 1
    is_margin = float(np.ptp(left[:, [0, 2]])) < MARGIN * float(np.ptp(right[:, [0, 2]]))
    for side, other, most in ((left, right, len(left)), (right, left, len(right) if is_margin else HEAD_SEGMENTS)):
        gaps = _gaps(side, HEAD_GAP * x_height)
        above = gaps[(gaps[:, 1] <= other[:, 3].min()) & (gaps[:, 2] <= most)]
        if len(above):
            top = max(top, float(above[-1, :2].mean()))
        below = gaps[(gaps[:, 0] >= other[:, 1].max()) & (len(side) - gaps[:, 2] <= HEAD_SEGMENTS)]
        if len(below):
            bottom = min(bottom, float(below[0, :2].mean()))
    across = _gaps(boxes[beside], HEAD_GAP * x_height)
    for gap in across[:1]:
        if gap[2] == 2 and _is_pair(left[left[:, 3] <= gap[0]], right[right[:, 3] <= gap[0]], right, x_height):
            top = max(top, float(gap[:2].mean()))
    for gap in across[-1:]:
        if gap[2] == beside.sum() - 2 and _is_pair(
            left[left[:, 1] >= gap[1]], right[right[:, 1] >= gap[1]], right, x_height
        ):
            bottom = min(bottom, float(gap[:2].mean()))
    return top, bottom


def _is_pair(one: Floats, other: Floats, column: Floats, x_height: float) -> bool:
    """Whether two segments are the parts of a running head: the ``other`` stands at the right end of its column."""
    if len(one) != 1 or len(other) != 1:
        return False
    from_left, from_right = other[0, 0] - column[:, 0].min(), column[:, 2].max() - other[0, 2]
    return bool(from_left > PAIR_FROM_LEFT * x_height and from_right < x_height)


def _gaps(boxes: Floats, widest: float) -> Floats:
    """``(n, 3)``: begin and end of the white space across boxes, from the top, and how many boxes stand above it."""
    ordered = boxes[np.argsort(boxes[:, 1])]
    ends = np.maximum.accumulate(ordered[:, 3])[:-1]
    begins = ordered[1:, 1]
    gaps = np.stack([ends, begins, np.arange(1.0, len(ordered))], axis=1)
    return np.asarray(gaps[begins - ends >= widest])


def _rows_from_the_top(boxes: Floats, members: npt.NDArray[np.int64], x_height: float) -> list[list[int]]:
    rows: list[list[int]] = []
    for index in sorted(members.tolist(), key=lambda index: boxes[index, 1] + boxes[index, 3]):
        row = next((row for row in rows[-4:] if _stands_in(boxes, index, row, x_height)), None)
        if row is None:
            rows.append([index])
        else:
            row.append(index)
    return [sorted(row, key=lambda index: boxes[index, 0]) for row in rows]


def _stands_in(boxes: Floats, index: int, row: list[int], x_height: float) -> bool:
    """Whether a segment is at the height of its neighbour in the row, on either side, and overlaps none sideways.

    Segments further away say nothing: in the next column stand other rows.
    """
    left, top, right, bottom = boxes[index]
    others = boxes[row]
    overlap = np.minimum(right, others[:, 2]) - np.maximum(left, others[:, 0])
    narrower = np.minimum(right - left, others[:, 2] - others[:, 0])
    if (overlap > np.maximum(x_height, 0.35 * narrower)).any():
        return False
    level = np.minimum(bottom, others[:, 3]) - np.maximum(top, others[:, 1])
    beside = level > 0.4 * np.minimum(bottom - top, others[:, 3] - others[:, 1])
    before = (others[:, 0] + others[:, 2]) < left + right
    nearest_before = np.where(before, others[:, 2], -np.inf).argmax()
    nearest_behind = np.where(before, np.inf, others[:, 0]).argmin()
    return bool((before.any() and beside[nearest_before]) or (not before.all() and beside[nearest_behind]))


def _joined(row: list[TextLine], walls: Boxes) -> list[TextLine]:
    """A row from left to right, its segments joined where no gap of cells stands between them."""
    joined: list[TextLine] = []
    for line in row:
        if joined and _close(joined[-1], line) and not _wall_between(joined[-1].box, line.box, walls):
            last = joined[-1]
            main = max(last, line, key=lambda each: (each.box[2] - each.box[0]) * each.x_height)
            (a0, b0, a1, b1), (x0, y0, x1, y1) = last.box, line.box
            joined[-1] = replace(last, box=(min(a0, x0), min(b0, y0), max(a1, x1), max(b1, y1)), x_height=main.x_height)
        else:
            joined.append(line)
    return joined


def _close(last: TextLine, line: TextLine) -> bool:
    larger, smaller = max(line.x_height, last.x_height), min(line.x_height, last.x_height)
    return line.box[0] - last.box[2] < CELL_GAP * min(larger, 1.6 * smaller)


def _wall_between(last: tuple[int, ...], box: tuple[int, ...], walls: Boxes) -> bool:
    middle = (max(last[1], box[1]) + min(last[3], box[3])) / 2
    between = (walls[:, 2] >= last[2] - 2) & (walls[:, 0] <= box[0] + 2)
    return bool((between & (walls[:, 1] < middle) & (walls[:, 3] > middle)).any())
