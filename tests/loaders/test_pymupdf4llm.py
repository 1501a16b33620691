"""GOT as the OCR of PyMuPDF4LLM."""

from pathlib import Path

import pymupdf
import pytest
from PIL import Image, ImageDraw

from got_loaders.pymupdf4llm import GotOcr
from got_runtime import GotRuntime


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """Two words on a picture of 800 × 800 pixels on as many half points, their left edge at 30 points."""
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


def test_text_stands_where_it_is_printed_and_is_not_seen(runtime: GotRuntime, scan: Path) -> None:
    with pymupdf.open(scan) as document:
        page = document[0]
        before = page.get_pixmap().samples
        GotOcr(runtime)(page, dpi=150)
        assert page.get_pixmap().samples == before
        [first, *_] = page.get_text("words")
        assert 27 < first[0] < 35
        assert 30 < (first[1] + first[3]) / 2 < 60
