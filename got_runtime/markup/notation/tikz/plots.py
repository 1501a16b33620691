"""Plots of points and of functions in a path."""

import math
import re
from dataclasses import replace
from functools import partial
from itertools import pairwise

from got_runtime.markup.notation.tikz.angles import AngleReader
from got_runtime.markup.notation.tikz.coordinates import point
from got_runtime.markup.notation.tikz.curves import points_way
from got_runtime.markup.notation.tikz.lines import Line, bezier
from got_runtime.markup.notation.tikz.numbers import AS_TEXT, NotDrawn, Point, evaluate, has_unit, length, split
from got_runtime.markup.notation.tikz.options import POINTS, Frame, parse_options
from got_runtime.markup.notation.tikz.sheet import Sheet
from got_runtime.markup.notation.tikz.statements import list_items

__all__ = ["PlotReader", "mark", "smoothed"]

_OPTIONS = frozenset(
    {
        *("domain", "mark", "mark size", "only marks", "samples", "samples at", "smooth", "smooth cycle", "tension"),
        *("variable", "thick", "very thick", "thin", "mark options", "sharp plot", "ybar", "ycomb", "xbar", "xcomb"),
        *("bar width", "id", "parametric", "const plot"),
    }
)
_MAX_POINTS = 400
_SLOW = 8
_FEWEST = 50
"""Samples that are taken at least: TikZ's 25 are joined by curves where the plot is smooth."""


class PlotReader(AngleReader):
    """Reads plots into the line of a path."""

    def _plot(self, *, is_joined: bool) -> None:
        own = dict(parse_options(self._options(), self.styles))
        if own.keys() & {"const plot", "xcomb", "xbar"} or not own.keys() <= _OPTIONS:
            raise NotDrawn
        options = {**self.frame.keys, **own}
        if self._take(r"coordinates\b"):
            inside = self._group("{")
            if inside is None or inside.rfind("(") > inside.rfind(")"):  # the last one is cut
                raise NotDrawn
            places = [self._place(each) for each in re.findall(r"\(((?:[^()]|\([^()]*\))*)\)", inside)]
        else:
            places = self._sampled(options)
        if not places:
            raise NotDrawn
        if kind := next((each for each in ("ybar", "ycomb") if each in options), None):
            self._bars(places, kind, options)
        elif "only marks" not in options:
            self._join(places, options, is_joined=is_joined)
        for place in places if options.get("mark", "none") != "none" or "only marks" in options else []:
            size = length(options.get("mark size", "2"), POINTS)
            self.labels.append(partial(mark, self.sheet, self.frame, place, options.get("mark", "*"), size))

    def _join(self, places: list[Point], options: dict[str, str], *, is_joined: bool) -> None:
        is_cycle = "smooth cycle" in options
        if not is_joined:
            self._end_line()
            self.open, self.start = Line([places[0]]), (places[0], None)
        elif self.open is None:
            self.open = Line([self._last(), places[0]], [1])
        else:
            self.open.points.append(places[0])
            self.open.ends.append(len(self.open.points) - 1)
        runs = [[place] for place in places[1:]]
        if "smooth" in options or is_cycle:
            runs = smoothed(places, 0.5 * evaluate(options.get("tension", "0.55")), is_cycle=is_cycle)
        for run in runs:
            self.open.points += run
            self.open.ends.append(len(self.open.points) - 1)
        self.here = self.base = self.open.points[-1]
        self.from_node = None
        self.way = points_way(places) if len(places) > 1 else None
        if is_cycle:
            self.open.is_closed = True
            self._end_line()

    def _bars(self, places: list[Point], kind: str, options: dict[str, str]) -> None:
        self._end_line()
        half = length(options.get("bar width", "10pt"), POINTS) / 2
        for x, y in places:
            corners = [(x - half, 0.0), (x - half, y), (x + half, y), (x + half, 0.0), (x - half, 0.0)]
            self.lines.append(Line(corners, is_closed=True) if kind == "ybar" else Line([(x, 0.0), (x, y)]))

    def _sampled(self, options: dict[str, str]) -> list[Point]:
        """The points of ``(\\x, {\\x*\\x})``; its macro is replaced as text, as TeX does, so ``\\x^2`` is -1 at -1."""
        inside = self._group("(")
        if inside is None:
            raise NotDrawn
        variable = options.get("variable", "\\x").strip().lstrip("\\")
        if "samples at" in options:
            values = [evaluate(each) for each in list_items(options["samples at"].strip("{}"))]
        else:
            low, _, high = options.get("domain", "-5:5").partition(":")
            a, b = evaluate(low), evaluate(high)
            count = min(max(int(evaluate(options.get("samples", "25"))), _FEWEST), _MAX_POINTS)
            values = [a + (b - a) * step / count for step in range(count + 1)]
        self.sheet.spend(len(values) * (1 + len(inside) // 40))
        macro = re.compile(r"\\" + re.escape(variable) + r"(?![A-Za-z])")
        before_power = re.compile(macro.pattern + r"(?=\s*\^)")
        texts = [macro.sub("value", before_power.sub(AS_TEXT, part)) for part in split(inside)]
        if len(texts) == 2:
            axes = zip(texts, self.frame.units, ((1.0, 0.0), (0.0, 1.0)), strict=False)
            parts = [(text, plain if has_unit(text) else own) for text, own, plain in axes]
            return [_sum_of(parts, round(value, 6)) for value in values]
        self.sheet.spend(_SLOW * len(values))
        named, units = self._named(), self.frame.units
        return [point(macro.sub(f"{value:.6f}", inside), named, units) for value in values]


def _sum_of(parts: list[tuple[str, Point]], value: float) -> Point:
    x = y = 0.0
    for text, along in parts:
        size = evaluate(text, {AS_TEXT: value, "value": value})
        x, y = x + size * along[0], y + size * along[1]
    return x, y


def smoothed(places: list[Point], tension: float, *, is_cycle: bool) -> list[list[Point]]:
    """The curves of pgf's ``curveto`` plots through points."""
    count = len(places)
    if count < 2:
        return []
    before = [places[-1], *places[:-1]] if is_cycle else [places[0], *places[:-1]]
    after = [*places[1:], places[0]] if is_cycle else [*places[1:], places[-1]]
    slopes = [((c[0] - a[0]) * tension, (c[1] - a[1]) * tension) for a, c in zip(before, after, strict=True)]
    if not is_cycle:
        slopes[0] = slopes[-1] = (0.0, 0.0)
    runs = []
    for (start, slope), (end, next_slope) in pairwise(
        [*zip(places, slopes, strict=True), *([(places[0], slopes[0])] if is_cycle else [])]
    ):
        first = start[0] + slope[0], start[1] + slope[1]
        second = end[0] - next_slope[0], end[1] - next_slope[1]
        runs.append(bezier(start, first, second, end))
    return runs


def mark(sheet: Sheet, frame: Frame, place: Point, kind: str, size: float) -> None:
    """Draws the mark of a point of a plot. Raises ``NotDrawn`` for one that is not known."""
    x, y = frame.at(place)
    tone = frame.stroke if frame.stroke not in ("", "none") else frame.fill
    pen = replace(frame, matrix=Frame().matrix, stroke=tone, fill="none", dashes="", tips=("", ""), pattern="", keys={})
    ways: dict[str, list[tuple[float, float, float, float]]] = {
        "x": [(-1, -1, 1, 1), (-1, 1, 1, -1)],
        "+": [(-1, 0, 1, 0), (0, -1, 0, 1)],
        "|": [(0, -1, 0, 1)],
        "-": [(-1, 0, 1, 0)],
        "asterisk": [(-1, 0, 1, 0), (-0.5, -0.9, 0.5, 0.9), (-0.5, 0.9, 0.5, -0.9)],
    }
    shapes = {"square": 4, "triangle": 3, "diamond": 4, "pentagon": 5}
    name, is_full = kind.removesuffix("*"), kind.endswith("*")
    if kind in ways:
        for a, b, c, d in ways[kind]:
            sheet.draw([Line([(x + a * size, y + b * size), (x + c * size, y + d * size)])], pen)
    elif kind in ("*", "o", "ball"):
        sheet.draw([Line([], round=((x, y), size))], replace(pen, fill="#ffffff" if kind == "o" else tone))
    elif name in shapes:
        first = {"square": 45.0}.get(name, 90.0)
        turns = [math.radians(first + 360 * number / shapes[name]) for number in range(shapes[name] + 1)]
        corners = [(x + 1.3 * size * math.cos(turn), y + 1.3 * size * math.sin(turn)) for turn in turns]
        sheet.draw([Line(corners, is_closed=True)], replace(pen, fill=tone if is_full else "none"))
    else:
        raise NotDrawn
