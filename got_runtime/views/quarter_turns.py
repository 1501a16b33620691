"""Pages that lie on their side or upside down: by which quarter turns their letters stand upright."""

import numpy as np

from got_runtime.views.components import Boxes, Components
from got_runtime.views.leaders import LETTER_GAP, NO_BOXES
from got_runtime.views.segments import Flags, neighbours

__all__ = ["quarter_turns"]

Pairs = tuple[Boxes, Boxes]

MIN_PAIRS = 30
"""Pairs of neighbouring letters below which a page is left as it is."""
MORE_PAIRS = 3.0
"""On a page that lies on its side so many times more letters have a close neighbour below them than beside them."""
MIN_UNEQUAL = 20
"""Pairs of an ascender or descender and a small letter from which a page may be upside down."""
MORE_DESCENDERS = 2.0
"""On a page that stands upright ascenders and capitals are about four times as many as descenders."""
X_OF_CAPITAL = 0.75
"""Height of a small letter in those of capitals and digits."""
SAME_EDGE, OTHER_EDGE = 0.15, 0.25
"""In x-heights: tops, or feet, of two letters that are on one line, and of two that are not."""


def quarter_turns(parts: Components, usable: Flags, x_height: float) -> int:
    """Quarter turns (counter-clockwise) after which the ``usable`` components stand upright: 0 to 3.

    0 where that is not clear: pages of few letters, of pictures, or of a script without ascenders.
    """
    size = np.maximum(parts.heights, parts.widths)
    boxes = parts.boxes[usable & (size >= 0.6 * x_height) & (size < 4 * x_height)]
    left, top, right, bottom = boxes.T
    on_side = np.stack([top, -right, bottom, -left], axis=1)  # the page turned by a quarter
    on_side[:, [1, 3]] -= on_side[:, 1].min(initial=0)
    level, sideways = _pairs(boxes, x_height), _pairs(on_side, x_height)
    if len(sideways[0]) >= MIN_PAIRS and len(sideways[0]) > MORE_PAIRS * len(level[0]):
        ascenders, descenders = _unequal(sideways, x_height)
        return 3 if descenders > ascenders else 1
    # On a page of many digits the usual height is theirs.
    upside_down = all(_are_upside_down(*_unequal(level, height)) for height in (x_height, X_OF_CAPITAL * x_height))
    return 2 if upside_down else 0


def _are_upside_down(ascenders: int, descenders: int) -> bool:
    return ascenders + descenders >= MIN_UNEQUAL and descenders > MORE_DESCENDERS * ascenders


def _pairs(boxes: Boxes, x_height: float) -> Pairs:
    """The boxes of letters and those of their close neighbours on the right."""
    one, other = neighbours(boxes, x_height, NO_BOXES, LETTER_GAP)
    return boxes[one], boxes[other]


def _unequal(pairs: Pairs, x_height: float) -> tuple[int, int]:
    """How many pairs differ at the top alone, and how many at the feet alone."""
    tops, feet = (np.abs(pairs[0][:, side] - pairs[1][:, side]) / x_height for side in (1, 3))
    ascenders = (feet < SAME_EDGE) & (tops > OTHER_EDGE) & (tops < 1)
    descenders = (tops < SAME_EDGE) & (feet > OTHER_EDGE) & (feet < 1)
    return int(ascenders.sum()), int(descenders.sum())
