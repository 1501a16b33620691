"""The text layer of PDF pages: whether it is good enough, and its reading order."""

from helpers.source_files import only_page, pdf_of, png_of, pymupdf, striped

from got_runtime.sources import needs_ocr, text_layer


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
