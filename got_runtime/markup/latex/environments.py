"""Environments (``\\begin{…}`` … ``\\end{…}``): tables, formulas, lists, floats, the abstract, and unclosed ones."""

from dataclasses import replace

from got_runtime.markup import elements as e
from got_runtime.markup.content import Text, merge, plain_text
from got_runtime.markup.latex.commands import read_command
from got_runtime.markup.latex.element_builder import DocumentBuilder, ElementBuilder, ParseContext
from got_runtime.markup.latex.formula import read_display
from got_runtime.markup.latex.formula_table import read_formula_table
from got_runtime.markup.latex.inline import parse_inline
from got_runtime.markup.latex.lists import LISTS, read_bibliography, read_list
from got_runtime.markup.latex.misspelt import TABULARS, is_rule
from got_runtime.markup.latex.symbols import ENVIRONMENT_ARGUMENTS, FORMULA_ENVIRONMENTS
from got_runtime.markup.latex.tabular import parse_tabular
from got_runtime.markup.latex.token_reader import TokenReader
from got_runtime.markup.latex.tokens import WHOLE, Kind

_FLOATS = {"table": "table", "figure": "figure", "wrapfigure": "figure", "wraptable": "table", "sidewaystable": "table"}
_THEOREMS = frozenset({
    "assumption", "axiom", "claim", "conjecture", "corollary", "definition", "example", "exercise", "lemma", "problem",
    "proof", "property", "proposition", "question", "remark", "solution", "theorem",
})  # fmt: skip
_SHOWN_IN_FIGURES = {e.Figure, e.Table, e.Geometry, e.Chart, e.Code}
_CAPTIONED = frozenset({e.Chart, e.Figure, e.Geometry, e.Molecule, e.Music, e.Table})


def read_environment(builder: DocumentBuilder, index: int, high: int, context: ParseContext) -> int:
    """Parses the environment that begins at ``index``; returns the index after it."""
    before = len(builder.elements)
    after = _read(builder, index, high, context)
    if len(builder.elements) > before:  # the span of the first element includes \begin{…}
        builder.elements[before].start = builder.reader.tokens[index].start
    return after


def _read(builder: DocumentBuilder, index: int, high: int, context: ParseContext) -> int:
    reader = builder.reader
    name, closing = reader.tokens[index].name, reader.closing(index, high)
    if closing is None:
        end = _unclosed(builder, index, high, name)
        if end is None:
            return index + 1
        after = end
    else:
        end, after = closing, closing + 1
        if reader.tokens[closing].name != name:
            other = reader.tokens[closing].text
            reader.record_repair("unclosed-environment", f"\\begin{{{name}}} was ended by {other}: taken as its end")
    deeper = replace(context, depth=context.depth + 1)
    if name in TABULARS:
        _add_table(builder, index, end, deeper)
    elif name in FORMULA_ENVIRONMENTS:
        add_formula(builder, index, index + 1, end, name)
    elif name in LISTS:
        read_list(
            builder, index + 1, end, replace(deeper, list_depth=context.list_depth + 1), ordered=name == "enumerate"
        )
    elif name == "thebibliography":
        read_bibliography(builder, index + 1, end, ParseContext(deeper.depth))
    else:
        plain_name = name.rstrip("*")
        option = reader.option(index + 1, end)
        start = reader.skip_arguments(index + 1, end, ENVIRONMENT_ARGUMENTS.get(plain_name, 0))
        start = max(start, option[1] if option else 0)
        if plain_name in _FLOATS:
            _read_float(builder, index, start, end, ParseContext(deeper.depth, context.role, _FLOATS[plain_name]))
        elif plain_name in _THEOREMS:
            title = f" ({plain_text(parse_inline(reader, *option[0]))})" if option else ""
            _read_theorem(builder, f"{plain_name.capitalize()}{title}.", index, start, end, deeper)
        else:
            builder.parse(start, end, replace(deeper, role=e.Abstract) if name == "abstract" else deeper)
    return after


def _add_table(builder: DocumentBuilder, index: int, end: int, context: ParseContext) -> None:
    """Adds the table at ``index``, and the caption that a ``longtable`` contains above or below its rows."""
    reader, start = builder.reader, index
    context = replace(context, float="table")
    caption, below = index + 1 if reader.has_captions else end, False
    while caption < end and reader.tokens[caption].name not in ("caption", "caption*"):
        below = below or reader.tokens[caption].kind is Kind.CELL
        caption = reader.after(caption, end)
    before = len(builder.elements)
    if caption < end and not below:
        start = min(read_command(builder, caption, end, context), end - 1)  # a table without rows starts at its end
    builder.add(e.Table, start, grid=parse_tabular(reader, index, end, parse_inline, caption=caption))
    if caption < end and below:
        read_command(builder, caption, end, context)
    _place_captions(builder.elements[before:])


def _read_theorem(
    builder: DocumentBuilder, title: str, index: int, start: int, end: int, context: ParseContext
) -> None:
    """Adds a theorem or proof, whose first paragraph begins with its title as LaTeX prints it."""
    before = len(builder.elements)
    builder.parse(start, end, context)
    label = Text(text=title, marks=("bold",))
    first = builder.elements[before] if len(builder.elements) > before else None
    if first is not None and first.element_type is e.Paragraph:
        content = first.fields["content"]
        if not plain_text(content).startswith(title.partition(" ")[0].rstrip(".")):
            first.fields["content"] = merge((label, Text(text=" "), *content))
    else:
        builder.elements.insert(
            before, ElementBuilder(e.Paragraph, builder.reader.tokens[index].start, {"content": (label,)})
        )


def _unclosed(builder: DocumentBuilder, index: int, high: int, name: str) -> int | None:
    """The index at which an unclosed environment ends; None if only its ``\\begin`` is dropped."""
    reader = builder.reader
    if name in LISTS:
        reader.record_repair("unclosed-environment", f"\\begin{{{name}}} was never closed: its items reach to the end")
        return high
    if name in TABULARS or name in FORMULA_ENVIRONMENTS or name == "abstract":
        reader.record_repair("unclosed-environment", f"\\begin{{{name}}} was never closed: it ends with its paragraph")
        start = reader.skip_spaces(index + 1, high) if name == "abstract" else index
        end = max(index + 1, min(high, reader.paragraph_end[start]))
        while name in TABULARS and _continues_table(reader, following := reader.skip_spaces(end, high), high):
            end = max(following + 1, min(high, reader.paragraph_end[following]))
        return end
    reader.record_repair("unclosed-environment", f"\\begin{{{name}}} was never closed: dropped")
    return None


def _continues_table(reader: TokenReader, index: int, high: int) -> bool:
    """Whether the paragraph at ``index`` continues the table above: it has a rule, or a cell and a row end."""
    if index >= high:
        return False
    end, cell = min(high, reader.paragraph_end[index]), False
    while index < end and reader.tokens[index].kind is not Kind.BEGIN:
        kind = reader.tokens[index].kind
        if (cell and kind is Kind.ROW_BREAK) or (kind is Kind.COMMAND and is_rule(reader.tokens[index].name)):
            return True
        cell = cell or kind is Kind.CELL
        index = reader.after(index, end)
    return False


def _read_float(builder: DocumentBuilder, index: int, start: int, end: int, context: ParseContext) -> None:
    before = len(builder.elements)
    builder.parse(start, end, context)
    shown = {element.element_type for element in builder.elements[before:]}
    if context.float == "figure" and not shown & _SHOWN_IN_FIGURES:
        builder.elements.insert(before, ElementBuilder(e.Figure, builder.reader.tokens[index].start, {}))
    _place_captions(builder.elements[before:])


def _place_captions(elements: list[ElementBuilder]) -> None:
    """Records whether the captions of a float are above or below its tables and figures.

    It is not known where neither or both of the first and the last of them are a caption, as with parts of a figure.
    """
    parts = [each for each in elements if each.element_type is e.Caption or each.element_type in _CAPTIONED]
    captions = [each for each in parts if each.element_type is e.Caption]
    if captions and (parts[0] is captions[0]) != (parts[-1] is captions[-1]):
        for caption in captions:
            caption.fields["position"] = "above" if parts[0] is captions[0] else "below"


def add_formula(builder: DocumentBuilder, index: int, low: int, high: int, environment: str = "") -> None:
    """Adds the displayed formula or table of tokens ``low`` to ``high - 1``; its span starts at token ``index``."""
    first, last = builder.reader.strip(low, high)
    if last == first + 1 and builder.reader.tokens[first].kind in WHOLE:  # a figure between the delimiters of a formula
        count = len(builder.elements)
        builder.parse(first, last, ParseContext())
        for element in builder.elements[count : count + 1]:
            element.start = builder.reader.tokens[index].start
        return
    latex, number, label = read_display(builder.reader, low, high, environment)
    grid = read_formula_table(builder.reader, latex, parse_inline) if not number and not label else None
    if grid is not None:
        builder.add(e.Table, index, grid=grid)
    elif latex or number:
        builder.add(e.Formula, index, latex=latex, number=number, label=label)
