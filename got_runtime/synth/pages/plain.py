"""Kind ``plain``: printed text in one or two columns and paragraphs, in many faces, sizes, tones and page shapes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw

from got_runtime.synth.degrade import degrade, tilt, tint
from got_runtime.synth.faces import TRAINING_FACES, Face, load_font
from got_runtime.synth.pages.column import Canvas, set_column
from got_runtime.synth.sample import VIEW_SIDE, PageSample
from got_runtime.synth.text import words_of_text


@dataclass(frozen=True)
class PlainStyle:
    """The range of plain pages. Type sizes are in pixels of the model's view of 1024×1024."""

    faces: tuple[Face, ...] = TRAINING_FACES
    max_lines: int = 14
    line_characters: tuple[int, int] = (12, 40)
    em: tuple[float, float] = (24.0, 84.0)
    min_advance: float = 10.0
    two_columns: float = 0.0
    noise: float = 0.0
    blank: float = 0.0
    full: float = 0.0
    """Fraction of pages set to the last line that fits; on the others the number of lines is uniform from 1."""
    degraded: bool = True
    ratio: tuple[float, float] = (1 / 1.5, 1.5)
    """Bounds of width : height, log-uniform."""
    long_side: tuple[float, float] = (900.0, 1400.0)
    height_fraction: float = 1.0
    """Below 1: a strip of the page with this part of its height (for training at growing height)."""


TRAINING = PlainStyle(
    max_lines=34, line_characters=(14, 72), em=(15.0, 90.0), two_columns=0.08, noise=0.25, blank=0.015, full=0.3
)
TRAINING_DENSE = replace(TRAINING, line_characters=(16, 74), full=1.0, blank=0.0)
"""For stage 1: every inked cell is a label, so pages are full."""
TRAINING_PLAIN = replace(TRAINING, max_lines=18, line_characters=(12, 50), em=(20.0, 90.0), noise=0.15, full=0.6)
"""The mixture's plain pages. Most are full, because the encoder's cost does not depend on the text."""
HELD_OUT = PlainStyle()


def page_size(rng: np.random.Generator, style: PlainStyle) -> tuple[int, int, float]:
    """Width and height in pixels, and the height of the whole page where this is a strip."""
    ratio = float(np.exp(rng.uniform(*np.log(style.ratio))))
    long_side = rng.uniform(*style.long_side)
    width, whole = (long_side, long_side / ratio) if ratio > 1 else (long_side * ratio, long_side)
    return int(width), int(whole * style.height_fraction), whole


def plain_page(seed: tuple[int, int], style: PlainStyle = HELD_OUT) -> PageSample:
    """The page of ``seed`` (stream, index): same seed and style, same pixels and text."""
    rng = np.random.default_rng(seed)
    face = style.faces[rng.integers(len(style.faces))]
    width, height, whole = page_size(rng, style)
    mask = Image.new("L", (width, height), 0)
    columns = 2 if rng.random() < style.two_columns else 1
    left, right = (rng.uniform(0.02, 0.11) * width for _ in range(2))
    gap = rng.uniform(0.04, 0.08) * width
    column_width = (width - left - right - gap * (columns - 1)) / columns

    characters = int(rng.integers(style.line_characters[0], style.line_characters[1] + 1))
    if columns == 2:
        characters = max(8, characters // 2)
    unit = load_font(face, 100).getlength("the quick brown Fox jumps 0123") / 3000
    size = column_width / (unit * characters) * float(rng.choice([1.0, rng.uniform(0.55, 1.0)]))
    low = max(style.em[0] * whole / VIEW_SIDE, style.min_advance * width / VIEW_SIDE / unit)
    size = int(np.clip(size, low, max(low, style.em[1] * whole / VIEW_SIDE)))
    font = load_font(face, size)
    canvas = Canvas(ImageDraw.Draw(mask), font, height)

    if rng.random() >= style.blank:
        pitch = size * rng.uniform(1.12, 1.7)
        top_margin = rng.uniform(0.15, 1.2) * size
        room = max(1, int((height - 2 * top_margin) // pitch))
        most = min(room, style.max_lines)
        lines = most if rng.random() < style.full else int(rng.integers(1, most + 1))
        slack = height - 2 * top_margin - lines * pitch
        top = top_margin + max(0.0, slack) * rng.random() * rng.integers(2)
        for column in range(columns):
            x = left + column * (column_width + gap)
            words = words_of_text(rng, characters * lines, style.noise)
            set_column(canvas, rng, words, (x, top, column_width, pitch), lines, characters)
    boxes = np.array(canvas.boxes, dtype=np.float32).reshape(-1, 4)
    text = "".join(canvas.text).removesuffix("\n")
    boxes = boxes[: len(text)]
    if style.degraded and rng.random() < 0.4:
        mask, boxes = tilt(mask, boxes, rng)
    image = tint(mask, rng)
    if style.degraded:
        image = degrade(image, rng)
    return PageSample(image, text, boxes, face.name, seed)


def make(seed: tuple[int, int], faces: Sequence[Face], training: bool) -> PageSample:
    """Up to 14 lines of 40 characters; in training up to 18 lines of 50."""
    return plain_page(seed, replace(TRAINING_PLAIN if training else HELD_OUT, faces=tuple(faces)))


def strip(style: PlainStyle, rows: int, of: int) -> PlainStyle:
    """``style`` for a strip of ``rows`` of the page's ``of`` patch rows."""
    return replace(style, height_fraction=rows / of)
