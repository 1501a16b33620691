"""Tables: their rows, columns and cells, from rules and from white space, and their place in the reading order."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from got_runtime.views.ink import Mask
from got_runtime.views.pieces import Box, around
from got_runtime.views.reading_order import TextLine, in_reading_order
from got_runtime.views.rules import Rules
from got_runtime.views.table_columns import are_cells, columns_by_gaps, rows_within
from got_runtime.views.table_regions import (
    SAME_EDGE,
    around_lines,
    edges_of,
    middle_in,
    ruled_regions,
    rules_inside,
    rules_outside,
    unruled_regions,
)

__all__ = ["Cell", "Table", "place_of", "with_tables"]

MAX_CELL_LINES = 5
"""Lines of a cell; a frame around paragraphs is no table."""


class Cell(NamedTuple):
    """A cell: its place in the grid, how many rows and columns it takes, and the indices of its lines."""

    row: int
    column: int
    rows: int
    columns: int
    lines: tuple[int, ...]


@dataclass(frozen=True)
class Table:
    """A table in a page's lines. ``lines`` are the indices of the first one and of that behind the last one.

    ``level[i]`` says for each column whether a rule is above row ``i``; the last entry is for below the last row.
    ``upright[j]`` says whether a rule is on the left of column ``j``, or on the right of the last one. ``alignment``
    has ``l``, ``c`` or ``r`` for each column.
    """

    rows: int
    columns: int
    cells: tuple[Cell, ...]
    level: tuple[tuple[bool, ...], ...]
    upright: tuple[bool, ...]
    alignment: str
    lines: tuple[int, int]


class _Grid(NamedTuple):
    """Edges of rows and columns, and where they have rules: ``(rows + 1, columns)`` and ``(columns + 1, rows)``."""

    ys: list[float]
    xs: list[float]
    level: npt.NDArray[np.bool_]
    upright: npt.NDArray[np.bool_]


def with_tables(
    lines: Sequence[TextLine], rules: Rules, ink: Mask, x_height: float
) -> tuple[list[TextLine], list[Table]]:
    """The lines of a page in reading order, those of each table one after another, and the tables.

    Each line of a cell is one line in a row of its own.
    """
    free = list(lines)
    found: list[tuple[Table, list[TextLine]]] = []

    def take(inside: list[TextLine], region: Box) -> None:
        if (table := _table(inside, region, rules, ink, x_height)) is not None:
            found.append(table)
            free[:] = [line for line in free if line not in inside]

    for region in ruled_regions(rules, x_height):
        take([line for line in free if middle_in(line.box, region)], region)
    for rows in unruled_regions(free, x_height):
        inside = [line for row in rows for line in row]
        take(inside, around_lines(inside))
    if not found:
        return list(lines), []
    outside = Rules(*(rules_outside(boxes, [around_lines(own) for _, own in found]) for boxes in rules))
    return _inserted(in_reading_order(free, outside), found)


def _inserted(free: list[TextLine], found: list[tuple[Table, list[TextLine]]]) -> tuple[list[TextLine], list[Table]]:
    """The tables at their places among the other lines, rows numbered anew."""
    boxes = [line.box for line in free]
    places = [(place_of(around_lines(own), boxes), number) for number, (_, own) in enumerate(found)]
    ordered: list[TextLine] = []
    tables: list[Table] = []
    begin = 0
    for place, number in [*sorted(places), (len(free), -1)]:
        first = ordered[-1].row + 1 if ordered else 0
        offset = first - free[begin].row if begin < place else 0
        ordered += [replace(line, row=line.row + offset) for line in free[begin:place]]
        begin = place
        if number >= 0:
            table, own = found[number]
            first = ordered[-1].row + 1 if ordered else 0
            start = len(ordered)
            ordered += [replace(line, row=first + index) for index, line in enumerate(own)]
            cells = tuple(cell._replace(lines=tuple(start + index for index in cell.lines)) for cell in table.cells)
            tables.append(replace(table, cells=cells, lines=(start, len(ordered))))
    return ordered, tables


def place_of(box: Box, lines: Sequence[Box]) -> int:
    """The index of the line before which a box is read: after what stands above it, before what is below or right.

    A short line below is often not under the box but under its column, which the nearest rows above and below show.
    """
    _, top, _, bottom = box
    left, _, right, _ = _with_neighbour(box, lines)
    first = 0
    for index, line in enumerate(lines):
        if line[0] < right and line[2] > left and line[3] <= top + 2:
            first = index + 1
    for index in range(first, len(lines)):
        x0, y0, x1, _ = lines[index]
        if (x0 < right and x1 > left and y0 >= bottom - 2) or x0 >= right:
            return index
    return len(lines)


def _with_neighbour(box: Box, lines: Sequence[Box]) -> Box:
    """A box with the narrower of the two lines next to it, above and below; a wide one may head several columns."""
    left, top, right, bottom = box
    over = [line for line in lines if line[0] < right and line[2] > left]
    above = max((line for line in over if line[3] <= top + 2), key=lambda line: line[3], default=None)
    below = min((line for line in over if line[1] >= bottom - 2), key=lambda line: line[1], default=None)
    beside = min((line for line in (above, below) if line), key=lambda line: line[2] - line[0], default=box)
    return around([box, beside])


def _table(
    lines: list[TextLine], region: Box, rules: Rules, ink: Mask, x_height: float
) -> tuple[Table, list[TextLine]] | None:
    """The table of a region and its lines, cell by cell; None where it is none."""
    if len(lines) < 2:
        return None
    uprights = edges_of(rules.upright[rules_inside(rules.upright, region, x_height)], 0, x_height)
    levels = edges_of(rules.level[rules_inside(rules.level, region, x_height)], 1, x_height)
    inner = [x for x in uprights if region[0] + x_height < x < region[2] - x_height]
    if inner and len(levels) > 1:
        xs, parted = uprights, lines
    else:
        xs, parted = columns_by_gaps(lines, region, ink, x_height)
        if len(xs) < 3 or (not levels and not are_cells(parted, xs, x_height)):
            return None
    ys = levels if len(levels) > 1 else [float(region[1]), float(region[3])]
    if len(ys) <= 4:
        ys = rows_within(parted, ys, xs)
    if len(xs) < 3 or len(ys) < 3:
        return None
    return _cells(parted, _Grid(ys, xs, *_ruled(rules, ys, xs, x_height)), x_height)


def _cells(lines: Sequence[TextLine], grid: _Grid, x_height: float) -> tuple[Table, list[TextLine]] | None:
    rows, columns = len(grid.ys) - 1, len(grid.xs) - 1
    places = [_cell_of(line.box, grid) for line in lines]
    barred = bool(grid.upright[1:-1].any())
    taken: set[tuple[int, int]] = set()
    cells: list[Cell] = []
    ordered: list[TextLine] = []
    for row, column in itertools.product(range(rows), range(columns)):
        if (row, column) in taken:
            continue
        wide, tall = 1, 1
        if barred:
            while column + wide < columns and not grid.upright[column + wide, row]:
                wide += 1
            with_text = {place[0] for place in places if column <= place[1] < column + wide}
            # Rows between two rules are no cell of several rows: text in each of them says so.
            while (
                row + tall < rows
                and grid.level[1:-1].any()
                and not grid.level[row + tall, column : column + wide].any()
                and not (row + tall in with_text and with_text.intersection(range(row, row + tall)))
            ):
                tall += 1
        else:
            crossing = [line for line, place in zip(lines, places, strict=True) if place == (row, column)]
            reach = max((line.box[2] for line in crossing), default=0)
            while column + wide < columns and reach > grid.xs[column + wide] + SAME_EDGE * x_height:
                wide += 1
        spots = {(row + down, column + across) for down in range(tall) for across in range(wide)}
        taken |= spots
        own = [line for line, place in zip(lines, places, strict=True) if place in spots]
        own.sort(key=lambda line: (line.box[1] + line.box[3], line.box[0]))
        if len(own) > MAX_CELL_LINES:
            return None
        cells.append(Cell(row, column, tall, wide, tuple(range(len(ordered), len(ordered) + len(own)))))
        ordered += own
    alignment = "".join(_alignment(cells, ordered, column, grid, x_height) for column in range(columns))
    level = tuple(tuple(bool(each) for each in edge) for edge in grid.level)
    upright = tuple(bool(edge.any()) for edge in grid.upright)
    return Table(rows, columns, tuple(cells), level, upright, alignment, (0, len(ordered))), ordered


def _alignment(cells: Sequence[Cell], lines: Sequence[TextLine], column: int, grid: _Grid, x_height: float) -> str:
    """How the cells of a column stand: by the edges and middles of their text."""
    boxes = [
        around_lines([lines[index] for index in cell.lines])
        for cell in cells
        if cell.column == column and cell.columns == 1 and cell.lines
    ]
    if not boxes:
        return "c"
    lefts, rights = np.array([box[0] for box in boxes], float), np.array([box[2] for box in boxes], float)
    if np.ptp(rights - lefts) < 0.5 * x_height:
        if grid.upright[column : column + 2].any(axis=1).all():
            before, after = lefts.mean() - grid.xs[column], grid.xs[column + 1] - rights.mean()
            return "c" if abs(before - after) < 0.8 * x_height else "l" if before < after else "r"
        return "c"
    spreads = {"c": np.ptp(lefts + rights) / 2, "l": np.ptp(lefts), "r": np.ptp(rights)}
    return min(spreads, key=lambda letter: spreads[letter])


def _cell_of(box: Box, grid: _Grid) -> tuple[int, int]:
    """Row of a line's middle, and the first column that it stands in."""
    row = int(np.searchsorted(grid.ys[1:-1], (box[1] + box[3]) / 2))
    # A line begins where at least a letter of it is in the column.
    column = int(np.searchsorted(grid.xs[1:-1], min(box[0] + 0.3 * (box[3] - box[1]), (box[0] + box[2]) / 2)))
    return row, column


def _ruled(
    rules: Rules, ys: Sequence[float], xs: Sequence[float], x_height: float
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which edges have a rule: level ones (rows + 1, columns), and upright ones (columns + 1, rows)."""
    near = SAME_EDGE * x_height
    level = _rules_on(rules.level, ys, xs, near)
    # Seen from the side, upright rules are level.
    upright = _rules_on(rules.upright[:, [1, 0, 3, 2]], xs, ys, near)
    return level, upright


def _rules_on(
    boxes: npt.NDArray[np.int64], edges: Sequence[float], across: Sequence[float], near: float
) -> npt.NDArray[np.bool_]:
    """Which of the ``edges`` have a level rule, between each two of the edges ``across``."""
    found = np.zeros((len(edges), len(across) - 1), np.bool_)
    middles = (np.array(across[1:]) + np.array(across[:-1])) / 2
    for left, top, right, bottom in boxes.tolist():
        for index, edge in enumerate(edges):
            if abs((top + bottom) / 2 - edge) <= near:
                found[index] |= (left < middles) & (right > middles)
    return found
