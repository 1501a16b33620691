"""Pages of one document: paragraphs and tables across page ends are joined; page numbers are the document's."""

import pytest
from helpers.markup_answers import ANSWERS

from got_runtime.markup import chunk, parse, parse_pages, to_markdown, to_text


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


FIRST = (
    r"\begin{table}\caption{Table 1: Parts}\begin{tabular}{|l|l|l|}\hline Part & Old & New \\ \hline Belt & 1 & 2 \\"
    r" \hline\end{tabular}\end{table}"
)
SECOND = FIRST.replace("Parts}", "Parts (continued)}").replace("Belt & 1 & 2", "Nut & 5 & 6")
BARE = r"\begin{tabular}{|l|l|l|}\hline Part & Old & New \\ \hline Nut & 5 & 6 \\ \hline\end{tabular}"
GOES_ON = {
    "continued": [FIRST, SECOND],
    "the same caption": [FIRST, FIRST.replace("Belt & 1 & 2", "Nut & 5 & 6")],
    "cont'd": [FIRST, SECOND.replace("continued", "cont'd")],
    "a page number and a running head": [FIRST + "\n\n12", "Annual report 2020\n\n13\n\n" + SECOND],
    "a running head that ends with a point": [FIRST, "A. Smith et al.\n\n" + SECOND],
    "a page number alone": [FIRST + "\n\n- 12 -", BARE],
    "a running head alone": [FIRST + "\n\nPage 12 of 30", "Annual report 2020\n\n" + BARE],
    "a running head on both pages": [
        "Annual report 2020\n\n" + FIRST,
        "Annual report 2020\n\n" + r"\begin{tabular}{|l|l|l|}\hline Nut & 5 & 6 \\ \hline\end{tabular}",
    ],
    "a running head with the number of its page": [
        "Parts Page 4 of 9\n\n" + FIRST,
        "Parts Page 5 of 9\n\n" + r"\begin{tabular}{|l|l|l|}\hline Nut & 5 & 6 \\ \hline\end{tabular}",
    ],
    "running heads of a left and a right page": [
        "8 Parts of mills\n\n" + FIRST,
        "Parts of mills 9\n\n" + r"\begin{tabular}{|l|l|l|}\hline Nut & 5 & 6 \\ \hline\end{tabular}",
    ],
    "a line that says so": [FIRST, "Table 1 (continued)\n\n" + BARE],
    "a Chinese line that says so": [FIRST.replace("Table 1: Parts", "表 1：零件"), "续表 1\n\n" + BARE],
    "a note below the first part": [FIRST + "\n\n(continued on next page)", BARE],
    "captions below": [
        FIRST.replace(r"\caption{Table 1: Parts}", "").replace(r"\end{table}", r"\caption{Table 1: Parts}\end{table}"),
        BARE + "\n\nTable 1: Parts (continued)",
    ],
}


@pytest.mark.parametrize("pages", list(GOES_ON.values()), ids=list(GOES_ON))
def test_a_table_goes_on_under(pages: list[str]) -> None:
    elements = parse_pages(pages)
    (table,) = (each for each in elements if each.kind == "table")
    assert to_text([table]) == "Part\tOld\tNew\nBelt\t1\t2\nNut\t5\t6\n"
    assert "joined-pages" in [repair.code for repair in table.warnings]
    assert sum(each.kind == "caption" for each in elements) == 1
    assert "".join("\f".join(pages)[slice(*each.span)] for each in elements) == "\f".join(pages)


def test_a_table_goes_on_over_many_pages() -> None:
    pages = [FIRST, *(SECOND.replace("Nut", f"Nut {number}") for number in range(5))]
    elements = parse_pages(pages)
    assert [each.kind for each in elements if each.kind != "page_break"] == ["caption", "table"]
    assert to_text(elements).count("Nut") == 5
    assert "".join("\f".join(pages)[slice(*element.span)] for element in elements) == "\f".join(pages)


@pytest.mark.parametrize(
    "second",
    [
        SECOND.replace("Table 1", "Table 2"),
        SECOND.replace("Old", "Price"),
        SECOND.replace("|l|l|l|", "|l|l|l|l|").replace("New", "New & No"),
        "The following parts are new.\n\n" + BARE,
        "Another list\n\n" + BARE.replace("Old", "Price"),
        "Table 4 (continued)\n\n" + BARE,
        "Members\n\n" + r"\begin{tabular}{lll} Ann & 5 & 6 \\ Bob & 7 & 8 \end{tabular}",
        "Prices of 2020\n\n" + r"\begin{tabular}{lll}\hline Nut & 5 & 6 \\ \hline Cog & 7 & 8 \\ \hline\end{tabular}",
    ],
    ids=[
        *("number", "header", "more columns", "text between", "a title and another header", "a line with its number"),
        *("a title above rows without a rule", "a title that is no running head"),
    ],
)
def test_another_table_is_not_joined(second: str) -> None:
    assert sum(each.kind == "table" for each in parse_pages([FIRST, second])) == 2


@pytest.mark.parametrize(("first", "second"), [("Boys", "Girls"), ("Group 1", "Group 2")])
def test_tables_of_one_header_under_titles_of_their_own_are_two(first: str, second: str) -> None:
    pages = [f"{title}\n\n{BARE}" for title in (first, second)]
    assert sum(each.kind == "table" for each in parse_pages(pages)) == 2


BARE_ROWS = r"\begin{tabular}{lll} %s \end{tabular}"


@pytest.mark.parametrize(
    ("first", "second", "tables"),
    [
        (r"Ann & 5 & 6 \\ Bob & 7 & 8", r"Cy & 1 & 2 \\ Di & 3 & 4", 1),
        (r"Ann & 5 & 6 \\ Bob & 7 & 8", r"Cy & -- & 2 \\ Di & n/a & \$3", 1),
        (r"Ann & 5 & 6 \\ Bob & 7 & 8", r"\(x\) & 1 & 2", 1),
        (r"Ann & 5 kg & 6\% \\ Bob & & 8", r"Cy & 12.5 g & 3", 1),
        (r"Ann & 5 & 6 \\ Bob & late & 8", r"Cy & 1 & 2 \\ Di & late & 4", 1),
        (r"Ann & 5 & 6 \\ Bob & 7 & 8", r"Rain & Bath & 6 \\ Snow & York & 8", 2),
        (r"Ann & Bath & York \\ Bob & Wells & Ely", r"2019 & Wells & Ely \\ 2020 & Bath & York", 2),
        (r"Ann & 5 & 6 \\ Bob & 7 & 8", r"\hline Name & Old & New \\ \hline Cy & 1 & 2 \\", 2),
        (r"1 & 5 & 6 \\ 2 & 7 & 8", r"Ann & Bath & York", 2),
        (r"Ann & £5 & 6 \\ Bob & €7 & 8", r"Cy & USD 1 & ca. 2", 1),
        (r"\hline Name & Old & New \\ \hline Ann & 5 & 6 \\", r"Bob & not measured & 8", 1),
        (r"\hline Name & Old & New \\ \hline Ann & 5 & 6 \\", r"2019 & Rain & Snow", 2),
    ],
)
def test_rows_without_a_header_go_on_where_their_columns_agree(first: str, second: str, tables: int) -> None:
    pages = [BARE_ROWS % first, BARE_ROWS % second]
    assert sum(each.kind == "table" for each in parse_pages(pages)) == tables
    pages[1] = "Table 1 (continued)\n\n" + pages[1]
    assert sum(each.kind == "table" for each in parse_pages(pages)) == 1


def test_a_row_that_the_page_end_cuts_is_one_row() -> None:
    table = r"\begin{tabular}{ll}\hline Part & Text \\ \hline %s \\ \hline\end{tabular}"
    pages = [table % "Belt & a long descrip-", table % r"& tion of it \\ \hline Nut & b"]
    assert to_text(parse_pages(pages)) == "Part\tText\nBelt\ta long description of it\nNut\tb\n"
    kept = to_text(parse_pages([table % "Belt & all of it.", table % "& Another"]))
    assert kept == "Part\tText\nBelt\tall of it.\n\tAnother\n"


def test_a_sentence_goes_on_behind_page_numbers() -> None:
    assert to_text(parse_pages(["It goes on\n\n12", "13\n\nand ends."])) == "It goes on and ends.\n\n12\n\n13\n"


def test_a_page_end_within_an_answer_keeps_to_the_number_of_its_page() -> None:
    elements = parse_pages(["A\\newpage B", "C"], numbers=[4, 7])
    assert [each.page for each in chunk(elements, by="element", first_page=4)] == [4, 4, 7]


def test_a_chinese_paragraph_goes_on_over_the_end_of_a_page_without_a_space() -> None:
    first = "我们的方法在多个数据集上进行了测试，结果表明该方法能够有效地提高模型的"
    assert to_markdown(parse_pages([first, "准确率。"])) == first + "准确率。\n"
    assert to_markdown(parse_pages([first, "第二章 方法，见下。"])).count("\n\n") == 1
    assert to_markdown(parse_pages(["表格说明", "准确率，很高。"])).count("\n\n") == 1


def test_a_chinese_table_goes_on_under_its_number_and_a_note() -> None:
    rows = "\\begin{tabular}{|l|r|}\\hline 零件 & 价格 \\\\ \\hline %s & 3 \\\\ \\hline\\end{tabular}"
    pages = ["表1 零件\n\n" + rows % "皮带", "表1（续）\n\n" + rows % "螺母"]
    assert [each.kind for each in parse_pages(pages)][:2] == ["caption", "table"]
    assert "| 皮带 | 3 |\n| 螺母 | 3 |" in to_markdown(parse_pages(pages))


@pytest.mark.parametrize("is_latex", [True, False])
def test_a_page_of_one_sign_has_that_sign(is_latex: bool) -> None:
    signs = [chr(code) for code in (*range(0x21, 0x7F), *map(ord, "é表①“"))]
    for sign in set(signs) - set("\\{}" if is_latex else ""):
        page = parse(sign + "\f" + sign, is_latex=is_latex)
        assert [element.kind for element in page] == ["paragraph", "page_break", "paragraph"]
        assert to_text(page[:1]) == f"{sign}\n"
    assert [element.kind for element in parse("\v\f\u3000", is_latex=is_latex)] == ["page_break"]


def test_equal_pages_of_one_answer_are_no_loop() -> None:
    page = "\\section*{Form 12}\n\nName: ____\n\nPlease fill in this form in capital letters, and send it back."
    headings = [each.kind for each in parse("\n\n".join([page] * 12))].count("heading")
    assert headings == 12
    cut = parse("\n\n".join([page] * 12)[:-9])  # a loop, which the token budget ends anywhere
    assert [repair.code for repair in cut[-1].warnings] == ["repeated-tail"]
