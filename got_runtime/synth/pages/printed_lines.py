"""The lines of a typeset PDF page as they are printed: text and the box of every character."""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from got_runtime.synth.pages.character_boxes import Overfull

__all__ = ["coverage", "printed_lines"]

SOFT_HYPHEN = "\N{SOFT HYPHEN}"
"""What typst writes into the PDF for the hyphen at the end of a line."""
BLANK = 0.2
"""Gap in em that is read as a space where there is none, as behind the marker of a list."""


class _Letter(NamedTuple):
    character: str
    left: float
    right: float
    baseline: float
    size: float


def coverage(page: Any, zoom: float = 1.0) -> Image.Image:
    """Ink coverage of a PDF page (mode L, 255 = ink)."""
    import pymupdf

    drawn = page.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), alpha=True)
    return Image.fromarray(np.frombuffer(drawn.samples, np.uint8).reshape(drawn.h, drawn.w, 4)[..., 3])


def printed_lines(page: Any, zoom: float = 1.0) -> tuple[str, np.ndarray]:
    """The text, a line for each printed one, and the boxes of its characters, ``(characters, 4)`` in pixels.

    Letters of a ligature share its width. A box reaches from 0.75 em above to 0.22 em below the baseline.

    Raises:
        Overfull: nothing is printed, or a letter is unknown.
    """
    text: list[str] = []
    boxes: list[tuple[float, float, float, float]] = []
    for line in _lines(_letters(page, zoom)):
        for each in line:
            text.append(each.character)
            boxes.append((each.left, each.baseline - 0.75 * each.size, each.right, each.baseline + 0.22 * each.size))
        text.append("\n")
        _, top, right, bottom = boxes[-1]
        boxes.append((right, top, right, bottom))
    if not text or "\N{REPLACEMENT CHARACTER}" in text:
        raise Overfull("nothing is printed, or a letter is unknown")
    return "".join(text[:-1]), np.array(boxes[:-1], dtype=np.float32).reshape(-1, 4)


def _letters(page: Any, zoom: float) -> list[_Letter]:
    letters = []
    for block in page.get_text("rawdict")["blocks"]:
        for line in block.get("lines", ()):
            for span in line["spans"]:
                for each in span["chars"]:
                    character = "-" if each["c"] == SOFT_HYPHEN else " " if each["c"].isspace() else each["c"]
                    left, _, right, _ = (zoom * side for side in each["bbox"])
                    letters.append(_Letter(character, left, right, zoom * each["origin"][1], zoom * span["size"]))
    return letters


def _lines(letters: list[_Letter]) -> list[list[_Letter]]:
    """The letters parted where the next is on the left or on another baseline; no line begins or ends with a space."""
    lines: list[list[_Letter]] = []
    for before, letter in pairwise([None, *letters]):
        assert letter is not None
        if before is None or _begins_a_line(before, letter):
            lines.append([])
        elif " " not in (before.character, letter.character) and letter.left > before.right + BLANK * before.size:
            lines[-1].append(before._replace(character=" ", left=before.right, right=letter.left))
        lines[-1].append(letter)
    stripped = (_stripped(_parted_ligatures(line)) for line in lines)
    return [line for line in stripped if line]


def _begins_a_line(before: _Letter, letter: _Letter) -> bool:
    size = max(before.size, letter.size)  # a raised figure is smaller than its line
    return letter.left < before.left - 0.5 * size or abs(letter.baseline - before.baseline) > 0.7 * size


def _stripped(line: list[_Letter]) -> list[_Letter]:
    inked = [number for number, letter in enumerate(line) if letter.character != " "]
    return line[inked[0] : inked[-1] + 1] if inked else []


def _parted_ligatures(line: list[_Letter]) -> list[_Letter]:
    """MuPDF gives a ligature's whole width to its first letter and none to the others."""
    parted: list[_Letter] = []
    begin = 0
    while begin < len(line):
        end = begin + 1
        while end < len(line) and line[end].left == line[end].right and line[end].character != " ":
            end += 1
        edges = np.linspace(line[begin].left, line[begin].right, end - begin + 1).tolist()
        parted += [
            letter._replace(left=left, right=right)
            for letter, (left, right) in zip(line[begin:end], pairwise(edges), strict=True)
        ]
        begin = end
    return parted
