"""``tabular`` → grid: column specification, rows, rules, cells that span, ragged rows."""

from collections.abc import Callable
from typing import NamedTuple

from got_runtime.markup.content import Align, Content, Grid, Inline, merge
from got_runtime.markup.latex.grid import MAX_COLUMNS, RawCell, build_grid
from got_runtime.markup.latex.symbols import DROPPED
from got_runtime.markup.latex.token_reader import Range, TokenReader
from got_runtime.markup.latex.tokens import Kind

_FULL_RULES = frozenset({"hline", "toprule", "midrule", "bottomrule", "Xhline", "hhline"})
_MAX_REPEATS = 3  # bounds nested repeats, *{2}{*{2}{c}}
_PART_RULES = frozenset({"cline", "cmidrule"})
RULES = _FULL_RULES | _PART_RULES
_ALIGNS: dict[str, Align] = {"l": "left", "c": "center", "r": "right"}

ReadContent = Callable[[TokenReader, int, int, int], Content]
"""TokenReader, first token, token after the last, nesting depth → the content of a cell (``inline.parse_inline``).

It is a parameter because cells hold lines and lines hold tables: an import would be circular.
"""

_ReadRange = Callable[[int, int], Content]


class _Span(NamedTuple):
    """A ``\\multicolumn`` or ``\\multirow`` over ``size`` columns or rows; ranges are of tokens."""

    command: str
    size: int
    specification: Range
    content: Range
    after: int


def parse_tabular(reader: TokenReader, index: int, end: int, read_content: ReadContent, depth: int = 0) -> Grid:
    """The grid of the ``\\begin{tabular}`` token at ``index``, whose body reaches to token ``end``.

    Short rows are padded, cells beyond the last column are appended to it; both are noted on the reader.
    """
    alignment, body = _read_specification(reader, index + 1, end)
    rows, rules = _read_rows(reader, body, end, lambda low, high: read_content(reader, low, high, depth))
    return build_grid(reader, rows, rules, alignment)


def _read_specification(reader: TokenReader, index: int, end: int) -> tuple[tuple[Align, ...], int]:
    option = reader.option(index, end)
    index = option[1] if option else index
    name = reader.tokens[index - 1].name if index else ""
    argument = reader.argument(index, end)
    if name in ("tabular*", "tabularx") and argument:  # the first argument is a width
        second = reader.argument(argument[1], end)
        argument = second or argument
    if argument is None:
        return (), index
    return read_alignment(reader, *argument[0]), argument[1]


def read_alignment(reader: TokenReader, low: int, high: int, depth: int = 0) -> tuple[Align, ...]:
    """Alignment of each column of a specification such as ``|l|*{2}{c}|p{3cm}@{}r|``."""
    columns: list[Align] = []
    while low < high and len(columns) < MAX_COLUMNS:
        token = reader.tokens[low]
        low += 1
        if token.kind is not Kind.TEXT and token.kind is not Kind.STARS:
            low = reader.after(low - 1, high)
            continue
        for character in token.text:
            if character in _ALIGNS:
                columns.append(_ALIGNS[character])
            elif character in "pmbX":
                columns.append("left")
            elif character in "@!><" and (skipped := reader.argument(low, high)):
                low = skipped[1]
            elif character == "*" and (count := reader.argument(low, high)):
                low = count[1]
                if (repeated := reader.argument(low, high)) and depth < _MAX_REPEATS:
                    low = repeated[1]
                    inner = read_alignment(reader, *repeated[0], depth + 1)
                    columns += list(inner) * min(_number(reader.source(*count[0])), MAX_COLUMNS)
    return tuple(columns[:MAX_COLUMNS])


def _number(text: str) -> int:
    text = text.strip()
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 6):
        return 1
    return int(text)


def _read_rows(reader: TokenReader, index: int, end: int, content: _ReadRange) -> tuple[list[list[RawCell]], set[int]]:
    """The rows, and the numbers of rows above which a rule crosses the whole table."""
    rows: list[list[RawCell]] = []
    rules: set[int] = set()
    row: list[RawCell] = []
    start = index
    captioned = False  # \caption{…} \\ of a longtable is not a row
    while index < end:
        token = reader.tokens[index]
        if token.kind is Kind.CELL:
            row.append(_read_cell(reader, start, index, content))
            index = start = index + 1
        elif token.kind is Kind.ROW_BREAK or (token.kind is Kind.COMMAND and token.name in ("tabularnewline", "cr")):
            if row or not captioned or reader.skip_spaces(start, index) < index:
                row.append(_read_cell(reader, start, index, content))
                rows.append(row)
            row, captioned = [], False
            spacing = reader.option(index + 1, end)
            index = start = spacing[1] if spacing and _is_length(reader, spacing[0]) else index + 1
        elif token.kind is Kind.COMMAND and not row and reader.skip_spaces(start, index) == index:
            after = _read_rule(reader, index, end, len(rows), rules)
            captioned = captioned or token.name in ("caption", "caption*")
            index, start = (after, after) if after is not None else (reader.after(index, end), start)
        else:
            index = reader.after(index, end)
    low, high = reader.strip(start, end)
    if row or low < high:
        row.append(_read_cell(reader, low, high, content))
        rows.append(row)
    return rows, rules


def _is_length(reader: TokenReader, option: Range) -> bool:
    return reader.source(*option).strip()[:1] in "-.0123456789"


def _read_rule(reader: TokenReader, index: int, end: int, rows: int, rules: set[int]) -> int | None:
    """The index after a rule at the start of a row; None if the command is not a rule."""
    name = reader.tokens[index].name
    if name in _FULL_RULES:
        rules.add(rows)
        after = reader.option(index + 1, end)
        if name in ("Xhline", "hhline") and (argument := reader.argument(index + 1, end)):
            return argument[1]
        return after[1] if after else index + 1
    if name in _PART_RULES:
        while index + 1 < end and reader.tokens[index + 1].text[:1] == "(":  # \cmidrule(lr){1-2}
            index += 1
        argument = reader.argument(index + 1, end)
        return argument[1] if argument else index + 1
    if name.rstrip("*") in ("label", "caption", "endhead", "endfirsthead", "endfoot", "endlastfoot", "centering"):
        return reader.skip_arguments(index + 1, end, name.rstrip("*") in ("label", "caption"))
    return None


def _read_cell(reader: TokenReader, low: int, high: int, content: _ReadRange) -> RawCell:
    low, high = reader.strip(low, high)
    colspan, rowspan = 1, 1
    align: Align | None = None
    pieces: list[Inline] = []
    tails: list[Range] = []
    while low < high and reader.tokens[low].kind is Kind.COMMAND:
        if reader.tokens[low].name in DROPPED:  # \cellcolor{gray}\multicolumn…
            low = reader.skip_arguments(low + 1, high, DROPPED[reader.tokens[low].name])
            low = reader.skip_spaces(low, high)
            continue
        span = _read_span(reader, low, high)
        if span is None:
            break
        if span.command == "multicolumn":
            colspan = max(1, span.size)
            align = next(iter(read_alignment(reader, *span.specification)), None)
        else:
            rowspan = span.size or 1
        tails.append((span.after, high))
        low, high = reader.strip(*span.content)
    pieces += content(low, high)
    for tail in reversed(tails):
        pieces += content(*tail)
    return RawCell(merge(pieces), colspan, rowspan, align)


def _read_span(reader: TokenReader, index: int, high: int) -> _Span | None:
    """``\\multicolumn{n}{spec}{…}`` or ``\\multirow[pos]{n}[struts]{width}[shift]{…}`` at ``index``."""
    name = reader.tokens[index].name
    if name not in ("multicolumn", "multirow"):
        return None
    arguments: list[Range] = []
    position = index + 1
    while len(arguments) < 3:
        option = reader.option(position, high)
        argument = reader.argument(option[1] if option else position, high)
        if argument is None:
            break
        arguments.append(argument[0])
        position = argument[1]
    if not arguments:
        return None
    empty = (position, position)
    count, specification, content = [*arguments, empty, empty][:3]
    return _Span(name, _number(reader.source(*count)), specification, content, position)
