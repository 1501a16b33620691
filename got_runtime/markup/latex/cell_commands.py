r"""Commands of the cells of a table, which may stand in other text too: spans, slanted lines, numbers, items."""

from collections.abc import Callable

from got_runtime.markup.content import Break, Inline, Mark, Math, Text
from got_runtime.markup.latex.cells import SPANS, read_span
from got_runtime.markup.latex.formula import repair_latex
from got_runtime.markup.latex.item_marks import BULLET
from got_runtime.markup.latex.measures import MEASURES, read_measure
from got_runtime.markup.latex.token_reader import TokenReader

# Commands of which all arguments are printed → the sign between them, for the slanted line of a table's first cell.
_DIVIDED = {"diagbox": "\\", "backslashbox": "\\", "slashbox": "/"}

# Commands of formulas that stand outside one → number of their arguments.
_OF_FORMULAS = {
    **dict.fromkeys(("sqrt", "overline", "mathbb", "mathcal", "mathfrak", "mathscr", "ensuremath"), 1),
    **dict.fromkeys(("hat", "bar", "vec", "dot", "ddot", "tilde", "widehat", "widetilde", "overrightarrow", "ce"), 1),
    **dict.fromkeys(("underbrace", "overbrace", "boxed", "mathring"), 1),
    **dict.fromkeys(("frac", "tfrac", "dfrac", "cfrac", "nicefrac", "sfrac", "binom"), 2),
    **dict.fromkeys(("stackrel", "overset", "underset"), 2),
}

CELL_COMMANDS = frozenset({*SPANS, *_DIVIDED, *MEASURES, *_OF_FORMULAS, "includegraphics", "item"})


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
    if name in _OF_FORMULAS:
        return _read_formula(reader, index, high, marks)
    if name == "item":
        option = reader.option(index + 1, high)
        if option is None:
            return [Break(), Text(text=reader.item_marks.get(index, BULLET), marks=marks)], index + 1
        return [Break(), *nested(*option[0]), Text(text=" ", marks=marks)], option[1]
    return [Text(text="[Figure]", marks=marks)], reader.skip_arguments(index + 1, high, 1)


def _read_formula(reader: TokenReader, index: int, high: int, marks: tuple[Mark, ...]) -> tuple[list[Inline], int]:
    """The command with its arguments as a formula; as text where one of them is missing."""
    option = reader.option(index + 1, high)
    after = option[1] if option else index + 1
    for _ in range(_OF_FORMULAS[reader.tokens[index].name]):
        argument = reader.argument(after, high)
        if argument is None:
            return [Text(text=reader.tokens[index].text, marks=marks)], index + 1
        after = argument[1]
    latex = repair_latex(reader, index, after)
    return [Math(latex=latex)] if latex else [], after


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
