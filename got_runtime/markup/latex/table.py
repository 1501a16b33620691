"""Tables in the formats others read: pipe tables (GFM), HTML, CSV, records, a frame; and pipe tables read."""

import csv
import io
from collections.abc import Callable
from typing import Any, Literal

from got_runtime.errors import MissingExtra
from got_runtime.markup.content import Align, Cell, Content, Grid
from got_runtime.markup.latex.grid import RawCell, place, places
from got_runtime.markup.latex.inline import parse_inline
from got_runtime.markup.latex.token_reader import Reader
from got_runtime.markup.render.markdown_inline import MathStyle, inline_markdown
from got_runtime.markup.render.words import content_words

Spans = Literal["blank", "repeat"]

_DELIMITERS: dict[Align, str] = {"left": "---", "center": ":---:", "right": "---:"}


def to_rows(grid: Grid, show: Callable[[Content], str], spans: Spans) -> list[list[str]]:
    """The grid as rows of strings; where a cell spans, repeated or blank after its first place."""
    shown: dict[tuple[int, int], str] = {(cell.row, cell.column): show(cell.content) for cell in grid.cells}
    rows: list[list[str]] = []
    for row, cells in enumerate(places(grid)):
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
    """A GFM table. Its first row is its header, as GFM knows one header row and none without."""
    rows = to_rows(grid, lambda content: _pipe_cell(content, math), spans)
    if not rows:
        return ""
    delimiters = [_DELIMITERS[align] for align in grid.alignment]
    return "\n".join(f"| {' | '.join(row)} |" for row in [rows[0], delimiters, *rows[1:]])


def _pipe_cell(content: Content, math: MathStyle) -> str:
    return inline_markdown(content, math=math, newline="<br>").replace("|", "\\|")


def to_html_table(grid: Grid, show: Callable[[Content], str]) -> str:
    """A ``<table>`` with ``rowspan``, ``colspan`` and ``<th>``; ``show`` gives the HTML of a cell's content."""
    lines = ["<table>"]
    for row, cells in enumerate(places(grid)):
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
    """Comma-separated values (RFC 4180, ``\\n`` as line end), formulas as plain words."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(to_rows(grid, content_words, spans))
    return out.getvalue()


def to_records(grid: Grid) -> list[dict[str, str]]:
    """One dict a body row; the names of a column's header rows joined by " / ", made unique by a number."""
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


def to_frame(grid: Grid) -> Any:
    """The table as a pandas ``DataFrame`` of strings.

    Raises:
        MissingExtra: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtra("tables", "pandas") from error
    return pd.DataFrame(to_records(grid))


def read_pipe_table(reader: Reader, index: int, high: int) -> tuple[Grid, int] | None:
    """The GFM table whose first token is at ``index``, and the token after it; None when it has no delimiter row."""
    text, start = reader.text, reader.tokens[index].start
    limit = reader.tokens[high - 1].end
    header, position = _line(text, start, limit)
    delimiters, position = _line(text, position, limit)
    alignment = _read_delimiters(delimiters)
    if alignment is None:
        return None
    lines = [header]
    while position < limit:
        line, after = _line(text, position, limit)
        if not line.lstrip().startswith("|"):
            break
        lines.append(line)
        position = after
    rows = [[_read_cell(reader, cell) for cell in _split(line)] for line in lines]
    grid = place(reader, rows, {0, 1, len(rows)}, alignment)
    while index < high and reader.tokens[index].start < position:
        index += 1
    return grid, index


def _line(text: str, start: int, limit: int) -> tuple[str, int]:
    found = text.find("\n", start, limit)
    return (text[start:limit], limit) if found < 0 else (text[start:found], found + 1)


def _split(line: str) -> list[str]:
    cells: list[str] = []
    current: list[str] = []
    escaped = False
    for character in line.strip().removeprefix("|"):
        if character == "|" and not escaped:
            cells.append("".join(current).strip())
            current = []
        else:
            if character == "|":
                current.pop()
            current.append(character)
        escaped = character == "\\"
    rest = "".join(current).strip()
    return [*cells, rest] if rest or not cells else cells


def _read_delimiters(line: str) -> tuple[Align, ...] | None:
    aligns: list[Align] = []
    for cell in _split(line):
        if not cell.strip(":") or cell.strip(":").strip("-"):
            return None
        aligns.append("center" if cell[0] == cell[-1] == ":" else "right" if cell[-1] == ":" else "left")
    return tuple(aligns) if aligns and "|" in line else None


def _read_cell(reader: Reader, cell: str) -> RawCell:
    inside = Reader(cell.replace("<br>", "\\newline "))
    content = parse_inline(inside, 0, len(inside.tokens))
    for mend in inside.take_mends():
        reader.mend(mend.code, mend.message)
    return RawCell(content)
