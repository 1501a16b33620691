"""Pages of one document → one list of elements; paragraphs and tables across page ends are joined."""

from collections.abc import Callable, Sequence
from typing import Any

from got_runtime.markup.content import Cell, Content, Grid, Text, merge, plain_text
from got_runtime.markup.elements import AnyElement, PageBreak, Paragraph, Repair, Table
from got_runtime.markup.headings import nest_headings
from got_runtime.markup.latex.divided_words import hyphen_between
from got_runtime.markup.latex.parser import read_elements
from got_runtime.markup.render.words import content_words

_SENTENCE_ENDS = frozenset(".!?:;。！？：；…\"”')]")


def parse_pages(
    answers: Sequence[str],
    *,
    join: bool = True,
    numbers: Sequence[int] | None = None,
    is_latex: Sequence[bool] | None = None,
    breaks: Sequence[Sequence[int]] | None = None,
) -> list[AnyElement]:
    """The elements of a document, from one answer for each page.

    Spans are indexes into ``"\\f".join(answers)`` and cover that text exactly once. A page break stands between pages.

    Args:
        answers: the answer of each page.
        join: whether to join a paragraph that ends within a sentence with one that continues in lower case, and a table
            with one of as many columns that continues it. The joined element has a warning; footnotes and the page
            break between its halves follow it with empty spans.
        numbers: page numbers, if not all pages of the document were read (default: 1, 2, 3 …). Page breaks within an
            answer have the number of its page.
        is_latex: for each answer, whether it is GOT's markup rather than lines of text (default: all are).
        breaks: for each answer, indices at which a paragraph begins (see :func:`~got_runtime.markup.parse`).
    """
    elements: list[AnyElement] = []
    offset = 0
    previous: int | None = None
    counted, markup = numbers or range(1, len(answers) + 1), is_latex or [True] * len(answers)
    starts = breaks or [()] * len(answers)
    for number, answer, marked, paragraphs in zip(counted, answers, markup, starts, strict=True):
        parsed = read_elements(answer, is_latex=marked, breaks=paragraphs)
        page = [_moved(element, offset, number) for element in parsed]
        if previous is not None:
            elements.append(PageBreak(span=(offset - 1, offset), number=number))
            if join and page:
                page = _join_first(elements, page, (previous, number))
        elements += page
        offset += len(answer) + 1
        previous = number
    return nest_headings(elements)


def _moved(element: AnyElement, offset: int, page: int) -> AnyElement:
    span = element.span[0] + offset, element.span[1] + offset
    return _changed(element, span=span, number=page) if element.kind == "page_break" else _changed(element, span=span)


def _changed(element: AnyElement, **fields: Any) -> AnyElement:
    return element.model_copy(update=fields)


def _join_first(elements: list[AnyElement], page: list[AnyElement], numbers: tuple[int, int]) -> list[AnyElement]:
    """Joins the first element of ``page`` to the last one before the break if it continues it; returns the others."""
    at = len(elements) - 2
    while at >= 0 and elements[at].kind == "footnote":
        at -= 1
    if at < 0:
        return page
    last, first = elements[at], page[0]
    joined: dict[str, Any] | None = None
    if isinstance(last, Paragraph) and isinstance(first, Paragraph):
        content = _join_content(last.content, first.content)
        joined = {"content": content} if content is not None else None
    elif isinstance(last, Table) and isinstance(first, Table):
        grid = _join_grids(last.grid, first.grid)
        joined = {"grid": grid} if grid is not None else None
    if joined is None:
        return page
    note = Repair(code="joined-pages", message=f"goes on from page {numbers[0]} on page {numbers[1]}: joined")
    warnings = (*last.warnings, *first.warnings, note)
    end = first.span[1]
    between = [_changed(each, span=(end, end)) for each in elements[at + 1 :]]
    elements[at:] = [_changed(last, span=(last.span[0], end), warnings=warnings, **joined), *between]
    return page[1:]


def _join_content(last: Content, first: Content) -> Content | None:
    before, after = plain_text(last).rstrip(), plain_text(first).lstrip()
    if not before or not after or before[-1] in _SENTENCE_ENDS or not after[0].islower():
        return None
    end = last[-1]
    divided = hyphen_between(end.text, after) if end.kind == "text" else None
    if divided is not None and end.kind == "text":
        return merge((*last[:-1], Text(text="".join(divided), marks=end.marks), *first))
    return merge((*last, Text(text=" "), *first))


def _join_grids(last: Grid, first: Grid) -> Grid | None:
    """The second grid below the first, without its header if it repeats that of the first; None for another table."""
    if last.columns != first.columns or not first.rows or not last.rows:
        return None
    header = last.header_rows
    repeated = bool(header) and _rows(last, header) == _rows(first, header)
    if not repeated and first.header_rows and last.header_rows and not _starts_with_figures(last, first):
        return None  # a different header: another table
    skipped = header if repeated else 0
    moved = [
        Cell(**{**dict(cell), "row": cell.row - skipped + last.rows}) for cell in first.cells if cell.row >= skipped
    ]
    return Grid(
        rows=last.rows + first.rows - skipped,
        columns=last.columns,
        cells=(*last.cells, *moved),
        header_rows=header,
        alignment=last.alignment,
    )


def _starts_with_figures(last: Grid, first: Grid) -> bool:
    """Whether the header of ``first`` has numbers in a column of numbers, so that it is no header.

    GOT often writes a rule below every row; the first row of a continued table then looks like a header.
    """
    worded = {cell.column for cell in last.cells if cell.row >= last.header_rows and _has(cell, str.isalpha)}
    dated = {cell.column for cell in _rows(last, last.header_rows) if _is_figure(cell)}
    return any(_is_figure(cell) and cell.column not in worded | dated for cell in _rows(first, first.header_rows))


def _is_figure(cell: Cell) -> bool:
    return _has(cell, str.isdigit) and not _has(cell, str.isalpha)


def _has(cell: Cell, sort: Callable[[str], bool]) -> bool:
    return any(sort(character) for character in content_words(cell.content))


def _rows(grid: Grid, count: int) -> list[Cell]:
    return [cell for cell in grid.cells if cell.row < count]
