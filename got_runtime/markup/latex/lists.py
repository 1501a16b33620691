"""Lists, bibliographies, and items outside a list (``\\item``, ``\\bibitem``)."""

import re

from got_runtime.markup import elements as e
from got_runtime.markup.content import Content, plain_text
from got_runtime.markup.headings import as_roman
from got_runtime.markup.latex.element_builder import DocumentBuilder, Fields, ParseContext
from got_runtime.markup.latex.inline import parse_inline, parse_lines
from got_runtime.markup.latex.prose import text_end
from got_runtime.markup.latex.tokens import Kind
from got_runtime.markup.signs import SIGNS

_LABEL = re.compile(r"label\s*=\s*(\{[^{}]*\}|[^,{}]*)")
_COUNTER = re.compile(r"\\(alph|Alph|roman|Roman|arabic)\s*\*")
_FIRST = {"alph": "a", "Alph": "A", "roman": "i", "Roman": "I", "arabic": "1"}
_PATTERN = re.compile(r"([(\[]?)([aAiI1])([)\].:]?)")

LISTS = frozenset({"itemize", "enumerate", "description"})


def read_list(builder: DocumentBuilder, low: int, end: int, context: ParseContext, *, ordered: bool) -> None:
    """Adds the items between ``\\begin{itemize}`` and its end; ``context`` is that of the items."""
    reader = builder.reader
    settings = reader.option(low, end)  # [label=(a), start=5]
    pattern = _label_pattern(reader.source(*settings[0])) if settings and ordered else ""
    index = settings[1] if settings else low
    number = _whole(reader.source(*settings[0]).partition("start=")[2].partition(",")[0], 1) - 1 if settings else 0
    while index < end:
        if not _is_item(builder, index):
            following = _next_item(builder, index, end)
            number = _counter(builder, index, following, number)
            builder.parse(index, following, ParseContext(context.depth, context.role, context.float))
            index = following
            continue
        option = reader.option(index + 1, end)
        start = option[1] if option else index + 1
        following = _next_item(builder, start, end)
        label = _printed(parse_inline(reader, *option[0])) if option else None
        number += not label
        label = label or _counted(pattern, number)
        fields: Fields = {"depth": context.list_depth - 1, "ordered": ordered and not label, "label": label}
        if fields["ordered"]:
            fields["number"] = number
        _read_item(builder, index, start, following, context, fields)
        index = following


def _printed(label: Content) -> str:
    """The words of a label; a sign such as ``$\\square$`` is its character."""
    only = label[0] if len(label) == 1 else None
    sign = SIGNS.get(only.latex.removeprefix("\\")) if only is not None and only.kind == "math" else None
    return sign or plain_text(label)


def _label_pattern(settings: str) -> str:
    """How items are counted: ``label=(\\alph*)`` and ``(a)`` are ``(a)``, "" is 1, 2, 3."""
    found = _LABEL.search(settings)
    pattern = _COUNTER.sub(lambda each: _FIRST[each[1]], found[1].strip(" {}") if found else settings.strip())
    return pattern if _PATTERN.fullmatch(pattern) and pattern not in ("1", "1.") else ""


def _counted(pattern: str, number: int) -> str | None:
    """The label of an item: ``(b)`` for ``(a)`` and 2; None without a pattern."""
    found = _PATTERN.fullmatch(pattern)
    if found is None or number < 1:
        return None
    before, first, after = found.groups()
    if first in "aA":
        counted = chr(ord(first) + number - 1) if number <= 26 else str(number)
    elif first in "iI":
        counted = as_roman(number) if first == "I" else as_roman(number).lower()
    else:
        counted = str(number)
    return f"{before}{counted}{after}"


def _counter(builder: DocumentBuilder, low: int, high: int, number: int) -> int:
    """The item number after ``\\setcounter{enumi}{4}`` in a range of tokens, else ``number``."""
    reader = builder.reader
    for index in range(low, high):
        name = reader.argument(index + 1, high) if reader.tokens[index].name == "setcounter" else None
        value = reader.argument(name[1], high) if name else None
        if name and value and reader.source(*name[0]).startswith("enum"):
            number = _whole(reader.source(*value[0]), number)
    return number


def _whole(text: str, otherwise: int) -> int:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else otherwise


def read_stray_item(builder: DocumentBuilder, index: int, high: int, context: ParseContext) -> int:
    """Adds an ``\\item`` outside any list, whose environment is missing; returns the index after it."""
    reader = builder.reader
    reader.record_repair(
        "unclosed-environment", f"{reader.tokens[index].text} stood in no list: read as an item of one"
    )
    following = min(_next_item(builder, index + 1, high), max(index + 1, reader.paragraph_end[index]), high)
    _read_item(builder, index, index + 1, following, ParseContext(context.depth + 1), {})
    return following


def read_bibliography(builder: DocumentBuilder, index: int, end: int, context: ParseContext) -> None:
    """Adds the entries of ``thebibliography``."""
    reader = builder.reader
    width = reader.argument(index, end)
    index = width[1] if width else index
    while (start := _next_item(builder, index, end)) < end:
        option = reader.option(start + 1, end)
        argument = reader.argument(option[1] if option else start + 1, end)
        index = argument[1] if argument else start + 1
        key = reader.source(*(argument or option or ((0, 0), 0))[0]).strip() or None
        following = _next_item(builder, index, end)
        builder.add(e.Reference, start, key=key, content=parse_inline(reader, index, following, context.depth))
        builder.elements[-1].warnings += reader.take_repairs()
        index = following


def _read_item(
    builder: DocumentBuilder, index: int, low: int, high: int, context: ParseContext, fields: Fields
) -> None:
    """Adds the text at the start of an item; the blocks that follow in it (a formula, a list) are separate elements."""
    reader = builder.reader
    low = reader.skip_spaces(low, high)
    end = text_end(builder, low, high, ParseContext(context.depth, list_depth=1)) if low < high else low
    builder.add(e.ListItem, index, content=parse_lines(reader, low, end, context.depth), **fields)
    builder.elements[-1].warnings += reader.take_repairs()
    builder.parse(end, high, context)


def _is_item(builder: DocumentBuilder, index: int) -> bool:
    token = builder.reader.tokens[index]
    return token.kind is Kind.COMMAND and token.name in ("item", "bibitem")


def _next_item(builder: DocumentBuilder, index: int, end: int) -> int:
    while index < end and not _is_item(builder, index):
        index = builder.reader.after(index, end)
    return min(index, end)
