"""The tokens of one answer, their arguments and options, and the repairs made while parsing."""

import re
from bisect import bisect_left, bisect_right
from functools import cached_property, lru_cache

from got_runtime.markup.elements import Repair, RepairCode
from got_runtime.markup.latex.comments import without_comments
from got_runtime.markup.latex.divided_words import words_of
from got_runtime.markup.latex.item_marks import item_marks
from got_runtime.markup.latex.matching import DelimiterMatcher
from got_runtime.markup.latex.table_repair import complete_tables
from got_runtime.markup.latex.tokens import Kind, Token, tokenize

# Deeper than any page nests. Beyond it the source is kept as text, so that no answer can exhaust the stack.
MAX_DEPTH = 24

_OPTION_TOKENS = 64  # bounds the search for the end of an optional argument, so that it stays linear

Range = tuple[int, int]

_SPACES = frozenset({Kind.SPACE, Kind.NEWLINE, Kind.BLANK})


@lru_cache(maxsize=64)
def _repair(code: RepairCode, message: str) -> Repair:
    """The same :class:`Repair` for the same words: an answer can need one on each of 50,000 pages."""
    return Repair(code=code, message=message)


class TokenReader:
    """Tokens by index; a *range* ``(low, high)`` is tokens ``low`` to ``high - 1``."""

    def __init__(self, text: str, is_latex: bool = True) -> None:
        self.text = text
        self.is_latex = is_latex
        self.tokens: list[Token] = (
            complete_tables(without_comments(tokenize(text))) if is_latex else tokenize(text, is_latex)
        )
        self._matcher = DelimiterMatcher(self.tokens)
        self.partner = self._matcher.partner
        self._repairs: list[Repair] = []

    @property
    def paragraph_end(self) -> list[int]:
        """For each token the end of its paragraph (:class:`DelimiterMatcher`)."""
        return self._matcher.paragraph_end

    @cached_property
    def words(self) -> frozenset[str]:
        """The words of the answer, in lower case."""
        return words_of(self.text)

    @cached_property
    def has_captions(self) -> bool:
        r"""Whether a ``\caption`` stands anywhere in the answer."""
        return "\\caption" in self.text

    @cached_property
    def has_steps(self) -> bool:
        r"""Whether the answer has steps of an algorithm, in which ``\AND`` is a word rather than the end of a line."""
        return "\\STATE" in self.text or "\\IF" in self.text

    @cached_property
    def item_marks(self) -> dict[int, str]:
        r"""The numbers of items of ``enumerate``, by the token of ``\item``."""
        return item_marks(self.tokens, self.partner)

    @cached_property
    def _unbrackets(self) -> list[int]:
        return [index for index, token in enumerate(self.tokens) if token.kind is Kind.UNBRACKET]

    @cached_property
    def _line_ends(self) -> list[int]:
        return [found.start() for found in re.finditer("\n", self.text)]

    def line_end(self, position: int) -> int:
        """The index of the character that ends the line of a position; every search goes through the text once only."""
        found = bisect_left(self._line_ends, position)
        return self._line_ends[found] if found < len(self._line_ends) else len(self.text)

    def record_repair(self, code: RepairCode, message: str) -> None:
        """Records a repair for the ``warnings`` of the next element."""
        if len(self._repairs) < 50:  # a page of noise would have thousands
            self._repairs.append(_repair(code, message))

    def take_repairs(self) -> tuple[Repair, ...]:
        """The repairs recorded since the last call, without duplicates."""
        if not self._repairs:
            return ()
        taken = tuple(dict.fromkeys(self._repairs))
        self._repairs.clear()
        return taken

    def source(self, low: int, high: int) -> str:
        """The characters of a range."""
        return self.text[self.tokens[low].start : self.tokens[high - 1].end] if low < high else ""

    def skip_spaces(self, index: int, high: int) -> int:
        """The index of the first token from ``index`` that is not white space."""
        while index < high and self.tokens[index].kind in _SPACES:
            index += 1
        return index

    def strip(self, low: int, high: int) -> Range:
        """The range without white space at its ends."""
        low = self.skip_spaces(low, high)
        while high > low and self.tokens[high - 1].kind in _SPACES:
            high -= 1
        return low, high

    def closing(self, index: int, high: int) -> int | None:
        """The index of the token that closes ``index``; None if it is not before ``high``."""
        partner = self.partner[index]
        return partner if index < partner < high else None

    def after(self, index: int, high: int) -> int:
        """The index after token ``index`` or, if it opens a matched pair, after the pair."""
        closing = self.closing(index, high)
        return index + 1 if closing is None else closing + 1

    def opens_prose(self, index: int, high: int) -> bool:
        """Whether running text starts at ``index``: two words of more than one letter, which no formula contains."""
        if index + 2 >= high or self.tokens[index + 1].kind is not Kind.SPACE:
            return False
        words = self.tokens[index].text, self.tokens[index + 2].text.rstrip(".,;:")
        return all(len(word) > 1 and word.isalpha() for word in words)

    def argument(self, index: int, high: int) -> tuple[Range, int] | None:
        """The range inside a braced argument at ``index``, and the index after it; None if there is none.

        An unclosed brace ends with its paragraph, which is recorded as a repair.
        """
        opened = self.skip_spaces(index, min(high, index + 3))
        if opened >= high or self.tokens[opened].kind is not Kind.OPEN:
            return None
        closing = self.closing(opened, high)
        if closing is not None:
            return (opened + 1, closing), closing + 1
        self.record_repair("unbalanced-brace", "a brace was never closed: closed at the end of its paragraph")
        end = max(opened + 1, min(high, self.paragraph_end[opened]))
        return (opened + 1, end), end

    def skip_arguments(self, index: int, high: int, count: int) -> int:
        """The index after up to ``count`` braced arguments and the options before each."""
        for _ in range(count):
            after = index
            while option := self.option(after, high):
                after = option[1]
            opened = self.skip_spaces(after, min(high, after + 3))
            closing = self.closing(opened, high) if opened < high else None
            if closing is None or self.tokens[opened].kind is not Kind.OPEN:
                break  # the text behind a brace that is never closed is kept
            inside = self.tokens[opened : min(closing, opened + _OPTION_TOKENS)]
            if any(token.kind in (Kind.CELL, Kind.ROW_BREAK) for token in inside):
                break  # and so is one that is closed in another cell
            index = closing + 1
        return index

    def option(self, index: int, high: int) -> tuple[Range, int] | None:
        """The range inside an optional argument ``[…]`` at ``index``, and the index after it; None if there is none."""
        if index >= high or self.tokens[index].kind is not Kind.BRACKET:
            return None
        position, limit = index + 1, min(high, index + _OPTION_TOKENS)
        found = bisect_right(self._unbrackets, index)
        if found == len(self._unbrackets) or self._unbrackets[found] >= limit:
            return None
        while position < limit:
            if self.tokens[position].kind is Kind.UNBRACKET:
                return (index + 1, position), position + 1
            if self.tokens[position].kind in (Kind.BLANK, Kind.BEGIN, Kind.END):
                return None
            position = self.after(position, high)
        return None
