"""A page drawn by MuPDF, in memory that is given: that through which the pixels return is written once then."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from got_runtime.sources.answers import Pixels
from got_runtime.sources.mupdf import library

__all__ = ["Memory", "drawn_page", "draws_text_alone"]

Memory = Callable[[int], Any]
"""Gives writable memory of so many bytes for the next picture, or None."""

WHITE = 255
KEPT = ("XObject", "Pattern", "Shading")
"""Entries of resources whose objects MuPDF keeps decoded, in the resolution in which they were drawn."""
MAX_FONTS = 100
"""Fonts of a page that are looked at."""


def drawn_page(page: Any, zoom: float, mode: str, memory: Memory | None) -> Pixels:
    """The pixels of a ``pymupdf.Page``.

    Args:
        page: what is drawn.
        zoom: pixels of a point.
        mode: RGB or L.
        memory: for the pixels; without it, MuPDF has them in memory of its own.
    """
    pymupdf = library()
    colours = pymupdf.csGRAY if mode == "L" else pymupdf.csRGB
    if memory is not None:
        mupdf, drawing = pymupdf.mupdf, page.get_displaylist().this
        matrix = mupdf.FzMatrix(zoom, 0, 0, zoom, 0, 0)
        area = mupdf.fz_round_rect(mupdf.fz_transform_rect(mupdf.fz_bound_display_list(drawing), matrix))
        width, height = area.x1 - area.x0, area.y1 - area.y0
        data = memory(width * height * len(mode)) if width > 0 and height > 0 else None
        if data is not None:
            place, plain = mupdf.python_mutable_buffer_data(data), mupdf.FzSeparations()
            pixmap = mupdf.fz_new_pixmap_with_bbox_and_data(colours.this, area, plain, 0, place)
            mupdf.fz_clear_pixmap_with_value(pixmap, WHITE)
            device, everywhere = mupdf.fz_new_draw_device(matrix, pixmap), mupdf.FzRect(mupdf.FzRect.Fixed_INFINITE)
            mupdf.fz_run_display_list(drawing, device, mupdf.FzMatrix(), everywhere, mupdf.FzCookie())
            mupdf.fz_close_device(device)
            return Pixels(mode, width, height, data)
    pixmap = page.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), colorspace=colours, alpha=False)
    return Pixels(mode, pixmap.width, pixmap.height, pixmap.samples_mv, pixmap)


def draws_text_alone(page: Any) -> bool:
    """Whether a ``pymupdf.Page`` has nothing but lines, areas, and fonts whose glyphs are outlines.

    Then MuPDF keeps nothing of it that would be drawn otherwise on another page, as images are, and glyphs of Type 3.
    """
    mupdf = library().mupdf
    with suppress(Exception):  # a damaged object, which rendering reports
        own = page._pdf_page().obj()
        resources = mupdf.pdf_dict_get_inheritable(own, mupdf.pdf_new_name("Resources"))
        has_more = any(resources.pdf_dict_gets(name).pdf_dict_len() for name in KEPT)
        if has_more or own.pdf_dict_gets("Annots").pdf_array_len():
            return False
        fonts = resources.pdf_dict_gets("Font")
        kinds = (fonts.pdf_dict_get_val(index).pdf_dict_gets("Subtype") for index in range(fonts.pdf_dict_len()))
        return fonts.pdf_dict_len() <= MAX_FONTS and all(kind.pdf_to_name() != "Type3" for kind in kinds)
    return False
