"""Makes the example's folder: eight scanned PDF files of three pages each, with images only and no text layer.

python examples/rag/scans.py FOLDER        (needs got-ocr[rag] for the font)
"""

import io
import sys
from pathlib import Path

import numpy as np
import pymupdf
from PIL import Image, ImageDraw

from got_runtime.synth.degrade import degrade
from got_runtime.synth.faces import FACES, load_font

TEXTS = Path(__file__).parent / "texts"
"""One file for each document, with form feeds between pages. Only this script reads them."""
STYLES = (
    ("Source Serif Regular", 46, (250, 247, 238), (35, 33, 40)),
    ("Nimbus Sans Bold", 46, (255, 255, 255), (15, 15, 15)),
    ("Source Serif Semibold", 46, (244, 240, 228), (60, 30, 20)),
    ("Source Serif Regular", 48, (240, 244, 248), (20, 30, 60)),
)
"""Font face, font size in pixels, RGB colour of the paper and of the ink."""
PAGE = (1100, 1050)
"""Width and height of a page in pixels."""
DPI = 120


def draw_page(text: str, number: int) -> Image.Image:
    """A page with this text, degraded like a scan; ``number`` chooses the style and the random numbers."""
    name, size, paper, ink = STYLES[number % len(STYLES)]
    font = load_font(next(face for face in FACES if face.name == name), size)
    image = Image.new("RGB", PAGE, paper)
    draw = ImageDraw.Draw(image)
    for row, line in enumerate(text.strip().splitlines()):
        draw.text((PAGE[0] * 0.07, PAGE[1] * 0.06 + row * size * 1.75), line, font=font, fill=ink)
    return degrade(image, np.random.default_rng(number))


def make(folder: Path) -> list[Path]:
    """Write the scans into ``folder`` and return their paths; existing files are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number, text in enumerate(sorted(TEXTS.glob("*.txt"))):
        target = folder / f"scan-{number + 1:02}.pdf"
        written.append(target)
        if target.exists():
            continue
        with pymupdf.open() as document:
            for words in text.read_text(encoding="utf-8").split("\f"):
                file = io.BytesIO()
                draw_page(words, number).save(file, "JPEG", quality=90)
                sheet = document.new_page(width=PAGE[0] * 72 / DPI, height=PAGE[1] * 72 / DPI)
                sheet.insert_image(sheet.rect, stream=file.getvalue())
            document.save(target, deflate=True, garbage=3)
    return written


if __name__ == "__main__":
    make(Path(sys.argv[1]))
