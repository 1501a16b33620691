"""Pages of one document → one list of elements; paragraphs and tables across page ends are joined."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from got_runtime.markup.content import Content, plain_text
from got_runtime.markup.elements import AnyElement, Caption, PageBreak, Paragraph, Repair, Table
from got_runtime.markup.headings import nest_headings
from got_runtime.markup.join_tables import (
    goes_on,
    is_page_number,
    is_running_head,
    is_same_head,
    join_content,
    join_grids,
)
from got_runtime.markup.latex.parser import read_elements

_LONGEST_HEAD = 200  # characters
_SHORT_LINES = 2  # running heads or feet between two parts of a table
_MOST_ELEMENTS = 100  # of a page, among which its running head is looked for
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
            with one of as many columns that continues it: under the same header, under none if its columns hold
            numbers or words as the first ones do, or under a caption that says so ("Table 1 (continued)"), which is
            left out. The joined element has a warning; footnotes, page numbers,
            running heads and the page break between its halves follow it with empty spans.
        numbers: page numbers, if not all pages of the document were read (default: 1, 2, 3 …). Page breaks within an
            answer have the number of its page.
        is_latex: for each answer, whether it is GOT's markup rather than lines of text (default: all are).
        breaks: for each answer, indices at which a paragraph begins (see :func:`~got_runtime.markup.parse`).
    """
    elements: list[AnyElement] = []
    offset, last = 0, _Last()
    previous: int | None = None
    counted, markup = numbers or range(1, len(answers) + 1), is_latex or [True] * len(answers)
    starts = breaks or [()] * len(answers)
    for number, answer, marked, paragraphs in zip(counted, answers, markup, starts, strict=True):
        parsed = read_elements(answer, is_latex=marked, breaks=paragraphs)
        page = [_moved(element, offset, number) for element in parsed]
        if previous is not None:
            elements.append(PageBreak(span=(offset - 1, offset), number=number))
            if join and page:
                page, last = _join_first(elements, page, last, (previous, number))
        start = len(elements)
        elements += page
        last = _last(elements, start) or last
        offset += len(answer) + 1
        previous = number
    return nest_headings(_behind_joined(elements))


def _behind_joined(elements: Sequence[AnyElement]) -> list[AnyElement]:
    """The elements, with empty spans for those between the halves of a joined one.

    This is done once, since a table can go on over a thousand pages.
    """
    moved: list[AnyElement] = []
    end = 0
    for element in elements:
        inside = element.span[0] < end
        moved.append(_changed(element, span=(end, end)) if inside else element)
        end = max(end, moved[-1].span[1])
    return moved


class _Last(NamedTuple):
    """Indexes of the elements at the end of a page that the next page may continue; -1 for none.

    ``element`` is that of the last one besides footnotes and page numbers, ``table`` that of a table that only short
    lines follow.
    """

    element: int = -1
    table: int = -1


def _last(elements: Sequence[AnyElement], start: int) -> _Last | None:
    """What the page whose elements begin at ``start`` ends with; None for a page without text."""
    at = len(elements) - 1
    while at >= start and (elements[at].kind == "footnote" or is_page_number(elements[at])):
        at -= 1
    if at < start:
        return None
    table = at
    while table > max(start, at - _SHORT_LINES) and (
        is_running_head(elements[table]) or goes_on(elements[table], None)
    ):
        table -= 1
    if elements[table].kind == "caption" and table > start:  # below its table
        table -= 1
    return _Last(at, table if elements[table].kind == "table" else -1)


def _moved(element: AnyElement, offset: int, page: int) -> AnyElement:
    span = element.span[0] + offset, element.span[1] + offset
    return _changed(element, span=span, number=page) if element.kind == "page_break" else _changed(element, span=span)


def _changed(element: AnyElement, **fields: Any) -> AnyElement:
    return element.model_copy(update=fields)


def _join_first(
    elements: list[AnyElement], page: list[AnyElement], last: _Last, numbers: tuple[int, int]
) -> tuple[list[AnyElement], _Last]:
    """Joins what ``page`` begins with to the element that it continues; returns the other elements of the page."""
    start = 0
    while start < len(page) - 1 and is_page_number(page[start]):
        start += 1
    joined = _joined_paragraph(elements, page, last, start) or _joined_table(elements, page, last, start)
    if joined is None:
        return page, _Last()
    where = f" under “{joined.caption}”" if joined.caption else ""
    note = Repair(code="joined-pages", message=f"goes on from page {numbers[0]} on page {numbers[1]}{where}: joined")
    before, first = elements[joined.at], page[joined.first]
    warnings = (*before.warnings, *first.warnings, note)
    end = page[joined.end - 1].span[1]
    elements[joined.at] = _changed(before, span=(before.span[0], end), warnings=warnings, **joined.fields)
    elements += page[: joined.first - bool(joined.caption and joined.end == joined.first + 1)]
    table = joined.at if before.kind == "table" else -1
    return page[joined.end :], _Last(joined.at, table)


_CHINESE_LINE = 24  # characters of a line that fills its column
_CHINESE_MARKER = re.compile(r"第?[一二三四五六七八九十\d]{1,3}[、.．章节条款)）]|[附图表]\s?\d|参考文献|摘要|目录")


class _Joined(NamedTuple):
    """An element with the part of it that is on the next page.

    ``at`` is its index, ``first`` that of the part among the elements of its page, ``end`` that of the next one after
    it; ``caption`` that of the part, which is left out.
    """

    at: int
    first: int
    end: int
    fields: dict[str, Any]
    caption: str = ""


def _joined_paragraph(
    elements: Sequence[AnyElement], page: Sequence[AnyElement], last: _Last, start: int
) -> _Joined | None:
    before, first = elements[last.element], page[start]
    if last.element < 0 or not isinstance(before, Paragraph) or not isinstance(first, Paragraph):
        return None
    end, after = plain_text(before.content).rstrip(), plain_text(first.content).lstrip()
    if not end or not after or end[-1] in _SENTENCE_ENDS:
        return None
    if not after[0].islower() and not _goes_on_in_chinese(before.content, after):
        return None
    return _Joined(last.element, start, start + 1, {"content": join_content(before.content, first.content)})


def _goes_on_in_chinese(content: Content, after: str) -> bool:
    """Whether the last line of a paragraph is as long as a column, and a sentence without a number goes on in it."""
    last_break = max((index for index, piece in enumerate(content) if piece.kind == "break"), default=-1)
    line = plain_text(content[last_break + 1 :]).strip()
    chinese = "\u2e80" <= line[-1:] <= "\u9fff" or line[-1:] in "，、"
    begins = "\u4e00" <= after[0] <= "\u9fff" and not _CHINESE_MARKER.match(after)
    return chinese and begins and len(line) >= _CHINESE_LINE and any(sign in line + after for sign in "，。；、")


def _joined_table(
    elements: Sequence[AnyElement], page: Sequence[AnyElement], last: _Last, start: int
) -> _Joined | None:
    if last.table < 0:
        return None
    caption = next((each for each in _beside(elements, last.table) if each.kind == "caption"), None)
    first = start
    while first < min(len(page) - 1, start + _SHORT_LINES) and (
        is_running_head(page[first]) and not goes_on(page[first], caption)
    ):
        first += 1
    if any(goes_on(each, None) and not goes_on(each, caption) for each in page[start : first + 1]):
        return None  # another table goes on
    above = page[first] if goes_on(page[first], caption) else None
    table = first + (above is not None)
    if table >= len(page) or not isinstance(page[table], Table):
        return None
    below = page[table + 1] if table + 1 < len(page) and above is None else None
    below = below if below is not None and below.kind == "caption" and goes_on(below, caption) else None
    noted = any(goes_on(each, None) for each in elements[last.table + 1 : last.element + 1])  # (continued overleaf)
    is_continued = above is not None or below is not None or noted
    if not is_continued and last.table != last.element and elements[last.element].kind != "caption":
        return None
    before, part = elements[last.table], page[table]
    if not isinstance(before, Table) or not isinstance(part, Table):
        return None
    heads = page[start:first]
    headed = is_continued or _stand_above(heads, elements, last.table)
    if not headed and caption is None and is_running_head(elements[last.table - 1]):
        return None  # both have a title
    grid = join_grids(before.grid, part.grid, needs_header=not headed, is_continued=is_continued)
    if grid is None:
        return None
    note = above or below
    words = plain_text(note.content) if isinstance(note, Caption | Paragraph) else ""
    return _Joined(last.table, table, table + 1 + (below is not None), {"grid": grid}, words)


def _stand_above(heads: Sequence[AnyElement], elements: Sequence[AnyElement], table: int) -> bool:
    """Whether each of the lines stands on the page of a table, too, as a running head does; so do no lines at all."""
    wanted = {plain_text(each.content) for each in heads if isinstance(each, Paragraph)}
    for each in reversed(elements[max(0, table - _MOST_ELEMENTS) : table]):
        if not wanted or each.kind == "page_break":
            break
        if isinstance(each, Paragraph):
            found = plain_text(each.content)[: _LONGEST_HEAD + 1]
            wanted = {head for head in wanted if not is_same_head(found, head)}
    return not wanted


def _beside(elements: Sequence[AnyElement], index: int) -> Sequence[AnyElement]:
    return [*elements[max(0, index - 1) : index], *elements[index + 1 : index + 2]]
