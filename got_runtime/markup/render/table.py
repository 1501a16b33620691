"""Tables as pipe tables (GFM), HTML, CSV and records."""

import csv
import io
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Literal

from got_runtime.markup.content import Align, Cell, Content, Grid, run
from got_runtime.markup.latex.grid import covering_cells
from got_runtime.markup.render.markdown_inline import MathStyle, inline_markdown
from got_runtime.markup.render.words import content_words

Spans = Literal["blank", "repeat"]

_DELIMITERS: dict[Align, str] = {"left": "---", "center": ":---:", "right": "---:"}


def to_rows(grid: Grid, show: Callable[[Content], str], spans: Spans) -> list[list[str]]:
    """The grid as rows of strings; a cell that spans is repeated, or blank after its first position."""
    shown: dict[tuple[int, int], str] = {(cell.row, cell.column): show(cell.content) for cell in grid.cells}
    rows: list[list[str]] = []
    for row, cells in enumerate(covering_cells(grid)):
        rows.append(
            [
                shown[cell.row, cell.column]
                if cell is not None and (spans == "repeat" or (cell.row, cell.column) == (row, column))
                else ""
                for column, cell in enumerate(cells)
            ]
        )
    return rows


def to_pipe_table(grid: Grid, *, spans: Spans = "repeat", math: MathStyle = "dollar") -> str:
    """A GFM pipe table. Its first row is the header, since a GFM table has exactly one header row."""
    return pipe_table(pipe_rows(grid, spans=spans, math=math), grid.alignment)


def pipe_table(rows: list[str], alignment: Sequence[Align]) -> str:
    """A pipe table of rows as :func:`pipe_rows` and :func:`plain_pipe_rows` write them."""
    if not rows:
        return ""
    delimiters = " | ".join(_DELIMITERS[align] for align in alignment)
    return "\n".join([rows[0], f"| {delimiters} |", *rows[1:]])


def pipe_rows(grid: Grid, *, spans: Spans = "repeat", math: MathStyle = "dollar") -> list[str]:
    """The rows of a pipe table, without the delimiters below the first one."""
    return [f"| {' | '.join(row)} |" for row in to_rows(grid, lambda content: _pipe_cell(content, math), spans)]


def plain_pipe_rows(rows: list[list[str]]) -> list[str]:
    """The rows of a pipe table of cells of plain characters."""
    return [f"| {' | '.join(map(_plain_pipe_cell, row))} |" for row in rows]


@lru_cache(maxsize=4096)
def _plain_pipe_cell(text: str) -> str:
    return _pipe_cell((run(text),), "dollar")


def _pipe_cell(content: Content, math: MathStyle) -> str:
    return inline_markdown(content, math=math, newline="<br>").replace("|", "\\|").replace("\n", " ")


def to_html_table(grid: Grid, show: Callable[[Content], str]) -> str:
    """A ``<table>`` with ``rowspan``, ``colspan`` and ``<th>``; ``show`` returns the HTML of a cell's content."""
    lines = ["<table>"]
    for row, cells in enumerate(covering_cells(grid)):
        if row == 0:
            lines.append("<thead>" if grid.header_rows else "<tbody>")
        elif row == grid.header_rows:
            lines.append("</thead>\n<tbody>")
        written: list[str] = []
        for column, cell in enumerate(cells):
            tag = "th" if row < grid.header_rows else "td"
            if cell is None:
                written.append(f"<{tag}></{tag}>")
            elif (cell.row, cell.column) == (row, column):
                written.append(f"<{tag}{_attributes(grid, cell)}>{show(cell.content)}</{tag}>")
        lines.append(f"<tr>{''.join(written)}</tr>")
    if grid.rows:
        lines.append("</tbody>")
    return "\n".join([*lines, "</table>"])


def _attributes(grid: Grid, cell: Cell) -> str:
    align = cell.align or grid.alignment[cell.column]
    spans = [("rowspan", cell.rowspan), ("colspan", cell.colspan)]
    aligned = f' align="{align}"' if align != "left" else ""
    return "".join(f' {name}="{count}"' for name, count in spans if count > 1) + aligned


def to_csv(grid: Grid, *, spans: Spans = "repeat") -> str:
    """The table as comma-separated values (RFC 4180, line ends ``\\n``), formulas as plain words.

    ``spans``: whether a cell that spans is repeated in each position or the further ones are blank.
    """
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(to_rows(grid, content_words, spans))
    return out.getvalue()


def to_records(grid: Grid) -> list[dict[str, str]]:
    """A dict for each body row, as ``pandas.DataFrame`` takes them; cells that span are repeated.

    A key joins the header cells of a column by " / "; equal keys are made unique by a number.
    """
    rows = to_rows(grid, content_words, "repeat")
    header = max(1, grid.header_rows)
    names: dict[str, None] = {}
    for column in range(grid.columns):
        parts = dict.fromkeys(row[column] for row in rows[:header] if row[column])
        name = base = " / ".join(parts) or f"column {column + 1}"
        repeat = 1
        while name in names:
            repeat += 1
            name = f"{base} ({repeat})"
        names[name] = None
    return [dict(zip(names, row, strict=True)) for row in rows[header:]]
