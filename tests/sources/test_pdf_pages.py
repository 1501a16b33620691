"""PDF pages: number, label, size, resolution, passwords, damaged files, threads."""

import gc
import logging
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from helpers.source_files import (
    hand_made_pdf,
    only_page,
    open_files,
    pdf_of,
    pymupdf,
    read,
)

from got_runtime.errors import LimitExceeded, SourceCorrupt, SourceEncrypted
from got_runtime.sources import Limits, auto_dpi, open_pages


def test_pdf_pages_carry_number_label_size_and_resolution() -> None:
    with pymupdf.open(stream=pdf_of("a", "b", "c")) as document:
        document.set_page_labels([{"startpage": 0, "style": "r", "firstpagenum": 4}, {"startpage": 2, "style": "D"}])
        pages = read(document.tobytes())
    assert [(page.number, page.label, page.total) for page in pages] == [(1, "iv", 3), (2, "v", 3), (3, "1", 3)]
    assert all(page.size_pt == (595, 842) and page.image.mode == "RGB" for page in pages)
    assert all(abs(max(page.image.size) - 2048) < 10 for page in pages)
    assert all(abs(page.image.height - page.size_pt[1] * page.dpi / 72) <= 1 for page in pages)


def test_pages_are_rendered_lazily_and_not_kept() -> None:
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


def test_a_given_resolution_is_used() -> None:
    assert only_page(pdf_of("a"), dpi=72).image.size == (595, 842)
    assert max(only_page(pdf_of("a"), long_side=1024).image.size) == pytest.approx(1024, abs=8)


def test_a_page_too_large_for_the_limit_is_rendered_smaller_with_a_warning() -> None:
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
    with pytest.raises(SourceEncrypted, match="the password is wrong"):
        next(open_pages(locked, password="guess"))
    page = only_page(locked, password="open", dpi=20)
    assert page.text_layer == "a"


def test_a_pdf_that_only_restricts_printing_needs_no_password() -> None:
    restricted = pdf_of("a", encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="", owner_pw="own")
    assert only_page(restricted, dpi=20).text_layer == "a"


def test_a_truncated_pdf_is_repaired_with_a_warning_on_its_first_page(caplog: pytest.LogCaptureFixture) -> None:
    whole = pdf_of("a", "b", "c", "d")
    with caplog.at_level(logging.INFO, "got_runtime"):
        pages = read(whole[: whole.index(b"xref")], pages="2-4", dpi=20)
    assert [len(page.warnings) for page in pages] == [1, 0, 0]
    assert "repaired" in pages[0].warnings[0]
    assert [record.getMessage() for record in caplog.records] == list(pages[0].warnings)


def test_a_pdf_page_that_fails_does_not_affect_the_other_pages(capfd: pytest.CaptureFixture[str]) -> None:
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
def test_a_page_with_an_invalid_label_is_still_read(rule: str, label: str) -> None:
    page = only_page(hand_made_pdf("3", catalog=f"/PageLabels<</Nums[0<<{rule}>>]>>"))
    assert (page.label, page.error) == (label, None)


def test_messages_of_mupdf_are_hidden_here_and_unchanged_elsewhere(capfd: pytest.CaptureFixture[str]) -> None:
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


def test_a_pixel_limit_that_no_resolution_meets_is_the_pages_error() -> None:
    page = only_page(pdf_of("a"), limits=Limits(max_pixels=2))
    assert page.image is None
    assert isinstance(page.error, LimitExceeded)
    assert "--max-pixels" in str(page.error)
