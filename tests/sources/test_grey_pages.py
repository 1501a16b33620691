"""Pages of grey images alone are drawn in grey, with the values that they have in RGB."""

import io

import numpy as np
import pytest
from helpers.source_files import only_page, pymupdf, same
from PIL import Image

from got_runtime.sources import Limits
from got_runtime.sources.grey import draws_grey_images_alone

DPI = 60


def picture(mode: str) -> Image.Image:
    values = np.random.default_rng(7).integers(0, 256, (300, 200, 2), np.uint8)
    return Image.fromarray(values if mode == "LA" else values[:, :, 0], mode if mode == "LA" else None).convert(mode)


def scan(
    mode: str = "L",
    kind: str = "JPEG",
    image: dict[str, str] | None = None,
    resources: dict[str, str] | None = None,
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """A PDF with a picture on its only page, entries of its dictionary and of the resources, and more content."""
    buffer = io.BytesIO()
    picture(mode).save(buffer, kind)
    with pymupdf.open() as document:
        sheet = document.new_page(width=300, height=400)
        sheet.insert_image((20, 20, 250, 360), stream=buffer.getvalue())
        drawn = sheet.get_images()[0][0]
        for key, value in (image or {}).items():
            document.xref_set_key(drawn, key, value)
        where = int(document.xref_get_key(sheet.xref, "Resources")[1].split()[0])
        for key, value in (resources or {}).items():
            document.xref_set_key(where, key, value)
        (content,) = sheet.get_contents()
        document.update_stream(content, before + document.xref_stream(content) + after)
        data: bytes = document.tobytes()
    return data


HIDDEN_TEXT = b"\nBT /F 9 Tf 3 Tr 20 300 Td (words) Tj ET"
RED_PIXEL = b"\nq 50 0 0 50 0 0 cm BI /W 1 /H 1 /BPC 8 /CS /RGB ID \xff\0\0 EI Q"
FONT = {"Font": "<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"}
HALF = {"ExtGState": "<</G<</ca .5>>>>"}
MULTIPLIED = {"ExtGState": "<</G<</BM/Multiply>>>>"}
PROFILE = "[/CalGray<</WhitePoint[.95 1 1.09]/Gamma 2.2>>]"
GREY = {"ColorSpace": "/DeviceGray"}


@pytest.mark.parametrize(
    ("data", "is_drawn_in_grey"),
    [
        (scan(), True),
        (scan(image=GREY), True),
        (scan(image={**GREY, "Decode": "[1 0]"}), True),
        (scan("1", "PNG"), True),
        (scan(resources=FONT, after=HIDDEN_TEXT), True),
        (scan("RGB"), False),
        (scan(after=b"\n1 0 0 rg 0 0 50 50 re f"), False),
        (scan(after=b"\n.3 g 0 0 50 50 re f"), False),
        (scan(after=RED_PIXEL), False),
        (scan("LA", "PNG"), False),
        (scan(resources=HALF, before=b"/G gs "), True),
        (scan(resources=MULTIPLIED, before=b"/G gs "), False),
        (scan(image={"ColorSpace": PROFILE}), False),
        (scan(image=GREY, resources={"ColorSpace": f"<</DefaultGray {PROFILE}>>"}), False),
    ],
    ids=[
        "sRGB's profile",
        "without a profile",
        "inverted",
        "one bit",
        "hidden text",
        "RGB",
        "red area",
        "grey area",
        "red pixel",
        "soft mask",
        "half opaque",
        "multiplied",
        "own profile",
        "profile of the page",
    ],
)
def test_grey_scans_have_the_values_of_rgb(data: bytes, is_drawn_in_grey: bool) -> None:
    with pymupdf.open(stream=data) as document:
        assert draws_grey_images_alone(document[0]) == is_drawn_in_grey
        expected = document[0].get_pixmap(matrix=pymupdf.Matrix(DPI / 72, DPI / 72)).pil_image()
    for limits in (Limits(), Limits(isolate=False)):
        page = only_page(data, dpi=DPI, limits=limits)
        assert same(page.image, expected)
        assert page.warnings == ()


def test_a_grey_scan_of_one_colour_is_warned_of() -> None:
    (warning,) = only_page(scan(image={**GREY, "Decode": "[1 1]"}), dpi=DPI).warnings
    assert "one colour although it has content" in warning
