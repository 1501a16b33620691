"""Kind ``pages``: two or three short pages in one context, their texts joined by an empty line."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from got_runtime.synth.faces import Face
from got_runtime.synth.pages.plain import HELD_OUT, TRAINING, plain_page
from got_runtime.synth.sample import PageSample
from got_runtime.tasks import MultiPage

SHORT = replace(HELD_OUT, max_lines=6, line_characters=(12, 30), em=(30.0, 84.0))


def make(seed: tuple[int, int], faces: Sequence[Face], training: bool) -> PageSample:
    """Three pages of up to six lines; in training two or three."""
    rng = np.random.default_rng(seed)
    style = replace(SHORT, faces=tuple(faces), noise=TRAINING.noise if training else 0.0)
    count = int(rng.integers(2, 4)) if training else 3
    pages = [plain_page((seed[0], 8 * seed[1] + number), style) for number in range(count)]
    gap = np.full((2, 4), np.nan, dtype=np.float32)
    boxes = [part for page in pages for part in (page.boxes, gap)][:-1]
    numbers = [np.full(len(part), index // 2) for index, part in enumerate(boxes)]
    return PageSample(
        image=pages[0].image,
        text="\n\n".join(page.text for page in pages),
        boxes=np.concatenate(boxes),
        face=pages[0].face,
        seed=seed,
        task=MultiPage(formatted=False),
        following=tuple(page.image for page in pages[1:]),
        pages=np.concatenate(numbers),
    )
