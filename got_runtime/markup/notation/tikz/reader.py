"""The parts of a statement of TikZ: options, points, and the path so far."""

import math
import re
from collections.abc import Callable, Mapping

from got_runtime.markup.notation.tikz.coordinates import point
from got_runtime.markup.notation.tikz.lines import Line
from got_runtime.markup.notation.tikz.node_shapes import NodeShape
from got_runtime.markup.notation.tikz.numbers import NotDrawn, Point, closing
from got_runtime.markup.notation.tikz.options import Frame, apply, parse_options
from got_runtime.markup.notation.tikz.sheet import Sheet

__all__ = ["StatementReader"]

Way = Callable[[float], tuple[Point, float]]
"""The point at a part of a segment, and the segment's direction there in degrees."""


class StatementReader:
    """Reads one statement from left to right. Points are in the coordinates of its frame."""

    def __init__(self, sheet: Sheet, frame: Frame, styles: dict[str, str]) -> None:
        self.sheet, self.frame, self.styles = sheet, frame, styles
        self.here: Point | None = None
        self.base: Point | None = None
        """What relative points are added to."""
        self.node: NodeShape | None = None
        """The node of the point that was read last."""
        self.open: Line | None = None
        self.lines: list[Line] = []
        self.way: Way | None = None
        self.start: tuple[Point, NodeShape | None] | None = None
        self.from_node: NodeShape | None = None
        """The node in whose centre the path is: lines begin at its border."""
        self.labels: list[Callable[[], None]] = []
        self.text, self.position = "", 0

    def _space(self) -> None:
        while self.position < len(self.text) and self.text[self.position].isspace():
            self.position += 1

    def _take(self, pattern: str) -> re.Match[str] | None:
        self._space()
        found = re.compile(pattern).match(self.text, self.position)
        if found:
            self.position = found.end()
        return found

    def _group(self, opening: str) -> str | None:
        """What is in the brackets that open here; None if others do."""
        self._space()
        if self.text[self.position : self.position + 1] != opening:
            return None
        end = closing(self.text, self.position)
        inside, self.position = self.text[self.position + 1 : end], end + 1
        return inside

    def _options(self) -> str:
        return self._group("[") or ""

    def _named(self) -> Mapping[str, Point]:
        """The named points in the coordinates of the frame."""
        return self.frame.local(self.sheet.named)

    def _anchor(self, name: str) -> Point | None:
        """The point ``A.north`` of a node, or of the box around the picture."""
        if found := re.fullmatch(r"(tangent|perpendicular) cs:(.*)", name.strip(), re.DOTALL):
            options = dict(parse_options(found[2], {}))
            return self._tangent(options) if found[1] == "tangent" else self._perpendicular(options)
        owner, dot, anchor = name.strip().rpartition(".")
        if not dot or re.search(r"[,:$!|]", name):
            return None
        if owner in self.sheet.nodes:
            at = self.sheet.nodes[owner].anchor(anchor)
        elif owner in self.sheet.named:
            at = self.sheet.named[owner]  # the anchors of a coordinate
        elif owner == "current bounding box" and self.sheet.extent:
            at = self.sheet.frame().anchor(anchor)
        else:
            return None
        if at is None:
            raise NotDrawn
        return self.frame.inverse(at)

    def _tangent(self, options: dict[str, str]) -> Point:
        """Where a tangent from a point touches a circle: to the left of the line to its centre, or to the right."""
        circle = self.sheet.nodes.get(options.get("node", "").strip())
        if circle is None or circle.kind != "circle":
            raise NotDrawn
        place = self.frame.at(self._place(_unbracketed(options.get("point", ""))))
        away = math.dist(place, circle.centre)
        if away < circle.width:
            raise NotDrawn
        turn = math.acos(circle.width / away) * (-1 if options.get("solution", "1").strip() == "2" else 1)
        turn += math.atan2(place[1] - circle.centre[1], place[0] - circle.centre[0])
        x, y = circle.centre
        return self.frame.inverse((x + circle.width * math.cos(turn), y + circle.width * math.sin(turn)))

    def _perpendicular(self, options: dict[str, str]) -> Point:
        sides = [options.get(f"{way} line through", "") for way in ("vertical", "horizontal")]
        (x, _), (_, y) = (self._place(_unbracketed(side)) for side in sides)
        return x, y

    def _place(self, text: str) -> Point:
        """A point of the current frame. The node at whose centre it is, is remembered."""
        frame = self.frame
        if text.lstrip().startswith("["):
            end = closing(text, text.index("["))
            options = parse_options(text[text.index("[") + 1 : end], self.styles)
            moved = apply(Frame(units=frame.units), options, {})
            place = point(text[end + 1 :], self._named(), frame.units, self._anchor)
            if re.fullmatch(r"\s*[A-Za-z].*", text[end + 1 :]):  # a shift of the canvas, whatever the map
                return place[0] + moved.matrix[4], place[1] + moved.matrix[5]
            return moved.at(place)
        place = point(text, self._named(), frame.units, self._anchor)
        name = text.strip()
        self.node = self.sheet.nodes.get(name)
        return place

    def _coordinate(self) -> Point | None:
        relative = self._take(r"\+\+?(?=\s*\()")
        inside = self._group("(")
        if inside is None:
            if relative:
                raise NotDrawn
            return None
        self.node = None
        place = self._place(inside)
        if relative:
            if self.base is None:
                raise NotDrawn
            place = self.base[0] + place[0], self.base[1] + place[1]
            self.node = None
        if not relative or relative[0] == "++":
            self.base = place
        return place

    def _needed(self) -> Point:
        place = self._coordinate()
        if place is None:
            raise NotDrawn
        return place

    def _last(self) -> Point:
        if self.here is None:
            raise NotDrawn
        return self.here

    def _first_options(self) -> str:
        found = re.match(r"\\\w+\s*\[", self.text)
        return self.text[found.end() : closing(self.text, found.end() - 1)] if found else ""

    def _end_line(self) -> None:
        if self.open is not None and len(self.open.points) > 1:
            self.lines.append(self.open)
        self.open = None

    def _extend(self, places: list[Point], way: Way) -> None:
        """Adds one piece, a straight line or a curve, to the line."""
        self.sheet.spend(4 + len(places))
        if self.open is None:
            if self.from_node is not None:
                raise NotDrawn
            self.open = Line([self._last()])
        self.open.points += places
        self.open.ends.append(len(self.open.points) - 1)
        self.here, self.way, self.from_node = places[-1], way, None


def _unbracketed(text: str) -> str:
    return text.strip().removeprefix("(").removesuffix(")")
