"""Print that touches rules or stands in filled boxes, and marks that belong to lines or to none."""

from itertools import pairwise

import numpy as np
import pytest
from helpers.printed_pages import Placed, printed_page, words_of
from PIL import Image, ImageDraw, ImageFont

from got_runtime.views.lines import PageLines, find_lines
from got_runtime.views.pieces import cut_into_pieces
from got_runtime.views.stack import stacked_view

SIZE = 22


def paragraph(left: int, top: int, rows: int, words: int, size: int = SIZE) -> list[Placed]:
    return [((left, top + 2 * size * row), words_of(words, words * row), size) for row in range(rows)]


def width(text: str, size: int = SIZE) -> float:
    return ImageFont.load_default(size).getlength(text)


def found_from_to(page: PageLines) -> list[tuple[int, int]]:
    return [(line.box[0], line.box[2]) for line in page.lines]


def test_text_that_touches_the_rules_of_its_table_is_found_whole() -> None:
    cells = [[f"gypsum {row}", f"{row}{row + 1}.50", "quay jetty"] for row in range(6)]
    lefts = (104, 402, 653)
    page = printed_page(
        [
            ((left, 101 + 27 * row), cell, SIZE)
            for row, line in enumerate(cells)
            for left, cell in zip(lefts, line, strict=True)
        ]
    )
    draw = ImageDraw.Draw(page)
    for row in range(7):
        draw.line((100, 100 + 27 * row, 850, 100 + 27 * row), fill=(0, 0, 0), width=2)
    for x in (100, 400, 651, 850):
        draw.line((x, 100, x, 262), fill=(0, 0, 0), width=2)
    found = find_lines(page)
    assert [line.row for line in found.lines] == [row for row in range(6) for _ in range(3)]
    for line, text in zip(found.lines, (cell for row in cells for cell in row), strict=True):
        assert line.box[2] - line.box[0] == pytest.approx(width(text), abs=5)


def test_a_thick_rule_that_the_last_row_touches_is_no_part_of_it() -> None:
    """A rule of half an x-height below a table: the descenders of its last row stand on it."""
    lefts, rows = (104, 402, 653), [[f"gypsum {row}", f"{row}{row + 1}.50", "quay jetty"] for row in range(4)]
    cells = [
        ((left, 101 + 40 * row), cell, SIZE)
        for row, line in enumerate(rows)
        for left, cell in zip(lefts, line, strict=True)
    ]
    page = printed_page([*cells, *paragraph(60, 400, 6, 14)])
    printed = np.flatnonzero((np.asarray(page.convert("L"))[221:300] < 128).any(axis=1))
    top = 221 + int(printed.max())
    ImageDraw.Draw(page).rectangle((100, top, 850, top + 5), fill=(0, 0, 0))
    found = find_lines(page)
    last = [line for line in found.lines if 210 < line.box[1] < 260]
    assert [line.box[0] for line in last] == pytest.approx(lefts, abs=4)
    assert found.rules.level[:, [1, 3]].tolist() == [[top, top + 6]]


def test_low_cells_are_shown_without_their_sides() -> None:
    """A side of one row, of less than three lines of print, beside cells that go over two columns."""
    cells = [(104, 100, "Berlin"), (304, 100, "Vienna"), (504, 100, "Paris"), (104, 140, "Europe and Asia")]
    page = printed_page([((left, top), text, SIZE) for left, top, text in cells] + paragraph(60, 260, 6, 14))
    draw = ImageDraw.Draw(page)
    for y in (92, 134, 176):
        draw.line((100, y, 700, y), fill=(0, 0, 0), width=2)
    for x, top, bottom in ((100, 92, 176), (700, 92, 176), (300, 92, 134), (500, 92, 134)):
        draw.line((x, top, x, bottom), fill=(0, 0, 0), width=2)
    found = find_lines(page)
    lines = [line for line in found.lines if line.box[1] < 200]
    assert [line.box[0] for line in lines] == pytest.approx([left for left, _, _ in cells], abs=4)
    for line, (_, _, text) in zip(lines, cells, strict=True):
        assert line.box[2] - line.box[0] == pytest.approx(width(text), abs=5)
    pieces = [piece for piece in cut_into_pieces(found, 34) if piece.box[1] < 200]
    grey = np.asarray(found.image.convert("L"))
    printed = sum((grey[t:b, x0:x1] < 128).sum() for piece in pieces for x0, t, x1, b in piece.parts)
    assert (np.asarray(stacked_view(found, pieces).image.convert("L")) < 128).sum() == printed


def test_cells_that_stand_close_are_parted_by_the_rule_between_them() -> None:
    rows = [[((100, 100 + 40 * row), "Tuesday", SIZE), ((190, 100 + 40 * row), "repairs", SIZE)] for row in range(6)]
    page = printed_page([cell for row in rows for cell in row])
    assert len(find_lines(page).lines) == 6
    ImageDraw.Draw(page).line((186, 90, 186, 330), fill=(0, 0, 0), width=2)
    assert len(find_lines(page).lines) == 12


def test_underlined_text_is_cut_between_words() -> None:
    lines = paragraph(60, 80, rows=6, words=14)
    page = printed_page(lines, (1200, 500))
    draw = ImageDraw.Draw(page)
    for (left, top), text, size in lines:
        draw.line((left, top + size + 1, left + width(text), top + size + 1), fill=(20, 20, 20), width=2)
    found = find_lines(page)
    assert len(found.lines) == 6
    gaps = {round(60 + width(text[:end])) for _, text, _ in lines for end, letter in enumerate(text) if letter == " "}
    pieces = cut_into_pieces(found, 34)
    cuts = [after.box[0] for before, after in pairwise(pieces) if before.row == after.row]
    assert len(cuts) >= 6
    assert all(min(abs(cut - gap) for gap in gaps) <= 10 for cut in cuts)


@pytest.mark.parametrize(("fill", "ink"), [((40, 60, 40), (240, 240, 240)), ((120, 150, 120), (0, 0, 0))])
def test_print_in_a_filled_box_is_found_whether_it_is_lighter_or_darker(
    fill: tuple[int, int, int], ink: tuple[int, int, int]
) -> None:
    page = printed_page(paragraph(80, 300, rows=10, words=9))
    ImageDraw.Draw(page).rectangle((60, 80, 940, 125), fill=fill)
    ImageDraw.Draw(page).text((80, 88), words_of(6), fill=ink, font=ImageFont.load_default(SIZE))
    first, *others = find_lines(page).lines
    assert first.box[2] - first.box[0] == pytest.approx(width(words_of(6)), abs=5)
    assert first.light_on_dark == (ink > fill)
    assert len(others) == 10


def test_a_leader_of_large_type_is_no_line_of_small_type() -> None:
    lines = [((60, 60 + 90 * row), "Chapters", 52) for row in range(3)]
    numbers = [((760, 60 + 90 * row), "242", 52) for row in range(3)]
    page = printed_page([*lines, *numbers], (950, 400))
    draw = ImageDraw.Draw(page)
    for row in range(3):
        for left in range(360, 740, 14):
            draw.ellipse((left, 112 + 90 * row, left + 6, 118 + 90 * row), fill="black")
    found = find_lines(page)
    assert [end - begin < 300 for begin, end in found_from_to(found)] == [True] * 6


def test_a_leader_belongs_to_no_line_but_an_ellipsis_does() -> None:
    rows = [
        [
            ((80, 100 + 40 * row), words_of(3, row), SIZE),
            ((400, 100 + 40 * row), ". " * 30, SIZE),
            ((800, 100 + 40 * row), f"{row + 10}", SIZE),
        ]
        for row in range(6)
    ]
    found = find_lines(printed_page([cell for row in rows for cell in row]))
    assert len(found.lines) == 12
    assert all(box < 400 or begin > 790 for begin, box in found_from_to(found))
    ending = find_lines(printed_page([((80, 100 + 40 * row), words_of(5, row) + "...", SIZE) for row in range(6)]))
    assert [end for _, end in found_from_to(ending)] == pytest.approx(
        [80 + width(words_of(5, row) + "...") for row in range(6)], abs=5
    )


def test_bullets_quotes_and_full_stops_belong_to_their_lines() -> None:
    texts = [f"“{words_of(5, 5 * row)}.”" for row in range(6)]
    page = printed_page([((120, 100 + 40 * row), text, SIZE) for row, text in enumerate(texts)])
    for row in range(6):
        ImageDraw.Draw(page).ellipse((92, 112 + 40 * row, 99, 119 + 40 * row), fill=(20, 20, 20))
    found = find_lines(page)
    assert [begin for begin, _ in found_from_to(found)] == [92] * 6
    assert [end for _, end in found_from_to(found)] == pytest.approx([120 + width(text) for text in texts], abs=4)


def test_marks_between_columns_extend_no_line_into_the_other_column() -> None:
    page = printed_page(paragraph(60, 80, rows=8, words=6) + paragraph(560, 80, rows=8, words=6))
    level = found_from_to(find_lines(page))
    draw = ImageDraw.Draw(page)
    for row in range(8):
        for number, left in enumerate((540, 520, 498, 476)):
            top = 92 + 44 * row + number
            draw.rectangle((left, top, left + 7, top + 4 + number % 2 * 3), fill=(20, 20, 20))
    found = find_lines(page).lines
    assert len(found) == 16
    assert all(begin - line.box[0] <= 3 * line.x_height + 8 for line, (begin, _) in zip(found, level, strict=True))


def test_upright_text_is_left_out_and_a_column_of_digits_is_not() -> None:
    rows = [
        [((300, 100 + 27 * row), words_of(6, row), SIZE), ((800, 100 + 27 * row), str(row), SIZE)] for row in range(9)
    ]
    level = printed_page([cell for row in rows for cell in row])
    margin = printed_page([((0, 10), words_of(8), SIZE)], (600, 50)).rotate(90, expand=True)
    page = level.copy()
    page.paste(margin, (100, 200))
    assert found_from_to(find_lines(page)) == found_from_to(find_lines(level))
    assert len(find_lines(level).lines) == 18


def test_a_picture_does_not_tilt_a_level_page() -> None:
    page = printed_page(paragraph(80, 600, rows=6, words=8))
    pattern = np.random.default_rng(0).integers(0, 2, (10, 20), dtype=np.uint8) * 200
    slanted = Image.fromarray(pattern).resize((800, 400), Image.Resampling.NEAREST).rotate(3, fillcolor=255)
    page.paste(slanted.convert("RGB"), (80, 100))
    assert find_lines(page).angle == 0
