"""Pages read inside a box: the box comes from the layout, with jitter."""

from collections.abc import Sequence

import numpy as np

from got_runtime.synth.degrade import wear
from got_runtime.synth.faces import Face
from got_runtime.synth.pages.blocks import PADDING, block_page, signs
from got_runtime.synth.sample import PageSample
from got_runtime.tasks import Box


def make(seed: tuple[int, int], faces: Sequence[Face], training: bool) -> PageSample:
    """One block of several; the box lies up to a block's padding outside its ink, or cuts 2 pixels off it."""
    rng = np.random.default_rng(seed)
    image, blocks, face = block_page(rng, faces, training)
    block = blocks[rng.integers(len(blocks))]
    reach = PADDING * min(image.size)
    sides = (image.width, image.height) * 2
    grown = np.array(block.frame) + rng.uniform(-2.0, reach, 4) * (-1, -1, 1, 1)
    x1, y1, x2, y2 = (float(np.clip(round(value), 0, side)) for value, side in zip(grown, sides, strict=True))
    task = Box(x1, y1, x2, y2)
    return PageSample(wear(image, rng), block.text, block.boxes, face, seed, task, marks=tuple(signs(blocks)))
