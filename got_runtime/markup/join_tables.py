"""Tables that go on over the end of a page: under a repeated header, a caption with "(continued)", or no header."""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile

from got_runtime.markup.content import Cell, Content, Grid, Text, merge, plain_text
from got_runtime.markup.elements import AnyElement, Caption, Paragraph
from got_runtime.markup.latex.divided_words import hyphen_between
from got_runtime.markup.render.words import content_words

_CONTINUED = re.compile(
    r"\bcont(?:inued|inuation|d|'d|’d|\.)(?!\w)|\bfortsetzung\b|\bfortges(?:etzt|\.)|[(（]\s*suite\b|\bcontinuaci[oó]n\b"
    r"|续|續|承前表|つづき|続き",
    re.IGNORECASE,
)
_PAGE_NUMBER = re.compile(
    r"[-–—(\[]*\s*(?:(?:page|seite|p\.|s\.|第)\s*)?(?:\d{1,4}|[ivxl]{1,7})\s*(?:页|頁)?\s*"
    r"(?:(?:/|of|von|de|共)\s*\d{1,4}\s*(?:页|頁)?)?\s*[-–—)\]]*",
    re.IGNORECASE,
)
_PAGE_WORDS = frozenset({"page", "p", "pag", "pg", "seite", "s", "页", "頁", "página", "pagina"})
_NUMBER = re.compile(r"[\dA-Z]+(?:[.-]\d+)*")
_COMPARED_ROWS = 100  # at the end of a table, which may be that of many pages
_MISSING = frozenset({"n/a", "na", "n.a.", "nd", "n.d.", "ns", "n.s.", "k.a.", "nil", "none"})
_ABBREVIATED = re.compile(r"\b(?:al|Inc|Ltd|Co|Corp|Jr|Sr|etc|ed|eds|Ph\.D|e\.V)\.$")
_RUNNING_HEAD = 60  # characters; a longer line is text of the page


def is_page_number(element: AnyElement) -> bool:
    """Whether a paragraph is the number of its page: "12", "- 12 -", "Page 3 of 7"."""
    return isinstance(element, Paragraph) and bool(_PAGE_NUMBER.fullmatch(plain_text(element.content).strip()))


def is_running_head(element: AnyElement) -> bool:
    """Whether a paragraph could be the running head of its page: a short line that is no sentence."""
    if not isinstance(element, Paragraph):
        return False
    text = plain_text(element.content).strip()
    return len(text) <= _RUNNING_HEAD and _ABBREVIATED.sub("", text)[-1:] not in (".", "。", ":", "：", ";", "?", "!")


def is_same_head(one: str, other: str) -> bool:
    """Whether lines are the running heads of a page and the next one: alike but for the page number."""
    one, other = one.strip().casefold(), other.strip().casefold()
    if one == other:
        return True
    first, second = one.split(), other.split()
    before, after = (
        [word for word in words if word.isdigit() and word not in others]
        for words, others in ((first, second), (second, first))
    )
    if len(before) != 1 or len(after) != 1 or int(after[0]) != int(before[0]) + 1:
        return False
    at, other_at = first.index(before[0]), second.index(after[0])
    # "Group 1" and "Group 2" are titles.
    numbered = at != other_at or int(before[0]) > 9 or any(word.strip(".") in _PAGE_WORDS for word in first)
    return numbered and first[:at] + first[at + 1 :] == second[:other_at] + second[other_at + 1 :]


def goes_on(caption: AnyElement, before: AnyElement | None) -> bool:
    """Whether a caption, or a line such as "Table 1 (continued)", is that of a table whose caption was ``before``."""
    if not isinstance(caption, Caption | Paragraph):
        return False
    text = plain_text(caption.content)
    continued = len(text) <= 3 * _RUNNING_HEAD and bool(_CONTINUED.search(text))
    number = caption.number if isinstance(caption, Caption) else _first_number(text)
    if not isinstance(before, Caption):
        return continued
    same = number == before.number
    return (continued and (same or number is None or before.number is None)) or (
        isinstance(caption, Caption) and number is not None and same and caption.of == before.of == "table"
    )


def _first_number(text: str) -> str | None:
    for word in text[:_RUNNING_HEAD].split():
        found = _NUMBER.match(word.lstrip("续表續Table"))
        if found and any(character.isdigit() for character in found[0]):
            return found[0]
    return None


def join_grids(last: Grid, first: Grid, *, needs_header: bool = False, is_continued: bool = False) -> Grid | None:
    """The second grid below the first, without its header if it repeats that of the first; None for another table.

    With ``needs_header`` a table without the header of the first is another one, even if figures go on in it. Unless a
    note says that it ``is_continued``, a table without the header has numbers and words in the columns of the first.
    """
    if last.columns != first.columns or not first.rows or not last.rows:
        return None
    header = last.header_rows
    repeated = _repeats_header(last, first)
    if not repeated and (needs_header or _differs(last, first, is_continued=is_continued)):
        return None
    skipped = header if repeated else 0
    body = [cell for cell in first.cells if cell.row >= skipped]
    cells, shift = list(last.cells), last.rows - skipped
    if _goes_on_in_row(last, body, skipped):
        row = {cell.column: cell for cell in body if cell.row == skipped}
        cells = [_joined(cell, row) if cell.row == last.rows - 1 else cell for cell in cells]
        body = [cell for cell in body if cell.row > skipped]
        shift -= 1
    moved = [Cell(**{**dict(cell), "row": cell.row + shift}) for cell in body]
    return last.model_copy(update={"rows": first.rows + shift, "cells": (*cells, *moved)})


def _repeats_header(last: Grid, first: Grid) -> bool:
    """Whether the first rows of ``first`` are the header of ``last``; spaces and capitals may differ."""
    count = last.header_rows
    return 0 < count <= first.rows and _words(last, count) == _words(first, count)


def _words(grid: Grid, rows: int) -> list[tuple[int, int, int, int, str]]:
    return [
        (cell.row, cell.column, cell.rowspan, cell.colspan, "".join(content_words(cell.content).split()).lower())
        for cell in rows_of(grid, rows)
        if cell.content
    ]


def _goes_on_in_row(last: Grid, body: Sequence[Cell], row: int) -> bool:
    """Whether the end of the page cut a row: its rest has no first cell, and begins within the words of cells."""
    rest = {cell.column: cell for cell in body if cell.row == row and cell.content}
    cut = {cell.column: cell for cell in _last_rows(last, 1) if cell.content}
    if not rest or 0 in rest or not rest.keys() <= cut.keys() or last.rows <= last.header_rows:
        return False
    spanned = any(cell.rowspan > 1 for cell in (*rest.values(), *cut.values()))
    return not spanned and all(_runs_on(cut[column].content, cell.content) for column, cell in rest.items())


def _runs_on(before: Content, after: Content) -> bool:
    end, start = content_words(before).rstrip(), content_words(after).lstrip()
    return end[-1:] not in (".", "!", "?", ";", "。") and start[:1].islower() and end[-1:].isprintable()


def _joined(cell: Cell, rest: dict[int, Cell]) -> Cell:
    other = rest.get(cell.column)
    if other is None or not other.content:
        return cell
    return cell.model_copy(update={"content": join_content(cell.content, other.content)})


def join_content(before: Content, after: Content) -> Content:
    """Two parts of a text that the end of a page divides."""
    end = before[-1]
    divided = hyphen_between(end.text, plain_text(after).lstrip()) if end.kind == "text" else None
    if divided is not None and end.kind == "text":
        return merge((*before[:-1], Text(text="".join(divided), marks=end.marks), *after))
    east_asian = plain_text(before).rstrip()[-1:] > "\u2e80" and plain_text(after).lstrip()[:1] > "\u2e80"
    return merge((*before, Text(text="" if east_asian else " "), *after))


def _starts_with_figures(last: Grid, first: Grid) -> bool:
    """Whether the header of ``first`` has numbers in a column of numbers, so that it is no header.

    GOT often writes a rule below every row; the first row of a continued table then looks like a header.
    """
    worded = {cell.column for cell in _last_rows(last) if _has(cell, str.isalpha)}
    dated = {cell.column for cell in rows_of(last, last.header_rows) if _is_figure(cell)}
    return any(_is_figure(cell) and cell.column not in worded | dated for cell in rows_of(first, first.header_rows))


def _differs(last: Grid, first: Grid, *, is_continued: bool) -> bool:
    """Whether ``first`` has a header of its own, or, unless a note says that it goes on, other columns."""
    headed = bool(first.header_rows and (last.header_rows or not is_continued))
    return (headed and not _starts_with_figures(last, first)) or not (is_continued or _agrees(last, first))


def _agrees(last: Grid, first: Grid) -> bool:
    """Whether no column has numbers in one table and words in the other; under a header, whether one column agrees.

    Rows without a header may be those of any table; under a header, words such as "not measured" stand in for numbers.
    """
    kinds = [_column_kinds(cells) for cells in (_last_rows(last), first.cells)]
    both = [kinds[0][column] == kinds[1][column] for column in kinds[0].keys() & kinds[1].keys()]
    return not both or (any(both) if last.header_rows else all(both))


def _last_rows(grid: Grid, count: int = _COMPARED_ROWS) -> list[Cell]:
    """The cells of the last rows below the header, the last one first."""
    top = max(grid.header_rows, grid.rows - count)
    return list(takewhile(lambda cell: cell.row >= top, reversed(grid.cells)))


def _column_kinds(cells: Iterable[Cell]) -> dict[int, str]:
    """The kind of the cells in each column; columns of both kinds, or of "USD 7", are left out."""
    found: dict[int, set[str]] = {}
    for cell in cells:
        words = content_words(cell.content).strip()
        first = next((character for character in words if character.isalnum()), "")
        if first and cell.colspan == 1 and words.lower() not in _MISSING:
            kinds = {"number"} if first.isdigit() else {"words", "number"} if _has(cell, str.isdigit) else {"words"}
            found.setdefault(cell.column, set()).update(kinds)
    return {column: kinds.pop() for column, kinds in found.items() if len(kinds) == 1}


def _is_figure(cell: Cell) -> bool:
    return _has(cell, str.isdigit) and not _has(cell, str.isalpha)


def _has(cell: Cell, sort: Callable[[str], bool]) -> bool:
    return any(sort(character) for character in content_words(cell.content))


def rows_of(grid: Grid, count: int) -> list[Cell]:
    """The cells of the first ``count`` rows."""
    return list(takewhile(lambda cell: cell.row < count, grid.cells))
