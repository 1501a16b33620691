"""Lines cut into pieces, stacked into views, and the answers joined to the page's text."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from helpers.printed_pages import printed_page, words_of
from PIL import Image, ImageFont

from got_runtime.views.lines import find_lines
from got_runtime.views.matching import AnswerLine, matched_lines
from got_runtime.views.pieces import Piece, cut_into_pieces
from got_runtime.views.readings import PieceText
from got_runtime.views.stack import stacked_view
from got_runtime.views.zoom import ZoomedPage

SIZE = 20
LINES = [words_of(18, 5 * row) for row in range(8)]


def page_image() -> Image.Image:
    return printed_page([((60, 80 + 40 * row), text, SIZE) for row, text in enumerate(LINES)], (1200, 600))


def piece(characters: float, box: tuple[int, int, int, int] = (0, 0, 10, 10)) -> Piece:
    return Piece(box, 10.0, 0, 0, characters, (box,))


class PerfectReader:
    """Answers views of a page of which it knows what each piece says, from where the piece begins and ends."""

    def __init__(self, zoomed: ZoomedPage, lines: list[str]) -> None:
        self._zoomed, self._font = zoomed, ImageFont.load_default(SIZE)
        self._lines = lines

    def says(self, index: int) -> str:
        part = self._zoomed.pieces[index]
        line = self._lines[part.row]
        ends = [60 + self._font.getlength(line[:count]) for count in range(len(line) + 1)]
        begin, end = (min(range(len(ends)), key=lambda count: abs(ends[count] - x)) for x in (part.box[0], part.box[2]))
        return line[begin:end].strip()


def test_lines_are_cut_between_words_into_pieces_of_bounded_length() -> None:
    zoomed = ZoomedPage.of(page_image())
    reader = PerfectReader(zoomed, LINES)
    texts = [reader.says(index) for index in range(len(zoomed.pieces))]
    assert [word for text in texts for word in text.split()] == [word for line in LINES for word in line.split()]
    assert max(map(len, texts)) <= 44
    assert min(map(len, texts)) >= 18


def test_the_width_of_type_is_measured_within_a_fifth() -> None:
    zoomed = ZoomedPage.of(page_image())
    font = ImageFont.load_default(SIZE)
    true = sum(font.getlength(line) for line in LINES) / sum(map(len, LINES)) * 1024 / 1200
    assert zoomed.character_width(1024) == pytest.approx(true, rel=0.2)
    assert ZoomedPage.of(Image.new("RGB", (200, 200), "white")).character_width(1024) == float("inf")


def test_a_view_shows_every_piece_dark_on_light_in_a_moderate_shape() -> None:
    dark = printed_page(
        [((60, 80 + 40 * row), text, SIZE) for row, text in enumerate(LINES)], (1200, 600), (240,) * 3, (30,) * 3
    )
    for image in (page_image(), dark):
        page = find_lines(image)
        pieces = cut_into_pieces(page, 34)[:5]
        view = stacked_view(page, pieces).image
        assert 1 / 1.51 < view.width / view.height < 1.51
        assert np.median(np.asarray(view)) >= 245
        assert len(find_lines(view).lines) == 5


def test_a_view_says_where_each_part_of_the_page_lies_in_it() -> None:
    page = find_lines(page_image())
    pieces = cut_into_pieces(page, 34)[:5]
    small = replace(pieces[1], x_height=pieces[1].x_height / 2)  # scaled to the size of the others
    cells = replace(pieces[2], parts=(pieces[2].box, pieces[3].box))
    shown = [pieces[0], small, cells, pieces[4]]
    view = stacked_view(page, shown)
    assert [len(parts) for parts in view.placements] == [1, 1, 2, 1]
    assert [round(parts[0].scale, 2) for parts in view.placements] == [1, 2, 1, 1]
    grey = np.asarray(view.image.convert("L"), dtype=float)
    for piece, placements in zip(shown, view.placements, strict=True):
        for (left, top, right, bottom), (scale, (x, y)) in zip(piece.parts, placements, strict=True):
            printed = page.image.convert("L").crop((left, top, right, bottom))
            begin = round(scale * left + x), round(scale * top + y)
            width, height = round(scale * printed.width), round(scale * printed.height)
            seen = grey[begin[1] : begin[1] + height, begin[0] : begin[0] + width]
            expected = np.asarray(printed.resize((width, height)), dtype=float)
            assert np.corrcoef(seen.ravel(), expected.ravel())[0, 1] > 0.9


def answer(lines: Iterable[str], confidence: float = 0.99) -> list[AnswerLine]:
    return [AnswerLine(line, confidence) for line in lines]


def test_the_page_is_put_together_from_its_views_row_by_row() -> None:
    zoomed = ZoomedPage.of(page_image())
    reader = PerfectReader(zoomed, LINES)
    pending = zoomed.pending()
    rows = [len(pieces) for pieces in pending]
    assert len(rows) == -(-len(zoomed.pieces) // 10)
    assert max(rows) - min(rows) <= 1
    for pieces in pending:
        assert zoomed.record(zoomed.view(pieces), answer(map(reader.says, pieces)))
    assert zoomed.pending() == []
    assert zoomed.read_again == 0
    lines = zoomed.lines()
    assert [line.text for line in lines] == LINES
    assert [line.box[1] // 40 for line in lines] == [2, 3, 4, 5, 6, 7, 8, 9]
    assert all(line.matched and line.confidence == pytest.approx(0.99) for line in lines)


def test_a_view_whose_answer_does_not_fit_is_read_again_in_halves() -> None:
    zoomed = ZoomedPage.of(page_image())
    reader = PerfectReader(zoomed, LINES)
    sizes = []
    while pending := zoomed.pending():
        for pieces in pending:
            sizes.append(len(pieces))
            lines = list(map(reader.says, pieces))
            assert zoomed.record(zoomed.view(pieces), answer(lines if len(lines) <= 5 else lines[1:])) == (
                len(lines) <= 5
            )
    assert [line.text for line in zoomed.lines()] == LINES
    assert sum(size > 5 for size in sizes) == zoomed.read_again > 0
    assert zoomed.views_read == len(sizes)
    assert 5 in sizes


@pytest.mark.parametrize(
    ("readings", "kept"),
    [
        ([("x", 0.985, 0.85)], "x"),
        ([("x", 0.9, 0.8), ("y", 0.99, 0.9)], "y"),
        ([("x", 0.98, 0.4), ("y", 0.99, 0.9)], "y"),
        ([("x", 0.9, 0.8), ("x", 0.8, 0.4)], "x"),  # two readings agree
        ([("x", 0.9, 0.8), ("y", 0.95, 0.8), ("x", 0.8, 0.4)], "x"),
        ([("x", 0.9, 0.8), ("y", 0.8, 0.8), ("z", 0.95, 0.8), ("w", 0.7, 0.8)], "z"),
        ([("x", 0.9, 0.8), ("y", 0.8, 0.8), ("z", 0.7, 0.8), ("w", 0.6, 0.8)], "x"),
        ([("x.", 0.9, 0.4), ("x", 0.99, 0.9), ("x.", 0.9, 0.4)], "x."),  # without its full stop it is no better
        ([("x", 0.5, 0.4), ("y", 0.6, 0.4)], None),  # hardly text
    ],
)
def test_an_uncertain_piece_is_read_again_and_its_surest_reading_is_kept(
    readings: list[tuple[str, float, float]], kept: str | None
) -> None:
    zoomed = ZoomedPage.of(page_image())
    reader = PerfectReader(zoomed, LINES)
    odd, left = 4, iter(readings)

    def line(index: int) -> AnswerLine:
        if index != odd:
            return AnswerLine(reader.says(index), 0.99, least=0.9)
        slip, confidence, least = next(left)
        return AnswerLine(reader.says(index)[:-1] + slip, confidence, least=least)

    views = []
    while pending := zoomed.pending():
        views += [zoomed.view(pieces) for pieces in pending]
        for view in views[-len(pending) :]:
            zoomed.record(view, list(map(line, view.pieces)))
    assert next(left, None) is None
    assert [view.pieces for view in views if view.again] == [(odd,)] * (len(readings) - 1)
    assert zoomed.read_again == len(readings) - 1
    text = zoomed.lines()[zoomed.pieces[odd].row].text
    assert (reader.says(odd)[:-1] + kept in text) if kept else (reader.says(odd)[:-1] not in text)


def test_text_that_is_uncertain_is_handed_out_when_it_was_read_again() -> None:
    zoomed = ZoomedPage.of(page_image())
    reader = PerfectReader(zoomed, LINES)
    for pieces in zoomed.pending():
        zoomed.record(zoomed.view(pieces), answer(map(reader.says, pieces), 0.99 if 0 not in pieces else 0.9))
        assert zoomed.new_text() == ""
    further = zoomed.pending()
    assert further
    assert max(map(len, further)) == 4
    for pieces in further:
        assert zoomed.record(zoomed.view(pieces), None) is False  # a view that cannot be decoded costs nothing
    while pending := zoomed.pending():
        for pieces in pending:
            zoomed.record(zoomed.view(pieces), answer(map(reader.says, pieces)))
    assert zoomed.new_text() == "\n".join(LINES) + "\n"


def test_a_view_with_the_text_of_another_line_is_read_again() -> None:
    """The network skips a line and reads the one before twice: the number of lines and their lengths are right."""
    zoomed = ZoomedPage.of(page_image())
    reader = PerfectReader(zoomed, LINES)
    first, *rest = zoomed.pending()
    lines = list(map(reader.says, first))
    lines[5] = lines[4]
    assert not zoomed.record(zoomed.view(first), answer(lines))
    halves = zoomed.pending()
    assert [len(half) for half in halves] == [len(first) - len(first) // 2, len(first) // 2]
    for pieces in [*halves, *rest]:
        assert zoomed.record(zoomed.view(pieces), answer(map(reader.says, pieces)))
    assert [line.text for line in zoomed.lines()] == LINES


def test_a_view_in_which_lines_were_read_elsewhere_is_read_again() -> None:
    """Rows of numbers look alike: one is skipped and another read twice, and all of them have the right length."""
    zoomed = ZoomedPage.of(page_image())
    reader = PerfectReader(zoomed, LINES)
    first = zoomed.pending()[0]
    view = zoomed.view(first)
    assert list(view.heights) == sorted(view.heights)
    assert 0 < view.heights[0] < view.heights[-1] < 1
    pitch = view.heights[1] - view.heights[0]
    lines = list(map(reader.says, first))
    near = [AnswerLine(line, 0.99, height + 0.25 * pitch) for line, height in zip(lines, view.heights, strict=True)]
    skipped = [*near[:4], *(line._replace(height=(line.height or 0) + pitch) for line in near[4:7]), *near[7:]]
    assert not zoomed.record(view, skipped)
    assert len(zoomed.pending()) == 2
    again = ZoomedPage.of(page_image())
    assert again.record(again.view(first), near)


@pytest.mark.parametrize(
    "odd", ["I a m as o nothingelsewhatsoever", "The council met on \\\\ \\end{tabular}", "The coun\ufffd met on"]
)
def test_odd_text_that_is_read_twice_is_taken(odd: str) -> None:
    zoomed = ZoomedPage.of(page_image())
    reader = PerfectReader(zoomed, LINES)
    first, *_ = zoomed.pending()
    lines = list(map(reader.says, first))
    lines[0] = odd
    assert not zoomed.record(zoomed.view(first), answer(lines))
    for half in zoomed.pending():
        assert zoomed.record(zoomed.view(half), answer(lines[first.index(index)] for index in half))
    assert zoomed.pending() == []
    assert zoomed.lines()[0].matched


def test_a_piece_that_never_fits_is_kept_and_marked() -> None:
    zoomed = ZoomedPage.of(page_image())
    while pending := zoomed.pending():
        for pieces in pending:
            zoomed.record(zoomed.view(pieces), answer(["loop " * 500]))
    lines = zoomed.lines()
    assert len(lines) == len(LINES)
    assert all(line.text.startswith("loop") and len(line.text) < 400 and not line.matched for line in lines)


def test_text_is_handed_out_once_and_in_order() -> None:
    zoomed = ZoomedPage.of(page_image())
    reader = PerfectReader(zoomed, LINES)
    first, second, *_ = pending = zoomed.pending()
    zoomed.record(zoomed.view(second), answer(map(reader.says, second)))
    assert zoomed.new_text() == ""  # the rows above are not read yet
    zoomed.record(zoomed.view(first), answer(map(reader.says, first)))
    text = zoomed.new_text()
    for pieces in pending[2:]:
        zoomed.record(zoomed.view(pieces), answer(map(reader.says, pieces)))
    assert text + zoomed.new_text() == "\n".join(LINES) + "\n"
    assert zoomed.new_text() == ""


def test_a_large_page_of_large_type_is_analysed_at_a_low_resolution() -> None:
    image = printed_page([((100, 200 + 500 * row), "large type", 220) for row in range(4)], (1800, 2300))
    zoomed = ZoomedPage.where_needed(image, 42, 1024)
    assert not zoomed.is_needed(42, 1024)
    assert zoomed.scale > 1.5
    zoomed.record_whole(answer(["large type"] * 4))
    for row, line in enumerate(zoomed.lines()):
        assert 200 + 500 * row <= line.box[1] < line.box[3] <= 200 + 500 * row + 300
        assert line.box[0] == pytest.approx(110, abs=15)


def test_small_type_is_analysed_at_its_own_resolution() -> None:
    image = printed_page([((60, 80 + 60 * row), words_of(20, row), 28) for row in range(30)], (1800, 2000))
    zoomed = ZoomedPage.where_needed(image, 42, 1024)
    assert zoomed.is_needed(42, 1024)
    assert zoomed.scale == 1
    assert len(zoomed.page.lines) == 30


def test_a_huge_page_is_analysed_at_a_bounded_resolution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("got_runtime.views.zoom.MAX_PIXELS", 1_600_000)
    image = printed_page([((60, 80 + 60 * row), words_of(20, row), 28) for row in range(30)], (1800, 2000))
    zoomed = ZoomedPage.where_needed(image, 42, 1024)
    assert zoomed.page.image.width * zoomed.page.image.height == pytest.approx(1_600_000, rel=0.01)
    assert zoomed.scale == pytest.approx(1.5, abs=0.01)
    zoomed.record_whole(answer([words_of(20, row) for row in range(30)]))
    for row, line in enumerate(zoomed.lines()):
        assert line.box[:2] == pytest.approx((62, 86 + 60 * row), abs=6)


def test_networks_that_read_smaller_type_get_longer_pieces() -> None:
    image = page_image()
    longest = [
        max(piece.characters for piece in ZoomedPage.where_needed(image, width, 1024).pieces) for width in (42, 8)
    ]
    assert longest[0] < 45 < longest[1]


def test_boxes_of_a_tilted_page_are_those_of_the_page_as_it_was_given() -> None:
    level = page_image()
    tilted = level.rotate(2.0, Image.Resampling.BICUBIC, fillcolor=(250, 250, 250))
    ink = np.asarray(np.asarray(tilted.convert("L")) < 120)
    zoomed = ZoomedPage.of(tilted)
    for pieces in zoomed.pending():
        zoomed.record(zoomed.view(pieces), None)
    for left, top, right, bottom in (line.box for line in zoomed.lines()):
        assert np.any(ink[top:bottom, left + 5 : right - 5], axis=0).mean() > 0.7  # letters all along the box
        assert 0 <= left < right <= 1200


def test_a_long_word_that_was_cut_is_one_word_again() -> None:
    address = "www.museum-of-bridges.example/reports/2024/spring/levels-of-the-river/index.html"
    lines = [address, *(words_of(14, 3 * row) for row in range(5))]
    zoomed = ZoomedPage.of(printed_page([((60, 80 + 40 * row), text, SIZE) for row, text in enumerate(lines)]))
    reader = PerfectReader(zoomed, lines)
    assert sum(piece.row == 0 for piece in zoomed.pieces) > 1
    for pieces in zoomed.pending():
        zoomed.record(zoomed.view(pieces), answer(map(reader.says, pieces)))
    assert [line.text for line in zoomed.lines()] == lines


@pytest.mark.parametrize(
    ("text", "confidence", "matched", "is_text"),
    [
        ("The mean scores before the", 0.80, True, True),
        ("The mean scores before the", None, False, True),
        ("Tmo mcam sc", 0.65, True, False),
        ("25 {[f\\left(5 \\rightrr-control", 0.80, True, False),
        ("7ipacf", 0.80, False, False),
    ],
)
def test_what_is_hardly_text(text: str, confidence: float | None, matched: bool, is_text: bool) -> None:
    assert PieceText(text, confidence, matched).is_text == is_text


def test_what_is_hardly_text_does_not_cost_the_text_beside_it() -> None:
    zoomed = ZoomedPage.of(page_image())
    reader = PerfectReader(zoomed, LINES)
    rows = [[index for index, piece in enumerate(zoomed.pieces) if piece.row == row] for row in range(len(LINES))]
    odd = {rows[0][-1], *rows[1]}
    while pending := zoomed.pending():
        for pieces in pending:
            said = [AnswerLine(reader.says(index), 0.5 if index in odd else 0.99) for index in pieces]
            zoomed.record(zoomed.view(pieces), said)
    lines = zoomed.lines()
    assert [(line.matched, line.is_text) for line in lines] == [(False, True), (True, False), *[(True, True)] * 6]
    assert [line.text for line in lines[1:]] == LINES[1:]
    assert lines[0].text == " ".join(reader.says(index) for index in rows[0][:-1])
    assert lines[0].box[2] <= zoomed.pieces[rows[0][-1]].box[0]
    streamed = zoomed.new_text()
    assert streamed == "\n".join(line.text for line in lines if line.is_text) + "\n"


class TestMatching:
    def test_one_line_a_piece(self) -> None:
        assert matched_lines(["one two", "", "three four"], [piece(7), piece(10)]) == ["one two", "three four"]

    def test_a_line_read_twice_is_dropped(self) -> None:
        answer = ["the first line here", "the second, another", "the second, anotber"]
        assert matched_lines(answer, [piece(19), piece(19)]) == answer[:2]

    def test_words_joined_over_a_hyphen_are_parted(self) -> None:
        assert matched_lines(["a well-known sub-division of it"], [piece(16), piece(15)]) == [
            "a well-known sub-",
            "division of it",
        ]

    @pytest.mark.parametrize("answer", [["short"], ["a line that was left out"], ["x" * 60, "y" * 20], []])
    def test_what_does_not_fit(self, answer: list[str]) -> None:
        assert matched_lines(answer, [piece(20), piece(20)]) is None
