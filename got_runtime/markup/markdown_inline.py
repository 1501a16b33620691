"""Content → a line of Markdown (GFM) that is read back as the same words."""

from typing import Literal

from got_runtime.markup.content import Content, Inline, Mark
from got_runtime.markup.words import grid_words

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


def inline_markdown(content: Content, *, math: MathStyle = "dollar", newline: str = "\\\n") -> str:
    """The content as one line; ``newline`` stands for a break that was meant."""
    return "".join(_inline(piece, math, newline) for piece in content)


def _inline(piece: Inline, math: MathStyle, newline: str) -> str:
    match piece.kind:
        case "text":
            return _marked(piece.text, piece.marks)
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
    """A link, where its address is one a page may link to: a ``javascript:`` address is left out."""
    if not url.isascii() or not url.lower().startswith(("http://", "https://", "mailto:", "#")):
        return escape(text)
    if text == url:
        return f"<{url}>"
    return f"[{escape(text)}]({url.replace('(', '%28').replace(')', '%29')})"


def _marked(text: str, marks: tuple[Mark, ...]) -> str:
    shown = _code(text) if "code" in marks and text.strip() else escape(text)
    for mark in marks:
        before, after = _SIGNS[mark]
        shown = before + shown + after
    return shown


def _code(text: str) -> str:
    """A code span whose fence is longer than any run of backticks inside."""
    longest = run = 0
    for character in text:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    fence = "`" * (longest + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def escape(text: str) -> str:
    """Text whose signs Markdown would take for markup; the others stay, so that it reads well."""
    out: list[str] = []
    for index, character in enumerate(text):
        before = text[index - 1] if index else " "
        after = text[index + 1] if index + 1 < len(text) else " "
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
    """A line of running text that must not open a heading, a list, a quotation, a rule or a table."""
    stripped = line.lstrip()
    first = stripped.split(" ", 1)[0]
    opens = (
        stripped[:1] in (">", "|", "=", "-", "+")
        or first == "*"
        or (first and not first.strip("#"))
        or (len(first) < 11 and first[-1:] in (".", ")") and first[:-1].isdigit())
    )
    if not opens:
        return stripped
    if first[:-1].isascii() and first[:-1].isdigit():
        return first[:-1] + "\\" + stripped[len(first) - 1 :]
    return "\\" + stripped
