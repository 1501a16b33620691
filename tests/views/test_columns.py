"""Reading order where a page is more than paragraphs in one or two columns."""

from itertools import pairwise

import pytest
from helpers.printed_pages import Placed, printed_page, words_of
from PIL import ImageFont

from got_runtime.views.lines import PageLines, find_lines
from got_runtime.views.reading_order import TextLine, in_reading_order


def column(left: int, top: int, rows: int, width: int, size: int = 20) -> list[Placed]:
    """Lines that are filled with words, as text is."""
    font, lines, first = ImageFont.load_default(size), list[Placed](), left
    for row in range(rows):
        count = max(count for count in range(1, 30) if font.getlength(words_of(count, first)) <= width or count == 1)
        lines.append(((left, top + 3 * size // 2 * row), words_of(count, first), size))
        first += count
    return lines


def in_order(page: PageLines, lines: list[Placed]) -> bool:
    """Whether the found lines begin where the printed ones do, in their order."""
    return len(page.lines) == len(lines) and all(
        abs(found.box[0] - left) < size and abs(found.box[1] - top) < size
        for found, ((left, top), _, size) in zip(page.lines, lines, strict=True)
    )


def test_a_first_column_of_words_stays_in_the_rows_of_its_table() -> None:
    names = ["Alabama", "Alaska", "Arizona", "New Hampshire", "Colorado", "Connecticut", "Delaware", "North Carolina"]
    lefts = (350, 500, 650, 800, 950)
    cells: list[Placed] = []
    for row, name in enumerate(names):
        cells.append(((60, 100 + 34 * row), name, 20))
        cells += [((left, 100 + 34 * row), f"{row + 2}{left},{row}27", 20) for left in lefts]
    found = find_lines(printed_page(cells, (1150, 600)))
    assert [line.row for line in found.lines] == [row for row in range(8) for _ in range(6)]


def test_text_beside_the_labels_of_a_chart_is_read_without_them() -> None:
    chart: list[Placed] = [((60 + 37 * number % 150, 90 + 47 * number), f"{number} mm", 20) for number in range(12)]
    text = column(420, 100, rows=18, width=520)
    tops = [line.box[1] for line in find_lines(printed_page(chart + text, (1000, 760))).lines if line.box[0] > 400]
    lefts = [line.box[0] > 400 for line in find_lines(printed_page(chart + text, (1000, 760))).lines]
    assert tops == sorted(tops)
    assert lefts == [False] * 12 + [True] * 18


def test_notes_in_the_margin_do_not_part_the_heading_from_its_second_line() -> None:
    heading = [((300, 60), words_of(9, 3), 26), ((300, 100), "and what became of it", 26)]
    margin = column(20, 180, rows=6, width=180, size=18)
    left, right = column(300, 180, rows=14, width=350), column(700, 180, rows=14, width=320)
    lines = [*heading, *margin, *left, *right]
    assert in_order(find_lines(printed_page(lines, (1050, 700))), lines)


def test_a_page_number_below_the_left_column_is_read_last() -> None:
    left, right = column(80, 100, rows=20, width=410), column(540, 100, rows=20, width=410)
    number: list[Placed] = [((80, 760), "Page 312 of the report", 20)]
    found = find_lines(printed_page([*left, *number, *right], (1000, 850)))
    assert in_order(found, [*left, *right, *number])


def test_letters_above_a_column_of_check_boxes_stay_in_their_line() -> None:
    lines = [((60, 80), words_of(8), 22), *[((110, 118 + 26 * row), words_of(4, row), 22) for row in range(6)]]
    page = printed_page(lines)
    draw_box = printed_page([((0, 0), "X", 20)], (20, 22), paper=(120, 120, 120))
    for row in range(6):
        page.paste(draw_box, (60, 122 + 26 * row))
    first = find_lines(page).lines[0]
    assert first.box[0] <= 62
    assert first.box[2] >= 60 + ImageFont.load_default(22).getlength(words_of(8)) - 4


def test_a_cell_belongs_to_the_row_of_its_neighbour() -> None:
    """What stands further to the left may be level with both rows of a table beside it."""
    beside = TextLine((60, 104, 160, 132), 10.0)
    tank, capacity, gallons = (
        TextLine((left, top, left + 80, top + 18), 10.0) for left, top in ((240, 100), (240, 119), (400, 119))
    )
    ordered = in_reading_order([beside, tank, capacity, gallons])
    rows = {line.box: line.row for line in ordered}
    assert rows[tank.box] == rows[beside.box]
    assert rows[capacity.box] == rows[gallons.box] != rows[tank.box]


def test_two_columns_of_two_rows_alone_on_a_page_are_read_one_after_the_other() -> None:
    left: list[Placed] = [((60, 60 + 30 * row), words_of(9, 9 * row), 20) for row in range(2)]
    right: list[Placed] = [((660, 60 + 30 * row), words_of(9, 9 * row + 4), 20) for row in range(2)]
    found = find_lines(printed_page([*left, *right], (1300, 200))).lines
    assert [(line.box[0] < 600, line.row) for line in found] == [(True, 0), (True, 1), (False, 2), (False, 3)]


@pytest.mark.parametrize("more", [[0], [3], [0, 3]], ids=str)
def test_wide_gaps_below_each_other_in_a_paragraph_are_no_columns(more: list[int]) -> None:
    lines: list[Placed] = [((60, 60 + 30 * row), words_of(17, 5 * row), 20) for row in more]
    for row in (1, 2):
        lines += [((60, 60 + 30 * row), words_of(9, 9 * row), 20), ((660, 60 + 30 * row), words_of(9, 9 * row + 4), 20)]
    middles = [(line.box[1] + line.box[3]) / 2 for line in find_lines(printed_page(lines, (1300, 300))).lines]
    assert all(after > before - 10 for before, after in pairwise(middles))  # row by row


def test_columns_that_end_half_a_line_apart_are_read_one_after_the_other() -> None:
    left, right = column(60, 100, rows=4, width=240), column(380, 91, rows=3, width=240)
    lines = [*left, *right]
    assert in_order(find_lines(printed_page(lines, (700, 330))), lines)


def test_columns_beside_a_table_are_read_one_after_the_other() -> None:
    left, right = column(60, 100, rows=24, width=420), column(500, 114, rows=24, width=420)
    cells: list[Placed] = []
    for row in range(12):
        cells += [((990 + 130 * place, 300 + 26 * row), f"{row + 3}{place},{row}4", 18) for place in range(4)]
    notes: list[Placed] = [((990, 104 + 25 * row), ("Target price", "was 8.00")[row % 2], 18) for row in range(5)]
    lines = [*left, *right, *notes, *cells]
    assert in_order(find_lines(printed_page(lines, (1540, 900))), lines)


@pytest.mark.parametrize("top", [50, 860])
def test_a_running_head_or_foot_of_two_parts_is_read_whole(top: int) -> None:
    left, right = column(80, 100, rows=24, width=410), column(540, 100, rows=24, width=410)
    font = ImageFont.load_default(20)
    end = max(place[0] + font.getlength(text) for place, text, _ in right)
    begin = int(end - font.getlength("Appendix A"))
    parts: list[Placed] = [((80, top), "Highlights of the year", 20), ((begin, top), "Appendix A", 20)]
    lines = [*parts, *left, *right] if top < 100 else [*left, *right, *parts]
    assert in_order(find_lines(printed_page(lines, (1000, 940))), lines)
