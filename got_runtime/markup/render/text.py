"""Elements → plain text without markup, for search and embedding."""

from collections.abc import Sequence

from got_runtime.markup.content import Grid
from got_runtime.markup.elements import AnyElement
from got_runtime.markup.notation import chart
from got_runtime.markup.render.formula_words import to_words
from got_runtime.markup.render.table import to_rows
from got_runtime.markup.render.words import content_words


def to_text(elements: Sequence[AnyElement]) -> str:
    """The elements as text: blocks separated by an empty line, list items by a line break, cells of a row by tabs."""
    out: list[str] = []
    before = ""
    for element in elements:
        if block := element_text(element):
            tight = before == element.kind == "list_item"
            out.append(("\n" if tight else "\n\n") + block if out else block)
            before = element.kind
    return "".join(out) + "\n" if out else ""


def element_text(element: AnyElement) -> str:
    """One element as text; empty if there is none."""
    match element.kind:
        case "list_item":
            marker = f"{element.number or 1}." if element.ordered else element.label or "-"
            return f"{'  ' * element.depth}{marker} {content_words(element.content)}".rstrip()
        case "footnote":
            return (
                f"[{element.mark}] {content_words(element.content)}" if element.mark else content_words(element.content)
            )
        case "reference":
            return (
                f"[{element.key}] {content_words(element.content)}" if element.key else content_words(element.content)
            )
        case "table":
            return _grid_text(element.grid)
        case "chart":
            return "\n".join(filter(None, (chart.heading(element.value), _grid_text(chart.to_grid(element.value)))))
        case "formula":
            return to_words(element.latex) + (f" ({element.number})" if element.number else "")
        case "code":
            return element.code.strip("\n")
        case "music":
            return element.humdrum.strip()
        case "geometry":
            return element.tikz.strip()
        case "molecule":
            return element.smiles
        case "figure":
            return f"[Figure: {element.alt}]" if element.alt else "[Figure]"
        case "page_break":
            return ""
        case _:
            return content_words(element.content).strip()


def _grid_text(grid: Grid) -> str:
    rows = to_rows(grid, lambda content: content_words(content, newline=" "), "blank")
    return "\n".join("\t".join(row).rstrip() for row in rows)
