"""Commands of tkz-euclide: what defines points, and what is drawn, which is written as TikZ."""

import math
import re
from collections.abc import Callable

from got_runtime.markup.notation.tikz import tkz_points
from got_runtime.markup.notation.tikz.coordinates import crossing, foot
from got_runtime.markup.notation.tikz.numbers import NotDrawn, Point, closing, evaluate, length, split
from got_runtime.markup.notation.tikz.options import Frame, parse_options
from got_runtime.markup.notation.tikz.path import PathReader
from got_runtime.markup.notation.tikz.sheet import Sheet
from got_runtime.markup.notation.tikz.tkz_axes import Window, in_window
from got_runtime.markup.notation.tikz.tkz_draw import written

__all__ = ["TkzReader"]

_MAX_SIDES = 60
_ON_CIRCLE = re.compile(r"center\s+(\S+)\s+angle\s+(\S+)\s+(point|radius)\s+(.+)")
_WITHOUT_EFFECT = ("SetUp", "GetRandPointOn", "ShowBB")


class TkzReader:
    """Reads one command after another: some leave results, which the next ones take."""

    def __init__(self, sheet: Sheet, styles: dict[str, str]) -> None:
        self.sheet, self.styles = sheet, styles
        self.results: list[Point] = []
        self.number: float | None = None
        self.frame = Frame()
        self.window = Window()

    def read(self, statement: str, frame: Frame, values: dict[str, str]) -> None:
        """Carries a command out. Raises ``NotDrawn``."""
        found = re.match(r"\\tkz([A-Za-z]+)", statement)
        if found is None:
            raise NotDrawn
        self.frame = frame
        name, groups = found[1], _groups(statement[found.end() :])
        options = dict(parse_options("".join(text for sign, text in groups[:1] if sign == "["), self.styles))
        round_ = [text for sign, text in groups if sign == "("]
        braces = [text.strip() for sign, text in groups if sign == "{"]
        if name.startswith(_WITHOUT_EFFECT):
            return
        if name == "Init":
            self.window = Window.read(options)
        elif name.startswith("Get"):
            self._take(name, braces, values)
        elif name in ("DefPoint", "DefPoints", "DefShiftPoint", "DefPointsBy", "DefRegPolygon", "DefSpcTriangle"):
            self.results = []
            self._named_points(name, options, round_, braces)
        elif name in _DEFINITIONS:
            self.results, self.number = [], None
            self.results = _DEFINITIONS[name](self, options, round_)
        else:
            in_it = in_window(name, options, braces, self.window)
            for each in written(name, options, round_, braces, self._find) if in_it is None else in_it:
                PathReader(self.sheet, frame, self.styles).read(each)

    def _find(self, name: str) -> Point:
        if name.strip() not in self.sheet.named:
            raise NotDrawn
        return self.frame.point(name.strip(), self.sheet.named)

    def find_all(self, text: str) -> list[Point]:
        return [self._find(each) for each in text.split(",")]

    def _define(self, name: str, place: Point) -> None:
        self.sheet.nodes.pop(name.strip(), None)
        self.sheet.named[name.strip()] = self.frame.at(place)

    def _take(self, name: str, braces: list[str], values: dict[str, str]) -> None:
        """Names the results of the last command."""
        if name in ("GetLength", "GetAngle") and self.number is not None and braces:
            values[braces[0]] = f"{self.number:.5f}"
            return
        first = {"GetSecondPoint": 1}.get(name, 0)
        wanted = braces if name == "GetPoints" else braces[:1]
        if name not in ("GetPoint", "GetPoints", "GetFirstPoint", "GetSecondPoint") or not wanted:
            raise NotDrawn
        places = self.results[first : first + len(wanted)]
        for each in wanted:
            self.sheet.named.pop(each, None)
        if len(places) < len(wanted):
            raise NotDrawn
        for each, place in zip(wanted, places, strict=True):
            self._define(each, place)

    def _named_points(self, name: str, options: dict[str, str], round_: list[str], braces: list[str]) -> None:
        if name == "DefPoints" and braces:
            for each in split(braces[0]):
                x, y, point = (part.strip() for part in (*split(each, "/"), "", "")[:3])
                self._define(point, self.frame.point(f"{x},{y}", self.sheet.named))
        elif name == "DefPointsBy" and braces and round_:
            change = self._change(options)
            for old, new in zip(round_[0].split(","), braces[0].split(","), strict=True):
                self._define(new, change(self._find(old)))
        elif name == "DefSpcTriangle" and braces and round_:
            kind = next((key for key in options if key != "name"), "centroid")
            corners = tkz_points.inner_triangle(kind, *self.find_all(round_[0]))
            for each, place in zip(braces[0].split(","), corners, strict=True):
                self._define(options.get("name", "") + each.strip(), place)
        elif name == "DefRegPolygon" and round_:
            self._polygon(options, self.find_all(round_[0]))
        elif round_ and braces:
            place = self.frame.point(round_[0], self.sheet.named)
            if name == "DefShiftPoint":
                start = self._find(next(iter(options), ""))
                place = start[0] + place[0], start[1] + place[1]
            elif options.keys() - {"label", "shift"}:
                raise NotDrawn
            self._define(braces[0], place)
            if label := options.get("label"):
                statement = rf"\node at ({braces[0]}) [label={{{label}}}] {{}}"
                PathReader(self.sheet, self.frame, self.styles).read(statement)
        else:
            raise NotDrawn

    def _polygon(self, options: dict[str, str], points: list[Point]) -> None:
        count, (a, b) = int(evaluate(options.get("sides", "5"))), points
        if not 3 <= count <= _MAX_SIDES:
            raise NotDrawn
        if "side" in options:
            middle = (a[0] + b[0]) / 2, (a[1] + b[1]) / 2
            centre, first = tkz_points.turned(b, middle, 90, 1 / math.tan(math.pi / count)), a
        else:
            centre, first = a, b
        for number in range(count):
            corner = tkz_points.turned(first, centre, 360 / count * number)
            self._define(f"{options.get('name', 'P')}{number + 1}", corner)
        self.results = [centre]

    def _change(self, options: dict[str, str]) -> Callable[[Point], Point]:
        key, value = next(iter(options.items()), ("", ""))
        return tkz_points.moved(key, value, self._find)

    def moved(self, options: dict[str, str], round_: list[str]) -> list[Point]:
        return [self._change(options)(self._find(round_[0]))]

    def centre(self, options: dict[str, str], round_: list[str]) -> list[Point]:
        return [tkz_points.centre(options or {"ortho": ""}, self.find_all(round_[0]))]

    def circle(self, options: dict[str, str], round_: list[str]) -> list[Point]:
        points = self.find_all(round_[0]) if "R" not in options else [self._find(round_[0].split(",")[0])]
        if "R" in options:
            self.number = length(round_[0].split(",")[1])
            return [points[0], (points[0][0] + self.number, points[0][1])]
        if "diameter" in options:
            middle = (points[0][0] + points[1][0]) / 2, (points[0][1] + points[1][1]) / 2
            edge = points[1]
        elif "through" in options or not options:
            middle, edge = points[0], points[1]
        else:
            middle = tkz_points.centre(options, points)
            edge = points[0] if "circum" in options else _foot(middle, points)
        self.number = math.dist(middle, edge)
        return [middle, edge]

    def line(self, options: dict[str, str], round_: list[str]) -> list[Point]:
        return tkz_points.line(options, self.find_all(round_[0]), self._find)

    def tangent(self, options: dict[str, str], round_: list[str]) -> list[Point]:
        return self.line({f"tangent {key}": value for key, value in options.items()}, round_)

    def lines_meet(self, _: dict[str, str], round_: list[str]) -> list[Point]:
        (a, b), (c, d) = self.find_all(round_[0]), self.find_all(round_[1])
        return [crossing(a, b, c, d)]

    def _circle_of(self, text: str, *, has_radius: bool) -> tuple[Point, float]:
        name, _, edge = text.partition(",")
        about = self._find(name)
        return about, length(edge) if has_radius else math.dist(about, self._find(edge))

    def line_and_circle(self, options: dict[str, str], round_: list[str]) -> list[Point]:
        if options.keys() - {"R", "node"}:
            raise NotDrawn
        a, b = self.find_all(round_[0])
        return tkz_points.line_meets_circle(a, b, *self._circle_of(round_[1], has_radius="R" in options))

    def circles(self, options: dict[str, str], round_: list[str]) -> list[Point]:
        if options.keys() - {"R"}:
            raise NotDrawn
        one, other = (self._circle_of(text, has_radius="R" in options) for text in round_)
        return tkz_points.circles_meet(*one, *other)

    def middle(self, _: dict[str, str], round_: list[str]) -> list[Point]:
        a, b = self.find_all(round_[0])
        return [((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)]

    def on_line(self, options: dict[str, str], round_: list[str]) -> list[Point]:
        a, b = self.find_all(round_[0])
        part = evaluate(options.get("pos", "0.5"))
        return [(a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1]))]

    def on_circle(self, options: dict[str, str], _: list[str]) -> list[Point]:
        if found := _ON_CIRCLE.fullmatch(options.get("through", options.get("R", "")).strip()):
            about, angle = self._find(found[1]), evaluate(found[2])
            far = math.dist(about, self._find(found[4])) if found[3] == "point" else length(found[4])
        elif {"angle", "center", "radius"} <= options.keys():
            about, angle, far = self._find(options["center"]), evaluate(options["angle"]), length(options["radius"])
        else:
            raise NotDrawn
        return [(about[0] + far * math.cos(math.radians(angle)), about[1] + far * math.sin(math.radians(angle)))]

    def with_line(self, options: dict[str, str], round_: list[str]) -> list[Point]:
        return [tkz_points.with_line(options, self.find_all(round_[0]), self._find)]

    def triangle(self, options: dict[str, str], round_: list[str]) -> list[Point]:
        return [tkz_points.triangle(options, self.find_all(round_[0]))]

    def square(self, _: dict[str, str], round_: list[str]) -> list[Point]:
        a, b = self.find_all(round_[0])
        return [tkz_points.turned(a, b, -90), tkz_points.turned(b, a, 90)]

    def equilateral(self, _: dict[str, str], round_: list[str]) -> list[Point]:
        return [tkz_points.triangle({"equilateral": ""}, self.find_all(round_[0]))]

    def parallelogram(self, _: dict[str, str], round_: list[str]) -> list[Point]:
        a, b, c = self.find_all(round_[0])
        return [(a[0] + c[0] - b[0], a[1] + c[1] - b[1])]

    def measure(self, _: dict[str, str], round_: list[str]) -> list[Point]:
        self.number = math.dist(*self.find_all(round_[0]))
        return []

    def angle(self, _: dict[str, str], round_: list[str]) -> list[Point]:
        a, b, c = self.find_all(round_[0])
        first, last = (math.degrees(math.atan2(each[1] - b[1], each[0] - b[0])) for each in (a, c))
        self.number = (last - first) % 360
        return []


_DEFINITIONS: dict[str, Callable[[TkzReader, dict[str, str], list[str]], list[Point]]] = {
    "DefPointBy": TkzReader.moved,
    "DefTriangleCenter": TkzReader.centre,
    "DefCircle": TkzReader.circle,
    "DefLine": TkzReader.line,
    "DefTangent": TkzReader.tangent,
    "InterLL": TkzReader.lines_meet,
    "InterLC": TkzReader.line_and_circle,
    "InterCC": TkzReader.circles,
    "DefMidPoint": TkzReader.middle,
    "DefPointOnLine": TkzReader.on_line,
    "DefPointOnCircle": TkzReader.on_circle,
    "DefPointWith": TkzReader.with_line,
    "DefTriangle": TkzReader.triangle,
    "DefSquare": TkzReader.square,
    "DefEquilateral": TkzReader.equilateral,
    "DefParallelogram": TkzReader.parallelogram,
    "CalcLength": TkzReader.measure,
    "FindAngle": TkzReader.angle,
}


def _foot(middle: Point, points: list[Point]) -> Point:
    if len(points) != 3:
        raise NotDrawn
    return foot(middle, points[0], points[1])


def _groups(text: str) -> list[tuple[str, str]]:
    """The arguments of a command with the signs that open them."""
    found, position = [], 0
    while position < len(text):
        if text[position] in "[({":
            end = closing(text, position)
            found.append((text[position], text[position + 1 : end]))
            position = end
        elif not text[position].isspace() and text[position] != ";":
            raise NotDrawn
        position += 1
    return found
