"""Formulas shown: as MathML by latex2mathml, as plain words by pylatexenc."""

import re
from functools import cache
from typing import Any

# Both libraries recurse, and pylatexenc backtracks: past these a formula is shown as its source.
_MAX_CHARACTERS = 4000
_MAX_NESTING = 40
# Of a single letter in roman type latex2mathml makes an <mi>, which browsers set in italics.
_UPRIGHT_LETTER = re.compile(r"\\mathrm ?\{ ?([A-Za-z]) ?\}")


def _too_much(latex: str) -> bool:
    depth = deepest = 0
    for character in latex:
        depth += (character == "{") - (character == "}")
        deepest = max(deepest, depth)
    nested = deepest + latex.count("\\begin") + latex.count("\\left")
    chained = max(latex.count("^"), latex.count("_"), latex.count("\\sqrt"), latex.count("\\frac"))
    return len(latex) > _MAX_CHARACTERS or nested > _MAX_NESTING or chained > 10 * _MAX_NESTING


def to_mathml(latex: str, *, display: bool) -> str | None:
    """MathML by ``latex2mathml``, or None for a formula that it cannot read.

    The library answers an odd formula with many kinds of exception, so all that its code raises counts as "cannot".
    """
    if _too_much(latex):
        return None
    from latex2mathml import converter, exceptions

    own = tuple(each for each in vars(exceptions).values() if isinstance(each, type) and issubclass(each, Exception))
    cannot: tuple[type[Exception], ...] = (
        *own, ArithmeticError, AttributeError, LookupError, RuntimeError, StopIteration, TypeError, ValueError,
    )  # fmt: skip
    upright = _UPRIGHT_LETTER.sub(r"\\text{\1}", latex)
    try:
        return converter.convert(upright, display="block" if display else "inline")
    except cannot:
        return None


def to_words(latex: str) -> str:
    """The formula in plain characters for embedding (``a/b``, ``∑``, ``ℝ``) by ``pylatexenc``; its source otherwise."""
    if not _too_much(latex):
        from pylatexenc.latexwalker import LatexWalkerError

        try:
            words: str = _pylatexenc().latex_to_text(latex, tolerant_parsing=True)
        except (LatexWalkerError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
            return latex  # pylatexenc issues 99, 110 and 129: it raises what it likes
        words = " ".join(words.split())
        if words:
            return words
    return latex


@cache
def _pylatexenc() -> Any:
    from pylatexenc.latex2text import LatexNodes2Text

    return LatexNodes2Text(math_mode="text")
