"""An element over a token budget → parts of it, each an element that is valid by itself."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import JsonValue

from got_runtime.markup.content import Content, Text
from got_runtime.markup.elements import AnyElement, Chart, Figure, Music, Paragraph, Table
from got_runtime.markup.notation import chart
from got_runtime.markup.render.markdown import MarkdownOptions, element_markdown
from got_runtime.markup.render.table import plain_pipe_rows
from got_runtime.markup.split.content import SplitContent
from got_runtime.markup.split.formula import formula_rows
from got_runtime.markup.split.grid import GridRows
from got_runtime.markup.split.score import ScoreRecords
from got_runtime.markup.token_count import CountTokens

# What parts have in common is repeated in each as long as all copies are not longer than so many times the element and
# so many characters, so that a long header above many short rows takes no quadratic space.
_COPIES = 20
_COPIED_CHARACTERS = 50_000

# A statement of TikZ with the line break after it, or a line without one.
_STATEMENT = re.compile(r"[^;\n]*(?:;[ \t]*\n?|\n)|[^;\n]+")


class Part(NamedTuple):
    """A part of an element, its Markdown, and the number of tokens of it."""

    element: AnyElement
    text: str
    tokens: int


@dataclass(frozen=True)
class Measure:
    """Counts the tokens of elements: those of their Markdown, by ``count``."""

    count: CountTokens
    options: MarkdownOptions

    def part(self, element: AnyElement) -> Part:
        """The whole element as a part."""
        text = element_markdown(element, self.options)
        return Part(element, text, self.count(text))


@dataclass(frozen=True)
class _Units:
    """What an element is split into.

    ``texts`` are the units in Markdown. ``ends`` has a level for the end of each, higher where it is better to split.
    ``build`` makes an element of the units from the first index to before the second one. ``common`` is what all parts
    have in common, such as the header of a table.
    """

    texts: Sequence[str]
    ends: Sequence[int]
    build: Callable[[int, int], AnyElement]
    common: AnyElement | None = None


def split(whole: Part, budget: int, measure: Measure) -> list[Part]:
    """An element in parts of at most ``budget`` tokens.

    A text is split between lines, else sentences, Chinese or Japanese clauses, words, characters; a table and a chart
    between rows, under their header; code, a score and a drawing in TikZ between lines; a formula between rows. A part
    of one row, line or word may be over the budget. What follows the first part of a list item is a paragraph. The time
    is linear.
    """
    units = _units(whole, budget, measure) if whole.tokens > budget else None
    if units is None or len(units.texts) < 2:
        return [whole]
    common = measure.part(units.common if units.common is not None else units.build(0, 0)).tokens
    # Units may have fewer tokens than their Markdown, in which signs are escaped.
    escaped = (whole.tokens - common) / max(1, measure.count("".join(units.texts)))
    limit = max(1, budget - common - (escaped > 1)) / max(1.0, escaped)  # one less for what is rounded
    ranges = [*_ranges(units, 0, len(units.texts), max(units.ends), limit, measure.count)][::-1]
    parts: list[Part] = []
    while ranges:
        low, high = ranges.pop()
        part = measure.part(units.build(low, high))
        if part.tokens > budget and high - low > 1:  # a text may have more tokens than its units together
            middle = (low + high) // 2
            ranges += [(middle, high), (low, middle)]
        elif any(text.strip() for text in units.texts[low:high]):
            parts.append(part)
    return parts


def repeats(common: str, times: int, whole: str) -> bool:
    """Whether ``common`` may be repeated in each of the parts of ``whole``: the copies take linear space."""
    return len(common) * times <= _COPIES * len(whole) + _COPIED_CHARACTERS


def _ranges(
    units: _Units, low: int, high: int, level: int, limit: float, count: CountTokens
) -> Iterator[tuple[int, int]]:
    """Ranges of units of about ``limit`` tokens or less, as long as possible; each unit is counted once a level."""
    sections = [*_sections(units.ends, low, high, level)]
    costs = [count("".join(units.texts[first:last])) for first, last in sections]
    # Sections may have more tokens than the text of them all: Chinese characters, each of which is a word by itself.
    scale = count("".join(units.texts[low:high])) / max(1, sum(costs))
    start, tokens = low, 0.0
    for (first, last), section_tokens in zip(sections, costs, strict=True):
        cost = section_tokens * min(1.0, scale)
        if start < first and tokens + cost > limit:
            yield start, first
            start, tokens = first, 0.0
        tokens += cost
        if section_tokens > limit and last - first > 1 and level > 1:
            yield from _ranges(units, first, last, level - 1, limit, count)
            start, tokens = last, 0.0
    if start < high:
        yield start, high


def _sections(ends: Sequence[int], low: int, high: int, level: int) -> Iterator[tuple[int, int]]:
    """The ranges between ends of at least this level."""
    for index in range(low, high):
        if ends[index] >= level or index + 1 == high:
            yield low, index + 1
            low = index + 1


def _units(whole: Part, budget: int, measure: Measure) -> _Units | None:
    """What an element is split into; None for one that is kept whole."""
    element = whole.element
    match element.kind:
        case "table":
            return _table_units(element, whole.text, budget, measure)
        case "chart":
            return _chart_units(element, measure)
        case "formula":
            rows = formula_rows(element.latex)
            return _Units(
                rows.rows, [1] * len(rows.rows), lambda low, high: _changed(element, latex=rows.part(low, high))
            )
        case "code":
            return _line_units(element, "code", [f"{line}\n" for line in element.code.split("\n")])
        case "geometry":
            return _line_units(element, "tikz", _STATEMENT.findall(element.tikz))
        case "music":
            return _score_units(element, budget, measure)
        case "figure":
            return _figure_units(element)
        case "molecule" | "page_break":
            return None
        case _:
            return _content_units(element, element.content)


def _changed(element: AnyElement, **fields: object) -> AnyElement:
    return element.model_copy(update=fields)


def _content_units(element: AnyElement, content: Content) -> _Units:
    pieces = SplitContent(content)
    # A space before a footnote or table at the start is a part without text, which is left out.
    first = next((index for index, text in enumerate(pieces.texts) if text.strip()), 0)

    def build(low: int, high: int) -> AnyElement:
        part = pieces.part(low, high)
        if low > first and element.kind == "list_item":
            return Paragraph(span=element.span, content=part)
        if low > first and element.kind == "footnote":
            return _changed(element, content=part, mark=None)
        if low > first and element.kind == "reference":
            return _changed(element, content=part, key=None)
        return _changed(element, content=part)

    return _Units(pieces.texts, pieces.ends, build)


def _figure_units(figure: Figure) -> _Units:
    pieces = SplitContent((Text(text=figure.alt or ""),))
    return _Units(
        pieces.texts,
        pieces.ends,
        lambda low, high: _changed(figure, alt="".join(pieces.texts[low:high]).strip() or None),
    )


def _line_units(element: AnyElement, field: str, lines: list[str]) -> _Units:
    """Lines or statements; it is better to split after a line, and best after an empty one."""
    ends = [1 if not line.endswith("\n") else 2 if line.strip() else 3 for line in lines]
    return _Units(lines, ends, lambda low, high: _changed(element, **{field: "".join(lines[low:high]).rstrip("\n")}))


def _score_units(score: Music, budget: int, measure: Measure) -> _Units:
    records = ScoreRecords(score.humdrum)
    middle = len(records.lines) // 2
    head = records.part(middle, middle, lasting=True)
    lasting = measure.count(head) <= budget // 4
    lines = [f"{line}\n" for line in records.lines]
    ends = [2 if after.startswith("=") else 1 for after in (*lines[1:], "")]
    return _Units(
        lines,
        ends,
        lambda low, high: _changed(score, humdrum=records.part(low, high, lasting=lasting)),
        _changed(score, humdrum=records.part(middle, middle, lasting=lasting)),
    )


def _chart_units(element: Chart, measure: Measure) -> _Units | None:
    records = chart.full_records(element.value)
    if not records:
        return None
    rows = plain_pipe_rows(chart.to_rows(element.value))[1:]
    blank: dict[str, JsonValue] = dict.fromkeys(records[0])
    common = _changed(element, value=chart.with_records(element.value, [blank]))
    texts = [f"{row}\n" for row in rows]
    if not repeats(measure.part(common).text, len(rows), "".join(texts)):
        return None
    return _Units(
        texts,
        [1] * len(texts),
        lambda low, high: _changed(element, value=chart.with_records(element.value, records[low:high])),
        common,
    )


def _table_units(table: Table, text: str, budget: int, measure: Measure) -> _Units:
    first, _, *others = text.split("\n")  # between the two is the line of delimiters
    lines = [f"{line}\n" for line in (first, *others)]
    header = max(1, table.grid.header_rows)
    if header >= len(lines) or measure.count("".join(lines[:header])) > budget:
        header = 1  # a pipe table has one at least
    rows = GridRows(table.grid, header)
    body, head = lines[header:], "".join(lines[:header])
    if repeats(head, len(body), "".join(lines)):
        return _Units(body, [1] * len(body), lambda low, high: _changed(table, grid=rows.part(low, high)))

    def build(low: int, high: int) -> AnyElement:
        # the header is the first unit; the parts without it have an empty one
        grid = rows.part(0, high - 1) if low < high and low == 0 else rows.part(low - 1, high - 1, header=False)
        return _changed(table, grid=grid)

    return _Units([head, *body], [1] * len(lines), build)
