"""Errors whatever the order of lines, and the order itself."""

import random

import pytest

from got_runtime.evaluation.line_matching import match_lines
from got_runtime.evaluation.scores import LineScore

LINES = [
    "The committee met on Tuesday and agreed",
    "that the repairs should begin before winter,",
    "while traffic would be led over a ferry.",
]
LENGTH = sum(map(len, LINES)) + 2


def matched(*predicted: str, lines: list[str] = LINES) -> LineScore:
    return match_lines(lines, " ".join(predicted))


def test_lines_in_another_order_are_no_error() -> None:
    assert matched(*LINES) == LineScore(characters=LENGTH, misread=0, missed=0, false_text=0, order=1.0)
    turned = matched(*reversed(LINES))
    assert (turned.edits, turned.characters) == (0, LENGTH)
    assert turned.order == pytest.approx(len(LINES[1]) / sum(map(len, LINES)))  # the longest line can stay


def test_order_is_the_largest_part_of_the_text_that_stays_in_place() -> None:
    last_first = matched(LINES[2], LINES[0], LINES[1])
    assert last_first.order == pytest.approx(1 - len(LINES[2]) / sum(map(len, LINES)))


def test_misread_characters_count_once_wherever_the_line_stands() -> None:
    wrong = matched(LINES[2], LINES[0].replace("committee", "comittee").replace("and", "amd"), LINES[1])
    assert (wrong.misread, wrong.missed, wrong.false_text) == (2, 0, 0)


def test_missed_lines_and_text_that_is_not_there_are_told_apart() -> None:
    score = matched(LINES[0], "0 20 40 60 80", LINES[2])
    assert (score.misread, score.missed, score.false_text) == (0, len(LINES[1]) + 1, len("0 20 40 60 80"))


def test_an_empty_prediction_misses_everything_and_an_empty_page_has_only_false_text() -> None:
    assert matched("") == LineScore(characters=LENGTH, misread=0, missed=LENGTH, false_text=0, order=None)
    invented = matched("a logo", lines=[])
    assert invented == LineScore(characters=0, misread=0, missed=0, false_text=6, order=None)


def test_a_line_read_in_pieces_far_apart_is_found_in_pieces() -> None:
    rows = ["Apples from the orchard 1.20 a pound", "Pears, as they come in 2.45 for four"]
    cells = matched("Apples from the orchard", "Pears, as they come in", "1.20 a pound", "2.45 for four", lines=rows)
    assert cells.edits == 0
    assert cells.order is not None
    assert cells.order < 1


def test_a_line_of_which_half_was_read_counts_the_other_half_as_missed() -> None:
    assert matched("The committee met on", *LINES[1:]).missed == len("Tuesday and agreed") + 1


def test_equal_lines_are_interchangeable() -> None:
    lines = ["Total: 10 pounds", "Yes or no?", "Total: 10 pounds", "Signature"]
    assert matched(*lines, lines=lines).order == 1


def test_a_short_word_is_not_found_within_a_longer_one() -> None:
    score = matched("theatre", lines=["eat"])
    assert (score.missed, score.false_text) == (3, 7)


def test_noise_is_counted_as_in_order_on_a_shuffled_page() -> None:
    rng = random.Random(7)
    words = " ".join(LINES).split()
    lines = [" ".join(rng.choices(words, k=9)) for _ in range(60)]
    noisy = ["".join("#" if rng.random() < 0.05 else c for c in line) for line in lines]
    replaced = sum(line.count("#") for line in noisy)
    rng.shuffle(noisy)
    score = matched(*noisy, lines=lines)
    assert replaced * 0.9 <= score.edits <= replaced * 1.05
    assert score.order is not None
    assert score.order < 0.5


def test_lines_that_differ_by_a_word_are_in_order_even_if_each_is_found_in_the_place_of_the_other() -> None:
    lines = ["The price of bread went up in March", "Nobody had expected it", "The price of bread went up in May"]
    score = matched("The prlce of bre4d vvent up in Mareh", lines[1], lines[2], lines=lines)
    assert score.order == 1
