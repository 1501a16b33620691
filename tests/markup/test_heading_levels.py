"""Levels of headings by their numbers, and lists that go on behind a formula."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from got_runtime.markup import parse, parse_pages, to_html, to_markdown


def levels(titles: str) -> list[int]:
    answer = "\n\n".join(f"\\section*{{{title}}}\n\nText." for title in titles.split("|"))
    return [element.level for element in parse(answer) if element.kind == "heading"]


NESTED = {
    "1. Introduction|1.1 Data|1.1.1 Sources|1.2 Model|2. Results": [2, 3, 4, 3, 2],
    "Abstract|1 Introduction|1.1 Data|References": [2, 2, 3, 2],
    "2.3 Data|2.3.1 Sources": [3, 4],
    "1 One|2.1 Two": [2, 3],
    "1 One|1.1 First|A Proofs|A.1 Lemma|A.2 Theorem|B Data": [2, 3, 2, 3, 3, 2],
    "I. INTRODUCTION|II. METHOD|A. Data|B. Model|C. Loss|III. RESULTS|A. Tables": [2, 2, 3, 3, 3, 2, 3],
    "I. INTRODUCTION|A. Aims|B. Plan|II. METHOD": [2, 3, 3, 2],
    "A. Part|1. One|2. Two|B. Part|1. Three": [2, 3, 3, 2, 3],
    "1 One|1.1 Two|2 Three|1 New part|1.1 Four": [2, 3, 2, 2, 3],
    "第一章 总则|第一节 范围|第二节 定义|第二章 附则|第一节 其他": [2, 3, 3, 2, 3],
    "一、总则|（一）范围|（二）定义|1. 甲|2. 乙|（三）其他|二、附则|十一、": [2, 3, 3, 4, 4, 3, 2, 2],
    "一、总则|二、附则": [2, 2],
    "第一章 总则|第一节 规定|一、背景|（一）目的|1. 内容|第二节 特别|第二章 附则": [2, 3, 4, 5, 6, 3, 2],
    "Part I One|Chapter 1 Two|1.1 Three|1.1.1 Four|Chapter 2 Five|PART II Six|Chapter 3: Seven|3.1 Eight": [
        *(2, 3, 4, 5, 3, 2, 3, 4),
    ],
    "Kapitel 1 Eins|1.1 Ziel|Teil II|Kapitel 2 Zwei": [3, 4, 2, 3],
    "CHAPTER IV ONE|§1. Two|§2. Three|CHAPTER V|§1. Four": [2, 3, 3, 2, 3],
    "Article 1 Terms|Section 1.1 Words|Article 2 Scope": [2, 3, 2],
    "Chapter 1|Chapter 2": [2, 2],
    "第一章|第一节 甲|第二节 乙|第二章|第一节 丙": [2, 3, 3, 2, 3],
    "1. Aims|2. Method|Part 2 of the study|3. Results": [2, 2, 2, 2],
    "十、前|十一、后": [2, 2],
    "IV. Results|V. Discussion": [2, 2],
    "第一章 绪论|1.1 背景|1.1.1 国外|1.2 意义|第二章 方法|2.1 模型|2.1.1 细节|第三章 结论": [2, 3, 4, 3, 2, 3, 4, 2],
    "第3章 实验|3.1 数据|3.2 结果": [2, 3, 3],
    "I. ONE|II. TWO|A. Data|1) First|2) Second|B. Model|V. END": [2, 2, 3, 4, 4, 3, 2],
    "I. ONE|A. Data|B. Model|II. TWO|Appendix A|A.1 Lemma|A.2 Theorem|Appendix B": [2, 3, 3, 2, 2, 3, 3, 2],
    "A. One|B. Two|Annex I: Three|I.1 Four|Annex II|II.1 Five": [2, 2, 2, 3, 2, 3],
    "第1章 引言|1.1 背景|第2章 方法|附录A 数据|A.1 表": [2, 3, 2, 2, 3],
    "I. ONE|II. TWO|A. Data|B. Tools|1) Lens|III. END": [2, 2, 3, 3, 4, 2],
    "I. ONE|A. Data|1) First|a) Sub|b) Sub|2) Second|II. END": [2, 3, 4, 5, 5, 4, 2],
    "Part I Sets|1 Basics|1.1 A|2 More|Part II Maps|3 Start|3.1 B": [2, 3, 4, 3, 2, 3, 4],
    "一 绪论|（一）背景|二 方法": [2, 3, 2],
    "1. One|(a) First|(b) Second|2. Two|(a) Third": [2, 3, 3, 2, 3],
    "H. Last|I. Next|J. More": [2, 2, 2],
    "1 One|2 Two|3 Three": [2, 2, 2],
    "1. Aims|1.1 Growth|1.5 million people|1.2 Cost|3 of 10 patients|12 months later|2. Ends": [2, 3, 2, 3, 2, 2, 2],
    "1 One|2.5 times as fast|1.1 pH of water|1.2 of mice and men.|1.3 milestones|2 Two": [2, 2, 3, 2, 3, 2],
    "1.0 One|1.1 Two|2.0 Three|2.1 Four|2.1.1 Five": [2, 3, 2, 3, 4],
    "0 One|0.0 Two|0.1 Three|1 Four|1.0 Five": [2, 3, 3, 2, 3],
    "1 second-order logic|1.1 point estimates|1.2 new results|2 case studies": [2, 3, 3, 2],
    "1 One|1.1 Two|15 min walk|3 × 4 grids|5 °C|1.2 Three": [2, 3, 2, 2, 2, 3],
    "1 One|1.1 Two|3.4 grams of it were lost on the way.|1.2 e-Learning": [2, 3, 2, 3],
    "Part A One|1 Two|2 Three|Part B Four|3 Five": [2, 3, 3, 2, 3],
    "Teil A Eins|§ 1 Zwei|§ 2 Drei|Teil B Vier|§ 3 Fünf": [2, 3, 3, 2, 3],
    "1. Abschnitt Eins|§ 1 Zwei|§ 2 Drei|2. Abschnitt Vier|§ 3 Fünf": [2, 3, 3, 2, 3],
    "Première partie|Chapitre I Un|Chapitre II Deux|Deuxième partie|Chapitre I Trois": [2, 3, 3, 2, 3],
    "Titre I Un|Chapitre 1 Deux|Article 1 Trois|Chapitre 2 Quatre|Article 2 Cinq|Titre II Six": [2, 3, 4, 3, 4, 2],
    "TITRE PREMIER|Chapitre Ier|Article 1er|Article 2|Chapitre II|Article 3": [2, 3, 4, 4, 3, 4],
    "S1 One|S1.1 Two|S1.2 Three|S2. Four": [2, 3, 3, 2],
    "第一編 総則|第一章 通則|第一条 目的|第二条 定義|第二章 人|第三条 能力|第二編 物権": [2, 3, 4, 4, 3, 4, 2],
    "第1章 総則|第1節 通則|1 目的|2 定義|第2節 機関|第2章 会計": [2, 3, 4, 4, 3, 2],
    "１．序論|１．１ 背景|２．方法": [2, 3, 2],
    "1.1背景|1.2目的|2.5万人の参加者": [3, 3, 2],
    "A. Sachverhalt|B. Gründe|I. Eins|II. Zwei|1. Formell|2. Materiell|C. Ergebnis": [2, 2, 3, 3, 4, 4, 2],
    "一、概况|1、地点|2、规模|（1）主体|（2）附属|二、投资|1、预算": [2, 3, 3, 4, 4, 2, 3],
    "一、概述|1、目的|2、范围|二、要求|1、功能": [2, 3, 3, 2, 3],
    "3月の報告|10周年": [2, 2],
    "I. One|I.A Two|I.B Three|II. Four|II.A Five": [2, 3, 3, 2, 3],
    "I ONE|II TWO|II-A Three|II-B Four|III FIVE": [2, 2, 3, 3, 2],
    "1 Curves|I-V Characteristics|Part VX|Part IL of it|2 Loss": [2, 2, 2, 2, 2],
    "1.1.1.1.1.1 Deep|1.1.1.1.1.2 Deep": [6, 6],
}
CONTRADICTING = [
    "2 Method|1.1 Data",
    "1 One|1.2 Two|1.1 Three",
    "1 One|1.1 Two|1.1 Three",
    "3.2 Million people|1.5 Million more",
    "1 One|1.5 million people|2.5 % of all|1 in 10",
    "I. One|II. Two|C. Three|III. Four",
    "二、甲|（三）乙|三、丙",
]


@pytest.mark.parametrize(("titles", "expected"), list(NESTED.items()))
def test_a_heading_is_below_the_one_whose_number_it_extends(titles: str, expected: list[int]) -> None:
    assert levels(titles) == expected


@pytest.mark.parametrize("titles", CONTRADICTING)
def test_numbers_that_contradict_themselves_change_no_level(titles: str) -> None:
    assert set(levels(titles)) == {2}


def test_levels_that_the_answer_has_are_kept() -> None:
    assert to_markdown(parse("# Title\n## 2.1 Part\n### Deep")) == "# Title\n\n## 2.1 Part\n\n### Deep\n"
    answer = "\\section*{1 A}\\section*{1.1 B}\\subsection*{Why}\\subsection*{1.1.1 C}\\section*{End}"
    assert [element.level for element in parse(answer)] == [2, 3, 4, 4, 2]  # type: ignore[union-attr]


def test_numbers_of_a_document_go_on_over_its_pages() -> None:
    pages = ["\\section*{1 A}\n\n\\section*{1.1 B}", "\\section*{1.2 C}\n\n\\section*{2 D}", "\\section*{2.1 E}"]
    assert [each.level for each in parse_pages(pages) if each.kind == "heading"] == [2, 3, 3, 2, 3]
    pages[2] = "\\section*{1.1 E}"
    assert {each.level for each in parse_pages(pages) if each.kind == "heading"} == {2}


WORDS = (
    "Part Teil S1 S1.1 S99.1. I.A II-B IL VX 1. １． 第一編 第条 第十一條 1、 1.1背景 Erster Abschnitt 3. Titre A B"
    " I V (a) § 5 Kap. 一、 （二） Appendix A.1 0 1.0 Section x"
)


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from(WORDS.split()), min_size=1, max_size=3), min_size=1, max_size=6))
@example([["Appendix", "I"], ["I.B", "x"]])
def test_numbers_in_any_order_raise_nothing(titles: list[list[str]]) -> None:
    assert len(levels("|".join(" ".join(title) for title in titles))) == len(titles)


LISTS = {
    "a formula and the rest of its sentence": "1. First step:\n\\[ x = 1 \\]\nwhich gives one.\n2. Second.\n3. Third.",
    "a formula": "1. First step:\n\\[ x = 1 \\]\n2. Second.\n3. Third.",
    "a table and a note": "1. First:\n\\begin{tabular}{l}a\\end{tabular}\nSee above.\n2. Second.\n3. Third.",
    "points below an item": "1. First:\n- a\n- b\n\\[ x \\]\nfor all of them.\n2. Second.\n3. Third.",
}


@pytest.mark.parametrize("answer", list(LISTS.values()), ids=list(LISTS))
def test_a_list_goes_on_behind(answer: str) -> None:
    elements = parse(answer)
    numbers = [each.number for each in elements if each.kind == "list_item" and each.ordered]
    assert numbers == [1, 2, 3]
    assert "\n2. Second.\n3. Third." in to_markdown(elements)
    assert '<ol start="2">' in to_html(elements)


def test_a_number_that_continues_no_list_is_text() -> None:
    assert to_markdown(parse("1. First.\n\nIt was in the year\n4. of May.")) == (
        "1. First.\n\nIt was in the year\\\n4\\. of May.\n"
    )
