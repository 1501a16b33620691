"""Images and arrays: frames, bit depths, colour modes, transparency, orientation, limits."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.source_files import only_page, pdf_of, png_of, read, same, striped
from PIL import Image

from got_runtime.errors import LimitExceeded, SourceCorrupt
from got_runtime.sources import Limits, open_pages


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


REDUCED, MASK, PAGE = {254: 1}, {254: 4}, {254: 2}


@pytest.mark.parametrize(
    ("tags", "pages"),
    [
        ([{}, REDUCED], [0]),
        ([REDUCED, {}], [1]),
        ([{}, MASK, {254: 5}], [0]),
        ([{}, {255: 2}], [0]),
        ([PAGE, REDUCED, PAGE, REDUCED], [0, 2]),
        ([REDUCED, REDUCED], [0, 1]),
        ([REDUCED, MASK], [0]),
        ([MASK], [0]),
    ],
    ids=[
        *("a preview", "a preview first", "masks", "the older tag", "a preview for each page", "nothing but previews"),
        *("a preview and its mask", "nothing but a mask"),
    ],
)
def test_previews_and_masks_in_a_tiff_are_no_pages(tags: list[dict[int, int]], pages: list[int]) -> None:
    buffer = io.BytesIO()
    frames = [Image.new("L", (20 + index, 20), index) for index in range(len(tags))]
    for frame, own in zip(frames, tags, strict=True):
        frame.encoderinfo = {"tiffinfo": own}
    frames[0].save(buffer, "TIFF", save_all=True, append_images=frames[1:], tiffinfo=tags[0])
    opened = read(buffer.getvalue())
    assert [page.image.width - 20 for page in opened] == pages
    assert [(page.number, page.total) for page in opened] == [(index + 1, len(pages)) for index in range(len(pages))]


def test_a_broken_frame_does_not_affect_the_other_frames() -> None:
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


def test_a_tiff_of_twelve_bits_is_scaled_by_4095() -> None:
    assert grey(only_page(grey_tiff(12, 1, bytes.fromhex("000101808fff"))).image) == [0, 16, 128, 255]


def test_a_tiff_of_sixteen_bits_whose_zero_is_white_is_not_inverted() -> None:
    levels = struct.pack("<4H", 0, 257, 128 * 257, 65535)
    assert grey(only_page(grey_tiff(16, 0, levels)).image) == [255, 254, 127, 0]
    assert grey(only_page(grey_tiff(16, 1, levels)).image) == [0, 1, 128, 255]


def test_arrays_of_every_supported_type_give_the_same_grey() -> None:
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
def test_other_colour_modes_give_the_same_pixels(mode: str) -> None:
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
def test_an_image_with_damaged_exif_is_still_read(tmp_path: Path, exif: bytes) -> None:
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
