"""Decorations of paths: braces, waves, and marks along a line."""

import math
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

from got_runtime.markup.notation.tikz.lines import Line, bezier
from got_runtime.markup.notation.tikz.numbers import (
    NotDrawn,
    Point,
    evaluate,
    has_unit,
    length,
    without_braces,
)
from got_runtime.markup.notation.tikz.options import POINTS, Frame, apply, parse_options
from got_runtime.markup.notation.tikz.reader import StatementReader
from got_runtime.markup.notation.tikz.statements import statements
from got_runtime.markup.notation.tikz.tips import tips

__all__ = ["Decorations"]

_MARK = re.compile(r"(at position|between positions)\s+(.+?)\s+with\b")
_STEP = re.compile(r"(\S+)\s+and\s+(\S+)\s+step\s+(\S+)")
_ARROW = re.compile(r"\\(arrow|arrowreversed)\s*(?:\[([^\]]*)\])?\s*\{([^{}]*)\}\s*;?")
_MAX_MARKS, _MAX_WAVES = 100, 400


class Decorations(StatementReader):
    """Draws a path as its decoration, or the marks on it."""

    def _draw_decorated(self, lines: list[Line], frame: Frame) -> None:
        post = frame.keys.get("postaction")
        if "decorate" not in frame.keys and post is None:
            self.sheet.draw(lines, frame)
            return
        written = frame.keys.get("decoration", "")
        if post is not None:
            inner = dict(parse_options(post, self.styles))
            if not inner.keys() <= {"decorate", "decoration"} or "decorate" not in inner:
                raise NotDrawn
            written = inner.get("decoration", written)
            self.sheet.draw(lines, replace(frame, keys={}))
        options = parse_options(written, {})
        keys = dict(options)
        name = keys.get("name") or next((key for key, value in options if not value and key != "mirror"), "")
        self.sheet.spend(200 * len(lines) if name != "markings" else 0)
        plain = replace(frame, keys={})
        if name == "markings":
            for line in lines:
                self._marks(line, [value for key, value in options if key == "mark"], plain)
            return
        shaped = _SHAPED.get(name)
        if shaped is None:
            raise NotDrawn
        self.sheet.draw([Line(shaped(line.points, keys)) for line in lines], plain)

    def _marks(self, line: Line, marks: list[str], frame: Frame) -> None:
        total = sum(math.dist(a, b) for a, b in pairwise(line.points))
        count = 0
        for written in marks:
            found = _MARK.match(written.strip())
            if found is None or not total:
                raise NotDrawn
            body = without_braces(written.strip()[found.end() :].strip())
            for part in _positions(found[1], found[2], total):
                count += 1
                if count > _MAX_MARKS:
                    raise NotDrawn
                self._mark(line.points, part * total, body, frame)

    def _mark(self, points: list[Point], distance: float, body: str, frame: Frame) -> None:
        """Draws the contents of a mark in a frame whose first axis goes along the line."""
        self.sheet.spend(20 + len(points) // 20)
        place, direction = _along(points, distance)
        x, y = frame.at(place)
        a, b, c, d, _, _ = frame.matrix
        cos, sin = math.cos(math.radians(direction)), math.sin(math.radians(direction))
        turn = math.degrees(math.atan2(b * cos + d * sin, a * cos + c * sin))
        own = Frame(
            stroke=frame.stroke, tone=frame.tone, width=frame.width, colours=frame.colours, units=Frame().units
        ).mapped(1, 0, 0, 1, x, y)
        own = own.turned(turn)
        position = 0
        for found in _ARROW.finditer(body):
            if body[position : found.start()].strip(" ;"):
                raise NotDrawn
            position = found.end()
            ends = tips(f"-{found[3].strip()}")
            if ends is None:
                raise NotDrawn
            pen = apply(own, parse_options(found[2] or "", self.styles), {})
            half = 0.1 if found[1] == "arrow" else -0.1
            self.sheet.draw([Line([(-half, 0.0), (half, 0.0)])], replace(pen, fill="none", tips=ends))
        for statement in statements(body[position:]):
            type(self)(self.sheet, replace(own, stroke=""), self.styles).read(statement.rstrip("; \n"))

    def read(self, statement: str) -> None:
        """Draws a statement. Raises ``NotDrawn``."""
        raise NotImplementedError


def _positions(kind: str, written: str, total: float) -> list[float]:
    def part(text: str) -> float:
        return evaluate(text) / (total if has_unit(text) else 1.0)

    if kind == "at position":
        return [part(written)]
    found = _STEP.fullmatch(written.strip())
    if found is None:
        raise NotDrawn
    first, last, step = (part(each) for each in found.groups())
    if step <= 0 or (last - first) / step > _MAX_MARKS:
        raise NotDrawn
    return [first + step * number for number in range(math.floor((last - first) / step + 1e-6) + 1)]


def _along(points: list[Point], distance: float) -> tuple[Point, float]:
    """The point of a line after a distance, and the direction there in degrees."""
    for a, b in pairwise(points):
        part = math.dist(a, b)
        if part and distance <= part + 1e-9:
            share = distance / part
            return (a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])), _direction(a, b)
        distance -= part
    return points[-1], _direction(*points[-2:])


def _direction(a: Point, b: Point) -> float:
    return math.degrees(math.atan2(b[1] - a[1], b[0] - a[0]))


def _size(keys: dict[str, str], name: str, default: str) -> float:
    return length(keys.get(name, default), POINTS)


def _frame_along(points: list[Point], keys: dict[str, str]) -> tuple[Callable[[float, float], Point], float]:
    """A map from (along, across) to the straight line from the first to the last point, and its length."""
    start, end = points[0], points[-1]
    total = math.dist(start, end)
    if total < 1e-6:
        raise NotDrawn
    c, s = (end[0] - start[0]) / total, (end[1] - start[1]) / total
    side = -1.0 if "mirror" in keys else 1.0
    lift = _size(keys, "raise", "0")

    def at(along: float, across: float) -> Point:
        out = side * (across + lift)
        return start[0] + along * c - out * s, start[1] + along * s + out * c

    return at, total


def _brace(points: list[Point], keys: dict[str, str]) -> list[Point]:
    at, total = _frame_along(points, keys)
    high = _size(keys, "amplitude", "2.5pt")
    half = total * evaluate(keys.get("aspect", "0.5"))
    if not 0 < half < total:
        raise NotDrawn
    wide = min(high, half / 2, (total - half) / 2)
    places = [at(0, 0)]
    for along, forward in ((0.0, 1.0), (total, -1.0)):
        middle = half - forward * wide
        arm = [
            at(along, 0),
            at(along + forward * 0.15 * wide, 0.3 * high),
            at(along + forward * 0.5 * wide, 0.5 * high),
        ]
        arm_end = at(along + forward * wide, 0.5 * high)
        tip = [
            at(middle + forward * 0.5 * wide, 0.5 * high),
            at(half - forward * 0.15 * wide, 0.7 * high),
            at(half, high),
        ]
        run = [
            arm[0],
            *bezier(arm[0], arm[1], arm[2], arm_end),
            at(middle, 0.5 * high),
            *bezier(at(middle, 0.5 * high), *tip),
        ]
        places += run[1:] if forward > 0 else run[-2::-1]
    return places


def _wave(points: list[Point], keys: dict[str, str], form: Callable[[float], float]) -> list[Point]:
    total = sum(math.dist(a, b) for a, b in pairwise(points))
    high, long = _size(keys, "amplitude", "2.5pt"), _size(keys, "segment length", "10pt")
    if long <= 0 or total / long > _MAX_WAVES:
        raise NotDrawn
    count = max(round(total / long), 1)
    places = []
    for step in range(count * 16 + 1):
        place, direction = _along(points, total * step / (count * 16))
        out, turn = high * form(step / 16 % 1.0), math.radians(direction)
        places.append((place[0] - out * math.sin(turn), place[1] + out * math.cos(turn)))
    return places


def _triangle(part: float) -> float:
    return 4 * part if part < 0.25 else 2 - 4 * part if part < 0.75 else 4 * part - 4


def _coil(points: list[Point], keys: dict[str, str]) -> list[Point]:
    at, total = _frame_along(points, keys)
    high, long = _size(keys, "amplitude", "2.5pt"), _size(keys, "segment length", "10pt")
    aspect = evaluate(keys.get("aspect", "0.5"))
    if long <= 0 or total / long > _MAX_WAVES:
        raise NotDrawn
    count = max(round((total - 2 * aspect * high) / long), 1)
    wide = aspect * high
    advance = (total - 2 * wide) / (count + 0.5)
    steps = range(round((count + 0.5) * 24) + 1)
    return [
        at(
            wide + advance * step / 24 - wide * math.cos(2 * math.pi * step / 24),
            high * math.sin(2 * math.pi * step / 24),
        )
        for step in steps
    ]


_SHAPED: dict[str, Callable[[list[Point], dict[str, str]], list[Point]]] = {
    "brace": _brace,
    "calligraphic brace": _brace,
    "snake": lambda points, keys: _wave(points, keys, lambda part: math.sin(2 * math.pi * part)),
    "zigzag": lambda points, keys: _wave(points, keys, _triangle),
    "saw": lambda points, keys: _wave(points, keys, lambda part: part),
    "coil": _coil,
}
