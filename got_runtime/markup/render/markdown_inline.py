"""Content → a line of Markdown (GFM), escaped so that it renders as the same words."""

import unicodedata
from typing import Literal

from got_runtime.markup.content import Content, Inline, Mark
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


def inline_markdown(content: Content, *, math: MathStyle = "dollar", newline: str = "\\\n") -> str:
    """The content as one line; ``newline`` replaces an explicit line break."""
    out: list[str] = []
    before = " "
    for index, piece in enumerate(content):
        after = _first_sign(content[index + 1]) if index + 1 < len(content) else " "
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
            return f"${piece.latex}$" if math == "dollar" else f"\\({piece.latex}\\)"
        case "smiles":
            return _code(piece.smiles)
        case "link":
            return _link(piece.text, piece.url)
        case "note":
            return f" ({escape(piece.text)})"
        case "break":
            return newline
        case "nested":
            return escape(grid_words(piece.grid))


def _link(text: str, url: str) -> str:
    """A link; only its text if the address has another scheme, such as ``javascript:``."""
    if not url.isascii() or not url.lower().startswith(("http://", "https://", "mailto:", "#")):
        return escape(text)
    if text == url:
        return f"<{url}>"
    return f"[{escape(text)}]({url.replace('(', '%28').replace(')', '%29')})"


def _first_sign(piece: Inline) -> str:
    """The first character of a piece; a letter if it is not known."""
    if piece.kind == "text":
        return "*" if piece.marks else piece.text[:1]
    return " " if piece.kind in ("note", "break") else "x"


def _marked(text: str, marks: tuple[Mark, ...], around: str) -> str:
    """The text with its marks; ``around`` is the character before it and the one after."""
    shown = _code(text) if "code" in marks and text.strip() else escape(text, "**" if marks else around)
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
    """A code span whose fence is longer than any run of backticks inside."""
    longest = run = 0
    for character in text:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    fence = "`" * (longest + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def escape(text: str, around: str = "  ") -> str:
    """``text`` with a backslash before each character that Markdown would interpret here, and before no other.

    ``around`` is the character before it and the one after.
    """
    out: list[str] = []
    for index, character in enumerate(text):
        before = text[index - 1] if index else around[0]
        after = text[index + 1] if index + 1 < len(text) else around[1]
        out.append("\\" + character if _is_markup(character, before, after) else character)
    return "".join(out)


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
        case "[":
            return False
        case "]":
            return after in "([:"
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
    opens = stripped[:1] in (">", "|", "=", "-", "+") or first == "*" or (first and not first.strip("#"))
    return "\\" + stripped if opens else stripped
