"""Pipe tables (GFM) → grids."""

from got_runtime.markup.content import Align, Grid
from got_runtime.markup.latex.grid import RawCell, build_grid
from got_runtime.markup.latex.inline import parse_inline
from got_runtime.markup.latex.token_reader import TokenReader


def read_pipe_table(reader: TokenReader, index: int, high: int) -> tuple[Grid, int] | None:
    """The pipe table whose first token is at ``index``, and the index after it; None without a delimiter row."""
    text, start = reader.text, reader.tokens[index].start
    limit = reader.tokens[high - 1].end
    header, position = _line(text, start, limit)
    delimiters, position = _line(text, position, limit)
    alignment = _read_delimiters(delimiters)
    if alignment is None:
        return None
    lines = [header]
    last = index
    while position < limit:
        line, after = _line(text, position, limit)
        if not line.lstrip().startswith("|"):
            break
        while last < high and reader.tokens[last].end < after:
            last += 1
        if (
            last < high and reader.tokens[last].start < after - 1 < reader.tokens[last].end - 1
        ):  # code or a table in a cell
            _, after = _line(text, reader.tokens[last].end, limit)
            line = text[position : after - text.startswith("\n", after - 1)]
        lines.append(line)
        position = after
    rows = [[_read_cell(reader, cell) for cell in _split(line)] for line in lines]
    grid = build_grid(reader, rows, {0, 1, len(rows)}, alignment)
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


def _read_cell(reader: TokenReader, cell: str) -> RawCell:
    inside = TokenReader(cell.replace("<br>", "\\newline "))
    content = parse_inline(inside, 0, len(inside.tokens))
    for repair in inside.take_repairs():
        reader.record_repair(repair.code, repair.message)
    return RawCell(content)
