"""Print in any colour is found, and shown to the network dark on light."""

import numpy as np
import pytest
from helpers.printed_pages import Placed, printed_page, words_of
from PIL import Image, ImageDraw, ImageFont

from got_runtime.views.lines import find_lines
from got_runtime.views.pieces import cut_into_pieces
from got_runtime.views.stack import stacked_view

BLACK, WHITE, YELLOW, CYAN = (0, 0, 0), (255, 255, 255), (255, 184, 28), (0, 190, 220)


def page_with_heading(colour: tuple[int, int, int], fill: tuple[int, int, int] = WHITE) -> Image.Image:
    """A heading of one colour at the height of 200 pixels, on a bar of another one, between black lines."""
    lines: list[Placed] = [((60, 60 + 32 * row), words_of(11, row), 20) for row in range(4)]
    lines += [((60, 300 + 32 * row), words_of(11, row), 20) for row in range(8)]
    page = printed_page(lines, (1000, 600))
    draw = ImageDraw.Draw(page)
    draw.rectangle((50, 192, 950, 240), fill=fill)
    draw.text((64, 200), "Aims of the Annual Report", fill=colour, font=ImageFont.load_default(28))
    return page


@pytest.mark.parametrize("colour", [BLACK, YELLOW, CYAN, (120, 200, 60), (255, 120, 160)])
def test_a_heading_of_a_bright_colour_is_found(colour: tuple[int, int, int]) -> None:
    heights = [(line.box[1] + line.box[3]) / 2 for line in find_lines(page_with_heading(colour)).lines]
    assert len(heights) == 13
    assert heights[4] == pytest.approx(217, abs=6)


@pytest.mark.parametrize(
    ("colour", "fill"),
    [(BLACK, WHITE), (YELLOW, WHITE), (CYAN, WHITE), (WHITE, (229, 140, 27)), (YELLOW, (0, 33, 74)), (BLACK, YELLOW)],
)
def test_print_is_shown_dark_on_light(colour: tuple[int, int, int], fill: tuple[int, int, int]) -> None:
    found = find_lines(page_with_heading(colour, fill))
    heading = [piece for piece in cut_into_pieces(found, 34) if 195 < piece.box[1] < 235]
    view = np.asarray(stacked_view(found, heading).image).astype(int)
    assert np.percentile(view.mean(axis=2), 1) < 60
    assert np.percentile(view.min(axis=2), 60) > 230


def test_beside_a_line_that_stands_lower_the_next_line_is_not_shown() -> None:
    """Cells of one row that are not level share a piece; what stands under the higher one is of another row."""
    lines: list[Placed] = [((60, 60), "Serve", 20), ((60, 82), "Length", 20), ((180, 68), "Radiator", 20)]
    lines += [((60, 200 + 32 * row), words_of(11, row), 20) for row in range(8)]
    found = find_lines(printed_page(lines, (1000, 600)))
    row = next(piece for piece in cut_into_pieces(found, 34) if len(piece.parts) == 2 and piece.box[1] < 100)
    view = stacked_view(found, [row]).image
    shown = (np.asarray(view.convert("L")) < 128).sum()
    page = np.asarray(found.image.convert("L")) < 128
    printed = sum(page[top:bottom, left:right].sum() for left, top, right, bottom in row.parts)
    assert shown == printed
