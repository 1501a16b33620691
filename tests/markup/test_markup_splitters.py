"""Other people's Markdown splitters find in ours every heading and table."""

import pytest
from markup_answers import ANSWERS

from got_runtime.markup import parse, to_markdown


def test_langchain_finds_every_heading() -> None:
    splitters = pytest.importorskip("langchain_text_splitters")
    splitter = splitters.MarkdownHeaderTextSplitter([("#" * level, str(level)) for level in range(1, 7)])
    sections = splitter.split_text(to_markdown(parse(ANSWERS["whole-paper"])))
    titles = {title for section in sections for title in section.metadata.values()}
    assert titles == {"On Reading Pages", "1 Introduction", "2 Method", "2.1 Loss", "References"}
    assert "| Part | Size |\n| --- | ---: |\n| encoder | 80 M |" in "".join(
        each.page_content for each in sections
    ).replace("  \n", "\n")
