"""Chunks: nothing lost, nothing oversized without a warning, tables split between rows under their header."""

import json
from typing import Any

import pytest
from helpers.markup_answers import ANSWERS

from got_runtime.errors import OptionError
from got_runtime.markup import chunk, from_json, parse, parse_pages
from got_runtime.markup.token_count import count_words
from got_runtime.results import DocumentResult, ModelInfo, PageResult

ROWS = "".join(f"row {number} & value {number} \\\\ " for number in range(60))
LONG_TABLE = (
    "\\section*{Data}\\begin{table}\\caption{Table 1: Long.}\\begin{tabular}{ll}\\hline Name & Value \\\\ \\hline "
    + ROWS
    + "\\hline\\end{tabular}\\end{table}"
)


@pytest.mark.parametrize("by", ["element", "section"])
@pytest.mark.parametrize("budget", [5, 20, 1000])
@pytest.mark.parametrize("name", list(ANSWERS))
def test_no_chunk_is_over_the_budget_without_a_warning(name: str, budget: int, by: str) -> None:
    elements = parse(ANSWERS[name])
    chunks = chunk(elements, by=by, max_tokens=budget)  # type: ignore[arg-type]
    for each in chunks:
        assert each.tokens == count_words(each.text)
        assert each.tokens <= budget or any("more than" in warning for warning in each.warnings)
    shown = {index for each in chunks for index in each.elements}
    empty = {index for index, element in enumerate(elements) if element.kind == "page_break"}
    empty |= {index for index, element in enumerate(elements) if element.kind == "paragraph" and not element.content}
    assert shown == set(range(len(elements))) - empty


def test_a_long_table_is_split_between_rows_with_caption_and_header_repeated() -> None:
    chunks = [each for each in chunk(parse(LONG_TABLE), max_tokens=100) if "table" in each.kinds]
    assert len(chunks) > 3
    for each in chunks:
        assert each.text.startswith("Table 1: Long.\n\n| Name | Value |\n| --- | --- |\n| row ")
        assert each.header_path == ("Data",)
        assert each.tokens <= 100
    rows = [line for each in chunks for line in each.text.split("\n") if line.startswith("| row")]
    assert rows == [f"| row {number} | value {number} |" for number in range(60)]


def test_header_path_follows_the_headings() -> None:
    answer = "\\title{T}\\section*{A}one\\subsection*{B}two\\section*{C}three"
    assert [each.header_path for each in chunk(parse(answer))] == [("T",), ("T", "A"), ("T", "A", "B"), ("T", "C")]


def test_a_caption_stays_with_its_table_either_way_round() -> None:
    table = r"\begin{tabular}{ll}\hline a & b \\ \hline 1 & 2 \\ \hline\end{tabular}"
    for answer in (f"Table 1: Above.\n\n{table}", f"{table}\n\nTable 1: Below."):
        (only,) = chunk(parse(answer), by="element")
        assert set(only.kinds) == {"caption", "table"}


def test_text_is_split_between_sentences() -> None:
    answer = "One two three. Four five six. Seven eight nine."
    assert [each.text for each in chunk(parse(answer), max_tokens=4)] == answer.replace(". ", ".|").split("|")


def test_tokens_are_counted_by_the_given_function() -> None:
    elements = parse("One two three. Four five six.")
    assert [(each.text, each.tokens) for each in chunk(elements, max_tokens=15, count_tokens=len)] == [
        ("One two three.", 14),
        ("Four five six.", 14),
    ]
    assert [each.tokens for each in chunk(parse("One two. 三四"))] == [5]  # 3 words and 2 characters


def test_pages_are_carried() -> None:
    assert [each.page for each in chunk(parse("one\fTwo"), by="element")] == [1, 2]


def test_pages_keep_their_numbers_where_not_all_were_read() -> None:
    elements = parse_pages(["Seven.", "It goes", "on here."], numbers=[7, 9, 10])
    assert [each.page for each in chunk(elements, by="element", first_page=7)] == [7, 9]
    assert elements[2].warnings[0].message == "goes on from page 9 on page 10: joined"


def test_a_tokenizer_counts_without_its_special_tokens() -> None:
    class Words:
        def encode(self, text: str, *, add_special_tokens: bool = True) -> list[str]:
            return ["[CLS]"] * add_special_tokens + text.split()

    assert [each.tokens for each in chunk(parse("One two three."), count_tokens=Words())] == [3]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"max_tokens": 0}, "chunk: max_tokens=0: give at least 1"),
        ({"max_tokens": True}, "max_tokens=True: give at least 1"),
        ({"max_tokens": "512"}, "max_tokens='512': give at least 1"),
        ({"max_token": 3}, "chunk has no option 'max_token': did you mean 'max_tokens'?"),
        ({"by": "elements"}, "by='elements': did you mean 'element'?"),
        (
            {"count_tokens": "gpt2"},
            "count_tokens='gpt2': give a function from text to number of tokens, or a tokenizer",
        ),
        ({"count_tokens": len, "max_tokens": -1}, "max_tokens=-1: give at least 1"),
        ({"count_tokens": lambda text: len(text) / 4}, "count_tokens= returned 3.5: return a whole number"),
    ],
    ids=lambda value: value if isinstance(value, str) else ", ".join(value),
)
def test_wrong_arguments_are_an_error(wrong: dict[str, Any], message: str) -> None:
    document = DocumentResult(
        source="a.png",
        sha256=None,
        pages=(
            PageResult(
                source="a.png", number=1, label="1", width=9, height=9, text="One two three.", finish_reason="stop"
            ),
        ),
        model=ModelInfo(name="none", revision=None, device="cpu", dtype="float32"),
    )
    for call in (lambda **options: chunk(document.elements, **options), document.chunks):
        with pytest.raises(OptionError) as caught:
            call(**wrong)
        assert message in str(caught.value)
        assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("kind", ["footnote", "reference", "list_item"])
def test_the_mark_of_an_element_that_begins_with_a_note_is_in_its_first_part(kind: str) -> None:
    fields: dict[str, dict[str, Any]] = {
        "footnote": {"mark": "7"},
        "reference": {"key": "7"},
        "list_item": {"ordered": True, "number": 7},
    }
    content = [{"kind": "note", "text": "one two three"}, {"kind": "text", "text": " four"}]
    elements = from_json(json.dumps([{"kind": kind, "span": [0, 1], "content": content, **fields[kind]}]))
    first = chunk(elements, max_tokens=1)[0]
    assert "7" in first.text


def test_the_caption_of_a_figure_that_is_missing_is_not_that_of_the_table_beside_it() -> None:
    table = "\\begin{tabular}{lr} \\hline Item & Price \\\\ \\hline Belt & 15 \\\\ \\hline \\end{tabular}\n\n"
    texts = [each.text for each in chunk(parse(f"{table}Figure 2: The mill\n\n{table}"), max_tokens=12)]
    assert [text for text in texts if "Figure" in text] == ["Figure 2: The mill"]


def test_chunks_are_filled_where_markdown_has_far_more_tokens_than_the_text() -> None:
    tokens = [each.tokens for each in chunk(parse("]($" * 6000 + "~"), max_tokens=512)]
    assert min(tokens[:-1]) > 500


def test_a_long_chinese_or_japanese_sentence_is_split_between_clauses() -> None:
    clauses = [
        f"甲公司确认第{number}项设备的验收报告，" if number % 2 else f"項目{number}を点検し、" for number in range(60)
    ]
    for part in chunk(parse("".join(clauses) + "以上。"), max_tokens=50):
        assert part.text.endswith(("，", "、", "。"))
        assert part.tokens <= 50
