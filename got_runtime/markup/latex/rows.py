r"""The rows of a ``tabular``, and the rules between them; the heads and feet of a ``longtable``."""

from dataclasses import dataclass, field

from got_runtime.markup.latex.cells import ReadRange, read_cell
from got_runtime.markup.latex.grid import RawCell
from got_runtime.markup.latex.layout import DROPPED, after_row_break, skip_layout
from got_runtime.markup.latex.rules import comment_end, read_rule
from got_runtime.markup.latex.token_reader import Range, TokenReader
from got_runtime.markup.latex.tokens import Kind

# Commands that end the first head, the head of further pages, their foot, and the last foot of a longtable.
_PARTS = frozenset({"endfirsthead", "endhead", "endfoot", "endlastfoot"})


@dataclass
class Rows:
    """The rows of a table, and the numbers of rows above which a rule crosses the whole table."""

    cells: list[list[RawCell]] = field(default_factory=list)
    rules: set[int] = field(default_factory=set)

    def extend(self, below: "Rows") -> None:
        """Appends the rows of ``below``."""
        self.rules |= {len(self.cells) + rule for rule in below.rules}
        self.cells += below.cells


def read_rows(reader: TokenReader, index: int, end: int, content: ReadRange, columns: int, caption: int | None) -> Rows:
    """The rows of tokens ``index`` to ``end - 1`` as they are printed on one page, of so many declared columns.

    ``caption`` is the index of the ``\\caption`` that is read elsewhere. Of a ``longtable`` the first head and the last
    foot are printed, those of further pages are not.
    """
    found = _RowReader(reader, content, columns, caption)
    found.read(index, end)
    return found.printed()


class _RowReader:
    def __init__(self, reader: TokenReader, content: ReadRange, columns: int, caption: int | None) -> None:
        self._reader = reader
        self._content = content
        self._columns = columns
        self._caption = caption
        self._rows = Rows()
        self._parts: dict[str, Rows] = {}
        self._row: list[RawCell] = []
        self._start = 0  # of the current cell
        self._inner: list[Range] = []  # rules inside the current cell
        self._captioned = False  # \caption{…} \\ of a longtable is not a row

    def read(self, index: int, end: int) -> None:
        reader, self._start = self._reader, index
        while index < end:
            token = reader.tokens[index]
            if token.kind is Kind.SPACE or (token.kind is Kind.TEXT and token.text[0] not in "%\\"):
                index += 1
            elif token.kind is Kind.CELL:
                self._end_cell(index, index + 1)
                index += 1
            elif token.kind is Kind.ROW_BREAK or token.name == "cr" or self._is_half_a_break(index, end):
                after = after_row_break(reader, index + 1, end)
                if self._row or not self._captioned or reader.skip_spaces(self._start, index) < index:
                    self._end_row(index, after)
                self._captioned = False
                index = self._start = after
            elif token.kind is Kind.COMMAND or token.kind is Kind.TEXT:
                index = self._read_between(index, end)
            else:
                index = reader.after(index, end)
        low, high = reader.strip(self._start, end)
        if self._row or low < high:
            self._end_row(end, end)

    def _is_half_a_break(self, index: int, end: int) -> bool:
        """Whether a row ends with one backslash at the end of its line instead of two."""
        tokens = self._reader.tokens
        if tokens[index].text not in ("\\", "\\ "):
            return False
        return index + 1 == end or tokens[index + 1].kind is Kind.NEWLINE

    def printed(self) -> Rows:
        """The rows in the order in which they are printed."""
        parts = self._parts
        head = parts.get("endfirsthead") or parts.get("endhead")
        foot = parts.get("endlastfoot") or parts.get("endfoot")
        if head is None and foot is None:
            return self._rows
        printed = Rows()
        if head is not None:
            printed.extend(head)
            printed.rules.add(len(head.cells))
        printed.extend(self._rows)
        if foot is not None:
            printed.extend(foot)
        return printed

    def _end_cell(self, high: int, after: int) -> None:
        low, high = self._without_braces(self._start, high)
        self._row.append(read_cell(self._reader, low, high, self._content, self._inner))
        self._start, self._inner = after, []

    def _without_braces(self, low: int, high: int) -> Range:
        first, last = self._reader.strip(low, high)
        whole = first < last and self._reader.tokens[first].kind is Kind.OPEN
        return (first + 1, last - 1) if whole and self._reader.closing(first, last) == last - 1 else (low, high)

    def _end_row(self, high: int, after: int) -> None:
        self._end_cell(high, after)
        self._rows.cells.append(self._row)
        self._row = []

    def _read_between(self, index: int, end: int) -> int:
        """The index after a rule, a setting or other command at ``index``."""
        reader = self._reader
        name = reader.tokens[index].name.rstrip("*")
        at_start = reader.skip_spaces(self._start, index) == index
        rule = read_rule(reader, index, end)
        if rule is not None and (at_start and not self._row):
            if rule.full:
                self._rows.rules.add(len(self._rows.cells))
            self._start = rule.after
            return rule.after
        if rule is not None:
            return self._read_inner_rule(index, rule.after, end, full=rule.full and not at_start)
        if index == self._caption and (self._row or not at_start):  # the row above lacks its \\
            self._end_row(index, index)
        elif not at_start or self._row:
            return reader.after(index, end)
        if name in _PARTS:
            self._parts[name], self._rows = self._rows, Rows()
            self._start = index + 1
            return index + 1
        if name == "caption" and index == self._caption:
            self._captioned = True
            self._start = reader.skip_arguments(index + 1, end, 1)
            return self._start
        if name in DROPPED:
            after: int | None = skip_layout(reader, index, end)
        else:
            after = comment_end(reader, index, end) if reader.tokens[index].text[0] == "%" else None
        self._start = self._start if after is None else after
        return reader.after(index, end) if after is None else after

    def _read_inner_rule(self, index: int, after: int, end: int, *, full: bool) -> int:
        r"""A rule inside a row: it ends a row that has all its cells and lacks its ``\\``, else it is left out."""
        reader = self._reader
        following = reader.skip_spaces(after, end)
        ended = following >= end or reader.tokens[following].kind is Kind.ROW_BREAK
        if full and not ended and self._row and len(self._row) + 1 >= self._columns:
            reader.record_repair("cell-count", "a rule stood within a row: the row ends above it")
            self._end_row(index, after)
            self._rows.rules.add(len(self._rows.cells))
            return after
        if following >= end:  # the last row lacks its \\
            self._rows.rules.add(len(self._rows.cells) + 1)
        self._inner.append((index, after))
        return after
