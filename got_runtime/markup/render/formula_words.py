"""Formulas as plain words for search and embedding, by pylatexenc: ``a/b``, ``∑``, ``ℝ``."""

import re
from functools import cache
from itertools import pairwise
from typing import Any

from got_runtime.markup.render.mathml import too_complex
from got_runtime.markup.signs import SIGNS, circled

# Commands that pylatexenc omits or converts to another character.
_SIGNS = {
    "|": "‖",
    "Box": "□",
    "Im": "Im",
    "P": "¶",
    "Re": "Re",
    "S": "§",
    "bmod": " mod ",
    "bot": "⊥",
    "checkmark": "✓",
    "choose": " choose ",
    "colon": ":",
    "coloneqq": "≔",
    "ddagger": "‡",
    "degree": "°",
    "gets": "←",
    "iff": "⇔",
    "imath": "ı",
    "impliedby": "⇐",
    "implies": "⇒",
    "jmath": "ȷ",
    "land": "∧",
    "lbrack": "[",
    "leadsto": "⇝",
    "lor": "∨",
    "models": "⊨",
    "ne": "≠",
    "neg": "¬",
    "over": "/",
    "rbrack": "]",
    "triangle": "△",
}
_RAISED_SIGN = re.compile(r"\^ ?(?:\{ ?\\(?:circ|prime) ?\}|\\(?:circ|prime)(?![A-Za-z]))")
_FUNCTIONS = (
    "arccos arcsin arctan arg argmax argmin cos cosh cot coth csc deg det dim exp gcd hom inf ker lg lim liminf"
    " limsup ln log max min mod Pr sec sin sinh sup tan tanh"
)
_RAISED = str.maketrans("0123456789n", "⁰¹²³⁴⁵⁶⁷⁸⁹ⁿ")


def to_words(latex: str) -> str:
    """The formula in plain characters by ``pylatexenc``; its source if pylatexenc cannot convert it."""
    if not too_complex(latex):
        from pylatexenc.latexwalker import LatexWalkerError

        latex = _RAISED_SIGN.sub(lambda found: "°" if "circ" in found[0] else "′", latex)
        converter, commands = _pylatexenc()
        try:
            words: str = converter.latex_to_text(latex, tolerant_parsing=True, latex_context=commands)
        except (LatexWalkerError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
            return latex  # pylatexenc issues 99, 110 and 129: many kinds of exception
        words = " ".join(words.split())
        if words:
            return words
    return latex


@cache
def _pylatexenc() -> tuple[Any, Any]:
    """The converter, and the commands with their arguments."""
    from pylatexenc import latex2text, latexwalker
    from pylatexenc.latex2text import MacroTextSpec
    from pylatexenc.macrospec import MacroSpec

    fractions, binomials = ("frac", "dfrac", "tfrac", "cfrac"), ("binom", "dbinom", "tbinom")
    words = [
        *(MacroTextSpec(name, sign) for name, sign in {**SIGNS, **_SIGNS}.items()),
        MacroTextSpec("textcircled", _circled),
        MacroTextSpec("ce", _chemical),
        *(MacroTextSpec(name, _function) for name in _FUNCTIONS.split()),
        *(MacroTextSpec(name, _fraction) for name in fractions),
        *(MacroTextSpec(name, _binomial) for name in binomials),
        *(MacroTextSpec(name, _arrow) for name in ("xrightarrow", "xleftarrow")),
        MacroTextSpec("pmod", _modulus),
        MacroTextSpec("sqrt", _root),
    ]
    arguments = [
        *(MacroSpec(name, "{{") for name in (*fractions, *binomials)),
        *(MacroSpec(name, "[{") for name in ("sqrt", "xrightarrow", "xleftarrow")),
        *(MacroSpec(name, "{") for name in ("pmod", "textcircled", "ce")),
    ]
    texts, commands = latex2text.get_default_latex_context_db(), latexwalker.get_default_latex_context_db()
    texts.add_context_category("formulas", macros=words, prepend=True)
    commands.add_context_category("formulas", macros=arguments, prepend=True)
    return latex2text.LatexNodes2Text(math_mode="text", latex_context=texts), commands


def _function(node: Any) -> str:
    return f"{node.macroname}{node.macro_post_space}"


def _arguments(node: Any, converter: Any) -> tuple[str, str]:
    """The words of up to two arguments; empty strings for missing ones."""
    given = node.nodeargd.argnlist if node.nodeargd is not None else []
    words = [converter.nodelist_to_text([each]).strip() if each is not None else "" for each in given]
    first, second, *_ = *words, "", ""
    return first, second


def _fraction(node: Any, l2tobj: Any) -> str:
    above, below = _arguments(node, l2tobj)
    return f"{_bracketed(above)}/{_bracketed(below)}" if above or below else ""


def _bracketed(part: str) -> str:
    """``part`` in brackets unless it is a number, a letter, a word or one of them with an exponent or an index."""
    product = any(first.isdigit() and second.isalpha() for first, second in pairwise(part))  # 2x
    single = part.replace("^", "").replace("_", "").replace(".", "").isalnum() and not product
    return part if single or not part else f"({part})"


def _binomial(node: Any, l2tobj: Any) -> str:
    above, below = _arguments(node, l2tobj)
    return f"({above} choose {below})"


def _circled(node: Any, l2tobj: Any) -> str:
    inside = _arguments(node, l2tobj)[0]
    return circled(inside) or f"({inside})"


def _chemical(node: Any, l2tobj: Any) -> str:
    source: str = node.nodeargd.argnlist[0].latex_verbatim()
    return " ".join(source.removeprefix("{").removesuffix("}").split())


def _modulus(node: Any, l2tobj: Any) -> str:
    return f" (mod {_arguments(node, l2tobj)[0]})"


def _root(node: Any, l2tobj: Any) -> str:
    index, radicand = _arguments(node, l2tobj)
    return f"{index.translate(_RAISED)}√({radicand})"


def _arrow(node: Any, l2tobj: Any) -> str:
    below, above = _arguments(node, l2tobj)
    return f" {above}{below}{'→' if node.macroname == 'xrightarrow' else '←'} "
