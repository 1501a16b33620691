"""Formulas as MathML, by latex2mathml."""

import re
from functools import cache, lru_cache
from html import escape

from got_runtime.markup.render.formula_source import known_latex, with_text
from got_runtime.markup.signs import SIGNS

# latex2mathml and pylatexenc recurse, and the latter backtracks: beyond these limits the source is shown.
_MAX_CHARACTERS = 4000
_MAX_NESTING = 40
_KEPT = 1024
"""Formulas that are kept: a document repeats ``x`` and ``n``, and each takes 0.1 ms."""
# latex2mathml converts a single letter in roman type to <mi>, which browsers set in italics.
_UPRIGHT_LETTER = re.compile(r"\\mathrm ?\{ ?([A-Za-z]) ?\}")


# Environments that latex2mathml does not know (it would write one row with the separators in it) → ones that it does.
_ENVIRONMENTS = {
    **dict.fromkeys(("aligned", "alignedat", "alignat", "eqnarray", "flalign"), "align*"),
    **dict.fromkeys(("gathered", "gather", "multline", "multlined"), "matrix"),
    "darray": "array",
    "dcases": "cases",
}
_ENVIRONMENT = re.compile(r"\\(begin|end)\{([A-Za-z]+)(\*?)\}")
_COLUMN_PAIRS = re.compile(r"(\\begin\{aligne?d?at\*?\}) ?\{[^{}]*\}")
_STRUCTURE = re.compile(r"\\(?:begin|end|left(?!\w)|right(?!\w))|\\.|[{}&]", re.DOTALL)
_WITH_BACKSLASH = re.compile(r"<(m[a-z]+)([^<>]*)>([^<>]*\\[^<>]*)</\1>")
_EMPTY_TABLE = re.compile(r"<mtable[^<>]*></mtable>")
_COMMAND = re.compile(r"\\(?:([A-Za-z]+)|([{}%&#_$|]))")


def too_complex(latex: str) -> bool:
    """Whether a formula could exhaust the stack or take too long in the libraries that convert it."""
    depth = deepest = 0
    for character in latex:
        depth += (character == "{") - (character == "}")
        deepest = max(deepest, depth)
    nested = deepest + latex.count("\\begin") + latex.count("\\left")
    chained = max(latex.count("^"), latex.count("_"), latex.count("\\sqrt"), latex.count("\\frac"))
    return len(latex) > _MAX_CHARACTERS or nested > _MAX_NESTING or chained > 10 * _MAX_NESTING


@lru_cache(maxsize=_KEPT)
def to_mathml(latex: str, *, display: bool) -> str | None:
    """MathML by ``latex2mathml``; None for a formula that it cannot convert.

    The library raises many kinds of exception for unusual formulas; each of them counts as "cannot convert".
    """
    if too_complex(latex):
        return None
    from latex2mathml import converter

    known = _UPRIGHT_LETTER.sub(r"\\text{\1}", _known_environments(known_latex(latex)))
    try:
        mathml: str = converter.convert(known, display="block" if display else "inline")
    except _errors():
        return None
    mathml = with_text(_WITH_BACKSLASH.sub(_with_signs, mathml))
    # A cell separator in an unknown environment; a table whose cells were left out.
    return None if "<mi>&</mi>" in mathml or _EMPTY_TABLE.search(mathml) else mathml


@cache
def _errors() -> tuple[type[Exception], ...]:
    from latex2mathml import exceptions

    own = (each for each in vars(exceptions).values() if isinstance(each, type) and issubclass(each, Exception))
    return *own, ArithmeticError, AttributeError, LookupError, RuntimeError, StopIteration, TypeError, ValueError


def _with_signs(found: re.Match[str]) -> str:
    """An element of MathML with characters for the commands that latex2mathml left in it."""
    tag, attributes, words = found.groups()
    shown = _COMMAND.sub(lambda each: _sign(each[1], each[2]), words)
    if tag == "mi" and shown != words and not any(character.isalpha() for character in shown):
        tag, attributes = "mo", ""
    return f"<{tag}{attributes}>{shown}</{tag}>"


def _sign(name: str | None, escaped: str) -> str:
    if name is None:
        return "‖" if escaped == "|" else escape(escaped)
    return escape(SIGNS[name]) if name in SIGNS else f"\\{name}"


def _known_environments(latex: str) -> str:
    """The formula with its rows in environments that latex2mathml knows, including rows outside any environment."""

    def rename(found: re.Match[str]) -> str:
        known = _ENVIRONMENTS.get(found[2])
        return f"\\{found[1]}{{{known}}}" if known else found[0]

    latex = _ENVIRONMENT.sub(rename, _COLUMN_PAIRS.sub(r"\1", latex))
    depth, signs = 0, set[str]()
    for sign in _STRUCTURE.findall(latex):
        depth += sign in ("{", "\\begin", "\\left")
        depth -= sign in ("}", "\\end", "\\right")
        if not depth:
            signs.add(sign)
    latex = f"{latex}{{}}" if latex.rstrip().endswith("&") else latex  # else latex2mathml leaves the last row out
    rows = "align*" if "&" in signs else "matrix" if "\\\\" in signs else None
    return f"\\begin{{{rows}}}{latex}\\end{{{rows}}}" if rows else latex
