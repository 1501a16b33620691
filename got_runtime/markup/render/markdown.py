"""Elements → Markdown (GFM)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from got_runtime.markup.content import Content
from got_runtime.markup.elements import AnyElement, ListItem
from got_runtime.markup.notation import chart
from got_runtime.markup.render.formula_tags import numbered_rows
from got_runtime.markup.render.markdown_inline import (
    MathStyle,
    escape,
    escape_line_start,
    formula_markdown,
    inline_markdown,
    longest_run,
)
from got_runtime.markup.render.table import Spans, pipe_table, plain_pipe_rows, to_pipe_table


@dataclass(frozen=True)
class MarkdownOptions:
    """Options of :func:`to_markdown`.

    ``math``: delimiters ``$…$`` (``"dollar"``) or ``\\(…\\)`` (``"bracket"``). ``spans``: whether the content of a cell
    that spans rows or columns is repeated in each position or the further ones are blank, since pipe tables have no
    spans. ``page_anchors``: whether to write ``<a id="page-N">`` where a page starts.
    """

    math: MathStyle = "dollar"
    spans: Spans = "repeat"
    page_anchors: bool = False


def to_markdown(elements: Sequence[AnyElement], options: MarkdownOptions | None = None) -> str:
    """The elements as Markdown, blocks separated by an empty line; an empty string for no elements."""
    options = options or MarkdownOptions()
    blocks: list[str] = []
    lists = _Lists()
    before: AnyElement | None = None
    for element in elements:
        if element.kind == "list_item":
            block = _item(element, lists, options, begins=before is None or before.kind != "list_item")
            interrupts = lists.begun and element.ordered and element.number not in (None, 1)
            tight = before is not None and before.kind == "list_item"
            if before is not None and before.kind == "list_item" and element.depth == before.depth == 0:
                tight = before.ordered == element.ordered  # a bulleted and a numbered list are two lists
            # Only a list that begins with 1 may follow a line of text.
            blocks.append(("\n" if tight and not interrupts else "\n\n") + block)
        elif block := element_markdown(element, options):
            blocks.append("\n\n" + block)
        else:
            continue
        before = element
    return "".join(blocks).strip("\n") + "\n" if blocks else ""


@dataclass
class _Lists:
    """The open lists: ``indents`` are the columns in which the text of each open item starts.

    Two lists in the same column would be one, and a viewer counts the items of one list itself. So another list, which
    other signs begin (CommonMark 5.3), begins at an item of an outer list whose inner one stands in its column, since
    the item around it is not there, and at a number that does not follow the last one.
    """

    indents: list[int] = field(default_factory=list)
    outermost: int = 0
    last: dict[int, tuple[int | None, bool]] = field(default_factory=dict)
    """By column, the number of its last item, and whether the other signs are used."""
    begun: bool = False
    """Whether the last item is the first one of a list within another item."""

    def begin(self, depth: int) -> None:
        self.indents, self.outermost, self.last = [], depth, {}

    def open(self, item: ListItem) -> tuple[int, bool]:
        """The column in which an item begins, and whether the other signs mark it."""
        depth = item.depth
        indent = self.indents[min(depth, len(self.indents)) - 1] if self.indents and depth else 0
        self.indents = [*self.indents[:depth], *[indent] * (depth - len(self.indents))]
        self.begun = indent > 0 and indent not in self.last
        number, others = self.last.get(indent, (None, False))
        jumps = number is not None and item.number not in (None, number, number + 1)
        others ^= jumps or depth < self.outermost
        self.outermost = min(self.outermost, depth)
        self.last = {column: last for column, last in self.last.items() if column < indent}
        self.last[indent] = item.number, others
        return indent, others


def _item(item: ListItem, lists: _Lists, options: MarkdownOptions, *, begins: bool) -> str:
    if begins:
        lists.begin(item.depth)
    indent, others = lists.open(item)
    signs = ")*" if others else ".-"
    marker = f"{item.number if item.number is not None else 1}{signs[0]}" if item.ordered else signs[1]
    lists.indents.append(indent + len(marker) + 1)
    label = f"**{escape(item.label, '**')}** " if item.label else ""
    text = _lines(item.content, options)
    return f"{' ' * indent}{marker} {label}{text}".replace("\n", "\n" + " " * lists.indents[-1]).rstrip()


def element_markdown(element: AnyElement, options: MarkdownOptions) -> str:
    """One element as a block of Markdown; empty if there is nothing to show."""
    match element.kind:
        case "heading":
            line = inline_markdown(element.content, math=options.math, newline=" ")
            return f"{'#' * element.level} {_without_closing_hashes(line)}".rstrip()
        case "paragraph" | "author" | "caption" | "abstract":
            return _lines(element.content, options)
        case "list_item":
            return _item(element.model_copy(update={"depth": 0}), _Lists(), options, begins=True)
        case "footnote":
            mark = f"[{escape(element.mark)}] " if element.mark else ""
            return _lines(element.content, options, mark)
        case "reference":
            key = f"[{escape(element.key)}] " if element.key else ""
            return _lines(element.content, options, key)
        case "table":
            return to_pipe_table(element.grid, spans=options.spans, math=options.math)
        case "chart":
            title = f"**{escape(heading, '**')}**\n\n" if (heading := chart.heading(element.value)) else ""
            rows = chart.to_rows(element.value)
            return title + pipe_table(plain_pipe_rows(rows), chart.alignment(len(rows[0])) if rows else ())
        case "formula":
            return _formula(element.latex, element.number, element.display, options)
        case "code":
            return _fenced(element.code, element.language or "")
        case "music":
            return _fenced(element.humdrum, "humdrum")
        case "geometry":
            return _fenced(element.tikz, "latex")
        case "molecule":
            return _fenced(element.smiles, "smiles")
        case "figure":
            return f"[Figure: {escape(element.alt)}]" if element.alt else "[Figure]"
        case "page_break":
            anchored = options.page_anchors and element.number is not None
            return f'<a id="page-{element.number}"></a>' if anchored else ""


def _lines(content: Content, options: MarkdownOptions, before: str = "") -> str:
    lines = (before + inline_markdown(content, math=options.math, newline="\\\n")).split("\n")
    return "\n".join(escape_line_start(line) for line in lines)


def _without_closing_hashes(line: str) -> str:
    """Escapes ``#`` at the end of a heading, which Markdown would remove (CommonMark 4.2)."""
    stripped = line.rstrip("#")
    return stripped + "\\#" * (len(line) - len(stripped))


def _formula(latex: str, number: str | None, display: bool, options: MarkdownOptions) -> str:
    """A formula on one line, since a line of its source could be a heading or a list in Markdown."""
    numbered = f"{latex} \\tag{{{number}}}" if number else numbered_rows(latex, display=display)
    tagged = formula_markdown(numbered)
    if not display:
        return f"${tagged}$" if options.math == "dollar" else f"\\({tagged}\\)"
    return f"$${tagged}$$" if options.math == "dollar" else f"\\[{tagged}\\]"


def _fenced(text: str, language: str) -> str:
    fence = "`" * max(3, longest_run(text) + 1)
    language = "".join(character for character in language if character.isalnum() or character in "+-#")
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
