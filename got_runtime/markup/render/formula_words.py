"""Formulas as plain words for search and embedding, by pylatexenc: ``a/b``, ``∑``, ``ℝ``."""

import re
from functools import cache, lru_cache
from typing import Any

from got_runtime.markup.render.diagrams import with_choices, with_diagrams
from got_runtime.markup.render.formula_macros import categories, unknown_sign
from got_runtime.markup.render.formula_operators import ROW_END, with_fractions
from got_runtime.markup.render.formula_tags import tags_as_text
from got_runtime.markup.render.mathml import too_complex

_RAISED_SIGN = re.compile(r"\^ ?(?:\{ ?\\(?:circ|prime) ?\}|\\(?:circ|prime)(?![A-Za-z]))")
_PRIMES = re.compile(r"(?<=[\w)}\]])'+(?![A-Za-z])")
# What pylatexenc prints though LaTeX does not: the point of \left., lengths without braces.
_UNSEEN = re.compile(r"\\(?:left|right) ?\.|\\(?:m?kern|[hm]skip) ?-?[\d.]+ ?(?:pt|e[xm]|[cm]m|in|mu)?(?![A-Za-z])")
_LIMITS = re.compile(r" ?\\(?:display|no)?limits(?![A-Za-z])")
_SIDESET = re.compile(r"\\sideset ?\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\} ?\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\} ?(\\[A-Za-z]+)")
_STRUCTURE = re.compile(r"\\.|[\^_] ?\{|[{}]", re.DOTALL)
_SEVERAL = re.compile(
    r".[-+=<>/,;] ?[^-+ ]|[=<>]|\\(?:[tdc]?frac|to|leq?|geq?|in|pm|cdot|times|rightarrow)(?![A-Za-z])"
)


@lru_cache(maxsize=1024)
def to_words(latex: str) -> str:
    """The formula in plain characters by ``pylatexenc``; its source if pylatexenc cannot convert it."""
    if not too_complex(latex):
        from pylatexenc.latexwalker import LatexWalkerError

        converter, commands = _pylatexenc()
        try:
            words: str = converter.latex_to_text(_plainer(latex), tolerant_parsing=True, latex_context=commands)
        except (LatexWalkerError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
            return latex  # pylatexenc issues 99, 110 and 129: many kinds of exception
        words = " ".join(words.split())
        if words:
            return words
    return latex


def _plainer(latex: str) -> str:
    """The formula with signs for primes and degrees, and an exponent or index of several terms in brackets."""
    latex = _SIDESET.sub(r"{\1}\3{\2}", with_fractions(with_diagrams(with_choices(tags_as_text(latex)))))
    latex = _RAISED_SIGN.sub(lambda found: "°" if "circ" in found[0] else "′", latex)
    latex = _PRIMES.sub(lambda found: "′" * len(found[0]), _UNSEEN.sub(" ", _LIMITS.sub("", latex)))
    return _with_brackets(ROW_END.sub(r"\\\\{}", latex))


def _with_brackets(latex: str) -> str:
    out: list[str] = []
    opened: list[tuple[int, int]] = []  # for each open brace, where its script begins in ``out`` and in ``latex``
    position = 0
    for found in _STRUCTURE.finditer(latex):
        sign = found[0]
        if sign == "}" and opened:
            place, start = opened.pop()
            if place >= 0 and _has_several_terms(latex[start : found.start()]):
                out[place] += "("
                sign = ")}"
        out += [latex[position : found.start()], sign]
        position = found.end()
        if sign[-1] == "{" and sign[0] != "\\":
            opened.append((len(out) - 1 if sign[0] in "^_" else -1, found.end()))
    return "".join(out) + latex[position:]


def _has_several_terms(script: str) -> bool:
    script = script.strip()
    enclosed = script.startswith("(") and script.endswith(")")
    return bool(_SEVERAL.search(script)) and not enclosed and "\\begin" not in script


@cache
def _pylatexenc() -> tuple[Any, Any]:
    """The converter, and the commands with their arguments."""
    from pylatexenc import latex2text, latexwalker

    texts, commands = latex2text.get_default_latex_context_db(), latexwalker.get_default_latex_context_db()
    words, arguments = categories()
    texts.add_context_category("formulas", **words, prepend=True)
    commands.add_context_category("formulas", **arguments, prepend=True)
    texts.set_unknown_macro_spec(latex2text.MacroTextSpec("", unknown_sign))
    return latex2text.LatexNodes2Text(math_mode="text", latex_context=texts), commands
