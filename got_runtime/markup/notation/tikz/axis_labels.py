"""The lines, marks, labels, grid and legend of an axis."""

import re
from dataclasses import replace

from got_runtime.markup.notation.tikz.axis_frame import AxisFrame
from got_runtime.markup.notation.tikz.coordinates import Units
from got_runtime.markup.notation.tikz.lines import Line
from got_runtime.markup.notation.tikz.numbers import Point
from got_runtime.markup.notation.tikz.options import Frame
from got_runtime.markup.notation.tikz.path import PathReader
from got_runtime.markup.notation.tikz.plots import mark
from got_runtime.markup.notation.tikz.sheet import Sheet

__all__ = ["DrawnAxis"]


class DrawnAxis(AxisFrame):
    """An axis that is drawn."""

    def draw_axes(self, sheet: Sheet, frame: Frame) -> None:
        """Grid, lines and marks."""
        pen = replace(frame, stroke="#000000", fill="none", tips=("", ""), keys={})
        (x0, x1), (y0, y1) = self.x, self.y
        faint = replace(pen, stroke="#bfbfbf", width=0.2)
        for axis in "xy":
            if self.options.get("grid", "none") not in ("none", "") or f"{axis}majorgrids" in self.options:
                for value, _ in self.ticks(axis):
                    ends = [(value, y0), (value, y1)] if axis == "x" else [(x0, value), (x1, value)]
                    sheet.draw([Line([self.at(*each) for each in ends])], faint)
        crossing = self.crossing()
        is_boxed = False
        for axis, kind in zip("xy", self.lines, strict=True):
            if kind == "none" or (is_boxed and kind in ("", "box")):
                continue
            is_boxed = kind in ("", "box")
            tips = ("", ">") if kind not in ("", "box") and "*" not in "".join(self._star(axis)) else ("", "")
            if kind in ("", "box"):
                corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]
                sheet.draw([Line([self.at(*each) for each in corners], is_closed=True)], pen)
            else:
                ends = [(x0, crossing[1]), (x1, crossing[1])] if axis == "x" else [(crossing[0], y0), (crossing[0], y1)]
                sheet.draw([Line([self.at(*each) for each in ends])], replace(pen, tips=tips))
        for axis, kind in zip("xy", self.lines, strict=True):
            for value, _ in self.ticks(axis) if kind != "none" else []:
                px, py = self.at(value, crossing[1]) if axis == "x" else self.at(crossing[0], value)
                ends = [(px, py - 0.07), (px, py + 0.07)] if axis == "x" else [(px - 0.07, py), (px + 0.07, py)]
                sheet.draw([Line(ends)], pen)

    def _star(self, axis: str) -> list[str]:
        return [key for key in ("axis lines*", f"axis {axis} line*") if key in self.options]

    def draw_labels(self, sheet: Sheet, frame: Frame) -> None:
        """The numbers at the marks, the names of the axes and the title."""
        plain = replace(frame, units=Units(), keys={})

        def write(place: Point, text: str, style: str) -> None:
            if text.strip():
                PathReader(sheet, plain, {}).read(rf"\node[{style}] at ({place[0]:.5f},{place[1]:.5f}) {{{text}}}")

        crossing = self.crossing()
        middle = [kind in ("middle", "center") for kind in self.lines]
        for axis, kind in zip("xy", self.lines, strict=True):
            for value, name in self.ticks(axis) if kind != "none" else []:
                other = crossing[0] if axis == "x" else crossing[1]
                if all(middle) and abs(value - other) < 1e-9 and abs(value) < 1e-9:
                    continue
                shown = name if "$" in name or not name.startswith("-") else f"${name}$"
                side = (
                    ("above" if kind == "top" else "below") if axis == "x" else "right" if kind == "right" else "left"
                )
                write(self.at(value, crossing[1]) if axis == "x" else self.at(crossing[0], value), shown, side)
        left = 0.35 + max((0.2 * len(re.sub(r"[\\${}]", "", name)) for _, name in self.ticks("y")), default=0.0)
        xlabel, ylabel = self.options.get("xlabel", ""), self.options.get("ylabel", "")
        if middle[0]:
            write(self.at(self.x[1], crossing[1]), xlabel, "right")
        else:
            write((self.width / 2, -0.45), xlabel, "below")
        if middle[1]:
            write(self.at(crossing[0], self.y[1]), ylabel, "above")
        elif self.lines[1] != "none" or ylabel:
            write((-left, self.height / 2), ylabel, "anchor=south,rotate=90")
        write((self.width / 2, self.height + (0.3 if middle[1] else 0.0)), self.options.get("title", ""), "above")

    def draw_legend(self, sheet: Sheet, frame: Frame) -> None:
        """The legend, on the right of the box."""
        entries = [curve for curve in self.curves if curve.entry.strip() and curve.runs]
        plain = replace(frame, units=Units(), keys={})
        left = self.width + (0.9 if self.lines[0] in ("middle", "center") else 0.4)
        for number, curve in enumerate(entries):
            y = self.height - 0.3 - 0.5 * number
            pen = replace(curve.pen, matrix=plain.matrix, units=Units(), keys={}, tips=("", ""))
            if curve.kind in ("ybar", "xbar", "interval") or pen.stroke == "none":
                corners = [(left, y - 0.12), (left, y + 0.12), (left + 0.6, y + 0.12), (left + 0.6, y - 0.12)]
                sheet.draw([Line([*corners, corners[0]])], pen)
            elif curve.kind != "marks":
                sheet.draw([Line([(left, y), (left + 0.6, y)])], replace(pen, fill="none"))
            if curve.mark:
                mark(sheet, pen, (left + 0.3, y), curve.mark, curve.mark_size)
            PathReader(sheet, plain, {}).read(rf"\node[right] at ({left + 0.65},{y}) {{{curve.entry}}}")
