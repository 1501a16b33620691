"""Lines in reading order → the parts of a page: title, headings, paragraphs, lists, footnotes, tables and formulas.

What is not sure is a paragraph. Tables and formulas are told apart before; only text, place, size and weight of lines
are looked at here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from got_runtime.views.part_lines import BULLET, MIN_SIDES, SECTION_SIZE, SENTENCE_END, LineReader, PartLine, is_label

__all__ = ["Part", "PartKind", "parts_of"]

PartKind = Literal[
    "title", "author", "abstract", "section", "subsection", "paragraph", "bullets", "numbers", "footnote", "formula",
    "table",
]  # fmt: skip

TITLE_SIZE = 1.3
"""Sizes and weights are relative to the median ones of the page's lines."""
HEADING_WEIGHT = 1.25
WIDE = 0.85
"""Part of its column that a title takes which cannot be seen to be centred."""
MAX_HEADING_LINES = 2
_SECTION_NUMBER = re.compile(r"\d{1,2}(\.\d{1,2})*\.?\s+[^\W\d]")


@dataclass(frozen=True)
class Part:
    """A part of a page. ``lines`` are indices of lines; a list has them for each of its ``items``.

    ``number`` is that of the formula or table.
    """

    kind: PartKind
    items: tuple[tuple[int, ...], ...]
    number: int = 0

    @property
    def lines(self) -> tuple[int, ...]:
        return tuple(index for item in self.items for index in item)


def parts_of(lines: Sequence[PartLine], footnote_rules: Sequence[tuple[int, int, int, int]] = ()) -> list[Part]:
    """The parts of a page, in the order of its lines.

    Args:
        lines: in reading order.
        footnote_rules: boxes of level rules that belong to no table.
    """
    reader = LineReader(lines, footnote_rules)
    parts: list[Part] = []
    notes = False
    for block in reader.blocks():
        first = lines[block[0]]
        if first.part is not None:
            parts.append(Part(first.part[0], (tuple(block),), first.part[1]))
            notes = False
            continue
        kind = "footnote" if notes else _kind(reader, block, parts)
        notes = kind == "footnote"
        if parts and kind == parts[-1].kind:
            if kind in ("bullets", "numbers"):
                parts[-1] = Part(kind, (*parts[-1].items, tuple(block)))
                continue
            if kind in ("title", "footnote"):
                parts[-1] = Part(kind, ((*parts[-1].lines, *block),))
                continue
        if kind == "abstract":  # its label is the part before
            parts[-1] = Part(kind, (parts[-1].lines, tuple(block)))
            continue
        parts.append(Part(kind, (tuple(block),)))
    return parts


def _kind(reader: LineReader, block: Sequence[int], before: Sequence[Part]) -> PartKind:
    lines, first = reader.lines, block[0]
    line = lines[first]
    text = " ".join(lines[index].text for index in block)
    last = before[-1] if before else None
    large = min(
        median(lines[index].ascent for index in block) / reader.ascent,
        median(lines[index].x_height for index in block) / reader.size,
    )
    if last is not None and last.kind == "author" and is_label(lines[last.lines[-1]]):
        return "abstract"
    if BULLET.match(line.text):
        return "bullets"
    if reader.is_item(first):
        return "numbers"
    if reader.rules and reader.is_after_rule(first):
        return "footnote"
    centred = all(reader.is_centred(index) for index in block)
    column = reader.columns[first]
    wide = all(lines[index].box[2] - lines[index].box[0] > WIDE * (column.right - column.left) for index in block)
    first_part = last is None or last.kind == "title"
    inset = line.box[0] - column.left > MIN_SIDES * reader.size
    if large > TITLE_SIZE and first_part and (inset or wide) and not SENTENCE_END.search(text):
        return "title"
    if is_label(line) or (last is not None and last.kind == "title" and reader.on_one_axis(last.lines[0], block)):
        return "author"
    if len(block) > MAX_HEADING_LINES or SENTENCE_END.search(text) or centred or not text[:1].isalnum():
        return "paragraph"
    heavy = median(lines[index].weight / lines[index].ascent for index in block) / reader.weight
    numbered = _SECTION_NUMBER.match(text)
    if large > SECTION_SIZE or heavy > HEADING_WEIGHT or numbered or reader.leads(block):
        below = numbered[1] is not None if numbered else large <= SECTION_SIZE
        return "subsection" if below else "section"
    return "paragraph"
