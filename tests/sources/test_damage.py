"""Damaged data that a library draws without a word are warned of, and sound data are not."""

import io
import random
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers.hostile_files import image_page, pdf, stream
from helpers.hostile_files import page as page_of
from helpers.source_files import only_page, pymupdf
from PIL import Image, ImageDraw

from got_runtime.errors import SourceCorrupt
from got_runtime.sources import Limits
from got_runtime.sources.tiff_lengths import lzw_goes_on, packbits_goes_on

SIZE = 400, 500
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "tables of its own": {"optimize": True},
    "without subsampling": {"quality": 95, "subsampling": 0},
    "restart markers": {"restart_marker_blocks": 7},
    "progressive": {"progressive": True},
}


def print_of(mode: str, noise: float = 0) -> Image.Image:
    """Lines of marks, with an empty half below."""
    # Pillow's own noise depends on what the process drew before.
    levels = 228 + noise * np.random.default_rng(0).standard_normal(SIZE[::-1]) if noise else np.full(SIZE[::-1], 255)
    page = Image.fromarray(levels.clip(0, 255).astype(np.uint8))
    draw, place = ImageDraw.Draw(page), random.Random(0)
    for _ in range(900):
        x, y = place.randrange(20, 370), place.randrange(20, 250)
        draw.rectangle((x, y - y % 12, x + 4, y - y % 12 + place.randrange(2, 8)), fill=0)
    return page.convert(mode)


def jpeg_of(image: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def tiff_of(image: Image.Image, compression: str, **tags: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "TIFF", compression=compression, tiffinfo={int(tag[1:]): value for tag, value in tags.items()})
    return buffer.getvalue()


def in_pdf(data: bytes) -> bytes:
    width, height = SIZE
    entries = f"/Width {width}/Height {height}/BitsPerComponent 8/ColorSpace/DeviceGray/Filter/DCTDecode"
    return image_page(entries, data)


def cut(data: bytes) -> bytes:
    """Without its second half, but with its end marker."""
    start = data.rindex(b"\xff\xda") + 14
    return data[: (start + len(data)) // 2] + b"\xff\xd9"


def shifted(data: bytes) -> bytes:
    """With a piece twice."""
    middle = (data.index(b"\xff\xda") + len(data)) // 2
    return data[:middle] + data[middle - 700 :]


def overwritten(data: bytes) -> bytes:
    middle = (data.index(b"\xff\xda") + len(data)) // 2
    return data[:middle] + bytes(4096) + data[middle + 4096 :]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("noise", [0, 20])
def test_a_sound_jpeg_has_no_warning_and_the_pixels_of_pillow(kind: str, mode: str, noise: float) -> None:
    data = jpeg_of(print_of(mode, noise), **KINDS[kind])
    page = only_page(data)
    assert page.warnings == ()
    with Image.open(io.BytesIO(data)) as image:
        assert page.image.tobytes() == image.convert("RGB").tobytes()
    if mode == "L":
        assert only_page(in_pdf(data)).warnings == ()


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (17, 300), (300, 3)])
def test_small_jpegs_are_not_taken_for_damaged(size: tuple[int, int]) -> None:
    assert not any("damaged" in warning for warning in only_page(jpeg_of(Image.new("RGB", size, "white"))).warnings)


@pytest.mark.parametrize(
    ("kind", "damage", "what"),
    [
        ("plain", cut, "end before the picture"),
        ("plain", shifted, "go on after the picture"),
        ("plain", overwritten, "before the picture|after the picture"),
        ("tables of its own", cut, "end before the picture"),
        ("without subsampling", shifted, "go on after the picture"),
        ("restart markers", cut, "end before the picture"),
        ("restart markers", overwritten, "restart marker is missing"),
    ],
)
@pytest.mark.parametrize("holder", [bytes, in_pdf])
def test_a_damaged_jpeg_is_warned_of(
    kind: str, damage: Callable[[bytes], bytes], what: str, holder: Callable[[bytes], bytes]
) -> None:
    page = only_page(holder(damage(jpeg_of(print_of("L", 20), **KINDS[kind]))))
    (warning,) = [each for each in page.warnings if "JPEG data are damaged" in each]
    assert any(each in warning for each in what.split("|"))
    assert page.image is not None


@pytest.mark.parametrize(("mode", "kind"), [("L", "plain"), ("RGB", "plain"), ("L", "tables of its own")])
def test_few_jpegs_that_look_wrong_after_small_damage_have_no_warning(mode: str, kind: str) -> None:
    place, data = random.Random(1), jpeg_of(print_of(mode, 4).resize((800, 1000)), **KINDS[kind])
    sound, start, found = np.asarray(only_page(data).image, int), data.index(b"\xff\xda") + 14, [0, 0]
    for _ in range(30):
        size = place.choice([1, 2, 3, 10, 30])
        at = place.randrange(start, len(data) - 40)
        try:
            page = only_page(data[:at] + place.randbytes(size).replace(b"\xff", b"\xfe") + data[at + size :])
        except SourceCorrupt:
            continue
        if np.abs(np.asarray(page.image, int) - sound).mean() > 2:
            found[not page.warnings] += 1
    assert sum(found) >= 12
    assert found[True] <= 2


@pytest.mark.parametrize("filters", ["/FlateDecode", "[/FlateDecode]"])
def test_a_deflated_image_in_a_pdf_with_another_checksum_is_warned_of(filters: str) -> None:
    entries = f"/Width 400/Height 500/BitsPerComponent 8/ColorSpace/DeviceGray/Filter{filters}"
    # Not packed, so that damage changes values alone, and longer, so that MuPDF does not come to the checksum.
    data = zlib.compress(print_of("L", 20).tobytes() + bytes(100_000), 0)
    assert only_page(image_page(entries, data)).warnings == ()
    page = only_page(image_page(entries, data[:100_000] + b"\x55" * 900 + data[100_900:]))
    assert page.image is not None
    assert page.warnings == (
        "deflate data of an image are damaged (their checksum is another one): parts of it may be wrong",
    )


def test_a_marker_that_no_jpeg_has_is_warned_of_where_mupdf_draws_on() -> None:
    data = jpeg_of(print_of("L", 20))
    middle = (data.index(b"\xff\xda") + len(data)) // 2
    page = only_page(in_pdf(data[:middle] + b"\xff\x40" + data[middle + 2 :]))
    assert any("JPEG data are damaged" in each for each in page.warnings)


@pytest.mark.parametrize("extra", [14, 20])
def test_a_few_bytes_too_many_in_a_jpeg_are_warned_of(extra: int) -> None:
    data = jpeg_of(print_of("L", 20))
    for holder in (bytes, in_pdf):
        page = only_page(holder(data[:-2] + b"\x55" * extra + data[-2:]))
        assert any("they go on after the picture" in each for each in page.warnings)
        assert only_page(holder(data[:-2] + b"\x55" + data[-2:])).warnings == ()


def test_a_progressive_jpeg_without_its_last_scans_is_warned_of() -> None:
    data = jpeg_of(print_of("L", 20), progressive=True)
    page = only_page(data[: data.rindex(b"\xff\xc4")] + b"\xff\xd9")
    assert "scans are missing" in page.warnings[0]


def test_a_second_jpeg_in_the_file_is_not_taken_for_damage() -> None:
    data = jpeg_of(print_of("L", 20))
    assert only_page(data + data).warnings == ()
    assert only_page(data + bytes(5000)).warnings == ()


def test_a_jpeg_in_an_encrypted_pdf_is_not_taken_for_damaged() -> None:
    with pymupdf.open(stream=in_pdf(jpeg_of(print_of("L", 20))), filetype="pdf") as document:
        locked = document.tobytes(encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="", owner_pw="own")
    assert only_page(locked).warnings == ()


def test_a_jpeg_without_its_last_bytes_is_corrupt() -> None:
    data = jpeg_of(print_of("L", 20))
    with pytest.raises(SourceCorrupt):
        only_page(data[:-2000])
    assert only_page(data[:-2]).image is not None


@pytest.mark.parametrize("rows", [16, 104, 500])
@pytest.mark.parametrize("compression", ["group3", "group4", "jpeg"])
def test_a_sound_tiff_has_no_warning(rows: int, compression: str) -> None:
    for image in (print_of("L"), Image.new("L", SIZE, 255), Image.new("L", SIZE, 0)):
        picture = image if compression == "jpeg" else image.convert("1")
        assert only_page(tiff_of(picture, compression, t278=rows)).warnings == ()
        assert only_page(tiff_of(picture, compression, t278=rows, t274=3)).warnings == ()


def strip_of(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as image:
        (offset,), (size,) = image.tag_v2[273], image.tag_v2[279]  # type: ignore[attr-defined]
    return offset, size


@pytest.mark.parametrize("rows", [16, 104, 500])
@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits"])
def test_lzw_and_packbits_data_that_are_too_long_are_warned_of(compression: str, mode: str, rows: int) -> None:
    data = tiff_of(print_of("L", 20).convert(mode), compression, t278=rows)
    assert only_page(data).warnings == ()
    height = struct.pack("<HHIHH", 257, 3, 1, 500, 0)
    page = only_page(data.replace(height, height.replace(struct.pack("<H", 500), struct.pack("<H", 499))))
    assert page.image.size == (400, 499)
    assert any("data are damaged (they go on after the picture)" in warning for warning in page.warnings)


def test_a_few_bytes_after_packed_data_are_no_damage() -> None:
    offset, size = strip_of(data := tiff_of(print_of("L"), "tiff_lzw", t278=500))
    lzw = data[offset : offset + size]
    assert [packbits_goes_on(b"\x01ab\xffc" + bytes(extra), 4) for extra in (0, 2, 6)] == [False, False, True]
    assert packbits_goes_on(b"\x01ab\xffc", 3)
    assert not any(lzw_goes_on(lzw + bytes(extra), 400 * 500) for extra in (0, 2, 512))  # it has a code for the end
    assert lzw_goes_on(lzw, 400 * 500 - 1)


@pytest.mark.parametrize("order", [1, 2])
def test_fax_data_that_are_cut_are_warned_of(order: int) -> None:
    data = tiff_of(print_of("1"), "group4", t278=500, t266=order)
    offset, size = strip_of(data)
    middle = offset + size // 2
    for rest in (bytes(size - size // 2), b"\x00\x10\x01" + bytes(size - size // 2 - 3)):
        page = only_page(data[:middle] + rest + data[offset + size :])
        assert any("fax data are damaged" in warning for warning in page.warnings)


@pytest.mark.parametrize("rows", [104, 500])
def test_jpeg_data_in_a_tiff_that_are_shifted_are_warned_of(rows: int) -> None:
    data = tiff_of(print_of("L", 20), "jpeg", t278=rows)
    with Image.open(io.BytesIO(data)) as image:
        offset, size = image.tag_v2[273][0], image.tag_v2[279][0]  # type: ignore[attr-defined]
    middle, end = offset + size // 2, offset + size - 2
    page = only_page(data[:middle] + data[middle - 900 : end - 900] + data[end:])
    assert any("JPEG data are damaged" in warning for warning in page.warnings), page.warnings


def test_jpeg_data_in_a_tiff_that_are_cut_are_warned_of() -> None:
    data = tiff_of(print_of("L", 20), "jpeg", t278=500)
    offset, size = strip_of(data)
    strip = data[offset : offset + size]
    short = cut(strip)
    page = only_page(data[:offset] + short + bytes(size - len(short)) + data[offset + size :])
    assert "JPEG data are damaged" in page.warnings[0]


def test_fax_data_in_a_pdf_that_are_damaged_are_warned_of() -> None:
    data = tiff_of(print_of("1"), "group4", t278=500)
    offset, size = strip_of(data)
    strip, (width, height) = data[offset : offset + size], SIZE
    entries = f"/Width {width}/Height {height}/BitsPerComponent 1/ColorSpace/DeviceGray/Filter/CCITTFaxDecode"
    entries += f"/DecodeParms<</K -1/Columns {width}/Rows {height}>>"
    assert only_page(image_page(entries, strip)).warnings == ()
    for wrong in (strip[: size // 2], strip[: size // 2] + bytes(64) + strip[size // 2 + 64 :]):
        assert only_page(image_page(entries, wrong)).warnings


def test_a_pdf_whose_attachments_alone_are_encrypted_says_so() -> None:
    keys = "<" + "41" * 32 + ">"
    encryption = f"/Filter/Standard/V 4/R 4/Length 128/P -1/O{keys}/U{keys}/StmF/Identity/StrF/Identity/EFF/StdCF"
    filters = "/CF<</StdCF<</CFM/AESV2/AuthEvent/EFOpen/Length 16>>>>"
    page = only_page(
        pdf(
            "<</Type/Catalog/Pages 2 0 R>>",
            "<</Type/Pages/Kids[3 0 R]/Count 1>>",
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 300]/Contents 4 0 R>>",
            stream("0 0 50 50 re f"),
            trailer=f"/Root 1 0 R/ID[<00><00>]/Encrypt<<{encryption}{filters}>>",
        )
    )
    assert "attachments are encrypted" in page.warnings[0]
    assert page.image.convert("L").getextrema() == (0, 255)


@pytest.mark.parametrize("isolate", [True, False])
def test_a_page_that_mupdf_cannot_draw_is_drawn_by_pdfium(isolate: bool) -> None:
    pytest.importorskip("pypdfium2")
    deep = pdf(
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 300]/Contents 4 0 R>>",
        stream("q " * 200_000 + "0 0 50 50 re f"),
    )
    page = only_page(deep, dpi=36, limits=Limits(isolate=isolate))
    assert (page.image.size, page.size_pt, page.dpi, page.renderer) == ((100, 150), (200, 300), 36, "PDFium")
    assert page.image.convert("L").getextrema() == (0, 255)
    assert "drawn by PDFium, since MuPDF cannot" in page.warnings[0]
    assert page.render(72).size == (200, 300)
    kept = only_page(deep, dpi=36, find_kept=lambda *_: "answer", limits=Limits(isolate=isolate))
    assert (kept.kept, kept.error, kept.size_pt) == ("answer", None, (200, 300))


def test_a_page_tree_whose_root_has_a_parent_is_read() -> None:
    page = only_page(
        pdf(
            "<</Type/Catalog/Pages 2 0 R>>",
            "<</Type/Pages/Kids[3 0 R]/Count 1/Parent 2 0 R>>",
            "<</Type/Page/Parent 2 0 R/Contents 4 0 R>>",
            stream("0 0 50 50 re f"),
        ),
        dpi=36,
    )
    assert page.renderer == "MuPDF"
    assert "its root has a parent" in page.warnings[0]


def test_a_page_that_neither_draws_is_said_to_be_one_colour() -> None:
    pytest.importorskip("pypdfium2")
    pattern = "/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 9 9]/XStep 9/YStep 9"
    draws_itself = stream("/Pattern cs /P scn 0 0 9 9 re f", f"{pattern}/Resources<</Pattern<</P 5 0 R>>>>")
    page = only_page(page_of("/Pattern cs /P scn 0 0 200 300 re f", "/Pattern<</P 5 0 R>>", draws_itself), dpi=36)
    assert "drawn by PDFium, since MuPDF cannot draw the page" in page.warnings[0]
    assert "the page is one colour" in page.warnings[1]


@pytest.mark.parametrize("entries", ["", "/MediaBox 3 0 R", "/MediaBox[0 0 0 300]"])
def test_a_page_that_does_not_state_its_size_is_warned_of(entries: str) -> None:
    page = only_page(page_of("0 0 50 50 re f", entries=entries), dpi=72)
    assert page.image.size == (612, 792)
    assert page.warnings == ("the page does not state its size: it is taken as 612×792 points",)


@pytest.mark.parametrize("compression", ["tiff_adobe_deflate", "tiff_deflate"])
@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("tags", [{}, {"t317": 2}, {"t278": 96}, {"t274": 6}, {"t274": 3, "t317": 2}])
def test_overwritten_deflate_data_in_a_tiff_are_found(compression: str, mode: str, tags: dict[str, int]) -> None:
    sound = tiff_of(print_of("L", 20).convert(mode), compression, **(tags if mode != "1" else {}))
    assert only_page(sound).warnings == ()
    damaged = 0
    for place in range(2000, len(sound) - 2000, len(sound) // 10):
        try:
            page = only_page(sound[:place] + bytes(range(64)) + sound[place + 64 :])
            damaged += page.warnings != ()
            assert page.warnings == () or "deflate data are damaged" in page.warnings[0]
        except SourceCorrupt:
            damaged += 1
    assert damaged == len(range(2000, len(sound) - 2000, len(sound) // 10))


def test_the_checksum_of_a_sound_deflate_strip_spares_unpacking_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("got_runtime.sources.tiff_damage.zlib.decompressobj", lambda: None)
    for tags in ({}, {"t317": 2}):
        for mode in ("L", "RGB"):
            data = tiff_of(print_of(mode, 20), "tiff_adobe_deflate", **tags)
            assert only_page(data, limits=Limits(isolate=False)).warnings == ()
