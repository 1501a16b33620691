"""What the lines of a page tell of its parts: columns, pitch and size of type, and where a paragraph begins."""

import itertools
import math
import re
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Literal, NamedTuple

from got_runtime.views.pieces import Box

__all__ = ["BULLET", "MIN_SIDES", "SECTION_SIZE", "SENTENCE_END", "LineReader", "PartLine", "is_label"]

SECTION_SIZE = 1.13
"""Sizes and weights are relative to the median ones of the page's lines, distances in x-heights."""
SAME_SIZE = 1.2
WIDE_PITCH = 1.2
"""Distance of two lines, relative to the usual one, from which they are of two parts."""
LITTLE_WIDER_PITCH = 1.04
"""The same where the first line also ends a sentence and leaves room for the first word of the second one."""
WIDE_ITEM_PITCH = 1.6
"""The same within an item of a list."""
FAR = 4.5
"""Distance of two lines which is none within a paragraph."""
WIDE_ROOM = 3.0
"""Room, beside the first word of the next line, from which a line surely ends its paragraph."""
INDENT = 1.2
"""Indentation from which a line begins a paragraph."""
CENTRED = 1.5
"""By how much the white space on both sides of a centred line differs."""
SAME_AXIS = 0.8
"""Twice the distance of the middles of two lines that are centred below each other."""
SHORT = 0.25
"""Part of its column that a centred line leaves free; an indented first line leaves less."""
MIN_SIDES = 2.0
"""Least white space on both sides of a centred line."""
FOOTNOTE_RULE = 0.5
"""Part of its column that the rule above footnotes takes at most."""
NEARER, LONG = 1.1, 0.6
"""A heading in the type of its text stands so much nearer to that, whose first line takes so much of its column."""
BULLET = re.compile(r"(?:[•◦▪·●○–—*o-])\s+(?=\S)")
SENTENCE_END = re.compile(r"[.!?:;,][\"'”’)]*$")
_NUMBER = re.compile(r"\(?(?:\d{1,2}|[Il])[.)]\s+(?=\S)")
_ONE = re.compile(r"[Il]\.")
"""A number 1 as it may be read."""


class PartLine(NamedTuple):
    """A line: its text, its box on the levelled page, its x-height and the width of its strokes, all in pixels.

    ``base`` is where its small letters end, from the top of the page. ``part`` is the number of the formula or table
    that it belongs to, and which of them that is.
    """

    text: str
    box: Box
    x_height: float
    weight: float
    base: float
    part: tuple[Literal["formula", "table"], int] | None = None

    @property
    def ascent(self) -> float:
        """Height of its capitals and ascenders: that of small letters is measured wrong in a line of many digits."""
        return max(1.0, self.base - self.box[1])


class _Column(NamedTuple):
    """Edges of the text that a line stands in."""

    left: int
    right: int


class LineReader:
    """The lines of a page in reading order, and level rules that belong to no table."""

    def __init__(self, lines: Sequence[PartLine], footnote_rules: Sequence[Box]) -> None:
        self.lines = lines
        text = [line for line in lines if line.part is None and line.text]

        def typical(value: Callable[[PartLine], float]) -> float:
            return median([value(line) for line in text for _ in line.text] or [1.0])

        self.size = typical(lambda line: line.x_height)
        self.ascent = typical(lambda line: line.ascent)
        self.weight = typical(lambda line: line.weight / line.ascent)
        self.rules = footnote_rules
        self.columns = self._columns()
        pitches = [
            line.base - last.base
            for last, line in itertools.pairwise(lines)
            if last.part is None
            and line.part is None
            and _below(last, line)
            and line.base - last.base < FAR * self.size
        ]
        # Most lines of a page of paragraphs follow within their paragraph: the lower quartile is such a distance.
        self.pitch = sorted(pitches)[len(pitches) // 4] if pitches else 0.0

    def _columns(self) -> list[_Column]:
        """The column of each line: of the lines that follow downwards, without those that reach over the next one."""
        runs: list[list[PartLine]] = []
        for line in self.lines:
            same_table = runs and line.part is not None and line.part == runs[-1][-1].part
            if runs and (same_table or line.base >= runs[-1][-1].base - self.size):
                runs[-1].append(line)
            else:
                runs.append([line])
        columns: list[_Column] = []
        for run, following in itertools.zip_longest(runs, runs[1:]):
            end = following[0].box[0] if following else math.inf
            narrow = [line for line in run if line.box[2] <= end]
            wide = _column_of(run if len(narrow) == len(run) else [*run, *following])
            columns += [_column_of(narrow) if line.box[2] <= end else wide for line in run]
        return columns

    def blocks(self) -> Iterator[list[int]]:
        """Lines of one paragraph, heading, list item, formula or table."""
        block: list[int] = []
        for index in range(len(self.lines)):
            if block and self._begins_block(block, index):
                yield block
                block = []
            block.append(index)
        if block:
            yield block

    def _begins_block(self, block: Sequence[int], index: int) -> bool:
        before = block[-1]
        last, line = self.lines[before], self.lines[index]
        if last.part is not None or line.part is not None:
            return last.part != line.part
        if not _below(last, line):
            return not self._goes_on(before, index)
        if _rule_between(last, line, self.rules) or self.is_item(index) or is_label(last) or is_label(line):
            return True
        pitch, usual = line.base - last.base, self.pitch
        if self.is_item(block[0]):
            # Lines that go on stand below the first word, behind the bullet or number.
            hangs = line.box[0] > self.lines[block[0]].box[0] + 0.5 * self.size
            return not hangs or pitch > WIDE_ITEM_PITCH * usual
        larger, smaller = max(last.ascent, line.ascent), min(last.ascent, line.ascent)
        both_large = self.is_large(before) and self.is_large(index)
        if self.is_large(before) != self.is_large(index) and larger > SAME_SIZE * smaller and len(block) < 3:
            return True
        if pitch > WIDE_PITCH * usual * (smaller / self.ascent if both_large else 1.0):
            return True
        moved = abs(line.box[0] - last.box[0]) > INDENT * self.size
        if moved and self.is_centred(before) != self.is_centred(index) and len(block) == 1:
            return True
        column = self.columns[index]
        if line.box[0] > max(column.left, last.box[0]) + INDENT * self.size and not self.is_centred(index):
            following = self.lines[index + 1] if index + 1 < len(self.lines) else None
            if following and _below(line, following) and following.box[0] < line.box[0] - INDENT * self.size:
                return True
        room = self._room(before, index)
        return room > WIDE_ROOM * self.size or bool(
            room > 0 and SENTENCE_END.search(last.text) and pitch > LITTLE_WIDER_PITCH * usual
        )

    def _room(self, before: int, index: int) -> float:
        """Pixels that the first word of a line would have left over on the line before."""
        last, line = self.lines[before], self.lines[index]
        words = line.text.split()
        first = len(words[0]) / max(1, len(line.text)) * (line.box[2] - line.box[0]) if words else 0.0
        # What is indented on the left, such as an abstract, may be so on the right, too.
        indent = min(last.box[0], line.box[0]) - self.columns[index].left
        return self.columns[index].right - indent - last.box[2] - first - 1.5 * self.size

    def _goes_on(self, before: int, index: int) -> bool:
        """Whether a paragraph goes on in the next column."""
        last, line = self.lines[before], self.lines[index]
        full = self.columns[before].right - last.box[2] < 4 * self.size
        begins = line.box[0] - self.columns[index].left < INDENT * self.size
        return full and begins and line.text[:1].islower() and line.box[1] < last.box[1]

    def is_centred(self, index: int) -> bool:
        """Whether a line stands in the middle of its column, or on one axis with a shorter or longer line beside it."""
        (left, _, right, _), column = self.lines[index].box, self.columns[index]
        before, after = left - column.left, column.right - right
        short = before + after > SHORT * (column.right - column.left) or self.is_large(index)
        if min(before, after) <= MIN_SIDES * self.size or not short:
            return False
        if abs(before - after) < CENTRED * self.size:
            return True
        # The right edge of a column of ragged lines is not known.
        for other in (index - 1, index + 1):
            if 0 <= other < len(self.lines):
                x0, _, x1, _ = self.lines[other].box
                on_axis = abs(x0 + x1 - left - right) < SAME_AXIS * self.size
                if on_axis and abs(x0 - left) > INDENT * self.size and x0 - column.left > MIN_SIDES * self.size:
                    return True
        return False

    def on_one_axis(self, index: int, block: Sequence[int]) -> bool:
        """Whether lines are centred below a line."""
        left, _, right, _ = self.lines[index].box
        middles = ((self.lines[each].box[0] + self.lines[each].box[2]) / 2 for each in block)
        return all(abs(middle - (left + right) / 2) < SAME_AXIS * self.size for middle in middles)

    def is_item(self, index: int) -> bool:
        line = self.lines[index]
        if BULLET.match(line.text):
            return True
        if _ONE.match(line.text) and not any(each.text.startswith("2") for each in self.lines[index + 1 : index + 4]):
            return False
        return bool(_NUMBER.match(line.text)) and line.box[0] > self.columns[index].left + 0.3 * self.size

    def is_large(self, index: int) -> bool:
        line = self.lines[index]
        # A raised mark makes the one larger, many digits the other.
        return line.ascent > SECTION_SIZE * self.ascent and line.x_height > SECTION_SIZE * self.size

    def leads(self, block: Sequence[int]) -> bool:
        """Whether a block stands nearer to a paragraph below it than to what is above it."""
        first, last = block[0], block[-1]
        if first == 0 or last + 1 >= len(self.lines):
            return False
        above, below = self.lines[first - 1], self.lines[last + 1]
        if below.part is not None or not _below(above, self.lines[first]) or not _below(self.lines[last], below):
            return False
        before, after = (self.lines[first].base - above.base, below.base - self.lines[last].base)
        column = self.columns[last]
        is_long = below.box[2] - below.box[0] > LONG * (column.right - column.left)
        return before > WIDE_PITCH * self.pitch and before > NEARER * after and is_long

    def is_after_rule(self, index: int) -> bool:
        """Whether a short rule stands above a line, and no other line between them."""
        line = self.lines[index]
        above = [each for each in self.lines if each.base < line.base and _level_overlap(each, line)]
        last = max(above, key=lambda each: each.base, default=None)
        return last is not None and _rule_between(last, line, self._footnote_rules(index))

    def _footnote_rules(self, index: int) -> list[Box]:
        """Rules that begin where a line's column does, and take a part of its width."""
        left, right = self.columns[index]
        most = FOOTNOTE_RULE * (right - left)
        return [rule for rule in self.rules if rule[2] - rule[0] < most and abs(rule[0] - left) < INDENT * self.size]


def _below(last: PartLine, line: PartLine) -> bool:
    """Whether a line stands below the last one in the same column."""
    return line.base > last.base + 0.5 * last.x_height and _level_overlap(last, line)


def is_label(line: PartLine) -> bool:
    """Whether a line is the heading of an abstract."""
    return line.text.strip().lower() == "abstract"


def _rule_between(last: PartLine, line: PartLine, rules: Sequence[Box]) -> bool:
    return any(
        last.base < (top + bottom) / 2 < line.base and left < line.box[2] and right > line.box[0]
        for left, top, right, bottom in rules
    )


def _level_overlap(one: PartLine, other: PartLine) -> bool:
    return one.box[0] < other.box[2] and other.box[0] < one.box[2]


def _column_of(run: Sequence[PartLine]) -> _Column:
    return _Column(min(line.box[0] for line in run), max(line.box[2] for line in run))
