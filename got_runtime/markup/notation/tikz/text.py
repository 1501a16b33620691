"""The texts of labels as content of SVG, and how wide they are."""

import re
from html import escape, unescape

from got_runtime.markup.latex.measures import measure_words
from got_runtime.markup.notation.tikz.numbers import NotDrawn, evaluate, result
from got_runtime.markup.render.formula_words import to_words

__all__ = ["EM", "LINE", "label_lines", "label_text", "text_width", "type_size"]

EM = 0.4
"""The size of type in centimetres."""
LINE = 0.42
"""The distance of lines of text in centimetres."""
_SCRIPT = 0.7
"""The size of the type of exponents and indices."""
_MAX_CHARACTERS = 80
_MAX_LINES = 8
_SIZES = re.compile(
    r"\\(tiny|scriptsize|footnotesize|small|normalsize|large|Large|LARGE|huge|Huge|displaystyle|textstyle|scriptstyle"
    r"|bfseries|itshape|sffamily|rmfamily|ttfamily|centering|boldmath|bf|it|rm|sf|strut|raggedright)(?![A-Za-z])\s*"
)
_BEGIN = re.compile(rf"(?:[\s{{]|{_SIZES.pattern})+")
_FACTORS = {
    "tiny": 0.5,
    "scriptsize": 0.7,
    "footnotesize": 0.8,
    "small": 0.9,
    "large": 1.2,
    "Large": 1.44,
    "LARGE": 1.73,
    **dict.fromkeys(("huge", "Huge"), 2.1),
}
_COLOUR = re.compile(r"\\(text)?color\s*\{[^{}]*\}")
_ACCENTS = [
    (re.compile(rf"\\(?:{names})\s*\{{\s*([A-Za-z0-9']{{2,6}})\s*\}}"), sign)
    for names, sign in (
        ("overline|bar", "\u0305"),
        ("widehat|hat", "\u0302"),
        ("overrightarrow|vec", "\u20d7"),
        ("overleftrightarrow", "\u20e1"),
        (r"overarc|wideparen|overset\s*\{\s*\\frown\s*\}", "\u0311"),
    )
]
"""Commands over several letters: each letter has the sign."""
# A sign over a letter with an index: \vec{F_1}.
_INDEXED = re.compile(r"\\(vec|overrightarrow|bar|overline|hat|tilde)\s*\{\s*([A-Za-z])_(\w|\{\w+\})\s*\}")
_MEASURE = re.compile(
    r"\\(SI|qty)(?![A-Za-z])\s*(?:\[[^\]]*\])?\{[^{}]*\}\s*\{[^{}]*\}|\\(?P<one>num|ang|si|unit)(?![A-Za-z])\s*\{[^{}]*\}"
)
_PARSED = re.compile(r"\\pgfmathparse\s*\{([^{}]*)\}\s*")
_PRINTED = re.compile(r"\\pgfmathprintnumber\s*(?:\[[^\[\]]*\])?\s*\{([^{}]*)\}")
_CALCULATION = re.compile(
    r"\\(?:pgfmath[a-z]+|numexpr|dimexpr|inteval|fpeval|the|number|arabic|value|ifnum|ifodd)(?![A-Za-z])"
)
# A command that draws, by its options: \pgfornament[width=1cm]{15}.
_PICTURE = re.compile(r"\\includegraphics|\\(?!left|right|[bB]ig)[A-Za-z]+\s*\[[^\[\]]*=[^\[\]]*\]\s*\{")
_NARROW = frozenset("iljtfrI.,;:'′!|()[]{} °")


def type_size(options: dict[str, str], text: str) -> float:
    """The size of the type of a node, in parts of the normal one: by ``font``, a command before its text, ``scale``."""
    begin = _BEGIN.match(text)
    size = 1.0
    for source in (options.get("font", ""), begin[0] if begin else ""):
        for found in _SIZES.finditer(source):
            size = 1.0 if found[1] == "normalsize" else _FACTORS.get(found[1], size)
    return size * min(4.0, max(0.25, evaluate(options.get("scale", "1"))))


def label_lines(text: str) -> list[str]:
    """The lines of a label, each as content of SVG. Raises ``NotDrawn``."""
    text = re.sub(r"\\shortstack\s*(?:\[\w\])?\s*\{([^{}]*)\}", r"\1", text)
    lines = re.split(r"\\\\(?:\[[^\]]*\])?", text) if "\\begin" not in text else [text]
    if len(lines) > _MAX_LINES:
        raise NotDrawn
    shown = [label_text(line) for line in lines]
    while shown and not shown[-1]:
        shown.pop()
    return shown


def _calculated(text: str) -> str:
    """The text with the numbers that pgfmath prints. Raises ``NotDrawn`` for calculations in another way."""
    while found := _PARSED.search(text):
        after = text[found.end() :].replace("\\pgfmathresult", result(found[1]))
        text = text[: found.start()] + after
    text = _PRINTED.sub(lambda found: f"{round(evaluate(found[1]), 2):,g}", text)
    if _CALCULATION.search(text):
        raise NotDrawn
    return text


def label_text(text: str) -> str:
    """The text of a label as content of SVG. Raises ``NotDrawn`` for LaTeX that has no plain form."""
    text = _calculated(text)
    text = _SIZES.sub("", _COLOUR.sub("", text)).strip()
    text = re.sub(r"\^\s*\{?\s*\\(circ|degree)\s*\}?", "°", text).replace("~", " ")
    text = text.replace("---", "\u2014").replace("--", "\u2013")
    text = re.sub(r"(?:\\text(?:rm)?\s*\{\s*)?\\degre(?:e)?(?![A-Za-z])(?:\s*\})?", "°", text)
    text = _MEASURE.sub(
        lambda found: measure_words(found[1] or found["one"], re.findall(r"\{([^{}]*)\}", found[0])), text
    )
    text = _INDEXED.sub(r"\\\1{\2}_\3", text)
    for accent, sign in _ACCENTS:
        text = accent.sub(lambda found, mark=sign: "{" + "".join(each + mark for each in found[1]) + "}", text)  # type: ignore[misc]
    text = re.sub(r"\^\s*\{?\s*\\prime\s*\}?", "′", text)
    if text.startswith("{") and text.endswith("}"):
        text = text[1:-1]
    if _PICTURE.search(text):
        raise NotDrawn
    parts = re.split(r"(?<!\\)\$", text)
    if len(parts) % 2 == 0:  # a sign of money
        parts = [text.replace("$", "")]
    words = [to_words(part) if re.search(r"[\\{]", part) else part for part in parts]
    # Letters and signs of formulas stand close; blanks of text are kept.
    shown = "".join(word.strip() if place % 2 else word for place, word in enumerate(_spaced(parts, words)))
    if "\\" in shown or len(shown) > _MAX_CHARACTERS:
        raise NotDrawn
    return _with_scripts(escape(shown.strip()))


def _spaced(parts: list[str], words: list[str]) -> list[str]:
    """The words with the blanks that their sources begin and end with, which pylatexenc drops."""
    spaced = []
    for place, (part, word) in enumerate(zip(parts, words, strict=True)):
        if place % 2 == 0 and word and word != part:
            word = (" " if part[:1] == " " else "") + word.strip() + (" " if part[-1:] == " " else "")
        spaced.append(word)
    return spaced


def _with_scripts(shown: str) -> str:
    parts = re.split(r"([_^])(\w+|[-−+]\w+|′)", shown)
    written, shift = parts[0], 0.0
    for sign, raised, after in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        level = 0.25 if sign == "_" else -0.375  # of the type on the line
        written += f'<tspan dy="{(level - shift) / _SCRIPT:.3g}em" font-size="{_SCRIPT:.0%}">{raised}</tspan>'
        shift = level
        if after:  # back on the line
            written += f'<tspan dy="{-shift:.3g}em">{after}</tspan>'
            shift = 0.0
    return written


def text_width(shown: str) -> float:
    """The width of the content of a label in centimetres, by its characters."""
    plain = re.sub(r"<tspan[^>]*font-size.*?>(.*?)</tspan>", lambda found: "i" * len(found[1]), shown)
    plain = unescape(re.sub("<.*?>", "", plain))
    return EM * sum(
        1.0 if sign > "\u2e80" else 0.31 if sign in _NARROW else 0.68 if sign.isupper() else 0.49 for sign in plain
    )
