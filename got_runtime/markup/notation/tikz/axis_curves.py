"""The ``\\addplot`` commands of pgfplots: the points of their curves, and how they are drawn."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

from got_runtime.markup.notation.tikz.numbers import NotDrawn, Point, closing, evaluate, length, opened, split
from got_runtime.markup.notation.tikz.options import POINTS, Frame, apply, parse_options
from got_runtime.markup.notation.tikz.plots import smoothed
from got_runtime.markup.notation.tikz.statements import list_items

__all__ = ["Curve", "CurveReader", "log_axes"]

_CYCLE = (("blue", "*"), ("red", "square*"), ("brown", "o"), ("black", "x"), ("blue", "diamond*"), ("red", "*"))
_PAIR = re.compile(r"\(((?:[^(),{}]|\{[^{}]*\}|\([^()]*\))+),((?:[^(),]|\([^()]*\))+)\)")
_VALUES = 1e6
_SAMPLES, _MAX_SAMPLES, _MAX_POINTS = 200, 500, 2000
_OWN = re.compile(
    r"domain|samples( at)?|smooth|tension|mark|mark (size|options|repeat|phase)|only marks|no mark(er)?s|forget plot"
    r"|variable|ybar|xbar|ybar interval|ycomb|ybar stacked|xbar stacked|bar width|restrict [xy] to domain\*?|id"
    r"|unbounded coords|area legend|trig format plots|nodes near coords|name path|const plot|ybar legend|parametric"
    r"|on layer|fill between|every mark/\.append style|soft clip|nodes near coords style|table/.*|sharp plot"
)


@dataclass
class Curve:
    """A plot in coordinates of its axis."""

    runs: list[list[Point]]
    pen: Frame
    kind: str = "line"
    """``line``, ``marks``, ``ybar``, ``xbar``, ``interval``, ``comb`` or ``between``."""
    mark: str = ""
    mark_size: float = 2 * POINTS
    marked: list[Point] = field(default_factory=list)
    entry: str = ""
    after: str = ""
    """The nodes that follow the plot."""
    is_labelled: bool = False
    width: float | None = None
    """Of bars, in centimetres."""
    is_stacked: bool = False
    has_place: bool = False
    """Whether a bar stands on its number, also beside other plots."""
    between: tuple[str, str, float, float] | None = None
    """The names of two curves, and the range of the area between them."""

    @classmethod
    def missing(cls) -> "Curve":
        """In place of a plot that is not drawn, so that legends stay with their curves."""
        return cls([], Frame())


class CurveReader:
    """Reads the plots of one axis."""

    def __init__(self, options: dict[str, str], styles: dict[str, str], colours: dict[str, str]) -> None:
        self.options, self.styles, self.colours = options, styles, colours
        self.symbols = {
            axis: [each.strip() for each in split(options.get(f"symbolic {axis} coords", "")) if each.strip()]
            for axis in "xy"
        }
        self.log = log_axes(options)
        self.limit = 1e15 if self.log else _VALUES
        self.skipped = 0

    def read(self, statement: str, before: list[Curve]) -> Curve:
        """The curve of a plot. Raises ``NotDrawn``."""
        found = re.match(r"\\addplot(3)?\s*(\+)?\s*", statement)
        if found is None or found[1]:
            raise NotDrawn
        written, rest = opened(statement[found.end() :].rstrip("; \n"))
        own = parse_options(written, self.styles)
        keys = {**self.options, **dict(own)}
        has_own = statement[found.end() :].lstrip().startswith("[") and not found[2]
        curve = self._pen(own, keys, before, has_own=has_own)
        if rest.startswith("fill between") and not self.log:
            return _between(curve, dict(parse_options(opened(rest.removeprefix("fill between"))[0], {})))
        rest = self._points(curve, rest, keys)
        if self.log:
            self._take_logarithms(curve, rest)
        if rest.startswith("\\closedcycle"):
            rest = rest.removeprefix("\\closedcycle").strip()
            curve.runs = [[(run[0][0], 0.0), *run, (run[-1][0], 0.0), (run[0][0], 0.0)] for run in curve.runs]
        curve.after = rest
        if "smooth" in keys and curve.kind == "line" and curve.marked:
            curve.runs = [
                [run[0], *(place for part in smoothed(run, 0.275, is_cycle=False) for place in part)]
                for run in curve.runs
            ]
        return curve

    def _pen(self, own: list[tuple[str, str]], keys: dict[str, str], before: list[Curve], *, has_own: bool) -> Curve:
        tone, default_mark = _CYCLE[len(before) % len(_CYCLE)]
        kind = "line"
        for key in ("ybar interval", "ybar stacked", "xbar stacked", "ybar", "xbar", "ycomb"):
            if key in keys:
                kind = {"ybar interval": "interval", "ycomb": "comb"}.get(key, key[:4])
                break
        pen = Frame(stroke="#000000", fill="none", colours=self.colours)
        if not has_own:
            pen = apply(pen, [(tone, "")], {})
            if kind in ("ybar", "xbar", "interval"):
                pen = apply(pen, [("fill", f"{tone}!30")], {})
        kept = [(k, v) for k, v in own if not _OWN.fullmatch(k) or k == "name path"]
        pen = apply(pen, kept, {})
        name = keys.get("mark", "" if has_own or kind != "line" else default_mark)
        name = "*" if not name and "only marks" in keys else name
        if "no marks" in keys or "no markers" in keys or name == "none":
            name = ""
        own_keys = dict(own)
        size = length(own_keys["mark size"], POINTS) if own_keys.get("mark size") else 2 * POINTS
        width = keys.get("bar width")
        curve = Curve([], pen, "marks" if "only marks" in keys else kind, name, size)
        curve.width = length(width, POINTS) if width else None
        curve.is_labelled = "nodes near coords" in keys
        if keys.get("nodes near coords") or keys.get("bar shift", "0pt").strip() not in ("0pt", "0"):
            raise NotDrawn
        curve.has_place = "bar shift" in keys
        curve.is_stacked = any("stacked" in key for key in keys)
        return curve

    def _points(self, curve: Curve, rest: str, keys: dict[str, str]) -> str:
        """Adds the points of a plot to its curve; what follows them in the statement."""
        if found := re.match(r"(coordinates|table)\s*", rest):
            options, rest = opened(rest[found.end() :])
            if not rest.startswith("{"):
                raise NotDrawn
            end = closing(rest, 0)
            inside = rest[1:end]
            points = self._listed(inside) if found[1] == "coordinates" else self._table(inside, options)
            curve.runs, curve.marked = [points], points
            if "const plot" in keys:
                steps = [((b[0], a[1]), b) for a, b in pairwise(points)]
                curve.runs = [[points[0], *(place for step in steps for place in step)]]
            return rest[end + 1 :].strip()
        if not rest or rest[0] not in "{(" or curve.kind in ("interval",):
            raise NotDrawn
        end = closing(rest, 0)
        curve.runs = self._sampled(rest[: end + 1], keys)
        if curve.mark or curve.kind != "line":
            curve.marked = self._marked(rest[: end + 1], keys)
        if curve.kind in ("ybar", "comb", "marks"):
            curve.runs = [curve.marked]
        return rest[end + 1 :].strip()

    def _listed(self, inside: str) -> list[Point]:
        points = [(self.value(x, "x"), self.value(y, "y")) for x, y in _PAIR.findall(inside)]
        if not 0 < len(points) <= _MAX_POINTS or inside.rfind("(") > inside.rfind(")"):  # the last one is cut
            raise NotDrawn
        return points

    def value(self, text: str, axis: str) -> float:
        """A number of an axis, or the place of a symbolic one."""
        name = text.strip().strip("{}").strip()
        if name in self.symbols[axis]:
            return float(self.symbols[axis].index(name))
        return evaluate(name, limit=self.limit)

    def _take_logarithms(self, curve: Curve, rest: str) -> None:
        """Replaces the numbers of logarithmic axes by their logarithms; points that have none are left out."""
        if curve.kind not in ("line", "marks") or curve.is_labelled or rest.startswith("\\closedcycle"):
            raise NotDrawn

        def taken(places: list[Point]) -> list[Point]:
            kept = [place for place in places if all(place["xy".index(axis)] > 0 for axis in self.log)]
            return [(math.log10(x) if "x" in self.log else x, math.log10(y) if "y" in self.log else y) for x, y in kept]

        curve.runs, curve.marked = [taken(run) for run in curve.runs], taken(curve.marked)
        if not all(curve.runs):
            raise NotDrawn

    def _table(self, inside: str, written: str) -> list[Point]:
        options = dict(parse_options(written, {}))
        if not options.keys() <= {"x", "y", "row sep", "header", "col sep", "x index", "y index"}:
            raise NotDrawn
        rows = re.split(r"\\\\" if "\\\\" in inside else r"\n", inside)
        comma = options.get("col sep") == "comma"
        cells = [[cell.strip() for cell in (row.split(",") if comma else row.split())] for row in rows if row.strip()]
        columns = [int(options.get("x index", "0")), int(options.get("y index", "1"))]
        try:
            self.value(cells[0][columns[1]], "y")
        except (NotDrawn, IndexError):
            head, cells = cells[0], cells[1:]
            columns = [head.index(options[k]) if k in options else d for k, d in zip("xy", columns, strict=True)]
        if not 0 < len(cells) <= _MAX_POINTS or any(len(row) <= max(columns) for row in cells):
            raise NotDrawn
        return [(self.value(row[columns[0]], "x"), self.value(row[columns[1]], "y")) for row in cells]

    def _function(self, written: str, keys: dict[str, str]) -> tuple[str, str, str]:
        """The expressions of both coordinates, and their variable."""
        variable = keys.get("variable", "x").strip().lstrip("\\")
        if written.startswith("("):
            x, y = (each.strip() for each in split(written[1:-1]))
        else:
            x, y = variable, written[1:-1]
        expressions = [re.sub(r"\\" + variable + r"(?![A-Za-z])", variable, each.strip("{} ")) for each in (x, y)]
        expressions = [re.sub(r"\\[A-Za-z]+", variable, each) for each in expressions]
        if "rad" in keys.get("trig format plots", "") or "rad" in keys.get("trig format", ""):
            expressions = [re.sub(r"\b(sin|cos|tan)\(", r"\1(180/pi*", each) for each in expressions]
        return expressions[0], expressions[1], variable

    def _sampled(self, written: str, keys: dict[str, str], count: int = _SAMPLES) -> list[list[Point]]:
        """The points of a function in runs without gaps, from its domain or the range of the axis."""
        x, y, variable = self._function(written, keys)
        low, found, high = keys.get("domain", "").partition(":")
        if not found:
            low, high = "-5", "5"
        a, b = evaluate(low, limit=self.limit), evaluate(high, limit=self.limit)
        values = [a + (b - a) * step / count for step in range(count + 1)]
        if "x" in self.log:
            if not 0 < a < b:
                raise NotDrawn
            values = [a * (b / a) ** (step / count) for step in range(count + 1)]
        if "samples at" in keys:
            values = [evaluate(each, limit=_VALUES) for each in list_items(keys["samples at"].strip("{}"))]
        bounds = [evaluate(keys[key], limit=self.limit) if key in keys else None for key in ("ymin", "ymax")]
        if "restrict y to domain" in keys:
            bounds = [evaluate(each, limit=_VALUES) for each in keys["restrict y to domain"].split(":")]
        runs: list[list[Point]] = [[]]
        side = 0
        for value in values:
            place = _at(x, y, {variable: value}, self.limit)
            out = 0 if place is None else _side(place[1], bounds)
            if place is None or (out and side and out != side):
                runs.append([])
            if place is not None and not (out and "restrict y to domain" in keys):
                runs[-1].append(place)
            side = out
        runs = [run for run in runs if len(run) > 1]
        if not runs:
            raise NotDrawn
        return runs

    def _marked(self, written: str, keys: dict[str, str]) -> list[Point]:
        count = min(max(int(evaluate(keys.get("samples", "25"))) - 1, 1), _MAX_SAMPLES)
        return [place for run in self._sampled(written, keys, count) for place in run]


def log_axes(options: Mapping[str, str]) -> str:
    """The axes whose marks are powers of ten: ``x``, ``y``, ``xy`` or none."""
    return "".join(axis for axis in "xy" if options.get(f"{axis}mode", "").strip() == "log")


def _between(curve: Curve, options: dict[str, str]) -> Curve:
    """The area between two named curves, whose points are found when all are there."""
    names = [name.strip() for name in options.get("of", "").split(" and ")]
    clip = dict(parse_options(options.get("soft clip", ""), {}))
    if options.keys() - {"of", "soft clip"} or clip.keys() - {"domain"} or len(names) != 2:
        raise NotDrawn
    low, _, high = clip.get("domain", f"{-_VALUES}:{_VALUES}").partition(":")
    fill = curve.pen.fill if curve.pen.fill != "none" else curve.pen.stroke
    curve.pen = replace(curve.pen, fill=fill, stroke="none")
    curve.kind, curve.mark = "between", ""
    curve.between = names[0], names[1], evaluate(low, limit=2 * _VALUES), evaluate(high, limit=2 * _VALUES)
    return curve


def _side(y: float, bounds: list[float | None]) -> int:
    low, high = bounds
    return -1 if low is not None and y < low else 1 if high is not None and y > high else 0


def _at(x: str, y: str, values: Mapping[str, float], limit: float) -> Point | None:
    try:
        place = evaluate(x, values, limit=limit), evaluate(y, values, limit=limit)
    except NotDrawn:
        return None
    return place if not any(math.isnan(each) for each in place) else None
