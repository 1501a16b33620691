r"""A cell of a ``tabular``: its span, its alignment, its content."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from got_runtime.markup.content import Align, Content, Inline, Text, merge
from got_runtime.markup.latex.columns import read_alignment, whole_number
from got_runtime.markup.latex.grid import RawCell
from got_runtime.markup.latex.layout import DROPPED, skip_layout
from got_runtime.markup.latex.token_reader import Range, TokenReader
from got_runtime.markup.latex.tokens import Kind

ReadRange = Callable[[int, int], Content]
"""First token, token after the last → the content of a cell."""

_ONE_COLUMN = re.compile(r"[|\s]*[lcrpmbX](?:\{[^{}]*\})?[|\s]*")
SPANS = frozenset({"multicolumn", "multirow", "multirowcell"})

_SPAN_STARTS = frozenset({Kind.COMMAND, Kind.OPEN})


class _Span(NamedTuple):
    """A ``\\multicolumn`` or ``\\multirow`` over ``size`` columns or rows; ranges are of tokens."""

    command: str
    size: int
    specification: Range
    content: Range
    after: int


def read_cell(reader: TokenReader, low: int, high: int, content: ReadRange, left_out: Sequence[Range] = ()) -> RawCell:
    """The cell of tokens ``low`` to ``high - 1``, without the ranges ``left_out``, which are rules inside it."""
    low, high = reader.strip(low, high)
    if not left_out and (low == high or reader.tokens[low].kind not in _SPAN_STARTS):
        return RawCell(content(low, high) if low < high else ())
    colspan, rowspan = 1, 1
    align: Align | None = None
    tails: list[Range] = []
    while low < high:
        low = _after_settings(reader, low, high)
        if low < high and reader.closing(low, high) == high - 1 and _opens_span(reader, low, high):  # {\multirow…}
            low, high = reader.strip(low + 1, high - 1)
        span = read_span(reader, low, high) if low < high else None
        if span is None:
            break
        if span.command == "multicolumn":
            colspan = max(1, span.size)
            align = next(iter(read_alignment(reader, *span.specification)), None)
        else:
            rowspan = span.size or 1
        if span.content[0] == span.after:  # no braces around what follows
            low = reader.skip_spaces(span.after, high)
            continue
        tails.append((span.after, high))
        low, high = reader.strip(*span.content)
    pieces: list[Inline] = []
    for part in [(low, high), *reversed(tails)]:
        for first, last in _kept(part, left_out):
            pieces += [Text(text=" "), *content(first, last)] if first > part[0] else content(first, last)
    return RawCell(merge(pieces), colspan, rowspan, align)


def _after_settings(reader: TokenReader, low: int, high: int) -> int:
    """The index after layout commands: ``\\cellcolor{gray}\\multicolumn…``."""
    while low < high and reader.tokens[low].kind is Kind.COMMAND and reader.tokens[low].name in DROPPED:
        low = reader.skip_spaces(skip_layout(reader, low, high), high)
    return low


def _opens_span(reader: TokenReader, low: int, high: int) -> bool:
    inside = reader.skip_spaces(low + 1, high)
    return reader.tokens[low].kind is Kind.OPEN and reader.tokens[inside].name in SPANS


def _kept(part: Range, left_out: Sequence[Range]) -> Iterator[Range]:
    low, high = part
    for first, last in left_out:
        if low <= first and last <= high:
            yield low, first
            low = last
    yield low, high


def read_span(reader: TokenReader, index: int, high: int) -> _Span | None:
    """``\\multicolumn{n}{spec}{…}`` or ``\\multirow[pos]{n}[struts]{width}[shift]{…}`` at ``index``.

    An argument that is no number and no width is the content: arguments before it are missing.
    """
    name = reader.tokens[index].name
    if name not in SPANS:
        return None
    settings: list[Range] = []
    position = index + 1
    wanted = 1 if name == "multirowcell" else 2
    while len(settings) < wanted:
        option = reader.option(position, high)
        following = option[1] if option else position
        if name == "multirow" and settings and following < high and reader.tokens[following].text == "*":
            settings.append((following, following + 1))  # \multirow{2}*{…}
            position = following + 1
            continue
        argument = reader.argument(following, high)
        if argument is None or not _is_setting(reader, name, len(settings), argument[0]):
            break
        settings.append(argument[0])
        position = argument[1]
    option = reader.option(position, high)
    argument = reader.argument(option[1] if option else position, high)
    content, after = argument or ((position, position), position)
    if not settings and argument is None:
        return None
    empty = (position, position)
    count, specification = [*settings, empty, empty][:2]
    return _Span(name, whole_number(reader.source(*count)), specification, content, after)


def _is_setting(reader: TokenReader, name: str, place: int, argument: Range) -> bool:
    text = reader.source(*argument).strip()
    if place == 0:
        return text.removeprefix("-").replace(".", "").isdigit()
    following = reader.skip_spaces(argument[1] + 1, len(reader.tokens))
    last = following >= len(reader.tokens) or reader.tokens[following].kind not in (Kind.OPEN, Kind.BRACKET)
    if name == "multicolumn":
        return not last or _ONE_COLUMN.fullmatch(text) is not None
    return not last or text in ("*", "=", "") or text[:1].isdigit() or text[:1] == "\\"
