"""The shapes of nodes: their borders, anchors and outlines, in centimetres of the picture."""

import math
import re
from dataclasses import dataclass

from got_runtime.markup.notation.tikz.lines import Line, circle
from got_runtime.markup.notation.tikz.numbers import NotDrawn, Point, evaluate

__all__ = ["ANCHORS", "NodeShape"]

ANCHORS = {
    "north": (0, 1),
    "south": (0, -1),
    "east": (1, 0),
    "west": (-1, 0),
    "north east": (1, 1),
    "north west": (-1, 1),
    "south east": (1, -1),
    "south west": (-1, -1),
    "center": (0, 0),
    "mid": (0, 0),
    "base": (0, 0),
    "mid east": (1, 0),
    "mid west": (-1, 0),
    "base east": (1, 0),
    "base west": (-1, 0),
    "text": (-1, 0),
}


@dataclass(frozen=True)
class NodeShape:
    """A node around a centre: ``rectangle``, ``circle``, ``ellipse``, ``diamond``, with half its width and height."""

    kind: str
    centre: Point
    width: float
    height: float
    turn: float = 0.0
    """In degrees."""
    polygon: int = 0
    """The number of sides of a regular polygon."""
    type_size: float = 1.0
    """Of its text, in parts of the normal one."""

    def _out(self, x: float, y: float) -> Point:
        c, s = math.cos(math.radians(self.turn)), math.sin(math.radians(self.turn))
        return self.centre[0] + x * c - y * s, self.centre[1] + x * s + y * c

    def border(self, angle: float) -> Point:
        """The point of the border in a direction, in degrees."""
        turn = math.radians(angle - self.turn)
        c, s = math.cos(turn), math.sin(turn)
        if self.kind in ("circle", "ellipse"):
            far = 1 / math.hypot(c / self.width, s / self.height) if self.width and self.height else 0.0
        elif self.kind == "diamond":
            far = 1 / (abs(c) / self.width + abs(s) / self.height) if self.width and self.height else 0.0
        elif self.polygon:
            side = math.pi / self.polygon
            away = (turn - math.radians(self._first_corner())) % (2 * side) - side
            far = self.width * math.cos(side) / math.cos(away)
        else:
            far = min(
                self.width / abs(c) if abs(c) > 1e-9 else math.inf, self.height / abs(s) if abs(s) > 1e-9 else 9e9
            )
        return self._out(far * c, far * s)

    def towards(self, place: Point) -> Point:
        """The point of the border in the direction of another point. Raises ``NotDrawn`` for one inside."""
        dx, dy = place[0] - self.centre[0], place[1] - self.centre[1]
        found = self.border(math.degrees(math.atan2(dy, dx)))
        if math.dist(found, self.centre) > math.hypot(dx, dy):
            raise NotDrawn
        return found

    def _first_corner(self) -> float:
        """A polygon stands on a side; with an even number of sides, the first corner is right of the upper one."""
        return 90 if self.polygon % 2 else 90 - 180 / self.polygon

    def _corner(self, number: float) -> Point:
        return self.border(self.turn + self._first_corner() + 360 * (number - 1) / self.polygon)

    def anchor(self, name: str) -> Point | None:
        """The point of an anchor, or of an angle as ``30``; None for an unknown name."""
        name = " ".join(name.split())
        if name in ANCHORS:
            x, y = ANCHORS[name]
            if self.polygon and (x or y):
                return self.border(self.turn + math.degrees(math.atan2(y, x)))
            if self.kind in ("circle", "ellipse") and x and y:
                return self._out(x * self.width * math.sqrt(0.5), y * self.height * math.sqrt(0.5))
            if self.kind == "diamond" and x and y:
                return self._out(x * self.width / 2, y * self.height / 2)
            return self._out(x * self.width, y * self.height)
        if self.polygon and (found := re.fullmatch(r"(corner|side) (\d+)", name)):
            return self._corner(int(found[2]) + (0.5 if found[1] == "side" else 0))
        try:
            return self.border(evaluate(name))
        except NotDrawn:
            return None

    def outline(self) -> Line:
        if self.kind in ("circle", "ellipse"):
            line = circle(self.centre, self._turned(self.width, 0.0), self._turned(0.0, self.height))
            line.round = (self.centre, self.width) if self.kind == "circle" else None
        elif self.polygon:
            corners = [self._corner(number) for number in range(1, self.polygon + 1)]
            line = Line([*corners, corners[0]], list(range(1, self.polygon + 1)))
        elif self.kind == "diamond":
            ways = ((1, 0), (0, 1), (-1, 0), (0, -1), (1, 0))
            line = Line([self._out(x * self.width, y * self.height) for x, y in ways], [1, 2, 3, 4])
        else:
            ways = ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))
            line = Line([self._out(x * self.width, y * self.height) for x, y in ways], [1, 2, 3, 4])
        line.is_closed = True
        return line

    def _turned(self, x: float, y: float) -> Point:
        out = self._out(x, y)
        return out[0] - self.centre[0], out[1] - self.centre[1]
