"""Rectangles, circles, arcs, grids and parabolas in a path; points and values that are computed in it."""

import math
import re

from got_runtime.markup.notation.tikz.coordinates import point
from got_runtime.markup.notation.tikz.curves import arc_way, line_way, parabola
from got_runtime.markup.notation.tikz.lines import Line, circle, intersections
from got_runtime.markup.notation.tikz.numbers import NotDrawn, Point, evaluate, has_unit, length, split
from got_runtime.markup.notation.tikz.options import parse_options
from got_runtime.markup.notation.tikz.plots import PlotReader

__all__ = ["ShapeReader"]

_MAX_GRID = 400


class ShapeReader(PlotReader):
    """Reads the shapes of a path."""

    def _rectangle(self) -> None:
        (x, y), pending = self._last(), []
        while found := self._take(r"(node|coordinate)\b"):
            pending.append(self._label_parts(found[1]))
        right, top = self._needed()
        self._end_line()
        corners = [(x, y), (x, top), (right, top), (right, y), (x, y)]
        self.lines.append(Line(corners, [1, 2, 3, 4], is_closed=True))
        self.here, self.open, self.way, self.from_node = (right, top), None, line_way((x, y), (right, top)), None
        for options, text in pending:
            self._label_on_way(options, text)

    def _half_axes(self, inside: str | None) -> tuple[Point, Point, float | None]:
        """The half axes of a circle or ellipse, and the radius of a circle without a unit vector of its own."""
        options = dict(parse_options(self._options(), {})) if inside is None else {}
        kept = {**self.frame.keys, **options}
        if "at" in options:
            self.here = self._place(options["at"].strip().removeprefix("(").removesuffix(")"))
        wide, found, high = (inside or "").partition(" and ")
        if inside is None:
            wide, high = (kept.get(f"{axis} radius", kept.get("radius", "")) for axis in "xy")
        high = high if found or inside is None else wide
        (xx, xy), (yx, yy), _ = self.frame.units
        a = evaluate(wide)
        across = (a, 0.0) if has_unit(wide) else (a * xx, a * xy)
        b = evaluate(high)
        along = (0.0, b) if has_unit(high) else (b * yx, b * yy)
        is_round = abs(across[0] - along[1]) < 1e-9 and abs(across[1]) < 1e-9 and abs(along[0]) < 1e-9
        return across, along, across[0] if is_round else None

    def _round(self) -> None:
        if (
            through := re.compile(r"\s*\[\s*through\s*=\s*\(([^()]*)\)\s*\]").match(self.text, self.position)
        ) is not None:
            self.position = through.end()
            radius: float | None = math.dist(self._last(), self._place(through[1]))
            across, along = (radius or 0.0, 0.0), (0.0, radius or 0.0)
        else:
            across, along, radius = self._half_axes(self._group("("))
        centre = self.here or (0.0, 0.0)  # where a path begins
        self._end_line()
        line = circle(centre, across, along)
        line.is_closed, line.round = True, (centre, abs(radius)) if radius is not None else None
        self.lines.append(line)
        self.way = arc_way(centre, across, along, 0, 360)

    def _arc(self) -> None:
        inside = self._group("(")
        if inside is not None:
            parts = split(inside, ":")
            if len(parts) != 3:
                raise NotDrawn
            first, last, radius = parts
            across, along, _ = self._half_axes(radius)
        else:
            mark = self.position
            options = {**self.frame.keys, **dict(parse_options(self._options(), {}))}
            first, last = options.get("start angle", ""), options.get("end angle", "")
            if not last:
                last = f"{evaluate(first) + evaluate(options.get('delta angle', ''))}"
            elif not first:
                first = f"{evaluate(last) - evaluate(options.get('delta angle', ''))}"
            self.position = mark
            across, along, _ = self._half_axes(None)
        a, b = evaluate(first), evaluate(last)
        if abs(b - a) < 1e-9 or abs(b - a) > 3600:
            raise NotDrawn
        x, y = self._last()
        c, s = math.cos(math.radians(a)), math.sin(math.radians(a))
        centre = x - c * across[0] - s * along[0], y - c * across[1] - s * along[1]
        piece = circle(centre, across, along, a, b)
        offset = len(self.open.points) - 1 if self.open else 0
        self._extend(piece.points[1:], arc_way(centre, across, along, a, b))
        assert self.open is not None
        self.open.ends[-1:] = [offset + end for end in piece.ends]
        self.base = self.here

    def _grid(self) -> None:
        options = {**self.frame.keys, **dict(parse_options(self._options(), {}))}
        steps = [options.get(f"{axis}step", options.get("step", "1")) for axis in "xy"]
        if "(" in steps[0]:
            raise NotDrawn
        (x0, y0), (x1, y1) = self._last(), self._needed()
        units = self.frame.units.x[0], self.frame.units.y[1]
        wide, high = (length(step, unit) for step, unit in zip(steps, units, strict=True))
        if wide <= 0 or high <= 0 or abs(x1 - x0) / wide + abs(y1 - y0) / high > _MAX_GRID:
            raise NotDrawn
        self._end_line()
        for place in range(math.ceil(min(x0, x1) / wide - 1e-9), math.floor(max(x0, x1) / wide + 1e-9) + 1):
            self.lines.append(Line([(place * wide, y0), (place * wide, y1)], [1]))
        for place in range(math.ceil(min(y0, y1) / high - 1e-9), math.floor(max(y0, y1) / high + 1e-9) + 1):
            self.lines.append(Line([(x0, place * high), (x1, place * high)], [1]))
        self.here, self.open = (x1, y1), None

    def _parabola(self) -> None:
        keys = dict(parse_options(self._options(), {}))
        start = self._last()
        bend: Point | None = None
        if "bend" in keys:
            bend = self._place(keys.pop("bend").strip().removeprefix("(").removesuffix(")"))
        if self._take(r"bend\b"):
            bend = self._needed()
        end = self._needed()
        if keys.keys() - {"bend at end", "bend at start"}:
            raise NotDrawn
        bend = bend or (end if "bend at end" in keys else start)
        self._extend(parabola(start, bend, end), line_way(start, end))

    def _let(self) -> None:
        r"""``let \p1 = (A), \n1 = {…} in``: replaces the macros in the rest of the statement."""
        while found := self._take(r"\\([pn])\s*(?:\{([^{}]*)\}|(\w))\s*="):
            kind, name = found[1], (found[2] or found[3]).strip()
            if kind == "p":
                inside = self._group("(")
                if inside is None:
                    raise NotDrawn
                x, y = point(inside, self._named(), self.frame.units, self._anchor)
                values = {"p": f"{x:.6f}cm,{y:.6f}cm", "x": f"{x:.6f}cm", "y": f"{y:.6f}cm"}
            else:
                inside = self._group("{")
                if inside is None:
                    ended = self._take(r"[^,]+?(?=,|\s+in\b)")
                    inside = ended[0] if ended else ""
                values = {"n": f"{evaluate(inside):.6f}{'cm' if has_unit(inside) else ''}"}
            rest = self.text[self.position :]
            for letter, value in values.items():
                written = re.escape(name)
                rest = re.sub(rf"\\{letter}\s*(?:\{{\s*{written}\s*\}}|{written}(?!\w))", value, rest)
            self.text = self.text[: self.position] + rest
            self._take(",")
        if not self._take(r"in\b"):
            raise NotDrawn

    def _name_intersections(self, value: str) -> None:
        keys = dict(parse_options(value, {}))
        one, _, other = keys.get("of", "").partition(" and ")
        paths = [self.sheet.paths.get(name.strip()) for name in (one, other)]
        if paths[0] is None or paths[1] is None or not keys.keys() <= {"of", "by", "name", "sort by", "total"}:
            raise NotDrawn
        reverse = keys.get("sort by", one).strip() == other.strip()
        self.sheet.spend(sum(len(a.points) * len(b.points) for a in paths[0] for b in paths[1]) // 40)
        found = intersections(*((paths[1], paths[0]) if reverse else (paths[0], paths[1])))
        wanted = [each.strip() for each in split(keys.get("by", "")) if each.strip()]
        if not found or len(wanted) > len(found):
            raise NotDrawn
        prefix = keys.get("name", "intersection")
        for number, place in enumerate(found, 1):
            self.sheet.named[f"{prefix}-{number}"] = place
        for name, place in zip(wanted, found, strict=False):
            options, _, name_ = name.rpartition("]") if name.startswith("[") else ("", "", name)
            self.sheet.nodes.pop(name_.strip(), None)
            self.sheet.named[name_.strip()] = place
            if options:
                self._place_node("coordinate", parse_options(options[1:], self.styles), None, self.frame.inverse(place))
