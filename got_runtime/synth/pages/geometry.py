"""Kind ``geometry``: figures on squared paper with numbered edges, from which TikZ coordinates can be read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from got_runtime.synth.degrade import degrade
from got_runtime.synth.faces import Face, load_font
from got_runtime.synth.pages.construction import Construction, Letter, Shape, construction, tikz
from got_runtime.synth.pages.figure import (
    Box,
    FigureAnswer,
    LabelledBox,
    around,
    canvas_size,
    colours,
    lettering,
    sample,
    type_size,
    write,
)
from got_runtime.synth.sample import PageSample
from got_runtime.tasks import Formatted

_FINE = 2
"""Shapes are drawn this many times larger and reduced: Pillow's lines are not anti-aliased."""


@dataclass(frozen=True)
class _Paper:
    """Squares of ``square`` pixels; ``left`` and ``bottom`` are the pixels of the point (0,0)."""

    left: float
    bottom: float
    square: float

    def at(self, x: float, y: float) -> tuple[float, float]:
        return self.left + x * self.square, self.bottom - y * self.square


def make(seed: tuple[int, int], faces: Sequence[Face], training: bool) -> PageSample:
    """One to three shapes with letters; in training one more."""
    rng = np.random.default_rng(seed)
    face = faces[int(rng.integers(len(faces)))]
    size = canvas_size(rng)
    font = load_font(face, type_size(rng, size))
    em = float(font.size)
    square = min(size) / rng.uniform(4.6, 7.2)
    columns, rows = (int(np.clip((side - 2.2 * em) / square, 3, 9)) for side in size)
    square = min((size[0] - 2.2 * em) / columns, (size[1] - 2.2 * em) / rows)
    paper = _Paper(1.3 * em + (size[0] - 2.2 * em - columns * square) / 2, size[1] - 1.4 * em, square)
    drawing = construction(rng, columns, rows, 4 if training else 3)
    tone, ink = colours(rng)
    image = _drawn(rng, drawing, paper, size, tone, ink)

    symbols: list[LabelledBox] = _corners(drawing, paper)
    for number in range(columns + 1):
        x, y = paper.at(number, 0)
        symbols += lettering(str(number), write(image, (x, y + 1.15 * em), str(number), font, ink))
    for number in range(1, rows + 1):
        x, y = paper.at(0, number)
        symbols += lettering(str(number), write(image, (x - 0.45 * em, y + 0.35 * em), str(number), font, ink, 1.0))
    names = {letter.point: _name(image, letter, paper, font, ink) for letter in drawing.letters}
    for letter in drawing.letters:
        symbols.append((letter.name, names[letter.point]))

    answer = FigureAnswer()
    for text, point, right in tikz(drawing):
        if point is None:
            answer.markup(text)
        elif text.startswith(" {"):
            answer.at(text, names[point])
        else:
            answer.at(text, around(*paper.at(point[0] + right, point[1]), 0.2 * square))
    return sample(degrade(image, rng), answer, symbols, face.name, seed, Formatted())


def _drawn(
    rng: np.random.Generator,
    drawing: Construction,
    paper: _Paper,
    size: tuple[int, int],
    tone: tuple[int, int, int],
    ink: tuple[int, int, int],
) -> Image.Image:
    """Squared paper and the shapes on it, without letters."""
    fine = Image.new("RGB", (size[0] * _FINE, size[1] * _FINE), tone)
    draw = ImageDraw.Draw(fine)
    faint = tuple(int(t - 45 * s) for t, s in zip(tone, rng.uniform(0.6, 1.3, size=3), strict=True))
    columns, rows = drawing.columns, drawing.rows
    lines = [((x, 0), (x, rows)) for x in range(columns + 1)] + [((0, y), (columns, y)) for y in range(rows + 1)]
    for a, b in lines:
        draw.line(_pixels(paper, a, b), fill=faint, width=2 * _FINE)
    width = round(rng.uniform(3, 5.5) * _FINE)
    pen = ink if rng.random() < 0.6 else tuple(int(c) for c in rng.integers(0, 150, size=3))
    for shape in drawing.shapes:
        for points in _outlines(shape):
            if shape.dashed:
                _dashes(draw, _pixels(paper, *points), pen, width, 0.16 * paper.square * _FINE)
            else:
                draw.line(_pixels(paper, *points), fill=pen, width=width, joint="curve")
        if shape.kind == "dot":
            x, y = _pixels(paper, shape.points[0])[0]
            radius = 0.09 * paper.square * _FINE
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=pen)
    return fine.reduce(_FINE)


def _pixels(paper: _Paper, *points: tuple[float, float]) -> list[tuple[float, float]]:
    return [(x * _FINE, y * _FINE) for x, y in (paper.at(*point) for point in points)]


def _outlines(shape: Shape) -> list[list[tuple[float, float]]]:
    """The lines of a shape, in squares."""
    points: list[tuple[float, float]] = [(float(x), float(y)) for x, y in shape.points]
    if shape.kind == "dot":
        return []
    if shape.kind == "circle":
        (x, y), turns = points[0], np.linspace(0, 2 * np.pi, 97)
        return [[(x + shape.radius * float(np.cos(t)), y + shape.radius * float(np.sin(t))) for t in turns]]
    if shape.kind == "rectangle":
        (left, top), (right, bottom) = points
        points = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return [points if shape.kind == "segment" else [*points, points[0]]]


def _dashes(
    draw: ImageDraw.ImageDraw,
    points: Sequence[tuple[float, float]],
    pen: tuple[int, ...],
    width: int,
    dash: float,
) -> None:
    """A broken line: dashes and gaps of ``dash`` pixels along it."""
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(np.array(points), axis=0).T))])
    x, y = np.array(points).T
    for start in np.arange(0.0, along[-1], 2 * dash):
        positions = np.linspace(start, min(start + dash, along[-1]), 4)
        at = np.interp(positions, along, x), np.interp(positions, along, y)
        draw.line(list(zip(*(a.tolist() for a in at), strict=True)), fill=pen, width=width)


def _corners(drawing: Construction, paper: _Paper) -> list[LabelledBox]:
    """The symbols of the shapes: corners, centres, and the highest, lowest and outermost points of circles."""
    symbols: list[LabelledBox] = []
    for shape in drawing.shapes:
        points: list[tuple[float, float]] = [(float(x), float(y)) for x, y in shape.points]
        name = shape.kind
        if shape.kind == "circle":
            (x, y), r = points[0], shape.radius
            symbols.append(("centre", around(*paper.at(x, y), 0.12 * paper.square)))
            points = [(x + r, y), (x - r, y), (x, y + r), (x, y - r)]
        elif shape.kind == "rectangle":
            (left, top), (right, bottom) = points
            points = [(left, top), (right, top), (right, bottom), (left, bottom)]
        symbols += [(name, around(*paper.at(*point), 0.12 * paper.square)) for point in points]
    return symbols


def _name(
    image: Image.Image, letter: Letter, paper: _Paper, font: ImageFont.FreeTypeFont, ink: tuple[int, int, int]
) -> Box:
    """A point's letter beside it."""
    em = float(font.size)
    across, down = {"above": (0, -0.3), "below": (0, 1.05), "left": (-0.6, 0.35), "right": (0.6, 0.35)}[letter.side]
    x, y = paper.at(*letter.point)
    return write(image, (x + across * em, y + down * em), letter.name, font, ink)[0]
