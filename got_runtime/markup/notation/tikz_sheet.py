"""The shapes of a TikZ figure as SVG."""

import math
import re
from dataclasses import dataclass, field
from html import escape, unescape

from got_runtime.markup.notation.tikz_math import NotDrawn, Point
from got_runtime.markup.notation.tikz_options import Frame
from got_runtime.markup.render.formula_words import to_words

__all__ = ["OFFSETS", "Sheet", "label_text"]

_SCALE = 40.0  # pixels per TikZ centimetre
_MARGIN = 24.0
_MAX_SHAPES = 5000
OFFSETS = {"above": (0.0, -1.0), "below": (0.0, 1.0), "left": (-1.0, 0.0), "right": (1.0, 0.0)}


@dataclass
class Sheet:
    """The shapes of a figure, its named points, and what they extend to, in TikZ centimetres."""

    named: dict[str, Point] = field(default_factory=dict)
    boxes: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Half the width and height of the nodes that have a text: lines between them end at their borders."""
    shapes: list[str] = field(default_factory=list)
    extent: list[Point] = field(default_factory=list)

    def mark(self) -> tuple[int, int]:
        return len(self.shapes), len(self.extent)

    def back_to(self, mark: tuple[int, int]) -> None:
        del self.shapes[mark[0] :]
        del self.extent[mark[1] :]

    def add(self, shape: str, *around: Point) -> None:
        if len(self.shapes) >= _MAX_SHAPES:
            raise NotDrawn
        self.shapes.append(shape)
        self.extent += around

    def line(self, places: list[Point], frame: Frame) -> None:
        """A line through points of the picture."""
        shown = " ".join(f"{x * _SCALE:.1f},{-y * _SCALE:.1f}" for x, y in places)
        self.add(f'<polyline points="{shown}" {_style(frame)}/>', *places)
        for tip, ends in zip(frame.tips, (places[1::-1], places[-2:]), strict=True):
            if ">" in tip and len(ends) == 2:
                self._tip(ends[0], ends[1], frame.stroke)
            if "|" in tip and len(ends) == 2:
                self._bar(ends[0], ends[1], frame.stroke)

    def _tip(self, start: Point, end: Point, stroke: str) -> None:
        turn = math.atan2(end[1] - start[1], end[0] - start[0])
        corners = [
            end,
            *((end[0] - 0.22 * math.cos(turn + d), end[1] - 0.22 * math.sin(turn + d)) for d in (0.4, -0.4)),
        ]
        shown = " ".join(f"{x * _SCALE:.1f},{-y * _SCALE:.1f}" for x, y in corners)
        self.add(f'<polygon points="{shown}" fill="{stroke}"/>')

    def _bar(self, start: Point, end: Point, stroke: str) -> None:
        turn = math.atan2(end[1] - start[1], end[0] - start[0]) + math.pi / 2
        across, along = 0.12 * math.cos(turn), 0.12 * math.sin(turn)
        corners = (end[0] - across, end[1] - along), (end[0] + across, end[1] + along)
        shown = " ".join(f"{x * _SCALE:.1f},{-y * _SCALE:.1f}" for x, y in corners)
        self.add(f'<polyline points="{shown}" fill="none" stroke="{stroke}"/>')

    def circle(self, centre: Point, radius: float, frame: Frame) -> None:
        a, b, c, d, _, _ = frame.matrix
        if abs(math.hypot(a, b) - math.hypot(c, d)) > 1e-6 or abs(a * c + b * d) > 1e-6:
            turns = [math.radians(5 * step) for step in range(73)]
            points = [(centre[0] + radius * math.cos(t), centre[1] + radius * math.sin(t)) for t in turns]
            self.line([frame.at(each) for each in points], frame)
            return
        (x, y), length = frame.at(centre), radius * math.hypot(a, b)
        shape = f'<circle cx="{x * _SCALE:.1f}" cy="{-y * _SCALE:.1f}" r="{length * _SCALE:.1f}" {_style(frame)}/>'
        self.add(shape, (x - length, y - length), (x + length, y + length))

    def text(self, place: Point, text: str, sides: str = "", *, is_opaque: bool = False) -> None:
        if not (shown := label_text(text)):
            return
        words = re.split(r"[ ,]+", sides)
        dx, dy = (sum(OFFSETS[word][axis] for word in words if word in OFFSETS) for axis in (0, 1))
        x, y = place[0] * _SCALE + 8 * dx, -place[1] * _SCALE + 5 + 13 * dy
        anchor = "start" if dx > 0 else "end" if dx < 0 else "middle"
        width = 0.24 * sum(1 + (character > "\u2e80") for character in unescape(re.sub("<.*?>", "", shown)))
        if is_opaque:  # on its line
            across = 40 * width + 6
            self.add(f'<rect x="{x - across / 2:.1f}" y="{y - 14:.1f}" width="{across:.1f}" height="19" fill="white"/>')
        left = 0.0 if dx > 0 else width if dx < 0 else width / 2
        self.add(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{shown}</text>',
            (place[0] - left, place[1]),
            (place[0] + width - left, place[1]),
        )

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


def _style(frame: Frame) -> str:
    dashes = f' stroke-dasharray="{frame.dashes}"' if frame.dashes else ""
    return f'fill="{frame.fill or "none"}" stroke="{frame.stroke or "none"}"{dashes}'


def label_text(text: str) -> str:
    """The text of a label as content of SVG. Raises ``NotDrawn`` for LaTeX that has no plain form."""
    text = text.strip().strip("$").strip()
    text = re.sub(r"\^\s*\{?\s*\\(circ|degree)\s*\}?", "°", text)
    text = re.sub(
        r"\^\s*\{?\s*\\prime\s*\}?",
        "′",
        re.sub(r"\\(small|tiny|scriptsize|footnotesize|large|displaystyle)\b", "", text),
    )
    shown = to_words(text) if "\\" in text or "{" in text else text
    if "\\" in shown or len(shown) > 80:
        raise NotDrawn
    shown = escape(shown.replace("$", ""))
    parts = re.split(r"([_^])(\w+|[-−+]\w+)", shown)
    written, shift = parts[0], 0
    for sign, raised, after in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        level = 4 if sign == "_" else -6
        written += f'<tspan dy="{level - shift}" font-size="11">{raised}</tspan>'
        shift = level
        if after:  # back on the line
            written += f'<tspan dy="{-shift}">{after}</tspan>'
            shift = 0
    return written
