"""Lines of text in the pixels of a page, in reading order, whatever its colours, tilt and columns.

Print is told from what it stands beside by the size and solidity of connected components; no network is involved.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from got_runtime.views.components import Boxes, Components, connected_components
from got_runtime.views.dashes import MOST_HEIGHT, lone_dashes
from got_runtime.views.ink import Grey, InkMap, Mask, coloured_ink, ink_map, thin_ink
from got_runtime.views.leaders import without_leaders, without_upright
from got_runtime.views.quarter_turns import quarter_turns
from got_runtime.views.reading_order import TextLine, in_reading_order
from got_runtime.views.rules import NO_RULES, Rules, ink_in_filled_boxes, take_out_rules
from got_runtime.views.segments import Segment, text_segments
from got_runtime.views.tilt import MIN_TILT, tilt, turned

__all__ = ["QUARTER_TURNS", "PageLines", "body_band", "body_height", "box_as_given", "find_lines"]

Flags = npt.NDArray[np.bool_]

QUARTER_TURNS = {1: Image.Transpose.ROTATE_90, 2: Image.Transpose.ROTATE_180, 3: Image.Transpose.ROTATE_270}
"""How Pillow turns an image by so many quarters, counter-clockwise."""

DEFAULT_X_HEIGHT = 10.0
"""Pixels, where a page has too few components to measure, and none of them is larger."""
MIN_COMPONENTS = 8
"""Components below which the usual height of letters is not measured."""
LEAST_X_HEIGHT = 0.68
"""Of the median height of a line's letters: capitals and digits are at most so much higher than small letters."""
MIN_COLOURED_LETTERS = 4
"""Letters of a segment in bright colours: figures have parts of such colours, too."""
MIN_LETTERS_ON_FILLS = 4
SAME_LEVEL, MIN_FLAT = 6, 0.9
"""Grey levels (of 255) that count as one, and the part of what lies between the strokes that two of them make up where
a line is partly filled. Photographs have many levels; parts of drawings have two, but are fewer than so many letters.
"""
DOTS_APART = 0.5
"""Least gap between the dots of a leader in their widths; letters of small type, which may be as high, stand closer."""
MIN_SMALL_COMPONENTS = 12
"""Components of thin or small type below which a page has none."""


@dataclass(frozen=True, eq=False)
class PageLines:
    """The levelled ``image``, the ``angle`` it was turned by (degrees, counter-clockwise), its ``ink`` and ``lines``.

    ``x_height`` is the usual height of small letters in pixels. Lines are in reading order. A page that lay on its
    side or upside down was turned by ``quarter_turns`` first (counter-clockwise, 0 to 3). ``rules`` are no ink.
    """

    image: Image.Image
    angle: float
    ink: Mask
    x_height: float
    lines: tuple[TextLine, ...]
    quarter_turns: int = 0
    rules: Rules = NO_RULES


def find_lines(image: Image.Image) -> PageLines:
    """The lines of text of a page. A page without any has none; there is no error."""
    page, parts, x_height = _components_of(image)
    turns = quarter_turns(parts, _may_be_print(parts, x_height), x_height)
    if turns:
        image = image.transpose(QUARTER_TURNS[turns])
        page, parts, x_height = _components_of(image)
    angle = tilt(parts, x_height)
    if abs(angle) < MIN_TILT:
        angle = 0.0
    else:
        image = turned(image, angle)
        page, parts, x_height = _components_of(image)
    ink = page.ink.copy()
    if ink_in_filled_boxes(page, ink, parts, x_height):
        parts = connected_components(ink)
    rules = take_out_rules(ink, parts, x_height)
    if len(rules.level) or len(rules.upright):
        parts = connected_components(ink)
    x_height = _usual_height(parts)
    usable = without_leaders(parts, _may_be_print(parts, x_height), x_height)
    usable = without_upright(parts, usable, x_height)
    segments = text_segments(parts, usable, x_height, rules.upright)
    segments += _small_type(page, ink, segments, x_height, rules.upright)
    segments += _coloured_type(coloured_ink(page, image), ink, segments, x_height, rules.upright)
    segments += lone_dashes(parts, segments, x_height, rules.upright)
    lines = [
        TextLine(each.box, each.x_height, light_on_dark=_is_light_on_dark(each, page, ink))
        for each in segments
        if (each.width > 0.3 * x_height or not each.letters) and not _is_on_picture(each, page, ink)
    ]
    ordered = in_reading_order(lines, rules)
    fitted = [replace(each, x_height=_fitted_height(ink, each)) for each in ordered]
    return PageLines(image, angle, ink, x_height, tuple(fitted), turns, rules)


def box_as_given(page: PageLines, box: tuple[int, int, int, int], scale: float) -> tuple[int, int, int, int]:
    """A box of the upright, levelled page in pixels of the page as it was given: the box around its corners.

    Args:
        page: the lines of the page.
        box: left, top, right, bottom.
        scale: pixels of the page as it was given for each pixel in which its lines were found.
    """
    angle = math.radians(page.angle)
    width, height = page.image.size
    middle_x, middle_y = width / 2, height / 2
    corners = [(x - middle_x, y - middle_y) for x in (box[0], box[2]) for y in (box[1], box[3])]
    xs = [x * math.cos(angle) - y * math.sin(angle) + middle_x for x, y in corners]
    ys = [x * math.sin(angle) + y * math.cos(angle) + middle_y for x, y in corners]
    left, top, right, bottom = max(0, min(xs)), max(0, min(ys)), min(width, max(xs)), min(height, max(ys))
    match page.quarter_turns:
        case 1:
            left, top, right, bottom = height - bottom, left, height - top, right
        case 2:
            left, top, right, bottom = width - right, height - bottom, width - left, height - top
        case 3:
            left, top, right, bottom = top, width - right, bottom, width - left
    return (
        math.floor(left * scale),
        math.floor(top * scale),
        math.ceil(right * scale),
        math.ceil(bottom * scale),
    )


def _components_of(image: Image.Image) -> tuple[InkMap, Components, float]:
    """The page's ink, its components and the usual height of its small letters."""
    page = ink_map(image)
    parts = connected_components(page.ink)
    return page, parts, _usual_height(parts)


def body_height(ink: Mask) -> float:
    """Height in pixels of the small letters of a line: of the rows that hold much of its ``ink``."""
    rows = _rows_of_body(ink)
    return max(3.0, float(np.count_nonzero(rows))) if rows.any() else float(ink.shape[0]) / 2


def body_band(ink: Mask) -> tuple[int, int]:
    """First row of the small letters of a line, and the row behind the last one."""
    rows = np.flatnonzero(_rows_of_body(ink))
    return (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, ink.shape[0])


def _rows_of_body(ink: Mask) -> Flags:
    profile = ink.sum(axis=1).astype(float)
    return np.asarray(profile > 0.42 * np.percentile(profile, 95))


def _fitted_height(ink: Mask, line: TextLine) -> float:
    """The x-height of a line: the median height of a few letters is that of capitals or of small letters by chance."""
    inked = _cut(ink, line.box)
    if np.count_nonzero(inked.any(axis=1)) < MOST_HEIGHT * line.x_height:  # a dash, which has its neighbours' height
        return line.x_height
    return min(line.x_height, max(body_height(inked), LEAST_X_HEIGHT * line.x_height))


def _cut(mask: Mask, box: tuple[int, int, int, int]) -> Mask:
    left, top, right, bottom = box
    return mask[top:bottom, left:right]


def _usual_height(parts: Components, usable: Flags | None = None) -> float:
    """The mode of the components' heights, which is that of small letters on a page of text."""
    heights, widths = parts.heights, parts.widths
    shaped = (heights >= 4) & (widths >= 2) & (heights < 120) & (widths < 4 * heights)
    letters = shaped & (parts.areas > 0.12 * heights * widths)
    if usable is not None:
        letters &= usable
    sizes = heights[letters]
    if len(sizes) < MIN_COMPONENTS:
        return max(DEFAULT_X_HEIGHT, float(np.median(sizes))) if len(sizes) else DEFAULT_X_HEIGHT
    # Weighted by height, so that specks do not decide.
    counts, edges = np.histogram(np.log2(sizes), bins=np.arange(2, 7.1, 0.1), weights=np.minimum(sizes, 30.0))
    smooth = np.convolve(counts, [1, 2, 3, 2, 1], "same")
    return float(np.exp2(edges[smooth.argmax()] + 0.05))


def _may_be_print(parts: Components, x_height: float) -> Flags:
    """Neither specks nor rules nor pictures."""
    heights, widths = parts.heights, parts.widths
    speck = (np.maximum(widths, heights) < np.maximum(2, 0.13 * x_height)) | (parts.areas < 3)
    horizontal_rule = (widths > 6 * x_height) & (heights < 0.7 * x_height)
    vertical_rule = (heights > 4 * x_height) & (widths < 0.35 * x_height)
    tall = heights > 7 * x_height
    large = (widths > 14 * x_height) & (heights > 2.6 * x_height)
    frame = (heights > 3.2 * x_height) & (widths > 4 * x_height) & (parts.areas < 0.08 * widths * heights)
    usable: Flags = ~(speck | horizontal_rule | vertical_rule | tall | large | frame)
    return usable


def _small_type(page: InkMap, ink: Mask, found: list[Segment], x_height: float, walls: Boxes) -> list[Segment]:
    """Segments in smaller or thinner type than the page's usual, in what no segment has taken; adds their ink."""
    if not found:
        return []
    faint = _without(found, thin_ink(page) | ink, x_height)
    parts = connected_components(faint)
    heights, widths = parts.heights, parts.widths
    rule = (widths > 6 * x_height) & (heights < 0.7 * x_height)
    usable = (heights >= 4) & (heights < 1.6 * x_height) & (parts.areas >= 4) & (widths < 8 * x_height) & ~rule
    usable = without_leaders(parts, usable, x_height, DOTS_APART)
    if usable.sum() < MIN_SMALL_COMPONENTS:
        return []
    small = _usual_height(parts, usable)
    if small >= 1.3 * x_height:
        return []
    segments = [each for each in text_segments(parts, usable, small, walls, min_letters=3) if each.width > 2.5 * small]
    return _with_ink(segments, faint, ink)


def _coloured_type(bright: Mask, ink: Mask, found: list[Segment], x_height: float, walls: Boxes) -> list[Segment]:
    """Segments in bright colours, of any usual size, in what no segment has taken; adds their ink."""
    bright = _without(found, bright, x_height)
    if not bright.any():
        return []
    parts = connected_components(bright)
    usable = _may_be_print(parts, x_height) & (parts.heights >= 4)
    if usable.sum() < MIN_COMPONENTS:
        return []
    height = _usual_height(parts, usable)
    return _with_ink(text_segments(parts, usable, height, walls, min_letters=MIN_COLOURED_LETTERS), bright, ink)


def _without(found: list[Segment], mask: Mask, x_height: float) -> Mask:
    """The mask without what stands in segments that were found, or close to them."""
    rest = mask.copy()
    margin = int(0.5 * x_height)
    for segment in found:
        left, top, right, bottom = segment.box
        rest[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin] = False
    return rest


def _with_ink(segments: list[Segment], mask: Mask, ink: Mask) -> list[Segment]:
    """The segments, after their part of ``mask`` was added to the ``ink``."""
    for segment in segments:
        _cut(ink, segment.box)[...] |= _cut(mask, segment.box)
    return segments


def _is_on_picture(segment: Segment, page: InkMap, ink: Mask) -> bool:
    """Whether what lies between the strokes varies, as in a photograph, where print has paper."""
    inked = _cut(ink, segment.box)
    near = inked.copy()
    near[1:] |= inked[:-1]
    near[:-1] |= inked[1:]
    near[:, 1:] |= inked[:, :-1]
    near[:, :-1] |= inked[:, 1:]
    between = ~near
    if between.sum() < 0.05 * between.size:
        return True
    left, top, right, bottom = segment.box
    grey = page.grey[top:bottom, left:right][between]
    paper = page.paper[top:bottom, left:right][between]
    if grey.std() <= 16 or np.percentile(np.abs(grey - paper), 75) <= 14:
        return False
    return len(segment.letters) < MIN_LETTERS_ON_FILLS or _part_of_two_levels(grey) < MIN_FLAT


def _part_of_two_levels(grey: Grey) -> float:
    """Which part of the pixels has one of two levels, as paper and the fill behind some words of a line have."""
    counts = np.bincount(grey, minlength=256)
    part = 0
    for _ in range(2):
        around = np.convolve(counts, np.ones(2 * SAME_LEVEL + 1, np.int64), "same")
        level = int(around.argmax())
        part += int(around[level])
        counts[max(0, level - SAME_LEVEL) : level + SAME_LEVEL + 1] = 0
    return part / len(grey)


def _is_light_on_dark(segment: Segment, page: InkMap, ink: Mask) -> bool:
    left, top, right, bottom = segment.box
    inked, grey = _cut(ink, segment.box), page.grey[top:bottom, left:right]
    return bool(inked.any() and not inked.all() and np.median(grey[inked]) > np.median(grey[~inked]))
