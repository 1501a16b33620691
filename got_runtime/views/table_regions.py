"""Where tables stand: boxes around rules that belong together, and rows whose lines stand beside each other."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from got_runtime.views.components import smallest_labels
from got_runtime.views.pieces import Box, around
from got_runtime.views.reading_order import TextLine
from got_runtime.views.rules import Rules

__all__ = [
    "SAME_EDGE",
    "around_lines",
    "edges_of",
    "level_rows",
    "middle_in",
    "ruled_regions",
    "rules_inside",
    "rules_outside",
    "unruled_regions",
]

SAME_EDGE = 0.7
"""Distances are in x-heights of the page. Rules that are so close are one edge of the cells."""
MEETS = 0.4
"""Distance up to which two rules meet."""
MAX_ROW_HEIGHT = 12.0
"""Distance of two level rules up to which, equally long, they are of one table without upright rules."""
MAX_RULES = 1000
"""Rules of a page above which they are those of a drawing, or of squared paper: their pairs are looked at."""
ROW_PITCH = 5.0
"""Distance of the rows of a table without rules, at most."""


def ruled_regions(rules: Rules, x_height: float) -> list[Box]:
    """Boxes around rules that meet, or that are equally long and stand below each other; the largest first."""
    boxes = np.concatenate([rules.level, rules.upright]).astype(float)
    count, levels = len(boxes), len(rules.level)
    if count > MAX_RULES:
        return []
    one, other = np.triu_indices(count, 1)
    a, b = boxes[one].T, boxes[other].T
    meets = MEETS * x_height
    touching = (a[0] <= b[2] + meets) & (b[0] <= a[2] + meets) & (a[1] <= b[3] + meets) & (b[1] <= a[3] + meets)
    ends = (np.abs(a[0] - b[0]) < x_height) & (np.abs(a[2] - b[2]) < x_height)
    alike = (other < levels) & ends & (np.abs(a[1] - b[1]) < MAX_ROW_HEIGHT * x_height)
    joined = touching | alike
    groups: dict[int, list[int]] = {}
    for index, label in enumerate(smallest_labels(count, one[joined], other[joined]).tolist()):
        groups.setdefault(label, []).append(index)
    regions = []
    for members in groups.values():
        if sum(index < levels for index in members) > 1:
            own = boxes[members]
            regions.append((int(own[:, 0].min()), int(own[:, 1].min()), int(own[:, 2].max()), int(own[:, 3].max())))
    return sorted(regions, key=lambda box: -(box[2] - box[0]) * (box[3] - box[1]))


def unruled_regions(lines: Sequence[TextLine], x_height: float) -> Iterator[list[list[TextLine]]]:
    """Runs of two rows or more, in the reading order, whose lines stand beside each other with a wide gap between."""
    rows = [list(row) for _, row in itertools.groupby(lines, key=lambda line: line.row)]
    run: list[list[TextLine]] = []
    for row in [*rows, []]:
        cells = len(row) > 1
        below = bool(run and row) and 0 < row[0].box[1] - run[-1][0].box[1] < ROW_PITCH * x_height
        if cells and (below or not run):
            run.append(row)
            continue
        if len(run) > 1:
            yield run
        run = [row] if cells else []


def edges_of(boxes: npt.NDArray[np.int64], axis: int, x_height: float) -> list[float]:
    """The middles of rules across an axis; those of nearly the same place are one."""
    edges: list[list[float]] = []
    for middle in sorted(((boxes[:, axis] + boxes[:, axis + 2]) / 2).tolist()):
        if edges and middle - edges[-1][0] <= SAME_EDGE * x_height:
            edges[-1].append(middle)
        else:
            edges.append([middle])
    return [sum(each) / len(each) for each in edges]


def rules_inside(boxes: npt.NDArray[np.int64], region: Box, x_height: float) -> npt.NDArray[np.bool_]:
    slack = MEETS * x_height
    left, top, right, bottom = region
    inside: npt.NDArray[np.bool_] = (
        (boxes[:, 0] >= left - slack)
        & (boxes[:, 1] >= top - slack)
        & (boxes[:, 2] <= right + slack)
        & (boxes[:, 3] <= bottom + slack)
    )
    return inside


def rules_outside(boxes: npt.NDArray[np.int64], regions: Sequence[Box]) -> npt.NDArray[np.int64]:
    kept = np.ones(len(boxes), np.bool_)
    for left, top, right, bottom in regions:
        across, down = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
        height = (bottom - top) * 0.5
        kept &= ~(
            (across > left - height) & (across < right + height) & (down > top - height) & (down < bottom + height)
        )
    return boxes[kept]


def middle_in(box: Box, region: Box) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return region[0] < x < region[2] and region[1] < y < region[3]


def around_lines(lines: Sequence[TextLine]) -> Box:
    return around([line.box for line in lines])


def level_rows(lines: Sequence[TextLine]) -> list[list[TextLine]]:
    """Lines that stand level, from the top."""
    rows: list[list[TextLine]] = []
    for line in sorted(lines, key=lambda each: each.box[1] + each.box[3]):
        middle = (line.box[1] + line.box[3]) / 2
        if rows and middle < max(each.box[3] for each in rows[-1]) - 0.25 * line.x_height:
            rows[-1].append(line)
        else:
            rows.append([line])
    return rows
