"""Typst source in many colours → ink coverage, and the box of every colour.

Typst is used because pip installs it, it brings its fonts (one of them for mathematics), and it sets a page in a few
milliseconds. PyMuPDF renders its PDF twice: with anti-aliasing for the picture, and without, where every pixel has the
exact colour of one ink.
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

from got_runtime.synth.faces import FACES, Face, font_bytes
from got_runtime.synth.opentype import wrap_cff

Box = tuple[float, float, float, float]

PRELUDE = """
#set text(ligatures: false, hyphenate: false, overhang: false, lang: "en", features: (calt: 0))
#set smartquote(enabled: false)
#let tone(i) = (calc.rem(calc.quo(i, 1024), 32), calc.rem(calc.quo(i, 32), 32), calc.rem(i, 32)).map(v => v * 8 + 4)
#let c(i, body) = text(fill: rgb(..tone(i)), body)
#let dot(i) = text(fill: rgb(..tone(i), 0), size: 1pt, ".")
"""
"""``c(ink, body)`` prints in an ink; ``dot(ink)`` is an invisible mark whose position can be found."""


def quoted(text: str) -> str:
    """A typst string, in which nothing is markup."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass(frozen=True)
class Typeset:
    """A rendered page: ink coverage (``mask``, mode L), the box of every ink and the boxes of its letters (pixels)."""

    mask: Image.Image
    areas: Mapping[int, Box] = field(default_factory=dict)
    letters: Mapping[int, Sequence[Box]] = field(default_factory=dict)


@cache
def _fonts(every_face: bool) -> tuple[Any, dict[str, str], TemporaryDirectory[str]]:
    """Typst's fonts with the engine's faces, and typst's arguments for each face; the folder is removed at exit."""
    import typst

    folder = TemporaryDirectory(prefix="got-faces-")
    for face in FACES:
        data = font_bytes(face.source)
        bare = data[:4] not in (b"\x00\x01\x00\x00", b"OTTO")  # typst opens no bare CFF
        if every_face or not bare:
            font = wrap_cff(data, face.family, face.style) if bare else data
            Path(folder.name, f"{face.name}.otf").write_bytes(font)
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=True, font_paths=[folder.name])
    names = {
        Path(info.path).stem: f'font: "{info.family}", weight: {info.weight}, style: "{info.style}"'
        for info in fonts.fonts()
        if info.path
    }
    return fonts, names, folder


@cache
def _compiler(every_face: bool) -> Any:
    import typst

    return typst.Compiler(font_paths=_fonts(every_face)[0], ignore_system_fonts=True)


def typst_face(face: Face, every_face: bool = False) -> tuple[str, str]:
    """The name of the face, and typst's arguments for it.

    Args:
        every_face: wrap the faces that typst cannot open; else Computer Modern replaces them. Kinds that did not wrap
            them at first still do not, so that their held-out pages stay.
    """
    known = _fonts(every_face)[1].get(face.name)
    if known is not None:
        return face.name, known
    style = "italic" if "Italic" in face.style else "normal"
    weight = 700 if "Bold" in face.style else 400
    arguments = f'font: "New Computer Modern", weight: {weight}, style: "{style}"'
    return f"New Computer Modern {face.style}", arguments


def pages_of(source: str, every_face: bool = False) -> Any:
    """The typeset PDF as a PyMuPDF document. 1 pt is 1 pixel at zoom 1.

    Args:
        every_face: as in :func:`typst_face`.
    """
    import pymupdf

    data = _compiler(every_face).compile(input=(PRELUDE + source).encode(), format="pdf", pdf_tags=False, timestamp=0)
    return pymupdf.open(stream=data, filetype="pdf")


def _ink_of(red: Any, green: Any, blue: Any) -> Any:
    return (red // 8) * 1024 + (green // 8) * 32 + blue // 8


def _areas(colours: np.ndarray) -> dict[int, Box]:
    """``(h, w, 4)`` exact colours → the box of each ink in pixels."""
    low_y, high_y = _extent(colours)
    low_x, high_x = _extent(colours.transpose(1, 0, 2))
    return {
        int(ink): (float(low_x[ink]), float(low_y[ink]), float(high_x[ink]), float(high_y[ink]))
        for ink in np.flatnonzero(high_y)
    }


def _extent(colours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first row with each ink, and the row after its last; 0 for inks that are not on the page."""
    row, column = np.nonzero(colours[..., 3])
    ink = _ink_of(*colours[row, column, :3].astype(np.int32).T)
    low, high = np.zeros((2, ink.max(initial=0) + 1), dtype=np.int32)
    # Pixels are in row order; of several values assigned to one index numpy keeps the last.
    high[ink] = row + 1
    low[ink[::-1]] = row[::-1]
    return low, high


def _letters(page: Any, zoom: float) -> dict[int, list[Box]]:
    """The box of every letter: one advance wide, 0.75 em above to 0.22 em below its baseline, as on plain pages."""
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
    """Render a PDF page and find its inks."""
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
