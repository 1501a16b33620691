"""Random tables: their layout, and their LaTeX and typst source."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from got_runtime.synth.pages.answer import TypesetAnswer

Rules = Literal["all", "header", "none"]
Content = Callable[[TypesetAnswer], str]
"""Writes a cell's contents into the answer; returns the typst source that prints them."""
_TYPST_ALIGN = {"l": "left", "c": "center", "r": "right"}


@dataclass(frozen=True)
class TableCell:
    row: int
    column: int
    content: Content | None
    rows: int = 1
    columns: int = 1


@dataclass(frozen=True)
class TableLayout:
    """``cells`` in row order; a position covered by a span has no cell of its own."""

    rows: int
    columns: int
    alignment: str
    rules: Rules
    cells: tuple[TableCell, ...]

    def at(self, row: int, column: int) -> TableCell:
        """The cell that covers a position."""
        return next(
            c for c in self.cells if c.row <= row < c.row + c.rows and c.column <= column < c.column + c.columns
        )


@dataclass(frozen=True)
class _Rulers:
    """Inks of invisible marks: column edges and centres, row tops (the last is the bottom) and middles."""

    edges: tuple[int, ...]
    centres: tuple[int, ...]
    tops: tuple[int, ...]
    middles: tuple[int, ...]


def random_layout(
    rng: np.random.Generator, content: Callable[[], Content | None], most_rows: int = 6, most_columns: int = 5
) -> TableLayout:
    """2 to ``most_rows`` rows of 2 to ``most_columns`` columns; one table in three has a span."""
    rows, columns = int(rng.integers(2, most_rows + 1)), int(rng.integers(2, most_columns + 1))
    rules: Rules = ("all", "header", "none")[rng.choice(3, p=[0.65, 0.25, 0.1])]
    kind = rng.random()
    alignment = "c" * columns if kind < 0.6 else "l" * columns if kind < 0.8 else "l" + "c" * (columns - 1)
    spans: dict[tuple[int, int], tuple[int, int]] = {}
    if rng.random() < 0.3:
        # Without vertical rules a span can be seen only where its text is centred between two columns.
        wide = int(rng.integers(2, columns + 1)) if rules == "all" else 2
        spans[int(rng.integers(2)) * int(rng.integers(rows)), int(rng.integers(columns - wide + 1))] = (1, wide)
    if rng.random() < 0.15 and rows > 2 and rules == "all":
        tall = int(rng.integers(2, rows))
        start = int(rng.integers(1, rows - tall + 1))
        if not any(start <= row < start + tall for row, _ in spans):
            spans[start, 0] = (tall, 1)
    covered: set[tuple[int, int]] = set()
    cells = []
    for row in range(rows):
        for column in range(columns):
            if (row, column) in covered:
                continue
            tall, wide = spans.get((row, column), (1, 1))
            covered |= {(row + i, column + j) for i in range(tall) for j in range(wide)}
            filled = content()
            while filled is None and (tall, wide) != (1, 1):
                filled = content()
            cells.append(TableCell(row, column, filled, tall, wide))
    return TableLayout(rows, columns, alignment, rules, tuple(cells))


def set_table(answer: TypesetAnswer, layout: TableLayout, inset: tuple[float, float]) -> str:
    """Write the ``tabular``; returns the typst source that prints it, with cells padded by ``inset`` (x, y) in em."""
    rulers = _Rulers(
        *(
            tuple(answer.new_ink() for _ in range(count))
            for count in (layout.columns + 1, layout.columns, layout.rows + 1, layout.rows)
        )
    )
    _open(answer, layout, rulers)
    body = [_measures(layout, rulers)]
    for row in range(layout.rows):
        _rule(answer, layout, rulers, row)
        body.append(_row(answer, layout, rulers, row))
    _rule(answer, layout, rulers, layout.rows)
    answer.cross("\n\\end{tabular}", rulers.edges[-1], rulers.tops[-1])
    alignment = ", ".join(f"{_TYPST_ALIGN[a]} + horizon" for a in "l" + layout.alignment)
    return (
        f"#table(columns: (0pt, {'auto, ' * layout.columns}), stroke: none, align: ({alignment}), "
        f"inset: (x: {inset[0]}em, y: {inset[1]}em),\n" + "".join(body) + _lines(layout) + ")"
    )


def _open(answer: TypesetAnswer, layout: TableLayout, rulers: _Rulers) -> None:
    top, bars = rulers.tops[0], layout.rules == "all"
    answer.cross("\\begin{tabular}{" + "|" * bars, rulers.edges[0], top)
    for column, letter in enumerate(layout.alignment):
        answer.cross(letter, rulers.centres[column], top)
        if bars:
            answer.cross("|", rulers.edges[column + 1], top)
    answer.cross("}", rulers.edges[-1], top)


def _rule(answer: TypesetAnswer, layout: TableLayout, rulers: _Rulers, row: int) -> None:
    """The line break before ``row`` (the end, for the last), and its rule."""
    end, top = row == layout.rows, rulers.tops[row]
    inner = "" if end else " "
    if layout.rules == "none" or (layout.rules == "header" and 1 < row < layout.rows):
        if not end:
            answer.cross("\n", rulers.edges[0], top)
        return
    if not end and row and layout.at(row, 0).row < row:  # a row span in the first column continues
        start = layout.at(row, 0).columns
        answer.cross(f"\n\\cline{{{start + 1}-{layout.columns}}}{inner}", rulers.edges[start], top)
        return
    answer.cross(f"\n\\hline{inner}", rulers.edges[0], top)


def _row(answer: TypesetAnswer, layout: TableLayout, rulers: _Rulers, row: int) -> str:
    """One row's cells; the typst source begins with the row's ruler in a column of no width."""
    middle = rulers.middles[row]
    marks = f"place(left + top, dot({rulers.tops[row]})) + place(left + horizon, dot({middle}))"
    if row == layout.rows - 1:
        marks += f" + place(left + bottom, dot({rulers.tops[-1]}))"
    source = f"  table.cell(inset: 0pt, {marks}),\n"
    column, gap = 0, ""
    while column < layout.columns:
        cell = layout.at(row, column)
        if column:
            answer.cross(f"{gap}& ", rulers.edges[column], middle)
        gap = ""
        if cell.row == row:
            if cell.content is not None:
                gap = " "
            source += _cell(answer, layout, cell)
        column += cell.columns
    answer.cross(f"{gap}\\\\", rulers.edges[-1], middle)
    return source


def _cell(answer: TypesetAnswer, layout: TableLayout, cell: TableCell) -> str:
    opened = 0
    arguments = ""
    if cell.columns > 1:
        bars = ("|" if cell.column == 0 else "", "|") if layout.rules == "all" else ("", "")
        answer.opening(f"\\multicolumn{{{cell.columns}}}{{{bars[0]}c{bars[1]}}}{{")
        arguments = f"colspan: {cell.columns}, align: center + horizon, "
        opened += 1
    if cell.rows > 1:
        answer.opening(f"\\multirow{{{cell.rows}}}{{*}}{{")
        arguments += f"rowspan: {cell.rows}, "
        opened += 1
    printed = cell.content(answer) if cell.content else ""
    if opened:
        answer.closing("}" * opened)
    return f"  table.cell({arguments})[{printed}],\n"


def _measures(layout: TableLayout, rulers: _Rulers) -> str:
    """A first row of no height that holds the columns' rulers."""
    source = "  table.cell(inset: 0pt)[],\n"
    for column in range(layout.columns):
        marks = f"place(left + top, dot({rulers.edges[column]})) + place(center + top, dot({rulers.centres[column]}))"
        if column == layout.columns - 1:
            marks += f" + place(right + top, dot({rulers.edges[-1]}))"
        source += f"  table.cell(inset: 0pt, {marks}),\n"
    return source


def _lines(layout: TableLayout) -> str:
    """The rules; typst interrupts them at spans by itself."""
    if layout.rules == "none":
        return ""
    rows = range(layout.rows + 1) if layout.rules == "all" else (0, 1, layout.rows)
    source = "".join(f"  table.hline(y: {row + 1}, start: 1, stroke: rules),\n" for row in rows)
    if layout.rules == "all":
        source += "".join(f"  table.vline(x: {c + 1}, start: 1, stroke: rules),\n" for c in range(layout.columns + 1))
    return source
