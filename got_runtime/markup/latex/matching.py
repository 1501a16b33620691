"""Matching of opening and closing tokens in one linear pass; unclosed ones are tolerated."""

import re
from collections import Counter
from functools import cached_property

from got_runtime.markup.latex.misspelt import TABULARS, is_rule
from got_runtime.markup.latex.tokens import Kind, Token

_SPACES = frozenset({Kind.SPACE, Kind.NEWLINE, Kind.BLANK})
_OPENING = frozenset({
    Kind.BEGIN, Kind.OPEN, Kind.OPEN_DISPLAY, Kind.OPEN_INLINE, Kind.DOLLARS, Kind.DOLLAR, Kind.STARS
})  # fmt: skip
# What closes something, or ends what is open; without effect where nothing is open.
_CLOSING = frozenset({
    Kind.END, Kind.CLOSE, Kind.CLOSE_INLINE, Kind.CLOSE_DISPLAY, Kind.CELL, Kind.ROW_BREAK, Kind.COMMAND, Kind.BLANK,
    Kind.FORM_FEED,
})  # fmt: skip
_OF_CELLS = frozenset({Kind.CELL, Kind.ROW_BREAK, Kind.COMMAND})  # they end nothing where nothing is open in the cell
_INLINE = frozenset({Kind.OPEN_INLINE, Kind.DOLLAR, Kind.STARS})
_AMOUNT = re.compile(r"\d[\d.,]*(?:[kKMmB]|bn)?")
_SIGN_TOKENS = 3  # $ \pm $
_OPENERS = {Kind.CLOSE: Kind.OPEN, Kind.CLOSE_INLINE: Kind.OPEN_INLINE, Kind.CLOSE_DISPLAY: Kind.OPEN_DISPLAY}


class DelimiterMatcher:
    """The matching token of each (``partner``), and the end of the paragraph of each (``paragraph_end``).

    ``partner[i]`` is the index of the token that closes token ``i`` (or that it closes), -1 where there is none.
    Pairs never cross: a closing token drops the unclosed ones above its own on the stack.
    """

    def __init__(self, tokens: list[Token]) -> None:
        self.partner = [-1] * len(tokens)
        self._tokens = tokens
        self._stack: list[int] = []
        self._open: Counter[Kind | str] = Counter()
        self._open_tables = 0
        for index, token in enumerate(tokens):
            kind = token.kind
            if kind in _OPENING or (
                self._stack
                and kind in _CLOSING
                and (kind not in _OF_CELLS or tokens[self._stack[-1]].kind is not Kind.BEGIN)
            ):
                self._visit(index, token)

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

    def _visit(self, index: int, token: Token) -> None:
        kind = token.kind
        if kind is Kind.CELL or kind is Kind.ROW_BREAK:
            self._end_cell()
        elif kind is Kind.BEGIN:
            self._push(index, token.name)
        elif kind is Kind.END:
            self._close_environment(index, token.name)
        elif kind is Kind.OPEN or kind is Kind.OPEN_DISPLAY:
            self._push(index, kind)
        elif kind is Kind.OPEN_INLINE:
            self._drop_top(kind)  # inline formulas do not nest: the previous one is unclosed
            self._push(index, kind)
        elif kind is Kind.CLOSE and self._stack and self._tokens[self._stack[-1]].kind not in (Kind.OPEN, *_INLINE):
            return  # a stray brace must not close a group around its environment
        elif kind in _OPENERS:
            self._close(index, _OPENERS[kind])
        elif kind is Kind.DOLLARS:
            if self._open[kind]:
                self._close(index, kind)
            else:
                self._push(index, kind)
        elif kind is Kind.DOLLAR or kind is Kind.STARS:
            self._toggle(index, kind)
        elif kind is Kind.COMMAND and self._open_tables and self._open[Kind.OPEN] and is_rule(token.name):
            while self._tokens[self._stack[-1]].kind is not Kind.BEGIN:  # no brace of a cell reaches beyond its row
                self._pop()
        elif kind is Kind.BLANK or kind is Kind.FORM_FEED:
            while self._stack and any(self._open[inline] for inline in _INLINE):
                self._pop()

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

    def _close_environment(self, index: int, name: str) -> None:
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

    def _toggle(self, index: int, kind: Kind) -> None:
        """``$`` and ``**`` open before a non-space and close after one, so that prices and stars remain text."""
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

    def _end_cell(self) -> None:
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
