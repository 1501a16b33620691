"""The shapes of a TikZ figure as SVG."""

import math
from dataclasses import dataclass, field, replace

from got_runtime.markup.notation.tikz.colours import colour
from got_runtime.markup.notation.tikz.lines import Line, rounded
from got_runtime.markup.notation.tikz.node_shapes import NodeShape
from got_runtime.markup.notation.tikz.numbers import NotDrawn, Point, length
from got_runtime.markup.notation.tikz.options import POINTS, Frame
from got_runtime.markup.notation.tikz.patterns import gradient, hatching
from got_runtime.markup.notation.tikz.text import LINE, text_width

__all__ = ["Sheet"]

_SCALE = 40.0  # pixels per TikZ centimetre
_MARGIN = 14.0
_MAX_WORK = 40_000
_FARTHEST = 1000.0  # centimetres
_PIXELS = 1.5 / 0.4
"""Of a point of line width: thin lines, of 0.4 points, are 1.5 pixels wide."""
_THICKER = 1.6
"""Further pixels for each further point, so that thick lines are as thick beside 16-pixel type as TikZ's."""


@dataclass
class Sheet:
    """The shapes of a figure, its named points, and what they extend to, in TikZ centimetres."""

    named: dict[str, Point] = field(default_factory=dict)
    nodes: dict[str, NodeShape] = field(default_factory=dict)
    """The nodes that have a text or a border: lines between them end at their borders."""
    paths: dict[str, list[Line]] = field(default_factory=dict)
    """The paths with a name, in coordinates of the picture."""
    shapes: list[str] = field(default_factory=list)
    extent: list[Point] = field(default_factory=list)
    clips: list[tuple[float, float, float, float]] = field(default_factory=list)
    """The rectangles around the clips that are open: left, bottom, right, top."""
    work: int = 0

    def spend(self, work: int) -> None:
        """Counts work, in about 10 microseconds. Raises ``NotDrawn`` when the figure has taken too much."""
        self.work += work
        if self.work > _MAX_WORK:
            raise NotDrawn

    def mark(self) -> tuple[int, int, int]:
        return len(self.shapes), len(self.extent), len(self.clips)

    def back_to(self, mark: tuple[int, int, int]) -> None:
        del self.shapes[mark[0] :]
        del self.extent[mark[1] :]
        del self.clips[mark[2] :]

    def add(self, shape: str, *around: Point) -> None:
        self.spend(4 + len(shape) // 20)
        if any(max(abs(x), abs(y)) > _FARTHEST for x, y in around):
            raise NotDrawn
        self.shapes.append(shape)
        if self.clips:
            left, bottom, right, top = self.clips[-1]
            around = tuple((min(max(x, left), right), min(max(y, bottom), top)) for x, y in around)
        self.extent += around

    def draw(self, lines: list[Line], frame: Frame) -> None:
        """The lines of a path, in coordinates of the frame, and the tips of the last one."""
        paint = self._paint(frame)
        if "shorten <" in frame.keys or "shorten >" in frame.keys:
            lines = [*lines[:-1], *(_shortened(line, frame) for line in lines[-1:])]
        if "rounded corners" in frame.keys:
            radius = length(frame.keys["rounded corners"] or "4pt", POINTS)
            self.spend(10 * sum(len(line.ends) for line in lines))
            lines = [rounded(line, radius) for line in lines]
        if len(lines) > 1 and frame.fill not in ("", "none"):  # one area: holes stay open
            rule = ' fill-rule="evenodd"' if frame.even_odd else ""
            written = " ".join(f"M{_written([frame.at(each) for each in line.points], ' L')}" for line in lines)
            self.add(f'<path d="{written}"{rule} {paint}/>', *(frame.at(each) for each in _corners(lines)))
        else:
            for line in lines:
                self._one(line, frame, paint)
        if frame.double:
            inner = replace(frame, stroke="#ffffff", fill="none", width=frame.double, double=0.0, tips=("", ""))
            self.draw(lines, inner)
        if lines and any(frame.tips) and not lines[-1].is_closed and frame.stroke not in ("", "none"):
            points = _distinct([frame.at(each) for each in lines[-1].points])
            for kind, ends in zip(frame.tips, (points[1::-1], points[-2:]), strict=True):
                if kind and len(ends) == 2:
                    self._tip(kind, ends[0], ends[1], frame)

    def _one(self, line: Line, frame: Frame, paint: str) -> None:
        a, b, c, d, _, _ = frame.matrix
        is_round = abs(math.hypot(a, b) - math.hypot(c, d)) < 1e-6 and abs(a * c + b * d) < 1e-6
        if line.round is not None and is_round:
            (x, y), length = frame.at(line.round[0]), line.round[1] * math.hypot(a, b)
            shape = f'<circle cx="{x * _SCALE:.1f}" cy="{-y * _SCALE:.1f}" r="{length * _SCALE:.1f}" {paint}/>'
            self.add(shape, (x - length, y - length), (x + length, y + length))
            return
        places = [frame.at(each) for each in line.points]
        self.add(f'<polyline points="{_written(places)}" {paint}/>', *places)

    def clip(self, lines: list[Line], frame: Frame) -> None:
        """Cuts what follows to the inside of a path."""
        places = [frame.at(each) for line in lines for each in line.points]
        if not places:
            raise NotDrawn
        written = " ".join(f"M{_written([frame.at(each) for each in line.points], ' L')}Z" for line in lines)
        name = f"clip{len(self.shapes)}"
        rule = ' clip-rule="evenodd"' if frame.even_odd else ""
        self.add(f'<clipPath id="{name}"><path d="{written}"{rule}/></clipPath><g clip-path="url(#{name})">')
        left, bottom, right, top = self.clips[-1] if self.clips else (-math.inf, -math.inf, math.inf, math.inf)
        xs, ys = [x for x, _ in places], [y for _, y in places]
        box = max(left, min(xs)), max(bottom, min(ys)), min(right, max(xs)), min(top, max(ys))
        self.clips.append(box if box[0] <= box[2] and box[1] <= box[3] else (xs[0], ys[0], xs[0], ys[0]))

    def unclip(self, depth: int) -> None:
        """Closes the clips beyond the first ``depth`` ones."""
        while len(self.clips) > depth:
            self.clips.pop()
            self.shapes.append("</g>")

    def _tip(self, kind: str, start: Point, end: Point, frame: Frame) -> None:
        turn = math.atan2(end[1] - start[1], end[0] - start[0])
        size = 0.19 + 0.05 * frame.width

        def at(back: float, side: float) -> Point:
            c, s = math.cos(turn), math.sin(turn)
            return end[0] - back * c - side * s, end[1] - back * s + side * c

        pen = Frame(stroke=frame.stroke, fill="none", width=frame.width)
        area = Frame(stroke="none", fill=frame.stroke)
        for number in range(kind.count(">")):
            back = 0.7 * size * number
            self._outline([at(back, 0), at(back + size, 0.42 * size), at(back + size, -0.42 * size)], area)
        if "|" in kind:
            self._outline([at(0, -0.12), at(0, 0.12)], pen, is_closed=False)
        arm = {"[": 0.08, "(": 0.08, "]": -0.08, ")": -0.08}.get(kind)
        if arm is not None and kind in "[]":
            self._outline([at(arm, -0.19), at(0, -0.19), at(0, 0.19), at(arm, 0.19)], pen, is_closed=False)
        elif arm is not None:
            bow = [at(arm * (step / 6) ** 2, 0.19 * step / 6) for step in range(-6, 7)]
            self._outline(bow, pen, is_closed=False)
        if kind in ("*", "o"):
            dot = Line([], round=(end, 0.06))
            self._one(dot, Frame(), self._paint(area if kind == "*" else replace(pen, fill="#ffffff")))

    def _outline(self, places: list[Point], frame: Frame, *, is_closed: bool = True) -> None:
        tag = "polygon" if is_closed else "polyline"
        self.add(f'<{tag} points="{_written(places)}" {self._paint(frame)}/>', *places)

    def text(
        self,
        centre: Point,
        lines: list[str],
        tone: str,
        *,
        angle: float = 0.0,
        align: str = "middle",
        size: float = 1.0,
    ) -> None:
        """Lines of text around a centre, the angle in degrees, the size in parts of the normal one."""
        if not lines:
            return
        wide, high = size * max(map(text_width, lines)), size * LINE * len(lines)
        x = centre[0] * _SCALE + {"start": -0.5, "middle": 0.0, "end": 0.5}[align] * wide * _SCALE
        turned = (
            f' transform="rotate({-angle:.1f} {centre[0] * _SCALE:.1f} {-centre[1] * _SCALE:.1f})"' if angle else ""
        )
        colour = f' fill="{tone}"' if tone not in ("#000000", "black") else ""
        colour += f' font-size="{16 * size:.3g}"' if size != 1 else ""
        c, s = abs(math.cos(math.radians(angle))), abs(math.sin(math.radians(angle)))
        half = (wide * c + high * s) / 2, (wide * s + high * c) / 2
        for number, line in enumerate(lines):
            y = -centre[1] * _SCALE + size * (5 + (number - (len(lines) - 1) / 2) * LINE * _SCALE)
            self.add(
                f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{align}"{colour}{turned}>{line}</text>',
                (centre[0] - half[0], centre[1] - half[1]),
                (centre[0] + half[0], centre[1] + half[1]),
            )

    def frame(self) -> NodeShape:
        """The rectangle around what is drawn so far."""
        xs, ys = [x for x, _ in self.extent], [y for _, y in self.extent]
        centre = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
        return NodeShape("rectangle", centre, (max(xs) - min(xs)) / 2, (max(ys) - min(ys)) / 2)

    def svg(self) -> str | None:
        """An SVG that encloses all shapes; None if there are none."""
        self.unclip(0)
        if not self.extent:
            return None
        left = min(x for x, _ in self.extent) * _SCALE - _MARGIN
        top = -max(y for _, y in self.extent) * _SCALE - _MARGIN
        width = max(x for x, _ in self.extent) * _SCALE + _MARGIN - left
        height = -min(y for _, y in self.extent) * _SCALE + _MARGIN - top
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left:.1f} {top:.1f} {width:.1f} {height:.1f}" '
            f'width="{min(width, 800):.0f}" font-family="serif" font-size="16" stroke-width="1.5" '
            f'stroke-linejoin="round">{"".join(self.shapes)}</svg>'
        )

    def _paint(self, frame: Frame) -> str:
        """The attributes of a frame's pen, after the definition of its pattern or shading."""
        fill = frame.fill or "none"
        if frame.pattern or gradient(frame.keys):
            name = f"fill{len(self.shapes)}"
            tone = frame.keys.get("pattern color")
            tone = colour(tone, frame.colours) if tone else fill
            self.add(
                hatching(name, frame.pattern, tone) if frame.pattern else gradient(frame.keys, name, frame.colours)
            )
            fill = f"url(#{name})"
        written = f'fill="{fill}" stroke="{frame.stroke or "none"}"'
        if frame.dashes:
            written += f' stroke-dasharray="{frame.dashes}"'
        width = _pixels(2 * frame.width + frame.double if frame.double else frame.width)
        if frame.stroke not in ("", "none") and abs(width - 1.5) > 0.05:
            written += f' stroke-width="{width:.1f}"'
        for name, share in zip(("stroke", "fill"), frame.opacity, strict=True):
            written += f' {name}-opacity="{share:.2g}"' if share < 1 else ""
        return written


def _shortened(line: Line, frame: Frame) -> Line:
    """The line with its ends cut off, or with negative lengths, drawn out."""
    points = list(line.points)
    if line.is_closed or line.round or len(points) < 2:
        return line
    scale = math.hypot(frame.matrix[0], frame.matrix[1]) or 1.0
    for key, end, other in (("shorten <", 0, 1), ("shorten >", -1, -2)):
        cut = length(frame.keys.get(key, "0pt"), POINTS) / scale
        (x, y), (a, b) = points[end], points[other]
        size = math.hypot(a - x, b - y)
        if cut >= size:
            raise NotDrawn
        points[end] = (x + cut / size * (a - x), y + cut / size * (b - y))
    return Line(points, line.ends)


def _pixels(points: float) -> float:
    return points * _PIXELS if points < 0.4 else 1.5 + _THICKER * (points - 0.4)


def _corners(lines: list[Line]) -> list[Point]:
    return [each for line in lines for each in line.points]


def _distinct(points: list[Point]) -> list[Point]:
    """The points without those that are where the one before is: a tip needs a direction."""
    kept = points[:1]
    for each in points[1:]:
        if math.dist(each, kept[-1]) > 1e-6:
            kept.append(each)
    return kept


def _written(places: list[Point], between: str = " ") -> str:
    return between.join(f"{x * _SCALE:.1f},{-y * _SCALE:.1f}" for x, y in places)
