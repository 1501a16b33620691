"""The JPEG of a scanned page is decoded by Pillow, and MuPDF draws it as it draws what it decodes itself."""

import gc
import io
import weakref
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from helpers.source_files import only_page, pymupdf
from PIL import Image, ImageCms

from got_runtime.sources import Limits
from got_runtime.sources.jpeg import JpegFile
from got_runtime.sources.scans import store_scan

SIZE = 300, 400
WHOLE = (0, 0, *SIZE)
FULL = {"quality": 90, "subsampling": 0}
HALF = {"quality": 90, "subsampling": 2}


def jpeg_of(mode: str, **options: Any) -> bytes:
    """A coloured gradient with sharp marks."""
    values = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    values[..., 0] = np.linspace(120, 255, SIZE[0])
    values[..., 1] = np.linspace(120, 255, SIZE[1])[:, None]
    values[..., 2] = 230
    values[np.random.default_rng(3).random((SIZE[1], SIZE[0])) > 0.97] = (10, 20, 90)
    buffer = io.BytesIO()
    Image.fromarray(values).convert(mode).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def scan(
    data: bytes, where: tuple[float, ...] = WHOLE, page: tuple[int, int] = SIZE, rotate: int = 0, **entries: str
) -> bytes:
    """A PDF with the picture on its only page, and more entries in the picture's dictionary."""
    with pymupdf.open() as document:
        sheet = document.new_page(width=page[0], height=page[1])
        sheet.insert_image(where, stream=data, keep_proportion=False)
        sheet.set_rotation(rotate)
        for key, value in entries.items():
            document.xref_set_key(sheet.get_images()[0][0], key, value)
        written: bytes = document.tobytes()
    return written


def drawn(data: bytes, zoom: float, is_own: bool) -> tuple[bool, npt.NDArray[np.int64]]:
    """Whether Pillow decoded the image of the page, and its pixels."""
    with pymupdf.open(stream=data, filetype="pdf") as document:
        sheet = document[0]
        stored = store_scan(sheet, zoom) if is_own else None
        pixels = sheet.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom))
        pymupdf.TOOLS.store_shrink(100)
        return stored is not None, np.frombuffer(pixels.samples, np.uint8).astype(np.int64)


PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize("zoom", [0.7, 1, 1.7])
@pytest.mark.parametrize(
    "data",
    [
        scan(jpeg_of("L")),
        scan(jpeg_of("L", progressive=True), Interpolate="true"),
        scan(jpeg_of("RGB", **FULL)),
        scan(jpeg_of("RGB", icc_profile=PROFILE, **FULL)),
        scan(jpeg_of("RGB", **FULL), (10, 10, 290, 380), Interpolate="true"),
        scan(jpeg_of("RGB", **FULL), rotate=90),
    ],
    ids=["grey", "grey, progressive", "colours", "profile", "with a margin", "turned"],
)
def test_the_page_has_the_pixels_that_mupdf_decodes(data: bytes, zoom: float) -> None:
    is_own, pixels = drawn(data, zoom, is_own=True)
    difference = np.abs(pixels - drawn(data, zoom, is_own=False)[1])
    assert is_own
    assert difference.max() <= 1  # the libraries round colours otherwise, at a few pixels
    assert difference.mean() < 0.001


def test_colours_in_half_the_resolution_differ_little_at_their_edges() -> None:
    data = scan(jpeg_of("RGB", **HALF))
    (is_own, pixels), (_, of_mupdf) = drawn(data, 1, is_own=True), drawn(data, 1, is_own=False)
    difference = np.abs(pixels - of_mupdf)
    assert is_own
    assert difference.max() < 32
    assert difference.mean() < 1


def test_a_scan_is_a_page_of_the_right_picture_here_and_in_a_child() -> None:
    data = jpeg_of("RGB", **FULL)
    for isolate in (True, False):
        page = only_page(scan(data), dpi=72, limits=Limits(isolate=isolate))
        assert page.warnings == ()
        with Image.open(io.BytesIO(data)) as image:
            assert np.abs(np.asarray(page.image, np.int64) - np.asarray(image, np.int64)).mean() < 1


INVERTED = "[1 0 1 0 1 0]"


@pytest.mark.parametrize(
    "data",
    [
        scan(jpeg_of("RGB"), Decode=INVERTED),
        scan(jpeg_of("RGB"), DecodeParms="<</ColorTransform 0>>"),
        scan(jpeg_of("RGB"), Mask="[0 9 0 9 0 9]"),
        scan(jpeg_of("RGB"), Width="200"),
        scan(jpeg_of("RGB"), ColorSpace="/DeviceGray"),
        scan(jpeg_of("L"), ColorSpace="[/Indexed/DeviceRGB 3<00000000FF0000FF00FFFFFF>]"),
        scan(jpeg_of("CMYK")),
        scan(jpeg_of("RGB", keep_rgb=True)),
        scan(jpeg_of("RGB")[:6000]),
        scan(jpeg_of("RGB"), (-50, 0, 300, 400)),
        scan(jpeg_of("RGB"), (0, 0, 90, 120)),
        scan(jpeg_of("RGB"), page=(140, 190), where=(0, 0, 140, 190)),
    ],
    ids=[
        "inverted",
        "parameters",
        "masked",
        "of another size",
        "of other colours",
        "of a palette",
        "CMYK",
        "stored as RGB",
        "cut off",
        "shown in part",
        "drawn small",
        "of twice the resolution",
    ],
)
def test_mupdf_decodes_what_is_more_than_a_plain_picture(data: bytes) -> None:
    is_own, pixels = drawn(data, 1, is_own=True)
    assert not is_own
    assert np.array_equal(pixels, drawn(data, 1, is_own=False)[1])


def test_a_decoded_jpeg_is_freed_at_once() -> None:
    gc.disable()
    try:
        image = JpegFile(io.BytesIO(jpeg_of("RGB")), "")
        image.load()
        freed = weakref.ref(image)
        del image
        assert freed() is None
    finally:
        gc.enable()
