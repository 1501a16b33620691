"""Constructions of tkz-euclide: the points that its commands define."""

import math
import re
from collections.abc import Callable

from got_runtime.markup.notation.tikz.coordinates import crossing, foot
from got_runtime.markup.notation.tikz.numbers import NotDrawn, Point, evaluate

__all__ = [
    "CENTRES",
    "centre",
    "circles_meet",
    "inner_triangle",
    "line",
    "line_meets_circle",
    "moved",
    "triangle",
    "turned",
    "with_line",
]

Options = dict[str, str]
Find = Callable[[str], Point]


def turned(place: Point, about: Point, degrees: float, scale: float = 1.0) -> Point:
    """A point turned about another, and its distance multiplied."""
    c, s = scale * math.cos(math.radians(degrees)), scale * math.sin(math.radians(degrees))
    dx, dy = place[0] - about[0], place[1] - about[1]
    return about[0] + c * dx - s * dy, about[1] + s * dx + c * dy


def _between(a: Point, b: Point, part: float) -> Point:
    return a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1])


def _weighted(*pairs: tuple[Point, float]) -> Point:
    total = sum(weight for _, weight in pairs)
    if abs(total) < 1e-12:
        raise NotDrawn
    x, y = (sum(weight * place[axis] for place, weight in pairs) / total for axis in (0, 1))
    return x, y


def _circum(a: Point, b: Point, c: Point) -> Point:
    p, q = _between(a, b, 0.5), _between(b, c, 0.5)
    return crossing(p, turned(a, p, 90), q, turned(b, q, 90))


def _ortho(a: Point, b: Point, c: Point) -> Point:
    return crossing(a, foot(a, b, c), b, foot(b, a, c)) if foot(a, b, c) != a and foot(b, a, c) != b else c


def _in(a: Point, b: Point, c: Point) -> Point:
    return _weighted((a, math.dist(b, c)), (b, math.dist(a, c)), (c, math.dist(a, b)))


def _ex(a: Point, b: Point, c: Point) -> Point:
    return _weighted((a, -math.dist(b, c)), (b, math.dist(a, c)), (c, math.dist(a, b)))


def _centroid(a: Point, b: Point, c: Point) -> Point:
    return _weighted((a, 1.0), (b, 1.0), (c, 1.0))


def _euler(a: Point, b: Point, c: Point) -> Point:
    return _circum(_between(a, b, 0.5), _between(b, c, 0.5), _between(a, c, 0.5))


def inner_triangle(kind: str, a: Point, b: Point, c: Point) -> list[Point]:
    """The corners on the sides opposite of ``a``, ``b`` and ``c``. Raises ``NotDrawn``."""
    middle = _in(a, b, c)
    places: dict[str, Callable[[Point, Point, Point], Point]] = {
        **dict.fromkeys(("medial", "centroid"), lambda _, p, q: _between(p, q, 0.5)),
        "orthic": foot,
        **dict.fromkeys(("incentral", "in"), lambda corner, p, q: crossing(corner, middle, p, q)),
        **dict.fromkeys(("intouch", "contact"), lambda _, p, q: foot(middle, p, q)),
    }
    if kind not in places:
        raise NotDrawn
    return [places[kind](*sides) for sides in ((a, b, c), (b, c, a), (c, a, b))]


CENTRES: dict[str, Callable[[Point, Point, Point], Point]] = {
    "circum": _circum,
    "ortho": _ortho,
    "orthic": _ortho,
    "in": _in,
    "ex": _ex,
    "centroid": _centroid,
    "median": _centroid,
    "gravity": _centroid,
    "euler": _euler,
}


def centre(kinds: Options, points: list[Point]) -> Point:
    """The centre of a triangle that an option names. Raises ``NotDrawn``."""
    kind = next((key for key in kinds if key in CENTRES), None)
    if len(points) != 3 or kind is None:
        raise NotDrawn
    return CENTRES[kind](*points)


def moved(option: str, value: str, find: Find) -> Callable[[Point], Point]:
    """The map of ``\\tkzDefPointBy``: projection, symmetry, reflection, rotation, translation, homothety."""

    def names(pattern: str) -> tuple[str, ...]:
        found = re.fullmatch(pattern, value.strip())
        if found is None:
            raise NotDrawn
        return found.groups()

    match option:
        case "projection":
            a, b = map(find, names(r"onto\s+(.+?)\s*--\s*(.+)"))
            return lambda place: foot(place, a, b)
        case "reflection" | "orthogonal symmetry":
            a, b = map(find, names(r"over\s+(.+?)\s*--\s*(.+)"))
            return lambda place: _between(place, foot(place, a, b), 2.0)
        case "symmetry" | "central symmetry":
            (name,) = names(r"center\s+(.+)")
            about = find(name)
            return lambda place: _between(place, about, 2.0)
        case "translation":
            a, b = map(find, names(r"from\s+(.+?)\s+to\s+(.+)"))
            return lambda place: (place[0] + b[0] - a[0], place[1] + b[1] - a[1])
        case "rotation" | "homothety":
            word = "angle" if option == "rotation" else "ratio"
            name, number = names(rf"center\s+(\S+)\s+{word}\s+(.+)")
            about, size = find(name), evaluate(number)
            if option == "rotation":
                return lambda place: turned(place, about, size)
            return lambda place: _between(about, place, size)
    raise NotDrawn


def line(options: Options, points: list[Point], find: Find) -> list[Point]:
    """The two points of ``\\tkzDefLine``, or the one or two points of tangency. Raises ``NotDrawn``."""
    key, value = next(((k, v) for k, v in options.items() if k not in ("normed", "K")), ("mediator", ""))
    through = find(value.removeprefix("through").strip()) if value.startswith("through") else None
    factor = evaluate(options["K"]) if "K" in options else 1.0
    if key in ("perpendicular", "orthogonal") and through is not None and len(points) == 2:
        a, b = points
        return [(through[0] - factor * (b[1] - a[1]), through[1] + factor * (b[0] - a[0]))]
    if key == "parallel" and through is not None and len(points) == 2:
        a, b = points
        return [(through[0] + factor * (b[0] - a[0]), through[1] + factor * (b[1] - a[1]))]
    if key == "mediator" and len(points) == 2:
        middle = _between(points[0], points[1], 0.5)
        return [turned(points[0], middle, -90, math.sqrt(3)), turned(points[0], middle, 90, math.sqrt(3))]
    if key in ("bisector", "bisector out") and len(points) == 3:
        a, b, c = points
        if not math.dist(c, b):
            raise NotDrawn
        same = _between(b, c, math.dist(a, b) / math.dist(c, b))
        return [turned(a, same, 60)] if key == "bisector" else [turned(_between(a, same, 0.5), b, 90)]
    if key == "tangent at" and len(points) == 1:
        at = find(value)
        if not math.dist(points[0], at):
            raise NotDrawn
        return [turned(points[0], at, -90, 1 / math.dist(points[0], at))]
    if key == "tangent from" and len(points) == 2:
        outside, (about, edge) = find(value), points
        middle = _between(outside, about, 0.5)
        return circles_meet(about, math.dist(about, edge), middle, math.dist(middle, about))
    raise NotDrawn


def triangle(options: Options, points: list[Point]) -> Point:
    """The third corner of ``\\tkzDefTriangle``, on the left of its base. Raises ``NotDrawn``."""
    if len(points) != 2:
        raise NotDrawn
    a, b = points
    if "equilateral" in options:
        return turned(b, a, 60)
    if "two angles" in options:
        first, _, second = options["two angles"].partition(" and ")
        return crossing(a, turned(b, a, evaluate(first)), b, turned(a, b, -evaluate(second)))
    if "isosceles right" in options:
        return turned(b, a, 45, math.sqrt(0.5))
    if "pythagore" in options or "pythagoras" in options:
        return turned(a, b, -90, 0.75)
    raise NotDrawn


def with_line(options: Options, points: list[Point], find: Find) -> Point:
    """The point of ``\\tkzDefPointWith``. Raises ``NotDrawn``."""
    if len(points) != 2:
        raise NotDrawn
    a, b = points
    factor = evaluate(options["K"]) if "K" in options else 1.0
    unit = 1 / math.dist(a, b) if any(key.endswith("normed") for key in options) and math.dist(a, b) else 1.0
    if "linear" in options or "linear normed" in options:
        return _between(a, b, factor * unit)
    if "orthogonal" in options or "orthogonal normed" in options:
        return turned(b, a, 90, factor * unit) if factor >= 0 else turned(b, a, -90, -factor * unit)
    for key, value in options.items():
        if key in ("colinear", "colinear normed") and value.startswith("at"):
            start = find(value.removeprefix("at").strip().lstrip("=").strip())
            return start[0] + factor * unit * (b[0] - a[0]), start[1] + factor * unit * (b[1] - a[1])
    raise NotDrawn


def line_meets_circle(a: Point, b: Point, about: Point, radius: float) -> list[Point]:
    """The two points in which a line meets a circle, the one on the left seen from the centre first."""
    near, size = foot(about, a, b), math.dist(a, b)
    apart = math.dist(near, about)
    square = radius * radius - apart * apart
    if square < -1e-9 or not size:
        raise NotDrawn
    far = math.sqrt(max(square, 0.0))
    dx, dy = far * (b[0] - a[0]) / size, far * (b[1] - a[1]) / size
    if apart > 1e-3:
        out = (near[0] - about[0]) / apart, (near[1] - about[1]) / apart
        dx, dy = out[1] * far, -out[0] * far
    return [(near[0] - dx, near[1] - dy), (near[0] + dx, near[1] + dy)]


def circles_meet(one: Point, radius: float, other: Point, second: float) -> list[Point]:
    """The two points that circles share, the one on the left of the way between their centres first."""
    apart = math.dist(one, other)
    if not apart:
        raise NotDrawn
    part = (apart**2 + radius**2 - second**2) / (2 * apart)
    square = radius * radius - part * part
    if square < -1e-9:
        raise NotDrawn
    middle = _between(one, other, part / apart)
    far = math.sqrt(max(square, 0.0)) / apart
    dx, dy = far * (other[0] - one[0]), far * (other[1] - one[1])
    return [(middle[0] - dy, middle[1] + dx), (middle[0] + dy, middle[1] - dx)]
