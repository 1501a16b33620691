"""Pages of a PDF are drawn in the memory through which they return, with the fonts of the page before."""

import pymupdf
import pytest
from helpers.source_files import tree_of

from got_runtime.sources import Limits, open_pages
from got_runtime.sources.drawing import drawn_page, draws_text_alone


def stream(entries: str, content: str) -> str:
    return f"<<{entries}/Length {len(content)}>>stream\n{content}\nendstream"


def pages_of_text(count: int) -> bytes:
    with pymupdf.open() as document:
        for number in range(count):
            page = document.new_page(width=200 + 50 * (number % 3), height=300 - 70 * (number % 2))
            page.insert_text(
                (20, 50), f"Page {number}", fontname=("helv", "tiro")[number % 2], color=(number % 2, 0, 0)
            )
        data: bytes = document.tobytes()
    return data


def test_each_page_is_that_which_is_drawn_alone() -> None:
    data = pages_of_text(20)
    pages = list(open_pages(data, dpi=40))
    for page, here in zip(pages, open_pages(data, dpi=40, limits=Limits(isolate=False)), strict=True):
        (alone,) = open_pages(data, dpi=40, pages=str(page.number))
        assert page.image is not None
        assert page.image == here.image == alone.image
        assert page.warnings == ()
    assert len({page.image.tobytes() for page in pages if page.image}) == 20


def test_a_damaged_font_is_told_of_on_each_page() -> None:
    font = "/Type/Font/Subtype/TrueType/BaseFont/Arial/FontDescriptor 8 0 R/FirstChar 65/LastChar 65/Widths[600]"
    descriptor = "<</Type/FontDescriptor/FontName/Arial/Flags 32/FontFile2 9 0 R>>"
    data = tree_of(
        "3 0 R 4 0 R",
        "/Count 2/Resources<</Font<</F 7 0 R>>>>",
        content="BT /F 20 Tf 20 50 Td (A) Tj ET",
        more=(f"<<{font}>>", descriptor, stream("", "no font")),
    ).replace(b"4 0 obj<</Type/Page/Parent", b"4 0 obj<</Contents 5 0 R/Type/Page/Parent")
    first, second = open_pages(data, dpi=40)
    assert first.warnings[len(first.file_warnings) :] == second.warnings
    assert any("MuPDF reports" in warning for warning in second.warnings)


TYPE_3 = "<</Type/Font/Subtype/Type3/FontBBox[0 0 1 1]/FontMatrix[1 0 0 1 0 0]/CharProcs<<>>>>"


@pytest.mark.parametrize(
    ("page", "alone"),
    [
        ("/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Arial>>>>>>", True),
        ("/Resources<<>>", True),
        (f"/Resources<</Font<</F {TYPE_3}>>>>", False),
        ("/Resources<</XObject<</X 7 0 R>>>>", False),
        ("/Resources<</Pattern<</P 7 0 R>>>>", False),
        ("/Resources<<>>/Annots[<</Type/Annot/Subtype/Square/Rect[0 0 9 9]>>]", False),
    ],
)
def test_what_is_drawn_otherwise_when_it_is_kept_is_not_kept(page: str, alone: bool) -> None:
    with pymupdf.open(stream=tree_of("3 0 R", "/Count 1", page, more=("<<>>",))) as document:
        assert draws_text_alone(document[0]) is alone


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_memory_that_is_given_has_the_pixels_that_mupdf_would_have(mode: str) -> None:
    room = bytearray(1_000_000)
    with pymupdf.open(stream=pages_of_text(1)) as document:
        given = drawn_page(document[0], 1.7, mode, lambda size: memoryview(room)[:size])
        own = drawn_page(document[0], 1.7, mode, None)
        refused = drawn_page(document[0], 1.7, mode, lambda _: None)
    assert (given.mode, given.width, given.height) == (own.mode, own.width, own.height)
    assert bytes(given.data) == bytes(own.data) == bytes(refused.data)
    assert bytes(room[: given.size]) == bytes(own.data)
