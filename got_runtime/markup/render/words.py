"""Inline content → plain words, for embedding, search and CSV."""

from collections.abc import Collection

from got_runtime.markup.content import Content, Grid, Inline, Mark
from got_runtime.markup.render.formula_words import to_words

_TINY = "0123456789+-−()"
_SUPERSCRIPT, _SUBSCRIPT = str.maketrans(_TINY, "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁽⁾"), str.maketrans(_TINY, "₀₁₂₃₄₅₆₇₈₉₊₋₋₍₎")


def content_words(content: Content, *, newline: str = "\n") -> str:
    """The content without marks, formulas in plain characters, a break as ``newline``."""
    words = [_inline(piece, newline) for piece in content]
    for index, piece in enumerate(content):
        if piece.kind == "text" and piece.marks and index and words[index - 1][-1:].isdecimal():
            words[index] = _raised(words[index], piece.marks)
    return "".join(words)


def _raised(text: str, marks: Collection[Mark]) -> str:
    """A raised or lowered text behind a digit: ``10⁵`` is not 105."""
    if "superscript" in marks:
        return text.translate(_SUPERSCRIPT) if not text.strip(_TINY) else f"^{text}"
    return text.translate(_SUBSCRIPT) if "subscript" in marks and not text.strip(_TINY) else text


def _inline(piece: Inline, newline: str) -> str:
    match piece.kind:
        case "text":
            return piece.text
        case "link":
            return piece.text if piece.text == piece.url or not piece.url else f"{piece.text} ({piece.url})"
        case "math":
            return to_words(piece.latex)
        case "smiles":
            return piece.smiles
        case "note":
            return f" ({piece.text})"
        case "break":
            return newline
        case "nested":
            return grid_words(piece.grid)


def grid_words(grid: Grid) -> str:
    """A table inside a line: rows separated by semicolons, cells by commas."""
    rows: dict[int, list[str]] = {}
    for cell in grid.cells:
        if cell.content:
            rows.setdefault(cell.row, []).append(content_words(cell.content, newline=" "))
    return "; ".join(", ".join(cells) for cells in rows.values())
