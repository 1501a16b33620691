"""Odd files are read where they can be, with a warning that names the trouble; nothing is printed."""

import io
import os
import struct
import tarfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.source_files import Blob, only_page, pdf_of, png_of, pymupdf, read, striped, tree_of
from PIL import Image, PngImagePlugin

from got_runtime.errors import LimitExceeded, SourceCorrupt, SourceEncrypted, SourceError, SourceUnsupported
from got_runtime.sources import Limits, expand, second_renderer
from got_runtime.sources.documents import documents

HERE = Limits(isolate=False)


@pytest.fixture(autouse=True)
def nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    assert capfd.readouterr() == ("", "")


def is_marked(image: Image.Image) -> bool:
    return image.convert("L").getextrema() == (0, 255)


@pytest.mark.parametrize(
    ("kids", "count", "marked"),
    [
        ("3 0 R", "/Count 1000000", [True]),
        ("3 0 R", "/Count -5", [True]),
        ("3 0 R", "", [True]),
        ("3 0 R 4 0 R 3 0 R", "/Count 1", [True, False, True]),
        ("3 0 R 3 0 R", "/Count 2", [True, True]),
        ("3 0 R null 4 0 R", "/Count 3", [True, False]),
        ("3 0 R 6 0 R", "/Count 2", [True]),
        ("", "/Count 0", [True, False]),
    ],
    ids=["too many", "negative", "none", "too few", "a page twice", "null", "a circle", "pages in no tree"],
)
def test_the_pages_of_a_damaged_page_tree_are_read(kids: str, count: str, marked: list[bool]) -> None:
    pages = read(tree_of(kids, count), dpi=30)
    assert [is_marked(page.image) for page in pages] == marked
    assert [page.total for page in pages] == [len(marked)] * len(marked)
    assert "page" in pages[0].warnings[0]


@pytest.mark.parametrize(
    ("page", "size", "warning"),
    [
        ("/UserUnit 0", (200, 300), "unit"),
        ("/UserUnit -3", (200, 300), "unit"),
        ("/UserUnit 1000000000", (200, 300), "unit"),
        ("/UserUnit 2", (400, 600), None),
        ("/Rotate 45", (200, 300), "turned by 45 degrees"),
        ("/Rotate 450", (300, 200), None),
        ("/CropBox[1000 1000 1100 1100]", (200, 300), "CropBox"),
        ("/CropBox[10 10 10 10]", (200, 300), "CropBox"),
        ("/CropBox[0 0 100 100]", (100, 100), None),
        ("/MediaBox[0 0 400 3]", (400, 3), "too small to hold text"),
        ("/MediaBox[0 0 9 9]", (9, 9), "too small to hold text"),
    ],
)
def test_boxes_and_units_without_sense_are_mended(page: str, size: tuple[int, int], warning: str | None) -> None:
    opened = only_page(tree_of("3 0 R", "/Count 1", page), dpi=72)
    assert opened.image.size == size
    assert is_marked(opened.image) or size[1] < 10
    assert [warning in each for each in opened.warnings] == ([True] if warning else [])


def test_a_page_of_one_colour_that_has_content_is_warned_of() -> None:
    white = only_page(tree_of("3 0 R", "/Count 1", content="1 g 0 0 500 500 re f"), dpi=30)
    assert white.warnings == ()  # how many programs draw an empty page
    hidden = tree_of("3 0 R", "/Count 1", content="1 g 10 10 m 90 90 l 90 10 l f 1 G 5 5 m 99 99 l S")
    (warning,) = only_page(hidden, dpi=30).warnings
    assert "one colour although it has content" in warning


def test_messages_of_mupdf_are_warnings_of_their_page() -> None:
    first, second = read(tree_of("3 0 R 4 0 R", "/Count 2", content="0 0 50 50 re f /Nothing gs ((( Q"), dpi=30)
    assert first.warnings
    assert all(warning.startswith("MuPDF reports: ") for warning in first.warnings)
    assert second.warnings == ()


@pytest.mark.parametrize(
    ("catalog", "warning"),
    [("/Collection<</View/T>>", "a portfolio"), ("/NeedsRendering true", "an XFA form"), ("", None)],
)
def test_a_placeholder_is_said_to_be_one(catalog: str, warning: str | None) -> None:
    page = only_page(tree_of("3 0 R", "/Count 1", catalog=catalog), dpi=30)
    assert [warning in each for each in page.warnings] == ([True] if warning else [])


@pytest.mark.parametrize(("text", "expected"), [("Please wait...", True), ("Name and address", False)])
def test_the_placeholder_of_an_xfa_form_is_known_by_its_text(text: str, expected: bool) -> None:
    font = "/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>"
    form, content = "/AcroForm<</XFA(form)/Fields[]>>", f"BT /F 9 Tf 20 99 Td ({text}) Tj ET"
    page = only_page(tree_of("3 0 R", "/Count 1", font, catalog=form, content=content), dpi=30)
    assert ["an XFA form" in each for each in page.warnings] == [True] * expected


def test_a_zip_archive_that_holds_a_pdf_is_said_to_be_one() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("paper.pdf", pdf_of("a"))
    with pytest.raises(SourceUnsupported, match=r"a ZIP archive that holds a PDF \(paper.pdf\)"):
        read(buffer.getvalue())


def test_other_archives_are_said_to_be_that() -> None:
    buffer, paper = io.BytesIO(), pdf_of("a")
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo("paper.pdf")
        entry.size = len(paper)
        archive.addfile(entry, io.BytesIO(paper))
    for data in (buffer.getvalue(), b"7z\xbc\xaf\x27\x1c" + bytes(60), b"Rar!\x1a\x07\x01\x00" + bytes(60)):
        with pytest.raises(SourceUnsupported, match=r"archive.*unpack it first"):
            only_page(data)


def test_passwords_are_prepared_as_the_standard_says_and_not_cut() -> None:
    locked = pdf_of("a", encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="p\u00e4ss", owner_pw="own")
    assert only_page(locked, password="pa\u0308ss", dpi=20).text_layer == "a"
    for wrong in ("p\u00e4ss\0", "p\u00e4ss\0more", "\udcff", "pass"):
        with pytest.raises(SourceEncrypted, match="the password is wrong"):
            read(locked, password=wrong)


def tiff_of(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "TIFF")
    return buffer.getvalue()


def signed_tiff(*values: int) -> bytes:
    return grey_tiff(16, 2, struct.pack(f"<{len(values)}h", *values))


def grey_tiff(bits: int, kind: int, row: bytes) -> bytes:
    width = len(row) * 8 // bits
    tags = {256: width, 257: 1, 258: bits, 259: 1, 262: 1, 273: 8, 277: 1, 278: 1, 279: len(row), 339: kind}
    entries = b"".join(struct.pack("<HHII", tag, 3, 1, value) for tag, value in tags.items())
    return struct.pack("<2sHI", b"II", 42, 8 + len(row)) + row + struct.pack("<H", len(tags)) + entries + bytes(4)


def greys(page: Any) -> list[int]:
    return [int(value) for value in np.asarray(page.image)[0, :, 0]]


def test_values_beyond_the_usual_ranges_are_scaled_with_a_warning() -> None:
    assert greys(only_page(signed_tiff(0, 16384, 32767))) == pytest.approx([0, 128, 255], abs=1)
    page = only_page(signed_tiff(-100, 0, 100))
    assert greys(page) == pytest.approx([0, 128, 255], abs=1)
    assert "no agreed range: -100 is shown as black, and 100 as white" in page.warnings[1]
    page = only_page(tiff_of(Image.fromarray(np.array([[0, 50_000, 100_000]], dtype=np.float32))))
    assert greys(page) == pytest.approx([0, 128, 255], abs=1)
    assert "no agreed range" in page.warnings[1]
    page = only_page(signed_tiff(0, 500, 1000))
    assert greys(page) == pytest.approx([0, 128, 255], abs=1)
    assert "0 is shown as black, and 1000 as white" in page.warnings[1]
    page = only_page(grey_tiff(8, 2, struct.pack("3b", -128, 0, 127)))
    assert greys(page) == pytest.approx([0, 128, 255], abs=1)
    page = only_page(grey_tiff(32, 1, struct.pack("<3I", 0, 1 << 31, (1 << 32) - 1)))
    assert greys(page) == pytest.approx([0, 128, 255], abs=1)
    assert len(only_page(tiff_of(Image.fromarray(np.array([[0, 0.5, 1]], dtype=np.float32)))).warnings) == 1


@pytest.mark.parametrize("bits", [16, 64])
def test_samples_that_cannot_be_read_are_unsupported(bits: int) -> None:
    with pytest.raises(SourceUnsupported, match="samples of a rare kind"):
        read(grey_tiff(bits, 3, bytes(16)))


def test_a_bmp_of_negative_width_is_corrupt() -> None:
    header = struct.pack("<IHHIIiiHHIIiiII", 100, 0, 0, 54, 40, -8, 8, 1, 24, 0, 0, 0, 0, 0, 0)
    with pytest.raises(SourceCorrupt, match="negative width"):
        read(b"BM" + header + bytes(300))


def test_a_side_beyond_the_limit_is_refused() -> None:
    with pytest.raises(LimitExceeded, match="--max-side"):
        read(png_of(Image.new("1", (1, 2000))), limits=Limits(max_side=1000))
    page = only_page(tree_of("3 0 R", "/Count 1"), limits=Limits(max_side=100))
    assert max(page.image.size) <= 100


def many_directories(count: int) -> bytes:
    tags = [(256, 3, 8), (257, 3, 8), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (278, 3, 8), (279, 4, 64)]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    size = 2 + len(entries) + 4
    following = [72 + size * (index + 1) if index < count - 1 else 0 for index in range(count)]
    body = b"".join(struct.pack("<H", len(tags)) + entries + struct.pack("<I", each) for each in following)
    return struct.pack("<2sHI", b"II", 42, 72) + b"\x80" * 64 + body


def test_a_tiff_of_many_directories_is_counted_at_once_and_read_where_asked() -> None:
    data = many_directories(20_000)
    begin = time.monotonic()
    with pytest.raises(LimitExceeded, match="20,000 pages"):
        read(data)
    first, last = read(data, pages="1,-1")
    assert (last.number, last.total) == (20_000, 20_000)
    assert time.monotonic() - begin < 20  # Pillow alone: a minute
    assert first.image.getpixel((3, 3)) == (128, 128, 128)


def test_a_circle_of_directories_ends() -> None:
    data = bytearray(many_directories(3))
    data[-4:] = struct.pack("<I", 72)
    assert len(read(bytes(data))) == 3


def test_folders_deeper_than_pythons_calls_are_listed(tmp_path: Path) -> None:
    before, depth = Path.cwd(), 1100
    os.chdir(tmp_path)
    try:
        for _ in range(depth):
            os.mkdir("d")
            os.chdir("d")
        Path("a.png").touch()
        assert [Path(path).name for path in expand(tmp_path)] == ["a.png"]
        os.remove("a.png")
        for _ in range(depth):
            os.chdir("..")
            os.rmdir("d")
    finally:
        os.chdir(before)


RAISED = [
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    EOFError,
    Image.DecompressionBombError,
    IndexError,
    KeyError,
    MemoryError,
    NotImplementedError,
    OSError,
    OverflowError,
    RecursionError,
    RuntimeError,
    StopIteration,
    SyntaxError,
    SystemError,
    TypeError,
    UnicodeDecodeError,
    UserWarning,
    ValueError,
    struct.error,
]


@pytest.mark.parametrize("kind", RAISED)
@pytest.mark.parametrize("seam", ["as_bytes", "load", "seek", "render"])
def test_whatever_a_library_raises_the_other_sources_are_read(
    kind: type[Exception], seam: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound, failing = png_of(striped()), {"as_bytes": Blob(b""), "render": pdf_of("a")}.get(seam, two_frames())
    raised = kind("utf-8", b"", 0, 1, "why") if kind is UnicodeDecodeError else kind("why")

    def fail(*_: object, **__: object) -> None:
        raise raised

    def opened(source: Any) -> Any:
        from got_runtime.sources import open_pages

        with monkeypatch.context() as patch:
            if source is failing:
                target = {"as_bytes": Blob, "render": pymupdf.Page}.get(seam, PngImagePlugin.PngImageFile)
                patch.setattr(target, {"render": "get_pixmap"}.get(seam, seam), fail)
                patch.setattr(second_renderer, "find_spec", lambda _: None)  # it would draw the page
            yield from list(open_pages(source, limits=HERE, dpi=20 if seam == "render" else None))

    outcomes = [[page.error for page in pages] for pages in documents([sound, failing, sound], opened)]
    assert outcomes[0] == outcomes[2] == [None]
    assert isinstance(outcomes[1][-1], SourceError)
    assert "\n" not in str(outcomes[1][-1])


def two_frames() -> bytes:
    return png_of(striped(), save_all=True, append_images=[striped().rotate(180)])
