"""Kind ``tiles``: two columns of type too small for one view, read as tiles."""

from collections.abc import Sequence
from dataclasses import replace

from got_runtime.synth.faces import Face
from got_runtime.synth.pages.plain import HELD_OUT, TRAINING, plain_page
from got_runtime.synth.sample import PageSample
from got_runtime.tasks import Tiles

FINE = replace(
    HELD_OUT,
    max_lines=9,
    line_characters=(90, 120),
    em=(9.0, 22.0),
    min_advance=0.0,
    two_columns=1.0,
    long_side=(2000.0, 2900.0),
)
"""About eight pixels a character in one view of 1024, twice that in the tiles."""

RATIOS = (1.0, 2.0)
"""A square page becomes 2×2 tiles and a spread 2×1, with the thumbnail five and three views."""


def make(seed: tuple[int, int], faces: Sequence[Face], training: bool) -> PageSample:
    """A page or a spread of two columns of 45 to 60 characters."""
    ratio = RATIOS[seed[1] % 2]
    style = replace(FINE, faces=tuple(faces), ratio=(ratio * 0.95, ratio * 1.05))
    if training:
        style = replace(style, noise=TRAINING.noise)
    return replace(plain_page(seed, style), task=Tiles())
