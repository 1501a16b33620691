r"""Extracts tables from any text as grids: GOT's ``tabular``, Markdown's pipe tables and HTML's ``<table>``.

References and predictions have all three syntaxes. The grids are compared, so that no syntax has an advantage.
"""

import re
from html.parser import HTMLParser

from got_runtime.markup import Element, parse
from got_runtime.markup.content import Cell, Content, Grid, Text, merge
from got_runtime.markup.elements import Table
from got_runtime.markup.latex.inline import parse_inline
from got_runtime.markup.latex.token_reader import TokenReader

__all__ = ["cell_text", "extract_tables", "remove_html_tables"]

_TABLE = re.compile(r"<table\b", re.IGNORECASE)
_TABLE_TAG = re.compile(r"<table\b|<(/)table\s*>", re.IGNORECASE)

_MAX_COLUMNS = 512
_MAX_ROWS = 2_000
"""Spans are cut at these limits, so that ``rowspan="1000000"`` costs no time."""


def extract_tables(text: str) -> list[Grid]:
    """The tables of ``text``; HTML tables come last."""
    html_tables = (text[start:end] for start, end in _html_table_ranges(text))
    return [*_table_grids(parse(remove_html_tables(text))), *map(_parse_html_table, html_tables)]


def remove_html_tables(text: str) -> str:
    """``text`` with an empty line in place of each ``<table>``, which the markup parser would take for words."""
    pieces, position = [], 0
    for start, end in _html_table_ranges(text):
        pieces.append(text[position:start])
        position = end
    return "\n\n".join([*pieces, text[position:]])


def _html_table_ranges(text: str) -> list[tuple[int, int]]:
    """Start and end of the outermost ``<table>`` elements.

    An element that is never closed ends with the last one inside it, or with the text.
    """
    ranges: list[tuple[int, int]] = []
    position = 0
    while first := _TABLE.search(text, position):
        depth, position = 0, len(text)
        for tag in _TABLE_TAG.finditer(text, first.start()):
            if not tag[1]:
                depth += 1
                continue
            depth, position = depth - 1, tag.end()
            if depth == 0:
                break
        ranges.append((first.start(), position))
    return ranges


def _table_grids(elements: list[Element]) -> list[Grid]:
    return [element.grid for element in elements if isinstance(element, Table)]


def cell_text(content: Content) -> str:
    """The characters of a cell, with single spaces; formulas as LaTeX without white space or delimiters."""
    pieces: list[str] = []
    for piece in content:
        match piece.kind:
            case "text" | "link" | "note":
                pieces.append(piece.text)
            case "math":
                pieces.append("".join(piece.latex.split()))
            case "smiles":
                pieces.append(piece.smiles)
            case "break":
                pieces.append(" ")
            case "nested":
                pieces += [f" {cell_text(cell.content)} " for cell in piece.grid.cells]
    return " ".join("".join(pieces).split())


def _parse_html_table(html: str) -> Grid:
    parser = _TableParser()
    parser.feed(html)
    parser.close()
    return _build_grid(parser.rows, parser.header_rows)


class _TableParser(HTMLParser):
    """Collects rows of ``(text, rowspan, colspan)``; the text of a nested table is added to the cell around it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[list[tuple[str, int, int]]] = []
        self.header_rows = 0
        self._depth = 0
        self._cell: list[str] | None = None
        self._spans = (1, 1)
        self._is_heading = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._depth += 1
        if self._depth > 1 or tag == "br":
            self.handle_data(" ")
        elif tag == "tr":
            self._close_cell()
            self.rows.append([])
        elif tag in ("td", "th"):
            self._close_cell()
            if not self.rows:
                self.rows.append([])
            given = dict(attrs)
            self._spans = (
                _parse_span(given.get("rowspan"), _MAX_ROWS),
                _parse_span(given.get("colspan"), _MAX_COLUMNS),
            )
            self._is_heading = tag == "th"
            self._cell = []

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self._depth -= 1
        if self._depth <= 1 and tag in ("td", "th", "tr", "table"):
            self._close_cell()

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)

    def close(self) -> None:
        super().close()
        self._close_cell()

    def _close_cell(self) -> None:
        if self._cell is None:
            return
        self.rows[-1].append(("".join(self._cell), *self._spans))
        if self._is_heading and self.header_rows == len(self.rows) - 1:
            self.header_rows = len(self.rows)
        self._cell = None


def _parse_span(value: str | None, maximum: int) -> int:
    return min(int(value), maximum) if value and value.isascii() and value.isdigit() and int(value) else 1


def _build_grid(rows: list[list[tuple[str, int, int]]], header_rows: int) -> Grid:
    """HTML's table model: a cell takes the first free column of its row; spans end with the table."""
    taken: set[tuple[int, int]] = set()
    cells: list[Cell] = []
    columns = 1
    for row, row_cells in enumerate(rows):
        column = 0
        for text, rowspan, colspan in row_cells:
            while (row, column) in taken:
                column += 1
            if column + colspan > _MAX_COLUMNS:
                break
            rowspan = min(rowspan, len(rows) - row)
            taken.update((row + down, column + right) for down in range(rowspan) for right in range(colspan))
            content = _parse_content(text)
            if content or rowspan > 1 or colspan > 1:
                cells.append(Cell(row=row, column=column, rowspan=rowspan, colspan=colspan, content=content))
            column += colspan
            columns = max(columns, column)
    return Grid(rows=len(rows), columns=columns, cells=tuple(cells), header_rows=header_rows)


def _parse_content(text: str) -> Content:
    r"""The content of an HTML cell; formulas in ``$…$`` or ``\(…\)`` are parsed, as in the other syntaxes."""
    if "$" in text or "\\(" in text:
        reader = TokenReader(text)
        return parse_inline(reader, 0, len(reader.tokens))
    return merge([Text(text=text)])
