"""Matching of opening and closing tokens in one linear pass; unclosed ones are tolerated."""

import re
from collections import defaultdict
from collections.abc import Callable
from functools import cached_property

from got_runtime.markup.latex.misspelt import TABULARS, is_rule
from got_runtime.markup.latex.tokens import Kind, Token

_SPACES = frozenset({Kind.SPACE, Kind.NEWLINE, Kind.BLANK})
_OF_CELLS = frozenset({Kind.CELL, Kind.ROW_BREAK, Kind.COMMAND})  # they end nothing where nothing is open in the cell
_INLINE = frozenset({Kind.OPEN_INLINE, Kind.DOLLAR, Kind.STARS})
_AMOUNT = re.compile(r"\d[\d.,]*(?:[kKMmB]|bn)?")
_SIGN_TOKENS = 3  # $ \pm $
_AROUND_BRACES = _INLINE | {Kind.OPEN}
_OPENERS = {Kind.CLOSE_INLINE: Kind.OPEN_INLINE, Kind.CLOSE_DISPLAY: Kind.OPEN_DISPLAY}


class DelimiterMatcher:
    """The matching token of each (``partner``), and the end of the paragraph of each (``paragraph_end``).

    ``partner[i]`` is the index of the token that closes token ``i`` (or that it closes), -1 where there is none.
    Pairs never cross: a closing token drops the unclosed ones above its own on the stack.
    """

    def __init__(self, tokens: list[Token]) -> None:
        self.partner = [-1] * len(tokens)
        self._tokens = tokens
        self._stack: list[int] = []
        self._open: defaultdict[Kind | str, int] = defaultdict(int)
        self._open_tables = 0
        for index, token in enumerate(tokens):
            kind = token.kind
            if kind in _OPENING:
                _OPENING[kind](self, index, token)
            elif (
                self._stack
                and kind in _CLOSING
                and (kind not in _OF_CELLS or tokens[self._stack[-1]].kind is not Kind.BEGIN)
            ):
                _CLOSING[kind](self, index, token)

    @cached_property
    def paragraph_end(self) -> list[int]:
        """For each token the index of the next empty line outside matched pairs, or the number of tokens."""
        ends = [len(self._tokens)] * (len(self._tokens) + 1)
        for index in range(len(self._tokens) - 1, -1, -1):
            kind = self._tokens[index].kind
            if kind is Kind.BLANK or kind is Kind.FORM_FEED:
                ends[index] = index
            elif self.partner[index] > index:
                ends[index] = ends[self.partner[index]]
            else:
                ends[index] = ends[index + 1]
        return ends

    def _end_row(self, index: int, token: Token) -> None:
        """No brace of a cell reaches beyond its row: a rule begins the next one."""
        if self._open_tables and self._open[Kind.OPEN] and is_rule(token.name):
            while self._tokens[self._stack[-1]].kind is not Kind.BEGIN:
                self._pop()

    def _end_paragraph(self, index: int, token: Token) -> None:
        while self._open[Kind.DOLLAR] or self._open[Kind.OPEN_INLINE] or self._open[Kind.STARS]:
            self._pop()

    def _begin(self, index: int, token: Token) -> None:
        self._push(index, token.name)

    def _open_group(self, index: int, token: Token) -> None:
        self._push(index, token.kind)

    def _open_inline(self, index: int, token: Token) -> None:
        self._drop_top(token.kind)  # inline formulas do not nest: the previous one is unclosed
        self._push(index, token.kind)

    def _close_brace(self, index: int, token: Token) -> None:
        if self._tokens[self._stack[-1]].kind in _AROUND_BRACES:
            self._close(index, Kind.OPEN)  # else a stray brace, which must not close a group around its environment

    def _close_formula(self, index: int, token: Token) -> None:
        self._close(index, _OPENERS[token.kind])

    def _toggle_display(self, index: int, token: Token) -> None:
        if self._open[token.kind]:
            self._close(index, token.kind)
        else:
            self._push(index, token.kind)

    def _push(self, index: int, key: Kind | str) -> None:
        self._stack.append(index)
        self._open[key] += 1
        self._open_tables += key in TABULARS

    def _pop(self) -> int:
        index = self._stack.pop()
        token = self._tokens[index]
        self._open[token.name if token.kind is Kind.BEGIN else token.kind] -= 1
        self._open_tables -= token.kind is Kind.BEGIN and token.name in TABULARS
        return index

    def _drop_top(self, kind: Kind) -> None:
        if self._stack and self._tokens[self._stack[-1]].kind is kind:
            self._pop()

    def _close(self, index: int, opener: Kind) -> None:
        if self._open[opener]:
            while self._tokens[opened := self._pop()].kind is not opener:
                pass
            self._join(opened, index)

    def _close_environment(self, index: int, token: Token) -> None:
        name = token.name
        if not self._open[name]:
            top = self._tokens[self._stack[-1]] if self._stack else None
            if top is None or top.kind is not Kind.BEGIN or not {top.name, name} <= TABULARS:
                return
            name = top.name  # \begin{tabular} … \end{array} counts as a pair
        while True:
            opened = self._pop()
            if self._tokens[opened].kind is Kind.BEGIN and self._tokens[opened].name == name:
                self._join(opened, index)
                return

    def _toggle(self, index: int, token: Token) -> None:
        """``$`` and ``**`` open before a non-space and close after one, so that prices and stars remain text."""
        kind = token.kind
        before = self._tokens[index - 1] if index else None
        after = self._tokens[index + 1] if index + 1 < len(self._tokens) else None
        if self._within_reach(kind):
            price = kind is Kind.DOLLAR and after is not None and after.text[:1].isdigit() and not self._is_sign(index)
            if before is not None and before.kind not in _SPACES:
                if not price:
                    self._close(index, kind)
            elif after is not None and after.kind not in _SPACES and self._follows_price(kind):
                self._pop()
                self._push(index, kind)
        elif after is not None and after.kind not in _SPACES:
            self._push(index, kind)

    def _follows_price(self, kind: Kind) -> bool:
        """Whether the ``$`` that is open stands before a number alone, as in ``$5 to $10, and $x$``."""
        top = self._stack[-1]
        if kind is not Kind.DOLLAR or self._tokens[top].kind is not kind:
            return False
        amount, space = self._tokens[top + 1 : top + 3]  # before the token that is looked at
        return space.kind in _SPACES and bool(_AMOUNT.fullmatch(amount.text))

    def _is_sign(self, index: int) -> bool:
        r"""Whether nothing but a sign stands between a ``$`` and the open one: ``$-$5``, ``$\\pm$0.3``."""
        if index - self._stack[-1] > _SIGN_TOKENS + 1:
            return False
        inside = self._tokens[self._stack[-1] + 1 : index]
        signs = (each.kind is Kind.COMMAND or not any(map(str.isalnum, each.text)) for each in inside)
        return bool(inside) and all(signs)

    def _end_cell(self, index: int, token: Token) -> None:
        """Drops unclosed stars and dollars, so that a price matches nothing in the next cell."""
        if self._open_tables:
            while self._stack and self._tokens[self._stack[-1]].kind in (Kind.STARS, Kind.DOLLAR):
                self._pop()

    def _within_reach(self, kind: Kind) -> bool:
        """Whether ``kind`` is open with no group or environment above it on the stack."""
        for opened in reversed(self._stack):
            found = self._tokens[opened].kind
            if found is kind or found not in _INLINE:
                return found is kind
        return False

    def _join(self, opened: int, closed: int) -> None:
        self.partner[opened], self.partner[closed] = closed, opened


_Visit = Callable[[DelimiterMatcher, int, Token], None]
_OPENING: dict[Kind, _Visit] = {
    Kind.BEGIN: DelimiterMatcher._begin,
    Kind.OPEN: DelimiterMatcher._open_group,
    Kind.OPEN_DISPLAY: DelimiterMatcher._open_group,
    Kind.OPEN_INLINE: DelimiterMatcher._open_inline,
    Kind.DOLLARS: DelimiterMatcher._toggle_display,
    Kind.DOLLAR: DelimiterMatcher._toggle,
    Kind.STARS: DelimiterMatcher._toggle,
}
# What closes something, or ends what is open; without effect where nothing is open.
_CLOSING: dict[Kind, _Visit] = {
    Kind.END: DelimiterMatcher._close_environment,
    Kind.CLOSE: DelimiterMatcher._close_brace,
    Kind.CLOSE_INLINE: DelimiterMatcher._close_formula,
    Kind.CLOSE_DISPLAY: DelimiterMatcher._close_formula,
    Kind.CELL: DelimiterMatcher._end_cell,
    Kind.ROW_BREAK: DelimiterMatcher._end_cell,
    Kind.COMMAND: DelimiterMatcher._end_row,
    Kind.BLANK: DelimiterMatcher._end_paragraph,
    Kind.FORM_FEED: DelimiterMatcher._end_paragraph,
}
