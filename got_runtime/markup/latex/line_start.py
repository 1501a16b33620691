"""Markers at the start of a line: headings, list items, pipe tables, figures, references."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from got_runtime.markup.latex.token_reader import TokenReader
from got_runtime.markup.latex.tokens import Kind, Token

_BULLETS = frozenset("-+•·◦▪‣●○■*")
_STARRED = re.compile(r"\n[ \t]*\* ")
_DELIMITERS = re.compile(r"\n[ \t]*\|?[ \t]*:?-")  # the second line of a pipe table
_NEAR = 600  # characters
_MARKERS = frozenset({Kind.TEXT, Kind.SPACE, Kind.BRACKET})  # with which a marker, or its indentation, begins
_LINE_ENDS = frozenset({Kind.NEWLINE, Kind.BLANK, Kind.FORM_FEED, Kind.SPECIAL})


@dataclass(frozen=True)
class LineStart:
    """The kind of block that a line opens, and the index of the token after its marker."""

    kind: Literal["heading", "item", "point", "table", "figure", "reference"]
    after: int
    level: int = 0
    indent: int = 0
    number: int | None = None
    source: str | None = None
    alt: str | None = None

    @property
    def interrupts(self) -> bool:
        """Whether it ends a paragraph above without an empty line; a list number must be 1, as in CommonMark."""
        return self.kind != "reference" and self.number in (None, 1)


def line_start(reader: TokenReader, index: int) -> LineStart | None:
    """The marker of the line whose first token, or indentation, is at ``index``; None for running text."""
    tokens = reader.tokens
    if tokens[index].kind not in _MARKERS:
        return None
    if index and tokens[index - 1].kind is Kind.SPACE and tokens[index].kind is not Kind.SPACE:
        index -= 1
    if index and tokens[index - 1].kind not in _LINE_ENDS:
        return None
    indent = 0
    if tokens[index].kind is Kind.SPACE:
        indent = len(tokens[index].text.expandtabs(4))
        index += 1
    if index < len(tokens) and tokens[index].kind is Kind.TEXT:
        if "A" <= tokens[index].text[0] <= "z":  # no marker, as most lines
            return None
        if _is_point(tokens[index].text):
            return LineStart("point", index)
    if index + 1 >= len(tokens):
        return None
    text, following = tokens[index].text, tokens[index + 1]
    if tokens[index].kind is Kind.BRACKET:
        closed = index + 2 < len(tokens) and tokens[index + 2].kind is Kind.UNBRACKET
        return LineStart("reference", index + 3) if closed and following.text.isdigit() else None
    if tokens[index].kind is not Kind.TEXT:
        return None
    if text[0] == "|":
        end = reader.line_end(tokens[index].start)
        return LineStart("table", index) if _DELIMITERS.match(reader.text, end) else None
    if text == "!" and following.kind is Kind.BRACKET:
        return _figure(reader, index)
    if following.kind is not Kind.SPACE:
        return None
    if 1 <= len(text) <= 6 and not text.strip("#"):
        return LineStart("heading", index + 1, level=len(text))
    if text == "*" and _is_alone(reader.text, tokens[index].start):
        return None
    if text in _BULLETS and not _is_page_number(tokens, index):
        return LineStart("item", index + 2, indent=indent)
    digits = text[:-1]
    if text[-1] in ".)" and digits.isascii() and digits.isdigit() and len(digits) <= 3:
        return LineStart("item", index + 2, indent=indent, number=int(digits))
    return None


def _is_alone(text: str, position: int) -> bool:
    """Whether no other line near begins with an asterisk: it is the mark of a footnote, not of a list."""
    line = max(0, text.rfind("\n", 0, position))
    above = text[max(0, line - _NEAR) : line]
    return not (above.startswith("* ") or _STARRED.search(above) or _STARRED.search(text, position, position + _NEAR))


def _is_page_number(tokens: Sequence[Token], index: int) -> bool:
    """Whether a line is the number of its page between two dashes: ``- 12 -``."""
    if index + 4 >= len(tokens) or not tokens[index + 2].text.isdigit():
        return False
    dash, last = tokens[index].text, index + 5 == len(tokens)
    return dash in "-–—" and tokens[index + 4].text == dash and (last or not tokens[index + 5].text.strip())


def _is_point(text: str) -> bool:
    """Whether a line begins an item of a Chinese list, which is kept as printed: ``1、``, ``（一）``, ``①``."""
    if text.isascii():
        return False
    if "①" <= text[0] <= "⑳":
        return True
    inside, closing, _ = text[:5].removeprefix("（").partition("）" if text[0] == "（" else "、")
    return bool(closing and inside) and not inside.strip("0123456789０１２３４５６７８９一二三四五六七八九十百")


def _figure(reader: TokenReader, index: int) -> LineStart | None:
    """``![alt](source)``."""
    low = reader.tokens[index].start
    found = reader.text.find("\n", low)
    line = reader.text[low : found if found >= 0 else len(reader.text)]
    alt, middle, rest = line.removeprefix("![").partition("](")
    source, closing, _ = rest.partition(")")
    if not middle or not closing:
        return None
    end = low + len(alt) + len(source) + 5
    while index < len(reader.tokens) and reader.tokens[index].start < end:
        index += 1
    return LineStart("figure", index, source=source.strip() or None, alt=alt.strip() or None)
