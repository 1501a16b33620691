"""Pages of grey images alone, as scanners make them: in grey MuPDF draws them in half the time that RGB takes.

The values are the same where nothing else is drawn, nothing is blended, and no profile changes them.
"""

from contextlib import suppress
from typing import Any

from got_runtime.sources.mupdf import library

__all__ = ["draws_grey_images_alone"]

MAX_IMAGES = 50
"""Images of a page that are looked at."""
DRAWN = {"fill-image", "ignore-text"}
"""PyMuPDF's names of images, and of text that is there for searching."""


def draws_grey_images_alone(page: Any) -> bool:
    """Whether a ``pymupdf.Page`` draws nothing but images whose values are the same in grey as in RGB."""
    with suppress(Exception):  # a damaged object, which rendering reports
        return (
            _has_grey_images_alone(page)
            and {kind for kind, *_ in page.get_bboxlog()} <= DRAWN
            and not _draws_colour(page.get_displaylist())
        )
    return False


def _has_grey_images_alone(page: Any) -> bool:
    """Whether all that the page's resources hold for drawing are such images."""
    mupdf = library().mupdf
    own = page._pdf_page()
    images = mupdf.pdf_dict_get_inheritable(own.obj(), mupdf.pdf_new_name("Resources")).pdf_dict_gets("XObject")
    count: int = images.pdf_dict_len()
    if not 0 < count <= MAX_IMAGES or own.m_internal.transparency:
        return False
    grey = mupdf.fz_default_gray(mupdf.pdf_load_default_colorspaces(own.doc(), own))
    is_usual = bool(mupdf.fz_colorspace_is_device_gray(grey))
    return is_usual and all(_is_grey(images.pdf_dict_get_val(index)) for index in range(count))


def _is_grey(image: Any) -> bool:
    colours = image.pdf_dict_gets("ColorSpace")
    if image.pdf_dict_gets("Subtype").pdf_to_name() != "Image" or image.pdf_dict_gets("ImageMask").pdf_to_bool():
        return False
    if colours.pdf_is_array() and colours.pdf_array_get(0).pdf_to_name() == "ICCBased":
        return _keeps_values(library().mupdf.pdf_load_colorspace(colours))
    return bool(colours.pdf_to_name() == "DeviceGray")


def _keeps_values(colours: Any) -> bool:
    """Whether each value in a colour space of one component is as bright in RGB as in grey, and has no colour."""
    pymupdf = library()
    if pymupdf.mupdf.fz_colorspace_n(colours) != 1:
        return False
    values = pymupdf.Pixmap(pymupdf.Colorspace(colours), 256, 1, bytes(range(256)), 0)
    in_grey, in_rgb = (pymupdf.Pixmap(space, values).samples for space in (pymupdf.csGRAY, pymupdf.csRGB))
    return all(in_rgb[band::3] == in_grey for band in range(3))


def _draws_colour(drawing: Any) -> bool:
    """Whether a ``pymupdf.DisplayList`` draws colour. An image counts by its colour space, also one in the content."""
    mupdf = library().mupdf
    found = mupdf.ll_fz_new_test_device_outparams()  # where the device writes what it finds
    device = mupdf.FzDevice(mupdf.ll_fz_new_test_device_outparams_fn(0.0, 0, None, found))
    everywhere = mupdf.FzRect(mupdf.FzRect.Fixed_INFINITE)
    mupdf.fz_run_display_list(drawing.this, device, mupdf.FzMatrix(), everywhere, mupdf.FzCookie())
    mupdf.fz_close_device(device)
    return bool(found.is_color)
