"""The normal form in which printed pages are compared."""

import pytest

from got_runtime.evaluation.printed_text import joined_text, plain_characters, text_lines


@pytest.mark.parametrize(
    ("printed", "plain"),
    [
        ("eﬃcient oﬃce", "efficient office"),
        ("𝑥 + 𝐁", "x + B"),
        ("e\u0301t\u00e9", "\u00e9t\u00e9"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("\uf0b7 item\ufffd", " item"),
        ("Preface . . . . . . xi", "Preface  xi"),
        ("Name: ________ Date: ____", "Name:  Date:  "),
        ("“Quoted” – it’s…", "“Quoted” – it’s…"),
        ("see 1. and 2.", "see 1. and 2."),
        ("Total }}}}}}}}}}}} 5", "Total   5"),
        ("~ ~ ~ ~ ~ ~ ~ ~ ~", " "),
        ("a = b ---- c {{{{x}}}}", "a = b ---- c {{{{x}}}}"),
    ],
)
def test_what_is_not_reading_is_made_equal(printed: str, plain: str) -> None:
    assert plain_characters(printed) == plain


def test_typographic_forms_become_ascii_where_a_network_writes_no_others() -> None:
    assert plain_characters("“Quoted” – it’s −5", ascii_forms=True) == '"Quoted" - it\'s -5'
    assert plain_characters("wait…", ascii_forms=True) == "wait "


def test_words_divided_at_line_ends_are_joined() -> None:
    text = "an exam-\nple of self-\n\nmade words, 1990-\n1995 and North-\nSouth"
    assert joined_text(text) == "an example of selfmade words, 1990- 1995 and North- South"
    assert joined_text(plain_characters("exam\u00ad\nple")) == "example"


def test_lines_lose_the_hyphens_that_a_joined_text_loses() -> None:
    assert text_lines("an exam-\nple\n\n  of   North-\nSouth\n") == ["an exam", "ple", "of North-", "South"]


def test_the_cells_of_a_row_are_lines_of_their_own() -> None:
    assert text_lines(plain_characters("Apples\t1.20\nPears\t2.45")) == ["Apples", "1.20", "Pears", "2.45"]
    assert joined_text("Apples\t1.20") == "Apples 1.20"
