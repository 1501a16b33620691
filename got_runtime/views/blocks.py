"""Lines in reading order → blocks: paragraphs, headings and other groups of lines, by their distances and sizes."""

import itertools
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

__all__ = ["PlacedLine", "block_numbers"]

WIDE_PITCH = 1.35
"""Distance of two lines, relative to the page's usual one, from which they are of two blocks."""
OTHER_SIZE = 1.3
"""Ratio of the x-heights of two lines from which they are of two blocks."""
INDENT = 1.2
"""Indentation in x-heights from which a line begins a paragraph."""


class PlacedLine(NamedTuple):
    """The edges of a line in pixels of the levelled page, and its x-height."""

    left: float
    top: float
    right: float
    bottom: float
    x_height: float

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


def block_numbers(lines: Sequence[PlacedLine]) -> list[int]:
    """The number of each line's block, counted from 0 in the order of the lines."""
    pitches = [line.middle - last.middle for last, line in itertools.pairwise(lines) if _below(last, line)]
    usual = median(pitches) if pitches else 0.0
    numbers: list[int] = []
    for index, line in enumerate(lines):
        if index == 0:
            numbers.append(0)
            continue
        last, following = lines[index - 1], lines[index + 1] if index + 1 < len(lines) else None
        numbers.append(numbers[-1] + _begins_block(last, line, following, usual))
    return numbers


def _below(last: PlacedLine, line: PlacedLine) -> bool:
    """Whether a line stands below the last one in the same column."""
    return line.middle > last.middle + 0.5 * last.x_height and line.left < last.right and line.right > last.left


def _begins_block(last: PlacedLine, line: PlacedLine, following: PlacedLine | None, usual: float) -> bool:
    if not _below(last, line):
        return True
    larger, smaller = max(last.x_height, line.x_height), min(last.x_height, line.x_height)
    if larger > OTHER_SIZE * smaller or line.middle - last.middle > WIDE_PITCH * usual:
        return True
    indent = INDENT * line.x_height
    return (
        line.left > last.left + indent
        and following is not None
        and _below(line, following)
        and following.left < line.left - indent
    )
