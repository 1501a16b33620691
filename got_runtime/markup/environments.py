"""``\\begin{…}`` … ``\\end{…}``: tables, formulas, lists, floats, the abstract; and those that were never closed."""

from dataclasses import replace

from got_runtime.markup import elements as e
from got_runtime.markup.drafts import Draft, Drafts, Place
from got_runtime.markup.formula import FORMULA_ENVIRONMENTS, read_display
from got_runtime.markup.lists import LISTS, read_bibliography, read_list
from got_runtime.markup.tabular import parse_tabular
from got_runtime.markup.tokens import TABULARS

_FLOATS = {"table": "table", "figure": "figure", "wrapfigure": "figure", "wraptable": "table", "sidewaystable": "table"}
_SHOWN_IN_FIGURES = {e.Figure, e.Table, e.Geometry, e.Chart, e.Code}


def read_environment(drafts: Drafts, index: int, high: int, place: Place) -> int:
    """Reads the environment that begins at ``index``; the index after it."""
    before = len(drafts.drafts)
    after = _read(drafts, index, high, place)
    if len(drafts.drafts) > before:  # \begin{abstract} belongs to the abstract, not to what stands above
        drafts.drafts[before].start = drafts.reader.tokens[index].start
    return after


def _read(drafts: Drafts, index: int, high: int, place: Place) -> int:
    reader = drafts.reader
    name, closing = reader.tokens[index].name, reader.closing(index, high)
    if closing is None:
        end = _unclosed(drafts, index, high, name)
        if end is None:
            return index + 1
        after = end
    else:
        end, after = closing, closing + 1
        if reader.tokens[closing].name != name:
            other = reader.tokens[closing].text
            reader.mend("unclosed-environment", f"\\begin{{{name}}} was ended by {other}: taken as its end")
    deeper = replace(place, depth=place.depth + 1)
    if name in TABULARS:
        drafts.add(e.Table, index, grid=parse_tabular(reader, index, end))
    elif name in FORMULA_ENVIRONMENTS:
        add_formula(drafts, index, index + 1, end, name)
    elif name in LISTS:
        read_list(drafts, index + 1, end, replace(deeper, list_depth=place.list_depth + 1), ordered=name == "enumerate")
    elif name == "thebibliography":
        read_bibliography(drafts, index + 1, end, Place(deeper.depth))
    else:
        option = reader.option(index + 1, end)
        start = option[1] if option else index + 1
        of = _FLOATS.get(name.rstrip("*"))
        if of is not None:
            _read_float(drafts, index, start, end, Place(deeper.depth, place.role, of))
        else:
            drafts.read(start, end, replace(deeper, role=e.Abstract) if name == "abstract" else deeper)
    return after


def _unclosed(drafts: Drafts, index: int, high: int, name: str) -> int | None:
    """Where an environment ends that was never closed; None where only its ``\\begin`` is dropped."""
    reader = drafts.reader
    if name in LISTS:
        reader.mend("unclosed-environment", f"\\begin{{{name}}} was never closed: its items reach to the end")
        return high
    if name in TABULARS or name in FORMULA_ENVIRONMENTS or name == "abstract":
        reader.mend("unclosed-environment", f"\\begin{{{name}}} was never closed: it ends with its paragraph")
        start = reader.skip_spaces(index + 1, high) if name == "abstract" else index
        return max(index + 1, min(high, reader.paragraph_end[start]))
    reader.mend("unclosed-environment", f"\\begin{{{name}}} was never closed: dropped")
    return None


def _read_float(drafts: Drafts, index: int, start: int, end: int, place: Place) -> None:
    before = len(drafts.drafts)
    drafts.read(start, end, place)
    shown = {draft.build for draft in drafts.drafts[before:]}
    if place.float == "figure" and not shown & _SHOWN_IN_FIGURES:
        drafts.drafts.insert(before, Draft(e.Figure, drafts.reader.tokens[index].start, {}))


def add_formula(drafts: Drafts, index: int, low: int, high: int, environment: str = "") -> None:
    """The displayed formula of tokens ``low`` to ``high - 1``, which starts at ``index`` with its delimiter."""
    latex, number, label = read_display(drafts.reader, low, high, environment)
    if latex or number:
        drafts.add(e.Formula, index, latex=latex, number=number, label=label)
