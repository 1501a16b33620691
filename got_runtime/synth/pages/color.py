"""Kind ``color``: one block of a page, read inside a coloured frame, with other frames beside it."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from PIL import ImageDraw

from got_runtime.synth.degrade import degrade
from got_runtime.synth.faces import Face
from got_runtime.synth.pages.blocks import PADDING, block_page, block_symbols
from got_runtime.synth.pages.figure import LabelledBox
from got_runtime.synth.sample import PageSample
from got_runtime.tasks import Color

COLORS: tuple[Literal["red", "green", "blue"], ...] = ("red", "green", "blue")


def make(seed: tuple[int, int], faces: Sequence[Face], training: bool) -> PageSample:
    """One to three blocks in frames of different colours; the task reads the first."""
    rng = np.random.default_rng(seed)
    image, blocks, face = block_page(rng, faces, training)
    chosen = rng.permutation(len(blocks))[: rng.integers(1, 4)]
    colors = [COLORS[i] for i in rng.permutation(3)]
    draw = ImageDraw.Draw(image)
    symbols = block_symbols(blocks)
    reach = PADDING * min(image.size)
    for color, number in zip(colors, chosen, strict=False):
        thickness = int(rng.integers(3, 8))
        frame = np.array(blocks[number].frame) + rng.uniform(thickness + 1.0, reach, 4) * (-1, -1, 1, 1)
        draw.rectangle([float(v) for v in frame], outline=_shade(rng, color), width=thickness)
        symbols += _sides(f"frame:{color}", frame, thickness)
    block, task = blocks[chosen[0]], Color(color=colors[0])
    return PageSample(degrade(image, rng), block.text, block.boxes, face, seed, task, symbols=tuple(symbols))


def _sides(name: str, frame: np.ndarray, thickness: int) -> list[LabelledBox]:
    """A frame's four sides as symbols: without them in training the encoder does not distinguish the colours."""
    x1, y1, x2, y2 = (float(value) for value in frame)
    left, top, right, bottom = x1 + thickness, y1 + thickness, x2 - thickness, y2 - thickness
    return [(name, side) for side in ((x1, y1, x2, top), (x1, bottom, x2, y2), (x1, y1, left, y2), (right, y1, x2, y2))]


def _shade(rng: np.random.Generator, color: str) -> tuple[int, int, int]:
    """A pen's red, green or blue: the leading channel strong, the others weak."""
    shade = rng.integers(0, 70, 3)
    shade[COLORS.index(color)] = rng.integers(170, 256)
    red, green, blue = (int(value) for value in shade)
    return red, green, blue
