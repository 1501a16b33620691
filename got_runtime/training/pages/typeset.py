"""Typst source in many colours → ink coverage and where every colour lies.

Typst, because pip installs it, it carries its fonts (one for mathematics among them), and a page takes it a few
milliseconds. PyMuPDF renders its PDF twice: smoothly, for the picture, and without anti-aliasing, where every pixel
has the exact colour of one ink.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from got_runtime.training.faces import FACES, Face, font_bytes

Box = tuple[float, float, float, float]
MOST_INKS = 31**3

PRELUDE = """
#set text(ligatures: false, hyphenate: false, lang: "en")
#set smartquote(enabled: false)
#let tone(i) = (calc.rem(calc.quo(i, 1024), 32), calc.rem(calc.quo(i, 32), 32), calc.rem(i, 32)).map(v => v * 8 + 4)
#let c(i, body) = text(fill: rgb(..tone(i)), body)
#let dot(i) = text(fill: rgb(..tone(i), 0), size: 1pt, ".")
"""
"""``c(ink, body)`` prints in an ink; ``dot(ink)`` is a ruler's mark that leaves no ink."""


def quoted(text: str) -> str:
    """A typst string: nothing in it is markup."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass(frozen=True)
class Typeset:
    """One printed page: ``mask`` is ink coverage (mode L), ``areas`` the box of every ink, ``letters`` its letters."""

    mask: Image.Image
    areas: Mapping[int, Box] = field(default_factory=dict)
    letters: Mapping[int, Sequence[Box]] = field(default_factory=dict)


@cache
def _fonts() -> tuple[Any, dict[str, str], TemporaryDirectory[str]]:
    """Typst's fonts with the engine's faces, and how typst calls each face; the folder lives as long as the process."""
    import typst

    folder = TemporaryDirectory(prefix="got-faces-")
    for face in FACES:
        data = font_bytes(face.source)
        if data[:4] in (b"\x00\x01\x00\x00", b"OTTO"):  # typst takes no bare CFF
            Path(folder.name, f"{face.name}.otf").write_bytes(data)
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=True, font_paths=[folder.name])
    names = {
        Path(info.path).stem: f'font: "{info.family}", weight: {info.weight}, style: "{info.style}"'
        for info in fonts.fonts()
        if info.path
    }
    return fonts, names, folder


@cache
def _compiler() -> Any:
    import typst

    return typst.Compiler(font_paths=_fonts()[0], ignore_system_fonts=True)


def text_arguments(face: Face) -> str:
    """The arguments of typst's ``text`` for a face; a face typst cannot open is set in Computer Modern."""
    return _fonts()[1].get(face.name, 'font: "New Computer Modern"')


def pages_of(source: str) -> Any:
    """The typeset PDF, opened. Lengths: 1 pt is 1 pixel at zoom 1."""
    import pymupdf

    data = _compiler().compile(input=(PRELUDE + source).encode(), format="pdf", pdf_tags=False, timestamp=0)
    return pymupdf.open(stream=data, filetype="pdf")


def _ink_of(red: Any, green: Any, blue: Any) -> Any:
    return (red // 8) * 1024 + (green // 8) * 32 + blue // 8


def _areas(colours: np.ndarray) -> dict[int, Box]:
    """``(h, w, 4)`` exact colours → the box of each ink in pixels."""
    y, x = np.nonzero(colours[..., 3])
    red, green, blue = colours[y, x, :3].astype(np.int32).T
    inks, which = np.unique(_ink_of(red, green, blue), return_inverse=True)
    low = np.full((len(inks), 2), np.iinfo(np.int32).max)
    high = np.zeros((len(inks), 2), dtype=np.int64)
    places = np.stack([x, y], axis=1)
    np.minimum.at(low, which, places)
    np.maximum.at(high, which, places + 1)
    return {int(i): (*map(float, a), *map(float, b)) for i, a, b in zip(inks, low, high, strict=True)}  # type: ignore[misc]


def _letters(page: Any, zoom: float) -> dict[int, list[Box]]:
    """Every letter's box: one advance wide, from 0.75 em above to 0.22 em below its line, as on plain pages."""
    found: dict[int, list[Box]] = defaultdict(list)
    for block in page.get_text("rawdict")["blocks"]:
        for line in block.get("lines", ()):
            for span in line["spans"]:
                colour, size = span["color"], span["size"] * zoom
                ink = _ink_of(colour >> 16, colour >> 8 & 255, colour & 255)
                for character in span["chars"]:
                    if character["c"].isspace():
                        continue
                    left, _, right, _ = (v * zoom for v in character["bbox"])
                    baseline = character["origin"][1] * zoom
                    found[ink].append((left, baseline - 0.75 * size, right, baseline + 0.22 * size))
    return found


def render(page: Any, zoom: float) -> Typeset:
    """The picture of a PDF page and its inks."""
    import pymupdf

    matrix = pymupdf.Matrix(zoom, zoom)
    tools: Any = pymupdf.TOOLS

    def pixels() -> np.ndarray:
        drawn = page.get_pixmap(matrix=matrix, alpha=True)
        return np.frombuffer(drawn.samples, np.uint8).reshape(drawn.h, drawn.w, 4)

    smooth = pixels()
    tools.set_aa_level(0)
    try:
        exact = pixels()
    finally:
        tools.set_aa_level(8)
    return Typeset(Image.fromarray(smooth[..., 3]), _areas(exact), _letters(page, zoom))
