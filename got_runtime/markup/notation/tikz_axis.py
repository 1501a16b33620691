"""Graphs of functions and of points in the axes of pgfplots."""

import math
import re
from dataclasses import replace

from got_runtime.markup.notation.tikz_math import NotDrawn, Point, closing, evaluate, split
from got_runtime.markup.notation.tikz_options import Frame, colour, parse_options
from got_runtime.markup.notation.tikz_sheet import Sheet
from got_runtime.markup.notation.tikz_statements import statements

__all__ = ["read_axis"]

_WIDTH, _HEIGHT = 7.0, 5.5  # centimetres
_COLOURS = ("blue", "red", "brown", "black", "teal", "orange")
_VALUES = 1e6
_Curve = tuple[list[list[Point]], Frame, str]


def read_axis(statement: str, sheet: Sheet) -> tuple[int, int]:
    """Draws an ``axis`` environment into the sheet; how many of its statements were drawn, and of how many.

    Raises ``NotDrawn`` if none was.
    """
    body = statement.removeprefix("\\begin{axis}").removesuffix("\\end{axis}").lstrip()
    options: dict[str, str] = {}
    if body.startswith("["):
        end = closing(body, 0)
        options, body = dict(parse_options(body[1:end], {})), body[end + 1 :]
    if any("log" in options.get(key, "") for key in ("xmode", "ymode")) or any("polar" in key for key in options):
        raise NotDrawn
    curves: list[_Curve] = []
    drawn = total = 0
    for each in statements(body):
        total += 1
        try:
            if each.startswith("\\addlegendentry"):
                if not curves:
                    raise NotDrawn
                lines, frame, _ = curves[-1]
                curves[-1] = (lines, frame, each[each.index("{") + 1 : closing(each, each.index("{"))])
            else:
                text, entry = _without_entry(each)
                curves.append((*_curve(text, options, len(curves)), entry))
            drawn += 1
        except (NotDrawn, ValueError):
            continue
    if not curves:
        raise NotDrawn
    _draw(curves, options, sheet)
    return drawn, total


def _without_entry(statement: str) -> tuple[str, str]:
    """A statement without an ``\\addlegendentry`` that has no semicolon, and its text."""
    found = re.search(r";?\s*\\addlegendentry\s*\{(.*?)\}\s*;?$", statement, re.DOTALL)
    return (statement[: found.start()], found[1]) if found else (statement, "")


def _curve(statement: str, axis: dict[str, str], number: int) -> tuple[list[list[Point]], Frame]:
    found = re.match(r"\\addplot\s*\+?\s*", statement)
    if found is None:
        raise NotDrawn
    rest, options = statement[found.end() :].rstrip("; \n"), dict(axis)
    shade = _COLOURS[number % len(_COLOURS)]
    frame = Frame(stroke=colour(shade), fill="none")
    if rest.startswith("["):
        end = closing(rest, 0)
        own = parse_options(rest[1:end], {})
        options.update(own)
        for key, value in own:
            if key == "color" or (not value and re.fullmatch(r"[a-z]+(![0-9]+(![a-z]+)?)?", key.strip())):
                try:
                    frame = replace(frame, stroke=colour(value or key))
                except NotDrawn:
                    if key in ("ybar", "xbar", "const", "fill"):
                        raise
            if "dashed" in key or "dotted" in key:
                frame = replace(frame, dashes="1.5 4" if "dotted" in key else "6 4")
            if key in ("ybar", "xbar", "only marks", "fill", "scatter", "error bars/.cd"):
                raise NotDrawn
        rest = rest[end + 1 :].strip()
    if rest.startswith("coordinates"):
        pairs = re.findall(r"\(\s*([^(),]+),([^(),]+)\)", rest)
        if not pairs or any(key in axis for key in ("ybar", "xbar", "symbolic x coords")):
            raise NotDrawn
        return [[(evaluate(x, limit=_VALUES), evaluate(y, limit=_VALUES)) for x, y in pairs]], frame
    if not rest.startswith("{") or closing(rest, 0) != len(rest) - 1:
        raise NotDrawn
    return _sampled(rest[1:-1], options), frame


def _sampled(expression: str, options: dict[str, str]) -> list[list[Point]]:
    """The points of a function in runs without gaps, from its domain or the range of the axis."""
    low, found, high = options.get("domain", "").partition(":")
    if not found:
        low, high = options.get("xmin", "-5"), options.get("xmax", "5")
    a, b = evaluate(low, limit=_VALUES), evaluate(high, limit=_VALUES)
    expression = re.sub(r"\\[A-Za-z]+", "x", expression)
    degrees = "rad" not in options.get("trig format plots", "")
    if not degrees:
        expression = re.sub(r"\b(sin|cos|tan)\(", r"\1(180/pi*", expression)
    bounds = [evaluate(options[key], limit=_VALUES) if key in options else None for key in ("ymin", "ymax")]
    runs: list[list[Point]] = [[]]
    for step in range(201):
        x = a + (b - a) * step / 200
        try:
            y = evaluate(expression, {"x": x}, limit=_VALUES)
        except NotDrawn:
            y = math.nan
        outside = (bounds[0] is not None and y < bounds[0]) or (bounds[1] is not None and y > bounds[1])
        if math.isnan(y) or outside:
            runs.append([])
        else:
            runs[-1].append((x, y))
    runs = [run for run in runs if len(run) > 1]
    if not runs:
        raise NotDrawn
    return runs


def _draw(curves: list[_Curve], options: dict[str, str], sheet: Sheet) -> None:
    points = [each for lines, _, _ in curves for line in lines for each in line]
    x0, x1 = _range([x for x, _ in points], options, "x")
    y0, y1 = _range([y for _, y in points], options, "y")
    width, height = _WIDTH, _HEIGHT

    def at(x: float, y: float) -> Point:
        return (x - x0) / (x1 - x0) * width, (y - y0) / (y1 - y0) * height

    pen = Frame(stroke="black", fill="none")
    middle = any(word in options.get(key, "") for key in ("axis lines", "axis x line") for word in ("middle", "center"))
    across, along = (min(max(0.0, low), high) for low, high in ((y0, y1), (x0, x1))) if middle else (y0, x0)
    arrow = replace(pen, tips=("", ">")) if middle or "left" in options.get("axis lines", "") else pen
    if middle or "left" in options.get("axis lines", ""):
        sheet.line([at(x0, across), at(x1, across)], arrow)
        sheet.line([at(along, y0), at(along, y1)], arrow)
    else:
        sheet.line([at(x0, y0), at(x1, y0), at(x1, y1), at(x0, y1), at(x0, y0)], pen)
    for value, label in _ticks(x0, x1, "x", options):
        px, py = at(value, across)
        sheet.line([(px, py - 0.07), (px, py + 0.07)], pen)
        if not (middle and abs(value) < 1e-9):
            sheet.text((px, py), label, "below")
    for value, label in _ticks(y0, y1, "y", options):
        px, py = at(along, value)
        sheet.line([(px - 0.07, py), (px + 0.07, py)], pen)
        if not (middle and abs(value) < 1e-9):
            sheet.text((px, py), label, "left")
    for number, (lines, frame, entry) in enumerate(curves):
        for line in lines:
            sheet.line([at(*each) for each in line], frame)
        if entry:
            y = height - 0.5 * number
            sheet.line([(width + 0.3, y), (width + 0.9, y)], frame)
            sheet.text((width + 1.0, y), entry, "right")
    sheet.text(
        at(x1, across) if middle else (width / 2, -0.6), options.get("xlabel", ""), "right" if middle else "below"
    )
    sheet.text(at(along, y1) if middle else (0.0, height), options.get("ylabel", ""), "above")
    sheet.text((width / 2, height + 0.5), options.get("title", ""), "above")


def _range(values: list[float], options: dict[str, str], axis: str) -> tuple[float, float]:
    low, high = min(values), max(values)
    edge = 0.05 * (high - low) or 1.0
    low = evaluate(options[f"{axis}min"], limit=_VALUES) if f"{axis}min" in options else low - edge
    high = evaluate(options[f"{axis}max"], limit=_VALUES) if f"{axis}max" in options else high + edge
    if high <= low:
        raise NotDrawn
    return low, high


def _ticks(low: float, high: float, axis: str, options: dict[str, str]) -> list[tuple[float, str]]:
    """The marks of an axis with their labels: those that are asked for, or about six round ones."""
    wanted, labels = options.get(f"{axis}tick"), options.get(f"{axis}ticklabels")
    if wanted is not None and wanted.strip() != "data":
        if "..." in wanted:
            raise NotDrawn
        texts = [each.strip() for each in wanted.replace("\\empty", "").split(",") if each.strip()]
        values = [evaluate(each, limit=_VALUES) for each in texts]
        names = split(labels) if labels is not None else [f"{value:g}" for value in values]
        names += [""] * (len(values) - len(names))
        return [(value, name) for value, name in zip(values, names, strict=False) if low <= value <= high]
    if labels is not None and labels.strip(" {}\\empty,"):
        raise NotDrawn  # labels of marks that pgfplots chooses
    step = 10 ** math.floor(math.log10((high - low) / 4))
    step *= next((factor for factor in (1, 2, 5) if (high - low) / (step * factor) <= 7), 10)
    numbers = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    return [(number * step, "" if labels is not None else f"{number * step:g}") for number in numbers]
