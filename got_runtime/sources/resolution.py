"""The resolution of PDF pages."""

__all__ = ["LONG_SIDE", "POINTS_PER_INCH", "auto_dpi"]

OVERSAMPLING = 2
"""The model's input is 1,024 pixels a side. Twice as many let the bicubic reduction average over strokes, and give a
grid of tiles more detail than one view has. More costs time and memory and is averaged away."""

LONG_SIDE = 1024 * OVERSAMPLING
"""Pixels along the longer side of a rendered page if no resolution is given."""

POINTS_PER_INCH = 72
LOWEST_AUTO_DPI, HIGHEST_AUTO_DPI = 72, 600
"""A poster below 72 dpi loses its small print; a stamp-sized page above 600 dpi gains no detail."""


def auto_dpi(width_pt: float, height_pt: float, long_side: int = LONG_SIDE) -> int:
    """Resolution at which the longer side of a page (in points) has about ``long_side`` pixels, within 72..600."""
    dpi = round(POINTS_PER_INCH * long_side / max(width_pt, height_pt, 1.0))
    return min(max(dpi, LOWEST_AUTO_DPI), HIGHEST_AUTO_DPI)
