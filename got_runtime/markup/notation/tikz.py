"""TikZ → SVG for the subset that geometric figures use, without LaTeX.

Supported are ``\\coordinate``, ``\\node``, ``\\draw``, ``\\fill``, ``\\filldraw`` and ``\\path`` with straight lines,
``cycle``, ``rectangle``, ``circle`` and ``arc``; points as ``(x,y)``, ``(angle:radius)``, ``(name)``, and relative
ones (``+``, ``++``). Loops, styles and calculations are ignored; the HTML output shows the source below the picture.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape

Point = tuple[float, float]

_SCALE = 40.0  # pixels per TikZ centimetre
_MARGIN = 24.0
_MAX_STATEMENTS = 2000
_MAX_COORDINATE = 1000.0
_DRAWING = {"draw": "none", "fill": "#ccc", "filldraw": "#ccc"}
_LABEL_OFFSETS = {"above": (0.0, -12.0), "below": (0.0, 16.0), "left": (-12.0, 4.0), "right": (12.0, 4.0)}


def to_svg(tikz: str) -> str | None:
    """An SVG of the figure; None if no part of it can be drawn."""
    picture = _Picture()
    body = tikz.replace("\\begin{tikzpicture}", "").replace("\\end{tikzpicture}", "").lstrip()
    if body.startswith("["):
        body = body.partition("]")[2]
    for number, statement in enumerate(body.split(";")):
        if number < _MAX_STATEMENTS:
            picture.read(statement.strip())
    return picture.svg()


def _pieces(statement: str) -> Iterator[tuple[str, str]]:
    """Splits a statement into ``(point)``, ``[options]``, ``{text}`` and words, each with its kind."""
    position = 0
    while position < len(statement):
        character = statement[position]
        closing = {"(": ")", "[": "]", "{": "}"}.get(character)
        if closing is not None:
            end = _matching(statement, position, character, closing)
            yield character, statement[position + 1 : end]
            position = end + 1
        elif character.isalpha() or character == "\\":
            end = position + 1
            while end < len(statement) and statement[end].isalpha():
                end += 1
            yield "word", statement[position:end].lstrip("\\")
            position = end
        else:
            if not character.isspace():
                yield character, character
            position += 1


def _matching(text: str, start: int, opening: str, closing: str) -> int:
    depth = 0
    for position in range(start, len(text)):
        depth += (text[position] == opening) - (text[position] == closing)
        if depth == 0:
            return position
    return len(text)


@dataclass
class _Picture:
    named: dict[str, Point] = field(default_factory=dict)
    shapes: list[str] = field(default_factory=list)
    extent: list[Point] = field(default_factory=list)

    def read(self, statement: str) -> None:
        """Draws one statement."""
        pieces = list(_pieces(statement))
        if not pieces or pieces[0][0] != "word":
            return
        command = pieces[0][1]
        if command in ("coordinate", "node"):
            self._named(command, pieces[1:])
        elif command in _DRAWING or command == "path":
            self._path(command, pieces[1:])

    def _named(self, command: str, pieces: list[tuple[str, str]]) -> None:
        """``\\node[options] (name) at (point) {text}``, the parts in any order."""
        name, at, options, text = "", (0.0, 0.0), "", ""
        after_at = False
        for sign, value in pieces:
            if sign == "word":
                after_at = value == "at"
            elif sign == "(":
                point = self._point(value, (0.0, 0.0)) if after_at else None
                name, at = (name, point or at) if after_at else (value.strip(), at)
                after_at = False
            elif sign == "[":
                options += value + ","
            elif sign == "{":
                text = value
        if name:
            self.named[name] = at
        if command == "node":
            self._label(at, options, text)

    def _label(self, at: Point, options: str, text: str) -> None:
        shown = text.strip().strip("$").replace("\\", "")
        if not shown:
            return
        words = options.replace(",", " ").replace("=", " ").split()
        shift = [_LABEL_OFFSETS[word] for word in words if word in _LABEL_OFFSETS]
        x, y = self._at(at)
        x, y = x + sum(dx for dx, _ in shift), y + sum(dy for _, dy in shift) + (0 if shift else 5)
        self.extent.append(at)
        self.shapes.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{escape(shown[:80])}</text>')

    def _path(self, command: str, pieces: list[tuple[str, str]]) -> None:
        style = f'fill="{_DRAWING.get(command, "none")}" stroke="{"none" if command in ("fill", "path") else "black"}"'
        points: list[Point] = []
        relative, shape, word = "", "", ""
        for index, (sign, value) in enumerate(pieces):
            if sign == "[" and index == 0:
                style += ' stroke-dasharray="6 4"' if "dash" in value or "dotted" in value else ""
            elif sign == "[" and shape == "circle" and points:
                self._circle(points[-1], value.rpartition("=")[2], style)
            elif sign == "{" and word == "node" and points:
                options = ",".join(text for kind, text in pieces[max(0, index - 2) : index] if kind == "[")
                self._label(points[-1], options, value)
            elif sign == "+":
                relative += "+"
            elif sign == "word":
                word = value
                shape = value if value in ("circle", "rectangle", "arc") else ""
                if value == "cycle" and points:
                    points.append(points[0])
            elif sign == "(":
                last = points[-1] if points else (0.0, 0.0)
                if shape == "circle" or shape == "arc":
                    self._round(shape, points, value, style)
                elif word == "coordinate":
                    self.named[value.strip()] = last
                elif (point := self._point(value, last if relative else (0.0, 0.0))) is not None:
                    if shape == "rectangle":
                        self._line([last, (point[0], last[1]), point, (last[0], point[1]), last], style)
                        points = [point]
                    elif points and pieces[index - 1][0] not in ("-", "+", ">"):
                        self._line(points, style)
                        points = [point]
                    else:
                        points.append(point)
                relative, shape, word = "", "", ""
        self._line(points, style)

    def _round(self, shape: str, points: list[Point], value: str, style: str) -> None:
        if not points:
            return
        if shape == "circle":
            self._circle(points[-1], value, style)
            return
        numbers = [_number(part) for part in value.split(":")]
        if len(numbers) == 3 and None not in numbers:
            start, end, radius = (number or 0.0 for number in numbers)
            x, y = points[-1]
            centre = (x - radius * math.cos(math.radians(start)), y - radius * math.sin(math.radians(start)))
            for step in range(1, 25):
                angle = math.radians(start + (end - start) * step / 24)
                points.append((centre[0] + radius * math.cos(angle), centre[1] + radius * math.sin(angle)))

    def _circle(self, centre: Point, radius: str, style: str) -> None:
        length = _number(radius)
        if length is None or length <= 0:
            return
        x, y = self._at(centre)
        self.extent += [(centre[0] - length, centre[1] - length), (centre[0] + length, centre[1] + length)]
        self.shapes.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{length * _SCALE:.1f}" {style}/>')

    def _line(self, points: list[Point], style: str) -> None:
        if len(points) < 2 or ('stroke="none"' in style and 'fill="none"' in style):
            return
        self.extent += points
        placed = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(self._at, points))
        self.shapes.append(f'<polyline points="{placed}" {style}/>')

    def _point(self, text: str, origin: Point) -> Point | None:
        if text.strip() in self.named:
            return self.named[text.strip()]
        polar = ":" in text
        first, _, second = text.partition(":" if polar else ",")
        x, y = _number(first), _number(second)
        if x is None or y is None:
            return None
        if polar:
            x, y = y * math.cos(math.radians(x)), y * math.sin(math.radians(x))
        return origin[0] + x, origin[1] + y

    def _at(self, point: Point) -> Point:
        return point[0] * _SCALE, -point[1] * _SCALE

    def svg(self) -> str | None:
        """An SVG that encloses all shapes; None if there are none."""
        if not self.shapes:
            return None
        left = min(x for x, _ in self.extent) * _SCALE - _MARGIN
        top = -max(y for _, y in self.extent) * _SCALE - _MARGIN
        width = max(x for x, _ in self.extent) * _SCALE + _MARGIN - left
        height = -min(y for _, y in self.extent) * _SCALE + _MARGIN - top
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left:.1f} {top:.1f} {width:.1f} {height:.1f}" '
            f'width="{min(width, 800):.0f}" font-family="serif" font-size="16" stroke-width="1.5">'
            f"{''.join(self.shapes)}</svg>"
        )


def _number(text: str) -> float | None:
    """A length in centimetres; None for a calculation or a number out of bounds."""
    text = text.strip().strip("{}").strip()
    unit = {"cm": 1.0, "mm": 0.1, "pt": 0.0351, "in": 2.54}.get(text[-2:])
    try:
        number = float(text[:-2] if unit else text) * (unit or 1.0)
    except ValueError:
        return None
    return number if abs(number) < _MAX_COORDINATE else None
