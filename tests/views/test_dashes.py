"""Dashes that stand for missing numbers are lines of their own; dashes of drawings are none."""

import pytest
from helpers.printed_pages import Placed, printed_page, words_of
from PIL import Image, ImageDraw

from got_runtime.views.lines import find_lines

LABELS = ("Austria", "Germany", "Hungary", "Ireland", "Romania")
COLUMNS = (350, 500, 650, 800)


def table(width: int, gaps: set[tuple[int, int]]) -> Image.Image:
    cells: list[Placed] = [((80, 100 + 50 * row), label, 22) for row, label in enumerate(LABELS)]
    every = [(row, column) for row in range(len(LABELS)) for column in range(len(COLUMNS))]
    cells += [((COLUMNS[c], 100 + 50 * r), f"{r}{c}.5", 22) for r, c in every if (r, c) not in gaps]
    page = printed_page(cells)
    draw = ImageDraw.Draw(page)
    for row, column in gaps:
        left, middle = COLUMNS[column], 115 + 50 * row
        draw.line((left, middle, left + width - 1, middle), fill="black", width=2)
    return page


@pytest.mark.parametrize("width", [6, 11, 22], ids=["hyphen", "en dash", "em dash"])
@pytest.mark.parametrize("gaps", [{(2, 1)}, {(0, 2), (1, 2), (2, 2)}, {(4, column) for column in range(4)}])
def test_a_dash_in_a_cell_is_a_line_in_its_row(width: int, gaps: set[tuple[int, int]]) -> None:
    page = find_lines(table(width, gaps))
    assert [line.row for line in page.lines] == [row for row in range(5) for _ in range(5)]
    for row, column in gaps:
        dash, label = page.lines[5 * row + 1 + column], page.lines[5 * row]
        assert dash.box[0] == COLUMNS[column]
        assert dash.box[2] == COLUMNS[column] + width
        assert abs(dash.box[1] - label.box[1]) < 8
        assert dash.x_height > 0.6 * label.x_height


def test_a_dashed_line_beside_text_is_none() -> None:
    page = printed_page([((80, 100 + 50 * row), words_of(3, 3 * row), 22) for row in range(5)])
    draw = ImageDraw.Draw(page)
    for left in range(500, 900, 18):
        draw.line((left, 213, left + 9, 213), fill="black", width=2)
    assert len(find_lines(page).lines) == 5


def test_ticks_of_an_axis_are_none() -> None:
    page = printed_page([((80, 100 + 50 * row), f"{row}0", 22) for row in range(8)])
    draw = ImageDraw.Draw(page)
    draw.line((150, 90, 150, 480), fill="black", width=2)
    for row in range(8):
        draw.line((138, 113 + 50 * row, 150, 113 + 50 * row), fill="black", width=2)
    assert len(find_lines(page).lines) == 8


def test_a_dash_without_a_row_or_a_column_is_none() -> None:
    page = printed_page([((80, 100 + 50 * row), words_of(5, 5 * row), 22) for row in range(5)])
    ImageDraw.Draw(page).line((750, 113, 765, 113), fill="black", width=2)
    ImageDraw.Draw(page).line((200, 600, 215, 600), fill="black", width=2)
    assert len(find_lines(page).lines) == 5
