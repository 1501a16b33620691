"""Content → a line of Markdown (GFM), escaped so that it renders as the same words."""

import re
import unicodedata
from functools import lru_cache
from typing import Literal

from got_runtime.markup.content import Break, Content, Inline, Mark, Text
from got_runtime.markup.render.words import grid_words

MathStyle = Literal["dollar", "bracket"]

_SIGNS: dict[Mark, tuple[str, str]] = {
    "bold": ("**", "**"),
    "italic": ("*", "*"),
    "strike": ("~~", "~~"),
    "subscript": ("<sub>", "</sub>"),
    "superscript": ("<sup>", "</sup>"),
    "underline": ("", ""),  # Markdown has none
    "code": ("", ""),
}
_TAGS: dict[Mark, tuple[str, str]] = {
    **_SIGNS,
    "bold": ("<strong>", "</strong>"),
    "italic": ("<em>", "</em>"),
    "strike": ("<s>", "</s>"),
}


_SIGN = re.compile(r"[\\*~_`$<\]&!]")
"""A character that Markdown interprets in some places."""

_SPECIAL = re.compile(r"[\\*~_`$<\]&!\r\n]")
"""One of them, or an end of a line."""
_LINE_END = re.compile(r"[\r\n]+")
_BACKTICKS = re.compile("`+")
_BRACKET = re.compile(r"\\.|[\[\]]")
_NOT_IN_ADDRESSES = re.compile(r"[^!#%&'*+,./0-9:;=?@A-Z_a-z~-]")

# In formulas; the first alternative is a row end. The argument of a command may be missing.
_MAY_BE_ACTIVE = re.compile(r"[<\]]|\\(?:href|url|html|style|class|css|include|require)")
_MARKUP_IN_FORMULA = re.compile(r"<(?=[A-Za-z/!?])|\](?=[(\[:])")
_ACTIVE = re.compile(
    r"\\\\|\\(?:(?P<link>href|url)|html[A-Z][a-z]+|style|class|cssId|includegraphics(?:\s*\[[^\[\]]*\])?|require)"
    r"(?![A-Za-z])\s*(?:\{(?P<argument>[^{}]*)\})?"
)


def inline_markdown(content: Content, *, math: MathStyle = "dollar", newline: str = "\\\n") -> str:
    """The content as one line; ``newline`` replaces an explicit line break."""
    out: list[str] = []
    before = " "
    for index, piece in enumerate(content):
        if type(piece) is Text and not piece.marks and not _SPECIAL.search(piece.text):  # nearly every piece
            out.append(piece.text)
            before = piece.text[-1:] or before
            continue
        if type(piece) is Break:
            out.append(newline)
            before = newline[-1]
            continue
        after = (_first_sign(content[index + 1]) or "/") if index + 1 < len(content) else " "
        shown = _inline(piece, math, newline, before + after)
        if before == shown[:1] == "`":  # two adjacent code spans would be one
            shown = " " + shown
        before = shown[-1:] or before
        out.append(shown)
    return "".join(out)


def _inline(piece: Inline, math: MathStyle, newline: str, around: str) -> str:
    match piece.kind:
        case "text":
            return _marked(piece.text, piece.marks, around)
        case "math":
            latex = formula_markdown(piece.latex)
            return f"${latex}$" if math == "dollar" else f"\\({latex}\\)"
        case "smiles":
            return _code(piece.smiles)
        case "link":
            return _link(piece.text, piece.url, around)
        case "note":
            return f" ({escape(piece.text)})"
        case "break":
            return newline
        case "nested":
            return escape(grid_words(piece.grid), around)


def _link(text: str, url: str, around: str) -> str:
    """A link; only its text if the address has another scheme, such as ``javascript:``."""
    if not _is_safe(url):
        return escape(text, around)
    encoded = _NOT_IN_ADDRESSES.sub(lambda found: f"%{ord(found[0]):02X}", url)
    if text == encoded:
        return f"<{url}>"
    return f"[{_BRACKET.sub(_escaped_bracket, escape(text))}]({encoded})"


def _is_safe(url: str) -> bool:
    return url.isascii() and url.lower().startswith(("http://", "https://", "mailto:", "#"))


def _escaped_bracket(found: re.Match[str]) -> str:
    return found[0] if found[0].startswith("\\") else "\\" + found[0]


@lru_cache(maxsize=1024)
def formula_markdown(latex: str) -> str:
    """LaTeX on one line that is no HTML, link or code where a viewer of Markdown knows no formulas.

    A space, which LaTeX ignores there, parts ``<`` from a letter and ``]`` from ``(``. Commands by which MathJax or
    KaTeX would open an address or set a style are left out, with their first argument.
    """
    latex = latex.replace("``", "“").replace("`", "‘").replace("\n", " ")
    return _MARKUP_IN_FORMULA.sub(r"\g<0> ", _ACTIVE.sub(_harmless, latex)) if _MAY_BE_ACTIVE.search(latex) else latex


def _harmless(found: re.Match[str]) -> str:
    safe = found["link"] and _is_safe((found["argument"] or "").strip())
    return found[0] if safe or found[0] == "\\\\" else " "


def _first_sign(piece: Inline) -> str:
    """The first character of a piece as it is shown, or as it is escaped."""
    match piece.kind:
        case "text":
            return "`" if "code" in piece.marks else "*" if _has_signs(piece.marks) else piece.text[:1]
        case "link":
            return _link(piece.text, piece.url, "  ")[:1]
        case "nested":
            return grid_words(piece.grid)[:1]
        case "note" | "break":
            return " "
        case _:
            return "$"


def _has_signs(marks: tuple[Mark, ...]) -> bool:
    return any(_SIGNS[mark][0] for mark in marks)


def _marked(text: str, marks: tuple[Mark, ...], around: str) -> str:
    """The text with its marks; ``around`` is the character before it and the one after."""
    if not marks:
        return _escaped_word(text, around) if len(text) < 4 else escape(text, around)
    shown = _code(text) if "code" in marks and text.strip() else escape(text, "**" if _has_signs(marks) else around)
    signs = _SIGNS if _flanking(around[0], shown[:1]) and _flanking(around[1], shown[-1:]) else _TAGS
    for mark in marks:
        before, after = signs[mark]
        shown = before + shown + after
    return shown


def _flanking(outer: str, inner: str) -> bool:
    """Whether ``*`` between two characters is a delimiter: not between a letter outside and punctuation inside, nor
    next to another ``*`` (CommonMark 6.2).
    """
    if outer == "*":
        return False
    if outer.isspace() or (outer.isascii() and not outer.isalnum()):
        return True
    return not inner or unicodedata.category(inner)[0] not in "PS"


def _code(text: str) -> str:
    """A code span on one line, which no end of a heading cuts; its fence is longer than any run of backticks inside."""
    text = " ".join(text.splitlines())
    fence = "`" * (longest_run(text) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def longest_run(text: str) -> int:
    """The number of backticks in the longest run of them."""
    return max((len(run) for run in _BACKTICKS.findall(text)), default=0)


def escape(text: str, around: str = "  ") -> str:
    """``text`` with a backslash before each character that Markdown would interpret here, and before no other.

    ``around`` is the character before it and the one after. The text is one line: a tag alone on a line (``<sup>``)
    would begin a block of HTML, in which a backslash escapes nothing.
    """
    text = _LINE_END.sub(" ", text)

    def shown(found: re.Match[str]) -> str:
        start, end = found.span()
        before = text[start - 1] if start else around[0]
        after = text[end] if end < len(text) else around[1]
        return "\\" + found[0] if _is_markup(found[0], before, after) else found[0]

    return _SIGN.sub(shown, text)


_escaped_word = lru_cache(maxsize=4096)(escape)
"""For a text of few characters, as a page of noise has many."""


def _is_markup(character: str, before: str, after: str) -> bool:
    match character:
        case "\\":
            return not after.isalnum() and not after.isspace()
        case "*" | "~":
            return not (before.isspace() and after.isspace())
        case "_":
            return not (before.isalnum() and after.isalnum())
        case "`" | "$":
            return True
        case "<":
            return after.isalpha() or after in "/!?"
        case "]":
            return after in "([:"
        case "!":
            return after == "["
        case "&":
            return after.isalnum() or after == "#"
    return False


def escape_line_start(line: str) -> str:
    """A line of running text, escaped so that it starts no heading, list, quotation, rule or table."""
    stripped = line.lstrip()
    first = stripped.split(" ", 1)[0]
    number = first[:-1]
    if len(first) < 11 and first[-1:] in (".", ")") and number.isascii() and number.isdigit():
        return number + "\\" + stripped[len(number) :]
    opens = stripped[:1] in (">", "|", "=", "-", "+", "#") or first == "*"
    return "\\" + stripped if opens else stripped
