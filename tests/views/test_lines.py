"""Lines of text found in the pixels of a page."""

from itertools import pairwise

import pytest
from helpers.printed_pages import Placed, printed_page, words_of
from PIL import Image, ImageDraw, ImageFont

from got_runtime.views.lines import PageLines, find_lines


def paragraph(left: int, top: int, rows: int, words: int, size: int = 20, first: int = 0) -> list[Placed]:
    pitch = size * 3 // 2
    return [((left, top + pitch * row), words_of(words, first + words * row), size) for row in range(rows)]


def tops(page: PageLines) -> list[int]:
    return [line.box[1] for line in page.lines]


def covers(page: PageLines, lines: list[Placed]) -> bool:
    """Whether each printed line is one found line, in the same order."""
    return len(page.lines) == len(lines) and all(
        abs(found.box[0] - left) < size and abs(found.box[1] - top) < size
        for found, ((left, top), _, size) in zip(page.lines, lines, strict=True)
    )


def test_every_line_of_a_paragraph_is_found_from_the_top() -> None:
    lines = paragraph(80, 100, rows=12, words=10)
    assert covers(find_lines(printed_page(lines)), lines)


def test_light_type_on_a_dark_page_is_found_too() -> None:
    lines = paragraph(80, 100, rows=12, words=10)
    assert covers(find_lines(printed_page(lines, ink=(235, 235, 235), paper=(25, 30, 60))), lines)


def test_two_columns_are_read_one_after_the_other_below_their_heading() -> None:
    heading: list[Placed] = [((80, 40), words_of(9, 3), 30)]
    left, right = paragraph(80, 140, rows=10, words=6), paragraph(540, 140, rows=10, words=6, first=7)
    assert covers(find_lines(printed_page([*heading, *left, *right])), [*heading, *left, *right])


def test_cells_of_a_table_stay_in_their_rows() -> None:
    rows = [
        [
            ((80, 100 + 50 * row), f"Item {row}", 22),
            ((400, 100 + 50 * row), "12.50", 22),
            ((700, 100 + 50 * row), "3", 22),
        ]
        for row in range(5)
    ]
    found = find_lines(printed_page([cell for row in rows for cell in row])).lines
    assert [line.row for line in found] == [row for row in range(5) for _ in range(3)]
    assert all(a.box[0] < b.box[0] for a, b in pairwise(found) if a.row == b.row)


@pytest.mark.parametrize("tilt", [-3.0, -0.6, 1.5, 3.5])
def test_a_tilted_page_is_levelled(tilt: float) -> None:
    lines = paragraph(150, 200, rows=14, words=9)
    turned = printed_page(lines).rotate(tilt, Image.Resampling.BICUBIC, fillcolor=(250, 250, 250))
    page = find_lines(turned)
    assert page.angle == pytest.approx(-tilt, abs=0.11)
    assert covers(page, lines)


def test_a_level_page_is_left_as_it_is() -> None:
    image = printed_page(paragraph(80, 100, rows=12, words=10))
    page = find_lines(image)
    assert page.angle == 0
    assert page.image is image


def test_a_heading_in_a_dark_bar_is_found_and_marked() -> None:
    page = printed_page(paragraph(80, 200, rows=10, words=10))
    ImageDraw.Draw(page).rectangle((60, 80, 940, 130), fill=(30, 30, 90))
    page.paste(printed_page([((20, 12), words_of(6), 24)], (880, 50), (250, 250, 250), (30, 30, 90)), (60, 80))
    first, *others = find_lines(page).lines
    assert first.light_on_dark
    assert 80 <= first.box[1] < 130
    assert not any(line.light_on_dark for line in others)


def test_rules_and_frames_are_no_lines() -> None:
    lines = paragraph(80, 100, rows=8, words=10)
    page = printed_page(lines)
    draw = ImageDraw.Draw(page)
    draw.line((80, 420, 900, 420), fill=(0, 0, 0), width=2)
    draw.rectangle((80, 460, 300, 640), outline=(0, 0, 0), width=2)
    draw.ellipse((500, 470, 800, 700), outline=(0, 0, 0), width=3)
    assert covers(find_lines(page), lines)


@pytest.mark.parametrize(
    "image", [Image.new("RGB", (300, 200), "white"), Image.new("L", (1, 1)), Image.new("1", (40, 9))]
)
def test_a_blank_page_has_no_lines(image: Image.Image) -> None:
    assert find_lines(image).lines == ()


def test_a_footnote_in_small_type_is_found_below_large_type() -> None:
    body, note = paragraph(80, 100, rows=8, words=6, size=34), paragraph(80, 700, rows=2, words=14, size=13)
    found = find_lines(printed_page([*body, *note]))
    assert len(found.lines) == 10
    assert tops(found) == sorted(tops(found))
    assert found.lines[-1].x_height < 0.6 * found.lines[0].x_height


def test_widely_spaced_words_make_no_columns() -> None:
    """Justified lines of few words: gaps stand below each other in some of them."""
    lines = [
        "cash-operation operational served hume drilling",
        "footballer instruction Honors makes cutting",
        "ideology opportunity-composition workshop",
        "manufactures Stephenson lieu publisher 1932",
        "security Scan need inning renowned-has breasted",
        "base who bennett Diagnose Slippery offer Dip",
        "financially late some don't construct steven",
        "hometown tilt Vitality semifinals originally held",
        "cameras I peter Compass mute types play Free",
        "analysis ya-colleagues clearly out response",
        "george strength within miller driven but one",
        "transcend lost commentator customer brains",
    ]
    font = ImageFont.load_default(20)
    placed = []
    for row, line in enumerate(lines):
        words = line.split()
        gap = (620 - sum(font.getlength(word) for word in words)) / (len(words) - 1)
        left = 60.0
        for word in words:
            placed.append(((int(left), 60 + 34 * row), word, 20))
            left += font.getlength(word) + gap
    found = find_lines(printed_page(placed, (740, 540))).lines
    assert [line.row for line in found] == sorted(line.row for line in found)
    tops = [line.box[1] for line in found]
    assert all(later > earlier - 10 for earlier, later in pairwise(tops))


def test_numbers_of_one_type_are_measured_alike() -> None:
    """Half of the ink of "7,007" is in its highest rows, which looked like the height of small letters."""
    numbers = ["7,007", "7,337", "46,857", "27,797", "1,892", "2,777", "50,773", "6,429"]
    cells = [
        ((100 + 150 * column, 300 + 40 * row), numbers[(3 * row + column) % 8], 22)
        for row in range(6)
        for column in range(4)
    ]
    page = find_lines(printed_page([*paragraph(100, 60, 5, 9, size=22), *cells]))
    heights = [line.x_height for line in page.lines if line.box[1] > 280]
    assert len(heights) == len(cells)
    assert max(heights) < 1.5 * min(heights)


@pytest.mark.parametrize("size", [40, 90, 160])
def test_a_few_large_letters_are_measured(size: int) -> None:
    page = find_lines(printed_page([((30, 30), "Sesame", size)], (6 * size, 2 * size)))
    assert len(page.lines) == 1
    assert page.lines[0].box[2] - page.lines[0].box[0] > 2.5 * size
    assert 0.4 * size < page.x_height < 0.8 * size
