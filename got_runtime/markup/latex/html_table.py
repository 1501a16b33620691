"""Tables in HTML, which a fine-tuned model may write: where one ends in an answer, and its grid."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html import unescape
from typing import NamedTuple

from got_runtime.markup.content import Align, Break, Content, Grid, Inline, Mark, Nested, Text, merge, with_mark
from got_runtime.markup.latex.grid import MAX_COLUMNS, RawCell, build_grid
from got_runtime.markup.latex.token_reader import MAX_DEPTH, TokenReader

_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]{0,15})((?:\s[^<>]*)?/?)>")
_ATTRIBUTE = re.compile(
    r"""\b(rowspan|colspan|align)\s*=\s*["']?\s*([A-Za-z0-9]+)|text-align:\s*([a-z]+)""", re.IGNORECASE
)
_MARKS: dict[str, Mark] = {
    **dict.fromkeys(("b", "strong"), "bold"),
    **dict.fromkeys(("i", "em"), "italic"),
    **dict.fromkeys(("u", "ins"), "underline"),
    **dict.fromkeys(("s", "del", "strike"), "strike"),
    **dict.fromkeys(("code", "tt"), "code"),
    "sub": "subscript",
    "sup": "superscript",
}
# A tag that the end of the answer cuts.
_CUT_TAG = re.compile(r"<(?:/[a-z]{0,5}|t[a-z]{0,4}(?:\s[^<>]{0,300})?)\Z", re.IGNORECASE)
_BREAKS = frozenset({"br", "p", "div", "li"})
_STRUCTURE = frozenset({"table", "thead", "tbody", "tfoot", "tr", "td", "th", "caption"})
_SILENT = frozenset({"a", "body", "center", "col", "colgroup", "font", "html", "small", "span", "ul", "ol"})
# Empty positions below cells that span rows are bounded by the number of cells, as in build_grid.
_FREE_POSITIONS = 4096
_POSITIONS_PER_CELL = 16

ReadLine = Callable[[TokenReader, int, int, int], Content]


class HtmlTable(NamedTuple):
    """A table and its caption, which is empty if it has none."""

    grid: Grid
    caption: Content


@dataclass
class _Table:
    """A table under construction; ``cell`` is the content of the open cell or caption."""

    rows: list[list[RawCell]] = field(default_factory=list)
    header: int = 0
    in_head: bool = False
    caption: list[Inline] = field(default_factory=list)
    cell: list[Inline] | None = None
    span: tuple[int, int, Align | None] = (1, 1, None)
    covered: list[int] = field(default_factory=lambda: [0] * MAX_COLUMNS)  # the row above which each column is free
    column: int = 0
    all_headers: bool = True  # whether the open row has no <td>
    placeholders: int = 0
    cells: int = 0
    marks: tuple[Mark, ...] = ()

    def start_row(self) -> None:
        self.end_row()
        self.rows.append([])
        self.column, self.all_headers = 0, True

    def end_row(self) -> None:
        self.end_cell()
        if self.rows and self.rows[-1] and self.header == len(self.rows) - 1 and (self.in_head or self.all_headers):
            self.header = len(self.rows)

    def start_cell(self, tag: str, attributes: str) -> None:
        self.end_cell()
        if not self.rows:
            self.start_row()
        self.all_headers = self.all_headers and tag == "th"
        given = {name.lower(): value.lower() for name, value, _ in _ATTRIBUTE.findall(attributes) if name}
        styled = next((style for *_, style in _ATTRIBUTE.findall(attributes) if style), "")
        align = given.get("align", styled.lower())
        self.span = (
            _span(given.get("rowspan", ""), 1 << 16),
            _span(given.get("colspan", ""), MAX_COLUMNS),
            align if align in ("center", "right", "left") else None,
        )
        self.cell, self.marks = [], ()

    def end_cell(self) -> None:
        """Places the open cell in the first column that no cell above covers."""
        if self.cell is None or not self.rows:
            self.cell = None
            return
        row, (rowspan, colspan, align) = len(self.rows) - 1, self.span
        while self.column < MAX_COLUMNS and self.covered[self.column] > row and self._may_pad():
            self.rows[-1].append(RawCell())
            self.column += 1
        self.rows[-1].append(RawCell(merge(self.cell), colspan, rowspan, align))
        self.cells += 1
        for column in range(self.column, min(MAX_COLUMNS, self.column + colspan)):
            self.covered[column] = row + rowspan
        self.column += colspan
        self.cell = None

    def _may_pad(self) -> bool:
        self.placeholders += 1
        return self.placeholders < _FREE_POSITIONS + _POSITIONS_PER_CELL * self.cells


def _span(text: str, most: int) -> int:
    return min(int(text), most) if text.isascii() and text.isdigit() and len(text) < 9 and int(text) else 1


def read_html_table(reader: TokenReader, html: str, read_line: ReadLine, depth: int = 0) -> HtmlTable:
    """The table that ``html`` begins with. ``read_line`` parses the text of cells, which may have formulas."""
    finished, open_tables, position = _Table(), list[_Table](), 0

    def close() -> None:
        nonlocal finished
        table = open_tables.pop()
        table.end_row()
        if open_tables and table.caption:
            _pieces(open_tables[-1]).extend([Break(), *table.caption, Break()])
        if open_tables and len(open_tables) < MAX_DEPTH - depth:
            _pieces(open_tables[-1]).append(Nested(grid=_grid(reader, table)))
        elif open_tables:
            _pieces(open_tables[-1]).extend(piece for row in table.rows for cell in row for piece in cell.content)
        else:
            finished = table

    for found in _TAG.finditer(html):
        ends, tag, attributes = found[1] == "/", found[2].lower(), found[3]
        known = tag in _STRUCTURE or tag in _MARKS or tag in _BREAKS or tag in _SILENT
        _add_text(reader, open_tables, html[position : found.start() if known else found.end()], read_line, depth)
        position = found.end()
        if tag == "table":
            if not ends:
                open_tables.append(_Table())
            elif open_tables:
                close()
        elif open_tables and known:
            _read_tag(open_tables[-1], tag, attributes, ends=ends)
    _add_text(reader, open_tables, _CUT_TAG.sub("", html[position:]), read_line, depth)
    while open_tables:
        close()
    return HtmlTable(_grid(reader, finished), merge(finished.caption))


def _read_tag(table: _Table, tag: str, attributes: str, *, ends: bool) -> None:
    if tag == "tr":
        table.end_row() if ends else table.start_row()
    elif tag in ("td", "th"):
        table.end_cell() if ends else table.start_cell(tag, attributes)
    elif tag in ("thead", "tbody", "tfoot"):
        table.end_row()
        table.in_head = tag == "thead" and not ends
    elif tag == "caption":
        table.end_cell()
    elif tag in _BREAKS:
        _pieces(table).append(Break())
        if tag == "li" and not ends:
            _pieces(table).append(Text(text="• "))
    elif tag in _MARKS:
        mark = _MARKS[tag]
        without = tuple(each for each in table.marks if each != mark)
        table.marks = without if ends else with_mark(table.marks, mark)


def _pieces(table: _Table) -> list[Inline]:
    """Where content of a table goes: to the open cell, else to its caption."""
    return table.caption if table.cell is None else table.cell


def _add_text(reader: TokenReader, tables: list[_Table], html: str, read_line: ReadLine, depth: int) -> None:
    if not html or not tables:
        return
    text = unescape(html)
    if not text.strip():
        _pieces(tables[-1]).append(Text(text=" "))
        return
    inside = TokenReader(text)
    content = read_line(inside, 0, len(inside.tokens), depth + len(tables))
    for repair in inside.take_repairs():
        reader.record_repair(repair.code, repair.message)
    pieces = _pieces(tables[-1])
    pieces.append(Text(text=" " if text[0].isspace() else ""))
    for piece in content:
        marked = piece.kind == "text" and tables[-1].marks
        pieces.append(_marked(piece, tables[-1].marks) if marked else piece)
    pieces.append(Text(text=" " if text[-1].isspace() else ""))


def _marked(piece: Inline, marks: tuple[Mark, ...]) -> Inline:
    return piece.model_copy(update={"marks": tuple(sorted({*marks, *getattr(piece, "marks", ())}))})


def _grid(reader: TokenReader, table: _Table) -> Grid:
    rows = [row or [RawCell()] for row in table.rows]
    rules = {0, table.header, len(rows)} if table.header else set[int]()
    return build_grid(reader, rows, rules, ())
