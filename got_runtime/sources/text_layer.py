"""The text a PDF page already carries: whether it is good enough, and in which order it is read.

Both questions go to PyMuPDF's own models (they come with PyMuPDF 2 and run offline). Before version 2 PyMuPDF has
neither, so simple rules stand in for them.
"""

from collections import defaultdict
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise, starmap
from typing import Any

__all__ = ["needs_ocr", "text_layer"]

REPLACEMENT = "\ufffd"
MOST_REPLACEMENTS = 0.1
"""Share of characters without a Unicode value above which a text layer is taken for broken (PyMuPDF's threshold)."""

FULL_PAGE = 0.9
"""Share of the page above which one image is taken for a scan of the page."""

Box = tuple[float, float, float, float]


def needs_ocr(page: Any) -> bool:
    """Whether a ``pymupdf.Page`` has to be looked at to be read; False for a good text layer and for a blank page.

    PyMuPDF's decision, with one exception: it also says no to pictures without letters in them as far as its model
    can see. Where there is something on the page but no text layer, reading it is the only way to find out.
    """
    text = page.get_text("text", flags=0).strip()
    if not text:
        return bool(page.get_bboxlog())
    try:
        # The one part of pymupdf4llm that answers this question alone; its documented calls convert whole documents.
        decision = import_module("pymupdf4llm.ocr.analyze_page")
    except ImportError:
        return _looks_scanned(page, text)
    return bool(decision.analyze_page(page)["needs_ocr"])


def text_layer(page: Any) -> str:
    """The text of a ``pymupdf.Page`` in reading order: a line break after each line, a blank line between blocks."""
    lines = _lines(page)
    downwards = sorted(lines, key=lambda line: line.middle[1])
    blocks: dict[int, list[_Line]] = defaultdict(list)
    if all(line.level for line in lines) and not any(starmap(_beside, pairwise(downwards))):
        # No two lines side by side leave nothing to decide, and the layout model takes a third of a second a page.
        for line in downwards:
            blocks[line.block].append(line)
        return "\n\n".join(map(_block_text, blocks.values()))
    regions = _regions(page)
    for line in lines:
        blocks[_nearest(line, regions) if regions else line.block].append(line)
    return "\n\n".join(_block_text(blocks[key]) for key in sorted(blocks))


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


def _lines(page: Any) -> list[_Line]:
    import pymupdf

    # Ligatures are left out of the flags so that "ﬁ" comes as the two letters that were meant.
    flags = pymupdf.TEXT_PRESERVE_WHITESPACE | pymupdf.TEXT_MEDIABOX_CLIP
    lines = []
    for block in page.get_text("dict", flags=flags)["blocks"]:
        for line in block.get("lines", ()):
            text = "".join(span["text"] for span in line["spans"]).strip()
            if text:
                level = abs(line["dir"][1]) < 0.01 and line["dir"][0] > 0
                lines.append(_Line(text, tuple(line["bbox"]), block["number"], level))
    return lines


def _regions(page: Any) -> list[Box]:
    """Boxes of the page's regions in reading order, from PyMuPDF's layout model; empty where there is none."""
    if not hasattr(page, "get_layout"):
        return []
    page.get_layout()
    return [tuple(region[:4]) for region in page.layout_information or ()]


def _nearest(line: _Line, regions: list[Box]) -> int:
    """The region a line lies in, or next to: no line may be lost because the model drew no box around it."""
    x, y = line.middle

    def distance(index: int) -> float:
        x0, y0, x1, y1 = regions[index]
        return max(x0 - x, 0, x - x1) + max(y0 - y, 0, y - y1)

    return min(range(len(regions)), key=distance)


def _beside(upper: _Line, lower: _Line) -> bool:
    """Whether two lines share a row: the one whose middle is lower begins above the middle of the other."""
    return lower.box[1] < upper.middle[1]


def _block_text(lines: list[_Line]) -> str:
    if not all(line.level for line in lines):
        return "\n".join(line.text for line in lines)  # turned text: as it was written
    rows: list[list[_Line]] = []
    for line in sorted(lines, key=lambda line: line.middle[1]):
        # A PDF "line" ends at every wide gap; pieces that overlap the row's middle belong to it.
        if rows and _beside(rows[-1][0], line):
            rows[-1].append(line)
        else:
            rows.append([line])
    return "\n".join(" ".join(piece.text for piece in sorted(row, key=lambda piece: piece.box[0])) for row in rows)


def _looks_scanned(page: Any, text: str) -> bool:
    if text.count(REPLACEMENT) > MOST_REPLACEMENTS * len(text):
        return True
    whole = abs(page.rect)
    return any(abs(page.rect & image["bbox"]) > FULL_PAGE * whole for image in page.get_image_info())
