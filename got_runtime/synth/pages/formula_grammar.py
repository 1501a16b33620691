"""Random formulas from a small grammar, each in one canonical notation."""

import re
from collections.abc import Iterable, Sequence

import numpy as np

from got_runtime.synth.pages.answer import TypesetAnswer
from got_runtime.synth.pages.formula_tree import (
    FUNCTIONS,
    GREEK,
    Big,
    Fenced,
    FormulaNode,
    FormulaRow,
    Fraction,
    Function,
    Root,
    Scripted,
    Symbol,
)

# Left out: letters that look like digits (l, o, I, O), and capitals in indices, where c and C look alike.
_LETTERS = "abcdefghijkmnpqrstuvwxyz"
_CAPITALS = "ABCDEFGHKLMNPQRSTVWXYZ"
_RELATIONS = ("=", "=", "=", "=", "<", ">", "\\leq", "\\geq", "\\neq", "\\approx", "\\rightarrow", "\\in")
_SUMS = ("+", "+", "-", "-", "\\pm")


class Grammar:
    """Draws formulas; ``rng`` decides everything."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def one(self, of: Sequence[str]) -> str:
        return of[int(self.rng.integers(len(of)))]

    def letter(self, capitals: float = 0.2) -> FormulaNode:
        kind = self.rng.random()
        if kind < 0.25:
            return Symbol(self.one(tuple(GREEK)))
        return Symbol(self.one(_CAPITALS if kind > 1 - capitals else _LETTERS))

    def number(self) -> FormulaNode:
        digits = str(self.rng.integers(0, 10 ** self.rng.choice([1, 1, 1, 2, 3])))
        return self.row(Symbol(d) for d in digits)

    def row(self, items: Iterable[FormulaNode]) -> FormulaNode:
        nodes = tuple(items)
        return nodes[0] if len(nodes) == 1 else FormulaRow(nodes)

    def script(self) -> FormulaNode:
        """A short power or index."""
        kind = self.rng.random()
        if kind < 0.5:
            return Symbol(self.one("0123456789"))
        if kind < 0.8:
            return self.letter(capitals=0.0)
        if kind < 0.9:
            return FormulaRow((self.letter(capitals=0.0), Symbol(self.one("+-")), Symbol(self.one("12"))))
        return FormulaRow((self.letter(capitals=0.0), Symbol(self.one(_LETTERS))))

    def scripted(self) -> FormulaNode:
        base, kind = self.letter(), self.rng.random()
        if kind < 0.45:
            return Scripted(base, power=self.script())
        if kind < 0.85:
            return Scripted(base, index=self.script())
        if kind < 0.93:
            return Scripted(base, self.script(), self.script())
        return Scripted(base, power=Symbol("\\prime"))

    def factor(self, depth: int) -> FormulaNode:
        kind = self.rng.random()
        if depth <= 0 or kind < 0.3:
            return self.letter()
        if kind < 0.55:
            return self.scripted()
        if kind < 0.75:
            return Fraction(self.sum(depth - 1, 2), self.sum(depth - 1, 2))
        if kind < 0.84:
            degree = Symbol(self.one("345")) if self.rng.random() < 0.15 else None
            return Root(self.sum(depth - 1, 2), degree)
        if kind < 0.92:
            fenced = Fenced(self.sum(depth - 1, 2, least=2), self.one("((([|"))
            return Scripted(fenced, power=Symbol(self.one("23n"))) if self.rng.random() < 0.25 else fenced
        return FormulaRow((Function(self.one(FUNCTIONS[:6])), self.letter()))

    def big(self, depth: int) -> FormulaNode:
        """A sum, product or integral with its limits and term."""
        sign = self.one(("\\sum", "\\sum", "\\prod", "\\int", "\\int"))
        if sign == "\\int":
            variable = Symbol(self.one("xtuy"))
            limits = (Symbol(self.one("0a")), self.one(("1", "b", "\\infty", "x")))
            whole = Big(sign, limits[0], Symbol(limits[1])) if self.rng.random() < 0.7 else Big(sign)
            return FormulaRow((whole, self.term(depth - 1), Symbol("d"), variable))
        index = Symbol(self.one("ijkn"))
        lower: FormulaNode = FormulaRow((index, Symbol("="), Symbol(self.one("01"))))
        upper: FormulaNode | None = Symbol(self.one(("n", "N", "m", "\\infty")))
        if self.rng.random() < 0.15:
            lower, upper = index, None
        return FormulaRow((Big(sign, lower, upper), self.term(depth - 1)))

    def term(self, depth: int) -> FormulaNode:
        kind = self.rng.random()
        if kind < 0.15:
            return self.number()
        items = [self.number()] if kind < 0.4 else []
        items += [self.factor(depth) for _ in range(int(self.rng.choice([1, 1, 2])))]
        return self.row(items)

    def sum(self, depth: int, most: int, least: int = 1) -> FormulaNode:
        items: list[FormulaNode] = []
        for index in range(int(self.rng.integers(least, most + 1))):
            if index:
                items.append(Symbol(self.one(_SUMS)))
            elif self.rng.random() < 0.06:
                items.append(Symbol("-"))
            items.append(self.term(depth))
        return self.row(items)

    def side(self, depth: int) -> FormulaNode:
        return self.big(depth) if self.rng.random() < 0.18 else self.sum(depth, 3)

    def formula(self, depth: int) -> FormulaNode:
        left = self.side(depth)
        if self.rng.random() < 0.2:
            return left
        head = self.term(1) if self.rng.random() < 0.6 else left
        return FormulaRow((head, Symbol(self.one(_RELATIONS)), self.side(depth)))


def random_formula(
    rng: np.random.Generator, shortest: int, longest: int, depth: int = 2, evident: bool = False
) -> FormulaNode:
    """A formula of ``shortest`` to ``longest`` characters of LaTeX; fractions and the like nest ``depth`` deep.

    An ``evident`` formula cannot be taken for a word: it has a letter and an operator.
    """
    grammar = Grammar(rng)
    while True:
        node = grammar.formula(depth)
        answer = TypesetAnswer()
        node.write(answer)
        if evident and not (set(answer.text) & set("\\^_=<>+-") and re.search("[A-Za-z]", answer.text)):
            continue
        if shortest <= len(answer.text) <= longest:
            return node
