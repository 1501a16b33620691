"""``tabular`` → grid: column specification, rows, rules, cells that span, ragged rows."""

from collections.abc import Callable

from got_runtime.markup.content import Content, Grid
from got_runtime.markup.latex.columns import read_specification
from got_runtime.markup.latex.grid import build_grid
from got_runtime.markup.latex.rows import read_rows
from got_runtime.markup.latex.token_reader import TokenReader

ReadContent = Callable[[TokenReader, int, int, int], Content]
"""TokenReader, first token, token after the last, nesting depth → the content of a cell (``inline.parse_inline``).

It is a parameter because cells hold lines and lines hold tables: an import would be circular.
"""


def parse_tabular(
    reader: TokenReader,
    index: int,
    end: int,
    read_content: ReadContent,
    depth: int = 0,
    caption: int | None = None,
) -> Grid:
    """The grid of the ``\\begin{tabular}`` token at ``index``, whose body reaches to token ``end``.

    Short rows are padded, cells beyond the last column are appended to it; both are noted on the reader. ``caption`` is
    the index of a ``\\caption`` inside that the grid leaves out.
    """
    begin = reader.tokens[index]
    if not begin.text.startswith("\\begin"):
        reader.record_repair("unclosed-environment", "rows of a table had no \\begin{tabular}: read as a table")
    elif begin.text.replace(" ", "") != f"\\begin{{{begin.name}}}":
        reader.record_repair("unclosed-environment", f"{begin.text}: read as \\begin{{{begin.name}}}")
    alignment, body = read_specification(reader, index + 1, end)
    rows = read_rows(
        reader, body, end, lambda low, high: read_content(reader, low, high, depth), len(alignment), caption
    )
    return build_grid(reader, rows.cells, rows.rules, alignment)
