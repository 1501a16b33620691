"""Text of a PDF page that nobody sees: in the colour of its background, covered, transparent, or far too small.

Such text is meant for programs, and may be instructions to a language model. It is found in the pixels of the page, so
that it does not matter how it was hidden.
"""

from typing import Any

import numpy as np

__all__ = ["HiddenText"]

PIXELS_PER_POINT = 2.0
MAX_SIDE = 2400
"""Pixels of the longer side of the picture in which text is looked for, at most."""
MIN_CONTRAST = 16
"""Difference, of 255, between the colour of letters and their background from which they are seen."""
MIN_INK_CONTRAST = 6
"""Difference of any pixel from the background below which nothing is printed. Thin letters are smoothed to grey."""
MIN_SIZE, MIN_SIZE_FRACTION = 2.0, 1 / 300
"""Smallest type size that can be read: in points, and of the longer side of a smaller page."""
FILLED, STROKED, CLIPPED = 16, 32, 64
"""Flags of MuPDF for how characters are painted. Without any (render mode 3) they are not."""


class HiddenText:
    """Tells which spans of a ``pymupdf.Page`` are hidden."""

    def __init__(self, page: Any) -> None:
        import pymupdf

        width, height = page.rect.width, page.rect.height
        side = max(width, height, 1.0)
        self._zoom = min(PIXELS_PER_POINT, MAX_SIDE / side)
        self._min_size = min(MIN_SIZE, MIN_SIZE_FRACTION * side)
        pixmap = page.get_pixmap(matrix=pymupdf.Matrix(self._zoom, self._zoom), colorspace=pymupdf.csRGB, alpha=False)
        rows = np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.height, pixmap.stride)
        self._pixels = rows[:, : pixmap.width * 3].reshape(pixmap.height, pixmap.width, 3).astype(np.int16)
        self._turn = page.rotation_matrix
        self._images = [pymupdf.Rect(image["bbox"]) for image in page.get_image_info()]

    def __call__(self, span: dict[str, Any]) -> bool:
        """Whether nobody sees the text of a span of ``page.get_text("dict")``."""
        import pymupdf

        if not span["text"].strip():
            return False
        if span["size"] < self._min_size:
            return True
        box = pymupdf.Rect(span["bbox"])
        painted = span.get("char_flags", FILLED) & (FILLED | STROKED | CLIPPED)
        if not painted and not any(image.contains((box.tl + box.br) / 2) for image in self._images):
            return True
        inside = self._inside(box * self._turn)
        if not inside.size:
            return False
        background = np.median(inside, axis=(0, 1))
        if np.abs(inside - background).max() < MIN_INK_CONTRAST:
            return True
        colour = np.array([span["color"] >> shift & 255 for shift in (16, 8, 0)])
        return painted == FILLED and bool(
            np.abs(colour - background).max() * span.get("alpha", 255) < MIN_CONTRAST * 255
        )

    def _inside(self, box: Any) -> Any:
        """The pixels of the middle of a line, which its neighbours do not reach."""
        across, down = min(box.width, box.height) / 4, min(box.width, box.height) / 4
        across, down = (0, down) if box.width >= box.height else (across, 0)
        x0, y0, x1, y1 = (
            round(edge * self._zoom) for edge in (box.x0 + across, box.y0 + down, box.x1 - across, box.y1 - down)
        )
        return self._pixels[max(y0, 0) : max(y1, y0 + 1, 0), max(x0, 0) : max(x1, x0 + 1, 0)]
