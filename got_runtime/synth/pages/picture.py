"""A typeset page → a sample: framed at a size that can be read in the model's view, toned, worn, with its boxes."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from got_runtime.synth.degrade import tilt, tint, wear
from got_runtime.synth.pages.answer import Answer
from got_runtime.synth.pages.places import places
from got_runtime.synth.pages.typeset import Box, Typeset, render
from got_runtime.synth.sample import PageSample
from got_runtime.tasks import Task

SQUARE = 1024
"""Side of the model's view in pixels."""
CLEAN = 0.6
"""Share of held-out pages without any wear."""


@dataclass(frozen=True)
class Framed:
    """Matter on its canvas: ``offset`` of its left upper corner and ``em``, its type size, both in pixels."""

    typeset: Typeset
    offset: tuple[int, int]
    em: float


def framed(
    page: Any, em: float, rng: np.random.Generator, seen: tuple[float, float], shape: tuple[float, float]
) -> Framed:
    """The typeset matter, cut to its page, somewhere on a canvas.

    ``em`` is its type size in points, ``seen`` the type sizes allowed in the squeezed view, ``shape`` the canvas's
    smallest and largest ratio of width to height. Where matter and ``seen`` disagree, the matter stays whole.
    """
    width, height = page.rect.width, page.rect.height
    natural = width / height * float(np.exp(rng.uniform(-0.5, 0.5)))
    ratio = float(np.clip(natural, *shape))
    # Canvas in points: the matter takes a share of it, and an em is at most, and if possible at least, what is wanted.
    share = rng.uniform(0.6, 0.95)
    wide = max(width / share, height / share * ratio)
    wide = max(wide, SQUARE * em / seen[1] * min(1.0, ratio**0.5))
    least = max(width * 1.03, height * 1.03 * ratio)
    wide = max(least, min(wide, SQUARE * em / seen[0] * min(1.0, ratio)))
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
    answer: Answer,
    rng: np.random.Generator,
    face: str,
    seed: tuple[int, int],
    task: Task,
    training: bool,
) -> PageSample:
    """Boxes for every character, then tilt, tone and wear: often in training, mild and now and then held out."""
    boxes, drawn = places(answer, framed.typeset, framed.em)
    names = [name for name, _ in drawn]
    signs = np.array([box for _, box in drawn], dtype=np.float32).reshape(-1, 4)
    everything = np.concatenate([boxes, signs]) + np.array([*framed.offset, *framed.offset], dtype=np.float32)
    mask = framed.typeset.mask
    size = [mask.width, mask.height] * 2
    worn = training or rng.random() > CLEAN
    if worn and rng.random() < 0.4:
        mask, everything = tilt(mask, everything, rng)
    everything = everything.clip(0, size).astype(np.float32)
    image = tint(mask, rng)
    if worn:
        image = wear(image, rng)
    marks: list[tuple[str, Box]] = [
        (name, (float(b[0]), float(b[1]), float(b[2]), float(b[3])))
        for name, b in zip(names, everything[len(boxes) :], strict=True)
    ]
    return PageSample(image, answer.text, everything[: len(boxes)], face, seed, task, marks=tuple(marks))
