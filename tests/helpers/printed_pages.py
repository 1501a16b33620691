"""Printed pages of known lines, drawn with Pillow's own font: what the tests of the line finder look at."""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

__all__ = ["Placed", "printed_page", "words_of"]

Placed = tuple[tuple[int, int], str, int]
"""Left and top in pixels, text, and type size in pixels."""

_WORDS = [
    "the",
    "committee",
    "met",
    "on",
    "Tuesday",
    "and",
    "agreed",
    "that",
    "repairs",
    "to",
    "old",
    "bridge",
    "should",
    "begin",
    "before",
    "winter",
    "while",
    "traffic",
    "would",
    "be",
    "led",
    "over",
    "a",
    "ferry",
    "which",
    "runs",
    "twice",
    "an",
    "hour",
    "from",
    "early",
    "morning",
    "until",
    "late",
    "in",
    "evening",
]


def words_of(count: int, first: int = 0) -> str:
    """``count`` words, another run of them for each ``first``."""
    return " ".join(_WORDS[(first + index) % len(_WORDS)] for index in range(count))


def printed_page(
    lines: Sequence[Placed],
    size: tuple[int, int] = (1000, 1000),
    ink: tuple[int, int, int] = (20, 20, 20),
    paper: tuple[int, int, int] = (250, 250, 250),
) -> Image.Image:
    """A page with each line where it says."""
    page = Image.new("RGB", size, paper)
    draw = ImageDraw.Draw(page)
    for place, text, height in lines:
        draw.text(place, text, fill=ink, font=ImageFont.load_default(height))
    return page
