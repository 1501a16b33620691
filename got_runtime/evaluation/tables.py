r"""The tables of any text as grids: GOT's ``tabular``, Markdown's pipe tables and HTML's ``<table>``.

Truths and predictions come in all three; what is compared is the grid, so that none has an advantage by its syntax.
"""

import re
from html.parser import HTMLParser

from got_runtime.markup import Element, parse
from got_runtime.markup.content import Cell, Content, Grid, Text, merge
from got_runtime.markup.elements import Table
from got_runtime.markup.latex.inline import parse_inline
from got_runtime.markup.latex.token_reader import Reader

__all__ = ["cell_text", "outside_html_tables", "tables_of"]

_TABLE = re.compile(r"<table\b", re.IGNORECASE)
_TABLE_TAG = re.compile(r"<table\b|<(/)table\s*>", re.IGNORECASE)

_MOST_COLUMNS = 512
_MOST_ROWS = 2_000
"""Spans beyond these are cut: ``rowspan="1000000"`` costs nothing."""


def tables_of(text: str) -> list[Grid]:
    """The tables of ``text``, those in HTML last."""
    htmls = (text[start:end] for start, end in _html_tables(text))
    return [*_grids(parse(outside_html_tables(text))), *map(_html_grid, htmls)]


def outside_html_tables(text: str) -> str:
    """``text`` with an empty line in place of each ``<table>``, which the markup parser takes for words."""
    pieces, place = [], 0
    for start, end in _html_tables(text):
        pieces.append(text[place:start])
        place = end
    return "\n\n".join([*pieces, text[place:]])


def _html_tables(text: str) -> list[tuple[int, int]]:
    """Where the outermost ``<table>`` stand. One never closed ends with the last inside it, or with the text."""
    ranges: list[tuple[int, int]] = []
    place = 0
    while first := _TABLE.search(text, place):
        depth, place = 0, len(text)
        for tag in _TABLE_TAG.finditer(text, first.start()):
            if not tag[1]:
                depth += 1
                continue
            depth, place = depth - 1, tag.end()
            if depth == 0:
                break
        ranges.append((first.start(), place))
    return ranges


def _grids(elements: list[Element]) -> list[Grid]:
    return [element.grid for element in elements if isinstance(element, Table)]


def cell_text(content: Content) -> str:
    """A cell's characters: white space single, formulas as LaTeX without white space or delimiters."""
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


def _html_grid(html: str) -> Grid:
    reader = _TableReader()
    reader.feed(html)
    reader.close()
    return _placed(reader.rows, reader.header_rows)


class _TableReader(HTMLParser):
    """Rows of ``(text, rowspan, colspan)``; a table inside a cell adds its text to the cell."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[list[tuple[str, int, int]]] = []
        self.header_rows = 0
        self._depth = 0
        self._cell: list[str] | None = None
        self._spans = (1, 1)
        self._heading = False

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
            self._spans = (_span(given.get("rowspan"), _MOST_ROWS), _span(given.get("colspan"), _MOST_COLUMNS))
            self._heading = tag == "th"
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
        if self._heading and self.header_rows == len(self.rows) - 1:
            self.header_rows = len(self.rows)
        self._cell = None


def _span(value: str | None, most: int) -> int:
    return min(int(value), most) if value and value.isascii() and value.isdigit() and int(value) else 1


def _placed(rows: list[list[tuple[str, int, int]]], header_rows: int) -> Grid:
    """HTML's table model: a cell takes the first free place of its row; spans end with the table."""
    taken: set[tuple[int, int]] = set()
    cells: list[Cell] = []
    columns = 1
    for row, listed in enumerate(rows):
        column = 0
        for text, rowspan, colspan in listed:
            while (row, column) in taken:
                column += 1
            if column + colspan > _MOST_COLUMNS:
                break
            rowspan = min(rowspan, len(rows) - row)
            taken.update((row + down, column + right) for down in range(rowspan) for right in range(colspan))
            content = _content(text)
            if content or rowspan > 1 or colspan > 1:
                cells.append(Cell(row=row, column=column, rowspan=rowspan, colspan=colspan, content=content))
            column += colspan
            columns = max(columns, column)
    return Grid(rows=len(rows), columns=columns, cells=tuple(cells), header_rows=header_rows)


def _content(text: str) -> Content:
    r"""A cell's text; formulas in ``$…$`` or ``\(…\)`` become formulas, as they do in the other syntaxes."""
    if "$" in text or "\\(" in text:
        reader = Reader(text)
        return parse_inline(reader, 0, len(reader.tokens))
    return merge([Text(text=text)])
