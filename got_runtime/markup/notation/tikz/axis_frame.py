"""The numbers of an axis: its ranges, its marks, and where they are in the figure."""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

from got_runtime.markup.notation.tikz.axis_curves import Curve, log_axes
from got_runtime.markup.notation.tikz.coordinates import Units
from got_runtime.markup.notation.tikz.lines import Line
from got_runtime.markup.notation.tikz.numbers import NotDrawn, Point, evaluate, length, split
from got_runtime.markup.notation.tikz.options import POINTS, Frame
from got_runtime.markup.notation.tikz.statements import list_items

__all__ = ["AxisFrame"]

_WIDTH, _HEIGHT = 7.0, 5.5  # centimetres of the box
_LABELS = 1.58
"""What pgfplots leaves for the labels beside a width that is given, in centimetres."""
_SMALLEST, _LARGEST = 1.0, 30.0
_VALUES = 1e6
_SMALLEST_POWER = 1e-15
_GAP = 2 * POINTS  # between bars of a group
_BAR = 10 * POINTS
_MAX_TICKS = 60


class AxisFrame:
    """Maps the numbers of an axis to centimetres; the lower left corner of its box is (0,0)."""

    def __init__(self, options: dict[str, str], curves: list[Curve], symbols: Mapping[str, list[str]]) -> None:
        self.options, self.curves, self.symbols = options, curves, symbols
        self.log = log_axes(options)
        points = [place for curve in curves for run in curve.runs for place in run]
        points += [place for curve in curves if not curve.runs for place in curve.marked]
        bases: dict[str, list[float]] = {"x": [], "y": []}
        for curve in curves:
            if curve.kind in ("ybar", "interval", "comb"):
                bases["y"].append(0.0)
            if curve.kind == "xbar":
                bases["x"].append(0.0)
        self._stack(curves)
        self.x = self._range([x for x, _ in points] + bases["x"], "x")
        self.y = self._range([y for _, y in points] + bases["y"], "y")
        self.width, self.height = self._size("width", _WIDTH), self._size("height", _HEIGHT)
        self._scales()
        lines = options.get("axis lines", options.get("axis lines*", "")).strip()
        self.lines = [
            options.get(f"axis {axis} line", options.get(f"axis {axis} line*", lines)).strip() for axis in "xy"
        ]
        if "hide axis" in options:
            self.lines = ["none", "none"]
        if self.log and {"middle", "center"} & {*self.lines}:
            raise NotDrawn

    def _stack(self, curves: list[Curve]) -> None:
        """Adds what is under each bar of stacked plots."""
        sums: dict[float, float] = {}
        self.below: dict[int, list[float]] = {}
        self.tops: dict[str, list[float]] = {"x": [], "y": []}
        for curve in curves:
            if not curve.is_stacked or not curve.runs:
                continue
            pairs = [(y, x) if curve.kind == "xbar" else (x, y) for x, y in curve.runs[0]]
            self.below[id(curve)] = [sums.get(place, 0.0) for place, _ in pairs]
            for place, size in pairs:
                sums[place] = sums.get(place, 0.0) + size
            self.tops["x" if curve.kind == "xbar" else "y"] = [0.0, *sums.values()]

    def _size(self, key: str, default: float) -> float:
        try:
            size = length(self.options[key], POINTS)
        except (KeyError, NotDrawn):
            return default
        size -= 0.0 if "scale only axis" in self.options else _LABELS
        return min(max(size, _SMALLEST), _LARGEST)

    def _scales(self) -> None:
        (x0, x1), (y0, y1) = self.x, self.y
        for axis, span in (("x", x1 - x0), ("y", y1 - y0)):
            if axis in self.options:
                size = min(max(length(self.options[axis]) * span, 0.2), 2 * _LARGEST)
                self.width, self.height = (size, self.height) if axis == "x" else (self.width, size)
        if any(key.startswith("axis equal") for key in self.options) or "unit vector ratio" in self.options:
            scale = min(self.width / (x1 - x0), self.height / (y1 - y0))
            if "axis equal" in self.options and "axis equal image" not in self.options:
                middle = (x0 + x1) / 2, (y0 + y1) / 2
                half = self.width / scale / 2, self.height / scale / 2
                self.x, self.y = (middle[0] - half[0], middle[0] + half[0]), (middle[1] - half[1], middle[1] + half[1])
            else:
                self.width, self.height = scale * (x1 - x0), scale * (y1 - y0)

    def _range(self, values: list[float], axis: str) -> tuple[float, float]:
        low, high = min(values, default=0.0), max(values, default=1.0)
        low, high = min([low, *self.tops[axis]]), max([high, *self.tops[axis]])
        share = 0.1
        for key in ("enlargelimits", f"enlarge {axis} limits"):
            value = self.options.get(key, "")
            if re.fullmatch(r"[0-9.]+", value.strip()):
                share = evaluate(value)
            elif value.strip() == "false":
                share = 0.0
            elif found := re.search(r"abs\s*=\s*([0-9.]+)\s*(?:$|\})", value):
                share = evaluate(found[1]) / ((high - low) or 1.0)
        is_forced = any(key in self.options for key in ("enlargelimits", f"enlarge {axis} limits"))
        has_bars = any(curve.kind in ("ybar", "interval", "comb") for curve in self.curves)
        edge = share * (high - low) or (0.5 if self.symbols[axis] else 1.0 if high == low else 0.0)
        first = self._number(self.options[f"{axis}min"], axis) if f"{axis}min" in self.options else None
        last = self._number(self.options[f"{axis}max"], axis) if f"{axis}max" in self.options else None
        edge = share * ((last if last is not None else high) - (first if first is not None else low)) or edge
        rests = has_bars and axis == "y" and low == 0
        start = (
            (low - (0.0 if rests else edge)) if first is None else first - (edge if is_forced and not rests else 0.0)
        )
        end = (high + edge) if last is None else last + (edge if is_forced else 0.0)
        if not end > start:
            raise NotDrawn
        return start, end

    def _number(self, text: str, axis: str) -> float:
        """A number of an axis, or its logarithm."""
        if axis not in self.log:
            return evaluate(text, limit=_VALUES)
        value = evaluate(text, limit=1 / _SMALLEST_POWER)
        if value < _SMALLEST_POWER:
            raise NotDrawn
        return math.log10(value)

    def at(self, x: float, y: float) -> Point:
        (x0, x1), (y0, y1) = self.x, self.y
        return (x - x0) / (x1 - x0) * self.width, (y - y0) / (y1 - y0) * self.height

    def described(self, across: float, along: float) -> Point:
        """The numbers of the axis at a part of its width and height."""
        (x0, x1), (y0, y1) = self.x, self.y
        return x0 + across * (x1 - x0), y0 + along * (y1 - y0)

    def inner(self, outer: Frame, corner: Point) -> Frame:
        """The frame of the statements in the axis."""
        (x0, x1), (y0, y1) = self.x, self.y
        wide, high = self.width / (x1 - x0), self.height / (y1 - y0)
        units = Units((wide, 0.0), (0.0, high), (0.0, 0.0))
        moved = outer.mapped(1, 0, 0, 1, corner[0] - x0 * wide, corner[1] - y0 * high)
        return replace(moved, units=units)

    def numbers(self, outer: Frame, corner: Point) -> Frame:
        """The frame of points that are numbers of the axis."""
        (x0, x1), (y0, y1) = self.x, self.y
        wide, high = self.width / (x1 - x0), self.height / (y1 - y0)
        return outer.mapped(wide, 0, 0, high, corner[0] - x0 * wide, corner[1] - y0 * high)

    def is_outside(self, place: Point) -> bool:
        slack = 1e-6 * (self.x[1] - self.x[0]), 1e-6 * (self.y[1] - self.y[0])
        inside = self.x[0] - slack[0] <= place[0] <= self.x[1] + slack[0]
        return not (inside and self.y[0] - slack[1] <= place[1] <= self.y[1] + slack[1])

    def box(self) -> Line:
        (x0, x1), (y0, y1) = self.x, self.y
        return Line([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])

    def bars(self, curve: Curve, group: list[Curve]) -> list[list[Point]]:
        """The corners of the bars of a plot in numbers of the axis."""
        places = curve.runs[0]
        if curve.kind == "interval":
            return [[(a[0], 0), (a[0], a[1]), (b[0], a[1]), (b[0], 0)] for a, b in pairwise(places)]
        unit = (self.x[1] - self.x[0]) / self.width if curve.kind == "ybar" else (self.y[1] - self.y[0]) / self.height
        wide = (curve.width or _BAR) * unit
        shift = 0.0
        if not curve.is_stacked and not curve.has_place:
            shift = (group.index(curve) - (len(group) - 1) / 2) * (wide + _GAP * unit)
        below = self.below.get(id(curve), [0.0] * len(places))
        bars = []
        for (x, y), base in zip(places, below, strict=True):
            if curve.kind == "ybar":
                a, b = x + shift - wide / 2, x + shift + wide / 2
                bars.append([(a, base), (a, base + y), (b, base + y), (b, base)])
            else:
                a, b = y + shift - wide / 2, y + shift + wide / 2
                bars.append([(base, a), (base + x, a), (base + x, b), (base, b)])
        return bars

    def near_coordinates(self, curve: Curve, group: list[Curve]) -> list[tuple[Point, tuple[str, str]]]:
        """Where the values of a plot are written, and the value with its side."""
        if not curve.is_labelled:
            return []
        if curve.kind not in ("ybar", "xbar"):
            return [((x, y), (f"{y:g}", "above")) for x, y in curve.marked]
        labels = []
        for corners, (x, y) in zip(self.bars(curve, group), curve.runs[0], strict=True):
            (x0, y0), (x1, y1) = corners[1], corners[2]
            side = "right" if curve.kind == "xbar" else "above" if y >= 0 else "below"
            labels.append((((x0 + x1) / 2, (y0 + y1) / 2), (f"{x if curve.kind == 'xbar' else y:g}", side)))
        return labels

    def ticks(self, axis: str) -> list[tuple[float, str]]:
        """The marks of an axis with their labels: those that are asked for, or about six round ones."""
        low, high = self.x if axis == "x" else self.y
        wanted, labels = self.options.get(f"{axis}tick"), self.options.get(f"{axis}ticklabels")
        own = self.options.get(f"{axis}ticklabel")
        if self.options.get("ticks", "") == "none":
            return []
        slack = 1e-6 * (high - low)
        if (wanted is not None and wanted.strip() == "data") or self.symbols[axis]:
            values = sorted(
                {place[0 if axis == "x" else 1] for curve in self.curves[:1] for run in curve.runs for place in run}
            )
        elif wanted is not None:
            items = list_items(wanted.replace("\\empty", "").strip("{} ")) if "..." in wanted else split(wanted)
            values = [self._number(each, axis) for each in items if each.strip(" {}") not in ("", "\\empty")]
        else:
            distance = self.options.get(f"{axis}tick distance")
            step = evaluate(distance, limit=_VALUES) if distance else _step(low, high)
            if axis in self.log:
                step = max(1.0, math.ceil(step))
            few = axis in self.log and math.floor(high + 1e-6) - math.ceil(low - 1e-6) < 1
            if few or (distance and axis in self.log) or not step > 0 or (high - low) / step > _MAX_TICKS:
                raise NotDrawn
            numbers = range(math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6) + 1)
            values = [number * step for number in numbers]
        names = [self._shown(value, axis) for value in values]
        if labels is not None and labels.strip(" {}") in ("", "\\empty", ","):
            names = ["" for _ in values]
        elif labels is not None:
            if wanted is None:
                raise NotDrawn  # labels of marks that pgfplots chooses
            given = [each.strip().strip("{}") for each in split(labels)]
            names = [*given, *[""] * len(values)][: len(values)]
        elif own is not None:
            if own.strip(" {}") not in ("", "\\empty"):
                raise NotDrawn
            names = ["" for _ in values]
        extra = self.options.get(f"extra {axis} ticks", "").strip()
        more = [self._number(each, axis) for each in split(extra)] if extra else []
        given = [each.strip().strip("{}") for each in split(self.options.get(f"extra {axis} tick labels", ""))]
        values += more
        names += [
            given[at] if len(given) > at and given[at] else self._shown(each, axis) for at, each in enumerate(more)
        ]
        return [
            (value, name) for value, name in zip(values, names, strict=True) if low - slack <= value <= high + slack
        ]

    def _shown(self, value: float, axis: str) -> str:
        """What stands at a mark of an axis."""
        symbols = self.symbols[axis]
        if symbols:
            return symbols[int(value)] if 0 <= value < len(symbols) else ""
        if axis in self.log and "log ticks with fixed point" not in self.options:
            return f"$10^{{{round(value, 2):g}}}$"
        return f"{10**value if axis in self.log else value:g}"

    def crossing(self) -> Point:
        """Where the axes cross, in their numbers."""
        ends = []
        for kind, (low, high) in zip(reversed(self.lines), (self.x, self.y), strict=True):
            middle = min(max(0.0, low), high)
            ends.append(middle if kind in ("middle", "center") else high if kind in ("top", "right") else low)
        return ends[0], ends[1]


def _step(low: float, high: float) -> float:
    step: float = 10 ** math.floor(math.log10((high - low) / 4))
    return step * next((factor for factor in (1, 2, 5) if (high - low) / (step * factor) <= 7), 10)
