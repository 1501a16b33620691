"""Paths of TikZ: a command, its lines and curves, and the nodes on them."""

import math
import re
from dataclasses import replace

from got_runtime.markup.notation.tikz.curves import controls, curve_way, line_way, points_way, wave
from got_runtime.markup.notation.tikz.decorations import Decorations
from got_runtime.markup.notation.tikz.lines import Line, bezier
from got_runtime.markup.notation.tikz.node_shapes import NodeShape
from got_runtime.markup.notation.tikz.numbers import NotDrawn, Point
from got_runtime.markup.notation.tikz.options import Frame, apply, parse_options
from got_runtime.markup.notation.tikz.shapes import ShapeReader

__all__ = ["PathReader"]

_COMMANDS = {
    "draw": ("black", "none"),
    "fill": ("none", "black"),
    "filldraw": ("black", "black"),
    "path": ("none", "none"),
    "clip": ("none", "none"),
    "shade": ("none", "black"),
    "shadedraw": ("black", "black"),
    "pattern": ("none", "black"),
}
_OF_EDGES = frozenset(
    {"draw", "bend left", "bend right", "out", "in", "looseness", "relative", "auto", "swap", "sloped"}
)


class PathReader(ShapeReader, Decorations):
    """Reads one statement into the sheet of a figure."""

    def read(self, statement: str) -> None:
        """Draws a statement that begins with a command. Raises ``NotDrawn``."""
        found = re.match(r"\\(\w+)", statement)
        command = found[1] if found else ""
        self.text, self.position = statement, found.end() if found else 0
        self.edges: list[tuple[Frame, Line]] = []
        if command in ("coordinate", "node"):
            self._node(command, None)
            while self.position < len(self.text):
                self._segment()
                self._space()
            if self.lines or self.edges or self.open:
                self._finish(replace(self.frame, stroke="none"))
            else:
                self._write_labels()
        elif command == "pic":
            self._angle()
            self._write_labels()
        elif command in _COMMANDS:
            self._begin_path(command)
            while self.position < len(self.text):
                self._segment()
                self._space()
            self._finish(self.frame)
        else:
            raise NotDrawn
        self._space()
        if self.position < len(self.text):
            raise NotDrawn

    def read_nodes(self, text: str, points: list[Point]) -> None:
        """The nodes that follow a plot of pgfplots, on its points."""
        self.text, self.position, self.edges = text, 0, []
        self.here, self.way = points[-1], points_way(points) if len(points) > 1 else None
        self._space()
        while self.position < len(self.text):
            if not (found := self._take(r"(node|coordinate)\b")):
                raise NotDrawn
            self._node(found[1], self.here)
            self._space()
        self._write_labels()

    def _begin_path(self, command: str) -> None:
        stroke, fill = _COMMANDS[command]
        tone = self.frame.tone
        own = self.frame.stroke if self.frame.stroke != "none" else ""
        self.frame = replace(
            self.frame,
            stroke="none" if stroke == "none" else own or tone,
            fill="none" if fill == "none" else self.frame.fill if self.frame.fill not in ("", "none") else tone,
        )
        if command in ("shade", "shadedraw"):
            self.frame = replace(self.frame, keys={**self.frame.keys, "top color": "gray", "bottom color": "white"})
        if command == "clip":
            self.frame = replace(self.frame, keys={**self.frame.keys, "clip": ""})
        if "every path" in self.styles:
            self._apply(self.styles["every path"])
        self._apply(self._options())

    def _apply(self, options: str) -> None:
        """Changes the frame by options of the path."""
        parsed = parse_options(options, self.styles)
        own = {key for key, _ in parsed}
        if own & {"ball color", "left color", "right color", "inner color", "outer color"}:
            shades = ("top color", "bottom color")
            self.frame = replace(self.frame, keys={k: v for k, v in self.frame.keys.items() if k not in shades})
        self.frame = apply(self.frame, parsed, self.sheet.named)
        if own & {"ball color", "left color", "right color", "top color", "bottom color", "inner color", "outer color"}:
            self.frame = replace(self.frame, fill=self.frame.fill if self.frame.fill not in ("", "none") else "#000000")
        if "name intersections" in own:
            self._name_intersections(self.frame.keys["name intersections"])

    def _finish(self, frame: Frame) -> None:
        """Draws the lines that were read, then the texts on them."""
        self._end_line()
        if "name path" in frame.keys:
            mapped = [Line([frame.at(each) for each in line.points], line.ends) for line in self.lines]
            self.sheet.paths[frame.keys["name path"]] = mapped
        if "clip" in frame.keys:
            self.sheet.clip(self.lines, frame)
            frame = replace(frame, keys={key: value for key, value in frame.keys.items() if key != "clip"})
        if {frame.stroke, frame.fill} - {"none", ""}:
            self._draw_decorated(self.lines, frame)
        for own, line in self.edges:
            self.sheet.draw([line], own)
        self._write_labels()

    def _write_labels(self) -> None:
        for label in self.labels:
            label()

    def _segment(self) -> None:
        if found := self._take(r"---?|-\||\|-|to\b|edge\b|\.\."):
            self._connection(found[0])
        elif self._take(r"rectangle\b"):
            self._rectangle()
        elif self._take(r"circle\b|ellipse\b"):
            self._round()
        elif self._take(r"arc\b"):
            self._arc()
        elif self._take(r"grid\b"):
            self._grid()
        elif found := self._take(r"(node|coordinate)\b"):
            self._node(found[1], self.here)
        elif self._take(r"plot\b"):
            self._plot(is_joined=False)
        elif self._take(r"parabola\b"):
            self._parabola()
        elif found := self._take(r"(sin|cos)\b"):
            start, end = self._last(), self._needed()
            self._extend(wave(start, end, is_sine=found[1] == "sin"), line_way(start, end))
        elif self._take(r"pic\b"):
            self._angle()
        elif self._take(r"let\b"):
            self._let()
        elif (changes := self._group("[")) is not None:
            self._apply(changes)
        else:
            place = self._coordinate()
            if place is None:
                raise NotDrawn
            self._move(place, self.node)

    def _move(self, place: Point, node: NodeShape | None = None) -> None:
        self._end_line()
        self.here, self.from_node, self.start, self.way = place, node, (place, node), None
        self.open = None if node else Line([place])

    def _connection(self, kind: str) -> None:
        start, node = self._last(), self.from_node
        if kind == "..":
            self._controls(start)
            return
        keys = parse_options(self._options(), self.styles) if kind in ("to", "edge") else []
        pending = self._pending(keys)
        if kind == "--" and self._take(r"plot\b"):
            if pending:
                raise NotDrawn
            self._plot(is_joined=True)
            return
        is_cycle = self._take(r"cycle\b") is not None
        if is_cycle and self.start is None:
            raise NotDrawn
        end, end_node = (self.start or (start, None)) if is_cycle else (self._needed(), None)
        end_node = end_node if is_cycle else self.node
        if kind == "edge":
            self._edge(keys, (start, node), (end, end_node), pending)
            return
        corner = {"-|": (end[0], start[1]), "|-": (start[0], end[1])}.get(kind)
        bent = [(key, value) for key, value in keys if not key.startswith('"') and key not in ("edge label",)]
        if any(key not in _OF_EDGES for key, _ in bent):
            raise NotDrawn
        self._connect((start, node), (end, end_node), corner, dict(bent))
        if is_cycle and self.open is not None:
            self.open.is_closed = True
            self._end_line()
        for options, text in pending:
            self._label_on_way(options, text)

    def _pending(self, keys: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """The nodes that stand between a connection and its end, and the labels in quotes."""
        pending = []
        for key, value in keys:
            if key.startswith('"'):
                side = "swap," if value.strip().startswith("'") else ""
                pending.append((f"auto,{side}{value.strip().removeprefix(chr(39))}", key.strip('"')))
        while found := self._take(r"(node|coordinate)\b"):
            pending.append(self._label_parts(found[1]))
        return pending

    def _connect(
        self,
        first: tuple[Point, NodeShape | None],
        last: tuple[Point, NodeShape | None],
        corner: Point | None,
        keys: dict[str, str],
    ) -> None:
        """A line or curve from a point or node to another; at nodes it ends at the border."""
        (start, node), (end, end_node) = first, last
        if keys.keys() & {"bend left", "bend right", "out", "in"}:
            out, into = controls(start, end, keys)[2:]
            begin, stop = self._border(node, start, angle=out), self._border(end_node, end, angle=into)
            one, two, _, _ = controls(begin, stop, {**keys, "out": str(out), "in": str(into)})
            places, way = bezier(begin, one, two, stop), curve_way(begin, one, two, stop)
        else:
            begin = self._border(node, start, place=corner or end)
            stop = self._border(end_node, end, place=corner or start)
            places, way = ([corner] if corner else []) + [stop], line_way(begin, stop, corner)
        if node is not None:
            self._end_line()
            self.open = Line([begin])
            self.from_node = None
        self._extend(places, way)
        if corner is not None and self.open is not None:
            self.open.ends.insert(-1, len(self.open.points) - 2)
        if end_node is not None:
            self._end_line()
        self.here, self.from_node = end, end_node

    def _border(
        self, node: NodeShape | None, centre: Point, *, place: Point | None = None, angle: float = 0.0
    ) -> Point:
        if node is None:
            return centre
        if place is None:
            x, y = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            place = centre[0] + 100 * x, centre[1] + 100 * y
        return self.frame.inverse(node.towards(self.frame.at(place)))

    def _edge(
        self,
        keys: list[tuple[str, str]],
        first: tuple[Point, NodeShape | None],
        last: tuple[Point, NodeShape | None],
        pending: list[tuple[str, str]],
    ) -> None:
        """A line of its own, after which the path goes on where it was."""
        kept = self.open, self.lines, self.here, self.from_node
        pen = [(key, value) for key, value in keys if key not in _OF_EDGES and not key.startswith('"')]
        outer = self.frame
        tone = outer.stroke if outer.stroke not in ("", "none") else outer.tone
        self.frame = apply(replace(outer, stroke=tone, fill="none"), pen, self.sheet.named)
        self.lines, self.open = [], None if first[1] else Line([first[0]])
        self._connect(first, last, None, {key: value for key, value in keys if key in _OF_EDGES})
        self._end_line()
        self.edges += [(self.frame, line) for line in self.lines]
        for options, text in pending:
            self._label_on_way(options, text)
        self.frame = outer
        self.open, self.lines, self.here, self.from_node = kept

    def _controls(self, start: Point) -> None:
        if not self._take(r"controls\b"):
            raise NotDrawn
        first = self._needed()
        second = self._needed() if self._take(r"and\b") else first
        if not self._take(r"\.\."):
            raise NotDrawn
        pending = self._pending([])
        is_cycle = self._take(r"cycle\b") is not None
        if is_cycle and self.start is None:
            raise NotDrawn
        end, node = (self.start or (start, None)) if is_cycle else (self._needed(), None)
        node = node if is_cycle else self.node
        begin, stop = self._border(self.from_node, start, place=first), self._border(node, end, place=second)
        if self.from_node is not None:
            self._end_line()
            self.open, self.from_node = Line([begin]), None
        self._extend(bezier(begin, first, second, stop), curve_way(begin, first, second, stop))
        if node is not None or is_cycle:
            if self.open is not None:
                self.open.is_closed = is_cycle
            self._end_line()
            self.here, self.from_node = end, node
        for options, text in pending:
            self._label_on_way(options, text)
