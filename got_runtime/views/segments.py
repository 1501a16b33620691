"""Letters → segments of lines: each letter is chained to its nearest neighbour on the right."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from got_runtime.views.components import Boxes, Components, bounding_boxes, smallest_labels

__all__ = ["Segment", "text_segments"]

Flags = npt.NDArray[np.bool_]

LETTER_HEIGHT = 0.62
"""Heights below are in x-heights. A component that is lower than this is a mark: a dot, a comma, a dash."""
MARK_HEIGHT = 1.2
GAP = 1.3
"""Largest gap between neighbours on a line, in heights of the larger one: a wide blank of justified type."""
OVERLAP = 0.45
"""Part of the smaller one's height that neighbours share, vertically."""
HEIGHT_RATIO = 3.0
"""Largest ratio of the heights of neighbours: a capital with an accent beside a small letter."""
LETTERS_OF_TWO_LINES = 6
"""A chain of so many letters is looked at for two lines that touch (a descender meets an ascender)."""
_BLOCK = 256
"""Letters compared with their neighbours at a time, which bounds the memory."""


@dataclass(frozen=True)
class Segment:
    """A run of letters on one line, up to the next wide gap. ``box`` is left, top, right, bottom in pixels."""

    box: tuple[int, int, int, int]
    x_height: float
    """Median height of its letters in pixels: about the height of an x, or of a capital where it has only those."""
    letters: int

    @property
    def width(self) -> int:
        return self.box[2] - self.box[0]

    @property
    def height(self) -> int:
        return self.box[3] - self.box[1]


def text_segments(parts: Components, usable: Flags, x_height: float, min_letters: int = 1) -> list[Segment]:
    """Segments of the ``usable`` components, with the marks that belong to them.

    Args:
        parts: components of the page's ink.
        usable: which of them may be print, ``(n,)``.
        x_height: usual height of small letters in pixels.
        min_letters: segments of fewer letters are left out.
    """
    heights, widths = parts.heights, parts.widths
    dash = (widths > 3.5 * heights) & (heights < 0.9 * x_height)
    is_letter = usable & (heights >= LETTER_HEIGHT * x_height) & ~dash
    letters = parts.boxes[is_letter]
    if not len(letters):
        return []
    label = _chained(letters, x_height)
    found = []
    for number, box in enumerate(bounding_boxes(letters, label).tolist()):
        own = letters[label == number]
        found += _split_two_lines(Segment(tuple(box), _median_height(own), len(own)), own)
    kept = [segment for segment in _without_nested(found) if segment.letters >= min_letters]
    marks = parts.boxes[usable & ~is_letter & (heights < MARK_HEIGHT * x_height)]
    return [_with_marks(segment, marks) for segment in kept]


def _median_height(boxes: Boxes) -> float:
    return float(np.median(boxes[:, 3] - boxes[:, 1]))


def _chained(letters: Boxes, x_height: float) -> npt.NDArray[np.int64]:
    """A label for each letter: those of one chain have the same."""
    by_left = np.argsort(letters[:, 0], kind="stable")
    left, top, right, bottom = (letters[by_left, side].astype(np.float32) for side in range(4))
    height = bottom - top
    neighbour = np.full(len(letters), -1)
    for begin in range(0, len(letters), _BLOCK):
        here = slice(begin, min(begin + _BLOCK, len(letters)))
        # Letters are sorted by their left sides: no candidate begins after the largest gap.
        end = int(np.searchsorted(left, right[here].max() + 2 * GAP * height[here].max(), "right"))
        others = slice(begin, end)
        shared = np.minimum(bottom[here, None], bottom[None, others]) - np.maximum(top[here, None], top[None, others])
        smaller = np.minimum(height[here, None], height[None, others])
        larger = np.maximum(height[here, None], height[None, others])
        gap = left[None, others] - right[here, None]
        follows = np.arange(begin, here.stop)[:, None] < np.arange(begin, end)[None]
        possible = (
            follows
            & (shared >= OVERLAP * smaller)
            & (larger <= HEIGHT_RATIO * smaller)
            & (gap < GAP * np.maximum(larger, 0.9 * x_height))
            & (gap > -0.8 * larger)  # italics lean over their neighbours
            & (right[None, others] > right[here, None] - 0.2 * smaller)
        )
        offset = np.abs((top + bottom)[here, None] - (top + bottom)[None, others]) / 2
        cost = np.where(possible, np.maximum(gap, -2) + 0.35 * offset, np.inf)
        nearest = cost.argmin(axis=1)
        found = np.isfinite(cost[np.arange(len(cost)), nearest])
        neighbour[here][found] = nearest[found] + begin
    chained = np.nonzero(neighbour >= 0)[0]
    label = np.empty(len(letters), np.int64)
    label[by_left] = smallest_labels(len(letters), chained, neighbour[chained])
    return label


def _split_two_lines(segment: Segment, letters: Boxes) -> list[Segment]:
    """The segment, or two where its letters lie on two lines that touch somewhere."""
    if len(letters) < LETTERS_OF_TWO_LINES or segment.height <= 3.4 * segment.x_height:
        return [segment]
    middles = (letters[:, 1] + letters[:, 3]) / 2
    ordered = np.sort(middles)
    gaps = np.diff(ordered)
    widest = int(gaps.argmax())
    if gaps[widest] <= 0.5 * segment.x_height or min(widest + 1, len(ordered) - widest - 1) < 2:
        return [segment]
    between = (ordered[widest] + ordered[widest + 1]) / 2
    return [
        Segment(tuple(bounding_boxes(part, np.zeros(len(part), np.int64))[0].tolist()), _median_height(part), len(part))
        for part in (letters[middles <= between], letters[middles > between])
    ]


def _without_nested(segments: list[Segment]) -> list[Segment]:
    """Segments that lie within the height of a larger one (an accent, a broken letter) are joined to it."""
    kept: list[Segment] = []
    for segment in sorted(segments, key=lambda each: -each.width * each.height):
        x0, y0, x1, y1 = segment.box
        for index, larger in enumerate(kept):
            a0, b0, a1, b1 = larger.box
            beside = min(x1, a1) - max(x0, a0) > 0.6 * segment.width
            if beside and min(y1, b1) - max(y0, b0) > 0.5 * segment.height and segment.height < 1.6 * larger.height:
                box = (min(x0, a0), min(y0, b0), max(x1, a1), max(y1, b1))
                kept[index] = replace(larger, box=box, letters=larger.letters + segment.letters)
                break
        else:
            kept.append(segment)
    return kept


def _with_marks(segment: Segment, marks: Boxes) -> Segment:
    """The segment with the dots, commas and dashes close to it in its box."""
    if not len(marks):
        return segment
    x0, y0, x1, y1 = segment.box
    size = segment.x_height
    across, down = (marks[:, 0] + marks[:, 2]) / 2, (marks[:, 1] + marks[:, 3]) / 2
    near = (
        (across > x0 - 0.7 * size)
        & (across < x1 + 0.7 * size)
        & (down > y0 - 0.45 * size)
        & (down < y1 + 0.25 * size)
        & (marks[:, 3] - marks[:, 1] < MARK_HEIGHT * size)
        & (marks[:, 2] - marks[:, 0] < 4 * size)
    )
    if not near.any():
        return segment
    own = marks[near]
    box = (
        min(x0, int(own[:, 0].min())),
        min(y0, int(own[:, 1].min())),
        max(x1, int(own[:, 2].max())),
        max(y1, int(own[:, 3].max())),
    )
    return replace(segment, box=box)
