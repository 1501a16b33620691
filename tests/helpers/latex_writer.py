"""Inline content and grids → LaTeX that parses to the same content and grid."""

from got_runtime.markup.content import Cell, Content, Grid, Inline, Mark
from got_runtime.markup.latex.grid import covering_cells

_COMMANDS: dict[Mark, str] = {
    "bold": "textbf",
    "code": "texttt",
    "italic": "textit",
    "strike": "sout",
    "subscript": "textsubscript",
    "superscript": "textsuperscript",
    "underline": "underline",
}
_ESCAPES = str.maketrans(
    {"\\": "\\textbackslash{}", "~": "\\textasciitilde{}", **{sign: f"\\{sign}" for sign in "{}&$%_#"}}
)
# Sequences that the tokenizer would interpret; an empty group separates the characters.
_APART = {
    "**": "*{}*",
    "``": "`{}`",
    "`\\": "`{}\\",
    "''": "'{}'",
    "!!!": "!{}!!",
    "<|": "<{}|",
    **{f"<{name}>": f"<{{}}{name}>" for name in ("smiles", "ref", "box", "quad", "img", "imgpad")},
    **{f"</{name}>": f"<{{}}/{name}>" for name in ("ref", "box", "quad", "img")},
}


def escape(text: str) -> str:
    """``text`` with the characters escaped that LaTeX, or this dialect, would interpret."""
    text = text.translate(_ESCAPES)
    for sign, apart in _APART.items():
        while sign in text:
            text = text.replace(sign, apart)
    return text


def _closed(text: str) -> str:
    """The text in LaTeX, without a quote at its end, which would begin code before a brace or command."""
    text = escape(text)
    return text + "{}" if text.endswith("`") else text


def to_latex(content: Content) -> str:
    """A content as one line of LaTeX."""
    return "".join(_inline(piece) for piece in content)


def _inline(piece: Inline) -> str:
    match piece.kind:
        case "text":
            text = _closed(piece.text)
            for mark in reversed(piece.marks):
                text = f"\\{_COMMANDS[mark]}{{{text}}}"
            return text
        case "math":
            return f"\\({piece.latex}\\)"
        case "smiles":
            return f"<smiles>{piece.smiles}</smiles>"
        case "link":
            return f"\\href{{{escape(piece.url)}}}{{{_closed(piece.text)}}}"
        case "note":
            return f"\\footnote{{{_closed(piece.text)}}}"
        case "break":
            return "\\newline "
        case "nested":
            return render_tabular(piece.grid, newline=" ")


def render_tabular(grid: Grid, *, newline: str = "\n") -> str:
    """The grid as a ``tabular``, ruled above, below its header and at its end where it has a header."""
    specification = "".join(align[0] for align in grid.alignment)
    rule = f"\\hline{newline}" if grid.header_rows else ""
    lines = [f"\\begin{{tabular}}{{{specification}}}{newline}{rule}"]
    for row, cells in enumerate(covering_cells(grid)):
        lines.append(" & ".join(_row(grid, row, cells)) + f" \\\\{newline}")
        if grid.header_rows and row + 1 in (grid.header_rows, grid.rows):
            lines.append(rule)
    return "".join(lines) + "\\end{tabular}"


def _row(grid: Grid, row: int, cells: list[Cell | None]) -> list[str]:
    written: list[str] = []
    for column, cell in enumerate(cells):
        if cell is None or cell.row != row:
            written.append("")
        elif cell.column == column:
            written.append(_cell(grid, cell))
    return written


def _cell(grid: Grid, cell: Cell) -> str:
    text = to_latex(cell.content)
    if text.startswith("["):  # behind a row end it would be an optional argument
        text = "{}" + text
    if cell.rowspan > 1:
        text = f"\\multirow{{{cell.rowspan}}}{{*}}{{{text}}}"
    if cell.colspan > 1 or cell.align is not None:
        align = cell.align or grid.alignment[cell.column]
        text = f"\\multicolumn{{{cell.colspan}}}{{{align[0]}}}{{{text}}}"
    return text
