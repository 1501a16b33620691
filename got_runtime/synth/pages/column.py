"""A column of text: words broken into lines and drawn one after another, with the box of every character."""

from dataclasses import dataclass, field

import numpy as np
from PIL import ImageDraw, ImageFont


@dataclass
class Canvas:
    """Ink coverage and the characters drawn so far."""

    draw: ImageDraw.ImageDraw
    font: ImageFont.FreeTypeFont
    height: int
    text: list[str] = field(default_factory=list)
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)

    def put(self, x: float, baseline: float, word: str) -> float:
        """Draw one word with its left edge at ``x``; returns where it ends."""
        self.draw.text((x, baseline), word, font=self.font, fill=255, anchor="ls")
        end = x + self.font.getlength(word)
        advances = np.array([self.font.getlength(c) for c in word])
        edges = x + np.concatenate([[0.0], np.cumsum(advances)]) * (end - x) / max(advances.sum(), 1e-6)
        for character, left, right in zip(word, edges[:-1], edges[1:], strict=True):
            self.add_character(character, left, right, baseline)
        return end

    def add_character(self, character: str, left: float, right: float, baseline: float) -> None:
        size = self.font.size
        self.text.append(character)
        self.boxes.append((left, baseline - 0.75 * size, right, baseline + 0.22 * size))


def wrap(words: list[str], font: ImageFont.FreeTypeFont, width: float, characters: int) -> list[list[str]]:
    """Greedy lines of at most ``width`` pixels and ``characters``; a word that is too long is cut."""
    lines: list[list[str]] = [[]]
    used, count = 0.0, 0
    space = font.getlength(" ")
    for word in words:
        while len(word) > 1 and (font.getlength(word) > width or len(word) > characters):
            word = word[:-1]
        wide = font.getlength(word)
        if lines[-1] and (used + space + wide > width or count + 1 + len(word) > characters):
            lines.append([])
            used, count = 0.0, 0
        used += wide + (space if lines[-1] else 0.0)
        count += len(word) + (1 if lines[-1] else 0)
        lines[-1].append(word)
    return lines


def set_column(
    canvas: Canvas,
    rng: np.random.Generator,
    words: list[str],
    frame: tuple[float, float, float, float],
    count: int,
    characters: int,
) -> None:
    """Set at most ``count`` lines in ``frame`` (x, top, width, line pitch), broken into paragraphs."""
    x0, top, width, pitch = frame
    font = canvas.font
    align = rng.choice(["left", "justified", "centre"], p=[0.7, 0.2, 0.1])
    indent = rng.uniform(1.0, 2.5) * font.size if rng.random() < 0.3 else 0.0
    space = font.getlength(" ")
    first, row = True, 0.0
    gap = float(rng.choice([0.0, 0.5, 1.0]))
    lines = wrap(words, font, width - indent, characters)[:count]
    for number, line in enumerate(lines):
        last = number == len(lines) - 1
        closes = not last and rng.random() < 0.12
        if closes:
            line = line[: max(1, int(rng.integers(1, len(line) + 1)))]
        natural = sum(font.getlength(w) for w in line) + space * (len(line) - 1)
        x = x0 + (indent if first and align != "centre" else 0.0)
        stretch = space
        if align == "centre":
            x = x0 + (width - natural) / 2
        elif align == "justified" and not closes and not last and len(line) > 2:
            stretch = min(space * 2.5, space + (x0 + width - x - natural) / (len(line) - 1))
        baseline = top + pitch * row + 0.9 * font.size
        if baseline + 0.25 * font.size > canvas.height and number:
            break
        for position, word in enumerate(line):
            if position:
                canvas.add_character(" ", x, x + stretch, baseline)
                x += stretch
            x = canvas.put(x, baseline, word)
        canvas.add_character("\n", x, x, baseline)
        row += 1 + gap * closes
        first = closes
