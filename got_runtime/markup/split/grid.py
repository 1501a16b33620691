"""Rows of a grid → a smaller grid under the same header."""

from collections.abc import Iterator

from got_runtime.markup.content import Cell, Grid


class GridRows:
    """Cuts rows out of a grid. A cell that spans rows of several parts is in each of them, with its content.

    Args:
        grid: the whole table.
        header: number of rows at its top that each part may begin with.
    """

    def __init__(self, grid: Grid, header: int) -> None:
        self._grid = grid
        self._header = header
        self._starting: dict[int, list[Cell]] = {}  # by row
        self._continuing: dict[int, list[Cell]] = {}
        for cell in grid.cells:
            self._starting.setdefault(cell.row, []).append(cell)
            for row in range(cell.row + 1, min(cell.row + cell.rowspan, grid.rows)):
                self._continuing.setdefault(row, []).append(cell)

    def part(self, low: int, high: int, *, header: bool = True) -> Grid:
        """Rows ``low`` to ``high - 1`` of the body, counted below the header; the header is above them or is empty."""
        grid, above = self._grid, self._header if header else 1
        head = self._cells(0, self._header, 0) if header else ()
        first = self._header + low
        return Grid(
            rows=above + high - low,
            columns=grid.columns,
            cells=(*head, *self._cells(first, self._header + high, above)),
            header_rows=min(grid.header_rows, above) if header else 1,
            alignment=grid.alignment,
        )

    def _cells(self, low: int, high: int, to: int) -> Iterator[Cell]:
        """The cells of rows ``low`` to ``high - 1``, moved to row ``to``, in reading order."""
        if low >= high:
            return
        for row in range(low, high):
            cells = self._starting.get(row, [])
            if row == low:
                cells = sorted((*self._continuing.get(row, ()), *cells), key=lambda cell: cell.column)
            for cell in cells:
                top = max(cell.row, low)
                rowspan = min(cell.row + cell.rowspan, high) - top
                if top - low + to == cell.row and rowspan == cell.rowspan:
                    yield cell
                else:
                    yield cell.model_copy(update={"row": top - low + to, "rowspan": rowspan})
