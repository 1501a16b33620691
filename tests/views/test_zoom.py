"""Lines cut into pieces, stacked into views, and the answers joined to the page's text."""

import numpy as np
import pytest
from helpers.printed_pages import printed_page, words_of
from PIL import Image, ImageFont

from got_runtime.views.lines import find_lines
from got_runtime.views.matching import matched_lines
from got_runtime.views.pieces import Piece, cut_into_pieces
from got_runtime.views.stack import stacked_view
from got_runtime.views.zoom import PIECES_OF_A_VIEW, ZoomedPage

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
        view = stacked_view(page, pieces)
        assert 1 / 1.51 < view.width / view.height < 1.51
        assert np.median(np.asarray(view)) >= 245
        assert len(find_lines(view).lines) == 5


def test_the_page_is_put_together_from_its_views_row_by_row() -> None:
    zoomed = ZoomedPage.of(page_image())
    reader = PerfectReader(zoomed, LINES)
    views = zoomed.views()
    assert [len(view.pieces) for view in views[:-1]] == [PIECES_OF_A_VIEW] * (len(views) - 1)
    for view in views:
        zoomed.record(view, "\n".join(map(reader.says, view.pieces)), 0.9)
    assert zoomed.views() == []
    assert zoomed.text.split("\n") == LINES
    assert zoomed.read_again == 0
    rows = zoomed.row_texts()
    assert [box[1] // 40 for _, box, _ in rows] == [2, 3, 4, 5, 6, 7, 8, 9]


def test_a_view_whose_answer_does_not_fit_is_read_again_in_halves() -> None:
    zoomed = ZoomedPage.of(page_image())
    reader = PerfectReader(zoomed, LINES)
    sizes = []
    while views := zoomed.views():
        for view in views:
            sizes.append(len(view.pieces))
            lines = list(map(reader.says, view.pieces))
            zoomed.record(view, "\n".join(lines if len(lines) <= 5 else lines[1:]))
    assert zoomed.text.split("\n") == LINES
    assert sum(size > 5 for size in sizes) == zoomed.read_again > 0
    assert 5 in sizes


def test_a_piece_that_never_fits_is_kept_and_marked() -> None:
    zoomed = ZoomedPage.of(page_image())
    while views := zoomed.views():
        for view in views:
            zoomed.record(view, "loop " * 500)
    texts = [text for _, _, pieces in zoomed.row_texts() for text in pieces]
    assert texts
    assert all(text.text.startswith("loop") and len(text.text) < 100 and not text.matched for text in texts)


def test_boxes_of_a_tilted_page_are_those_of_the_page_as_it_was_given() -> None:
    level = page_image()
    tilted = level.rotate(2.0, Image.Resampling.BICUBIC, fillcolor=(250, 250, 250))
    ink = np.asarray(np.asarray(tilted.convert("L")) < 120)
    for _, (left, top, right, bottom), _ in ZoomedPage.of(tilted).row_texts():
        assert np.any(ink[top:bottom, left + 5 : right - 5], axis=0).mean() > 0.7  # letters all along the box
        assert 0 <= left < right <= 1200


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
