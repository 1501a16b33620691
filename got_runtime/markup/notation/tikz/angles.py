"""Angles of the angles library, as ``pic [draw] {angle = A--B--C}``."""

import math
import re
from dataclasses import replace

from got_runtime.markup.notation.tikz.lines import Line, circle
from got_runtime.markup.notation.tikz.nodes import NodeReader
from got_runtime.markup.notation.tikz.numbers import NotDrawn, evaluate, length
from got_runtime.markup.notation.tikz.options import POINTS, Frame, apply, parse_options

__all__ = ["AngleReader"]

_ANGLE = re.compile(r"\s*(right )?angle\s*=\s*(.+?)\s*--\s*(.+?)\s*--\s*(.+?)\s*")


class AngleReader(NodeReader):
    """Reads pictures of angles. Their size is the same whatever the scale of the figure."""

    def _angle(self) -> None:
        text = self._options()
        inside = self._group("{")
        text += "," + self._options()
        inside = self._group("{") if inside is None else inside
        pairs = parse_options(text, self.styles)
        options = {**self.frame.keys, **dict(pairs)}
        found = _ANGLE.fullmatch(inside or "")
        if found is None:
            raise NotDrawn
        a, b, c = (self.frame.at(self._place(each.strip("() "))) for each in found.groups()[1:])
        radius = length(options.get("angle radius", "5mm"), POINTS)
        start, end = (math.degrees(math.atan2(place[1] - b[1], place[0] - b[0])) for place in (a, c))
        end += 360 if end < start else 0
        arc = circle(b, (radius, 0.0), (0.0, radius), start, end)
        if found[1]:
            first, last = arc.points[0], arc.points[-1]
            arc = Line([first, (first[0] + last[0] - b[0], first[1] + last[1] - b[1]), last])
        own = [(k, v) for k, v in pairs if not k.startswith(("angle", '"', "pic"))]
        base = replace(self.frame, stroke=self.frame.stroke or "none", fill="none", matrix=Frame().matrix, keys={})
        frame = apply(replace(base, tips=("", "")), own, {})
        if frame.fill not in ("", "none"):
            self.sheet.draw([Line([b, *arc.points, b])], replace(frame, stroke="none", tips=("", "")))
        if frame.stroke not in ("", "none"):
            self.sheet.draw([arc], replace(frame, fill="none", pattern=""))
        self._angle_label(options, pairs, (b, radius, (start + end) / 2))

    def _angle_label(
        self, options: dict[str, str], pairs: list[tuple[str, str]], where: tuple[tuple[float, float], float, float]
    ) -> None:
        label = next((key.strip('"') for key, _ in pairs if key.startswith('"')), options.get("pic text", ""))
        style = next((value for key, value in pairs if key.startswith('"')), "")
        style = options.get("pic text options", style.strip().removeprefix("'"))
        if not label:
            return
        b, radius, turn = where
        far = radius * evaluate(options.get("angle eccentricity", "0.6"))
        place = b[0] + far * math.cos(math.radians(turn)), b[1] + far * math.sin(math.radians(turn))
        keys = parse_options(style, self.styles)
        tone = [(key, value) for key, value in pairs if key == "text"]
        self._place_node("node", [*tone, *keys], label, self.frame.inverse(place))
