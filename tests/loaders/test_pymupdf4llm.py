"""GOT as the OCR function of PyMuPDF4LLM."""

from pathlib import Path

import pymupdf
import pytest
from helpers.loader_files import Scripted
from PIL import Image, ImageDraw

from got_loaders.pymupdf4llm import GotOcr
from got_runtime import GotRuntime


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """Two words on an image of 800 × 800 pixels on a page of 400 × 400 points, their left edge at 30 points."""
    image = Image.new("RGB", (800, 800), "white")
    ImageDraw.Draw(image).text((60, 60), "Green peas", fill="black", font_size=60)
    image.save(tmp_path / "in.png")
    with pymupdf.open() as document:
        sheet = document.new_page(width=400, height=400)
        sheet.insert_image(sheet.rect, filename=tmp_path / "in.png")
        document.save(tmp_path / "scan.pdf")
    return tmp_path / "scan.pdf"


def test_a_scan_becomes_markdown(runtime: GotRuntime, scan: Path) -> None:
    import pymupdf4llm  # type: ignore[import-untyped]

    expected = runtime.read(scan).text
    assert expected
    assert expected.split()[0] in pymupdf4llm.to_markdown(str(scan), ocr_function=GotOcr(runtime))


def test_text_is_written_where_it_is_printed_and_is_invisible(runtime: GotRuntime, scan: Path) -> None:
    with pymupdf.open(scan) as document:
        page = document[0]
        before = page.get_pixmap().samples
        GotOcr(runtime)(page, dpi=150)
        assert page.get_pixmap().samples == before
        [first, *_] = page.get_text("words")
        assert 27 < first[0] < 35
        assert 30 < (first[1] + first[3]) / 2 < 60


@pytest.mark.parametrize("line", ["“Quoted” – café • 5 €", "中文 α “Quoted” – café •"])
def test_every_character_that_was_read_can_be_searched(scripted: Scripted, line: str) -> None:
    with pymupdf.open() as document:
        page = document.new_page(width=400, height=400)
        page.draw_rect((30, 30, 300, 60), fill=0)
        before = page.get_pixmap().samples
        GotOcr(scripted(line))(page)
        assert page.get_text().strip() == line
        assert page.get_pixmap().samples == before


@pytest.mark.parametrize("line", ["Green peas", "中文"])
@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_text_is_written_where_it_is_printed_on_a_rotated_page(scripted: Scripted, line: str, rotation: int) -> None:
    with pymupdf.open() as document:
        page = document.new_page(width=400, height=300)
        page.set_rotation(rotation)
        page.draw_rect(pymupdf.Rect(30, 30, 200, 60) * page.derotation_matrix, fill=0)
        GotOcr(scripted(line))(page)
        words = [pymupdf.Rect(word[:4]) * page.rotation_matrix for word in page.get_text("words")]
        assert all(word.intersects(page.rect) and word.y1 < 20 for word in words)
        assert all(word.width > word.height for word in words)


def test_the_chinese_font_is_embedded_once_and_only_where_it_is_needed(scripted: Scripted) -> None:
    def size(answer: str, pages: int) -> int:
        with pymupdf.open() as document:
            for _ in range(pages):
                GotOcr(scripted(answer))(document.new_page())
            return len(document.tobytes())

    assert size("“中文”", 20) < size("“中文”", 1) + 100_000
    assert size("“Latin”", 1) < 20_000
