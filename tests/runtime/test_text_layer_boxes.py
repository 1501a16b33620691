"""Boxes of the elements of pages whose text is the text layer."""

from pathlib import Path

import pymupdf
import pytest
from helpers.scripted_pages import scripted

from got_runtime.model.checkpoint import LoadedModel


def test_elements_of_a_text_layer_have_the_boxes_of_its_lines(checkpoint: LoadedModel, tmp_path: Path) -> None:
    file = tmp_path / "page.pdf"
    with pymupdf.open() as document:
        page = document.new_page()
        page.insert_text((72, 72), "The first paragraph")
        page.insert_text((72, 300), ["The second paragraph", "in two lines"])
        document.save(file)
        first, second, third = (
            page.search_for(text)[0] for text in ("The first", "The second paragraph", "in two lines")
        )
    read = scripted(checkpoint, "decoded").read(file, ocr="auto", boxes=True).pages[0]
    upper, lower = read.boxes
    assert read.text[slice(*upper.span)].strip() == "The first paragraph"
    assert upper.bbox[:2] == pytest.approx((first.x0, first.y0), abs=3)
    assert lower.bbox == pytest.approx((second.x0, second.y0, second.x1, third.y1), abs=3)
    assert {box.source for box in read.boxes} == {"lines"}
