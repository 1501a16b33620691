"""Nodes and labels of TikZ."""

import math
import re
from dataclasses import replace

from got_runtime.markup.notation.tikz.lines import Line
from got_runtime.markup.notation.tikz.node_shapes import ANCHORS, NodeShape
from got_runtime.markup.notation.tikz.node_sizes import node_shape, shape_kind, wrapped
from got_runtime.markup.notation.tikz.numbers import NotDrawn, Point, closing, evaluate, length, without_braces
from got_runtime.markup.notation.tikz.options import POINTS, SIDE, Frame, apply, parse_options
from got_runtime.markup.notation.tikz.reader import StatementReader
from got_runtime.markup.notation.tikz.text import label_lines, type_size

__all__ = ["NodeReader"]

_PARTS = {"midway": 0.5, "near start": 0.25, "near end": 0.75, "very near start": 0.125, "very near end": 0.875}
_PARTS |= {"at start": 0.0, "at end": 1.0}
_SIDES = {"above": (0, 1), "below": (0, -1), "left": (-1, 0), "right": (1, 0), "base": (0, 0), "mid": (0, 0)}
Keys = list[tuple[str, str]]


class NodeReader(StatementReader):
    """Reads nodes into the sheet of a figure."""

    def _label_parts(self, command: str = "node") -> tuple[str, str]:
        """The options of a node, its name among them, and its text."""
        options = self._options()
        name = self._group("(")
        options += "," + self._options()
        text = self._group("{") if command == "node" else ""
        if text is None:
            raise NotDrawn
        name_option = f",name={name}" if name else ""
        return options + name_option + (",coordinate" if command == "coordinate" else ""), text

    def _label_on_way(self, options: str, text: str) -> None:
        """A node on the last line of the path, at its half unless its options say otherwise."""
        keys = parse_options(options, self.styles)
        command = "coordinate" if ("coordinate", "") in keys else "node"
        keys = [pair for pair in keys if pair[0] != "coordinate"]
        self._place_node(command, [("midway", ""), *keys], text if command == "node" else None, None)

    def _node(self, command: str, at: Point | None) -> None:
        """``node[options] (name) at (point) {text}``, the parts in any order."""
        options, text = "", None
        kept = self.here, self.base, self.node
        while True:
            if self._take(r"at\b"):
                at = self._needed()
            elif (part := self._group("[")) is not None:
                options += part + ","
            elif not (command == "coordinate" and "name={" in options) and (part := self._group("(")) is not None:
                options += f"name={{{part.strip()}}},"
            elif command == "node" and text is None and (part := self._group("{")) is not None:
                text = part
                break
            else:
                break
        if command == "node" and text is None:
            raise NotDrawn
        self.here, self.base, self.node = kept
        self._place_node(command, parse_options(options, self.styles), text, at)

    def _place_node(self, command: str, keys: Keys, text: str | None, at: Point | None) -> None:
        """Registers a node or coordinate and arranges for it to be drawn."""
        self.sheet.spend(10)
        if command == "node" and "every node" in self.styles:
            keys = parse_options(self.styles["every node"], self.styles) + keys
        options = dict(keys)
        through = options.pop("circle through", None)
        keys = [pair for pair in keys if pair[0] != "circle through"]
        own = [(key, value) for key, value in keys if not key.startswith("label") and key not in ("shape", "scale")]
        base = replace(self.frame, stroke="none", fill="none", tips=("", ""), double=0.0, pattern="", keys={})
        pen = apply(base, [(k, v) for k, v in own if k not in ("rotate", "xshift", "yshift", "shift", "at")], {})
        at, turn = self._where(options, at)
        keys = [*keys, ("auto side", options["auto side"])] if "auto side" in options else keys
        at = self._shifted(options, at)
        lines = label_lines(wrapped(text, options)) if text else []
        is_coordinate, size = command == "coordinate", type_size(options, text or "")
        shape = node_shape(options, lines, self.frame.at(at), turn, is_coordinate=is_coordinate, size=size)
        shape = self._anchored(keys, shape)
        if "fit" in options:
            shape = self._around(options["fit"], options)
        if through is not None:
            edge = self.frame.at(self._place(through.strip().removeprefix("(").removesuffix(")")))
            far = math.dist(edge, shape.centre)
            shape = NodeShape("circle", shape.centre, far, far)
        name = options.get("name")
        if name and command == "coordinate":
            self.sheet.nodes.pop(name, None)
            self.sheet.named[name] = shape.centre
        elif name:
            self.sheet.nodes[name], self.sheet.named[name] = shape, shape.centre
        pen = replace(pen, matrix=Frame().matrix)
        if path := pen.keys.get("name path"):
            self.sheet.paths[path] = [shape.outline()]
        align = {"left": "start", "right": "end"}.get(options.get("align", ""), "middle")
        if command == "node":
            self.labels.append(lambda: self._draw_node(shape, pen, lines, align))
        for key, value in keys:
            if key in ("label", "pin"):
                self._label_at(shape, value, has_line=key == "pin", distance=options.get("label distance", ""))

    def _around(self, names: str, options: dict[str, str]) -> NodeShape:
        """The node around others, and around points (library fit)."""
        places = []
        for name in re.findall(r"\(([^()]+)\)", names):
            other = self.sheet.nodes.get(name.strip())
            places += other.outline().points if other else [self.frame.at(self._place(name))]
        if not places or "rotate" in options:
            raise NotDrawn
        low, high = (tuple(edge(place[axis] for place in places) for axis in (0, 1)) for edge in (min, max))
        empty = node_shape({**options, "minimum size": "0", "shape": "rectangle"}, [], (0.0, 0.0), 0.0)
        wide, tall = (high[0] - low[0]) / 2 + empty.width, (high[1] - low[1]) / 2 + empty.height
        centre = (low[0] + high[0]) / 2, (low[1] + high[1]) / 2
        kind = shape_kind(options)
        if kind == "circle":
            wide = tall = math.hypot(wide, tall)
        elif kind == "ellipse":
            wide, tall = wide * math.sqrt(2), tall * math.sqrt(2)
        elif kind != "rectangle":
            raise NotDrawn
        return NodeShape(kind, centre, wide, tall)

    def _draw_node(self, shape: NodeShape, pen: Frame, lines: list[str], align: str) -> None:
        if {pen.stroke, pen.fill} - {"none", ""}:
            self.sheet.draw([shape.outline()], pen)
        self.sheet.text(shape.centre, lines, pen.tone, angle=shape.turn, align=align, size=shape.type_size)

    def _where(self, options: dict[str, str], at: Point | None) -> tuple[Point, float]:
        """The point of a node in the coordinates of the frame, and how far it is turned."""
        turn = evaluate(options["rotate"]) if "rotate" in options else 0.0
        part = evaluate(options["pos"]) if "pos" in options else None
        if part is None:
            part = next((_PARTS[key] for key in reversed(options) if key in _PARTS), None)
        if "at" in options:
            at = self._place(options["at"].strip().removeprefix("(").removesuffix(")"))
            self.node = None
        elif part is not None:
            if self.way is None:
                raise NotDrawn
            at, direction = self.way(part)
            a, b, c, d, _, _ = self.frame.matrix
            cos, sin = math.cos(math.radians(direction)), math.sin(math.radians(direction))
            direction = math.degrees(math.atan2(b * cos + d * sin, a * cos + c * sin))
            if "sloped" in options:
                turn += (direction + 90) % 180 - 90
            beside = any(SIDE.fullmatch(key) or key == "anchor" for key in options)
            if "auto" in options or ("auto" in self.frame.keys and not beside):
                side = options.get("auto", self.frame.keys.get("auto"))
                is_right = ("swap" in options) != (side == "right")
                options["auto side"] = f"{direction + (-90 if is_right else 90)}"
        if at is None:
            at = 0.0, 0.0
        return at, turn

    def _shifted(self, options: dict[str, str], at: Point) -> Point:
        dx, dy = (length(options[key], POINTS) if key in options else 0.0 for key in ("xshift", "yshift"))
        if "shift" in options:
            x, y = self._place(options["shift"].strip("{}").strip().removeprefix("(").removesuffix(")"))
            dx, dy = dx + x, dy + y
        return at[0] + dx, at[1] + dy

    def _anchored(self, keys: Keys, shape: NodeShape) -> NodeShape:
        """The node beside its point, or beside another node."""
        for key, value in keys:
            if key == "anchor":
                found = replace(shape, centre=(0.0, 0.0)).anchor(value)
                if found is None:
                    raise NotDrawn
                shape = replace(shape, centre=(shape.centre[0] - found[0], shape.centre[1] - found[1]))
            elif key == "auto side":
                shape = _beside(shape, shape.centre, evaluate(value), 0.0)
            elif SIDE.fullmatch(key):
                shape = self._on_side(shape, key, value)
        return shape

    def _on_side(self, shape: NodeShape, side: str, value: str) -> NodeShape:
        """``above=2pt``, ``above=1cm of A`` and ``above of=A``."""
        words = side.removesuffix(" of").split()
        x, y = (sum(_SIDES[word][axis] for word in words) for axis in (0, 1))
        distance, found, name = (f" {value}" if value.startswith("of ") else value).partition(" of ")
        distance, name = ("", value) if side.endswith(" of") else (distance, name)
        apart = self.frame.keys.get("node distance", "1cm")
        if side.endswith(" of") or found:
            other = self.sheet.nodes.get(name.strip())
            centre = other.centre if other else self.frame.at(self._place(name))
            first, is_two, second = (distance.strip() or apart).partition(" and ")
            down, across = length(first), length(second if is_two else first)
            if side.endswith(" of"):
                diagonal = math.sqrt(0.5) if x and y else 1.0
                return replace(shape, centre=(centre[0] + x * across * diagonal, centre[1] + y * down * diagonal))
            border = other.anchor(_anchor_name(x, y)) if other else centre
            assert border is not None
            centre = border[0] + x * across, border[1] + y * down
            own = replace(shape, centre=(0.0, 0.0)).anchor(_anchor_name(-x, -y))
            assert own is not None
            return replace(shape, centre=(centre[0] - own[0], centre[1] - own[1]))
        gap = length(value, POINTS) if value else 0.0
        own = replace(shape, centre=(0.0, 0.0)).anchor(_anchor_name(-x, -y))
        assert own is not None
        gap *= math.sqrt(0.5) if x and y else 1.0
        return replace(shape, centre=(shape.centre[0] - own[0] + x * gap, shape.centre[1] - own[1] + y * gap))

    def _label_at(self, shape: NodeShape, value: str, *, has_line: bool, distance: str) -> None:
        """``label={[options]angle:text}``, beside the border of a node; a pin has a line to it."""
        self.sheet.spend(15)
        keys: Keys = []
        value = value.strip()
        if value.startswith("["):
            end = closing(value, 0)
            keys, value = parse_options(value[1:end], self.styles), value[end + 1 :].strip()
        if value.startswith("{") and closing(value, 0) == len(value) - 1:
            value = value[1:-1]
        side, found, text = value.partition(":")
        if not found or "$" in side:
            side, text = "above", value
        text = without_braces(text.strip())
        angle = _angle_of(side.strip().removeprefix("{").removesuffix("}"))
        options = dict(keys)
        base = replace(self.frame, stroke="none", fill="none", tips=("", ""), double=0.0, pattern="", keys={})
        pen = replace(apply(base, keys, {}), matrix=Frame().matrix)
        lines = label_lines(text)
        label = node_shape(options, lines, shape.centre, 0.0, size=type_size(options, text))
        gap = length(options.get("label distance", options.get("pin distance", distance)) or "0", POINTS)
        border = shape.border(angle) if shape.width else shape.centre
        gap = (gap or 0.55) if has_line else gap
        label = _beside(label, border, angle, gap)
        if has_line:
            line = Line([border, label.border(angle + 180)])
            tone = replace(pen, stroke="#808080", width=0.2)
            self.labels.append(lambda: self.sheet.draw([line], tone))
        self.labels.append(lambda: self._draw_node(label, pen, lines, "middle"))


def _beside(shape: NodeShape, place: Point, angle: float, gap: float) -> NodeShape:
    """The node on the side of a point that is at an angle from it."""
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    x, y = (0 if abs(part) < 0.38 else math.copysign(1, part) for part in (c, s))
    own = replace(shape, centre=(0.0, 0.0)).anchor(_anchor_name(-x, -y))
    assert own is not None
    return replace(shape, centre=(place[0] + gap * c - own[0], place[1] + gap * s - own[1]))


def _anchor_name(x: float, y: float) -> str:
    return next(name for name, (a, b) in ANCHORS.items() if (a, b) == (x, y))


def _angle_of(side: str) -> float:
    words = side.split()
    if words and all(word in _SIDES for word in words):
        x, y = (sum(_SIDES[word][axis] for word in words) for axis in (0, 1))
        return math.degrees(math.atan2(y, x))
    if side in ANCHORS:
        x, y = ANCHORS[side]
        return math.degrees(math.atan2(y, x))
    return evaluate(side)
