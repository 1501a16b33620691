"""Regions of a born-digital PDF page, found by PyMuPDF's layout analysis."""

from dataclasses import dataclass
from typing import Any

__all__ = ["Region", "layout_regions"]


@dataclass(frozen=True)
class Region:
    """A region: its box ``(x0, y0, x1, y1)`` in points, its class (``text``, ``title``, ``table`` …), its text."""

    bbox: tuple[float, float, float, float]
    kind: str
    text: str


def layout_regions(page: Any) -> list[Region]:
    """The regions of a ``pymupdf.Page`` in reading order; none on a scan, a rotated page, or without the model."""
    analyse = getattr(page, "get_layout", None)
    if analyse is None or page.rotation or not page.get_text().strip():
        return []
    analyse()
    found = page.layout_information or []
    return [Region((x0, y0, x1, y1), kind, page.get_textbox((x0, y0, x1, y1))) for x0, y0, x1, y1, kind in found]
