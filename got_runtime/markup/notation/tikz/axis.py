"""The axes of pgfplots: graphs of functions, of points, and bars."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise

from got_runtime.markup.notation.tikz.axis_curves import Curve, CurveReader
from got_runtime.markup.notation.tikz.axis_labels import DrawnAxis
from got_runtime.markup.notation.tikz.lines import Line
from got_runtime.markup.notation.tikz.macros import substitute
from got_runtime.markup.notation.tikz.numbers import NotDrawn, Point, evaluate, opened, split
from got_runtime.markup.notation.tikz.options import Frame, parse_options, take_styles
from got_runtime.markup.notation.tikz.path import PathReader
from got_runtime.markup.notation.tikz.plots import mark
from got_runtime.markup.notation.tikz.sheet import Sheet
from got_runtime.markup.notation.tikz.statements import loop, statements

__all__ = ["Axis"]

_FOREIGN = re.compile(
    r"log basis.*|view|z(min|max|label|tick|mode)"
    r"|colormap.*|polar.*|[xy] dir|date coordinates in|boxplot.*|stack plots|const plot"
    r"|area style|error bars.*|point meta.*|visualization.*"
    r"|axis [xy] discontinuity|[xy]filter.*|.*after end axis.*|cycle list.*"
)
_MAX_CURVES, _MAX_STATEMENTS = 60, 500
_WORK = 300  # of a plot


class Axis:
    """One ``axis`` environment.

    Attributes:
        inner: the frame of TikZ's statements in the axis; set by :meth:`read`.
        statements, drawn: the statements of pgfplots, and how many of them are drawn.
    """

    def __init__(self, sheet: Sheet, frame: Frame, styles: dict[str, str]) -> None:
        self.sheet, self.outer, self.styles = sheet, frame, styles
        self.inner = self._numbers = frame
        self.statements = self.drawn = 0
        self.curves: list[Curve] = []
        self._legend: list[str] = []
        self._others: list[str] = []
        self._is_clipped = True

    def read(self, text: str, draw: Callable[[str, Frame], None]) -> list[str]:
        """Draws the axes and curves; the statements of TikZ that are left. Raises ``NotDrawn`` if there are no axes.

        Args:
            draw: draws a statement of TikZ that names a path, which plots need.
        """
        body = text.removeprefix("\\begin{axis}").removesuffix("\\end{axis}").lstrip()
        written, body = opened(body)
        parsed = [pair for pair in parse_options(written, self.styles) if pair[0] != "declare function"]
        entries = dict(parsed).get("legend entries", "")
        parsed = [(key, value) for key, value in parsed if not re.match(r"every|legend|.*style(/|$)|.*/\.append", key)]
        options = dict(take_styles(parsed, self.styles))
        if any(_FOREIGN.fullmatch(key) for key in options):
            raise NotDrawn
        self._legend = [each.strip() for each in split(entries)] if entries else []
        self._is_clipped = options.get("clip", "true") != "false"
        reader = CurveReader(options, self.styles, self.outer.colours)
        for statement in statements(body):
            self._statement(statement, reader)
        if reader.log:  # coordinates in them are no logarithms
            self.statements += len(self._others)
            self._others.clear()
        frame = DrawnAxis(options, self.curves, reader.symbols)
        corner = self._corner(options)
        self.inner, self._numbers = frame.inner(self.outer, corner), frame.numbers(self.outer, corner)
        placed = self.outer.mapped(1, 0, 0, 1, *corner)
        frame.draw_axes(self.sheet, placed)
        self._name_paths()
        for each in [other for other in self._others if "name path" in other]:
            self._others.remove(each)
            draw(_in_axis(each, reader.symbols, frame), self.inner)
        self._fill_between()
        self._draw_curves(frame)
        frame.draw_labels(self.sheet, placed)
        for curve, entry in zip(self.curves, self._legend, strict=False):
            curve.entry = curve.entry or entry
        frame.draw_legend(self.sheet, placed)
        return [_in_axis(each, reader.symbols, frame) for each in self._others]

    def _corner(self, options: dict[str, str]) -> Point:
        at = options.get("at", "").strip()
        if not at:
            return 0.0, 0.0
        return self.outer.point(at.removeprefix("(").removesuffix(")"), self.sheet.named)

    def _statement(self, statement: str, reader: CurveReader) -> None:
        if self.statements >= _MAX_STATEMENTS:
            self.statements += 1
            return
        if statement.startswith("\\foreach") and "\\addplot" in statement:
            found = loop(statement)
            for values in found[0] if found else []:
                for each in statements(substitute(found[1], values) if found else ""):
                    self._statement(each, reader)
            return
        if not re.match(r"\\(addplot|addlegendentry|legend|addlegendimage)", statement):
            self._others.append(statement)
            return
        self.statements += 1
        try:
            self._plot(statement, reader)
        except (NotDrawn, ArithmeticError, LookupError, ValueError):
            if statement.startswith("\\addplot"):
                reader.skipped += 1
                self.curves.append(Curve.missing())
        else:
            self.drawn += 1

    def _plot(self, statement: str, reader: CurveReader) -> None:
        if len(self.curves) >= _MAX_CURVES:
            raise NotDrawn
        if statement.startswith("\\legend"):
            self._legend = split(statement[statement.index("{") + 1 : statement.rindex("}")])
            return
        if statement.startswith("\\addlegendentry"):
            if not self.curves:
                raise NotDrawn
            self.curves[-1].entry = statement[statement.index("{") + 1 : statement.rindex("}")].strip()
            return
        found = re.search(r";?\s*\\addlegendentry\s*\{(.*?)\}\s*;?$", statement, re.DOTALL)
        text = statement[: found.start()] if found else statement
        self.sheet.spend(_WORK)
        curve = reader.read(text, self.curves)
        curve.entry = found[1] if found else ""
        self.curves.append(curve)

    def _name_paths(self) -> None:
        for curve in self.curves:
            if name := curve.pen.keys.get("name path"):
                lines = [[self._numbers.at(place) for place in run] for run in curve.runs]
                self.sheet.paths[name] = [Line(line, list(range(1, len(line)))) for line in lines]

    def _fill_between(self) -> None:
        """Finds the areas between curves, which are under all others."""
        for curve in [each for each in self.curves if each.between is not None]:
            assert curve.between is not None
            *names, low, high = curve.between
            edges = []
            for name in names:
                lines = self.sheet.paths.get(str(name), [])
                places = [self._numbers.inverse(place) for line in lines[:1] for place in line.points]
                edges.append(_within(places, float(low), float(high)))
            if not all(edges) or any(len(self.sheet.paths[str(name)]) != 1 for name in names):
                self.drawn -= 1
                continue
            if (edges[0][0][0] < edges[0][-1][0]) == (edges[1][0][0] < edges[1][-1][0]):
                edges[1].reverse()
            curve.runs = [[*edges[0], *edges[1]]]
            self.curves.remove(curve)
            self.curves.insert(0, curve)

    def _draw_curves(self, frame: DrawnAxis) -> None:
        depth = len(self.sheet.clips)
        shown = [curve for curve in self.curves if curve.runs]
        clipped = any(frame.is_outside(place) for curve in shown for run in curve.runs for place in run)
        if clipped and self._is_clipped:
            self.sheet.clip([frame.box()], self._numbers)
        bars = [curve for curve in shown if curve.kind in ("ybar", "xbar")]
        for curve in shown:
            pen = _pen(self._numbers, curve.pen)
            if curve.kind in ("ybar", "xbar", "interval"):
                for corners in frame.bars(curve, bars):
                    self.sheet.draw([Line([*corners, corners[0]], is_closed=True)], pen)
            elif curve.kind == "comb":
                self.sheet.draw([Line([(x, 0.0), (x, y)]) for x, y in curve.runs[0]], pen)
            elif curve.kind in ("line", "between"):
                lines = [Line(run, list(range(1, len(run)))) for run in curve.runs if len(run) > 1]
                self.sheet.draw(lines, pen)
        self.sheet.unclip(depth)
        for curve in shown:
            self._marks(curve, frame, bars)

    def _marks(self, curve: Curve, frame: DrawnAxis, bars: list[Curve]) -> None:
        pen = _pen(self._numbers, curve.pen)
        for place in curve.marked if curve.mark else []:
            if not frame.is_outside(place):
                mark(self.sheet, pen, place, curve.mark, curve.mark_size)
        for place, label in frame.near_coordinates(curve, bars):
            at = f"({place[0]:.6f},{place[1]:.6f})"
            PathReader(self.sheet, self.inner, self.styles).read(rf"\node[{label[1]}] at {at} {{{label[0]}}}")
        if curve.after:
            path = PathReader(self.sheet, pen, self.styles)
            path.read_nodes(curve.after, curve.runs[-1])


def _within(places: list[Point], low: float, high: float) -> list[Point]:
    """The part of a graph over a range, with its ends."""
    kept = [place for place in places if low <= place[0] <= high]
    for a, b in pairwise(places):
        for end in (low, high):
            if a[0] != b[0] and min(a[0], b[0]) < end < max(a[0], b[0]):
                part = (end - a[0]) / (b[0] - a[0])
                kept.append((end, a[1] + part * (b[1] - a[1])))
    return sorted(kept) if places and places[0][0] <= places[-1][0] else sorted(kept, reverse=True)


def _pen(numbers: Frame, pen: Frame) -> Frame:
    return replace(pen, matrix=numbers.matrix)


def _in_axis(statement: str, symbols: Mapping[str, list[str]], frame: DrawnAxis) -> str:
    """A statement with coordinates that are numbers of the axis."""
    text = re.sub(r"\(\s*axis cs:\s*", "(", statement)

    def described(found: re.Match[str]) -> str:
        x, y = frame.described(*(evaluate(each) for each in found.groups()))
        return f"({x:.6f},{y:.6f})"

    text = re.sub(r"\(\s*(?:rel axis cs|axis description cs):\s*([^,()]+),([^,()]+)\)", described, text)
    for number, name in enumerate(symbols["x"]):
        text = re.sub(rf"\(\s*{re.escape(name)}\s*,", f"({number},", text)
    for number, name in enumerate(symbols["y"]):
        text = re.sub(rf",\s*{re.escape(name)}\s*\)", f",{number})", text)
    return text
