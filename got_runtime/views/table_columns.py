"""Columns and rows of a table where no rules part them."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from got_runtime.views.ink import Mask
from got_runtime.views.pieces import Box, runs_of_flags
from got_runtime.views.reading_order import TextLine
from got_runtime.views.table_regions import level_rows

__all__ = ["are_cells", "columns_by_gaps", "rows_within"]

COLUMN_GAP = 1.2
"""In x-heights of the page. Least white space between the columns of a table without upright rules."""
MARK_WIDTH = 2.5
"""A first column that is so narrow holds the numbers or bullets of a list."""
MAX_CELL_WIDTH = 16.0
"""Width of a cell where there are no rules; a line of a narrow column of text is as wide."""
MAX_SPANNING = 0.34
"""Part of the rows that may cross the white space between two columns: cells of several columns."""


def rows_within(lines: Sequence[TextLine], ys: Sequence[float], xs: Sequence[float]) -> list[float]:
    """The edges of rows, with those between rows of text that no rule parts; lines of one cell are not parted."""
    edges = [ys[0]]
    for top, bottom in itertools.pairwise(ys):
        inside = sorted(
            (line for line in lines if top < (line.box[1] + line.box[3]) / 2 < bottom), key=lambda line: line.box[1]
        )
        rows: list[list[TextLine]] = []
        for line in inside:
            if rows and line.box[1] < min(each.box[1] / 2 + each.box[3] / 2 for each in rows[-1]):
                rows[-1].append(line)
            else:
                rows.append([line])
        firsts = sum(len(row) > 1 for row in rows)
        if len(rows) > 1 and firsts >= len(rows) / 2:
            ends = [max(line.box[3] for line in row) for row in rows]
            edges += [(end + min(line.box[1] for line in row)) / 2 for end, row in zip(ends, rows[1:], strict=False)]
        edges.append(bottom)
    return edges


def columns_by_gaps(
    lines: Sequence[TextLine], region: Box, ink: Mask, x_height: float
) -> tuple[list[float], list[TextLine]]:
    """Edges of the columns of a table without upright rules, and its lines parted at them."""
    left, _, right, _ = region
    rows = level_rows(lines)
    taken = np.zeros((len(rows), right - left), np.bool_)
    for number, row in enumerate(rows):
        for line in row:
            x0, top, x1, bottom = line.box
            begin, end = max(x0, left), min(x1, right)
            columns = ink[top:bottom, begin:end].max(axis=0, initial=False)
            for gap_begin, gap_end in _runs(~columns):  # gaps between words are text
                if gap_end - gap_begin < COLUMN_GAP * x_height:
                    columns[gap_begin:gap_end] = True
            taken[number, begin - left : end - left] |= columns
    most = MAX_SPANNING if len(rows) > 2 else 0.0
    free = np.asarray(taken.mean(axis=0) <= most)
    strips = [(a, b) for a, b in _runs(free) if a > 0 and b < right - left and b - a >= COLUMN_GAP * x_height]
    xs = [float(left), *(left + (a + b) / 2 for a, b in strips), float(right)]
    parted: list[TextLine] = []
    for line in lines:
        parted += _parted(line, xs[1:-1], ink, x_height)
    return xs, parted


def _parted(line: TextLine, edges: Sequence[float], ink: Mask, x_height: float) -> list[TextLine]:
    """A line in the parts that column edges make of it, where its ink leaves room for them."""
    left, top, right, bottom = line.box
    columns = ink[top:bottom, left:right].max(axis=0, initial=False)
    begin, parts = 0, []
    for gap_begin, gap_end in _runs(~columns):
        if gap_end - gap_begin >= COLUMN_GAP * x_height and any(gap_begin <= edge - left <= gap_end for edge in edges):
            parts.append((begin, gap_begin))
            begin = gap_end
    parts.append((begin, right - left))
    return [replace(line, box=(left + a, top, left + b, bottom)) for a, b in parts if b > a]


def are_cells(lines: Sequence[TextLine], xs: Sequence[float], x_height: float) -> bool:
    """Whether parts of lines may be cells of a table without rules: columns of text, numbers of a list are none."""
    widths = [line.box[2] - line.box[0] for line in lines]
    firsts = [line.box[2] - line.box[0] for line in lines if line.box[2] <= xs[1] + x_height]
    is_list = len(xs) == 3 and max(firsts, default=0) < MARK_WIDTH * x_height
    return max(widths) < MAX_CELL_WIDTH * x_height and not is_list


def _runs(flags: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    return list(zip(*(each.tolist() for each in runs_of_flags(flags)), strict=True))
