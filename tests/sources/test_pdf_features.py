"""What MuPDF draws otherwise than the standard says is drawn by PDFium, mended, or warned of."""

import struct
from typing import Any

import pymupdf
import pytest
from helpers.source_files import only_page, tree_of
from PIL import ImageColor

from got_runtime.sources import Limits, second_renderer
from got_runtime.sources.jbig2 import has_combined_halftone
from got_runtime.sources.large_numbers import has_large_number
from got_runtime.sources.pdf_features import has_nested_ranges

INVERTED = "<</FunctionType 2/Domain[0 1]/Range[0 1]/N 1/C0[1]/C1[0]>>"
TRANSFER = f"/ExtGState<</G<</TR {INVERTED}>>>>"
IN_A_CORNER = "0 g 0 0 50 50 re f /G gs 100 100 100 100 re f"
BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def page_with(resources: str, content: str, *more: str, **options: Any) -> Any:
    data = tree_of("3 0 R", "/Count 1", f"/Resources<<{resources}>>", content=content, more=more)
    return only_page(data, dpi=72, **options)


def stream(entries: str, content: str) -> str:
    return f"<<{entries}/Length {len(content)}>>stream\n{content}\nendstream"


def test_transfer_functions_are_drawn_by_pdfium() -> None:
    page = page_with(TRANSFER, IN_A_CORNER)
    assert (page.renderer, page.image.getpixel((150, 150))) == ("PDFium", WHITE)
    assert page.warnings == ("drawn by PDFium, since MuPDF does not draw transfer functions right",)
    page = page_with("/ExtGState<</G<</TR/Identity/TR2/Default>>>>", IN_A_CORNER)
    assert (page.renderer, page.image.getpixel((150, 150)), page.warnings) == ("MuPDF", BLACK, ())


def test_without_pdfium_they_are_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_renderer, "find_spec", lambda _: None)
    page = page_with(TRANSFER, IN_A_CORNER, limits=Limits(isolate=False))
    assert page.renderer == "MuPDF"
    assert page.warnings == ("parts of the page may be wrong: MuPDF does not draw transfer functions right",)


def test_a_feature_that_changes_nothing_is_not_warned_of() -> None:
    page = page_with(TRANSFER, "0 g 0 0 50 50 re f")  # it is not used
    assert (page.renderer, page.warnings) == ("MuPDF", ())


def test_features_are_found_in_forms_that_draw_each_other() -> None:
    form = stream(
        f"/Type/XObject/Subtype/Form/BBox[0 0 200 300]/Resources<<{TRANSFER}/XObject<</F 7 0 R>>>>", IN_A_CORNER
    )
    assert page_with("/XObject<</F 7 0 R>>", "/F Do", form).renderer == "PDFium"


@pytest.mark.parametrize(("kind", "renderer"), [("Alpha", "PDFium"), ("Luminosity", "MuPDF")])
def test_a_mask_of_opacity_with_a_transfer_function_is_drawn_by_pdfium(kind: str, renderer: str) -> None:
    state = f"/ExtGState<</G<</SMask<</S/{kind}/G 7 0 R/TR {INVERTED}>>>>>>"
    group = "/Type/XObject/Subtype/Form/BBox[0 0 50 50]/Group<</S/Transparency/CS/DeviceGray>>"
    page = page_with(state, "/G gs 0 0 200 300 re f", stream(group, "1 g 0 0 50 50 re f"))
    assert page.renderer == renderer
    assert page.image.getpixel((150, 50)) == BLACK  # outside of the mask's box


def pattern(entries: str, mode: str) -> str:
    state = f"/Resources<</ExtGState<</G<</BM/{mode}>>>>>>"
    return stream(f"/PatternType 1/PaintType 1/TilingType 1{entries}{state}", "0 g 4 64 10 8 re f")


FILLED = "/Pattern cs /P scn 0 0 200 300 re f"
OVERLAPPING, APART = "/BBox[0 0 80 80]/XStep 15/YStep 15", "/BBox[0 0 80 80]/XStep 80/YStep 80"


def test_a_pattern_of_overlapping_tiles_that_blend_is_drawn_by_pdfium() -> None:
    page = page_with("/Pattern<</P 7 0 R>>", FILLED, pattern(OVERLAPPING, "Darken"))
    assert page.renderer == "PDFium"
    assert page.image.getpixel((10, 292)) == BLACK  # tiles that begin below the page reach into it
    assert page.warnings == (
        "drawn by PDFium, since MuPDF does not draw a pattern of overlapping tiles that blend right",
    )


@pytest.mark.parametrize(("entries", "mode"), [(OVERLAPPING, "Normal"), (APART, "Darken")])
def test_other_patterns_are_not_warned_of(monkeypatch: pytest.MonkeyPatch, entries: str, mode: str) -> None:
    monkeypatch.setattr(second_renderer, "find_spec", lambda _: None)
    page = page_with("/Pattern<</P 7 0 R>>", FILLED, pattern(entries, mode), limits=Limits(isolate=False))
    assert (page.renderer, page.warnings) == ("MuPDF", ())


@pytest.mark.parametrize(
    ("entries", "colour"),
    [
        ("", "yellow"),
        ("/C[]", "yellow"),
        ("/C[1 0]", "yellow"),
        ("/AP<</N<<>>>>", "yellow"),
        ("/C[0 1 0]", "lime"),
        ("/C[0]", "black"),
        ("/F 2", "white"),
        ("/AP<</N 8 0 R>>", "white"),
    ],
)
def test_a_highlight_without_a_colour_hides_no_text(entries: str, colour: str) -> None:
    mark = f"<</Type/Annot/Subtype/Highlight/Rect[0 0 200 100]/QuadPoints[0 90 200 90 0 10 200 10]{entries}>>"
    nothing = stream("/Type/XObject/Subtype/Form/BBox[0 0 1 1]", "")
    data = tree_of("3 0 R", "/Count 1", "/Annots[7 0 R]", content="20 20 50 50 re f", more=(mark, nothing))
    page = only_page(data, dpi=72)
    assert page.image.getpixel((150, 250)) == ImageColor.getrgb(colour)
    assert page.image.getpixel((45, 255)) == BLACK
    assert page.warnings == (("a highlight states no colour: it is drawn in yellow",) if colour == "yellow" else ())


@pytest.mark.parametrize(("entries", "is_made_up"), [("", True), ("/F 2", False), ("/AP<</N 8 0 R>>", False)])
def test_a_stamp_that_mupdf_makes_up_is_warned_of(entries: str, is_made_up: bool) -> None:
    stamp = f"<</Type/Annot/Subtype/Stamp/Rect[0 100 200 200]{entries}>>"
    nothing = stream("/Type/XObject/Subtype/Form/BBox[0 0 1 1]", "")
    data = tree_of("3 0 R", "/Count 1", "/Annots[7 0 R]", content="20 20 50 50 re f", more=(stamp, nothing))
    page = only_page(data, dpi=72)
    assert (len(page.image.crop((0, 100, 200, 200)).getcolors()) > 1) == is_made_up
    warning = "a stamp has no appearance: its name is written, which other programs may leave out"
    assert page.warnings == ((warning,) if is_made_up else ())


def test_fonts_that_are_not_in_the_file_are_named() -> None:
    def font(name: str) -> str:
        return f"<</Type/Font/Subtype/TrueType/BaseFont/{name}/FirstChar 65/LastChar 65/Widths[600]>>"

    content = "BT /A 20 Tf 20 50 Td (A) Tj /B 20 Tf (A) Tj ET"
    page = page_with(f"/Font<</A {font('ArialMT')}/B {font('Times-Bold')}>>", content)
    assert page.warnings == ()
    page = page_with(f"/Font<</A {font('ABCDEF+Barcode39')}/B {font('Arial,Bold')}>>", content)
    assert page.warnings == ("fonts that are not in the file are drawn in others: Barcode39",)


SHIFT = "1 0 0 1 -340290000000000000000000000000000000000.0 0 cm 0 g 20 20 50 50 re f"


def test_a_shift_that_mupdf_cannot_compute_is_warned_of() -> None:
    warning = "a number in the page's content is larger than MuPDF computes with: parts may be misplaced"
    form = "/Type/XObject/Subtype/Form/BBox[0 0 200 300]/Resources<<>>"
    drawn = "0 0 50 50 re f /X Do"
    assert page_with("/XObject<</X 7 0 R>>", drawn, stream(form, f"q {SHIFT} Q")).warnings == (warning,)
    assert page_with("", f"0 0 50 50 re f {SHIFT}").warnings == (warning,)
    assert page_with("", f"q\n{SHIFT.replace('.0', '')}").warnings[-1:] == (warning,)


@pytest.mark.parametrize(("padding", "found"), [(0, True), (1_000, True), (20_000, False)])
def test_a_large_number_is_found_at_the_beginning_of_packed_content(padding: int, found: bool) -> None:
    with pymupdf.open() as document:
        page, number = document.new_page(), document.get_new_xref()
        document.update_object(number, "<<>>")
        document.update_stream(number, b"\n" * padding + SHIFT.encode() + b" " * 100, compress=True)
        page.set_contents(number)
        contents = page._pdf_page().obj().pdf_dict_gets("Contents")
        assert contents.pdf_dict_gets("Filter").pdf_to_name() == "FlateDecode"
        assert has_large_number(document, contents) is found


@pytest.mark.parametrize("number", ["12345678901234567890", "0.123456789012345678901234567890123", "-.5", "2147483648"])
def test_other_numbers_are_not_warned_of(number: str) -> None:
    assert page_with("", f"0 0 50 50 re f 1 0 0 1 {number} 0 cm 0 0 9 9 re f").warnings == ()
    assert page_with("", f"0 0 50 50 re f % {'9' * 40}").warnings == ()


def test_an_image_with_colours_that_mupdf_does_not_divide_by_opacity_is_warned_of() -> None:
    image = "/Type/XObject/Subtype/Image/Width 1/Height 1/Filter/JPXDecode/SMaskInData 2"
    page = page_with("/XObject<</I 7 0 R>>", "0 0 50 50 re f /I Do", stream(image, "no JPEG 2000"))
    assert any("multiplied with its opacity" in warning for warning in page.warnings)


@pytest.mark.parametrize(
    ("ranges", "nested"),
    [([(32, 32), (0, 180), (181, 181)], True), ([(0, 50), (51, 60)], False), ([(0, 50), (40, 60), (61, 61)], False)],
)
def test_widths_are_not_found_where_one_range_lies_in_another(ranges: list[tuple[int, int]], nested: bool) -> None:
    assert has_nested_ranges(ranges) is nested


def test_widths_that_overlap_are_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_renderer, "find_spec", lambda _: None)
    info = "/CIDSystemInfo<</Registry(Adobe)/Ordering(Japan1)/Supplement 0>>"
    below = f"<</Type/Font/Subtype/CIDFontType0/BaseFont/X{info}/DW 4000/W[34[300] 0 90 300]>>"
    font = f"/Font<</F<</Type/Font/Subtype/Type0/BaseFont/X/Encoding/Identity-H/DescendantFonts[{below}]>>>>"
    page = page_with(font, "BT /F 20 Tf 20 50 Td <0028> Tj ET", limits=Limits(isolate=False))
    assert any("character widths that overlap" in warning for warning in page.warnings)


def segment(kind: int, data: bytes) -> bytes:
    return struct.pack(">IBBBI", 0, kind, 0, 1, len(data)) + data


@pytest.mark.parametrize(("operator", "found"), [(0, False), (2, True)])
def test_halftone_regions_of_jbig2_are_found_by_their_operator(operator: int, found: bool) -> None:
    page, region = segment(48, bytes(19)), segment(22, bytes(17) + bytes([operator << 4, 0]))
    assert has_combined_halftone(page + region) is found
    assert has_combined_halftone((page + region)[:-2]) is False  # cut short


def test_jbig2_data_without_sense_have_no_features() -> None:
    assert not has_combined_halftone(b"\xff" * 1000)
