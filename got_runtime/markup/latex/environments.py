"""``\\begin{…}`` … ``\\end{…}``: tables, formulas, lists, floats, the abstract; and those that were never closed."""

from dataclasses import replace

from got_runtime.markup import elements as e
from got_runtime.markup.content import Text, merge, plain
from got_runtime.markup.latex.commands import read_command
from got_runtime.markup.latex.element_builder import Draft, Drafts, Place
from got_runtime.markup.latex.formula import FORMULA_ENVIRONMENTS, read_display
from got_runtime.markup.latex.formula_table import read_formula_table
from got_runtime.markup.latex.inline import parse_inline
from got_runtime.markup.latex.lists import LISTS, read_bibliography, read_list
from got_runtime.markup.latex.symbols import ENVIRONMENT_ARGUMENTS
from got_runtime.markup.latex.tabular import RULES, parse_tabular
from got_runtime.markup.latex.token_reader import Reader
from got_runtime.markup.latex.tokens import TABULARS, Kind

_FLOATS = {"table": "table", "figure": "figure", "wrapfigure": "figure", "wraptable": "table", "sidewaystable": "table"}
_THEOREMS = frozenset({
    "assumption", "claim", "conjecture", "corollary", "definition", "example", "lemma", "proof", "proposition",
    "remark", "theorem",
})  # fmt: skip
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
        _add_table(drafts, index, end, deeper)
    elif name in FORMULA_ENVIRONMENTS:
        add_formula(drafts, index, index + 1, end, name)
    elif name in LISTS:
        read_list(drafts, index + 1, end, replace(deeper, list_depth=place.list_depth + 1), ordered=name == "enumerate")
    elif name == "thebibliography":
        read_bibliography(drafts, index + 1, end, Place(deeper.depth))
    else:
        plain_name = name.rstrip("*")
        option = reader.option(index + 1, end)
        start = reader.skip_arguments(index + 1, end, ENVIRONMENT_ARGUMENTS.get(plain_name, 0))
        start = max(start, option[1] if option else 0)
        if plain_name in _FLOATS:
            _read_float(drafts, index, start, end, Place(deeper.depth, place.role, _FLOATS[plain_name]))
        elif plain_name in _THEOREMS:
            title = f" ({plain(parse_inline(reader, *option[0]))})" if option else ""
            _read_theorem(drafts, f"{plain_name.capitalize()}{title}.", index, start, end, deeper)
        else:
            drafts.read(start, end, replace(deeper, role=e.Abstract) if name == "abstract" else deeper)
    return after


def _add_table(drafts: Drafts, index: int, end: int, place: Place) -> None:
    """The table at ``index``, and the caption that a ``longtable`` has inside, above or below its rows."""
    reader, start = drafts.reader, index
    place = replace(place, float="table")
    caption, below = index + 1, False
    while caption < end and reader.tokens[caption].name not in ("caption", "caption*"):
        below = below or reader.tokens[caption].kind is Kind.CELL
        caption = reader.after(caption, end)
    if caption < end and not below:
        start = min(read_command(drafts, caption, end, place), end - 1)  # where no row follows the table has its end
    drafts.add(e.Table, start, grid=parse_tabular(reader, index, end, parse_inline))
    if caption < end and below:
        read_command(drafts, caption, end, place)


def _read_theorem(drafts: Drafts, title: str, index: int, start: int, end: int, place: Place) -> None:
    """A theorem or proof begins with its title, which LaTeX prints."""
    before = len(drafts.drafts)
    drafts.read(start, end, place)
    label = Text(text=title, marks=("bold",))
    first = drafts.drafts[before] if len(drafts.drafts) > before else None
    if first is not None and first.build is e.Paragraph:
        content = first.fields["content"]
        if not plain(content).startswith(title.partition(" ")[0].rstrip(".")):
            first.fields["content"] = merge((label, Text(text=" "), *content))
    else:
        drafts.drafts.insert(before, Draft(e.Paragraph, drafts.reader.tokens[index].start, {"content": (label,)}))


def _unclosed(drafts: Drafts, index: int, high: int, name: str) -> int | None:
    """Where an environment ends that was never closed; None where only its ``\\begin`` is dropped."""
    reader = drafts.reader
    if name in LISTS:
        reader.mend("unclosed-environment", f"\\begin{{{name}}} was never closed: its items reach to the end")
        return high
    if name in TABULARS or name in FORMULA_ENVIRONMENTS or name == "abstract":
        reader.mend("unclosed-environment", f"\\begin{{{name}}} was never closed: it ends with its paragraph")
        start = reader.skip_spaces(index + 1, high) if name == "abstract" else index
        end = max(index + 1, min(high, reader.paragraph_end[start]))
        while name in TABULARS and _goes_on(reader, following := reader.skip_spaces(end, high), high):
            end = max(following + 1, min(high, reader.paragraph_end[following]))
        return end
    reader.mend("unclosed-environment", f"\\begin{{{name}}} was never closed: dropped")
    return None


def _goes_on(reader: Reader, index: int, high: int) -> bool:
    """Whether the paragraph at ``index`` is more of the table above it: a rule, or a cell and the end of a row."""
    if index >= high:
        return False
    if reader.tokens[index].kind is Kind.COMMAND and reader.tokens[index].name in RULES:
        return True
    end, cell = min(high, reader.paragraph_end[index]), False
    while index < end and reader.tokens[index].kind is not Kind.BEGIN:
        if cell and reader.tokens[index].kind is Kind.ROW_BREAK:
            return True
        cell = cell or reader.tokens[index].kind is Kind.CELL
        index = reader.after(index, end)
    return False


def _read_float(drafts: Drafts, index: int, start: int, end: int, place: Place) -> None:
    before = len(drafts.drafts)
    drafts.read(start, end, place)
    shown = {draft.build for draft in drafts.drafts[before:]}
    if place.float == "figure" and not shown & _SHOWN_IN_FIGURES:
        drafts.drafts.insert(before, Draft(e.Figure, drafts.reader.tokens[index].start, {}))


def add_formula(drafts: Drafts, index: int, low: int, high: int, environment: str = "") -> None:
    """The displayed formula, or table, of tokens ``low`` to ``high - 1``; it starts at ``index`` with its delimiter."""
    latex, number, label = read_display(drafts.reader, low, high, environment)
    grid = read_formula_table(drafts.reader, latex, parse_inline) if not number and not label else None
    if grid is not None:
        drafts.add(e.Table, index, grid=grid)
    elif latex or number:
        drafts.add(e.Formula, index, latex=latex, number=number, label=label)
