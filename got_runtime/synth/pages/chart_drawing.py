"""Bars, lines and pies drawn by matplotlib without letters, and the positions of the letters."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image, ImageFont

from got_runtime.synth.faces import Face, load_font
from got_runtime.synth.pages.chart_data import ChartData
from got_runtime.synth.pages.figure import Box, around, canvas_size, colours, type_size

# matplotlib's own cycle, one colour for all, and pastels.
_CYCLES = (
    ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b"),
    ("#4c72b0",) * 6,
    ("#8fb3d9", "#f2b880", "#a8d5a2", "#e89c9c", "#c4b0dd", "#d8c29d"),
)


@dataclass(frozen=True)
class Line:
    """A line of text to be drawn: its anchor in pixels, and the fraction of its width left of the anchor."""

    text: str
    x: float
    baseline: float
    align: float = 0.5


@dataclass
class Plan:
    """Lines of text to be drawn, found while matplotlib draws; ``tops`` are ends of bars and points of lines."""

    labels: list[Line] = field(default_factory=list)
    values: list[Line] = field(default_factory=list)
    ticks: list[Line] = field(default_factory=list)
    tops: list[Box] = field(default_factory=list)


def _fitting(face: Face, em: int, text: str, width: float) -> ImageFont.FreeTypeFont:
    """The face at ``em`` pixels, or as small as ``text`` needs to be no wider than ``width``."""
    font = load_font(face, em)
    wide = sum(font.getlength(c) for c in text)
    return font if wide <= width else load_font(face, max(16, int(em * width / wide)))


class ChartDrawing:
    """One chart on a canvas of ``size`` pixels."""

    def __init__(self, rng: np.random.Generator, data: ChartData, face: Face) -> None:
        self.rng, self.data = rng, data
        self.size = canvas_size(rng)
        self.paper, self.ink = colours(rng)
        em = type_size(rng, self.size)
        count = len(data.labels)
        slot = self.size[0] * (0.26 if data.kind in ("barh", "pie") else 0.74 / count)
        self.font = _fitting(face, em, max(data.labels + data.printed, key=len), slot)
        self.title_font = _fitting(face, int(em * rng.uniform(1.0, 1.25)), data.title, self.size[0] * 0.92)
        cycle = _CYCLES[rng.choice(3, p=[0.5, 0.3, 0.2])]
        self.colours = (cycle[int(rng.integers(6))],) * 6 if rng.random() < 0.4 and data.kind != "pie" else cycle
        self.tick_values = [] if not data.step else [data.step * i for i in range(round(data.top / data.step) + 1)]

    def wide(self, text: str) -> float:
        return float(sum(self.font.getlength(c) for c in text))

    def frame(self) -> tuple[float, float, float, float]:
        """Left, bottom, width and height of the axes, as fractions of the canvas."""
        (width, height), em, data = self.size, self.font.size, self.data
        top = (1.8 * self.title_font.size if data.title else 0.7 * em) / height
        if data.kind == "pie":
            return 0.0, 0.02, 1.0, 0.98 - top
        beside = data.labels if data.kind == "barh" else tuple(f"{tick:g}" for tick in self.tick_values)
        left = (0.7 * em + max((self.wide(text) for text in beside), default=0.0)) / width
        below = 0.5 if data.kind == "barh" and not self.tick_values else 1.5
        bottom = (below + (1.3 if data.x_title else 0.0)) * em / height
        return left, bottom, 0.96 - left, 1 - top - bottom

    def draw(self) -> tuple[Image.Image, Plan, tuple[float, float, float, float]]:
        """The picture without letters, the lines of text to be drawn, and the axes as fractions of the canvas."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(self.size[0] / 100, self.size[1] / 100), dpi=100)
        paper = (self.paper[0] / 255, self.paper[1] / 255, self.paper[2] / 255)
        figure.set_facecolor(paper)
        canvas: Any = FigureCanvasAgg(figure)
        frame = self.frame()
        axes = figure.add_axes(frame)
        axes.set_facecolor(paper)
        plan = Plan()
        if self.data.kind == "pie":
            self._pie(axes, plan)
        else:
            self._axes(axes, plan)
            {"bar": self._bars, "barh": self._lying_bars, "line": self._line}[self.data.kind](axes, plan)
        canvas.draw()
        rgba = np.asarray(canvas.buffer_rgba())
        return Image.fromarray(np.ascontiguousarray(rgba[..., :3])), plan, frame

    def _pixel(self, axes: Any, x: float, y: float) -> tuple[float, float]:
        """Coordinates of the data → pixels of the picture."""
        across, up = axes.transData.transform((x, y))
        return float(across), self.size[1] - float(up)

    def _axes(self, axes: Any, plan: Plan) -> None:
        """Limits, ticks, grid and frame of a chart with axes, and the labels of both."""
        data, em, count, lying = self.data, self.font.size, len(self.data.labels), self.data.kind == "barh"
        room = 1.0 if not data.shown else 1.14
        limits, positions = (0.0, data.top * room), list(range(count))
        (axes.set_xlim if lying else axes.set_ylim)(*limits)
        (axes.set_ylim if lying else axes.set_xlim)(*((count - 0.5, -0.5) if lying else (-0.5, count - 0.5)))
        along, across = (axes.yaxis, axes.xaxis) if lying else (axes.xaxis, axes.yaxis)
        along.set_ticks(positions, [""] * count)
        across.set_ticks(self.tick_values, [""] * len(self.tick_values))
        axes.set_axisbelow(True)
        if self.tick_values and (not data.shown or self.rng.random() < 0.3):
            axes.grid(axis="x" if lying else "y", color="#999999", linewidth=1.0)
        open_frame = self.rng.random() < 0.4
        for side in ("top", "right"):
            axes.spines[side].set_visible(not open_frame)
        if not self.tick_values:
            axes.spines["bottom" if lying else "left"].set_visible(not open_frame)
        for position, label in zip(positions, data.labels, strict=True):
            if lying:
                x, y = self._pixel(axes, 0.0, position)
                plan.labels.append(Line(label, x - 0.3 * em, y + 0.35 * em, 1.0))
            else:
                x, y = self._pixel(axes, position, 0.0)
                plan.labels.append(Line(label, x, y + 1.05 * em))
        for tick in self.tick_values:
            x, y = self._pixel(axes, *((tick, count - 0.5) if lying else (-0.5, tick)))
            line = Line(f"{tick:g}", x, y + 1.05 * em) if lying else Line(f"{tick:g}", x - 0.3 * em, y + 0.3 * em, 1.0)
            plan.ticks.append(line)

    def _bars(self, axes: Any, plan: Plan) -> None:
        data, em = self.data, self.font.size
        width = self.rng.uniform(0.45, 0.85)
        axes.bar(range(len(data.values)), data.values, width, color=self.colours[: len(data.values)])
        for position, (value, printed) in enumerate(zip(data.values, data.printed, strict=True)):
            left, y = self._pixel(axes, position - width / 2, value)
            right, _ = self._pixel(axes, position + width / 2, value)
            plan.tops.append((left, y - 6, right, y + 10))
            plan.values.append(Line(printed, (left + right) / 2, y - 0.25 * em))

    def _lying_bars(self, axes: Any, plan: Plan) -> None:
        data, em = self.data, self.font.size
        height = self.rng.uniform(0.45, 0.8)
        axes.barh(range(len(data.values)), data.values, height, color=self.colours[: len(data.values)])
        # The longest bar must leave room for its value, in pixels.
        if data.shown:
            room = 1 - (self.wide(max(data.printed, key=len)) + 0.6 * em) / axes.bbox.width
            axes.set_xlim(0, max(data.top, max(data.values) / max(room, 0.3)))
        for position, (value, printed) in enumerate(zip(data.values, data.printed, strict=True)):
            x, top = self._pixel(axes, value, position - height / 2)
            _, bottom = self._pixel(axes, value, position + height / 2)
            plan.tops.append((x - 10, top, x + 6, bottom))
            plan.values.append(Line(printed, x + 0.25 * em, (top + bottom) / 2 + 0.35 * em, 0.0))
        plan.ticks = [
            Line(line.text, self._pixel(axes, tick, 0)[0], line.baseline)
            for tick, line in zip(self.tick_values, plan.ticks, strict=True)
        ]

    def _line(self, axes: Any, plan: Plan) -> None:
        data, em = self.data, self.font.size
        marker = str(self.rng.choice(["o", "s", "D", "^"]))
        axes.plot(
            range(len(data.values)),
            data.values,
            marker=marker,
            markersize=em * 0.25,
            linewidth=3,
            color=self.colours[0],
        )
        for position, (value, printed) in enumerate(zip(data.values, data.printed, strict=True)):
            x, y = self._pixel(axes, position, value)
            plan.tops.append(around(x, y, 0.3 * em))
            plan.values.append(Line(printed, x, y - 0.45 * em))

    def _pie(self, axes: Any, plan: Plan) -> None:
        """Clockwise from the top: label and percentage beside their wedge, in two lines."""
        data, em = self.data, self.font.size
        width, height = axes.bbox.width, axes.bbox.height
        text = max(self.wide(each) for each in data.labels + data.printed)
        radius = max(0.14 * width, min(width / 2 - text - 1.1 * em, height / 2 - 2.4 * em))
        axes.set(xlim=(-width / 2, width / 2), ylim=(-height / 2, height / 2), aspect="equal")
        axes.axis("off")
        axes.pie(
            data.values,
            radius=radius,
            colors=self.colours,
            startangle=90,
            counterclock=False,
            wedgeprops={"edgecolor": "white", "linewidth": 2},
            frame=True,
        )
        axes.set(xlim=(-width / 2, width / 2), ylim=(-height / 2, height / 2))
        middles = np.cumsum(data.values) - np.array(data.values) / 2
        for middle, label, printed in zip(middles, data.labels, data.printed, strict=True):
            angle = np.pi / 2 - 2 * np.pi * middle / 100
            rim = self._pixel(axes, radius * 0.9 * np.cos(angle), radius * 0.9 * np.sin(angle))
            x, y = self._pixel(axes, (radius + 0.8 * em) * np.cos(angle), (radius + 1.2 * em) * np.sin(angle))
            align = (1 - np.cos(angle)) / 2
            plan.labels.append(Line(label, x, y - 0.1 * em, align))
            plan.values.append(Line(printed, x, y + 0.95 * em, align))
            plan.tops.append(around(*rim, 0.3 * em))
