"""LaTeX that latex2mathml knows, for commands that it does not: text with signs, primes, old TeX, chemistry."""

import re
import unicodedata
from collections.abc import Callable
from functools import partial

from got_runtime.markup.latex.accents import ACCENTS
from got_runtime.markup.latex.measures import MEASURES, measure_words
from got_runtime.markup.render.chemistry import chemical_latex
from got_runtime.markup.render.formula_operators import (
    FORMS,
    OPERATORS,
    PLAIN_OPERATOR,
    general_fraction,
    operator_name,
    without_classes,
)
from got_runtime.markup.render.formula_tags import tag_text
from got_runtime.markup.signs import SIGNS, circled

_TOKEN = re.compile(r"\\[A-Za-z]+\*?|\\.|[{}^'%]|[^\\{}^'%]+|\\", re.DOTALL)
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)
_PRESCRIPT = re.compile(r"\\prescript\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_RIGHT_CASES = re.compile(r"\\(begin|end)\{d?rcases\*?\}")
_ROW_END = re.compile(r"\\cr(?![A-Za-z])")
_LENGTH = re.compile(r"\s*-?[\d.]+\s*(?:pt|cm|mm|em|ex|in|mu)")
_SIZE = re.compile(r"\\(?:tiny|scriptsize|footnotesize|small|normalsize|large|rm|mathrm)(?![A-Za-z]) ?")
_TEXT_TOKEN = re.compile(r"\$([^$]*)\$|\\\((.*?)\\\)|\\[A-Za-z]+\*? ?|\\.|[{}]|[^\\{}$]+|.", re.DOTALL)

# Commands whose argument is text → the one of them that latex2mathml has.
_TEXT = {
    **dict.fromkeys(("text", "mbox", "hbox", "vbox", "textnormal", "textup", "textmd", "textsc", "textsl"), "text"),
    **{name: name for name in ("textrm", "textbf", "textit", "textsf", "texttt")},
    **dict.fromkeys(("emph", "intertext"), "textit"),
}
_ESCAPED = dict(zip("%&#_${} ,:;", "%&#_${} \u2009\u2005\u2004", strict=True))
# Commands that print nothing → number of arguments that are dropped with them.
_ALONE = (
    "hfill vfill smallskip medskip bigskip vline boldmath unboldmath protect strut nonumber notag begingroup endgroup"
    " allowbreak nobreak relax bf rm it small tiny scriptsize footnotesize normalsize large sixptsize"
)
_DROPPED = {
    **dict.fromkeys(_ALONE.split(), 0),
    **dict.fromkeys(("vspace", "vspace*", "cline", "label", "index", "noalign", "vskip", "ref", "require"), 1),
}
# Commands of which one argument is shown → number of arguments before it.
_SHOWN = {
    **dict.fromkeys(("llap", "rlap", "clap", "mathllap", "mathrlap", "mathclap", "lefteqn", "ensuremath", "smash"), 0),
    **dict.fromkeys(("raisebox", "href", "htmlClass", "htmlData", "htmlId", "htmlStyle", "cssId", "class"), 1),
    **dict.fromkeys(("parbox", "makebox", "scalebox", "rotatebox"), 1),
    **dict.fromkeys(("multicolumn", "multirow", "resizebox"), 2),
}
_OPERATORS = {
    "arg": r"\operatorname{arg}",
    "mathellipsis": r"\ldots ",
    "KaTeX": r"\text{KaTeX}",
    "angln": r"\overline{n}|",
    "newline": " ",
}
# Characters of a text that latex2mathml would interpret → ones that stand for them, and what MathML has in their place.
_STAND_INS = str.maketrans({"<": "\ue001", ">": "\ue002", "&": "\ue003", "~": "\ue004", "\\": "\ue005"})
_SHOWN_AS = str.maketrans({"\ue001": "&lt;", "\ue002": "&gt;", "\ue003": "&amp;", "\ue004": "~", "\ue005": "\\"})


def known_latex(latex: str) -> str:
    """A formula in commands that latex2mathml converts; what is not known stays as it is."""
    latex = _RIGHT_CASES.sub(_with_right_brace, latex)
    return _rewrite(_PRESCRIPT.sub(r"{}^{\1}_{\2}", without_classes(latex)))


def _with_right_brace(found: re.Match[str]) -> str:
    return r"\left.\begin{array}{ll}" if found[1] == "begin" else r"\end{array}\right\rbrace "


def with_text(mathml: str) -> str:
    """MathML with the characters of texts that :func:`known_latex` replaced."""
    return mathml.translate(_SHOWN_AS)


def printed_text(source: str) -> list[tuple[str, bool]]:
    """The argument of ``\\text`` as printed characters and formulas in turn; True for a formula."""
    parts: list[tuple[str, bool]] = []
    words: list[str] = []
    position = 0
    while found := _TEXT_TOKEN.match(source, position):
        token, position = found[0], found.end()
        formula = found[1] if found[1] is not None else found[2]
        if formula is not None:
            parts += [("".join(words), False), (formula, True)]
            words = []
        elif token[0] != "\\":
            words.append("" if token in "{}" else token.replace("~", "\u00a0"))
        elif len(token) == 2 and not token[1].isalpha() and token[1] not in ACCENTS:
            words.append(_ESCAPED.get(token[1], ""))
        else:
            shown, after = _sign_in_text(source, token, position)
            if shown == token and source[position : position + 1] == "{":  # \\frac{1}{2}, whose dollars are gone
                position = _arguments_end(source, position)
                formula = source[found.start() : position]
                parts += [("".join(words), False), (formula, True)]
                words = []
            else:
                words.append(shown)
                position = after
    return [*parts, ("".join(words), False)]


def _sign_in_text(source: str, token: str, position: int) -> tuple[str, int]:
    name = token[1:].strip()
    if name in ACCENTS and (name not in SIGNS or not name.isalpha()):
        letter, after = _argument(source, position)
        letter = letter.removeprefix("\\")
        if letter[:1].isalpha():
            return unicodedata.normalize("NFC", letter[0] + ACCENTS[name]) + letter[1:], after
    if name == "textcircled":
        inside, after = _argument(source, position)
        return circled(inside.strip()) or f"({inside})", after
    if name in SIGNS or name in ("i", "j"):
        return SIGNS.get(name, "ı" if name == "i" else "ȷ"), position
    if name in ("hspace", "hspace*", "vspace", "vspace*"):
        return " ", _argument(source, position)[1]
    if name in ("hskip", "vskip", "kern"):
        length = _LENGTH.match(source, position)
        return " ", length.end() if length else position
    silent = name in _DROPPED or name in _TEXT or name in ("sout", "underline", "fbox")
    return "" if silent else token, position


def _arguments_end(source: str, position: int) -> int:
    """The index after the braced arguments at ``position``."""
    while source[position : position + 1] == "{":
        position = _argument(source, position)[1]
    return position


def _argument(latex: str, position: int) -> tuple[str, int]:
    """The argument at ``position`` without its braces, and the index after it."""
    while position < len(latex) and latex[position].isspace():
        position += 1
    if latex[position : position + 1] != "{":
        found = re.compile(r"\\[A-Za-z]+|\\?.", re.DOTALL).match(latex, position)
        return (found[0], found.end()) if found and found[0] != "}" else ("", position)
    depth = 0
    for sign in _BRACES.finditer(latex, position):
        depth += (sign[0] == "{") - (sign[0] == "}")
        if not depth:
            return latex[position + 1 : sign.start()], sign.end()
    return latex[position + 1 :], len(latex)


def _rewrite(latex: str) -> str:
    out: list[str] = []
    position = 0
    raised = False  # whether a superscript has just ended: another one needs a base of its own
    while found := _TOKEN.match(latex, position):
        token, position = found[0], found.end()
        if token[0] in "^'":
            shown, position = _raised(latex, token, position)
            out.append("{}" + shown if raised else shown)
            raised = True
            continue
        raised = raised and token.isspace()
        if token == "%":
            out.append("\\%")
        elif token[0] == "\\" and len(token) > 1:
            shown, position = _command(latex, token, position)
            out.append(shown)
        else:
            out.append(token)
    return "".join(out)


def _raised(latex: str, token: str, position: int) -> tuple[str, int]:
    """A superscript with the primes before or after it: ``x'''^2``, ``x^2'``."""
    primes = len(token) if token == "'" else 0
    while latex[position : position + 1] == "'":
        primes, position = primes + 1, position + 1
    start = position + len(latex[position:]) - len(latex[position:].lstrip(" "))
    if token == "'" and latex[start : start + 1] != "^":
        return "'" * primes, position
    inside, position = _argument(latex, start + 1 if token == "'" else position)
    while latex[position : position + 1] == "'":
        primes, position = primes + 1, position + 1
    return "^{" + "\\prime " * primes + _rewrite(inside) + "}", position


def _command(latex: str, token: str, position: int) -> tuple[str, int]:
    """What a command becomes, with the arguments that it takes."""
    name = token[1:]
    if name in _TEXT:
        inside, position = _argument(latex, position)
        return _text(_TEXT[name], inside), position
    if name in _OPERATORS:
        return _OPERATORS[name], position
    if name in _DROPPED:
        for _ in range(_DROPPED[name]):
            _, position = _argument(latex, position)
        return " ", position
    if name in _SHOWN and (latex[position:].lstrip()[:1] in "{[" or not _SHOWN[name]):
        for _ in range(_SHOWN[name]):
            _, position = _argument(latex, position)
        inside, position = _argument(latex, position)
        return f"{{{_rewrite(inside)}}}", position
    if name in FORMS and (latex[position:].lstrip()[:1] == "{" or name in ("angl", "sp", "sb")):
        inside, position = _argument(latex, position)
        inside = _ROW_END.sub(r"\\\\", inside.rstrip()).removesuffix("\\\\")
        return FORMS[name].replace("@", _rewrite(inside)), position
    handler = _HANDLERS.get(name)
    return handler(latex, position) if handler else (token, position)


def _text(command: str, source: str) -> str:
    if "\\begin" in source:
        return f"{{{_rewrite(source.replace('$', ' '))}}}"
    parts = [
        f"{{{_rewrite(part)}}}" if is_formula else f"\\{command}{{{part.translate(_STAND_INS)}}}"
        for part, is_formula in printed_text(source)
        if part
    ]
    return "".join(parts) if len(parts) == 1 else f"{{{''.join(parts)}}}"


def _circled(latex: str, position: int) -> tuple[str, int]:
    inside, position = _argument(latex, position)
    inside = _SIZE.sub("", inside)
    return f"\\text{{{circled(inside.strip()) or f'({inside})'}}}", position


def _chemical(latex: str, position: int) -> tuple[str, int]:
    inside, position = _argument(latex, position)
    return f"{{{chemical_latex(inside)}}}", position


def _address(latex: str, position: int) -> tuple[str, int]:
    inside, position = _argument(latex, position)
    return f"\\text{{{inside}}}", position


def _slanted(latex: str, position: int) -> tuple[str, int]:
    above, position = _argument(latex, position)
    below, position = _argument(latex, position)
    return f"{{{_rewrite(above)}}}/{{{_rewrite(below)}}}", position


def _measure(name: str, latex: str, position: int) -> tuple[str, int]:
    """A number and its unit; without them the command."""
    words: list[str] = []
    while len(words) < MEASURES[name] and latex[position:].lstrip()[:1] in ("{", "["):
        start = position + len(latex[position:]) - len(latex[position:].lstrip())
        closing = latex.find("]", start)
        if latex[start] == "[" and closing > 0:
            position = closing + 1
            continue
        inside, position = _argument(latex, position)
        words.append(inside)
    shown = measure_words(name, words)
    return (f"\\text{{{shown.translate(_STAND_INS)}}}" if shown else f"\\{name}"), position


def _operator(name: str, latex: str, position: int) -> tuple[str, int]:
    inside, position = _argument(latex, position)
    words = operator_name(inside)
    if words is None:
        return (f"\\mathrm{{{_rewrite(inside)}}}" if inside.strip() else "{}"), position
    if not PLAIN_OPERATOR.fullmatch(words):  # latex2mathml takes no other signs in an operator
        return f"\\text{{{words}}}", position
    return f"\\operatorname{'*' if name != 'operatorname' else ''}{{{words}}}", position


def _general_fraction(latex: str, position: int) -> tuple[str, int]:
    parts: list[str] = []
    for _ in range(6):
        inside, position = _argument(latex, position)
        parts.append(_rewrite(inside))
    return general_fraction(parts), position


def _tag(latex: str, position: int, *, bracketed: bool) -> tuple[str, int]:
    inside, position = _argument(latex, position)
    return _rewrite(tag_text(inside, bracketed=bracketed)), position


def _fbox(latex: str, position: int) -> tuple[str, int]:
    inside, position = _argument(latex, position)
    return f"\\boxed{{{_text('text', inside)}}}", position


_HANDLERS: dict[str, Callable[[str, int], tuple[str, int]]] = {
    "textcircled": _circled,
    "ce": _chemical,
    "url": _address,
    "fbox": _fbox,
    "genfrac": _general_fraction,
    "tag": partial(_tag, bracketed=True),
    "tag*": partial(_tag, bracketed=False),
    **{name: partial(_operator, name) for name in OPERATORS},
    **dict.fromkeys(("nicefrac", "sfrac"), _slanted),
    **{name: partial(_measure, name) for name in MEASURES},
}
