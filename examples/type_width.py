"""got-nano's error rate by the width of characters: a table of the model card. ``python examples/type_width.py``

A character's width is measured in the network's view of 1024 pixels, whatever the size of the page.
"""

import argparse
from itertools import pairwise

import numpy as np

from got_runtime import GotRuntime
from got_runtime.evaluation.metrics import edit_count
from got_runtime.synth.faces import HELD_OUT_FACES, TRAINING_FACES
from got_runtime.synth.kinds import page_of
from got_runtime.synth.sample import VIEW_SIDE, PageSample

STREAM = 424_243
"""Stream of the pages; neither training nor ``got-ocr eval`` uses it."""
BOUNDS = (0, 14, 17, 20, 24, 28, 99)


def width(page: PageSample) -> float:
    """Mean width of the visible characters, in pixels of the model's view."""
    inked = [not character.isspace() for character in page.text]
    return float(np.nanmean((page.boxes[:, 2] - page.boxes[:, 0])[inked])) * VIEW_SIDE / page.image.width


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=400, help="plain pages; an eighth as many dense ones")
    count = parser.parse_args().pages
    runtime = GotRuntime.from_pretrained()
    for kind, number in (("plain", count), ("dense", count // 8)):
        faces = TRAINING_FACES, HELD_OUT_FACES
        pages = [page_of(kind, (STREAM, i), faces[i % 2]) for i in range(number)]
        documents = runtime.read_all([page.image for page in pages], max_new_tokens=2500, zoom="off")
        found = [(width(p), edit_count(d.text, p.text), len(p.text)) for p, d in zip(pages, documents, strict=True)]
        for low, high in pairwise(BOUNDS):
            group = [(wrong, length) for wide, wrong, length in found if low <= wide < high]
            if group:
                wrong, length = (sum(each) for each in zip(*group, strict=True))
                perfect = sum(wrong == 0 for wrong, _ in group) / len(group)
                rates = f"CER {wrong / length:.1%}, without error {perfect:.0%}"
                print(f"{kind}, {low}-{high} px: {len(group)} pages, {rates}")


if __name__ == "__main__":
    main()
