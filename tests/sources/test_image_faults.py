"""Pictures that Pillow draws wrong without a word are mended, or warned of."""

import io
import struct
import zlib
from typing import Any

import pytest
from helpers.source_files import only_page, png_of, read
from PIL import Image, TiffImagePlugin

from got_runtime.errors import SourceUnsupported

BLACK = (0, 0, 0)
FEW = 4
"""Colours that the cut palettes have."""
CREAM = (255, 250, 240)


def indexed(highest: int) -> Image.Image:
    """An image of two colours, the second of which is number ``highest``."""
    image = Image.new("P", (24, 16), 0)
    image.putpalette([*CREAM] * 256)
    image.paste(highest, (0, 0, 24, 8))
    return image


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def cut_png(image: Image.Image) -> bytes:
    data = png_of(image)
    start = data.index(b"PLTE")
    (size,) = struct.unpack(">I", data[start - 4 : start])
    chunk = data[start : start + 4 + 3 * FEW]
    whole = struct.pack(">I", 3 * FEW) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return data[: start - 4] + whole + data[start + 8 + size :]


def cut_gif(image: Image.Image, *more: Image.Image) -> bytes:
    data = saved(image, "GIF", optimize=False)
    size = 3 * (2 << (data[10] & 7))
    frames = [saved(each, "GIF", optimize=False)[13 + size : -1] for each in (image, *more)]
    return data[:10] + bytes([0x80 | 1]) + data[11 : 13 + 3 * FEW] + b"".join(frames) + b";"


def cut_bmp(image: Image.Image) -> bytes:
    data = bytearray(saved(image, "BMP"))
    data[10:14], data[46:50] = struct.pack("<I", 54 + 4 * FEW), struct.pack("<I", FEW)
    return bytes(data[: 54 + 4 * FEW] + data[54 + 4 * 256 :])


def cut_tiff(image: Image.Image) -> bytes:
    colours = struct.Struct("<HHI")
    return saved(image, "TIFF").replace(
        colours.pack(TiffImagePlugin.COLORMAP, 3, 3 * 256), colours.pack(TiffImagePlugin.COLORMAP, 3, 3 * FEW)
    )


@pytest.mark.parametrize("cut", [cut_png, cut_gif, cut_bmp, cut_tiff])
def test_a_colour_that_is_not_in_the_palette_is_warned_of(cut: Any) -> None:
    page = only_page(cut(indexed(FEW)))
    assert page.image.getpixel((5, 3)) == BLACK
    (warning,) = page.warnings
    assert f"not among the {FEW} of the palette" in warning
    sound = only_page(cut(indexed(FEW - 1)))
    assert sound.image.getpixel((5, 3)) != BLACK
    assert sound.warnings == ()


def test_an_image_in_memory_tells_of_colours_that_it_does_not_have() -> None:
    image = indexed(9)
    image.putpalette([*CREAM] * FEW)
    assert "not among the 4 of the palette" in only_page(image).warnings[0]


def test_frames_on_top_of_a_faulty_one_are_warned_of_and_those_below_are_not() -> None:
    data = cut_gif(indexed(1), indexed(FEW), indexed(2).crop((0, 0, 4, 4)))
    assert [len(page.warnings) for page in read(data)] == [0, 1, 1]
    assert [len(page.warnings) for page in read(data, pages="3,1")] == [1, 0]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_a_picture_that_is_transparent_everywhere_is_warned_of(mode: str) -> None:
    if mode == "P":
        data = png_of(indexed(1), transparency=bytes(2))
    else:
        image = Image.effect_noise((32, 32), 50).convert(mode)
        image.putalpha(0)
        data = png_of(image)
    assert only_page(data).warnings == ("the picture is transparent everywhere: the page is empty",)
    assert only_page(png_of(Image.new("RGBA", (32, 32)))).warnings == ()  # nothing is hidden


def bmp_with_masks(*masks: int, bits: int = 32, compression: int = 3) -> bytes:
    """16×16 pixels of the value 0x00804020 with a header of version 4."""
    pixels = struct.pack("<I", 0x00804020)[: bits // 8] * 256
    header = struct.pack("<IiiHHIIiiII4I", 124 - 16, 16, 16, 1, bits, compression, len(pixels), 0, 0, 0, 0, *masks)
    header += bytes(108 - len(header))
    return b"BM" + struct.pack("<IHHI", 14 + len(header) + len(pixels), 0, 0, 14 + len(header)) + header + pixels


def test_a_gif_that_ends_after_a_frame_is_warned_of() -> None:
    frames = [Image.new("L", (20, 20), shade) for shade in (0, 90, 180)]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert [page.warnings for page in read(data)] == [()] * 3
    for cut in (data[:-1], data[:-1] + bytes(50)):
        assert [bool(page.warnings) for page in read(cut)] == [False, False, True]
    only = saved(frames[0], "GIF")
    assert only_page(only).warnings == ()
    assert "frames may be missing" in only_page(only[:-1]).warnings[0]


def test_a_bmp_whose_opacity_is_zero_everywhere_is_shown() -> None:
    page = only_page(bmp_with_masks(0xFF0000, 0xFF00, 0xFF, 0xFF000000))
    assert page.image.getpixel((3, 3)) == (0x80, 0x40, 0x20)
    assert page.warnings == ("the picture is transparent everywhere: its transparency is left out",)


@pytest.mark.parametrize(
    "data",
    [
        bmp_with_masks(0x3FF00000, 0xFFC00, 0x3FF, 0),
        bmp_with_masks(0xF00, 0xF0, 0xF, 0xF000, bits=16),
        bmp_with_masks(0xFF0000, 0xFF00, 0xFF, 0xFF000000, compression=6),
        bmp_with_masks(0, 0, 0, 0, compression=4),
        bmp_with_masks(0, 0, 0, 0, bits=2, compression=0),
        bmp_with_masks(0, 0, 0, 0, bits=64, compression=0),
    ],
    ids=["ten bits", "four bits", "alpha bit fields", "JPEG", "two bits a pixel", "64 bits a pixel"],
)
def test_a_bmp_of_a_rare_kind_is_unsupported(data: bytes) -> None:
    with pytest.raises(SourceUnsupported, match="save it as PNG"):
        only_page(data)


def test_a_png_whose_data_have_another_checksum_is_warned_of() -> None:
    image = Image.effect_noise((300, 200), 40)
    data, header = png_of(image, compress_level=0), b"IHDR" + struct.pack(">II", 300, 150) + b"\x08\0\0\0\0"
    data = data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]  # more rows than it states
    place = data.index(b"IDAT") + 30_000
    assert only_page(data).warnings == ()
    page = only_page(data[:place] + bytes(500) + data[place + 500 :])
    assert page.warnings == ("PNG data are damaged (their checksum is another one): parts of the picture may be wrong",)
    assert page.image.size == (300, 150)


def test_the_frames_of_a_png_are_the_same_after_its_checksums_were_looked_at() -> None:
    frames = [Image.new("L", (40, 40), grey) for grey in (0, 100, 200)]
    pages = read(png_of(frames[0], save_all=True, append_images=frames[1:]))
    assert [page.image.getpixel((0, 0)) for page in pages] == [(0, 0, 0), (100, 100, 100), (200, 200, 200)]
    assert not any(page.warnings for page in pages)
