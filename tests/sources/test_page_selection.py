"""Page selections such as ``1-3,7,-1``."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.source_files import pdf_of, read
from PIL import Image

from got_runtime.errors import LimitExceeded, PageOutOfRange
from got_runtime.sources import Limits, open_pages, select_pages


@pytest.mark.parametrize(
    ("selection", "chosen"),
    [
        (None, [1, 2, 3, 4, 5, 6, 7]),
        ("1-3,7,-1", [1, 2, 3, 7]),
        ("2", [2]),
        ("-1", [7]),
        ("-3", [5]),
        ("-3--1", [5, 6, 7]),
        ("5-", [5, 6, 7]),
        ("-2-", [6, 7]),
        ("2--2", [2, 3, 4, 5, 6]),
        (" 1 - 2 , 4 ", [1, 2, 4]),
        ("7,1,7,2-3,1", [7, 1, 2, 3]),
        ("4-4", [4]),
        ("6-9", [6, 7]),
        ("-9-2", [1, 2]),
        ("1,8-9", [1]),
        (3, [3]),
        (-1, [7]),
        ([3, 1, -1, 3], [3, 1, 7]),
        (range(2, 5), [2, 3, 4]),
        ((np.int64(2),), [2]),
    ],
)
def test_a_selection_keeps_its_order_and_drops_repetitions(selection: Any, chosen: list[int]) -> None:
    assert list(select_pages(selection, 7)) == chosen


@pytest.mark.parametrize(
    "selection",
    [
        "8",
        "0",
        "-8",
        "8-9",
        "8-",
        "-9--8",
        "",
        ",",
        "1,",
        "a",
        "1..3",
        "3-1",
        "-1--3",
        "--",
        "1 2",
        "9" * 50,
        [],
        [0],
        [8],
        [1.5],
        "½",
    ],
)
def test_the_error_of_an_invalid_selection_shows_the_syntax(selection: Any) -> None:
    with pytest.raises(PageOutOfRange, match=r"1-3,7,-1"):
        select_pages(selection, 7)


def test_selection_applies_to_pdf_pages_and_to_frames_alike(tmp_path: Path) -> None:
    frames = [Image.new("L", (20, 20), grey) for grey in (0, 80, 160, 240)]
    frames[0].save(tmp_path / "fax.tiff", save_all=True, append_images=frames[1:])
    picked = read(tmp_path / "fax.tiff", pages="-1,2")
    assert [(page.number, page.label, page.image.getpixel((0, 0))[0]) for page in picked] == [
        (4, "fax-4", 240),
        (2, "fax-2", 80),
    ]
    assert [page.number for page in open_pages(pdf_of(*"abcd"), pages="-1,2", dpi=20)] == [4, 2]


def test_a_range_reads_the_pages_that_exist_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "one.pdf").write_bytes(pdf_of("a"))
    (tmp_path / "five.pdf").write_bytes(pdf_of(*"abcde"))
    Image.new("L", (20, 20)).save(tmp_path / "image.png")
    said = {
        name: [(page.number, page.warnings) for page in read(tmp_path / name, pages="1-3", dpi=20)]
        for name in ("one.pdf", "five.pdf", "image.png")
    }
    short = ("page range 1-3: the document has only 1 page",)
    assert said == {"one.pdf": [(1, short)], "five.pdf": [(1, ()), (2, ()), (3, ())], "image.png": [(1, short)]}
    assert [page.warnings for page in open_pages(Image.new("L", (20, 20)), pages="1-2")] == [
        ("page range 1-2: the document has only 1 page",)
    ]
    for pages in ("2", "2-3", "1,2"):
        with pytest.raises(PageOutOfRange, match="has 1 page, so there is no page 2"):
            next(open_pages(tmp_path / "one.pdf", pages=pages))


def test_the_page_limit_counts_what_was_selected() -> None:
    data = pdf_of(*"abcd")
    assert len(read(data, pages="3-4", dpi=20, limits=Limits(max_pages=2))) == 2
    for most, advice in ((2, "such as 1-2"), (1, "such as 1")):
        with pytest.raises(LimitExceeded, match=rf"exceed {most}: select fewer \({advice}\), or raise .*max_pages"):
            next(open_pages(data, limits=Limits(max_pages=most)))
