"""Paths of TikZ: lines, curves, circles, arcs, grids and plots."""

import math
import re
from dataclasses import replace
from functools import partial
from itertools import pairwise

from got_runtime.markup.notation.tikz_math import NotDrawn, Point, evaluate
from got_runtime.markup.notation.tikz_nodes import NodeReader
from got_runtime.markup.notation.tikz_options import apply, parse_options

__all__ = ["PathReader"]

_COMMANDS = {
    "draw": ("black", "none"),
    "fill": ("none", "black"),
    "filldraw": ("black", "black"),
    "path": ("none", "none"),
}


_OF_PLOTS = frozenset({"domain", "mark", "mark size", "only marks", "samples", "smooth", "variable", "thick"})


class PathReader(NodeReader):
    """Reads one statement into the sheet of a figure."""

    def read(self, statement: str) -> None:
        """Draws a statement that begins with a command. Raises ``NotDrawn``."""
        found = re.match(r"\\(\w+)", statement)
        command = found[1] if found else ""
        self.text, self.position = statement, found.end() if found else 0
        if command in ("coordinate", "node"):
            self._node(command, None)
        elif command == "pic":
            self._angle()
        elif command in _COMMANDS:
            stroke, fill = _COMMANDS[command]
            tone = self.frame.stroke if self.frame.stroke != "none" else ""  # of the scope
            self.frame = replace(self.frame, stroke=self.frame.stroke or stroke, fill=self.frame.fill or tone or fill)
            self.frame = replace(self.frame, stroke="none") if stroke == "none" else self.frame
            self.frame = replace(self.frame, fill="none") if fill == "none" else self.frame
            self._path()
        else:
            raise NotDrawn
        self._space()
        if self.position < len(self.text):
            raise NotDrawn

    def _path(self) -> None:
        options = self._options()
        self.frame = apply(self.frame, parse_options(options, self.styles), self.sheet.named)
        while self.position < len(self.text):
            self._segment()
            self._space()
        self._break()
        shown = {self.frame.stroke, self.frame.fill} - {"none", ""}
        if shown:
            for places in self.lines:
                self.sheet.line([self.frame.at(each) for each in places], self.frame)
            for centre, radius in self.rounds:
                self.sheet.circle(centre, radius, self.frame)
        for label in self.labels:
            label()

    def _segment(self) -> None:
        if found := self._take(r"--|-\||\|-|to\b|edge\b|\.\."):
            self._connection(found[0])
        elif self._take(r"rectangle\b"):
            (x, y), (right, top) = self._last(), self._needed()
            self._break()
            self.lines.append([(x, y), (right, y), (right, top), (x, top), (x, y)])
            self.points = [(right, top)]
        elif self._take(r"circle\b"):
            options, inside = dict(parse_options(self._options(), {})), self._group("(")
            radius = evaluate(inside if inside is not None else options.get("radius", ""))
            self.rounds.append((self._last(), radius))
        elif self._take(r"ellipse\b"):
            options, inside = dict(parse_options(self._options(), {})), self._group("(")
            wide, _, high = (
                inside.partition(" and ") if inside else (options.get("x radius", ""), "", options.get("y radius", ""))
            )
            self._round(0, 360, evaluate(wide), evaluate(high), self._last())
        elif self._take(r"arc\b"):
            self._arc()
        elif self._take(r"grid\b"):
            self._grid()
        elif found := self._take(r"(node|coordinate)\b"):
            self._node(found[1], self._last())
        elif self._take(r"plot\b"):
            self._plot()
        elif self._take(r"cycle\b"):
            raise NotDrawn
        elif self._take(r"pic\b"):
            self._angle()
        elif (changes := self._group("[")) is not None:
            self.frame = apply(self.frame, parse_options(changes, self.styles), self.sheet.named)
        else:
            place = self._coordinate()
            if place is None:
                raise NotDrawn
            self._break()
            self.points, self.first = [place], place

    def _connection(self, kind: str) -> None:
        start = self._last()
        pending: list[tuple[str, str]] = []
        if kind == "..":
            self._curve(start)
            return
        keys = dict(parse_options(self._options(), self.styles)) if kind in ("to", "edge") else {}
        while self._take(r"node\b"):
            pending.append(self._label_parts())
        end = self._begin() if self._take(r"cycle\b") else self._needed()
        if kind == "-|":
            self.points.append((end[0], start[1]))
        elif kind == "|-":
            self.points.append((start[0], end[1]))
        if start in self.boxed or end in self.boxed:
            if kind in ("-|", "|-") or (self.lines and any(self.frame.tips)):
                raise NotDrawn
            self._break()
            self.lines.append([_border(start, end, self.boxed), _border(end, start, self.boxed)])
            self.points = []
        if not keys.keys() <= {"draw"}:
            if pending or start in self.boxed or end in self.boxed or self._take(r"node\b"):
                raise NotDrawn
            self._bezier(start, *_controls(start, end, keys), end)
            return
        self.points.append(end)
        while self._take(r"node\b"):
            pending.append(self._label_parts())
            if not any(place in pending[-1][0] for place in ("midway", "pos", "near", "at ")):
                pending[-1] = (pending[-1][0] + ",at end", pending[-1][1])
        for options, text in pending:
            self._label_between(start, end, options, text)

    def _begin(self) -> Point:
        if self.first is None:
            raise NotDrawn
        return self.first

    def _curve(self, start: Point) -> None:
        if not self._take(r"controls\b"):
            raise NotDrawn
        first = self._needed()
        second = self._needed() if self._take(r"and\b") else first
        if not self._take(r"\.\."):
            raise NotDrawn
        end = self._begin() if self._take(r"cycle\b") else self._needed()
        if start in self.boxed or end in self.boxed:
            raise NotDrawn
        self._bezier(start, first, second, end)

    def _bezier(self, start: Point, first: Point, second: Point, end: Point) -> None:
        for step in range(1, 25):
            t = step / 24
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            four = (start, first, second, end)
            self.points.append(
                (
                    sum(w * p[0] for w, p in zip(weights, four, strict=True)),
                    sum(w * p[1] for w, p in zip(weights, four, strict=True)),
                )
            )

    def _arc(self) -> None:
        inside = self._group("(")
        options = dict(parse_options(self._options(), {})) if inside is None else {}
        if inside is not None:
            parts = inside.split(":")
            if len(parts) != 3:
                raise NotDrawn
            first, last, radius = parts
            wide, _, high = radius.partition(" and ")
        else:
            first, last = options.get("start angle", ""), options.get("end angle", "")
            if not last and "delta angle" in options:
                last = f"{evaluate(first) + evaluate(options['delta angle'])}"
            wide = options.get("x radius", options.get("radius", ""))
            high = options.get("y radius", options.get("radius", ""))
        a, b, rx = evaluate(first), evaluate(last), evaluate(wide)
        ry = evaluate(high) if high else rx
        x, y = self._last()
        centre = x - rx * math.cos(math.radians(a)), y - ry * math.sin(math.radians(a))
        for step in range(1, 37):
            turn = math.radians(a + (b - a) * step / 36)
            self.points.append((centre[0] + rx * math.cos(turn), centre[1] + ry * math.sin(turn)))

    def _round(self, first: float, last: float, wide: float, high: float, centre: Point) -> None:
        turns = [math.radians(first + (last - first) * step / 72) for step in range(73)]
        self.lines.append([(centre[0] + wide * math.cos(t), centre[1] + high * math.sin(t)) for t in turns])

    def _grid(self) -> None:
        options = dict(parse_options(self._options(), {}))
        found = re.search(r"\[[^]]*?step\s*=\s*([^],]+)", self.text)
        step = evaluate(options.get("step", found[1] if found else "1"))
        (x0, y0), (x1, y1) = self._last(), self._needed()
        if step <= 0 or (abs(x1 - x0) + abs(y1 - y0)) / step > 400:
            raise NotDrawn
        for place in range(math.ceil(min(x0, x1) / step - 1e-9), math.floor(max(x0, x1) / step + 1e-9) + 1):
            self.lines.append([(place * step, y0), (place * step, y1)])
        for place in range(math.ceil(min(y0, y1) / step - 1e-9), math.floor(max(y0, y1) / step + 1e-9) + 1):
            self.lines.append([(x0, place * step), (x1, place * step)])
        self.points = [(x1, y1)]

    def _plot(self) -> None:
        own = self._options()
        if not dict(parse_options(own, self.styles)).keys() <= _OF_PLOTS:
            raise NotDrawn
        options = dict(parse_options(",".join((self._first_options(), own)), self.styles))
        if self._take(r"coordinates\b"):
            inside = self._group("{")
            if inside is None:
                raise NotDrawn
            self._break()
            places = [self._place(each) for each in re.findall(r"\(([^()]*)\)", inside)]
            self._mark_points(places, options.get("mark", ""))
            if "only marks" not in options:
                self._through(places, is_smooth="smooth" in options)
            return
        inside = self._group("(")
        if inside is None:
            raise NotDrawn
        first, _, second = inside.partition(",")
        variable = options.get("variable", "\\x").lstrip("\\")
        low, _, high = options.get("domain", "-5:5").partition(":")
        a, b = evaluate(low), evaluate(high)
        count = max(int(evaluate(options.get("samples", "25"))), 50)
        self._break()
        places = []
        for step in range(min(count, 300) + 1):
            value = a + (b - a) * step / min(count, 300)
            # As text, as TeX does: \\x^2 is -1^2 where \\x is -1, and so negative.
            x, y = (re.sub(r"\\" + variable + r"(?![A-Za-z])", f"{value:.6f}", part) for part in (first, second))
            places.append((evaluate(x), evaluate(y)))
        self.points = places

    def _mark_points(self, places: list[Point], mark: str) -> None:
        if mark not in ("", "none", "*", "o"):
            raise NotDrawn
        tone = self.frame.stroke if self.frame.stroke != "none" else self.frame.fill
        frame = replace(self.frame, fill=tone if mark == "*" else "white", stroke=tone, dashes="")
        if mark in ("*", "o"):
            for place in places:
                self.labels.append(partial(self.sheet.circle, place, 0.07, frame))

    def _through(self, places: list[Point], *, is_smooth: bool) -> None:
        """A line through points; a smooth one is that of pgf's ``curveto`` with a tension of 0.55."""
        self.points = places if not is_smooth else places[:1]
        if not is_smooth or len(places) < 2:
            return
        slopes = [((c[0] - a[0]) * 0.275, (c[1] - a[1]) * 0.275) for a, c in zip(places, places[2:], strict=False)]
        slopes = [(0.0, 0.0), *slopes, (0.0, 0.0)]
        for index, (start, end) in enumerate(pairwise(places)):
            first = start[0] + slopes[index][0], start[1] + slopes[index][1]
            second = end[0] - slopes[index + 1][0], end[1] - slopes[index + 1][1]
            self._bezier(start, first, second, end)


def _controls(start: Point, end: Point, keys: dict[str, str]) -> tuple[Point, Point]:
    """The control points of ``to[bend left=30]`` and ``to[out=60,in=120]`` (TikZ manual, 74.2 and 74.3)."""
    away, across = end[0] - start[0], end[1] - start[1]
    towards = math.degrees(math.atan2(across, away))
    known = {"draw", "bend left", "bend right", "out", "in", "looseness"}
    if not keys.keys() <= known:
        raise NotDrawn
    bend = evaluate(keys["bend left"] or "30") if "bend left" in keys else 0.0
    bend = -evaluate(keys["bend right"] or "30") if "bend right" in keys else bend
    out = evaluate(keys["out"]) if "out" in keys else towards + bend
    into = evaluate(keys["in"]) if "in" in keys else towards + 180 - bend
    reach = 0.3915 * evaluate(keys.get("looseness", "1")) * math.hypot(away, across)
    a, b = math.radians(out), math.radians(into)
    return (
        (start[0] + reach * math.cos(a), start[1] + reach * math.sin(a)),
        (end[0] + reach * math.cos(b), end[1] + reach * math.sin(b)),
    )


def _border(place: Point, other: Point, boxed: dict[Point, tuple[float, float]]) -> Point:
    """Where the line to another point leaves the node that stands at a point."""
    if place not in boxed:
        return place
    (wide, high), dx, dy = boxed[place], other[0] - place[0], other[1] - place[1]
    part = min(wide / abs(dx) if dx else math.inf, high / abs(dy) if dy else math.inf)
    if not part < 0.5:
        raise NotDrawn  # the nodes meet
    return place[0] + part * dx, place[1] + part * dy
