"""Kind ``box``: one block of a page, read inside a box around it with jitter."""

from collections.abc import Sequence

import numpy as np

from got_runtime.synth.degrade import degrade
from got_runtime.synth.faces import Face
from got_runtime.synth.pages.blocks import PADDING, block_page, block_symbols
from got_runtime.synth.sample import PageSample
from got_runtime.tasks import Box


def make(seed: tuple[int, int], faces: Sequence[Face], training: bool) -> PageSample:
    """One block of several; the box is up to a block's padding larger than its ink, or up to 2 pixels smaller."""
    rng = np.random.default_rng(seed)
    image, blocks, face = block_page(rng, faces, training)
    block = blocks[rng.integers(len(blocks))]
    reach = PADDING * min(image.size)
    sides = (image.width, image.height) * 2
    grown = np.array(block.frame) + rng.uniform(-2.0, reach, 4) * (-1, -1, 1, 1)
    x1, y1, x2, y2 = (float(np.clip(round(value), 0, side)) for value, side in zip(grown, sides, strict=True))
    task = Box(x1, y1, x2, y2)
    return PageSample(
        degrade(image, rng), block.text, block.boxes, face, seed, task, symbols=tuple(block_symbols(blocks))
    )
