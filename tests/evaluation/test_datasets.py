"""Datasets on disk: folders of images beside text files, and files of an unknown or broken layout."""

import json
from pathlib import Path

import pytest
from helpers.evaluation_pages import page_image, write_page, write_pdf

from got_runtime.errors import SourceCorrupt, SourceNotFound, SourceUnsupported
from got_runtime.evaluation.datasets import load_samples
from got_runtime.evaluation.predictions import load_prediction


def test_a_folder_gives_images_with_the_text_beside_them_in_natural_order(tmp_path: Path) -> None:
    write_page(tmp_path / "page10.png", "ten")
    write_page(tmp_path / "page2.jpg", "\ufefftwo\r\nlines")
    write_page(tmp_path / "faces" / "new" / "a.png", "")
    (tmp_path / "notes.md").write_text("not a page")
    found = [(sample.name, sample.reference, sample.group, sample.page) for sample in load_samples(tmp_path)]
    assert found == [
        ("faces/new/a.png", "", "faces/new", None),
        ("page2.jpg", "two\nlines", tmp_path.name, None),
        ("page10.png", "ten", tmp_path.name, None),
    ]


def test_a_pdf_has_one_reference_per_page(tmp_path: Path) -> None:
    write_pdf(tmp_path / "paper.pdf", 2)
    (tmp_path / "paper.txt").write_text("page 1\f\npage 2\n\f")  # pdftotext ends the last page too
    samples = load_samples(tmp_path)
    assert [(sample.label, (sample.reference or "").strip()) for sample in samples] == [
        ("paper.pdf p. 1", "page 1"),
        ("paper.pdf p. 2", "page 2"),
    ]
    first, second = (sample.open() for sample in samples)
    assert first.size == second.size
    assert first.tobytes() != second.tobytes()


def test_a_tiff_of_many_frames_is_taken_page_by_page(tmp_path: Path) -> None:
    page_image(10).save(tmp_path / "fax.tif", save_all=True, append_images=[page_image(20)])
    (tmp_path / "fax.txt").write_text("one\ftwo")
    assert [(sample.label, sample.reference) for sample in load_samples(tmp_path)] == [
        ("fax.tif p. 1", "one"),
        ("fax.tif p. 2", "two"),
    ]
    assert load_samples(tmp_path)[1].open().getpixel((0, 0)) == (20, 20, 20)


def test_a_pdf_may_end_with_a_blank_page(tmp_path: Path) -> None:
    write_pdf(tmp_path / "paper.pdf", 2)
    (tmp_path / "paper.txt").write_text("page 1\f")
    samples = load_samples(tmp_path)
    assert [sample.reference for sample in samples] == ["page 1", ""]
    assert [load_prediction(tmp_path, sample) for sample in samples] == ["page 1", ""]


def test_a_pdf_with_another_number_of_texts_is_a_clear_error(tmp_path: Path) -> None:
    write_pdf(tmp_path / "paper.pdf", 3)
    (tmp_path / "paper.txt").write_text("one\ftwo")
    with pytest.raises(SourceCorrupt, match=r"paper\.txt has 2 parts and paper\.pdf 3 pages: put a form feed"):
        load_samples(tmp_path)


@pytest.mark.parametrize(
    "content", ["{", '[{"image": 1, "conversations": [1]}]', '[{"image": "a.png", "conversations": []}]']
)
def test_broken_json_is_a_clear_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "ocr.json").write_text(content)
    with pytest.raises(SourceCorrupt, match=r"ocr\.json"):
        load_samples(tmp_path / "ocr.json")


def test_a_missing_reference_is_a_clear_error(tmp_path: Path) -> None:
    page_image().save(tmp_path / "page.png")
    with pytest.raises(SourceNotFound, match=r"page\.txt is missing: write the text of page\.png there"):
        load_samples(tmp_path)


def test_an_empty_missing_or_wrong_dataset_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound, match="holds no pages"):
        load_samples(tmp_path)
    with pytest.raises(SourceNotFound, match="does not exist"):
        load_samples(tmp_path / "nowhere")
    (tmp_path / "list.csv").touch()
    with pytest.raises(SourceUnsupported, match="is not a dataset"):
        load_samples(tmp_path / "list.csv")


def test_a_reference_that_is_not_utf8_is_a_clear_error(tmp_path: Path) -> None:
    write_page(tmp_path / "page.png", "")
    (tmp_path / "page.txt").write_bytes("é".encode("latin-1"))
    with pytest.raises(SourceCorrupt, match=r"page\.txt is not UTF-8"):
        load_samples(tmp_path)


def test_lines_of_a_jsonl_file_end_at_line_feeds_only(tmp_path: Path) -> None:
    """U+2028 and U+0085 end a line in Python and none in JSON; an error names the line an editor shows."""
    row = {"image": "a.png", "conversations": [{"value": ""}, {"value": "one\u2028two\u0085three"}]}
    (tmp_path / "ocr.jsonl").write_text(f"{json.dumps(row, ensure_ascii=False)}\n", encoding="utf-8")
    assert [sample.reference for sample in load_samples(tmp_path / "ocr.jsonl")] == ["one\u2028two\u0085three"]
    (tmp_path / "ocr.jsonl").write_text(f"{json.dumps(row)}\n\n{{\n")
    with pytest.raises(SourceCorrupt, match=r"not JSON \(line 3\)"):
        load_samples(tmp_path / "ocr.jsonl")


@pytest.mark.parametrize("content", ["{}", "[]", '[{"image": "a.png"}]', '[{"picture": 1}]', "[1]"])
@pytest.mark.parametrize("name", ["ocr.json", "ocr.jsonl"])
def test_a_file_of_no_known_layout_is_one_clear_error(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(SourceUnsupported, match=r"ocr\.jsonl? (has no known layout|holds no list).*give a folder"):
        load_samples(tmp_path / name)
