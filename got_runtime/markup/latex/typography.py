"""TeX's ties (``Fig.~2``) and quotation marks (two backquotes and two apostrophes) → the printed characters."""

from typing import NamedTuple

from got_runtime.markup.content import Content, Text
from got_runtime.markup.latex.divided_words import SOFT_HYPHEN
from got_runtime.markup.latex.references import REFERENCES
from got_runtime.markup.latex.token_reader import TokenReader
from got_runtime.markup.latex.tokens import Kind

_QUOTATION = 1000  # characters; bounds the search for the end of a quotation
_TIED = frozenset({Kind.COMMAND, Kind.OPEN_INLINE, Kind.DOLLAR, Kind.BRACKET})


def plain_words(reader: TokenReader, low: int, high: int) -> Content | None:
    """The content of tokens that are nothing but words and spaces, as most cells; None for other tokens."""
    tokens = reader.tokens
    for index in range(low, high):
        kind = tokens[index].kind
        if kind is not Kind.TEXT and kind is not Kind.SPACE:
            return None
    source = reader.source(low, high)
    if (reader.is_latex and ("~" in source or "``" in source or "''" in source)) or SOFT_HYPHEN in source:
        return None
    words = " ".join(source.split())
    return (Text(text=words),) if words else ()


class Typography:
    """The printed characters of the text tokens of one line; a quotation may span several tokens."""

    def __init__(self, reader: TokenReader) -> None:
        self._reader = reader
        self._quoting = False

    def read(self, index: int) -> str:
        """The printed text of token ``index``."""
        text = self._reader.tokens[index].text
        if SOFT_HYPHEN in text:
            text = self._without_soft_hyphens(text, index)
        if not self._reader.is_latex:
            return text
        if "~" in text:
            following = self._reader.tokens[index + 1] if index + 1 < len(self._reader.tokens) else None
            if following is not None and text[-1] == "~" and following.name in REFERENCES:  # A~\cite{x}
                text = text[:-1] + " "
            text = _untied(text, following is not None and following.kind in _TIED)
        if "``" in text or "''" in text:
            text = self._quoted(text, self._reader.tokens[index].start)
        return text

    def _without_soft_hyphens(self, text: str, index: int) -> str:
        """The words without soft hyphens, which are printed at the end of a line only."""
        words = text.replace(SOFT_HYPHEN, "")
        after = self._reader.skip_spaces(index + 1, min(index + 2, len(self._reader.tokens)))
        ends = self._reader.tokens[index + 1 : after + 1]
        divided = text[-1] == SOFT_HYPHEN and any(token.kind is Kind.NEWLINE for token in ends)
        return words + SOFT_HYPHEN if divided else words

    def _quoted(self, text: str, start: int) -> str:
        parts: list[str] = []
        position = 0
        while True:
            found = text.find("''" if self._quoting else "``", position)
            if found < 0:
                return "".join([*parts, text[position:]])
            turns = self._quoting or self._is_closed(start + found + 2)
            parts += [text[position:found], ("”" if self._quoting else "“") if turns else "``"]
            self._quoting ^= turns
            position = found + 2

    def _is_closed(self, start: int) -> bool:
        """Whether a quotation that begins at ``start`` ends in the same paragraph and before another begins."""
        text = self._reader.text
        end = text.find("''", start, start + _QUOTATION)
        quotation = text[start:end] if end > start else " "
        return not quotation[0].isspace() and "``" not in quotation and "\n\n" not in quotation


class Line(NamedTuple):
    """What the parsers of nested ranges share: ``breaks`` are the newlines that are line breaks."""

    reader: TokenReader
    typography: Typography
    breaks: frozenset[int] = frozenset()


def _untied(text: str, follows: bool) -> str:
    """A tie after a word becomes a space; between digits and in addresses ``~`` is printed."""
    before, *rest = text.split("~")
    out = [before]
    for index, part in enumerate(rest, 1):
        ends = not part and index == len(rest)
        after = follows if ends else part[:1].isascii() and (part[:1].isalnum() or part[:1] == "(")
        word = before.isascii() and (before[-1:] == "." or (len(before) > 1 and before[-2:].isalpha()))
        out += [" " if word and after and "/" not in before else "~", part]
        before = part
    return "".join(out)
