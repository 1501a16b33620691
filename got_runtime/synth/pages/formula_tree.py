"""Formulas as trees: each node writes its LaTeX, as GOT does, into an answer and returns its typst mathematics."""

from dataclasses import dataclass
from typing import Protocol

from got_runtime.synth.pages.answer import TypesetAnswer

GREEK = {
    "\\alpha": "α",
    "\\beta": "β",
    "\\gamma": "γ",
    "\\delta": "δ",
    "\\varepsilon": "ε",
    "\\theta": "θ",
    "\\lambda": "λ",
    "\\mu": "μ",
    "\\pi": "π",
    "\\rho": "ρ",
    "\\sigma": "σ",
    "\\tau": "τ",
    "\\phi": "ϕ",
    "\\psi": "ψ",
    "\\omega": "ω",
    "\\Gamma": "upright(Γ)",
    "\\Delta": "upright(Δ)",
    "\\Omega": "upright(Ω)",
    "\\Phi": "upright(Φ)",
}
SYMBOLS = {
    "+": "+",
    "-": "-",
    "=": "=",
    "<": "<",
    ">": ">",
    ",": ",",
    "\\pm": "±",
    "\\cdot": "dot.c",
    "\\times": "×",
    "\\leq": "≤",
    "\\geq": "≥",
    "\\neq": "≠",
    "\\approx": "≈",
    "\\in": "∈",
    "\\rightarrow": "→",
    "\\infty": "∞",
    "\\partial": "∂",
    "\\nabla": "∇",
    "\\prime": "′",
}
BIG = {"\\sum": "sum", "\\prod": "product", "\\int": "integral"}
FUNCTIONS = ("sin", "cos", "tan", "log", "ln", "exp", "max", "min", "lim")
FENCES = {"(": ")", "[": "]", "|": "|"}


class FormulaNode(Protocol):
    def write(self, answer: TypesetAnswer) -> str:
        """Write the LaTeX into ``answer``; returns the typst mathematics that prints it."""


def _inked(ink: int, mathematics: str) -> str:
    return f"#c({ink},${mathematics}$)"


@dataclass(frozen=True)
class Symbol:
    """A letter, digit, Greek letter or operator, by its LaTeX."""

    latex: str

    def write(self, answer: TypesetAnswer) -> str:
        ink = answer.symbol(self.latex, self.latex)
        return _inked(ink, GREEK.get(self.latex) or SYMBOLS.get(self.latex) or self.latex)


@dataclass(frozen=True)
class FormulaRow:
    """Nodes side by side."""

    items: tuple[FormulaNode, ...]

    def write(self, answer: TypesetAnswer) -> str:
        return " ".join([item.write(answer) for item in self.items])


@dataclass(frozen=True)
class Function:
    """``\\sin`` and the like, upright."""

    name: str

    def write(self, answer: TypesetAnswer) -> str:
        return _inked(answer.symbol(f"\\{self.name}", printed=self.name), self.name)


@dataclass(frozen=True)
class Fraction:
    above: FormulaNode
    below: FormulaNode

    def write(self, answer: TypesetAnswer) -> str:
        ink = answer.symbol("\\frac{", "\\frac")
        above = self.above.write(answer)
        answer.again("}{", ink)
        below = self.below.write(answer)
        answer.closing("}")
        return _inked(ink, f"frac({above},{below})")


def _group(answer: TypesetAnswer, opening: str, node: FormulaNode) -> str:
    answer.opening(opening)
    inside = node.write(answer)
    answer.closing("}")
    return inside


@dataclass(frozen=True)
class Scripted:
    """A base with an index, a power or both: ``x_{i}^{2}``."""

    base: FormulaNode
    index: FormulaNode | None = None
    power: FormulaNode | None = None

    def write(self, answer: TypesetAnswer) -> str:
        printed = self.base.write(answer)
        if self.index is not None:
            printed += f"_({_group(answer, '_{', self.index)})"
        if self.power is not None:
            printed += f"^({_group(answer, '^{', self.power)})"
        return printed


@dataclass(frozen=True)
class Big:
    """A sum, product or integral with limits."""

    latex: str
    lower: FormulaNode | None = None
    upper: FormulaNode | None = None

    def write(self, answer: TypesetAnswer) -> str:
        ink = answer.symbol(self.latex, self.latex)
        printed = BIG[self.latex]
        if self.lower is not None:
            printed += f"_({_group(answer, '_{', self.lower)})"
        if self.upper is not None:
            printed += f"^({_group(answer, '^{', self.upper)})"
        return _inked(ink, printed)


@dataclass(frozen=True)
class Root:
    """A square root, or one of a degree (a digit)."""

    body: FormulaNode
    degree: FormulaNode | None = None

    def write(self, answer: TypesetAnswer) -> str:
        if self.degree is None:
            ink = answer.symbol("\\sqrt{", "\\sqrt", at="left")
            printed = f"sqrt({self.body.write(answer)})"
        else:
            answer.opening("\\sqrt[")
            degree = self.degree.write(answer)
            ink = answer.symbol("]{", "\\sqrt", at="left")
            printed = f"root({degree},{self.body.write(answer)})"
        answer.closing("}")
        return _inked(ink, printed)


@dataclass(frozen=True)
class Fenced:
    """Brackets as high as their contents."""

    body: FormulaNode
    opening: str = "("

    def write(self, answer: TypesetAnswer) -> str:
        closing = FENCES[self.opening]
        left = answer.symbol(f"\\left{self.opening}", self.opening)
        body = self.body.write(answer)
        right = answer.symbol(f"\\right{closing}", closing)
        return f"lr({_inked(left, _bracket(self.opening))} {body} {_inked(right, _bracket(closing))})"


def _bracket(sign: str) -> str:
    """A bracket that typst does not pair by itself."""
    return {"|": "bar.v"}.get(sign, f"\\{sign}")
