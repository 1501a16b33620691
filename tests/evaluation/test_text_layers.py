"""PDF files as pairs of rendered page and text layer, and the pages that are left out."""

from pathlib import Path

import pymupdf
import pytest
from helpers.evaluation_pages import page_image, write_page, write_pdf
from helpers.printed_pages import words_of
from helpers.source_files import png_of
from PIL import Image

from got_runtime.errors import SourceNotFound
from got_runtime.evaluation.report import LeftOut
from got_runtime.evaluation.samples import TEXT_LAYER
from got_runtime.evaluation.text_layers import fault_of, has_text_layers, text_layer_samples
from got_runtime.sources import open_pages


def text_page(document: pymupdf.Document, lines: int = 12, render_mode: int = 0) -> pymupdf.Page:
    """A page of ``lines`` lines of English."""
    page = document.new_page()
    for number in range(lines):
        page.insert_text((60, 80 + 18 * number), words_of(9, number), render_mode=render_mode)
    return page


def fault(document: pymupdf.Document) -> str | None:
    (page,) = open_pages(document.tobytes())
    return fault_of(page)


def picture_of_text(lines: int) -> bytes:
    with pymupdf.open() as document:
        pixels = text_page(document, lines).get_pixmap(dpi=150, clip=(50, 60, 560, 80 + 18 * lines))
        return png_of(Image.frombytes("RGB", (pixels.width, pixels.height), pixels.samples))


def test_a_page_of_printed_text_is_a_sample() -> None:
    with pymupdf.open() as document:
        page = text_page(document)
        page.draw_rect((50, 400, 500, 500))  # a frame is no text
        page.insert_image((300, 410, 380, 490), stream=png_of(page_image(120)))
        assert fault(document) is None


def test_a_turned_page_is_compared_as_it_is_shown() -> None:
    with pymupdf.open() as document:
        text_page(document).set_rotation(90)
        assert fault(document) is None


def test_blank_pages_and_scans_are_left_out() -> None:
    with pymupdf.open() as document:
        document.new_page()
        assert fault(document) == "no text"
    with pymupdf.open() as document:
        page = text_page(document, render_mode=3)
        page.insert_image(page.rect, stream=picture_of_text(12), keep_proportion=False)
        assert fault(document) == "scan"


def test_text_that_is_not_drawn_is_left_out() -> None:
    with pymupdf.open() as document:
        text_page(document, render_mode=3)
        assert fault(document) == "text that is not drawn"
    with pymupdf.open() as document:  # bold by printing twice
        page = text_page(document)
        page.insert_text((60, 80), words_of(9))
        page.insert_text((60, 98), words_of(9, 1))
        assert fault(document) == "text that is not drawn"


def test_a_page_of_which_much_text_is_a_picture_is_left_out() -> None:
    with pymupdf.open() as document:
        text_page(document, 6).insert_image((50, 300, 560, 420), stream=picture_of_text(6))
        assert fault(document) == "drawn text outside the text layer"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Дорогие друзья, приветствуем вас", "not Latin script"),
        ("Qwrt plk jhg fds zxc vbn mnb " * 5, "scrambled text layer"),
        ("Chère Élodie, à bientôt à Évian où le château", None),
    ],
)
def test_other_scripts_and_scrambled_layers_are_left_out(text: str, reason: str | None) -> None:
    with pymupdf.open() as document:
        document.new_page().insert_htmlbox((50, 50, 550, 400), text)
        assert fault(document) == reason


def test_a_folder_gives_the_pages_of_its_pdf_files_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    write_pdf(tmp_path / "reports" / "b.pdf", 2)
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 no more")
    page_image().save(tmp_path / "photo.png")
    with pymupdf.open() as document:
        document.new_page()
        document.save(tmp_path / "empty.pdf")
    left_out: list[LeftOut] = []
    samples = list(text_layer_samples(tmp_path, left_out=left_out))
    assert [(s.label, s.reference, s.group, s.kind) for s in samples] == [
        ("reports/b.pdf p. 1", "page 1", "reports", TEXT_LAYER),
        ("reports/b.pdf p. 2", "page 2", "reports", TEXT_LAYER),
    ]
    assert {(page.name, page.reason) for page in left_out} == {
        ("broken.pdf", "cannot be opened"),
        ("empty.pdf p. 1", "no text"),
        ("photo.png", "no PDF file"),
    }


def test_pages_are_selected_for_all_files_or_line_by_line_in_a_list(tmp_path: Path) -> None:
    write_pdf(tmp_path / "a report.pdf", 3)
    write_pdf(tmp_path / "more" / "b.pdf", 3)
    assert [s.page for s in text_layer_samples(tmp_path / "a report.pdf", "2-")] == [2, 3]
    pages = tmp_path / "list.txt"
    pages.write_text("# chosen pages\na report.pdf 1,-1\n\nmore/b.pdf  # all that --pages selects\n")
    assert [s.label for s in text_layer_samples(pages, "2")] == [
        "a report.pdf p. 1",
        "a report.pdf p. 3",
        "more/b.pdf p. 2",
    ]


@pytest.mark.parametrize(("text", "message"), [("# nothing\n", "names no PDF file"), ("no.pdf 1\n", "names no.pdf")])
def test_a_list_that_names_no_file_is_an_error(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(SourceNotFound, match=message):
        list(text_layer_samples(tmp_path / "list.txt"))


def test_a_folder_with_reference_texts_is_no_folder_of_text_layers(tmp_path: Path) -> None:
    write_pdf(tmp_path / "a.pdf", 1)
    assert has_text_layers(tmp_path)
    assert has_text_layers(tmp_path / "a.pdf")
    write_page(tmp_path / "b.png", "text")
    assert not has_text_layers(tmp_path)
    assert not has_text_layers(tmp_path / "missing.pdf")
