"""Pages of one document: paragraphs and tables across page ends are joined; page numbers are the document's."""

import pytest
from helpers.markup_answers import ANSWERS

from got_runtime.markup import chunk, parse_pages, to_markdown, to_text


def test_spans_of_pages_cover_the_joined_answers() -> None:
    pages = list(ANSWERS.values())
    text = "\f".join(pages)
    elements = parse_pages(pages)
    assert "".join(text[slice(*element.span)] for element in elements) == text


def test_a_sentence_that_runs_over_the_page_end_is_joined() -> None:
    paragraph, after = parse_pages(["It was a dark and stor-", "my night.\n\nThe end."])[0:3:2]
    assert to_text([paragraph]) == "It was a dark and stormy night.\n"
    assert [repair.code for repair in paragraph.warnings] == ["joined-pages"]
    assert to_text([after]) == "The end.\n"


def test_a_table_that_goes_on_under_the_same_header_is_joined() -> None:
    first = r"\begin{tabular}{ll}\hline a & b \\ \hline 1 & 2 \\ \hline\end{tabular}"
    second = r"\begin{tabular}{ll}\hline a & b \\ \hline 3 & 4 \\ \hline\end{tabular}"
    table, _ = parse_pages([first, second])
    assert to_markdown([table]) == "| a | b |\n| --- | --- |\n| 1 | 2 |\n| 3 | 4 |\n"
    assert len(parse_pages([first, second], join=False)) == 3


@pytest.mark.parametrize("footnotes", ["\\footnotetext{One.}", "\\footnotetext{One.}\n\\footnotetext{Two.}"])
def test_a_sentence_is_joined_over_the_footnotes_of_its_page(footnotes: str) -> None:
    pages = ["Of the first experi-\n" + footnotes, "ment we say more."]
    elements = parse_pages(pages)
    assert to_text(elements).startswith("Of the first experiment we say more.\n\nOne.")
    assert "".join("\f".join(pages)[slice(*element.span)] for element in elements) == "\f".join(pages)
    assert [element.kind for element in elements][-1] == "page_break"


RULED = r"\begin{tabular}{ll}\hline %s & %s \\ \hline %s & %s \\ \hline\end{tabular}"


@pytest.mark.parametrize(
    ("first", "second", "tables"),
    [
        (("Name", "Score", "a", "1"), ("b", "2.5", "c", r"\(3 \pm 1\)"), 1),
        (("Name", "Score", "a", "1"), ("Town", "People", "b", "2"), 2),
        (("Item", "2019", "a", "1"), ("Item", "2021", "b", "2"), 2),
        (("Name", "Town", "a", "b"), ("c", "d", "e", "f"), 2),
    ],
    ids=["figures go on", "another header", "years are headers", "words decide nothing"],
)
def test_a_table_ruled_throughout_is_joined_where_figures_go_on(
    first: tuple[str, ...], second: tuple[str, ...], tables: int
) -> None:
    elements = parse_pages([RULED % first, RULED % second])
    assert sum(element.kind == "table" for element in elements) == tables


def test_a_page_end_within_an_answer_keeps_to_the_number_of_its_page() -> None:
    elements = parse_pages(["A\\newpage B", "C"], numbers=[4, 7])
    assert [each.page for each in chunk(elements, by="element", first_page=4)] == [4, 4, 7]
