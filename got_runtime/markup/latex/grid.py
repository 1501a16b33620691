"""Rows of cells → grid, with spans laid out; and the cells that cover each position of a grid."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from got_runtime.markup.content import Align, Cell, Content, Grid, Text, merge
from got_runtime.markup.latex.token_reader import TokenReader

MAX_COLUMNS = 512

# Bounds padding by the length of the answer: a row of 1,000 cells above 1,000 rows of one cell would make a million.
_FREE_POSITIONS = 4096
_POSITIONS_PER_CELL = 16

_MAX_HEADER_ROWS = 4


@dataclass(slots=True)
class RawCell:
    """A cell without a position; ``rowspan`` is negative where ``\\multirow`` counts upwards."""

    content: Content = ()
    colspan: int = 1
    rowspan: int = 1
    align: Align | None = None

    @property
    def blank(self) -> bool:
        """Whether the grid is the same without the cell."""
        return not self.content and self.colspan == 1 and self.rowspan in (0, 1)


@dataclass(slots=True)
class _PlacedCell:
    row: int
    column: int
    rowspan: int
    colspan: int
    raw: RawCell


def build_grid(reader: TokenReader, rows: list[list[RawCell]], rules: set[int], alignment: tuple[Align, ...]) -> Grid:
    """Lay out rows as LaTeX does: each cell takes ``colspan`` columns, with empty cells below a cell that spans rows.

    Repaired, and recorded on ``reader``: rows with too few or too many cells, text below a span (which is shortened),
    and rows without the empty cells below a span.

    Args:
        reader: records the repairs.
        rows: the cells of each row.
        rules: the numbers of rows above which a rule crosses the whole table.
        alignment: of each declared column.
    """
    columns = _count_columns(rows, alignment)
    placed = _GridLayout(reader, len(rows), columns).place_rows(rows)
    aligned = (*alignment[:columns], *["left"] * (columns - len(alignment)))
    cells = sorted(placed, key=lambda cell: (cell.row, cell.column))
    _record_ragged(reader, rows, columns, len(alignment))
    return Grid(
        rows=len(rows),
        columns=columns,
        cells=tuple(_cell(cell, aligned) for cell in cells if not _is_empty(cell)),
        header_rows=_header_rows(rules, len(rows), cells),
        alignment=aligned,  # type: ignore[arg-type]
    )


def _is_empty(placed: _PlacedCell) -> bool:
    return not placed.raw.content and placed.rowspan == placed.colspan == 1


def _cell(placed: _PlacedCell, alignment: tuple[str, ...]) -> Cell:
    align = placed.raw.align if placed.raw.align != alignment[placed.column] and placed.raw.content else None
    fields = {
        "row": placed.row,
        "column": placed.column,
        "rowspan": placed.rowspan,
        "colspan": placed.colspan,
        "content": placed.raw.content,
        "align": align,
    }
    cell: Cell = Cell.__pydantic_validator__.validate_python(fields)  # see ElementBuilder.build
    return cell


def _width(row: list[RawCell]) -> int:
    return min(sum(cell.colspan for cell in row), MAX_COLUMNS)


def _count_columns(rows: list[list[RawCell]], alignment: tuple[Align, ...]) -> int:
    """The width of the widest row, without empty cells beyond the declared columns, within the bound on padding.

    A declared column that no row reaches is not printed.
    """
    declared = len(alignment)
    widest = 0
    for row in rows:
        width = _width(row)
        for cell in reversed(row):
            if width <= declared or not declared or not cell.blank:
                break
            width -= 1
        widest = max(widest, width)
    positions = _FREE_POSITIONS + _POSITIONS_PER_CELL * sum(len(row) for row in rows)
    return max(1, min(widest, positions // max(1, len(rows))))


class _GridLayout:
    def __init__(self, reader: TokenReader, rows: int, columns: int) -> None:
        self._reader = reader
        self._rows, self._columns = rows, columns
        self._owner: list[_PlacedCell | None] = [None] * columns  # the cell that covers a column from above
        self._placed: dict[tuple[int, int], _PlacedCell] = {}
        self._taken: set[tuple[int, int]] = set()
        self._bottom = 0  # the row below all cells

    def place_rows(self, rows: list[list[RawCell]]) -> list[_PlacedCell]:
        for row, cells in enumerate(rows):
            self._place_row(row, cells)
        return list(self._placed.values())

    def _covered(self, row: int, column: int) -> bool:
        owner = self._owner[column]
        return owner is not None and owner.row + owner.rowspan > row

    def _place_row(self, row: int, cells: list[RawCell]) -> None:
        squeezed = self._left_out_placeholders(row, cells)
        if squeezed:
            self._reader.record_repair(
                "cell-count", "a row left out the empty cells under a span: its cells moved right"
            )
        column, last = 0, None
        overflow: list[RawCell] = []
        for raw in cells:
            while squeezed and column < self._columns and self._covered(row, column):
                column += 1
            if column >= self._columns:
                overflow.append(raw)
                continue
            colspan = min(max(1, raw.colspan), self._columns - column)
            last = self._place_cell(row, column, colspan, raw) or last
            column += colspan
        beyond = [raw.content for raw in overflow if raw.content]
        if beyond:  # cells beyond the last column are appended to the last cell
            last = last or self._place_cell(row, self._columns - 1, 1, RawCell(beyond.pop(0)))
            folded = (piece for content in beyond for piece in (Text(text=" "), *content))
            assert last is not None  # a cell with content is always placed
            last.raw = replace(last.raw, content=merge((*last.raw.content, *folded)))

    def _left_out_placeholders(self, row: int, cells: list[RawCell]) -> bool:
        if self._bottom <= row:
            return False
        covered = [column for column in range(self._columns) if self._covered(row, column)]
        if not covered or _width(cells) + len(covered) > self._columns:
            return False
        column = 0
        for raw in cells:
            if raw.content and self._covered(row, column):
                return True
            column += raw.colspan
            if column >= self._columns:
                break
        return False

    def _place_cell(self, row: int, column: int, colspan: int, raw: RawCell) -> _PlacedCell | None:
        if colspan == 1 and raw.rowspan == 1 and self._bottom <= row + 1 and not self._covered(row, column):
            return self._place_single(row, column, raw)
        span = range(column, column + colspan)
        if any(self._covered(row, each) for each in span):
            if not raw.content:
                return None
            for each in span:
                self._shorten(row, each)
        if raw.blank:
            return None
        rowspan = min(max(1, raw.rowspan), self._rows - row)
        if raw.rowspan > rowspan:
            self._reader.record_repair("cell-count", "a cell spanned more rows than there are: shortened")
        top = row
        while top > 0 and row - top < -raw.rowspan - 1 and not any((top - 1, each) in self._taken for each in span):
            top -= 1
        placed = _PlacedCell(top, column, rowspan + row - top, colspan, raw)
        self._placed[top, column] = placed
        self._bottom = max(self._bottom, top + placed.rowspan)
        for each in span:
            self._owner[each] = placed
            self._taken.update((below, each) for below in range(top, top + placed.rowspan))
        return placed

    def _place_single(self, row: int, column: int, raw: RawCell) -> _PlacedCell | None:
        """A cell that spans nothing, as most do."""
        if raw.blank:
            return None
        position = row, column
        placed = self._owner[column] = self._placed[position] = _PlacedCell(row, column, 1, 1, raw)
        self._taken.add(position)
        self._bottom = row + 1
        return placed

    def _shorten(self, row: int, column: int) -> None:
        """Ends a span above the row in which there is text below it."""
        owner = self._owner[column]
        if owner is None or owner.row + owner.rowspan <= row or owner.row == row:
            return
        self._reader.record_repair("cell-overlap", "text stood under a cell that spans rows: the span ends above it")
        for below in range(row, owner.row + owner.rowspan):
            self._taken.difference_update((below, each) for each in range(owner.column, owner.column + owner.colspan))
        owner.rowspan = row - owner.row


def _header_rows(rules: set[int], rows: int, cells: list[_PlacedCell]) -> int:
    """Number of rows above the first rule inside the table; 1 if rules are only around it, 0 without rules.

    Also 0 if a cell spans the first three or more rows and none spans columns: that is a group of rows in the body.
    """
    inner = sorted(rule for rule in rules if 0 < rule < rows)
    if not rules or rows < 2:
        return 0
    header = inner[0] if inner and inner[0] <= _MAX_HEADER_ROWS else 1
    for cell in cells:  # a cell that spans beyond the header extends it
        if cell.row < header:
            header = max(header, cell.row + cell.rowspan)
    top = [cell for cell in cells if cell.row < header]
    grouped = header > 2 and any(cell.rowspan > 1 for cell in top) and all(cell.colspan == 1 for cell in top)
    return header if header < rows and header <= _MAX_HEADER_ROWS and not grouped else 0


def _record_ragged(reader: TokenReader, rows: list[list[RawCell]], columns: int, declared: int) -> None:
    widths = [_width(row) for row in rows if len(row) > 1 or row[0].content]
    few = sum(width < columns for width in widths)
    many = sum(width > (declared or columns) for width in widths)
    if few:
        reader.record_repair(
            "cell-count", f"{few} of {len(rows)} rows had fewer cells than the table has columns: padded"
        )
    if many:
        reader.record_repair(
            "cell-count", f"{many} of {len(rows)} rows had more cells than the {declared} columns declared"
        )


def covering_cells(grid: Grid) -> Iterator[list[Cell | None]]:
    """For each row the cell that covers each column: the same cell at all of its positions, None at empty ones."""
    at: dict[int, list[Cell]] = {}
    for cell in grid.cells:
        at.setdefault(cell.row, []).append(cell)
    above: list[Cell | None] = [None] * grid.columns
    for row in range(grid.rows):
        above = [cell if cell is not None and cell.row + cell.rowspan > row else None for cell in above]
        for cell in at.get(row, ()):
            above[cell.column : cell.column + cell.colspan] = [cell] * cell.colspan
        yield list(above)
