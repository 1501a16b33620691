"""Inline content → plain words, for embedding, search and CSV."""

from got_runtime.markup.content import Content, Grid, Inline
from got_runtime.markup.render.formula_words import to_words


def content_words(content: Content, *, newline: str = "\n") -> str:
    """The content without marks, formulas in plain characters, a break as ``newline``."""
    return "".join(_inline(piece, newline) for piece in content)


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
