r"""Tables between the delimiters of a formula (``\[\begin{tabular}…\]``), which formula renderers do not support."""

from functools import partial

from got_runtime.markup.content import Content, Grid, Math
from got_runtime.markup.latex.cell_commands import CELL_COMMANDS
from got_runtime.markup.latex.formula import repair_latex
from got_runtime.markup.latex.layout import DROPPED
from got_runtime.markup.latex.misspelt import TABULARS
from got_runtime.markup.latex.plain_formula import superscript
from got_runtime.markup.latex.symbols import MARKS, SKIPPED, SYMBOLS, TRANSPARENT
from got_runtime.markup.latex.tabular import ReadContent, parse_tabular
from got_runtime.markup.latex.token_reader import TokenReader
from got_runtime.markup.latex.tokens import Kind

_OF_TEXT = {*MARKS, *TRANSPARENT, *SKIPPED, *SYMBOLS, *DROPPED, *CELL_COMMANDS} - {"left", "right", "displaystyle"}


def read_formula_table(reader: TokenReader, latex: str, read_content: ReadContent) -> Grid | None:
    """The grid of a repaired formula that is one table; None for other formulas, and for an ``array`` without rules,
    which is a matrix. ``read_content`` parses cells that are no formulas.
    """
    if not latex.startswith("\\begin{"):
        return None
    inside = TokenReader(latex)
    name, last = inside.tokens[0].name, len(inside.tokens) - 1
    if name not in TABULARS or inside.partner[0] != last:
        return None
    columns, rule, _ = latex.partition("\\hline")
    if name == "array" and not (rule and "|" in columns):
        return None
    grid = parse_tabular(inside, 0, last, partial(_read_cell, read_content))
    for repair in inside.take_repairs():
        reader.record_repair(repair.code, repair.message)
    return grid if grid.cells else None


def _read_cell(read_content: ReadContent, reader: TokenReader, low: int, high: int, depth: int) -> Content:
    latex = repair_latex(reader, low, high) if _is_formula(reader, low, high) else ""
    if latex and superscript(latex) == "":  # prints nothing
        return ()
    return (Math(latex=latex),) if latex else read_content(reader, low, high, depth)


def _is_formula(reader: TokenReader, low: int, high: int) -> bool:
    r"""Whether a cell contains more than numbers, letters and ``\text{…}``."""
    while low < high:
        token = reader.tokens[low]
        if token.kind is Kind.BEGIN:
            return token.name not in TABULARS
        if token.kind is Kind.OPEN or (token.kind is Kind.TEXT and set(token.text) & set("^_")):
            return True
        if token.kind is Kind.COMMAND and token.name not in _OF_TEXT:
            return True
        low = reader.skip_arguments(low + 1, high, int(token.kind is Kind.COMMAND))
    return False
