"""Commands and environments that pylatexenc omits or converts to something else, as plain words."""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from got_runtime.markup.latex.measures import MEASURES, measure_words
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
_SIGNS |= {"varliminf": "lim inf", "varlimsup": "lim sup", "injlim": "inj lim", "projlim": "proj lim"}
_SIGNS |= {"varinjlim": "lim→", "varprojlim": "lim←"}
_ARROWS = {
    **dict.fromkeys(("xrightarrow", "xlongrightarrow"), "→"),
    **dict.fromkeys(("xleftarrow", "xlongleftarrow"), "←"),
    **dict.fromkeys(("xleftrightarrow", "xlongleftrightarrow"), "↔"),
    **dict.fromkeys(("xRightarrow", "xLongrightarrow"), "⇒"),
    **dict.fromkeys(("xLeftarrow", "xLongleftarrow"), "⇐"),
    **dict.fromkeys(("xLeftrightarrow", "xLongleftrightarrow"), "⇔"),
    **dict.fromkeys(("xrightleftharpoons", "xleftrightharpoons", "xrightleftarrows"), "⇌"),
    **dict.fromkeys(("xlongequal", "xequal"), "="),
    "xmapsto": "↦",
    "xhookrightarrow": "↪",
    "xhookleftarrow": "↩",
    "xtwoheadrightarrow": "↠",
}
_FUNCTIONS = (
    "arccos arcsin arctan arg argmax argmin cos cosh cot coth csc deg det dim exp gcd hom inf ker lg lim liminf"
    " limsup ln log max min mod Pr sec sin sinh sup tan tanh"
)
_COMMAND = re.compile(r"\\([A-Za-z]+) ?")
_RAISED = str.maketrans("0123456789n", "⁰¹²³⁴⁵⁶⁷⁸⁹ⁿ")
# Commands of which the last argument is printed → their arguments.
_LAST = {
    **dict.fromkeys(("rotatebox", "scalebox", "textcolor", "colorbox", "parbox", "makebox", "framebox"), "[{{"),
    **dict.fromkeys(("raisebox",), "{[[{"),
    **dict.fromkeys(("resizebox", "fcolorbox"), "{{{"),
    **dict.fromkeys(("operatorname", "operatornamewithlimits"), "*{"),
    **dict.fromkeys(("mbox", "texttt", "textsf", "textup", "textmd"), "{"),
    "enclose": "[{[{",
    **dict.fromkeys(("bbox", "smash", "overbracket", "underbracket"), "[{"),
    **dict.fromkeys(("mathds", "mathbbm", "boxed", "overline", "underline", "cancel", "mathring"), "{"),
}
_LAST |= dict.fromkeys(("title", "author", "date", "part", "chapter"), "{")
_LAST |= dict.fromkeys(("section", "subsection", "subsubsection", "paragraph", "subparagraph"), "*[{")
_LAST |= {"makebox": "[[{", "framebox": "[[{"}
_NOTHING = {**dict.fromkeys(("phantom", "hphantom", "vphantom", "vspace", "label", "require"), "{"), "cline": "{"}
_NOTHING["rule"] = "[{{"
_FENCES = {
    "pmatrix": "()", "bmatrix": "[]", "Bmatrix": "{}", "vmatrix": "||", "Vmatrix": "‖‖", "matrix": "  ", "array": "  ",
    "smallmatrix": "  ", "cases": "{ ", "dcases": "{ ", "rcases": " }", "tabular": "  ", "subarray": "  ",
}  # fmt: skip
_FENCES |= {f"{name}*": fences for name, fences in _FENCES.items() if "matrix" in name}


def categories() -> tuple[dict[str, Any], dict[str, Any]]:
    """The commands and environments for ``latex2text``, and their arguments for ``latexwalker``."""
    from pylatexenc.latex2text import EnvironmentTextSpec, MacroTextSpec
    from pylatexenc.macrospec import EnvironmentSpec, MacroSpec

    fractions, binomials = ("frac", "dfrac", "tfrac", "cfrac", "nicefrac", "sfrac"), ("binom", "dbinom", "tbinom")
    kets = {"bra": "⟨@|", "Bra": "⟨@|", "ket": "|@⟩", "Ket": "|@⟩", "braket": "⟨@⟩", "Braket": "⟨@⟩"}
    given = {
        **dict.fromkeys((*fractions, *binomials), "{{"),
        **dict.fromkeys(("sqrt", *_ARROWS), "[{"),
        **dict.fromkeys(("pmod", "dddot", "ddddot", "textcircled", "ce", "substack", *kets), "{"),
        **{name: "[" + "{" * count for name, count in MEASURES.items()},
        **_LAST,
        **_NOTHING,
        "genfrac": "{{{{{{",
    }
    shown = {
        **SIGNS,
        **_SIGNS,
        **dict.fromkeys(_FUNCTIONS.split(), _function),
        **dict.fromkeys(fractions, _fraction),
        **dict.fromkeys(binomials, _binomial),
        **dict.fromkeys(_ARROWS, _arrow),
        **dict.fromkeys(_LAST, _last),
        **dict.fromkeys(_NOTHING, ""),
        **{name: _around(form) for name, form in kets.items()},
        **dict.fromkeys(MEASURES, _measure),
        "textcircled": _circled,
        "ce": _chemical,
        "genfrac": _general_fraction,
        "pmod": _around(" (mod @)"),
        "dddot": _around("@\u20db"),
        "ddddot": _around("@\u20dc"),
        "sqrt": _root,
        "substack": _rows_of_argument,
        "underline": _underlined,
    }
    texts = {
        "macros": [MacroTextSpec(name, sign) for name, sign in shown.items() if sign]
        + [MacroTextSpec(name, discard=True) for name in _NOTHING],
        "environments": [EnvironmentTextSpec(name, _matrix) for name in _FENCES],
    }
    columns = dict.fromkeys(("subarray", "alignedat", "alignat", "alignat*"), "{") | dict.fromkeys(
        ("array", "tabular"), "[{"
    )
    columns |= dict.fromkeys((name for name in _FENCES if name.endswith("*")), "[")
    arguments = {
        "macros": [MacroSpec(name, each) for name, each in given.items()],
        "environments": [EnvironmentSpec(name, each) for name, each in columns.items()],
    }
    return texts, arguments


def unknown_sign(node: Any) -> str:
    """The character of a command that only the table of latex2mathml has; empty for another one."""
    from latex2mathml.symbols_parser import convert_symbol

    code = convert_symbol(f"\\{node.macroname}")
    return chr(int(code, 16)) + node.macro_post_space if code else ""


def _function(node: Any) -> str:
    return f"{node.macroname}{node.macro_post_space}"


def _words(node: Any, converter: Any) -> list[str]:
    """The words of the arguments; an empty string for a missing one."""
    given = node.nodeargd.argnlist if node.nodeargd is not None else []
    return [converter.nodelist_to_text([each]).strip() if each is not None else "" for each in given]


def _two_words(node: Any, converter: Any) -> tuple[str, str]:
    first, second, *_ = *_words(node, converter), "", ""
    return first, second


def _fraction(node: Any, l2tobj: Any) -> str:
    above, below = _two_words(node, l2tobj)
    return f"{_bracketed(above)}/{_bracketed(below)}" if above or below else ""


def _bracketed(part: str) -> str:
    """``part`` in brackets unless it is a number, a letter, a word or one of them with an exponent or an index."""
    product = any(first.isdigit() and second.isalpha() for first, second in pairwise(part))  # 2x
    single = part.replace("^", "").replace("_", "").replace(".", "").isalnum() and not product
    return part if single or not part else f"({part})"


def _binomial(node: Any, l2tobj: Any) -> str:
    above, below = _two_words(node, l2tobj)
    return f"({above} choose {below})"


def _general_fraction(node: Any, l2tobj: Any) -> str:
    left, right, _, _, above, below, *_ = *_words(node, l2tobj), *[""] * 6
    return f"{left or '('}{above} / {below}{right or ')'}"


def _last(node: Any, l2tobj: Any) -> str:
    return next((word for word in reversed(_words(node, l2tobj)) if word), "")


def _underlined(node: Any, l2tobj: Any) -> str:
    """The words above a line; the blank that is to be filled in where there are none."""
    return _last(node, l2tobj) or "____"


def _around(form: str) -> Callable[..., str]:
    """Words in which ``@`` stands for the argument."""

    def convert(node: Any, l2tobj: Any) -> str:
        return form.replace("@", _two_words(node, l2tobj)[0])

    return convert


def _measure(node: Any, l2tobj: Any) -> str:
    given = node.nodeargd.argnlist[1:] if node.nodeargd is not None else []
    sources = [each.latex_verbatim() for each in given if each is not None]
    return measure_words(node.macroname, [source.removeprefix("{").removesuffix("}") for source in sources])


def _circled(node: Any, l2tobj: Any) -> str:
    inside = _two_words(node, l2tobj)[0]
    return circled(inside) or f"({inside})"


def _chemical(node: Any, l2tobj: Any) -> str:
    source: str = node.nodeargd.argnlist[0].latex_verbatim()
    source = _COMMAND.sub(lambda found: SIGNS.get(found[1], found[0]), source.removeprefix("{").removesuffix("}"))
    return " ".join(source.split())


def _root(node: Any, l2tobj: Any) -> str:
    index, radicand = _two_words(node, l2tobj)
    return f"{index.translate(_RAISED)}√({radicand})"


def _arrow(node: Any, l2tobj: Any) -> str:
    below, above = _two_words(node, l2tobj)
    return f" {above}{below}{_ARROWS[node.macroname]} "


def _rows_of_argument(node: Any, l2tobj: Any) -> str:
    return _rows(_two_words(node, l2tobj)[0])


def _matrix(node: Any, l2tobj: Any) -> str:
    """The rows of a matrix, separated by semicolons, between its fences."""
    rows = _rows(l2tobj.nodelist_to_text(node.nodelist))
    fences = _FENCES[node.environmentname]
    return f"{fences[0]}{rows}{fences[1]}".strip() if rows else ""


def _rows(words: str) -> str:
    rows = (" ".join(row.split()) for row in words.split("\n"))
    return "; ".join(row for row in rows if row)
