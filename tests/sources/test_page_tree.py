"""Pages of damaged page trees: all of them are found, and none gets the picture of another."""

import pytest
from helpers.source_files import only_page, read, tree_of
from PIL import Image

DIRECT = "<</Type/Page/Contents 5 0 R/Resources<</Font<</F 6 0 R>>>>>>"


def is_marked(image: Image.Image) -> bool:
    return image.convert("L").getextrema() == (0, 255)


@pytest.mark.parametrize(
    ("kids", "marked"),
    [
        ("null 3 0 R 4 0 R", [True, False]),
        ("5 3 0 R 4 0 R", [True, False]),
        ("3 0 R 4 0 R null", [True, False]),
        ("50 0 R 3 0 R 4 0 R", [True, False]),
        ("3 0 R 5 0 R 4 0 R", [True, False]),
        (f"4 0 R {DIRECT}", [False, True]),
        ("[3 0 R] 4 0 R", [True, False]),
    ],
    ids=["null", "a number", "null at the end", "a missing object", "a stream", "a page itself", "an array"],
)
def test_what_is_no_reference_to_a_page_costs_no_page(kids: str, marked: list[bool]) -> None:
    pages = read(tree_of(kids, "/Count 2"), dpi=30)
    assert [is_marked(page.image) for page in pages] == marked
    assert [len(page.warnings) for page in pages] == [1, 0]
    assert "the page tree is damaged" in pages[0].warnings[0]


def test_a_page_in_place_of_the_array_of_pages_is_read() -> None:
    page = only_page(tree_of("3 0 R", "/Count 1").replace(b"[3 0 R]", b" 3 0 R "), dpi=30)
    assert is_marked(page.image)
    assert len(page.warnings) == 1


def test_a_count_beyond_the_number_of_objects_is_a_count() -> None:
    pages = read(tree_of("3 0 R " * 8, "/Count 8"), dpi=30)
    assert len(pages) == 8
    assert "a page stands in the page tree more than once" in pages[0].warnings[0]


@pytest.mark.parametrize(
    ("kids", "count"),
    [("50 0 R 3 0 R 7 0 R", 3), ("null 3 0 R 7 0 R", 3), ("50 0 R 3 0 R 7 0 R", 2), ("9 0 R 10 0 R", 3)],
    ids=["a missing page", "null", "a missing page that is not counted", "wrong counts below"],
)
def test_pdfium_draws_no_other_page_where_it_counts_otherwise(kids: str, count: int) -> None:
    lines = " ".join(f"{x} 0 2 300 re f" for x in range(0, 200, 6))
    blank = ("<</Type/Page/Parent 2 0 R/Contents 8 0 R>>", "<</Length 8>>stream\n/Miss Do\nendstream")
    below = (
        "<</Type/Pages/Parent 2 0 R/Kids[4 0 R]/Count 2>>",
        "<</Type/Pages/Parent 2 0 R/Kids[3 0 R 7 0 R]/Count 1>>",
    )
    *_, last = read(tree_of(kids, f"/Count {count}", content=lines, more=(*blank, *below)), dpi=30)
    assert (last.renderer, is_marked(last.image)) == ("MuPDF", False)
    assert any("MuPDF reports" in warning for warning in last.warnings)


def test_messages_that_repeat_do_not_reach_the_next_file() -> None:
    damaged = tree_of("3 0 R", "/Count 1").replace(b"/Length 14", b"/Length  9")
    first = only_page(damaged, dpi=30)
    assert (first.text_layer, len(first.warnings)) == ("", 1)
    assert only_page(tree_of("3 0 R", "/Count 1"), dpi=30).warnings == ()


@pytest.mark.parametrize("node", ["<</Type/Pages/Parent 2 0 R/Count 1>>", "<</Type/Pages/Parent 2 0 R/Count 0>>"])
@pytest.mark.parametrize(("kids", "count"), [("7 0 R 3 0 R", 2), ("3 0 R 7 0 R", 1), ("7 0 R", 1)])
def test_a_node_that_holds_nothing_costs_no_page(node: str, kids: str, count: int) -> None:
    pages = read(tree_of(kids, f"/Count {count}", more=[node]), dpi=30)
    assert is_marked(pages[0].image)
    assert all(page.image is not None for page in pages)
    assert "page tree" in pages[0].warnings[0]


def test_a_page_that_says_it_is_a_node_is_read() -> None:
    page = only_page(tree_of("7 0 R", "/Count 1", more=["<</Type/Pages/Parent 2 0 R/Contents 5 0 R>>"]), dpi=30)
    assert is_marked(page.image)
    assert "a page has the type of a node" in page.warnings[0]
