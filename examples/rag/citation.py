"""A chunk that was found → its file, page and box, and an image of the page with the box drawn."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymupdf

WIDTH = 900
"""Width of a page's image in pixels."""
RED, MARGIN = (0.85, 0.1, 0.1), 4


@dataclass(frozen=True)
class Citation:
    """A chunk with its file, its page (counted from 1) and its box in points, if one is known."""

    text: str
    file: Path
    page: int
    box: tuple[float, float, float, float] | None

    @classmethod
    def of(cls, text: str, metadata: Mapping[str, Any], page: int) -> "Citation":
        """The citation of a Document with the metadata of ``mode="chunk", boxes=True``."""
        box = tuple(json.loads(metadata["bbox"])) if metadata["bbox"] else None
        return cls(text, Path(metadata["file_path"]), page, box)

    def __str__(self) -> str:
        box = f" box {', '.join(f'{edge:.0f}' for edge in self.box)}" if self.box else ""
        return f"{self.file.name} page {self.page}{box}: {' '.join(self.text.split())[:90]}"

    def draw(self, target: Path) -> Path:
        """Write the page as PNG with the box in red; returns ``target``."""
        with pymupdf.open(self.file) as document:
            page = document[self.page - 1]
            if self.box:
                x0, y0, x1, y1 = self.box
                page.draw_rect((x0 - MARGIN, y0 - MARGIN, x1 + MARGIN, y1 + MARGIN), color=RED, width=1.5)
            scale = WIDTH / page.rect.width
            page.get_pixmap(matrix=pymupdf.Matrix(scale, scale)).save(target)
        return target
