"""Accents: ``\\'e``, ``\\"{o}`` and ``\\c{C}`` → one character."""

import unicodedata

from got_runtime.markup.latex.token_reader import TokenReader
from got_runtime.markup.latex.tokens import Kind

# The combining character of each accent; accents named by a letter need braces.
ACCENTS = {
    "'": "\u0301",
    "`": "\u0300",
    "^": "\u0302",
    '"': "\u0308",
    "~": "\u0303",
    "=": "\u0304",
    ".": "\u0307",
    "c": "\u0327",
    "v": "\u030c",
    "u": "\u0306",
    "H": "\u030b",
    "k": "\u0328",
    "r": "\u030a",
    "d": "\u0323",
    "b": "\u0331",
    "t": "\u0361",
}


def read_accent(reader: TokenReader, name: str, index: int, high: int) -> tuple[str, int]:
    """The letter at ``index``, braced or not, with accent ``name``, and the index after it.

    Without a letter the result is the sign of the accent itself.
    """
    argument = reader.argument(index, high)
    if argument is not None:
        (low, end), after = argument
        letter = reader.source(low, end).strip().removeprefix("\\")
    elif index < high and reader.tokens[index].kind is Kind.TEXT:
        letter, after = reader.tokens[index].text, index + 1
    else:
        letter, after = "", index
    if letter[:1].isalpha():
        return unicodedata.normalize("NFC", letter[0] + ACCENTS[name]) + letter[1:], after
    return (name + letter, after) if argument is not None else (name, index)
