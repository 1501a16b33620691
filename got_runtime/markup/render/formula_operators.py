r"""Operators, brackets and fractions in LaTeX that latex2mathml knows: ``\operatorname``, ``\Braket``, ``\genfrac``."""

import re

from got_runtime.markup.latex.layout import LENGTH
from got_runtime.markup.render.diagrams import with_choices, with_diagrams

ROW_END = re.compile(rf"\\\\\*?(?: ?\[{LENGTH.pattern}\])?")

# Commands with one argument → LaTeX in which @ stands for it.
FORMS = {
    "slashed": r"\cancel{@}",
    "framebox": r"\boxed{@}",
    "textsuperscript": "{}^{@}",
    "textsubscript": "{}_{@}",
    **dict.fromkeys(("overarc", "wideparen"), r"\overset{⏜}{@}"),
    "utilde": r"\underset{\sim}{@}",
    "hdotsfor": r"\cdots ",
    "Bra": r"\left\langle @\right|",
    "Ket": r"\left|@\right\rangle ",
    "Braket": r"\left\langle @\right\rangle ",
    "set": r"\lbrace @\rbrace ",
    "Set": r"\left\lbrace @\right\rbrace ",
    "overgroup": r"\overset{⏠}{@}",
    "undergroup": r"\underset{⏡}{@}",
    "overlinesegment": r"\overline{@}",
    "underlinesegment": r"\underline{@}",
    "Overrightarrow": r"\overset{⇒}{@}",
    "overrightharpoon": r"\overset{⇀}{@}",
    "overleftharpoon": r"\overset{↼}{@}",
    "phase": r"\angle \underline{@}",
    "angl": r"\overline{@}|",
    "sp": "^{@}",
    "sb": "_{@}",
    **{name: rf"\begin{{{name}}}@\end{{{name}}}" for name in ("matrix", "pmatrix", "bmatrix", "vmatrix", "cases")},
}
OPERATORS = frozenset({"operatorname", "operatorname*", "operatornamewithlimits"})
PLAIN_OPERATOR = re.compile(r"[A-Za-z\s]+")
_THIN = "\u2009"
_SPACE = re.compile(r"\s*(?:\\[,;: ]|\\(?:thinspace|enspace|quad)(?![A-Za-z])|~)\s*")
_NAMES = re.compile(
    r"\\(arg|max|min|lim|liminf|limsup|sup|inf|ess|det|dim|ker|deg|exp|log|ln|gcd|sin|cos|tan)(?![a-z])"
)
_STYLE = re.compile(
    r"\\(?:mathrm|mathop|mathsf|mathit|mathbf|text|textrm|textnormal|mbox|rm|bf|sf|operatorname\*?)(?![a-z])"
)
_NO_BAR = re.compile(r"\s*0*\.?0*\s*(?:pt|cm|mm|e[mx]|in)?\s*")
_FRACTIONS = {"0": "dfrac", "1": "tfrac"}


def operator_name(inside: str) -> str | None:
    r"""The letters of an operator with thin spaces: ``arg\,max``, ``\arg\max``; None if it has other signs."""
    words = _STYLE.sub("", _SPACE.sub(_THIN, inside)).replace("\\!", "")
    words = _NAMES.sub(lambda found: f"{_THIN}{found[1]}{_THIN}", words).replace("{", "").replace("}", "")
    words = re.sub(rf"\s*{_THIN}[\s{_THIN}]*", _THIN, words).strip()
    return words if words and not re.search(r"[\\^_$&%#<>]", words) else None


_LIMITS = {"inj": "→", "proj": "←", "inf": r"\underline", "sup": r"\overline"}
# What latex2mathml converts to an empty operator.
_CLASS = re.compile(r"\\math(?:rel|bin|ord|open|close|punct|op)(?![A-Za-z])\s*")
_MATHOP = re.compile(
    r"\\mathop(?![A-Za-z])\s*\{((?:[^{}]|\{(?:[^{}]|\{[^{}]{0,99}\}){0,99}\}){0,99})\}\s*(\\(?:no)?limits(?![A-Za-z]))?"
)
_OLD = (
    (ROW_END, r"\\\\ "),
    (re.compile(r"& *(?=\\end\{)"), "&{}"),  # else latex2mathml leaves the last row out
    (re.compile(r"\\cancelto\s*\{([^{}]*)\}\s*\{([^{}]*)\}"), r"\\cancel{\2}^{\1}"),
    (re.compile(r"\\buildrel\s*([^{}\\]{1,40}|\{[^{}]*\})\s*\\over\s*(\\[A-Za-z]+|[^\s\\{}])"), r"\\overset{\1}{\2}"),
    (re.compile(r"\\smash\s*\[[tb]\]"), r"\\smash"),
    (re.compile(r"\\not\s*="), r"\\neq "),
    (re.compile(r"\\(?:no|display)?limits\s*(?=\})"), ""),
    (re.compile(r"\\centernot(?![A-Za-z])"), r"\\not"),
    (re.compile(r"\\(begin|end)\{([pbBvV]?matrix)\*\}(?:\s*\[[lcr]\])?"), r"\\\1{\2}"),
    (re.compile(r"\\(rule|overbracket|underbracket)(?:\s*\[[^\[\]]*\])+"), r"\\\1"),
    (re.compile(r"\\([lr])ang(?![A-Za-z])"), r"\\\1angle"),
    (re.compile(r"\\var(inj|proj)lim(?![A-Za-z])"), lambda found: rf"\underset{{{_LIMITS[found[1]]}}}{{\lim}}"),
    (re.compile(r"\\varlim(inf|sup)(?![A-Za-z])"), lambda found: rf"{_LIMITS[found[1]]}{{\lim}}"),
    (re.compile(r"\\l?eqno(?![A-Za-z])\s*"), r"\\quad "),
    (re.compile(r"(\\begin\{(?:aligned|gathered|alignedat|split|array)\})\s*\[[tbc]\]"), r"\1"),
)
# \\enclose{notation}[attributes]{…} of MathJax → the command for the first of its notations; others are not drawn.
_ENCLOSE = re.compile(r"\\enclose(?![A-Za-z])\s*(?:\[[^\[\]]*\]\s*)?\{([^{}]*)\}\s*(?:\[[^\[\]]*\]\s*)?")
_BBOX = re.compile(r"\\bbox(?![A-Za-z])\s*(?:\[([^\[\]]*)\]\s*)?")
_NOTATIONS = {
    **dict.fromkeys(("box", "roundedbox", "circle"), r"\boxed "),
    **dict.fromkeys(("updiagonalstrike", "updiagonalarrow", "northeastarrow", "verticalstrike"), r"\cancel "),
    **dict.fromkeys(("top", "actuarial"), r"\overline "),
    **dict.fromkeys(("bottom", "madruwb"), r"\underline "),
    "downdiagonalstrike": r"\bcancel ",
    "horizontalstrike": r"\sout ",
    "longdiv": r")\overline ",
    "phasorangle": r"\angle \underline ",
    "radical": r"\sqrt ",
}
_COMMAND = re.compile(r"\s*\\[A-Za-z]+\s*")
_GROUP = r"\s*\{((?:[^{}]|\{(?:[^{}]|\{[^{}]{0,99}\}){0,99}\}){0,99})\}"
_ALIGNED_FRACTION = re.compile(r"\\cfrac\s*\[[lcr]\]")
# \dv[n]{f}{x} and \pdv{f}{x}{y} of the package physics
_DERIVATIVE = re.compile(
    rf"\\(dv|pdv|derivative|partialderivative)(?![A-Za-z])\*?\s*(?:\[([^\[\]]*)\])?{_GROUP}(?:{_GROUP}(?:{_GROUP})?)?"
)


def with_fractions(latex: str) -> str:
    r"""The formula with derivatives of the package physics as fractions: ``\dv{f}{x}``, ``\pdv[2]{f}{x}``.

    ``\cfrac[l]`` becomes ``\cfrac``.
    """
    latex = _ALIGNED_FRACTION.sub(r"\\cfrac", latex) if "\\cfrac" in latex else latex
    return _DERIVATIVE.sub(_derivative, latex) if "dv" in latex or "derivative" in latex else latex


def _derivative(found: re.Match[str]) -> str:
    name, order, first, second, third = found.groups()
    sign = r"\partial" if name[0] == "p" else "d"
    inside, variable = ("", first) if second is None else (first, second)
    if third is not None and name[0] == "p":
        return rf"\frac{{\partial^{{2}} {inside}}}{{\partial {variable} \partial {third}}}"
    power = f"^{{{order}}}" if order else ""
    rest = "" if third is None else f"{{{third}}}"
    return rf"\frac{{{sign}{power} {inside}}}{{{sign} {variable}{power}}}{rest}"


def without_classes(latex: str) -> str:
    r"""The formula without commands for the spacing around a sign, and with newer commands for some old ones.

    ``\mathrel{=}``, ``\mathop{\lim}\limits_{x}``, ``\buildrel a \over =``, ``\eqno``, ``\enclose{box}{a}``.
    """
    latex = _ENCLOSE.sub(_enclosing, with_fractions(with_diagrams(with_choices(latex))))
    latex = _BBOX.sub(lambda found: r"\boxed " if "border" in (found[1] or "") else "", latex)
    for pattern, newer in _OLD:
        latex = pattern.sub(newer, latex)
    return _CLASS.sub("", _MATHOP.sub(_operator, latex)) if "\\math" in latex else latex


def _enclosing(found: re.Match[str]) -> str:
    notations = found[1].replace(",", " ").split()
    if {"updiagonalstrike", "downdiagonalstrike"} <= set(notations):
        return r"\xcancel "
    return next((_NOTATIONS[notation] for notation in notations if notation in _NOTATIONS), "")


def _operator(found: re.Match[str]) -> str:
    inside, limits = found[1], found[2] or ""
    if _COMMAND.fullmatch(inside):
        return f"{inside.strip()}{limits} "
    words = operator_name(inside)
    if words is not None and (len(words) > 1 or limits) and PLAIN_OPERATOR.fullmatch(words):
        return rf"\operatorname*{{{words}}}{limits} "
    return f"{{{inside}}}"


def general_fraction(parts: list[str]) -> str:
    r"""``\genfrac`` with its six arguments, as a fraction or as two lines without a bar between delimiters."""
    left, right, bar, style, above, below = (part.strip() for part in parts)
    if _NO_BAR.fullmatch(bar) and bar:
        inner = f"{{{{{above}}} \\atop {{{below}}}}}"
    else:
        inner = f"\\{_FRACTIONS.get(style, 'frac')}{{{above}}}{{{below}}}"
    if not left and not right:
        return inner
    return f"\\left{left or '.'} {inner} \\right{right or '.'} "
