"""Used by all drawn figures: letters with their boxes, and answers whose characters have boxes in the figure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from got_runtime.synth.sample import VIEW_SIDE, PageSample
from got_runtime.tasks import Task

Box = tuple[float, float, float, float]
"""``x1, y1, x2, y2`` in pixels."""
LabelledBox = tuple[str, Box]
"""Name and box of a drawn symbol."""


def canvas_size(rng: np.random.Generator, low: int = 640, high: int = 1100) -> tuple[int, int]:
    """Width and height in pixels, aspect from 2:3 to 3:2."""
    ratio = float(np.exp(rng.uniform(-np.log(1.5), np.log(1.5))))
    long_side = rng.uniform(max(low * 1.2, 800), high)
    return (int(long_side), int(long_side / ratio)) if ratio > 1 else (int(long_side * ratio), int(long_side))


def type_size(rng: np.random.Generator, size: tuple[int, int], low: float = 38, high: float = 50) -> int:
    """Pixels per em on a canvas of ``size`` that are ``low`` to ``high`` along its longer side in the model's view."""
    return int(rng.uniform(low, high) * max(size) / VIEW_SIDE)


def colours(rng: np.random.Generator) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """A light paper and a dark ink; half of them white and black."""
    if rng.random() < 0.5:
        return (255, 255, 255), (0, 0, 0)
    paper, ink = rng.integers(228, 256, size=3), rng.integers(0, 60, size=3)
    return (int(paper[0]), int(paper[1]), int(paper[2])), (int(ink[0]), int(ink[1]), int(ink[2]))


def around(x: float, y: float, radius: float) -> Box:
    """The square around a point."""
    return x - radius, y - radius, x + radius, y + radius


def hull(boxes: Sequence[Box]) -> Box:
    """The smallest box around all ``boxes``."""
    left, top, right, bottom = np.array(boxes).T
    return float(left.min()), float(top.min()), float(right.max()), float(bottom.max())


def letter_boxes(x: float, baseline: float, text: str, font: ImageFont.FreeTypeFont) -> list[Box]:
    """The box of each character of a line that begins at ``x``: one advance wide, as high as on plain pages."""
    edges = x + np.cumsum([0.0, *(font.getlength(c) for c in text)])
    size = font.size
    return [
        (float(left), baseline - 0.75 * size, float(right), baseline + 0.22 * size) for left, right in pairwise(edges)
    ]


def write(
    image: Image.Image,
    at: tuple[float, float],
    text: str,
    font: ImageFont.FreeTypeFont,
    ink: tuple[int, int, int],
    align: float = 0.5,
    halo: tuple[int, int, int] | None = None,
) -> list[Box]:
    """Draw one line of text; returns the box of each character.

    Letters are set one by one at their advances, without kerning, so that each is inside its box.

    Args:
        at: point on the baseline, in pixels.
        align: fraction of the line's width left of that point.
        halo: colour of an outline that separates the letters from the figure's lines.
    """
    x = at[0] - align * sum(font.getlength(c) for c in text)
    boxes = letter_boxes(x, at[1], text, font)
    draw = ImageDraw.Draw(image)
    if halo is not None:
        around_letters = max(2, round(font.size / 9))
        draw.text((x, at[1]), text, font=font, fill=halo, anchor="ls", stroke_width=around_letters, stroke_fill=halo)
    for character, box in zip(text, boxes, strict=True):
        draw.text((box[0], at[1]), character, font=font, fill=ink, anchor="ls")
    return boxes


def lettering(text: str, boxes: Sequence[Box]) -> list[LabelledBox]:
    """The visible characters as symbols with their own names."""
    return [(character, box) for character, box in zip(text, boxes, strict=True) if not character.isspace()]


@dataclass
class FigureAnswer:
    """An answer, with the box in the figure of each of its characters."""

    text: str = ""
    boxes: list[Box | None] = field(default_factory=list)

    def printed(self, text: str, boxes: Sequence[Box]) -> None:
        """Characters that are printed in the figure, with a box for each."""
        self.text += text
        self.boxes += boxes

    def at(self, text: str, box: Box) -> None:
        """Characters that share one box."""
        self.printed(text, [box] * len(text))

    def markup(self, text: str) -> None:
        """Characters that are not printed: they get the box of the next printed one, at the end that of the last."""
        self.text += text
        self.boxes += [None] * len(text)

    def character_boxes(self) -> np.ndarray:
        """``(characters, 4)`` boxes in pixels; at least one character must have a box."""
        following: Box | None = None
        filled = list(self.boxes)
        for i in reversed(range(len(filled))):
            following = filled[i] = filled[i] or following
        last = next(box for box in reversed(self.boxes) if box is not None)
        return np.array([box or last for box in filled], dtype=np.float32).reshape(-1, 4)


def inside(boxes: np.ndarray, image: Image.Image) -> np.ndarray:
    """``boxes`` clipped to the picture."""
    limit = np.array([image.width, image.height] * 2, dtype=np.float32)
    kept: np.ndarray = np.clip(boxes, 0, limit).astype(np.float32)
    return kept


def sample(
    image: Image.Image,
    answer: FigureAnswer,
    symbols: Sequence[LabelledBox],
    face: str,
    seed: tuple[int, int],
    task: Task,
) -> PageSample:
    """The finished sample, its boxes clipped to the picture."""
    kept = inside(np.array([box for _, box in symbols], dtype=np.float32).reshape(-1, 4), image).tolist()
    named = tuple((name, (a, b, c, d)) for (name, _), (a, b, c, d) in zip(symbols, kept, strict=True))
    return PageSample(image, answer.text, inside(answer.character_boxes(), image), face, seed, task=task, symbols=named)
