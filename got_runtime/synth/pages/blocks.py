"""A page of a few separate blocks of text, for the tasks that read one of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw

from got_runtime.synth.degrade import tint
from got_runtime.synth.faces import Face, load_font
from got_runtime.synth.pages.column import Canvas, set_column
from got_runtime.synth.pages.figure import LabelledBox, lettering
from got_runtime.synth.pages.plain import HELD_OUT, TRAINING, page_size
from got_runtime.synth.sample import VIEW_SIDE
from got_runtime.synth.text import words_of_text

PADDING = 0.025
"""Empty border of a block, as a fraction of the page's side."""


@dataclass(frozen=True)
class Block:
    """Text, the box of each character, and the box ``frame`` around its ink: ``x1, y1, x2, y2`` in pixels."""

    text: str
    boxes: np.ndarray
    frame: tuple[float, float, float, float]


def block_symbols(blocks: Sequence[Block]) -> list[LabelledBox]:
    """The characters of all blocks: the encoder is trained on them all, whichever block the task reads."""
    return [mark for block in blocks for mark in lettering(block.text, block.boxes.tolist())]


def block_page(rng: np.random.Generator, faces: Sequence[Face], training: bool) -> tuple[Image.Image, list[Block], str]:
    """The picture, two to six blocks in reading order, and the face's name."""
    style = TRAINING if training else HELD_OUT
    face = faces[int(rng.integers(len(faces)))]
    width, height, _ = page_size(rng, style)
    mask = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(mask)
    blocks = []
    for cell in _cells(rng, width, height):
        block = _set_block(draw, rng, face, cell, style.noise)
        if block.text:
            blocks.append(block)
    return tint(mask, rng), blocks, face.name


def _cells(rng: np.random.Generator, width: int, height: int) -> list[tuple[float, float, float, float]]:
    """The page cut into two to four bands, some of them into two halves."""
    bands = int(rng.integers(2, 5))
    cuts = np.concatenate([[0.0], np.cumsum(rng.uniform(0.7, 1.3, bands))])
    cuts = cuts / cuts[-1] * height
    cells: list[tuple[float, float, float, float]] = []
    for top, bottom in pairwise(cuts):
        halves = rng.random() < 0.5 and len(cells) + bands <= 6
        middle = rng.uniform(0.4, 0.6) * width
        spans = [(0.0, middle), (middle, float(width))] if halves else [(0.0, float(width))]
        cells += [
            (x1 + PADDING * width, top + PADDING * height, x2 - PADDING * width, bottom - PADDING * height)
            for x1, x2 in spans
        ]
    return cells


def _set_block(
    draw: ImageDraw.ImageDraw,
    rng: np.random.Generator,
    face: Face,
    cell: tuple[float, float, float, float],
    noise: float,
) -> Block:
    x1, y1, x2, y2 = cell
    page_width, page_height = draw.im.size
    width = (x2 - x1) * rng.uniform(0.75, 1.0)
    unit = load_font(face, 100).getlength("the quick brown Fox jumps 0123") / 3000
    wide = width / page_width
    characters = int(rng.integers(max(6, int(14 * wide)), int(10 + 26 * wide)))
    size = int(np.clip(width / (unit * characters), 26 * page_height / VIEW_SIDE, 84 * page_height / VIEW_SIDE))
    pitch = size * rng.uniform(1.12, 1.5)
    lines = max(1, min(int((y2 - y1) // pitch), int(rng.integers(1, 5))))
    top = y1 + rng.random() * max(0.0, y2 - y1 - lines * pitch)
    canvas = Canvas(draw, load_font(face, size), int(y2))
    left = x1 + rng.random() * (x2 - x1 - width)
    words = words_of_text(rng, characters * lines, noise)
    set_column(canvas, rng, words, (left, top, width, pitch), lines, characters)
    text = "".join(canvas.text).removesuffix("\n")
    boxes = np.array(canvas.boxes, dtype=np.float32).reshape(-1, 4)[: len(text)]
    frame = (*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)) if text else (0.0, 0.0, 0.0, 0.0)
    return Block(text, boxes, tuple(float(value) for value in frame))  # type: ignore[arg-type]
