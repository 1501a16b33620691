"""Kind ``dense``: up to 30 lines of 41 to 70 characters, as in a book."""

from collections.abc import Sequence
from dataclasses import replace

from got_runtime.synth.faces import Face
from got_runtime.synth.pages.plain import HELD_OUT, TRAINING, plain_page
from got_runtime.synth.sample import PageSample

DENSE = replace(HELD_OUT, max_lines=30, line_characters=(41, 70), em=(15.0, 40.0))


def make(seed: tuple[int, int], faces: Sequence[Face], training: bool) -> PageSample:
    """A page of the longest lines that got-nano is trained to read in one view."""
    style = replace(TRAINING, line_characters=(41, 74), full=0.3) if training else DENSE
    return plain_page(seed, replace(style, faces=tuple(faces)))
