"""Whatever is handed in comes out as pages: upright RGB, numbered, one at a time, with every file closed."""

import gc
import importlib
import io
import os
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import weakref
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from got_runtime.errors import (
    LimitExceeded,
    PageOutOfRange,
    SourceCorrupt,
    SourceEncrypted,
    SourceForbidden,
    SourceNotFound,
)
from got_runtime.sources import Limits, auto_dpi, expand, needs_ocr, open_pages, select_pages, text_layer
from got_runtime.sources.remote import fetch, is_public

pymupdf: Any = importlib.import_module("pymupdf")  # its types are incomplete


def pdf_of(*texts: str, **save: Any) -> bytes:
    """A PDF of one A4 page a text."""
    with pymupdf.open() as document:
        for text in texts:
            document.new_page().insert_text((72, 72), text)
        data: bytes = document.tobytes(**save)
    return data


def png_of(image: Image.Image, **save: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **save)
    return buffer.getvalue()


def striped() -> Image.Image:
    """Not symmetric in any way, so that a turned or mirrored copy differs."""
    image = Image.new("RGB", (40, 24), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 19, 7), fill="black")
    draw.rectangle((30, 16, 39, 23), fill="red")
    return image


def read(source: Any, **options: Any) -> list[Any]:
    """All pages; ``Any``, since a page's image may be ``None`` and most of these tests know that it is not."""
    return list(open_pages(source, **options))


def only_page(source: Any, **options: Any) -> Any:
    (page,) = read(source, **options)
    return page


def same(a: Image.Image, b: Image.Image) -> bool:
    return a.size == b.size and a.mode == b.mode and a.tobytes() == b.tobytes()


class Blob:
    """As LangChain's: bytes on demand, and where they come from."""

    def __init__(self, data: bytes, source: str | None = None) -> None:
        self.data, self.source = data, source

    def as_bytes(self) -> bytes:
        return self.data


# --- every kind of source ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrap", "name"),
    [
        (lambda path: str(path), "scan.png"),
        (lambda path: path, "scan.png"),
        (lambda path: path.read_bytes(), "<bytes>"),
        (lambda path: bytearray(path.read_bytes()), "<bytes>"),
        (lambda path: memoryview(path.read_bytes()), "<bytes>"),
        (lambda path: io.BytesIO(path.read_bytes()), "<file>"),
        (lambda path: Blob(path.read_bytes()), "<blob>"),
        (lambda path: Blob(path.read_bytes(), "s3://bucket/scan.png"), "s3://bucket/scan.png"),
        (lambda path: striped(), "<image>"),
        (lambda path: np.asarray(striped()), "<array>"),
    ],
)
def test_the_same_page_comes_out_of_every_kind_of_source(
    tmp_path: Path, wrap: Callable[[Path], Any], name: str
) -> None:
    path = tmp_path / "scan.png"
    striped().save(path)
    page = only_page(wrap(path))
    assert same(page.image, striped())
    assert (page.number, page.total, page.size_pt, page.error) == (1, 1, None, None)
    assert page.source.endswith(name)


def test_a_file_object_is_read_from_where_it_stands_and_left_open(tmp_path: Path) -> None:
    path = tmp_path / "mail.bin"
    path.write_bytes(b"header" + png_of(striped()))
    with path.open("rb") as file:
        file.seek(6)
        assert same(only_page(file).image, striped())
        assert not file.closed


def test_a_page_is_told_by_its_bytes_not_by_its_name(tmp_path: Path) -> None:
    misnamed = tmp_path / "scan.pdf"
    misnamed.write_bytes(png_of(striped()))
    assert same(only_page(misnamed).image, striped())


def test_the_image_that_was_handed_in_is_neither_changed_nor_shared() -> None:
    given = striped()
    page = only_page(given)
    page.image.paste("blue", (0, 0, 10, 10))
    assert same(given, striped())


def test_sha256_is_of_the_files_bytes(tmp_path: Path) -> None:
    data = pdf_of("one", "two")
    pages = read(data, dpi=20)
    assert len({page.sha256 for page in pages}) == 1
    assert len(pages[0].sha256 or "") == 64
    assert only_page(striped()).sha256 is None


# --- PDF --------------------------------------------------------------------------------------------------------------


def test_pdf_pages_carry_number_label_size_and_resolution() -> None:
    with pymupdf.open(stream=pdf_of("a", "b", "c")) as document:
        document.set_page_labels([{"startpage": 0, "style": "r", "firstpagenum": 4}, {"startpage": 2, "style": "D"}])
        pages = read(document.tobytes())
    assert [(page.number, page.label, page.total) for page in pages] == [(1, "iv", 3), (2, "v", 3), (3, "1", 3)]
    assert all(page.size_pt == (595, 842) and page.image.mode == "RGB" for page in pages)
    assert all(abs(max(page.image.size) - 2048) < 10 for page in pages)
    assert all(abs(page.image.height - page.size_pt[1] * page.dpi / 72) <= 1 for page in pages)


def test_pages_are_rendered_when_asked_for_and_forgotten_after() -> None:
    pages = open_pages(pdf_of(*"abcdef"), dpi=40)
    first = next(pages).image
    assert first is not None
    gone = weakref.ref(first)
    del first
    next(pages)
    gc.collect()
    assert gone() is None
    pages.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("width", "height", "dpi"), [(595, 842, 175), (842, 595, 175), (100, 50, 600), (14_400, 9_000, 72), (0, 0, 600)]
)
def test_automatic_resolution_gives_the_long_side_2048_pixels_within_bounds(
    width: float, height: float, dpi: int
) -> None:
    assert auto_dpi(width, height) == dpi


def test_a_resolution_that_was_asked_for_is_used() -> None:
    assert only_page(pdf_of("a"), dpi=72).image.size == (595, 842)
    assert max(only_page(pdf_of("a"), long_side=1024).image.size) == pytest.approx(1024, abs=8)


def test_a_page_too_large_for_the_limit_is_rendered_smaller_and_says_so() -> None:
    page = only_page(pdf_of("a"), dpi=600, limits=Limits(max_pixels=200_000))
    assert page.image.width * page.image.height <= 200_000
    assert page.dpi < 600
    assert "not 600" in page.warnings[0]


def test_a_pdf_page_can_be_rendered_again_also_when_its_file_was_closed(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf_of("again", "b"))
    before = open_files()
    first, _ = read(path, dpi=20)
    assert first.render(72).size == (595, 842)
    assert first.text_layer == "again"
    assert not first.needs_ocr
    assert open_files() == before


def test_a_password_opens_what_is_encrypted() -> None:
    locked = pdf_of("a", encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="open", owner_pw="own")
    with pytest.raises(SourceEncrypted, match="--password"):
        next(open_pages(locked))
    with pytest.raises(SourceEncrypted, match="does not fit"):
        next(open_pages(locked, password="guess"))
    page = only_page(locked, password="open", dpi=20)
    assert page.text_layer == "a"


def test_a_pdf_that_only_restricts_printing_needs_no_password() -> None:
    restricted = pdf_of("a", encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="", owner_pw="own")
    assert only_page(restricted, dpi=20).text_layer == "a"


def test_a_truncated_pdf_gives_what_can_be_repaired_and_says_so() -> None:
    whole = pdf_of("a", "b", "c")
    pages = read(whole[: whole.index(b"xref")], dpi=20)
    assert len(pages) == 3
    assert all("repaired" in page.warnings[0] for page in pages)


def hand_made_pdf(*kids: str, catalog: str = "") -> bytes:
    """Three pages objects (3 good, 4 of twenty million points, 5 no page at all) in the order of ``kids``."""
    objects = [
        f"<</Type/Catalog/Pages 2 0 R{catalog}>>",
        f"<</Type/Pages/Kids[{' '.join(f'{kid} 0 R' for kid in kids)}]/Count {len(kids)}>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 20000000 20000000]>>",
    ]
    body = "".join(f"{number} 0 obj{text}endobj\n" for number, text in enumerate(objects, 1))
    return f"%PDF-1.4\n{body}trailer<</Root 1 0 R/Size 5>>".encode()


def test_a_pdf_page_that_fails_does_not_cost_its_neighbours(capfd: pytest.CaptureFixture[str]) -> None:
    pages = read(hand_made_pdf("3", "4", "3"), limits=Limits(max_pixels=10**17))
    assert [page.error is None for page in pages] == [True, False, True]
    assert isinstance(pages[1].error, SourceCorrupt)
    assert pages[1].image is None
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("rule", "label"),
    [
        ("/S/D/P(x/Stuff)", "1"),  # PyMuPDF cannot parse these three
        ("/S/D/St 4 0 R", "1"),
        ("/P/S", "1"),
        ("/S/D/P<FEFF4E2D002D>", "中-1"),
        ("/S/D/P<E9>", "é1"),
        ("/S/D/P(A-)/St 7", "A-7"),
    ],
)
def test_an_odd_page_label_does_not_cost_the_page(rule: str, label: str) -> None:
    page = only_page(hand_made_pdf("3", catalog=f"/PageLabels<</Nums[0<<{rule}>>]>>"))
    assert (page.label, page.error) == (label, None)


def test_mupdf_is_silent_here_and_as_loud_as_before_elsewhere(capfd: pytest.CaptureFixture[str]) -> None:
    tools = pymupdf.TOOLS
    before = tools.mupdf_display_errors()
    tools.mupdf_display_errors(True)
    try:
        read(hand_made_pdf("3", "2"), dpi=20)
        assert tools.mupdf_display_errors()
    finally:
        tools.mupdf_display_errors(before)
    assert capfd.readouterr() == ("", "")


def test_pdfs_can_be_read_from_several_threads() -> None:
    documents = [pdf_of(*(f"{n}.{i}" for i in range(4))) for n in range(4)]

    def texts(data: bytes) -> list[str]:
        return [page.text_layer for page in open_pages(data, dpi=30)]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(texts, documents)) == [[f"{n}.{i}" for i in range(4)] for n in range(4)]


# --- the text layer ---------------------------------------------------------------------------------------------------


def picture_of_text() -> bytes:
    with pymupdf.open() as document:
        page = document.new_page()
        for line in range(40):
            page.insert_text((60, 70 + 18 * line), "Letters that were printed, scanned and never recognised")
        picture: bytes = page.get_pixmap(dpi=100).tobytes("jpg")
    return picture


def test_a_page_with_good_text_needs_no_ocr() -> None:
    assert not only_page(pdf_of("Plain text, set by a machine.\nAnother line."), dpi=20).needs_ocr


def test_a_scanned_page_needs_ocr() -> None:
    with pymupdf.open() as document:
        page = document.new_page()
        page.insert_image(page.rect, stream=picture_of_text())
        assert needs_ocr(page)


def test_a_blank_page_needs_no_ocr_but_a_picture_without_text_does() -> None:
    with pymupdf.open() as document:
        page = document.new_page()
        assert not needs_ocr(page)
        page.insert_image((100, 100, 200, 160), stream=png_of(striped()))
        assert needs_ocr(page)


def test_a_text_layer_of_unknown_characters_needs_ocr() -> None:
    with pymupdf.open() as document:
        page = document.new_page()
        page.insert_text((72, 72), "abc")
        names = "<</Type/Encoding/Differences[97/glyph#2D1/glyph#2D2/glyph#2D3]>>"  # say nothing about the letters
        font = f"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding{names}>>"
        document.update_object(page.get_fonts()[0][0], font)
        damaged = document.tobytes()
    assert only_page(damaged, dpi=20).needs_ocr


def test_images_always_need_ocr_and_carry_no_text() -> None:
    page = only_page(striped())
    assert (page.needs_ocr, page.text_layer) == (True, "")
    assert page.render(300) is page.image


def test_the_text_layer_comes_in_reading_order_whatever_the_order_in_the_file() -> None:
    left = [f"left column line {n}" for n in range(6)]
    right = [f"right column line {n}" for n in range(6)]
    with pymupdf.open() as document:
        page = document.new_page()
        for n in range(6):  # row by row, as typesetting programs do not promise otherwise
            page.insert_text((60, 140 + 14 * n), left[n])
            page.insert_text((320, 140 + 14 * n), right[n])
        page.insert_text((60, 80), "A title above both of the columns", fontsize=20)
        lines = [line for line in text_layer(page).splitlines() if line]
    assert lines == ["A title above both of the columns", *left, *right]


# --- which pages ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("selection", "chosen"),
    [
        (None, [1, 2, 3, 4, 5, 6, 7]),
        ("1-3,7,-1", [1, 2, 3, 7]),
        ("2", [2]),
        ("-1", [7]),
        ("-3", [5]),
        ("-3--1", [5, 6, 7]),
        ("5-", [5, 6, 7]),
        ("-2-", [6, 7]),
        ("2--2", [2, 3, 4, 5, 6]),
        (" 1 - 2 , 4 ", [1, 2, 4]),
        ("7,1,7,2-3,1", [7, 1, 2, 3]),
        ("4-4", [4]),
        (3, [3]),
        (-1, [7]),
        ([3, 1, -1, 3], [3, 1, 7]),
        (range(2, 5), [2, 3, 4]),
        ((np.int64(2),), [2]),
    ],
)
def test_a_selection_keeps_its_order_and_drops_repetitions(selection: Any, chosen: list[int]) -> None:
    assert list(select_pages(selection, 7)) == chosen


@pytest.mark.parametrize(
    "selection",
    [
        "8",
        "0",
        "-8",
        "1-8",
        "",
        ",",
        "1,",
        "a",
        "1..3",
        "3-1",
        "-1--3",
        "--",
        "1 2",
        "9" * 50,
        [],
        [0],
        [8],
        [1.5],
        "½",
    ],
)
def test_a_selection_that_fits_no_page_says_how_to_write_one(selection: Any) -> None:
    with pytest.raises(PageOutOfRange, match=r"1-3,7,-1"):
        select_pages(selection, 7)


def test_selection_applies_to_pdf_pages_and_to_frames_alike(tmp_path: Path) -> None:
    frames = [Image.new("L", (20, 20), grey) for grey in (0, 80, 160, 240)]
    frames[0].save(tmp_path / "fax.tiff", save_all=True, append_images=frames[1:])
    picked = read(tmp_path / "fax.tiff", pages="-1,2")
    assert [(page.number, page.label, page.image.getpixel((0, 0))[0]) for page in picked] == [
        (4, "fax-4", 240),
        (2, "fax-2", 80),
    ]
    assert [page.number for page in open_pages(pdf_of(*"abcd"), pages="-1,2", dpi=20)] == [4, 2]


def test_the_page_limit_counts_what_was_selected() -> None:
    data = pdf_of(*"abcd")
    assert len(read(data, pages="3-4", dpi=20, limits=Limits(max_pages=2))) == 2
    with pytest.raises(LimitExceeded, match="max_pages"):
        next(open_pages(data, limits=Limits(max_pages=2)))


# --- images -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tiff"])
def test_every_frame_is_a_page(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (20, 20), (level, level, level)) for level in (10, 120, 230)]
    options: Any = {"lossless": True} if suffix == "webp" else {}
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:], duration=100, **options)
    pages = read(tmp_path / f"a.{suffix}")
    assert [page.image.getpixel((5, 5))[0] for page in pages] == pytest.approx([10, 120, 230], abs=2)
    assert [page.total for page in pages] == [3, 3, 3]


def test_the_preview_inside_a_camera_jpeg_is_not_a_page(tmp_path: Path) -> None:
    striped().save(tmp_path / "photo.jpg", "MPO", save_all=True, append_images=[Image.new("RGB", (8, 8))])
    with Image.open(tmp_path / "photo.jpg") as image:
        assert image.n_frames == 2  # type: ignore[attr-defined]
    page = only_page(tmp_path / "photo.jpg")
    assert page.image.size == striped().size
    assert page.label == "photo"


def test_a_broken_frame_does_not_cost_its_neighbours() -> None:
    rng = np.random.default_rng(0)
    frames = [Image.fromarray(rng.integers(0, 255, (64, 64), dtype=np.uint8)) for _ in range(3)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "TIFF", save_all=True, append_images=frames[1:], compression="tiff_adobe_deflate")
    with Image.open(buffer) as image:
        image.seek(1)
        (offset,), (length,) = image.tag_v2[273], image.tag_v2[279]  # type: ignore[attr-defined]
    data = bytearray(buffer.getvalue())
    data[offset : offset + length] = b"\xff" * length
    pages = read(bytes(data))
    assert [page.error is None for page in pages] == [True, False, True]
    assert isinstance(pages[1].error, SourceCorrupt)
    assert "frame 2" in str(pages[1].error)
    assert same(pages[2].image, frames[2].convert("RGB"))


def test_the_frames_before_a_cut_are_read() -> None:
    frames = [Image.new("L", (64, 64), level) for level in (10, 120, 230)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "TIFF", save_all=True, append_images=frames[1:])
    pages = read(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    assert [page.number for page in pages if page.error is None] == [1]
    assert all(isinstance(page.error, SourceCorrupt) for page in pages[1:])


def grey(image: Image.Image) -> Any:
    assert image.mode == "RGB"
    return np.asarray(image)[:, :, 0].ravel().tolist()


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    levels = np.array([[0, 257, 128 * 257, 65535]], dtype=np.uint16)
    expected = [0, 1, 128, 255]
    for name in ("a.png", "a.tiff"):
        Image.frombytes("I;16", (4, 1), levels.astype("<u2").tobytes()).save(tmp_path / name)
        assert grey(only_page(tmp_path / name).image) == expected
    Image.frombytes("I;16B", (4, 1), levels.astype(">u2").tobytes()).save(tmp_path / "big-endian.tiff")
    assert grey(only_page(tmp_path / "big-endian.tiff").image) == expected
    assert grey(only_page(levels).image) == expected
    assert grey(only_page(Image.fromarray(levels.astype(np.int32))).image) == expected


def grey_tiff(bits: int, photometric: int, row: bytes, compression: int = 1) -> bytes:
    """One row of four grey pixels, in a file written by hand: Pillow writes none of 12 bits or with zero as white."""
    tags = {256: 4, 257: 1, 258: bits, 259: compression, 262: photometric, 273: 8, 277: 1, 278: 1, 279: len(row)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    head = struct.pack("<2sHI", b"II", 42, 8 + len(row))
    return head + row + struct.pack("<H", len(tags)) + entries + bytes(4)


def test_a_tiff_of_twelve_bits_is_as_bright_as_its_scanner_meant() -> None:
    assert grey(only_page(grey_tiff(12, 1, bytes.fromhex("000101808fff"))).image) == [0, 16, 128, 255]


def test_a_tiff_of_sixteen_bits_whose_zero_is_white_is_not_inverted() -> None:
    levels = struct.pack("<4H", 0, 257, 128 * 257, 65535)
    assert grey(only_page(grey_tiff(16, 0, levels)).image) == [255, 254, 127, 0]
    assert grey(only_page(grey_tiff(16, 1, levels)).image) == [0, 1, 128, 255]


def test_arrays_of_every_taken_type_give_the_same_grey() -> None:
    levels = np.array([[0, 51, 102, 255]], dtype=np.uint8)
    for array in (
        levels,
        levels[:, :, None],
        np.repeat(levels[:, :, None], 3, axis=2),
        levels.astype(np.uint16) * 257,
        levels.astype(">u2") * 257,
        (levels / 255).astype(np.float32),
        levels / 255,
    ):
        assert grey(only_page(array).image) == [0, 51, 102, 255]
    assert grey(only_page(levels > 60).image) == [0, 0, 255, 255]
    assert only_page(np.asarray(striped())[::-1, ::2]).image.size == (20, 24)


def test_float_images_are_scaled_by_their_range() -> None:
    assert grey(only_page(Image.fromarray(np.array([[0.0, 0.2, 1.0]], dtype=np.float32))).image) == [0, 51, 255]
    assert grey(only_page(Image.fromarray(np.array([[0.0, 51.0, 255.0]], dtype=np.float32))).image) == [0, 51, 255]


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "LAB", "HSV", "RGBX"])
def test_other_colour_modes_look_the_same(mode: str) -> None:
    page = only_page(striped().convert("RGB" if mode == "LAB" else mode))
    assert page.image.getpixel((2, 2)) == pytest.approx((0, 0, 0), abs=3)
    assert page.image.getpixel((25, 2)) == pytest.approx((255, 255, 255), abs=3)


def test_a_cmyk_jpeg_is_not_inverted(tmp_path: Path) -> None:
    striped().convert("CMYK").save(tmp_path / "print.jpg", quality=95)
    image = only_page(tmp_path / "print.jpg").image
    assert max(image.getpixel((4, 3))) < 40
    assert min(image.getpixel((25, 3))) > 215


@pytest.mark.parametrize("mode", ["RGBA", "LA", "RGBa", "La"])
def test_transparency_becomes_white_paper(mode: str) -> None:
    image = Image.new("LA" if mode in ("LA", "La") else "RGBA", (10, 10))  # transparent black
    image.paste((0, 255) if image.mode == "LA" else (0, 0, 0, 255), (0, 0, 5, 5))
    page = only_page(image.convert(mode))
    assert page.image.getpixel((2, 2)) == (0, 0, 0)
    assert page.image.getpixel((8, 8)) == (255, 255, 255)


def test_a_palette_or_grey_png_with_a_transparent_colour_is_on_white_paper() -> None:
    palette = Image.new("P", (10, 10), 1)
    palette.putpalette([0, 0, 0, 9, 9, 9])
    palette.paste(0, (0, 0, 5, 5))
    for transparency in (1, b"\xff\x00"):
        image = only_page(png_of(palette, transparency=transparency)).image
        assert (image.getpixel((2, 2)), image.getpixel((8, 8))) == ((0, 0, 0), (255, 255, 255))
    see_through = only_page(png_of(Image.new("L", (10, 10), 7), transparency=7)).image
    assert see_through.getpixel((2, 2)) == (255, 255, 255)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "tiff", "webp"])
def test_exif_orientation_is_honoured_once(tmp_path: Path, orientation: int, suffix: str) -> None:
    stored = {  # how a camera stores an upright picture under each orientation
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = striped().transpose(stored[orientation]) if orientation > 1 else striped()
    image.save(tmp_path / f"a.{suffix}", exif=exif, quality=95)
    page = only_page(tmp_path / f"a.{suffix}").image
    assert page.size == striped().size
    assert np.abs(np.asarray(page, int) - np.asarray(striped(), int)).mean() < 12
    assert same(only_page(page).image, page)


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage that is no TIFF header", b"Exif\0\0II*\0\x08\0\0\0\x01"])
def test_garbled_exif_does_not_cost_the_page(tmp_path: Path, exif: bytes) -> None:
    striped().save(tmp_path / "a.png", exif=exif)
    assert same(only_page(tmp_path / "a.png").image, striped())


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotation_is_clockwise_for_images_and_pdf_alike(degrees: Any) -> None:
    assert same(only_page(striped(), rotate=degrees).image, striped().rotate(-degrees, expand=True))
    upright, turned = only_page(pdf_of("a"), dpi=30), only_page(pdf_of("a"), dpi=30, rotate=degrees)
    assert same(turned.image, upright.image.rotate(-degrees, expand=True))
    assert same(turned.render(30), turned.image)
    assert turned.size_pt == (upright.size_pt[::-1] if degrees % 180 else upright.size_pt)


def test_an_image_of_one_pixel_is_taken_with_a_warning() -> None:
    page = only_page(Image.new("RGB", (1, 1)))
    assert page.image.size == (1, 1)
    assert "too small" in page.warnings[0]


def test_an_image_beyond_the_limit_is_refused_before_it_is_decoded() -> None:
    header = png_of(Image.new("1", (8, 8)))
    size = b"\0\0\0\x08"
    bomb = header.replace(b"IHDR" + size + size, b"IHDR" + b"\0\0\x75\x30" * 2)  # 30,000 × 30,000
    at = bomb.index(b"IHDR")
    bomb = bomb[: at + 17] + zlib.crc32(bomb[at : at + 17]).to_bytes(4, "big") + bomb[at + 21 :]
    with pytest.raises(LimitExceeded, match="30,000×30,000"):
        next(open_pages(bomb))
    with pytest.raises(LimitExceeded, match="max_pixels"):
        next(open_pages(striped(), limits=Limits(max_pixels=100)))


# --- folders ----------------------------------------------------------------------------------------------------------


def test_a_folder_is_walked_in_natural_order_without_hidden_or_unknown_files(tmp_path: Path) -> None:
    wanted = ["a/p1.PNG", "a/p2.png", "a/p10.png", "B.tif", "c.pdf", "page 2.jpg", "page 11.jpg"]
    for name in [*wanted, "notes.txt", ".hidden.png", ".git/x.png", "a/no-suffix", "page 3"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "a" / "up").symlink_to(tmp_path, target_is_directory=True)
    assert [path.relative_to(tmp_path).as_posix() for path in expand(tmp_path)] == wanted
    assert list(expand(str(tmp_path))) == list(expand(tmp_path))


def test_entries_that_cannot_be_opened_do_not_cost_their_neighbours(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to(tmp_path / "a.png")
    (tmp_path / "z.png").touch()
    assert list(expand(tmp_path)) == [tmp_path / "z.png"]


def test_a_closed_folder_is_told_of_after_its_neighbours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "z.png").touch()
    scandir = os.scandir

    def refusing(path: Path) -> Any:  # root, who often runs tests, may list every folder
        if path.name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    found = expand(tmp_path)
    assert next(found) == tmp_path / "z.png"
    with pytest.raises(SourceForbidden, match="closed"):
        next(found)


def test_what_is_not_a_folder_is_handed_on_as_it_is(tmp_path: Path) -> None:
    for source in ("no such file.pdf", b"bytes", "https://example.org/a.pdf", striped()):
        assert list(expand(source)) == [source]


def test_a_folder_without_pages_says_which_files_it_looked_for(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").touch()
    with pytest.raises(SourceNotFound, match=r"\.pdf"):
        list(expand(tmp_path))


# --- nothing stays open, nothing heavy is loaded ----------------------------------------------------------------------


def open_files() -> int:
    """Open handles of this process; constant where the system does not tell (unclosed files warn there too)."""
    gc.collect()
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def test_every_file_is_closed_after_reading_early_leaving_and_failing(tmp_path: Path) -> None:
    frames = [Image.new("L", (20, 20), level) for level in (0, 90, 200)]
    for name in ("a.tiff", "a.gif", "a.webp"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
    (tmp_path / "b.tiff").write_bytes((tmp_path / "a.tiff").read_bytes()[:-40])
    frames[0].save(tmp_path / "packed.tiff", save_all=True, append_images=frames[1:], compression="tiff_lzw")
    (tmp_path / "a.pdf").write_bytes(pdf_of(*"abc"))
    (tmp_path / "locked.pdf").write_bytes(
        pdf_of("a", encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="x", owner_pw="y")
    )
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing")
    (tmp_path / "no-pages.pdf").write_bytes(hand_made_pdf())
    paths = list(expand(tmp_path))
    before = open_files()
    for path in paths:
        with suppressed():
            read(path, dpi=20)
        with suppressed():
            next(open_pages(path, dpi=20))  # dropped at once
        with suppressed():
            pages = open_pages(path, dpi=20)
            next(pages)
            pages.close()  # type: ignore[attr-defined]
        with suppressed():
            read(path, pages="99")
    assert open_files() == before


@contextmanager
def suppressed() -> Iterator[None]:
    with suppress(SourceCorrupt, SourceEncrypted, PageOutOfRange):
        yield


def test_importing_the_sources_loads_neither_torch_nor_mupdf() -> None:
    heavy = "torch transformers pymupdf ssl"
    script = f"import sys, got_runtime.sources; print([m for m in {heavy.split()} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


# --- remote -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "240.0.0.1", "192.0.2.1", "198.18.0.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1"),
        *("2002:7f00:1::", "2002:a00:1::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1"),
        "2001:0:4136:e378:8000:63bf:80ff:fffe",  # Teredo, client 127.0.0.1
    ],
)
def test_addresses_that_are_not_on_the_public_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_addresses_on_the_public_internet(address: str) -> None:
    assert is_public(address)


class Site(BaseHTTPRequestHandler):
    """A few pages that a careless or hostile site might serve."""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == "/page.png":
            self.answer(200, png_of(striped()))
        elif path == "/to":
            self.answer(302, b"", Location=query)
        elif path == "/large":
            self.answer(200, b"x" * 5000)
        elif path == "/endless":  # no length announced
            self.send_response(200)
            self.end_headers()
            while self.wrote(b"x" * 4096):
                pass
        elif path == "/drip":
            self.send_response(200)
            self.end_headers()
            while self.wrote(b"x"):
                time.sleep(0.02)
        elif path == "/broken-off":
            self.send_response(200)
            self.send_header("Content-Length", "5000")
            self.end_headers()
            self.wfile.write(b"x" * 100)
        else:
            self.answer(int(path[1:]), b"sorry")

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def wrote(self, data: bytes) -> bool:
        try:
            self.wfile.write(data)
        except OSError:
            return False
        return True

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(scope="module")
def tls_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """The same site over TLS as ``site.test``, and the certificate that vouches for it."""
    folder = tmp_path_factory.mktemp("tls")
    options = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout key.pem -out cert.pem"
    names = ["-subj", "/CN=site.test", "-addext", "subjectAltName=DNS:site.test"]
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    subprocess.run(["openssl", *options.split(), *names], cwd=folder, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # visitors who hang up on us
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server.server_port, folder / "cert.pem"
        server.shutdown()


def visit(url: str, limits: Limits | None = None) -> bytes:
    """Fetch from the local site as if ``site.test`` were public and ``inside.test`` private."""
    addresses = {
        "site.test": ["127.0.0.1"],
        "alias.test": ["127.0.0.1"],
        "inside.test": ["127.0.0.2"],
        "both.test": ["127.0.0.1", "127.0.0.2"],
    }
    return fetch(
        url,
        limits or Limits(),
        resolve=lambda host, port: addresses[host],
        allowed=lambda address: address == "127.0.0.1",
    )


def test_a_remote_page_is_read_when_that_is_allowed(port: int) -> None:
    data = visit(f"http://site.test:{port}/page.png")
    assert same(only_page(data).image, striped())
    assert visit(f"http://site.test:{port}/to?/to?http://site.test:{port}/page.png") == data


def test_https_is_read_from_whom_a_trusted_certificate_names(
    tls_site: tuple[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, certificate = tls_site
    with pytest.raises(SourceForbidden, match="certificate"):
        visit(f"https://site.test:{port}/page.png")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert visit(f"https://site.test:{port}/page.png") == png_of(striped())
    with pytest.raises(SourceForbidden, match="certificate"):
        visit(f"https://alias.test:{port}/page.png")
    with pytest.raises(LimitExceeded):
        visit(f"https://site.test:{port}/drip", Limits(max_remote_seconds=0.5))


def test_remote_sources_are_off_unless_allowed_and_never_private(port: int) -> None:
    url = f"http://127.0.0.1:{port}/page.png"
    with pytest.raises(SourceForbidden, match="allow_remote=True"):
        next(open_pages(url))
    with pytest.raises(SourceForbidden, match="not a public address"):
        next(open_pages(url, allow_remote=True))
    with pytest.raises(SourceForbidden, match="not a public address"):
        next(open_pages(f"http://2130706433:{port}/", allow_remote=True))  # 127.0.0.1 as a number


@pytest.mark.parametrize(
    "target",
    [
        "http://inside.test:{port}/page.png",
        "http://both.test:{port}/page.png",  # one private address among several is enough
        "//inside.test:{port}/page.png",
        "file:///etc/passwd",
        "ftp://site.test/a.png",
        "http://user:secret@site.test:{port}/page.png",
    ],
)
def test_a_redirect_leads_nowhere_that_the_address_itself_could_not(port: int, target: str) -> None:
    with pytest.raises(SourceForbidden) as caught:
        visit(f"http://site.test:{port}/to?{target.format(port=port)}")
    assert "secret" not in str(caught.value)


def test_a_host_is_looked_up_once_so_that_a_second_answer_cannot_redirect_the_connection(port: int) -> None:
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])
    data = fetch(
        f"http://rebinding.test:{port}/page.png",
        Limits(),
        resolve=lambda host, port: next(answers),
        allowed=lambda address: address == "127.0.0.1",
    )
    assert data == png_of(striped())
    assert next(answers) == ["127.0.0.2"]


def test_redirects_come_to_an_end(port: int) -> None:
    chain = f"http://site.test:{port}/page.png"
    for _ in range(6):
        chain = f"http://site.test:{port}/to?{chain}"
    with pytest.raises(SourceForbidden, match="more than 5 times"):
        visit(chain)


@pytest.mark.parametrize("path", ["large", "endless"])
def test_a_large_body_is_cut_off(port: int, path: str) -> None:
    with pytest.raises(LimitExceeded, match="max_remote_bytes"):
        visit(f"http://site.test:{port}/{path}", Limits(max_remote_bytes=4000))


def test_a_slow_body_is_cut_off_although_every_byte_comes_in_time(port: int) -> None:
    start = time.monotonic()
    with pytest.raises(LimitExceeded, match="max_remote_seconds"):
        visit(f"http://site.test:{port}/drip", Limits(max_remote_seconds=0.3))
    assert time.monotonic() - start < 15


def test_a_server_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(LimitExceeded):
        visit(f"http://site.test:{silent.getsockname()[1]}/", Limits(max_remote_seconds=0.2))


@pytest.mark.parametrize(
    ("path", "error"),
    [("404", SourceNotFound), ("500", SourceNotFound), ("403", SourceForbidden), ("broken-off", SourceCorrupt)],
)
def test_a_refusal_or_failure_of_the_server_is_named(port: int, path: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        visit(f"http://site.test:{port}/{path}")
