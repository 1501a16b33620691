"""Gutters: the white strips that part running text into columns, told from gaps in tables and between words."""

import itertools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from got_runtime.views.components import Boxes

__all__ = ["CELL_GAP", "FEW_ROWS", "widest_columns"]

Floats = npt.NDArray[np.float64]

CELL_GAP = 3.0
"""Distances below are in x-heights. Gap between the cells of a table; words of one line stand closer."""
MIN_COLUMN_ROWS = 3
"""Rows of text that a gutter must have on each side."""
FEW_ROWS = 2
"""Rows that are enough where both columns are as wide as running text and the gap is wider than any between words."""
MIN_WIDTH_OF_FEW_ROWS, MIN_GAP_OF_FEW_ROWS = 26.0, 2.0
MIN_COLUMN_HEIGHT = 4.0
MIN_COLUMN_WIDTH = 11.0
MIN_WIDER_COLUMN_WIDTH = 18.0
MIN_FILL = 0.45
"""Median part of a column's width that its rows fill: text fills its column, cells of a table do not."""
MIN_WORD_GAPS = 0.4
"""Gaps between segments, for each row beside a gutter, from which they tell how far apart words are."""
WIDER_THAN_WORD_GAPS = 1.5
HALF_A_LINE = 1.0
"""How much lower or higher the first and last rows of columns stand that begin and end together."""
SAME_END = 0.5
SAME_ROW = 0.5
"""Distance of the middles of two rows that stand level, on either side of a gutter."""
LEVEL, NOT_LEVEL = 0.8, 0.6
"""Part of the rows of the shorter side that stand level with a row of the other: in tables nearly all."""
MIN_FILL_OF_LEVEL_ROWS = 0.7
"""Where rows stand level, they are those of a table unless they fill their column like running text."""
MIN_JUSTIFIED, MIN_FILL_OF_JUSTIFIED_ROWS = 0.4, 0.6
"""Part of the rows of either side that end where their column ends, from which both are justified text."""
MIN_ROWS_BESIDE_FIGURE = 6
MIN_FILL_BESIDE_FIGURE = 0.6
"""Running text on one side is a column whatever stands on the other, if their rows do not stand level."""
MIN_SURE_ROWS = 10
"""Rows from which a gutter is none of chance."""
MIN_FILL_OF_NEAREST = 0.8
"""Median part of their width that rows of running text fill, where only the columns next to a gutter are looked at."""
SAME_PITCH = 1.4
"""Distance to the next line, relative to that of the rows, up to which it belongs to their paragraph."""
GUTTER = 0.45
"""Half the width of a gutter."""


class Gutter(NamedTuple):
    """A vertical strip at ``x`` without text between ``top`` and ``bottom``, in pixels."""

    x: float
    top: float
    bottom: float


def widest_columns(boxes: Floats, rules: Boxes, x_height: float) -> Gutter | None:
    """The gutter with the most rows of text on both sides, or None."""
    begin, end = float(boxes[:, 0].min()), float(boxes[:, 2].max())
    if end - begin < 24 * x_height:
        return None
    boxes = boxes[np.argsort(boxes[:, 1] + boxes[:, 3])]
    down = (boxes[:, 1] + boxes[:, 3]) / 2
    best, most = None, FEW_ROWS - 1
    for bound, gutter in _free_strips(
        boxes, down, rules, np.arange(begin + 9 * x_height, end - 9 * x_height, x_height / 3), x_height
    ):
        if bound <= most:
            break
        rows = _rows_beside(boxes, down, gutter, x_height)
        if rows > most:
            best, most = gutter, rows
    return best


def _free_strips(boxes: Floats, down: Floats, rules: Boxes, xs: Floats, x_height: float) -> list[tuple[int, Gutter]]:
    """Strips that nothing crosses, each with the number of segments on its poorer side, richest first."""
    margin = GUTTER * x_height
    spans = np.concatenate([boxes, rules[(rules[:, 3] > boxes[:, 1].min()) & (rules[:, 1] < boxes[:, 3].max())]])
    middle = (spans[:, 1] + spans[:, 3]) / 2
    found: dict[tuple[int, int, int, int], Gutter] = {}
    for x in xs.tolist():
        crossing = (spans[:, 0] < x + margin) & (spans[:, 2] > x - margin)
        edges = np.concatenate([[-np.inf], np.sort(middle[crossing]), [np.inf]])
        # Segments are sorted from the top: those of a strip lie between two positions.
        begins = np.searchsorted(down, edges[:-1], "right")
        ends = np.searchsorted(down, edges[1:], "left")
        left = np.concatenate([[0], np.cumsum(boxes[:, 2] <= x)])
        right = np.concatenate([[0], np.cumsum(boxes[:, 0] >= x)])
        on_left, on_right = left[ends] - left[begins], right[ends] - right[begins]
        for index in np.flatnonzero(np.minimum(on_left, on_right) >= FEW_ROWS).tolist():
            key = int(begins[index]), int(ends[index]), int(on_left[index]), int(on_right[index])
            found.setdefault(key, Gutter(x, float(edges[index]), float(edges[index + 1])))
    strips = [(min(key[2:]), gutter) for key, gutter in found.items()]
    return sorted(strips, key=lambda strip: -strip[0])


def _rows_beside(boxes: Floats, down: Floats, gutter: Gutter, x_height: float) -> int:
    """How many rows of text a gutter has on both sides; 0 where it is none."""
    return _rows_of_sides(boxes, down, gutter, x_height) or _rows_of_nearest_columns(boxes, down, gutter, x_height)


def _rows_of_nearest_columns(boxes: Floats, down: Floats, gutter: Gutter, x_height: float) -> int:
    """The same for the columns next to the gutter, whatever stands behind them: one more column, notes, a table.

    Both must be full of running text whose rows do not stand level, as those of cells do.
    """
    inside = (down > gutter.top) & (down < gutter.bottom)
    left = _nearest_column(boxes[inside & (boxes[:, 2] <= gutter.x)], x_height, -1)
    right = _nearest_column(boxes[inside & (boxes[:, 0] >= gutter.x)], x_height, 0)
    if min(len(left), len(right)) < MIN_SURE_ROWS:  # a row has a segment or more
        return 0
    sides = [_extents(side, x_height) for side in (left, right)]
    rows = min(len(side) for side in sides)
    if rows < MIN_SURE_ROWS or _level_rows(sides[0], sides[1], x_height) >= NOT_LEVEL:
        return 0
    for side in sides:
        width = float(side[:, 1].max() - side[:, 0].min())
        if width < MIN_WIDER_COLUMN_WIDTH * x_height or np.median(side[:, 2]) < MIN_FILL_OF_NEAREST * width:
            return 0
    return rows


def _nearest_column(side: Floats, x_height: float, at: int) -> Floats:
    """The leftmost (``at`` 0) or rightmost (-1) segments of a side that no wide white strip parts over its height."""
    side = side[np.argsort(side[:, 0])]
    ends = np.maximum.accumulate(side[:, 2])
    return np.split(side, np.flatnonzero(side[1:, 0] - ends[:-1] > MIN_GAP_OF_FEW_ROWS * x_height) + 1)[at]


def _rows_of_sides(boxes: Floats, down: Floats, gutter: Gutter, x_height: float) -> int:
    """The same for all that stands on either side."""
    inside = (down > gutter.top) & (down < gutter.bottom)
    left, right = inside & (boxes[:, 2] <= gutter.x), inside & (boxes[:, 0] >= gutter.x)
    if not left.any() or not right.any():
        return 0
    begin = max(down[left].min(), down[right].min()) - HALF_A_LINE * x_height
    end = min(down[left].max(), down[right].max()) + HALF_A_LINE * x_height
    both = (down >= begin) & (down <= end)
    sides = [_extents(boxes[side & both], x_height) for side in (left, right)]
    rows = min(len(side) for side in sides)
    inside = both & (left | right)
    if rows == FEW_ROWS:
        alone = not any(_follows(gutter, down[inside], rows, at) for at in (0, -1))
        return rows if alone and _are_wide(sides[0], sides[1], x_height) else 0
    if end - begin < MIN_COLUMN_HEIGHT * x_height:
        return 0
    if rows < MIN_COLUMN_ROWS or _within_a_paragraph(gutter, down[inside], rows):
        return 0
    if _is_between_words(boxes[inside], gutter.x, x_height):
        return 0
    widths = [float(side[:, 1].max() - side[:, 0].min()) for side in sides]
    if min(widths) < MIN_COLUMN_WIDTH * x_height or max(widths) < MIN_WIDER_COLUMN_WIDTH * x_height:
        return 0
    fills = [float(np.median(side[:, 2])) / width for side, width in zip(sides, widths, strict=True)]
    level = _level_rows(sides[0], sides[1], x_height)
    if level < NOT_LEVEL and any(
        len(side) >= MIN_ROWS_BESIDE_FIGURE and fill >= MIN_FILL_BESIDE_FIGURE
        for side, fill in zip(sides, fills, strict=True)
    ):
        return rows
    if level <= LEVEL:
        return rows if min(fills) >= MIN_FILL else 0
    justified = rows >= MIN_ROWS_BESIDE_FIGURE and min(_justified(side, x_height) for side in sides) >= MIN_JUSTIFIED
    return rows if min(fills) >= (MIN_FILL_OF_JUSTIFIED_ROWS if justified else MIN_FILL_OF_LEVEL_ROWS) else 0


def _justified(side: Floats, x_height: float) -> float:
    """Which part of the rows of a side ends where its longest row ends."""
    return float((side[:, 1] > side[:, 1].max() - SAME_END * x_height).mean())


def _are_wide(left: Floats, right: Floats, x_height: float) -> bool:
    """Whether few rows on either side are two columns of running text: wide, and far apart."""
    if (
        len(left) != FEW_ROWS
        or len(right) != FEW_ROWS
        or right[:, 0].min() - left[:, 1].max() < MIN_GAP_OF_FEW_ROWS * x_height
    ):
        return False
    # The last row of a paragraph may be short, and a row with gaps is one of cells.
    whole = all(np.allclose(side[:, 1] - side[:, 0], side[:, 2]) for side in (left, right))
    return whole and min(side[:, 2].max() for side in (left, right)) >= MIN_WIDTH_OF_FEW_ROWS * x_height


def _level_rows(one: Floats, other: Floats, x_height: float) -> float:
    """Which part of the rows of the side with fewer rows stands level with a row of the other side."""
    fewer, more = sorted((one[:, 3], other[:, 3]), key=len)
    return float((np.abs(fewer[:, None] - more).min(axis=1) < SAME_ROW * x_height).mean())


def _within_a_paragraph(gutter: Gutter, middles: Floats, rows: int) -> bool:
    """Whether lines across the gutter follow above and below at the distance of its few rows.

    In widely justified lines, gaps between words stand below each other by chance.
    """
    if rows >= MIN_SURE_ROWS:
        return False
    return _follows(gutter, middles, rows, 0) and _follows(gutter, middles, rows, -1)


def _follows(gutter: Gutter, middles: Floats, rows: int, at: int) -> bool:
    """Whether a line across the gutter stands above the first row (``at`` 0) or below the last (-1) as the rows do."""
    middles = np.sort(middles)
    pitch = (middles[-1] - middles[0]) / (rows - 1)
    distance = middles[0] - gutter.top if at == 0 else gutter.bottom - middles[-1]
    return bool(distance < SAME_PITCH * pitch)


def _is_between_words(boxes: Floats, x: float, x_height: float) -> bool:
    """Whether the gaps at ``x`` are hardly wider than the others in their rows, as in widely justified lines."""
    here, elsewhere = list[float](), list[float]()
    for _, row in _by_row(boxes, x_height):
        for before, after in itertools.pairwise(row):
            (here if before[1] <= x <= after[0] else elsewhere).append(after[0] - before[1])
    elsewhere = [gap for gap in elsewhere if gap < CELL_GAP * x_height]
    if not here or len(elsewhere) < MIN_WORD_GAPS * len(here):
        return False
    return float(np.median(here)) < WIDER_THAN_WORD_GAPS * float(np.median(elsewhere))


def _extents(boxes: Floats, x_height: float) -> Floats:
    """``(rows, 4)``: left, right, width of the text and middle of each row; gaps between cells are not text."""
    extents = []
    for middle, row in _by_row(boxes, x_height):
        gaps = (after[0] - before[1] for before, after in itertools.pairwise(row))
        left, right = row[0][0], max(end for _, end in row)
        extents.append((left, right, right - left - sum(gap for gap in gaps if gap > CELL_GAP * x_height), middle))
    return np.array(extents).reshape(-1, 4)


def _by_row(boxes: Floats, x_height: float) -> list[tuple[float, list[tuple[float, float]]]]:
    """The middle of each row, and left and right of its segments, from left to right."""
    down = (boxes[:, 1] + boxes[:, 3]) / 2
    rows: list[tuple[float, list[tuple[float, float]]]] = []
    begin = -np.inf
    for index in np.argsort(down):
        if down[index] - begin >= 0.8 * x_height:
            begin = float(down[index])
            rows.append((begin, []))
        rows[-1][1].append((boxes[index, 0], boxes[index, 2]))
    return [(middle, sorted(row)) for middle, row in rows]
