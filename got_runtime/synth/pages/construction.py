"""Geometric constructions on squared paper and their TikZ: shapes whose corners have integer coordinates.

The order of the TikZ is canonical: shapes, then letters, each from the top left to the bottom right by its first point.
A shape begins at its highest corner (of two equally high ones the left) and continues clockwise.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

Side = Literal["above", "below", "left", "right"]
Point = tuple[int, int]
"""Column and row on the paper; rows count upwards, as in TikZ."""


@dataclass(frozen=True)
class Shape:
    """``points``: corners, or a circle's centre with ``radius``, or where a dot is."""

    kind: Literal["segment", "triangle", "rectangle", "circle", "dot"]
    points: tuple[Point, ...]
    radius: int = 0
    dashed: bool = False


@dataclass(frozen=True)
class Letter:
    """A point's name, written on one ``side`` of it."""

    name: str
    point: Point
    side: Side


@dataclass(frozen=True)
class Construction:
    """A drawing on paper of ``columns`` × ``rows`` squares."""

    columns: int
    rows: int
    shapes: tuple[Shape, ...]
    letters: tuple[Letter, ...]


TikzPart = tuple[str, Point | None, int]
"""TikZ source, its point (None: that of the next part), and the distance of its box right of the point in squares."""


def tikz(drawing: Construction) -> Iterator[TikzPart]:
    """The TikZ source in parts, each with its point."""
    yield "\\begin{tikzpicture}\n", None, 0
    for shape in drawing.shapes:
        yield from _statement(shape)
    for letter in drawing.letters:
        yield f"\\node[{letter.side}] at ", None, 0
        yield _written(letter.point), letter.point, 0
        yield f" {{{letter.name}}};\n", letter.point, 0
    yield "\\end{tikzpicture}", None, 0


def _written(point: Point) -> str:
    return f"({point[0]},{point[1]})"


def _statement(shape: Shape) -> Iterator[TikzPart]:
    first = shape.points[0]
    yield "\\fill " if shape.kind == "dot" else "\\draw[dashed] " if shape.dashed else "\\draw ", None, 0
    yield _written(first), first, 0
    if shape.kind == "dot":
        yield " circle (2pt);\n", first, 0
    elif shape.kind == "circle":
        yield f" circle ({shape.radius});\n", first, shape.radius
    else:
        for point in shape.points[1:]:
            yield " rectangle " if shape.kind == "rectangle" else " -- ", None, 0
            yield _written(point), point, 0
        yield " -- cycle;\n" if shape.kind == "triangle" else ";\n", first if shape.kind == "triangle" else point, 0


def _top_left_first(point: Point) -> tuple[int, int]:
    return -point[1], point[0]


def _shape(rng: np.random.Generator, columns: int, rows: int) -> Shape:
    """A random shape whose corners are at least a square apart."""
    kind = str(rng.choice(["segment", "triangle", "rectangle", "circle"], p=[0.3, 0.3, 0.2, 0.2]))
    dashed = bool(rng.random() < 0.15)
    if kind == "circle":
        radius = int(rng.integers(1, max(2, min(columns, rows) // 2)))
        centre = int(rng.integers(radius, columns - radius + 1)), int(rng.integers(radius, rows - radius + 1))
        return Shape("circle", (centre,), radius, dashed)
    while True:
        corners = [(int(rng.integers(columns + 1)), int(rng.integers(rows + 1))) for _ in range(3)]
        (ax, ay), (bx, by), (cx, cy) = a, b, c = corners
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if kind == "segment" and abs(ax - bx) + abs(ay - by) > 1:
            first, second = sorted((a, b), key=_top_left_first)
            return Shape("segment", (first, second), 0, dashed)
        if kind == "rectangle" and ax != bx and ay != by:
            return Shape("rectangle", ((min(ax, bx), max(ay, by)), (max(ax, bx), min(ay, by))), 0, dashed)
        if kind == "triangle" and abs(area) >= 4:
            turned = corners if area < 0 else [a, c, b]  # clockwise, with y upwards
            start = turned.index(min(turned, key=_top_left_first))
            one, two, three = turned[start:] + turned[:start]
            return Shape("triangle", (one, two, three), 0, dashed)


def construction(rng: np.random.Generator, columns: int, rows: int, most: int = 3) -> Construction:
    """One to ``most`` shapes, the centres of some circles, and letters at the corners of one where there are few."""
    shapes: list[Shape] = []
    named: list[Point] = []
    count = int(rng.integers(1, most + 1))
    for _ in range(count):
        shape = _shape(rng, columns, rows)
        if any(_touching(shape, other) for other in shapes):
            continue
        shapes.append(shape)
        if shape.kind == "circle" and rng.random() < 0.6:
            shapes.append(Shape("dot", shape.points))
        if shape.kind != "rectangle" and not named and count < 3 and rng.random() < 0.7:
            named += shape.points if shapes[-1].kind == "dot" or shape.kind != "circle" else ()
    if rng.random() < 0.3:
        dot = Shape("dot", ((int(rng.integers(columns + 1)), int(rng.integers(rows + 1))),))
        shapes += [dot] if dot not in shapes else []
    first = int(rng.choice([0, 0, 10, int(rng.integers(0, 18))]))
    letters = [
        Letter(chr(ord("A") + (first + i) % 26), point, _side(rng, point, named, (columns, rows)))
        for i, point in enumerate(sorted(named, key=_top_left_first))
    ]
    return Construction(columns, rows, tuple(sorted(shapes, key=_shape_order)), tuple(letters))


def _edges(shape: Shape) -> list[tuple[Point, Point]]:
    """The straight lines of a shape."""
    corners = list(shape.points)
    if shape.kind == "rectangle":
        (left, top), (right, bottom) = corners
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return list(pairwise(corners if shape.kind == "segment" else [*corners, corners[0]]))


def _touching(one: Shape, other: Shape) -> bool:
    """Whether two shapes are ambiguous together: a corner of one is on an edge of the other, or circles coincide."""
    if "circle" in (one.kind, other.kind) or "dot" in (one.kind, other.kind):
        return (one.kind, one.points, one.radius) == (other.kind, other.points, other.radius)
    return any(
        _on(corner, edge)
        for a, b in ((one, other), (other, one))
        for corner, _ in [*_edges(a), _edges(a)[-1][::-1]]
        for edge in _edges(b)
    )


def _on(point: Point, edge: tuple[Point, Point]) -> bool:
    """Whether a point lies on an edge, ends included."""
    (x, y), ((ax, ay), (bx, by)) = point, edge
    level = (bx - ax) * (y - ay) == (by - ay) * (x - ax)
    return level and min(ax, bx) <= x <= max(ax, bx) and min(ay, by) <= y <= max(ay, by)


def _shape_order(shape: Shape) -> tuple[tuple[int, int], str, tuple[Point, ...], int]:
    return _top_left_first(shape.points[0]), shape.kind, shape.points, shape.radius


def _side(rng: np.random.Generator, point: Point, named: list[Point], paper: Point) -> Side:
    """The side, among those with paper, that is farthest from the lines to the other corners."""
    sides: list[tuple[Side, Point]] = [("above", (0, 1)), ("below", (0, -1)), ("left", (-1, 0)), ("right", (1, 0))]
    sides = [
        (side, step) for side, step in sides if all(0 <= p + w <= e for p, w, e in zip(point, step, paper, strict=True))
    ]
    others = np.array([np.subtract(other, point) for other in named if other != point], dtype=float).reshape(-1, 2)
    if not len(others):
        return sides[rng.integers(len(sides))][0]
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    return min(sides, key=lambda side: float((others @ np.array(side[1])).max()))[0]
