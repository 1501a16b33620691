"""Letters → segments of lines: each letter is chained to its nearest neighbour on the right."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from got_runtime.views.components import Boxes, Components, Integers, smallest_labels

__all__ = ["LETTER_HEIGHT", "Flags", "Segment", "chained", "cheapest", "neighbours", "text_segments", "to_the_right"]

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

LETTER_HEIGHT = 0.62
"""Heights below are in x-heights. A component that is lower than this is a mark: a dot, a comma, a dash."""
LOWEST_LETTER = 0.8
"""A single component that is lower is no letter but a bullet."""
MARK_HEIGHT = 1.2
GAP = 1.3
"""Largest gap between neighbours on a line, in heights of the larger one: a wide blank of justified type."""
OVERLAP = 0.45
"""Part of the smaller one's height that neighbours share, vertically."""
HEIGHT_RATIO = 3.0
"""Largest ratio of the heights of neighbours: a capital with an accent beside a small letter."""
LETTERS_OF_TWO_LINES = 6
"""A chain of so many letters is looked at for two lines that touch (a descender meets an ascender)."""
MARKS_IN_A_ROW = 3
"""Marks behind each other that belong to a line: a full stop, a quote, a note's sign."""
BULLET_GAP = 4.0
"""Largest gap between a bullet and its line."""
BAR_GAP, BAR_FROM_MIDDLE = 2.2, 0.25
"""Largest distance between the end of a segment and the middle of a dash or the bars of an equals sign behind it, and,
as a part of the segment's height, how far from its middle they are: a line over the next letters is no such sign.
"""
CANDIDATES = 6
"""Components to the right of one, in one band of the page, among which its neighbour is looked for."""


@dataclass(frozen=True)
class Segment:
    """A run of letters on one line, up to the next wide gap. ``box`` is left, top, right, bottom in pixels."""

    box: tuple[int, int, int, int]
    x_height: float
    """Median height of its letters in pixels: about the height of an x, or of a capital where it has only those."""
    letters: tuple[int, ...]
    """Its letters among the components."""

    @property
    def width(self) -> int:
        return self.box[2] - self.box[0]

    @property
    def height(self) -> int:
        return self.box[3] - self.box[1]


def text_segments(
    parts: Components, usable: Flags, x_height: float, walls: Boxes, min_letters: int = 1
) -> list[Segment]:
    """Segments of the ``usable`` components, with the marks that belong to them.

    Args:
        parts: components of the page's ink.
        usable: which of them may be print, ``(n,)``.
        x_height: usual height of small letters in pixels.
        walls: boxes of upright rules, which no segment crosses.
        min_letters: segments of fewer letters are left out.
    """
    heights, widths = parts.heights, parts.widths
    # A word of small letters that touch, such as a bold "www", is as long, but not solid.
    dash = (widths > 3.5 * heights) & (heights < 0.9 * x_height) & (parts.areas > 0.75 * widths * heights)
    is_letter = usable & (heights >= LETTER_HEIGHT * x_height) & ~dash
    letters = np.flatnonzero(is_letter)
    if not len(letters):
        return []
    label = chained(parts.boxes[letters], x_height, walls)
    by_label = np.argsort(label, kind="stable")
    found = []
    for members in np.split(letters[by_label], np.cumsum(np.bincount(label))[:-1]):
        found += _split_two_lines(_segment(parts, members), parts)
    kept = [segment for segment in _without_nested(found) if len(segment.letters) >= min_letters]
    is_mark = usable & ~is_letter & (heights < MARK_HEIGHT * x_height)
    alone = [segment for segment in kept if len(segment.letters) == 1 and segment.height < LOWEST_LETTER * x_height]
    for bullet in alone:
        kept.remove(bullet)
        is_mark[bullet.letters[0]] = True
    marks = parts.boxes[is_mark]
    return _with_marks(kept, marks)


def _segment(parts: Components, members: Integers) -> Segment:
    boxes = parts.boxes[members]
    left, top = boxes[:, :2].min(axis=0).tolist()
    right, bottom = boxes[:, 2:].max(axis=0).tolist()
    heights = np.sort(boxes[:, 3] - boxes[:, 1])
    middle = float(heights[(len(heights) - 1) // 2] + heights[len(heights) // 2]) / 2
    return Segment((left, top, right, bottom), middle, tuple(members.tolist()))


def chained(letters: Boxes, x_height: float, walls: Boxes, widest: float = GAP) -> Integers:
    """A label for each letter: those of one chain have the same. Gaps are at most ``widest`` heights of a letter."""
    return smallest_labels(len(letters), *neighbours(letters, x_height, walls, widest))


def neighbours(letters: Boxes, x_height: float, walls: Boxes, widest: float) -> tuple[Integers, Integers]:
    """Pairs of a letter and the next one on its right on the same line, as indices of both."""
    one, other = to_the_right(letters, x_height)
    boxes = letters.astype(np.float64)
    (_, top, right, bottom), (next_left, next_top, next_right, next_bottom) = boxes[one].T, boxes[other].T
    height, next_height = bottom - top, next_bottom - next_top
    shared = np.minimum(bottom, next_bottom) - np.maximum(top, next_top)
    smaller, larger = np.minimum(height, next_height), np.maximum(height, next_height)
    gap = next_left - right
    possible = (
        (shared >= OVERLAP * smaller)
        & (larger <= HEIGHT_RATIO * smaller)
        & (gap < widest * np.maximum(larger, 0.9 * x_height))
        & (gap > -0.8 * larger)  # italics lean over their neighbours
        & (next_right > right - 0.2 * smaller)
    )
    offset = np.abs(top + bottom - next_top - next_bottom) / 2
    cost = np.where(possible, np.maximum(gap, -2) + 0.35 * offset, np.inf)
    nearest = cheapest(one, cost, len(letters))
    nearest = nearest[np.isfinite(cost[nearest])]
    if len(walls):
        middle = ((np.maximum(top, next_top) + np.minimum(bottom, next_bottom)) / 2)[nearest, None]
        between = (walls[:, 2] > right[nearest, None] - 2) & (walls[:, 0] < next_left[nearest, None] + 2)
        nearest = nearest[~(between & (walls[:, 1] < middle) & (walls[:, 3] > middle)).any(axis=1)]
    return one[nearest], other[nearest]


def to_the_right(boxes: Boxes, x_height: float) -> tuple[Integers, Integers]:
    """Pairs of a box and one that begins to its right, in a band of the page that both reach into."""
    height = max(4, int(0.8 * x_height))
    first, last = boxes[:, 1] // height, (boxes[:, 3] - 1) // height
    count = last - first + 1
    who = np.repeat(np.arange(len(boxes)), count)
    band = np.arange(len(who)) - np.repeat(np.cumsum(count) - count, count) + first[who]
    order = np.lexsort((boxes[who, 0], band))
    who, band = who[order], band[order]
    ones, others = [], []
    for step in range(1, CANDIDATES + 1):
        together = band[step:] == band[:-step]
        ones.append(who[:-step][together])
        others.append(who[step:][together])
    return np.concatenate(ones), np.concatenate(others)


def cheapest(one: Integers, cost: Floats, count: int) -> Integers:
    """For each item that occurs in ``one``, the position of its pair of least cost."""
    order = np.lexsort((cost, one))
    begins = np.searchsorted(one[order], np.arange(count))
    begins = begins[begins < len(order)]
    return np.unique(order[begins])


def _split_two_lines(segment: Segment, parts: Components) -> list[Segment]:
    """The segment, or two where its letters lie on two lines that touch somewhere."""
    if len(segment.letters) < LETTERS_OF_TWO_LINES or segment.height <= 3.4 * segment.x_height:
        return [segment]
    members = np.array(segment.letters)
    middles = (parts.boxes[members, 1] + parts.boxes[members, 3]) / 2
    ordered = np.sort(middles)
    gaps = np.diff(ordered)
    widest = int(gaps.argmax())
    if gaps[widest] <= 0.5 * segment.x_height or min(widest + 1, len(ordered) - widest - 1) < 2:
        return [segment]
    between = (ordered[widest] + ordered[widest + 1]) / 2
    return [_segment(parts, members[middles <= between]), _segment(parts, members[middles > between])]


def _without_nested(segments: list[Segment]) -> list[Segment]:
    """Segments that lie within the height of a larger one (an accent, a broken letter) are joined to it."""
    segments = sorted(segments, key=lambda each: -each.width * each.height)
    boxes = np.array([segment.box for segment in segments], float).reshape(-1, 4)
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    joined: dict[int, int] = {}
    for index in range(1, len(segments)):
        beside = np.minimum(boxes[:index, 2], boxes[index, 2]) - np.maximum(boxes[:index, 0], boxes[index, 0])
        level = np.minimum(boxes[:index, 3], boxes[index, 3]) - np.maximum(boxes[:index, 1], boxes[index, 1])
        inside = (beside > 0.6 * width[index]) & (level > 0.5 * height[index]) & (height[index] < 1.6 * height[:index])
        if inside.any():
            into = int(inside.argmax())
            joined[index] = joined.get(into, into)
    for index, into in joined.items():
        (a0, b0, a1, b1), (x0, y0, x1, y1) = segments[into].box, segments[index].box
        segments[into] = replace(
            segments[into],
            box=(min(a0, x0), min(b0, y0), max(a1, x1), max(b1, y1)),
            letters=segments[into].letters + segments[index].letters,
        )
    return [segment for index, segment in enumerate(segments) if index not in joined]


def _with_marks(segments: list[Segment], marks: Boxes) -> list[Segment]:
    """Segments with the dots, commas and dashes close to them in their boxes."""
    if not len(marks) or not segments:
        return segments
    boxes = np.array([segment.box for segment in segments], float)
    size = np.array([segment.x_height for segment in segments])
    across, down = (marks[:, 0] + marks[:, 2]) / 2, (marks[:, 1] + marks[:, 3]) / 2
    low, narrow = marks[:, 3] - marks[:, 1], marks[:, 2] - marks[:, 0]
    is_bar = narrow >= 2 * low
    free = np.arange(len(marks))
    for _ in range(MARKS_IN_A_ROW):
        above, below = boxes[:, 1] - 0.45 * size, boxes[:, 3] + 0.25 * size
        taken = np.full(len(free), -1)
        for begin in range(0, len(free), 512):  # bounds the memory
            mark = free[begin : begin + 512, None]
            from_middle = np.abs(down[mark] - (boxes[:, 1] + boxes[:, 3]) / 2) / (boxes[:, 3] - boxes[:, 1])
            is_sign = is_bar[mark] & (from_middle < BAR_FROM_MIDDLE) & (narrow[mark] > 0.4 * size)
            near = (
                (across[mark] > boxes[:, 0] - 0.7 * size)
                & (across[mark] < boxes[:, 2] + np.where(is_sign, BAR_GAP, 0.7) * size)
                & (down[mark] > above)
                & (down[mark] < below)
                & (low[mark] < MARK_HEIGHT * size)
                & (narrow[mark] < 4 * size)
            )
            nearest = np.where(near, from_middle, np.inf).argmin(axis=1)
            taken[begin : begin + 512] = np.where(near.any(axis=1), nearest, -1)
        own, into = free[taken >= 0], taken[taken >= 0]
        if not len(own):
            break
        for side in (0, 1):
            np.minimum.at(boxes[:, side], into, marks[own, side])
        for side in (2, 3):
            np.maximum.at(boxes[:, side], into, marks[own, side])
        free = free[taken < 0]
    _add_bullets(boxes, size, marks[free])
    rounded = boxes.astype(int).tolist()
    return [replace(segment, box=tuple(box)) for segment, box in zip(segments, rounded, strict=True)]


def _add_bullets(boxes: Floats, size: Floats, marks: Boxes) -> None:
    """Extends boxes of segments, in place, to the bullet or dash before them.

    Each reaches no further than from its first letter. A mark that stands nearer to a segment on its left is no bullet.
    """
    begins, ends = boxes[:, 0].copy(), boxes[:, 2].copy()
    for left, top, right, bottom in marks.tolist():
        gap, behind = begins - right, left - ends
        level = (top > boxes[:, 1] - 0.1 * size) & (bottom < boxes[:, 3] + 0.1 * size)
        large = max(right - left, bottom - top) > 0.25 * size
        before = level & large & (gap > 0) & (gap < BULLET_GAP * size)
        if before.any():
            nearest = int(np.where(before, gap, np.inf).argmin())
            if not (level & (behind > 0) & (behind < gap[nearest])).any():
                boxes[nearest, 0] = min(left, boxes[nearest, 0])
