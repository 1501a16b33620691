"""The text layer of a PDF page: whether it is good enough, and its text in reading order.

Both are decided by PyMuPDF's own models, which come with PyMuPDF 2 and run offline. Older versions have none; simple
rules replace them.
"""

from base64 import b64decode, b64encode
from collections import defaultdict
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise, starmap
from typing import Any

import numpy as np

from got_runtime.sources.hidden_text import HiddenText
from got_runtime.sources.symbol_fonts import with_symbols

__all__ = [
    "Character",
    "TextLayer",
    "characters",
    "is_scan",
    "needs_ocr",
    "packed",
    "read_text_layer",
    "text_layer",
    "unpacked",
]

REPLACEMENT = "\ufffd"
MOST_REPLACEMENTS = 0.1
"""Fraction of characters without a Unicode value above which a text layer counts as broken (PyMuPDF's threshold)."""

FULL_PAGE = 0.9
"""Fraction of the page area above which one image counts as a scan of the page."""

Box = tuple[float, float, float, float]
Character = tuple[str, Box]
"""A character and its box in points, as the page is shown."""


@dataclass(frozen=True, slots=True)
class TextLayer:
    """A text layer: its text, the lines of it with their boxes in points, as the page is shown, and warnings."""

    text: str = ""
    lines: tuple[tuple[str, Box], ...] = ()
    warnings: tuple[str, ...] = ()


def needs_ocr(page: Any) -> bool:
    """Whether a ``pymupdf.Page`` needs OCR; False for a good text layer and for a blank page.

    This is PyMuPDF's decision with one exception: a page that has content but no text layer always needs OCR, even if
    PyMuPDF's model finds no letters in its pictures.
    """
    text = page.get_text("text", flags=0).strip()
    if not text:
        return bool(page.get_bboxlog())
    try:
        # The part of pymupdf4llm that makes this decision alone; its documented calls convert whole documents.
        decision = import_module("pymupdf4llm.ocr.analyze_page")
    except ImportError:
        poor = is_scan(page)
    else:
        poor = bool(decision.analyze_page(page)["needs_ocr"])
    return poor or not _lines(page)[0]


def text_layer(page: Any) -> str:
    """The text of a ``pymupdf.Page`` in reading order: a line break after each line, a blank line between blocks.

    Text that nobody sees is left out.
    """
    return read_text_layer(page).text


def read_text_layer(page: Any, gap: str = " ") -> TextLayer:
    """The text layer of a ``pymupdf.Page`` in reading order, without text that nobody sees, of which it warns.

    ``gap`` stands between parts of a row that are far from each other, such as the cells of a table.
    """
    lines, hidden = _lines(page)
    warnings: tuple[str, ...] = ()
    if hidden:
        warnings = (f"text that nobody sees was left out ({len(hidden)}): {hidden[0][:40]!r}",)
    blocks = [_rows(block, gap) for block in _blocks(page, lines)]
    return TextLayer(
        "\n\n".join("\n".join(text for text, _ in rows) for rows in blocks),
        tuple(row for rows in blocks for row in rows),
        warnings,
    )


def _blocks(page: Any, lines: "list[_Line]") -> "list[list[_Line]]":
    downwards = sorted(lines, key=lambda line: line.middle[1])
    blocks: dict[int, list[_Line]] = defaultdict(list)
    if all(line.level for line in lines) and not any(starmap(_beside, pairwise(downwards))):
        # One column: the order is known, and the layout model takes a third of a second a page.
        for line in downwards:
            blocks[line.block].append(line)
        return list(blocks.values())
    regions = _regions(page)
    for line in lines:
        blocks[_nearest(line, regions) if regions else line.block].append(line)
    return [blocks[key] for key in sorted(blocks)]


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    box: Box
    block: int
    level: bool

    @property
    def middle(self) -> tuple[float, float]:
        x0, y0, x1, y1 = self.box
        return (x0 + x1) / 2, (y0 + y1) / 2


def _lines(page: Any) -> tuple[list[_Line], list[str]]:
    """The lines that are seen, and the texts that are not."""
    import pymupdf

    # TEXT_PRESERVE_LIGATURES is not set, so that the ligature "ﬁ" becomes two letters.
    flags = pymupdf.TEXT_PRESERVE_WHITESPACE | pymupdf.TEXT_MEDIABOX_CLIP
    # MuPDF gives places on the page before its rotation.
    turn = pymupdf.Matrix(page.rotation)
    lines, hidden = list[_Line](), list[str]()
    is_hidden = HiddenText(page)
    for block in page.get_text("dict", flags=flags)["blocks"]:
        for line in block.get("lines", ()):
            seen = [span for span in line["spans"] if not is_hidden(span)]
            hidden += [span["text"].strip() for span in line["spans"] if span not in seen]
            text = "".join(with_symbols(span["text"], span["font"]) for span in seen).strip()
            if text:
                direction = pymupdf.Point(line["dir"]) * turn
                level = abs(direction.y) < 0.01 and direction.x > 0
                box = pymupdf.Rect(line["bbox"])
                if len(seen) < len(line["spans"]):
                    box = pymupdf.Rect()
                    for span in seen:
                        box |= pymupdf.Rect(span["bbox"])
                lines.append(_Line(text, tuple(box * page.rotation_matrix), block["number"], level))
    return lines, hidden


def _regions(page: Any) -> list[Box]:
    """Boxes of the page's regions in reading order, from PyMuPDF's layout model.

    Empty if there is no model, and on a rotated page, for which it finds none that are right.
    """
    if not hasattr(page, "get_layout") or page.rotation:
        return []
    page.get_layout()
    return [tuple(region[:4]) for region in page.layout_information or ()]


def _nearest(line: _Line, regions: list[Box]) -> int:
    """The region that contains a line, else the nearest, so that no line outside all regions is lost."""
    x, y = line.middle

    def distance(index: int) -> float:
        x0, y0, x1, y1 = regions[index]
        return max(x0 - x, 0, x - x1) + max(y0 - y, 0, y - y1)

    return min(range(len(regions)), key=distance)


def _beside(upper: _Line, lower: _Line) -> bool:
    """Whether two lines are in one row: the lower one begins above the middle of the upper one."""
    return lower.box[1] < upper.middle[1]


def _rows(lines: list[_Line], gap: str) -> list[tuple[str, Box]]:
    """The rows of a block, each with its text and its box."""
    if not all(line.level for line in lines):
        return [(line.text, line.box) for line in lines]  # rotated text: in the order of the file
    rows: list[list[_Line]] = []
    for line in sorted(lines, key=lambda line: line.middle[1]):
        # A PDF "line" ends at every wide gap; pieces that overlap the row's middle belong to it.
        if rows and _beside(rows[-1][0], line):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [_row(sorted(row, key=lambda piece: piece.box[0]), gap) for row in rows]


def _row(pieces: list[_Line], gap: str) -> tuple[str, Box]:
    left, top, right, bottom = zip(*(piece.box for piece in pieces), strict=True)
    return gap.join(piece.text for piece in pieces), (min(left), min(top), max(right), max(bottom))


def is_scan(page: Any) -> bool:
    """Whether the text layer of a ``pymupdf.Page`` is not the page's own text, by simple rules.

    One image covers the page, or more than a tenth of the characters have no Unicode value.
    """
    text = page.get_text("text", flags=0).strip()
    if text.count(REPLACEMENT) > MOST_REPLACEMENTS * len(text):
        return True
    whole = abs(page.rect)
    return any(abs(page.rect & image["bbox"]) > FULL_PAGE * whole for image in page.get_image_info())


def characters(page: Any) -> list[Character]:
    """The characters of the text layer of a ``pymupdf.Page`` in the order of the file, without white space."""
    import pymupdf

    blocks = page.get_text("rawdict", flags=pymupdf.TEXT_MEDIABOX_CLIP)["blocks"]
    spans = (span for block in blocks for line in block.get("lines", ()) for span in line["spans"])
    return [
        (with_symbols(character["c"], span["font"]), tuple(pymupdf.Rect(character["bbox"]) * page.rotation_matrix))
        for span in spans
        for character in span["chars"]
        if not character["c"].isspace()
    ]


def packed(found: list[Character]) -> dict[str, Any]:
    """Characters as JSON carries them fast: read as lists, half a million boxes hold a process for four seconds."""
    boxes = np.array([box for _, box in found], dtype=np.float64)
    return {"characters": [character for character, _ in found], "boxes": b64encode(boxes.tobytes()).decode()}


def unpacked(value: dict[str, Any]) -> list[Character]:
    """The characters of :func:`packed`."""
    boxes = np.frombuffer(b64decode(value["boxes"]), dtype=np.float64).reshape(-1, 4)
    return list(zip(value["characters"], zip(*boxes.T.tolist(), strict=True), strict=True))
