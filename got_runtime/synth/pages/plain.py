"""Pages of printed text: one or two columns, paragraphs, many faces, sizes, tones and page shapes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw

from got_runtime.synth.degrade import tilt, tint, wear
from got_runtime.synth.faces import TRAINING_FACES, Face, load_font
from got_runtime.synth.pages.column import Canvas, set_column
from got_runtime.synth.sample import PageSample
from got_runtime.synth.text import words_of_text

SQUARE = 1024
"""Side of the model's view in pixels: sizes of type are chosen by what they become after the squeeze."""


@dataclass(frozen=True)
class PlainStyle:
    """What a plain page may look like. Sizes of type are in pixels of the squeezed 1024×1024 view."""

    faces: tuple[Face, ...] = TRAINING_FACES
    max_lines: int = 14
    line_characters: tuple[int, int] = (12, 40)
    em: tuple[float, float] = (24.0, 84.0)
    min_advance: float = 10.0
    two_columns: float = 0.0
    noise: float = 0.0
    blank: float = 0.0
    full: float = 0.0
    """Share of pages set to the last line that fits; on the others the number of lines is uniform from 1."""
    worn: bool = True
    ratio: tuple[float, float] = (1 / 1.5, 1.5)
    """Width : height, log-uniform."""
    long_side: tuple[float, float] = (900.0, 1400.0)
    height_share: float = 1.0
    """Below 1 only a strip of a page this high is made (training at growing resolution)."""


TRAINING = PlainStyle(
    max_lines=34, line_characters=(14, 72), em=(15.0, 90.0), two_columns=0.08, noise=0.25, blank=0.015, full=0.3
)
TRAINING_DENSE = replace(TRAINING, line_characters=(16, 74), full=1.0, blank=0.0)
"""Stage 1: every inked cell is a label, so pages are full."""
TRAINING_PLAIN = replace(TRAINING, max_lines=18, line_characters=(12, 50), em=(20.0, 90.0), noise=0.15, full=0.6)
"""The mixture's plain pages, most of them full: the encoder sees a page at one price. Its dense ones teach the rest."""
HELD_OUT = PlainStyle()


def page_size(rng: np.random.Generator, style: PlainStyle) -> tuple[int, int, float]:
    """Width and height in pixels and the height of the whole page of which this may be a strip."""
    ratio = float(np.exp(rng.uniform(*np.log(style.ratio))))
    long_side = rng.uniform(*style.long_side)
    width, whole = (long_side, long_side / ratio) if ratio > 1 else (long_side * ratio, long_side)
    return int(width), int(whole * style.height_share), whole


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
    low = max(style.em[0] * whole / SQUARE, style.min_advance * width / SQUARE / unit)
    size = int(np.clip(size, low, max(low, style.em[1] * whole / SQUARE)))
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
    if style.worn and rng.random() < 0.4:
        mask, boxes = tilt(mask, boxes, rng)
    image = tint(mask, rng)
    if style.worn:
        image = wear(image, rng)
    return PageSample(image, text, boxes, face.name, seed)


def make(seed: tuple[int, int], faces: Sequence[Face], training: bool) -> PageSample:
    """Up to 14 lines of 40 characters; in training some more and longer ones."""
    return plain_page(seed, replace(TRAINING_PLAIN if training else HELD_OUT, faces=tuple(faces)))


def strip(style: PlainStyle, rows: int, of: int) -> PlainStyle:
    """``style`` for a strip of ``rows`` of the page's ``of`` patch rows."""
    return replace(style, height_share=rows / of)
