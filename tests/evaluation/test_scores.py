"""Scores of one page."""

from got_runtime.evaluation.report import PageScore


def test_white_space_around_a_text_does_not_count_and_inside_it_does() -> None:
    assert PageScore.of("p", "g", "a b\n", "\n a b").edits == 0
    assert PageScore.of("p", "g", "a b", "a\nb").edits == 1


def test_a_failed_blank_page_is_not_perfect() -> None:
    assert PageScore.of("p", "g", "", "").perfect
    assert not PageScore.of("p", "g", "", "", "could not be opened").perfect
