"""Curves between two points, and where a part of them is reached."""

import math

from got_runtime.markup.notation.tikz.numbers import NotDrawn, Point, evaluate
from got_runtime.markup.notation.tikz.reader import Way

__all__ = ["arc_way", "controls", "curve_way", "line_way", "parabola", "points_way", "wave"]

_STEPS = 24
_KNOWN = frozenset({"draw", "bend left", "bend right", "out", "in", "looseness", "auto", "swap", "sloped"})


def controls(start: Point, end: Point, keys: dict[str, str]) -> tuple[Point, Point, float, float]:
    """The control points of ``to[bend left=30]`` and ``to[out=60,in=120]``, and the angles at the start and end.

    The factors are those of the TikZ manual, 74.2 and 74.3.
    """
    if not keys.keys() <= _KNOWN:
        raise NotDrawn
    away, across = end[0] - start[0], end[1] - start[1]
    towards = math.degrees(math.atan2(across, away))
    bend = evaluate(keys["bend left"] or "30") if "bend left" in keys else 0.0
    bend = -evaluate(keys["bend right"] or "30") if "bend right" in keys else bend
    out = evaluate(keys["out"]) if "out" in keys else towards + bend
    into = evaluate(keys["in"]) if "in" in keys else towards + 180 - bend
    reach = 0.3915 * evaluate(keys.get("looseness", "1")) * math.hypot(away, across)
    a, b = math.radians(out), math.radians(into)
    first = start[0] + reach * math.cos(a), start[1] + reach * math.sin(a)
    return first, (end[0] + reach * math.cos(b), end[1] + reach * math.sin(b)), out, into


def line_way(start: Point, end: Point, corner: Point | None = None) -> Way:
    """Along a straight line, or one with a corner at its half."""

    def at(part: float) -> tuple[Point, float]:
        a, b, share = start, end, part
        if corner is not None:
            a, b, share = (start, corner, 2 * part) if part < 0.5 else (corner, end, 2 * part - 1)
        place = a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])
        return place, math.degrees(math.atan2(b[1] - a[1], b[0] - a[0]))

    return at


def curve_way(start: Point, first: Point, second: Point, end: Point) -> Way:
    def at(part: float) -> tuple[Point, float]:
        t, u = part, 1 - part
        weights = (u**3, 3 * t * u * u, 3 * t * t * u, t**3)
        slopes = (-3 * u * u, 3 * u * u - 6 * t * u, 6 * t * u - 3 * t * t, 3 * t * t)
        four = (start, first, second, end)
        x, y = (sum(w * place[axis] for w, place in zip(weights, four, strict=True)) for axis in (0, 1))
        dx, dy = (sum(w * place[axis] for w, place in zip(slopes, four, strict=True)) for axis in (0, 1))
        return (x, y), math.degrees(math.atan2(dy, dx))

    return at


def arc_way(centre: Point, across: Point, along: Point, first: float, last: float) -> Way:
    def at(part: float) -> tuple[Point, float]:
        turn = math.radians(first + part * (last - first))
        c, s = math.cos(turn), math.sin(turn)
        place = centre[0] + c * across[0] + s * along[0], centre[1] + c * across[1] + s * along[1]
        sign = 1 if last > first else -1
        dx, dy = sign * (c * along[0] - s * across[0]), sign * (c * along[1] - s * across[1])
        return place, math.degrees(math.atan2(dy, dx))

    return at


def points_way(points: list[Point]) -> Way:
    """Along a line through many points, by their number."""

    def at(part: float) -> tuple[Point, float]:
        index = min(int(part * (len(points) - 1)), len(points) - 2)
        return line_way(points[index], points[index + 1])(part * (len(points) - 1) - index)

    return at


def wave(start: Point, end: Point, *, is_sine: bool) -> list[Point]:
    """A quarter of a sine, which leaves its start steeply, or of a cosine, which leaves it level."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    parts = [step / _STEPS for step in range(1, _STEPS + 1)]
    heights = [math.sin(part * math.pi / 2) if is_sine else 1 - math.cos(part * math.pi / 2) for part in parts]
    return [(start[0] + part * dx, start[1] + height * dy) for part, height in zip(parts, heights, strict=True)]


def parabola(start: Point, bend: Point, end: Point) -> list[Point]:
    """Points of the halves of parabolas from the start to the bend, and from it to the end."""
    places: list[Point] = []
    for far, parts in ((start, range(_STEPS - 1, -1, -1)), (end, range(1, _STEPS + 1))):
        if far == bend:
            continue
        for step in parts:
            part = step / _STEPS
            places.append((bend[0] + part * (far[0] - bend[0]), bend[1] + part * part * (far[1] - bend[1])))
    if not places:
        raise NotDrawn
    return places
