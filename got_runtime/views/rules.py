"""Rules and filled boxes: what is drawn around print and touches it, taken out before letters are looked for."""

from typing import NamedTuple

import numpy as np

from got_runtime.views.components import Boxes, Components, Integers, Runs, components_of, mask_of, runs_of
from got_runtime.views.ink import InkMap, Mask, ink_within

__all__ = ["NO_RULES", "Rules", "ink_in_filled_boxes", "take_out_rules"]

MIN_RULE = 6.0
"""Lengths are in x-heights. A dash is shorter."""
MIN_UPRIGHT_RULE = 4.5
"""A bracket or the stem of a letter is shorter."""
MIN_CELL_RULE = 1.8
"""The same between two level rules."""
SLACK = 2
"""Pixels by which a rule may miss another one that it meets."""
MAX_STROKE = 0.7
"""What crosses a rule over a greater length is no stroke but another rule beside it."""
MAX_THICKNESS = 0.33
"""The bar of a letter that is so long is thicker."""
LONG_RULE, MAX_LONG_THICKNESS = 20.0, 0.6
"""No letter has a bar of this length: the rules around a table may be thicker."""
FILLED = 0.55
"""Part of its bounding box that a filled box covers; the rest is the print in it."""


class Rules(NamedTuple):
    """Boxes of the ``level`` and ``upright`` rules of a page, in pixels."""

    level: Boxes
    upright: Boxes


NO_RULES = Rules(np.zeros((0, 4), np.int64), np.zeros((0, 4), np.int64))


def take_out_rules(ink: Mask, parts: Components, x_height: float) -> Rules:
    """The rules of a page, which are removed from its ``ink`` in place. Strokes that cross a rule stay whole."""
    level, runs, number = _thin_groups(parts.runs, MIN_RULE, x_height)
    upright = np.zeros((0, 4), np.int64)
    if len(parts.boxes) and parts.heights.max() >= MIN_UPRIGHT_RULE * x_height:
        columns = runs_of(ink.T)
        found = [_thin_groups(columns, MIN_UPRIGHT_RULE, x_height)]
        if len(level) > 1:
            found.append(_between_rules(_thin_groups(columns, MIN_CELL_RULE, x_height), level))
        upright = np.concatenate([boxes[:, [1, 0, 3, 2]] for boxes, _, _ in found])
        _erase(ink, level, runs, number, MAX_STROKE * x_height)
        # After the level ones, so that nothing is left where two rules cross.
        for group in found:
            _erase(ink.T, *group, MAX_STROKE * x_height)
    else:
        _erase(ink, level, runs, number, MAX_STROKE * x_height)
    return Rules(level, upright)


def ink_in_filled_boxes(page: InkMap, ink: Mask, parts: Components, x_height: float) -> bool:
    """Replaces filled boxes in the ``ink``, in place, by the print in them, lighter or darker than the box.

    Says whether there are any, such as a table's dark header.
    """
    widths, heights = parts.widths, parts.heights
    filled = (widths > 4 * x_height) & (heights > 1.6 * x_height) & (parts.areas > FILLED * widths * heights)
    for number in np.flatnonzero(filled).tolist():
        left, top, right, bottom = parts.boxes[number].tolist()
        box = mask_of(parts.runs.chosen(parts.label == number), parts.boxes[number])
        inside = _between_first_and_last(box) & _between_first_and_last(box.T).T
        region = ink[top:bottom, left:right]
        region[...] = (region & ~inside) | (ink_within(page, (left, top, right, bottom)) & inside)
    return bool(filled.any())


def _between_first_and_last(mask: Mask) -> Mask:
    """The pixels of each row from its first to its last one."""
    from_left = np.logical_or.accumulate(mask, axis=1)
    from_right = np.logical_or.accumulate(mask[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(from_left & from_right)


def _thin_groups(runs: Runs, shortest: float, x_height: float) -> tuple[Boxes, Runs, Integers]:
    """Boxes of the thin groups of runs of ``shortest`` x-heights, their runs, and the number of the box of each run."""
    groups = components_of(runs.chosen(runs.lengths >= shortest * x_height))
    long = (groups.widths >= LONG_RULE * x_height) & (groups.heights <= MAX_LONG_THICKNESS * x_height)
    thickness = np.where(long, MAX_LONG_THICKNESS, MAX_THICKNESS) * x_height
    thin = groups.areas <= np.maximum(thickness, 2.0) * groups.widths
    own = thin[groups.label]
    return groups.boxes[thin], groups.runs.chosen(own), (np.cumsum(thin) - 1)[groups.label[own]]


def _between_rules(groups: tuple[Boxes, Runs, Integers], level: Boxes) -> tuple[Boxes, Runs, Integers]:
    """Those upright groups (turned) of which both ends lie on a level rule: the sides of low cells."""
    boxes, runs, number = groups
    tops, lefts, bottoms, rights = boxes.T[:, :, None]
    under = (level[:, 0] <= lefts + SLACK) & (level[:, 2] >= rights - SLACK)
    ends = [(under & (level[:, 1] <= y + SLACK) & (level[:, 3] >= y - SLACK)).any(axis=1) for y in (tops, bottoms)]
    chosen = ends[0] & ends[1] & (bottoms - tops > SLACK + rights - lefts)[:, 0]
    own = chosen[number]
    return boxes[chosen], runs.chosen(own), (np.cumsum(chosen) - 1)[number[own]]


def _erase(ink: Mask, boxes: Boxes, runs: Runs, number: Integers, stroke: float) -> None:
    """Removes rules and the grey edge of each from the ink, but not the strokes that go on on both sides."""
    crossed: list[Mask] = []
    for left, top, right, bottom in boxes.tolist():
        crossing = np.zeros((1, right - left), np.bool_)
        if top > 1 and bottom < len(ink) - 1:
            crossing[0] = ink[top - 2, left:right] & ink[bottom + 1, left:right]
            for _, begin, end in zip(*runs_of(crossing), strict=True):
                crossing[0, begin:end] = end - begin <= stroke
        crossed.append(crossing[0])
    lefts = boxes[:, 0].tolist()
    for row, begin, end, box in zip(*(each.tolist() for each in (*runs, number)), strict=True):
        ink[row, begin:end] &= crossed[box][begin - lefts[box] : end - lefts[box]]
    for crossing_box, (left, top, right, bottom) in zip(crossed, boxes.tolist(), strict=True):
        if bottom - top <= stroke:  # else it is the box of a rule that is not level
            ink[max(0, top - 1) : bottom + 1, left:right] &= crossing_box
