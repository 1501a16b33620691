"""Other people's Markdown splitters find in ours every heading and every table."""

import re

import pytest
from helpers.markup_answers import ANSWERS

from got_runtime.markup import parse, to_markdown

each_answer = pytest.mark.parametrize("name", list(ANSWERS))


def headings(markdown: str) -> list[str]:
    """The heading lines outside fenced code."""
    prose = re.sub(r"^```.*?^```$", "", markdown, flags=re.DOTALL | re.MULTILINE)
    return [line for line in prose.split("\n") if line.startswith("#")]


def tables(markdown: str) -> list[str]:
    return re.findall(r"^\|.*(?:\n\|.*)+", markdown, flags=re.MULTILINE)


@each_answer
def test_llama_index_finds_every_heading_and_table(name: str) -> None:
    node_parser = pytest.importorskip("llama_index.core.node_parser")
    llms = pytest.importorskip("llama_index.core.llms")
    parser = node_parser.MarkdownElementNodeParser(llm=llms.MockLLM())
    elements = parse(ANSWERS[name])
    markdown = to_markdown(elements)
    found = parser.extract_elements(markdown, table_filters=[parser.filter_table])
    titles = [each.element.strip() for each in found if each.type == "title"]
    assert titles == [line.lstrip("#").strip() for line in headings(markdown)]
    assert len(titles) == sum(element.kind == "heading" for element in elements)
    # a table whose cells hold an escaped pipe is kept as text ("table_text"): the parser counts bars
    shown = [each.element for each in found if each.type in ("table", "table_text")]
    assert [table.strip() for table in shown] == tables(markdown)
    assert len(shown) == sum(element.kind in ("table", "chart") for element in elements)


@each_answer
def test_langchain_finds_every_heading_and_cuts_no_table(name: str) -> None:
    splitters = pytest.importorskip("langchain_text_splitters")
    splitter = splitters.MarkdownHeaderTextSplitter(
        [("#" * level, str(level)) for level in range(1, 7)], strip_headers=False
    )
    markdown = to_markdown(parse(ANSWERS[name]))
    sections = [re.sub(" *\n", "\n", section.page_content) for section in splitter.split_text(markdown)]
    assert [line for section in sections for line in headings(section)] == headings(markdown)
    for table in tables(markdown):
        assert sum(table in section for section in sections) == 1


def test_langchain_files_text_under_its_headings() -> None:
    splitters = pytest.importorskip("langchain_text_splitters")
    splitter = splitters.MarkdownHeaderTextSplitter([("#" * level, str(level)) for level in range(1, 7)])
    sections = splitter.split_text(to_markdown(parse(ANSWERS["whole-paper"])))
    titles = {title for section in sections for title in section.metadata.values()}
    assert titles == {"On Reading Pages", "1 Introduction", "2 Method", "2.1 Loss", "References"}
