"""Pages with a reference box for each element, as born-digital PDF and as degraded scans, for examples/boxes.py.

Three kinds: numbered paragraphs in one column; the data engine's pages of two to six separate blocks of text, some side
by side; and its formatted pages with headings, lists, formulas and tables, some in two columns.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pymupdf
from PIL import Image

from got_runtime.markup import Element, parse
from got_runtime.sources import open_pages
from got_runtime.synth.degrade import degrade
from got_runtime.synth.faces import FACES, TRAINING_FACES, font_bytes
from got_runtime.synth.pages.answer import TypesetAnswer
from got_runtime.synth.pages.blocks import Block, block_page
from got_runtime.synth.pages.character_boxes import character_boxes
from got_runtime.synth.pages.document import DocumentWriter
from got_runtime.synth.pages.typeset import pages_of, render
from got_runtime.synth.text import words_of_text

SIDE, MARGIN, SIZE, PITCH, CHARACTERS = 420, 34, 19, 28, 32
"""A page of one column: side, margin, type size and line pitch in points; maximum number of characters in a line."""
ABOVE, BELOW = 0.75, 0.22
"""Extent of a character's box above and below the baseline, as fractions of the type size, as in the data engine."""
SCALE = 0.5
"""Points per pixel of the data engine's pages of blocks."""
EM, ZOOM = 11, 2
"""Type size of formatted pages in points, and the pixels per point at which their inks are located."""
BLACK = "#let c(i, body) = body\n"
"""Typst definition that prints in black instead of in the data engine's inks."""
SCAN = 1100
"""Pixels along the longer side of a scan."""
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Line:
    """A printed line: its text, its box in points, and the number of its block of text."""

    text: str
    box: Box
    block: int


@dataclass(frozen=True)
class FormattedPage:
    """A page as PDF, and the elements of its reference text with the boxes around their ink, in points."""

    pdf: bytes
    elements: Sequence[Element]
    boxes: Sequence[Box]


def column_page(seed: int) -> tuple[bytes, list[Line]]:
    """Two to four numbered paragraphs of Times."""
    rng = np.random.default_rng((77, seed))
    font, reference, top = pymupdf.Font("tiro"), list[Line](), float(MARGIN)
    with pymupdf.open() as document:
        sheet = document.new_page(width=SIDE, height=SIDE)
        for number in range(1, int(rng.integers(3, 6))):
            lines = _wrapped([f"{number}.", *words_of_text(rng, int(rng.integers(20, 90)), 0.0)])
            if top + len(lines) * PITCH > SIDE - MARGIN:
                break
            baselines = [top + SIZE + PITCH * row for row in range(len(lines))]
            for line, baseline in zip(lines, baselines, strict=True):
                sheet.insert_text((MARGIN, baseline), line, fontname="tiro", fontsize=SIZE)
                right = MARGIN + font.text_length(line, SIZE)
                reference.append(Line(line, (MARGIN, baseline - ABOVE * SIZE, right, baseline + BELOW * SIZE), number))
            top = baselines[-1] + PITCH * float(rng.uniform(0.5, 1.0))
        return bytes(document.tobytes()), reference


def blocks_page(seed: int) -> tuple[bytes, list[Line]]:
    """The data engine's page of blocks, its words written at the same positions as text of a PDF."""
    image, blocks, name = block_page(np.random.default_rng((78, seed)), TRAINING_FACES, False)
    face = next(face for face in FACES if face.name == name)
    font = pymupdf.Font(fontbuffer=font_bytes(face.source))
    with pymupdf.open() as document:
        sheet = document.new_page(width=image.width * SCALE, height=image.height * SCALE)
        writer = pymupdf.TextWriter(sheet.rect)
        reference = []
        for number, block in enumerate(blocks):
            for start, end in _parts(block.text, "\n"):
                left, top, right, bottom = hull((block.boxes[start:end] * SCALE).tolist())
                reference.append(Line(block.text[start:end], (left, top, right, bottom), number))
            _set_words(writer, font, block)
        writer.write_text(sheet)
        return bytes(document.tobytes()), reference


def _set_words(writer: pymupdf.TextWriter, font: pymupdf.Font, block: Block) -> None:
    for start, end in _parts(block.text.replace("\n", " "), " "):
        left, top, _, bottom = (float(edge) * SCALE for edge in block.boxes[start])
        size = (bottom - top) / (ABOVE + BELOW)
        writer.append((left, bottom - BELOW * size), block.text[start:end], font, size)


def formatted_page(seed: int) -> FormattedPage:
    """The parts of the data engine's formatted page, typeset on a page of random width with margins."""
    rng = np.random.default_rng((79, seed))
    answer = TypesetAnswer()
    document = DocumentWriter(answer, rng, noise=0.0)
    two = rng.random() < 0.3
    matter = document.head() + document.body(int(rng.integers(300, 1000)), most_columns=3 if two else 4)
    width = EM * (46 if two else rng.uniform(30, 42))
    page = f"width: {width:.1f}pt, height: {width * 1.3:.1f}pt, margin: {3 * EM}pt, columns: {2 if two else 1}"
    source = (
        f'#set page({page})\n#set text(size: {EM}pt, font: "New Computer Modern")\n#set par(justify: true)\n{matter}'
    )
    with pages_of(source) as inked, pages_of(BLACK + source) as printed:
        if printed.page_count != 1:
            return formatted_page(seed + 10_000)
        characters = character_boxes(answer, render(inked[0], ZOOM), EM * ZOOM)[0] / ZOOM
        # A line break before an item has the position of the item, and is in the span of the element before.
        characters[[character.isspace() for character in answer.text]] = np.nan
        elements = parse(answer.text)
        boxes = []
        for element in elements:
            own = characters[slice(*element.span)]
            boxes.append(hull(own[~np.isnan(own).any(axis=1)].tolist()))
        return FormattedPage(bytes(printed.tobytes()), elements, boxes)


def as_scan(pdf: bytes, seed: int) -> bytes:
    """The page as a degraded picture in a PDF of the same size."""
    page = next(open_pages(pdf))
    assert page.image is not None
    assert page.size_pt is not None
    scale = SCAN / max(page.image.size)
    picture = page.image.resize(
        (round(page.image.width * scale), round(page.image.height * scale)), Image.Resampling.BOX
    )
    file = io.BytesIO()
    degrade(picture, np.random.default_rng(seed)).save(file, "JPEG", quality=92)
    with pymupdf.open() as document:
        sheet = document.new_page(width=page.size_pt[0], height=page.size_pt[1])
        sheet.insert_image(sheet.rect, stream=file.getvalue())
        return bytes(document.tobytes())


def hull(boxes: Sequence[Box]) -> Box:
    """The smallest box that contains all boxes."""
    return min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)


def _parts(text: str, separator: str) -> Iterator[tuple[int, int]]:
    """Start and end of each part between separators."""
    cuts = [-1, *(index for index, character in enumerate(text) if character == separator), len(text)]
    yield from ((left + 1, right) for left, right in pairwise(cuts) if right > left + 1)


def _wrapped(words: Sequence[str]) -> list[str]:
    """Lines of at most CHARACTERS characters."""
    lines = [""]
    for word in words:
        joined = f"{lines[-1]} {word}".strip()
        lines = [*lines[:-1], joined] if len(joined) <= CHARACTERS else [*lines, word]
    return [line[:CHARACTERS] for line in lines]
