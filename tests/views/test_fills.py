"""Filled boxes, cells and bars are the paper of the print in them."""

import numpy as np
import pytest
from helpers.printed_pages import Placed, printed_page, words_of
from PIL import Image, ImageDraw, ImageFont

from got_runtime.synth.degrade import scanned
from got_runtime.views.fills import filled_areas
from got_runtime.views.lines import find_lines
from got_runtime.views.pieces import cut_into_pieces
from got_runtime.views.stack import stacked_view

SIZE = 20
HEADER = ["Country", "Valid replies", "Marie Curie", "Total sum"]
LEFTS = (70, 300, 520, 760)


def table(fill: tuple[int, int, int], header_height: int, rows: int = 6) -> Image.Image:
    """A table whose header is light on dark, parted by white rules, between paragraphs."""
    lines: list[Placed] = [((60, 60 + 32 * row), words_of(11, row), SIZE) for row in range(4)]
    lines += [((60, 640 + 32 * row), words_of(11, row), SIZE) for row in range(6)]
    page = printed_page(lines, (1000, 860))
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(SIZE)
    for left, right in zip((60, 290, 510, 750), (287, 507, 747, 940), strict=True):
        draw.rectangle((left, 220, right, 220 + header_height), fill=fill)
    for left, text in zip(LEFTS, HEADER, strict=True):
        draw.text((left, 226), text, fill=(255, 255, 255), font=font)
        for row in range(rows):
            top = 226 + header_height + 30 * row
            draw.text((left, top), f"{text[:3]} {row}{left}", fill=(20, 20, 20), font=font)
    return page


@pytest.mark.parametrize("fill", [(245, 150, 60), (50, 50, 150), (0, 120, 120)])
@pytest.mark.parametrize("height", [34, 70, 180])
def test_a_header_in_colour_is_found_whole(fill: tuple[int, int, int], height: int) -> None:
    found = [line for line in find_lines(table(fill, height)).lines if line.light_on_dark]
    font = ImageFont.load_default(SIZE)
    assert [line.box[0] for line in found] == pytest.approx(LEFTS, abs=4)
    ends = [left + font.getlength(text) for left, text in zip(LEFTS, HEADER, strict=True)]
    assert [line.box[2] for line in found] == pytest.approx(ends, abs=4)


def test_a_header_in_colour_is_found_in_a_scan_too() -> None:
    found = [line for line in find_lines(scanned(table((50, 50, 150), 70))).lines if line.light_on_dark]
    assert len(found) == 4


def test_the_inner_one_of_two_filled_areas_counts() -> None:
    grey = np.full((400, 600), 250, np.uint8)
    grey[50:350, 100:500] = 120
    grey[100:200, 200:400] = 30
    levels = filled_areas(grey)
    assert levels[20, 20] == -1
    assert levels[60, 110] == 120
    assert levels[150, 300] == 30


def test_shaded_paper_is_no_filled_area() -> None:
    across = np.tile(np.linspace(120, 250, 600), (400, 1)).astype(np.uint8)
    assert (filled_areas(across) == -1).all()


def test_print_on_a_gradient_is_found() -> None:
    page = np.full((600, 1000), 250, np.uint8)
    page[100:150, 60:940] = np.linspace(40, 230, 880)
    image = Image.fromarray(page).convert("RGB")
    draw = ImageDraw.Draw(image)
    draw.text((80, 112), words_of(3), fill=(255, 255, 255), font=ImageFont.load_default(SIZE))
    for row in range(9):
        draw.text((60, 200 + 32 * row), words_of(11, row), fill=(20, 20, 20), font=ImageFont.load_default(SIZE))
    first, *others = find_lines(image).lines
    assert first.light_on_dark
    assert first.box[2] - first.box[0] == pytest.approx(ImageFont.load_default(SIZE).getlength(words_of(3)), abs=5)
    assert len(others) == 9


def large_type(size: int) -> Image.Image:
    page = Image.new("L", (1600, 700), 255)
    draw = ImageDraw.Draw(page)
    for row, text in enumerate(("BILD 8065", "Teile 2347")):
        font = ImageFont.load_default(min(size, 1500 // len(text) * 1.6))
        draw.text((40, 30 + row * 340), text, fill=0, font=font, stroke_width=size // 25)
    return page


@pytest.mark.parametrize("size", [60, 110, 200])
def test_letters_of_large_type_are_no_filled_areas(size: int) -> None:
    assert set(np.unique(filled_areas(np.asarray(large_type(size))))) <= {-1, 255}  # 255 is the inside of an O


@pytest.mark.parametrize("size", [60, 110])
def test_lines_of_large_type_are_whole(size: int) -> None:
    assert len(find_lines(large_type(size)).lines) == 2


def test_the_dark_edge_of_a_filled_cell_is_not_shown_beside_its_print() -> None:
    lines: list[Placed] = [((60, 160 + 32 * row), words_of(11, row), SIZE) for row in range(8)]
    page = printed_page(lines, (1000, 500))
    draw = ImageDraw.Draw(page)
    draw.rectangle((54, 50, 400, 90), fill=(204, 204, 255), outline=(0, 0, 0), width=2)
    draw.text((58, 57), "Enquiries", fill=(0, 0, 0), font=ImageFont.load_default(22))
    found = find_lines(page)
    [header] = [piece for piece in cut_into_pieces(found, 34) if piece.box[1] < 100]
    shown = np.asarray(stacked_view(found, [header]).image.convert("L")) < 128
    assert 0 < shown.sum(axis=0).max() <= header.box[3] - header.box[1]


@pytest.mark.parametrize("filled", [1, 2, 5])
def test_lines_with_filled_words_are_found_whole(filled: int) -> None:
    """Code within prose has a fill of its own; a line may have more of it than of paper."""
    font, words = ImageFont.load_default(SIZE), words_of(9).split()
    lines: list[Placed] = [((60, 60 + 32 * row), words_of(11, row), SIZE) for row in range(4)]
    page = printed_page(lines, (1000, 400))
    draw, left = ImageDraw.Draw(page), 60.0
    for number, word in enumerate(words):
        if number % 2 and number < 2 * filled:
            draw.rectangle((left - 3, 212, left + font.getlength(word) + 3, 242), fill=(208, 208, 208))
        draw.text((left, 216), word, fill=(20, 20, 20), font=font)
        left += font.getlength(word + " ")
    last = find_lines(page).lines[-1]
    assert (last.box[0], last.box[2]) == pytest.approx((60, left - font.getlength(" ")), abs=5)
