"""Kind ``scene``: a few large words on a coloured, shaded or mottled background, seen at an angle.

Each line is drawn flat with the boxes of its letters, then mapped into the picture by one projective map, together with
the boxes.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from got_runtime.synth.degrade import degrade
from got_runtime.synth.faces import Face, load_font
from got_runtime.synth.pages.figure import Box, FigureAnswer, canvas_size, inside
from got_runtime.synth.sample import PageSample
from got_runtime.synth.text import words_of_text
from got_runtime.tasks import Plain

Colour = tuple[int, int, int]


def _colour(rng: np.random.Generator) -> Colour:
    red, green, blue = (int(c) for c in rng.integers(0, 256, size=3))
    return red, green, blue


def _luminance(colour: np.ndarray | Colour) -> float:
    return float(np.dot(np.asarray(colour, dtype=float), (0.299, 0.587, 0.114)))


def _contrasting_colour(rng: np.random.Generator, ground: Colour) -> Colour:
    """A colour that is at least 110 of 255 lighter or darker than ``ground``."""
    while True:
        colour = _colour(rng)
        if rng.random() < 0.3:
            colour = (250, 250, 250) if _luminance(ground) < 128 else (15, 15, 15)
        if abs(_luminance(colour) - _luminance(ground)) >= 110:
            return colour


def _background(rng: np.random.Generator, size: tuple[int, int]) -> tuple[Image.Image, Colour]:
    """A picture of one colour, a gradient or mottles, and its mean colour."""
    base = _colour(rng)
    kind = rng.integers(3)
    if kind == 0:
        return Image.new("RGB", size, base), base
    across, down = (2, 2) if kind == 1 else (int(rng.integers(6, 40)), int(rng.integers(6, 40)))
    spread = rng.uniform(25, 60) if kind == 1 else rng.uniform(8, 28)
    noise = rng.normal(0, spread, size=(down, across, 3 if rng.random() < 0.5 else 1))
    small = np.clip(np.array(base) + noise, 0, 255).astype(np.uint8)
    picture = Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)
    mean = np.asarray(small, dtype=float).mean(axis=(0, 1))
    return picture, (int(mean[0]), int(mean[1]), int(mean[2]))


def homography(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The 3×3 projective map that takes four points ``source`` to ``target``, both ``(4, 2)``."""
    rows, right = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    solved = np.linalg.solve(np.array(rows, dtype=float), np.array(right, dtype=float))
    return np.append(solved, 1.0).reshape(3, 3)


def projected(boxes: np.ndarray, map_: np.ndarray) -> np.ndarray:
    """``(n, 4)`` boxes → the smallest upright boxes around their mapped corners."""
    corners = boxes[:, [[0, 1], [2, 1], [2, 3], [0, 3]]]
    mapped = np.concatenate([corners, np.ones((*corners.shape[:2], 1))], axis=2) @ map_.T
    points = mapped[..., :2] / mapped[..., 2:]
    return np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)


def _flat_line(line: str, font: ImageFont.FreeTypeFont, stroke: int) -> tuple[Image.Image, np.ndarray]:
    """Ink coverage of a line of text with room for an outline, and the box of each character."""
    pad = stroke + 2
    ascent, descent = font.getmetrics()
    advances = [font.getlength(c) for c in line]
    edges = pad + np.cumsum([0.0, *advances])
    mask = Image.new("L", (int(edges[-1]) + pad + 1, ascent + descent + 2 * pad), 0)
    draw = ImageDraw.Draw(mask)
    for x, character in zip(edges, line, strict=False):
        draw.text((float(x), pad + ascent), character, font=font, fill=255, anchor="ls")
    baseline, em = pad + ascent, font.size
    boxes = [(a, baseline - 0.75 * em, b, baseline + 0.22 * em) for a, b in pairwise(edges)]
    return mask, np.array(boxes)


def _lines(rng: np.random.Generator, training: bool) -> list[str]:
    """One to four lines of one or two words, as on signs."""
    count = int(rng.integers(1, 5))
    words = [word for word in words_of_text(rng, 120, 0.2 if training else 0.0) if len(word) <= 12]
    lines: list[str] = []
    style = rng.choice(3, p=[0.4, 0.35, 0.25])
    for _ in range(count):
        take = int(rng.integers(1, 3))
        line = " ".join(words.pop(0) for _ in range(min(take, len(words))))[:18].strip()
        if line:
            lines.append((line.upper(), line, line.title())[style])
    return lines or ["EXIT"]


def make(seed: tuple[int, int], faces: Sequence[Face], training: bool) -> PageSample:
    """One to four lines of text on a coloured background, at a slight angle."""
    rng = np.random.default_rng(seed)
    face = faces[int(rng.integers(len(faces)))]
    size = canvas_size(rng)
    image, base = _background(rng, size)
    ink = _contrasting_colour(rng, base)
    lines = _lines(rng, training)
    strength = 1.3 if training else 1.0
    shared = rng.normal(0, 0.5 * strength, size=(4, 2)) * (0.03 * size[0], 0.03 * size[1])
    slope = float(np.clip(rng.normal(0, 0.05 * strength), -0.14, 0.14))

    band = size[1] * 0.9 / len(lines)
    answer = FigureAnswer()
    outline = rng.random() < 0.2
    shadow = rng.random() < 0.2
    for number, line in enumerate(lines):
        unit = load_font(face, 100)
        wide = sum(unit.getlength(c) for c in line)
        room = size[0] * rng.uniform(0.75, 0.92)
        em = int(min(100 * room / wide, band * rng.uniform(0.55, 0.72), 170))
        font = load_font(face, em)
        stroke = max(2, em // 14) if outline else 0
        mask, boxes = _flat_line(line, font, stroke)
        free = max(0.0, size[0] * 0.96 - mask.width)
        left = size[0] * 0.02 + free * (rng.uniform(0, 1) if rng.random() < 0.5 else 0.5)
        top = size[1] * 0.05 + band * number + (band - mask.height) / 2
        corners = np.array([[0, 0], [mask.width, 0], [mask.width, mask.height], [0, mask.height]], dtype=float)
        # One plane for all lines: the corner's shift is interpolated over the picture, and lines slope alike.
        target = corners + np.array([left, top])
        target += _corner_shift(target / size, shared)
        target[:, 1] += slope * (target[:, 0] - size[0] / 2) * min(1.0, band / (abs(slope) * size[0] + 1e-6))
        map_ = homography(corners, target)
        flat = mask.filter(ImageFilter.MaxFilter(2 * (stroke // 2) + 1)) if outline else mask
        if outline or shadow:
            ground = (0, 0, 0) if _luminance(ink) > 128 else (255, 255, 255)
            behind = _warped(flat, map_, size)
            offset = (0, 0) if outline else (max(1, em // 22), max(1, em // 22))
            image.paste(ground, offset, behind)
        image.paste(ink, (0, 0), _warped(mask, map_, size))
        placed: list[Box] = [(a, b, c, d) for a, b, c, d in projected(boxes, map_).tolist()]
        answer.printed(line, placed)
        if number + 1 < len(lines):
            x, y1, y2 = placed[-1][2], placed[-1][1], placed[-1][3]
            answer.printed("\n", [(x, y1, x, y2)])
    return PageSample(
        degrade(image, rng), answer.text, inside(answer.character_boxes(), image), face.name, seed, task=Plain()
    )


def _corner_shift(points: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """The shift of each point (in fractions of the picture): that of the picture's corners, interpolated."""
    x, y = points.T.clip(0, 1)
    weights = np.stack([(1 - x) * (1 - y), x * (1 - y), x * y, (1 - x) * y], axis=1)
    moved: np.ndarray = weights @ shifts
    return moved


def _warped(mask: Image.Image, map_: np.ndarray, size: tuple[int, int]) -> Image.Image:
    """``mask`` in the picture's coordinates, through the projective map."""
    inverse = np.linalg.inv(map_)
    coefficients = (inverse / inverse[2, 2]).reshape(-1)[:8].tolist()
    return mask.transform(size, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BILINEAR)
