"""The lines of a path, and the named ones, whose intersections are computed."""

import math
from dataclasses import dataclass, field
from itertools import pairwise

from got_runtime.markup.notation.tikz.numbers import NotDrawn, Point

__all__ = ["Line", "bezier", "circle", "intersections", "rounded"]

_STEPS = 24
_ROUND = 144
_MAX_PAIRS = 1_000_000
_SAME = 0.004  # centimetres between intersections that count as one


@dataclass
class Line:
    """A connected line: its points, and where its pieces end, which are straight lines and curves of TikZ."""

    points: list[Point]
    ends: list[int] = field(default_factory=list)
    round: tuple[Point, float] | None = None
    """Centre and radius of a full circle."""
    is_closed: bool = False

    def piece(self, segment: int) -> int:
        """The number of the piece that a segment, from point ``segment`` to the next one, belongs to."""
        return sum(1 for end in self.ends if end <= segment)


def rounded(line: Line, radius: float) -> Line:
    """The line with its corners between straight pieces cut off by curves."""
    ends = [0, *line.ends]
    if radius <= 0 or line.round or len(ends) < 3 or ends[-1] != len(line.points) - 1:
        return line
    corners = [*ends[1:-1], *([ends[-1]] if line.is_closed else [])]
    straight = {end for start, end in pairwise(ends) if end == start + 1}
    points, start = line.points, 0
    kept: list[Point] = []
    for corner in corners:
        after = ends[ends.index(corner) + 1] if corner != ends[-1] else 1
        if corner not in straight or after not in straight:
            continue
        before, here, next_ = points[corner - 1], points[corner], points[after]
        first, last = (_towards(here, other, radius) for other in (before, next_))
        kept += [*points[start:corner], first, *bezier(first, _part(first, here), _part(last, here), last)]
        start = corner + 1
        if corner == ends[-1]:
            kept[0] = last
    return Line([*kept, *points[start:]], is_closed=line.is_closed)


def _part(start: Point, end: Point) -> Point:
    return start[0] + 0.55 * (end[0] - start[0]), start[1] + 0.55 * (end[1] - start[1])


def _towards(here: Point, other: Point, distance: float) -> Point:
    part = min(0.5, distance / (math.dist(here, other) or 1.0))
    return here[0] + part * (other[0] - here[0]), here[1] + part * (other[1] - here[1])


def bezier(start: Point, first: Point, second: Point, end: Point) -> list[Point]:
    """Points of a curve after its start."""
    places = []
    for step in range(1, _STEPS + 1):
        t = step / _STEPS
        weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
        four = (start, first, second, end)
        x, y = (sum(weight * place[axis] for weight, place in zip(weights, four, strict=True)) for axis in (0, 1))
        places.append((x, y))
    return places


def circle(centre: Point, across: Point, along: Point, first: float = 0.0, last: float = 360.0) -> Line:
    """An arc of a circle or ellipse with these half axes, whose pieces are at most a quarter, as TikZ draws them."""
    count = max(4, math.ceil(abs(last - first) / 360 * _ROUND))
    turns = [first + (last - first) * step / count for step in range(count + 1)]
    points = []
    for turn in turns:
        c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        points.append((centre[0] + c * across[0] + s * along[0], centre[1] + c * across[1] + s * along[1]))
    quarters = range(1, math.ceil(abs(last - first) / 90 - 1e-6))
    return Line(points, [round(count * quarter * 90 / abs(last - first)) for quarter in quarters] + [count])


def intersections(one: list[Line], other: list[Line]) -> list[Point]:
    """The points that two paths share, in TikZ's order: by the pieces of the first path, then of the second."""
    if sum(len(line.points) for line in one) * sum(len(line.points) for line in other) > _MAX_PAIRS:
        raise NotDrawn
    found: list[tuple[tuple[int, int, int, int, float], Point]] = []
    for a, line in enumerate(one):
        for segment, (p, q) in enumerate(pairwise(line.points)):
            low_x, high_x = min(p[0], q[0]) - _SAME, max(p[0], q[0]) + _SAME
            low_y, high_y = min(p[1], q[1]) - _SAME, max(p[1], q[1]) + _SAME
            for b, second in enumerate(other):
                for number, (r, s) in enumerate(pairwise(second.points)):
                    if (r[0] < low_x and s[0] < low_x) or (r[0] > high_x and s[0] > high_x):
                        continue
                    if (r[1] < low_y and s[1] < low_y) or (r[1] > high_y and s[1] > high_y):
                        continue
                    if (hit := _meeting(p, q, r, s)) is not None:
                        order = (a, line.piece(segment), b, second.piece(number), segment + hit)
                        found.append((order, (p[0] + hit * (q[0] - p[0]), p[1] + hit * (q[1] - p[1]))))
    places: list[Point] = []
    for _, place in sorted(found):
        if all(math.dist(place, each) > _SAME for each in places):
            places.append(place)
    return places


def _meeting(p: Point, q: Point, r: Point, s: Point) -> float | None:
    """The part of the way from ``p`` to ``q`` at which a segment is met."""
    across, along = (q[0] - p[0], q[1] - p[1]), (s[0] - r[0], s[1] - r[1])
    area = across[0] * along[1] - across[1] * along[0]
    if abs(area) < 1e-12:
        return None
    own = ((r[0] - p[0]) * along[1] - (r[1] - p[1]) * along[0]) / area
    its = ((r[0] - p[0]) * across[1] - (r[1] - p[1]) * across[0]) / area
    slack, its_slack = _SAME / (math.hypot(*across) or 1.0), _SAME / (math.hypot(*along) or 1.0)
    if -slack <= own <= 1 + slack and -its_slack <= its <= 1 + its_slack:
        return own
    return None
