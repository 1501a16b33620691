r"""What stands between the rows of a table: rules, spacing, settings, comments."""

import re
from typing import NamedTuple

from got_runtime.markup.latex.layout import LENGTH
from got_runtime.markup.latex.misspelt import is_rule
from got_runtime.markup.latex.table_settings import after_trim
from got_runtime.markup.latex.token_reader import TokenReader
from got_runtime.markup.latex.tokens import Kind

_PART = re.compile(r"\s*\d{1,3}\s*[-–—~]\s*\d{0,3}\s*")
_PATTERN = re.compile(r"[|=~#:*\d\s-]*[|=~#:-][|=~#:*\d\stb-]*")  # of \hhline
_COLOURS = re.compile(r">?\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}")
# Rules without a braced argument; other names, also misspelt ones, may have some.
_PLAIN = frozenset({"bottomrule", "firsthline", "hdashline", "hline", "lasthline", "midrule", "thickhline", "toprule"})
_MAX_ARGUMENTS = 3  # \specialrule{1pt}{2pt}{3pt}


class Rule(NamedTuple):
    """A rule; ``full`` if it crosses the whole table; ``after`` is the index after its arguments."""

    full: bool
    after: int


def read_rule(reader: TokenReader, index: int, end: int) -> Rule | None:
    """The rule at ``index``, possibly misspelt; None for anything else. The text of a cell is never its argument."""
    token = reader.tokens[index]
    if token.kind is not Kind.COMMAND or not is_rule(token.name):
        return None
    after, full = index + 1, True
    after = after_trim(reader.tokens, after, end)
    for _ in range(_MAX_ARGUMENTS):
        option = reader.option(after, end)
        if option and _is_length(reader.source(*option[0])):
            after = option[1]
        argument = reader.argument(after, end) if _closes(reader, after, end) else None
        source = reader.source(*argument[0]) if argument else ""
        # \\hdashline{1-2} is meant as \\cdashline; other braces behind a plain rule are those of a cell.
        if argument is None or not (_PART.fullmatch(source) if token.name in _PLAIN else _is_setting(source)):
            break
        full = full and not _PART.fullmatch(reader.source(*argument[0]))
        after = argument[1]
        if not reader.tokens[after - 1].text:
            reader.record_repair("unbalanced-brace", f"the brace of {token.text} was never closed: closed")
    return Rule(full and "cline" not in token.name and token.name != "cmidrule", after)


def comment_end(reader: TokenReader, index: int, end: int) -> int | None:
    """The end of a line that is a comment; None if it has cells, since a model often writes ``%`` for ``\\%``."""
    while index < end and reader.tokens[index].kind is not Kind.NEWLINE:
        if reader.tokens[index].kind in (Kind.CELL, Kind.ROW_BREAK, Kind.BLANK, Kind.BEGIN, Kind.END):
            return None
        index += 1
    return index if index < end else None


def _closes(reader: TokenReader, index: int, end: int) -> bool:
    """Whether the argument at ``index`` has a closing brace."""
    opened = reader.skip_spaces(index, min(end, index + 3))
    return opened < end and reader.closing(opened, end) is not None


def _is_length(source: str) -> bool:
    r"""Whether an option is a length, or the dash and the gap of ``\\hdashline[2pt/2pt]``."""
    return all(LENGTH.fullmatch(part) for part in source.split("/", 1))


def _is_setting(source: str) -> bool:
    """Whether a braced group is the argument of a rule: columns, a pattern, a length, nothing."""
    plain = _COLOURS.sub("", source[:200])
    found = _PART.fullmatch(source) or _PATTERN.fullmatch(plain) or LENGTH.fullmatch(source)
    return found is not None or not source.strip() or (source.isdigit() and len(source) == 1)
