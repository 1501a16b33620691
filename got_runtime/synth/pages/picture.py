"""A typeset page → a sample: scaled to a legible size in the model's view, put on a canvas, toned and degraded."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from got_runtime.synth.degrade import degrade, tilt, tint
from got_runtime.synth.pages.answer import TypesetAnswer
from got_runtime.synth.pages.character_boxes import character_boxes
from got_runtime.synth.pages.typeset import Box, Typeset, render
from got_runtime.synth.sample import VIEW_SIDE, PageSample
from got_runtime.tasks import Task

CLEAN = 0.6
"""Fraction of held-out pages that are not degraded."""


@dataclass(frozen=True)
class Framed:
    """A rendered page on its canvas: ``offset`` of its left upper corner and ``em``, its type size, both in pixels."""

    typeset: Typeset
    offset: tuple[int, int]
    em: float


def framed(
    page: Any, em: float, rng: np.random.Generator, view_em: tuple[float, float], shape: tuple[float, float]
) -> Framed:
    """The typeset page at a random position on a canvas.

    Args:
        page: the PyMuPDF page, as large as its contents.
        em: its type size in points.
        view_em: smallest and largest type size in the model's view, in pixels; a page that needs more room gets smaller
            type.
        shape: the canvas's smallest and largest ratio of width to height.
    """
    width, height = page.rect.width, page.rect.height
    natural = width / height * float(np.exp(rng.uniform(-0.5, 0.5)))
    ratio = float(np.clip(natural, *shape))
    # Canvas in points: the page takes 60 to 95 % of it; the largest type size always holds, the smallest if possible.
    filled = rng.uniform(0.6, 0.95)
    wide = max(width / filled, height / filled * ratio)
    wide = max(wide, VIEW_SIDE * em / view_em[1] * min(1.0, ratio**0.5))
    least = max(width * 1.03, height * 1.03 * ratio)
    wide = max(least, min(wide, VIEW_SIDE * em / view_em[0] * min(1.0, ratio)))
    tall = wide / ratio
    long_side = rng.uniform(700, 1200)
    zoom = long_side / max(wide, tall)
    typeset = render(page, zoom)
    canvas = int(wide * zoom) + 1, int(tall * zoom) + 1
    x = int(max(0, canvas[0] - typeset.mask.width) * rng.beta(2, 2))
    y = int(max(0, canvas[1] - typeset.mask.height) * rng.beta(2, 2))
    mask = Image.new("L", canvas, 0)
    mask.paste(typeset.mask, (x, y))
    return Framed(replace(typeset, mask=mask), (x, y), em * zoom)


def finish(
    framed: Framed,
    answer: TypesetAnswer,
    rng: np.random.Generator,
    face: str,
    seed: tuple[int, int],
    task: Task,
    training: bool,
) -> PageSample:
    """Find the boxes of characters and symbols, then tilt, tone and degrade (all training pages, 40 % of others)."""
    boxes, drawn = character_boxes(answer, framed.typeset, framed.em)
    names = [name for name, _ in drawn]
    symbol_boxes = np.array([box for _, box in drawn], dtype=np.float32).reshape(-1, 4)
    everything = np.concatenate([boxes, symbol_boxes]) + np.array([*framed.offset, *framed.offset], dtype=np.float32)
    mask = framed.typeset.mask
    size = [mask.width, mask.height] * 2
    degraded = training or rng.random() > CLEAN
    if degraded and rng.random() < 0.4:
        mask, everything = tilt(mask, everything, rng)
    everything = everything.clip(0, size).astype(np.float32)
    image = tint(mask, rng)
    if degraded:
        image = degrade(image, rng)
    symbols: list[tuple[str, Box]] = [
        (name, (float(b[0]), float(b[1]), float(b[2]), float(b[3])))
        for name, b in zip(names, everything[len(boxes) :], strict=True)
    ]
    return PageSample(image, answer.text, everything[: len(boxes)], face, seed, task, symbols=tuple(symbols))
