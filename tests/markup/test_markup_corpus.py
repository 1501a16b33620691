"""Each answer of the corpus becomes what its golden files say. To write them anew: REGENERATE = True, run, review."""

import pytest
from markup_answers import ANSWERS, HERE

from got_runtime.markup import from_json, parse, parse_pages, to_json, to_markdown

REGENERATE = False

each_answer = pytest.mark.parametrize("answer", [pytest.param(text, id=name) for name, text in ANSWERS.items()])


@pytest.mark.parametrize("name", list(ANSWERS))
@pytest.mark.parametrize("suffix", ["json", "md"])
def test_answer_becomes_its_golden_file(name: str, suffix: str) -> None:
    elements = parse(ANSWERS[name])
    written = to_markdown(elements) if suffix == "md" else to_json(elements, indent=1) + "\n"
    golden = HERE / "golden" / f"{name}.{suffix}"
    if REGENERATE:
        golden.write_text(written, encoding="utf-8")
    assert written == golden.read_text(encoding="utf-8")


def test_golden_files_are_not_rewritten_by_accident() -> None:
    assert REGENERATE is False


def test_corpus_is_complete() -> None:
    golden = {path.stem for path in (HERE / "golden").iterdir()}
    assert golden == set(ANSWERS)
    assert len(ANSWERS) >= 60


@each_answer
def test_spans_cover_the_answer_exactly_once(answer: str) -> None:
    assert "".join(answer[slice(*element.span)] for element in parse(answer)) == answer


@each_answer
def test_json_is_read_back_as_the_same_elements(answer: str) -> None:
    elements = parse(answer)
    assert from_json(to_json(elements)) == elements


def test_spans_of_pages_cover_the_joined_answers() -> None:
    pages = list(ANSWERS.values())
    text = "\f".join(pages)
    elements = parse_pages(pages)
    assert "".join(text[slice(*element.span)] for element in elements) == text


def test_a_sentence_that_runs_over_the_page_end_is_joined() -> None:
    paragraph, after = parse_pages(["It was a dark and stor-", "my night.\n\nThe end."])[0:3:2]
    assert paragraph.content[0].text == "It was a dark and stormy night."
    assert [mend.code for mend in paragraph.warnings] == ["joined-pages"]
    assert after.content[0].text == "The end."


def test_a_table_that_goes_on_under_the_same_header_is_joined() -> None:
    first = r"\begin{tabular}{ll}\hline a & b \\ \hline 1 & 2 \\ \hline\end{tabular}"
    second = r"\begin{tabular}{ll}\hline a & b \\ \hline 3 & 4 \\ \hline\end{tabular}"
    table, _ = parse_pages([first, second])
    assert to_markdown([table]) == "| a | b |\n| --- | --- |\n| 1 | 2 |\n| 3 | 4 |\n"
    assert len(parse_pages([first, second], join=False)) == 3
