"""Kind ``chart``: bars, lines and pies, and their data as the dictionary that GOT writes.

matplotlib draws the shapes. The letters are drawn here, so that the box of each is known and any face can be used.
"""

from collections.abc import Sequence

import numpy as np
from PIL import ImageFont

from got_runtime.errors import MissingExtra
from got_runtime.synth.degrade import degrade
from got_runtime.synth.faces import Face
from got_runtime.synth.pages.chart_data import chart_data
from got_runtime.synth.pages.chart_drawing import ChartDrawing, Line
from got_runtime.synth.pages.figure import Box, FigureAnswer, LabelledBox, lettering, sample, write
from got_runtime.synth.sample import PageSample
from got_runtime.tasks import Formatted


def make(seed: tuple[int, int], faces: Sequence[Face], training: bool) -> PageSample:
    """One chart of up to six values; in training its words may be random strings.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    rng = np.random.default_rng(seed)
    face = faces[int(rng.integers(len(faces)))]
    data = chart_data(rng, training)
    chart = ChartDrawing(rng, data, face)
    try:
        image, plan, frame = chart.draw()
    except ModuleNotFoundError as error:
        raise MissingExtra("train", error.name or "matplotlib") from error
    symbols: list[LabelledBox] = []

    def put(line: Line, font: ImageFont.FreeTypeFont = chart.font) -> list[Box]:
        boxes = write(image, (line.x, line.baseline), line.text, font, chart.ink, line.align, chart.paper)
        symbols.extend(lettering(line.text, boxes))
        return boxes

    answer = FigureAnswer()
    answer.markup("{")
    if data.title:
        baseline = 1.25 * chart.title_font.size
        _member(answer, "title", data.title, put(Line(data.title, image.width / 2, baseline), chart.title_font))
    if data.x_title:
        middle = (frame[0] + frame[2] / 2) * image.width
        x_title = Line(data.x_title, middle, image.height - 0.4 * chart.font.size)
        _member(answer, "x_title", data.x_title, put(x_title))
    for tick in plan.ticks:
        put(tick)
    answer.markup('"values": {')
    for i, (label, value, top) in enumerate(zip(plan.labels, plan.values, plan.tops, strict=True)):
        symbols.append(("top:" + data.kind, top))
        boxes = put(label)
        answer.markup(', "' if i else '"')
        answer.printed(label.text, boxes)
        answer.at('"', boxes[-1])
        answer.markup(": ")
        written = put(value) if data.shown else [top] * len(value.text)
        quote = '"' if data.kind == "pie" else ""
        answer.markup(quote)
        answer.printed(value.text, written)
        answer.at(quote, written[-1])
    answer.markup("}}")
    return sample(degrade(image, rng), answer, symbols, face.name, seed, Formatted())


def _member(answer: FigureAnswer, name: str, text: str, boxes: list[Box]) -> None:
    """One member of the answer's dictionary: ``"title": "…", `` with the box of each printed character."""
    answer.markup(f'"{name}": "')
    answer.printed(text, boxes)
    answer.at('"', boxes[-1])
    answer.markup(", ")
