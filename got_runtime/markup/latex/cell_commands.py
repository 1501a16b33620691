r"""Commands of the cells of a table, which may stand in other text too: spans, slanted lines, numbers, items."""

from collections.abc import Callable

from got_runtime.markup.content import Break, Inline, Mark, Text
from got_runtime.markup.latex.cells import SPANS, read_span
from got_runtime.markup.latex.measures import MEASURES, read_measure
from got_runtime.markup.latex.token_reader import TokenReader

# Commands of which all arguments are printed → the sign between them, for the slanted line of a table's first cell.
_DIVIDED = {"diagbox": "\\", "backslashbox": "\\", "slashbox": "/"}

CELL_COMMANDS = frozenset({*SPANS, *_DIVIDED, *MEASURES, "includegraphics", "item"})


def read_cell_command(
    reader: TokenReader, index: int, high: int, marks: tuple[Mark, ...], nested: Callable[[int, int], list[Inline]]
) -> tuple[list[Inline], int]:
    """What the command at ``index``, one of :data:`CELL_COMMANDS`, prints, and the index after its arguments.

    ``nested`` parses a range of tokens inside an argument.
    """
    name = reader.tokens[index].name
    if name in SPANS:  # elsewhere than at the start of a cell
        span = read_span(reader, index, high)
        return (nested(*span.content), span.after) if span else ([], index + 1)
    if name in _DIVIDED:
        return _read_divided(reader, index + 1, high, Text(text=f" {_DIVIDED[name]} ", marks=marks), nested)
    if name in MEASURES:
        text, after = read_measure(reader, index, high)
        return [Text(text=text, marks=marks)], after
    if name == "item":
        return [Break(), Text(text="• ", marks=marks)], index + 1
    return [Text(text="[Figure]", marks=marks)], reader.skip_arguments(index + 1, high, 1)


def _read_divided(
    reader: TokenReader, index: int, high: int, sign: Text, nested: Callable[[int, int], list[Inline]]
) -> tuple[list[Inline], int]:
    option = reader.option(index, high)
    index = option[1] if option else index
    pieces: list[Inline] = []
    while argument := reader.argument(index, high):
        shown = nested(*argument[0])
        pieces += [sign, *shown] if pieces and shown else shown
        index = argument[1]
    return pieces, index
