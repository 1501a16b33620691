"""Pages of one JPEG, as scanners make them: libjpeg-turbo, which Pillow has, decodes it in a third of MuPDF's time.

MuPDF looks into its store of decoded images before it decodes one itself. The picture is put there, and MuPDF draws it
as its own. Values of grey are the same, those of colours in full resolution to 1 of 255; where a scanner keeps one
colour for four pixels, the libraries interpolate it otherwise, which is seen at edges.
"""

import io
from typing import Any

from got_runtime.sources.jpeg import JpegFile
from got_runtime.sources.mupdf import library

__all__ = ["store_scan"]

LEAST_SHARE = 0.25
"""Pixels of the image for one of the page's picture: a smaller one takes little time."""
MAX_OVERHANG = 2.0
"""Pixels of an image that may lie outside of the page."""
MAX_PIXELS = 40_000_000
"""A page of A3 at 400 dpi has 31 million. Larger ones would be in memory once more."""
CHANGES = ("Decode", "DecodeParms", "DP", "F", "ImageMask", "Mask", "SMask", "SMaskInData")
"""Entries of an image that change its values, or have more to be drawn (ISO 32000-1, tables 5 and 89)."""
BITS = 8
"""Of a sample."""
YCBCR = 1
"""Value of an Adobe marker for colours as luminance and two differences."""


def store_scan(page: Any, zoom: float) -> int | None:
    """Put the only image of a ``pymupdf.Page`` into MuPDF's store, decoded, until that is emptied.

    Args:
        page: drawn next.
        zoom: pixels of a point.

    Returns:
        The object number of the image, if its data are sound; None where MuPDF is left to decode.
    """
    try:
        image = _only_image(page)
        if image is None or not _is_drawn_large(page, zoom, _size(image)):
            return None
        library().TOOLS.store_shrink(100)  # finding out where it is drawn has put MuPDF's own image there
        return _stored(page.parent, image)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, MuPDF decodes and reports
        return None


def _only_image(page: Any) -> Any:
    """The image object, if the page has no other, and nothing changes the values that are in the JPEG data."""
    mupdf = library().mupdf
    resources = mupdf.pdf_dict_get_inheritable(page._pdf_page().obj(), mupdf.pdf_new_name("Resources"))
    images = resources.pdf_dict_gets("XObject")
    if images.pdf_dict_len() != 1:
        return None
    image = images.pdf_dict_get_val(0)
    filters = image.pdf_dict_gets("Filter")
    if filters.pdf_is_array() and filters.pdf_array_len() == 1:
        filters = filters.pdf_array_get(0)
    is_plain = (
        image.pdf_dict_gets("Subtype").pdf_to_name() == "Image"
        and filters.pdf_to_name() == "DCTDecode"
        and image.pdf_dict_gets("BitsPerComponent").pdf_to_int() == BITS
        and all(image.pdf_dict_gets(name).pdf_is_null() for name in CHANGES)
    )
    return image if is_plain else None


def _is_drawn_large(page: Any, zoom: float, size: tuple[int, int]) -> bool:
    """Whether all of the image is shown, as most of the page, at over half its resolution.

    Of others MuPDF decodes less: a part, or every second pixel.
    """
    sheet = page.rect * page.derotation_matrix  # as the boxes are
    pixels = sheet.width * sheet.height * zoom * zoom
    if not LEAST_SHARE * pixels <= size[0] * size[1] <= MAX_PIXELS:
        return False
    boxes = [box for kind, box, *_ in page.get_bboxlog() if kind == "fill-image"]
    if len(boxes) != 1:
        return False
    x0, y0, x1, y1 = boxes[0]
    if min(x0 - sheet.x0, y0 - sheet.y0, sheet.x1 - x1, sheet.y1 - y1) * zoom < -MAX_OVERHANG:
        return False
    drawn = sorted(((x1 - x0) * zoom, (y1 - y0) * zoom))
    is_large = drawn[0] * drawn[1] >= LEAST_SHARE * pixels
    return is_large and any(side < 2 * on_page for side, on_page in zip(sorted(size), drawn, strict=True))


def _size(image: Any) -> tuple[int, int]:
    return image.pdf_dict_gets("Width").pdf_to_int(), image.pdf_dict_gets("Height").pdf_to_int()


def _stored(document: Any, image: Any) -> int | None:
    pymupdf = library()
    mupdf, number = pymupdf.mupdf, image.pdf_to_num()
    colours = mupdf.pdf_load_colorspace(image.pdf_dict_gets("ColorSpace"))
    jpeg = JpegFile(io.BytesIO(document.xref_stream_raw(number)), "")
    if jpeg.size != _size(image) or not _has_colours_of(jpeg, colours):
        return None
    jpeg.load()
    if jpeg.fault is not None:
        return None
    data = jpeg.tobytes()
    decoded = pymupdf.Pixmap(pymupdf.Colorspace(colours), *jpeg.size, data, 0)
    picture = mupdf.fz_new_image_from_pixmap(decoded.this, mupdf.FzImage())
    picture.m_internal.interpolate = int(image.pdf_dict_gets("Interpolate").pdf_to_bool())
    mupdf.ll_pdf_store_item(image.m_internal, picture.m_internal, len(data))
    return int(number)


def _has_colours_of(jpeg: JpegFile, colours: Any) -> bool:
    """Whether the data are grey, or YCbCr of which both libraries say so, as the colour space has it."""
    mupdf = library().mupdf
    if jpeg.mode == "L":
        return bool(mupdf.fz_colorspace_is_gray(colours))
    is_ycbcr = jpeg.info.get("adobe_transform", YCBCR) == YCBCR and ("jfif" in jpeg.info or "adobe" in jpeg.info)
    return jpeg.mode == "RGB" and is_ycbcr and bool(mupdf.fz_colorspace_is_rgb(colours))
