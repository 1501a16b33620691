r"""Braces around the columns of a table or the argument of a rule that are never closed: ``{|l|c| a & b``.

The missing brace is inserted with no characters of the answer.
"""

import re

from got_runtime.markup.latex.misspelt import TABULARS, WIDE_TABULARS, is_rule
from got_runtime.markup.latex.tokens import Kind, Token

_MAX_SPECIFICATION = 256  # tokens; bounds the search for its end
_TRIM = 16  # tokens; bounds the search for the end of what shortens a rule
_BEFORE = 64  # tokens; bounds the search for its beginning
_COLUMNS = re.compile(r"[|lcrpmbwA-Z@!><*:;=~.,\d\s()+-]*")
_SETTING = re.compile(r"[|=~#:.,\d\s-]*(?:pt|em|ex|mm|cm|in)?")
_PATTERN = re.compile(r"[|=~#:tb\d\s-]*")
_LETTERS = re.compile(r"[ABE-KOQT-V]{2}|[^\W\d_A-Zlcrpmbw]")  # no columns have these names
_ARGUMENTS = re.compile(r"\{[^{}]*(?:\}|\Z)|\[[^\[\]]*\]")
_SPACES = frozenset({Kind.SPACE, Kind.NEWLINE})
_OF_ROWS = frozenset({Kind.CELL, Kind.ROW_BREAK, Kind.BEGIN, Kind.END, Kind.BLANK, Kind.FORM_FEED})

_Opened = dict[int, tuple[int, re.Pattern[str]]]


def close_settings(tokens: list[Token]) -> list[Token]:
    """The tokens, with a closing brace where one is missing; an inserted token has no text."""
    opened = _open_settings(tokens)
    return _with_closed_settings(tokens, opened) if opened else tokens


def is_specification(text: str) -> bool:
    """Whether a braced group can be a column specification, rather than the text of a cell."""
    plain = _ARGUMENTS.sub("", _ARGUMENTS.sub("", text))
    return bool(_COLUMNS.fullmatch(plain)) and not _LETTERS.search(plain)


def _open_settings(tokens: list[Token]) -> _Opened:
    """The braces of column specifications and rules that stay open (``{|l|c| a & b``, ``\\hhline{|-|-| a``).

    Each with the token of a row by which it is still open, and what may stand inside.
    """
    found: _Opened = {}
    for index in [index for index, token in enumerate(tokens) if token.name]:
        token = tokens[index]
        columns = token.kind is Kind.BEGIN and token.name in TABULARS
        if columns or (token.kind is Kind.COMMAND and is_rule(token.name)):
            opening = _opening(tokens, index + 1, token.name if columns else "")
            if not columns and opening is not None and not _begins_setting(tokens, opening + 1):
                continue  # the brace of a cell: \hline {\begin{tabular}…}
            if opening is not None and (end := _row_start(tokens, opening, columns)) is not None:
                found[opening] = end, _COLUMNS if columns else _SETTING
    return found


def _begins_setting(tokens: list[Token], index: int) -> bool:
    return index < len(tokens) and tokens[index].kind is Kind.TEXT and _length(tokens[index].text, _SETTING) > 0


def _with_closed_settings(tokens: list[Token], opened: _Opened) -> list[Token]:
    """Closes the braces of :func:`_open_settings`."""
    out: list[Token] = []
    index = 0
    while index < len(tokens):
        out.append(tokens[index])
        index += 1
        if index - 1 in opened:
            end, setting = opened[index - 1]
            index = _copy_setting(tokens, index, end, out, setting)
    return out


def _opening(tokens: list[Token], index: int, name: str) -> int | None:
    """The brace that opens the columns of an environment, or the argument of a rule."""
    limit = min(len(tokens), index + _BEFORE)
    if index < limit and tokens[index].kind is Kind.BRACKET:  # [t]
        while index < limit and tokens[index].kind not in (Kind.UNBRACKET, *_OF_ROWS):
            index += 1
        index += 1
    if name in WIDE_TABULARS:
        depth = 0
        while index < limit and tokens[index].kind not in _OF_ROWS:
            depth += (tokens[index].kind is Kind.OPEN) - (tokens[index].kind is Kind.CLOSE)
            index += 1
            if not depth and tokens[index - 1].kind is Kind.CLOSE:
                break
    while index < limit and tokens[index].kind in _SPACES:
        index += 1
    return index if index < limit and tokens[index].kind is Kind.OPEN else None


def _row_start(tokens: list[Token], opening: int, columns: bool) -> int | None:
    """The token of a row by which the brace at ``opening`` is still open; None if it is closed before.

    A brace that closes behind the text of a cell (``{|l|c| a}``) is another one. Unless ``columns``, it is that of a
    rule.
    """
    depth, last = 0, min(len(tokens), opening + _MAX_SPECIFICATION)
    for index in range(opening + 1, last):
        token = tokens[index]
        if token.kind in _OF_ROWS or (token.kind is Kind.COMMAND and is_rule(token.name)):
            return index
        depth += (token.kind is Kind.OPEN) - (token.kind is Kind.CLOSE)
        if depth < 0:
            return index if _holds_cell(tokens[opening + 1 : index], columns) else None
    return last - 1 if last == len(tokens) and _holds_cell(tokens[opening + 1 : last], columns) else None


def _holds_cell(inside: list[Token], columns: bool) -> bool:
    """Whether columns with rules (``|l|c| a``), or the pattern of a rule, are followed by the text of a cell."""
    text = "".join(each.text for each in inside)
    return (
        bool(inside) and "|" in inside[0].text and not (is_specification(text) or (not columns and _is_pattern(text)))
    )


def _is_pattern(text: str) -> bool:
    r"""Whether a text is the argument of ``\hhline``: ``|t:==:t|``."""
    return bool(_PATTERN.fullmatch(text))


def _copy_setting(tokens: list[Token], index: int, end: int, out: list[Token], setting: re.Pattern[str]) -> int:
    """Copies the tokens of a setting and closes it where the text of a cell begins; returns the index after it."""
    spaced = next((each for each in range(index + 1, end) if tokens[each].kind in _SPACES), end)
    # "{|c|c| c & d": what stands before the first separator is the first cell
    end = spaced if tokens[end].kind in (Kind.CELL, Kind.ROW_BREAK) else end
    depth = 0
    while index < end:
        token = tokens[index]
        if token.kind is Kind.TEXT and not depth:
            length = _length(token.text, setting)
            if 0 < length < len(token.text):
                cut = token.start + length
                out.append(Token(Kind.TEXT, token.text[:length], token.start, cut))
                tokens[index] = Token(Kind.TEXT, token.text[length:], cut, token.end)
            if length < len(token.text):
                break
        elif not depth and not _may_follow(token, tokens[index - 1]):
            break
        depth += (token.kind is Kind.OPEN) - (token.kind is Kind.CLOSE)
        out.append(token)
        index += 1
    start = tokens[index].start
    out += [Token(Kind.CLOSE, "", start, start)] * (depth + 1)
    return index


def _may_follow(token: Token, before: Token) -> bool:
    """Whether a token may stand in a setting: an argument touches its command, ``p{2cm}``."""
    return token.kind is Kind.STARS or token.kind in _SPACES or (token.kind is Kind.OPEN and before.kind not in _SPACES)


def _length(text: str, setting: re.Pattern[str]) -> int:
    """The number of characters of ``text`` that belong to a setting."""
    found = setting.match(text)
    length = found.end() if found else 0
    if length == len(text) and not _LETTERS.search(text):
        return length
    return text.rfind("|", 0, length) + 1 if setting is _COLUMNS else length


def after_trim(tokens: list[Token], index: int, high: int) -> int:
    r"""The index after what ``\cmidrule`` is shortened by, at ``index``: ``(lr)``, ``(l{2pt}r{2pt})``."""
    if index >= high or tokens[index].text[:1] != "(":
        return index
    limit = min(high, index + _TRIM)
    closing = (each for each in range(index, limit) if ")" in tokens[each].text)
    return next(closing, index) + 1
