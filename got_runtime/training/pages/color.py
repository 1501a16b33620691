"""Pages read inside a coloured frame, other frames beside it."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from PIL import ImageDraw

from got_runtime.tasks import Color
from got_runtime.training.degrade import wear
from got_runtime.training.faces import Face
from got_runtime.training.pages.blocks import PADDING, block_page
from got_runtime.training.sample import PageSample

COLORS: tuple[Literal["red", "green", "blue"], ...] = ("red", "green", "blue")


def make(seed: tuple[int, int], faces: Sequence[Face], training: bool) -> PageSample:
    """One to three blocks in frames of different colours; the first is asked for."""
    rng = np.random.default_rng(seed)
    image, blocks, face = block_page(rng, faces, training)
    chosen = rng.permutation(len(blocks))[: rng.integers(1, 4)]
    colors = [COLORS[i] for i in rng.permutation(3)]
    draw = ImageDraw.Draw(image)
    reach = PADDING * min(image.size)
    for color, number in zip(colors, chosen, strict=False):
        thickness = int(rng.integers(3, 8))
        frame = np.array(blocks[number].frame) + rng.uniform(thickness + 1.0, reach, 4) * (-1, -1, 1, 1)
        draw.rectangle([float(v) for v in frame], outline=_shade(rng, color), width=thickness)
    block = blocks[chosen[0]]
    return PageSample(wear(image, rng), block.text, block.boxes, face, seed, Color(color=colors[0]))


def _shade(rng: np.random.Generator, color: str) -> tuple[int, int, int]:
    """A pen's red, green or blue: the leading channel strong, the others weak."""
    shade = rng.integers(0, 70, 3)
    shade[COLORS.index(color)] = rng.integers(170, 256)
    red, green, blue = (int(value) for value in shade)
    return red, green, blue
