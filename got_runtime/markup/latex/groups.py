"""Braces that are no argument: a LaTeX group, which is not printed, or printed braces of a set, of code, of JSON."""

from got_runtime.markup.latex.accents import ACCENTS
from got_runtime.markup.latex.layout import DROPPED
from got_runtime.markup.latex.symbols import LETTERS, SYMBOLS
from got_runtime.markup.latex.token_reader import TokenReader
from got_runtime.markup.latex.tokens import Kind, Token

_MOST_ARGUMENTS = 6
_PUNCTUATION = frozenset(",.;:-–=")


def is_printed(reader: TokenReader, opening: int, closing: int) -> bool:
    """Whether the braces at tokens ``opening`` and ``closing`` are printed on the page."""
    low, high = reader.strip(opening + 1, closing)
    if low == high:
        return False
    before = reader.tokens[opening - 1] if opening else None
    if before is not None and before.kind is Kind.COMMAND:  # \small{x}, \foo{x}
        return before.name not in DROPPED and before.name not in SYMBOLS
    if before is not None and before.kind is Kind.CLOSE and _closes_setting(reader, opening - 1):
        return False
    if _fills_argument(reader, opening, closing):
        return False
    first = reader.tokens[low]
    brackets = first.kind in (Kind.BRACKET, Kind.UNBRACKET)  # {[} opens no optional argument
    guarded = high - low == 1 and (brackets or first.text in _PUNCTUATION)  # 1{,}234
    commented = reader.source(opening + 1, low).strip()  # {% as in a source
    return not guarded and not commented and not _scopes(first)


def after_name(reader: TokenReader, index: int, high: int) -> int:
    """The index after a symbol and the space or empty group that ends its name: ``\\ldots{}``, ``\\aa ngstrom``."""
    index, name = index + 1, reader.tokens[index].name
    if index + 1 < high:
        empty = reader.tokens[index].kind is Kind.OPEN and reader.partner[index] == index + 1
        spaced = reader.tokens[index].kind is Kind.SPACE and reader.tokens[index + 1].text[:1].isalpha()
        return index + 2 if empty else index + (name in LETTERS and spaced)
    return index


def _fills_argument(reader: TokenReader, opening: int, closing: int) -> bool:
    r"""Whether a group is the whole argument of a command: ``\caption{{A title}}``."""
    if opening < 2 or reader.partner[opening - 1] != closing + 1:
        return False
    return reader.tokens[opening - 2].kind in (Kind.COMMAND, Kind.CLOSE, Kind.UNBRACKET)


def _closes_setting(reader: TokenReader, closing: int) -> bool:
    r"""Whether a brace closes the argument of a layout command: ``\color{red}{x}``."""
    command = reader.partner[closing] - 1
    for _ in range(_MOST_ARGUMENTS):  # \fontsize{10}{12}
        if command <= 0 or reader.tokens[command].kind is not Kind.CLOSE or reader.partner[command] < 0:
            break
        command = reader.partner[command] - 1
    return command >= 0 and reader.tokens[command].kind is Kind.COMMAND and reader.tokens[command].name in DROPPED


def _scopes(first: Token) -> bool:
    r"""Whether a group begins with a declaration or an accented letter: ``{\bf x}``, ``{\'e}``."""
    return first.kind is Kind.COMMAND or (first.kind is Kind.ESCAPED and first.text[1] in ACCENTS)
