"""What a document can be turned into."""

from got_runtime.markup import to_markdown, to_text
from got_runtime.results import DocumentResult, ModelInfo, PageResult
from got_runtime.tasks import Formatted

ANSWERS = (
    "\\title{Tide tables}\n\n\\section*{1 Method}\nHeights are in metres \\( h \\).\n\n"
    "\\begin{tabular}{|l|r|}\n\\hline Port & Height \\\\\n\\hline Hull & 7.1 \\\\\n\\hline\n\\end{tabular}",
    "\\section*{2 Result}\nThe highest tide was at Hull.",
)


def document() -> DocumentResult:
    pages = tuple(
        PageResult(
            source="tides.pdf",
            number=number,
            label=str(number),
            width=10,
            height=10,
            task=Formatted(),
            text=answer,
            finish_reason="stop",
        )
        for number, answer in enumerate(ANSWERS, 1)
    )
    model = ModelInfo(name="got-nano", revision=None, device="cpu", dtype="float32")
    return DocumentResult(source="tides.pdf", sha256=None, pages=pages, model=model)


def test_markdown_has_headings_tables_and_formulas() -> None:
    markdown = document().markdown
    assert "# Tide tables" in markdown
    assert "| Port | Height |" in markdown
    assert "$h$" in markdown
    assert "tabular" not in markdown


def test_html_is_one_page_without_scripts() -> None:
    html = document().html
    assert "<table" in html
    assert "<math" in html
    assert "<script" not in html
    assert "http://" not in html.replace("http://www.w3.org", "")


def test_chunks_carry_their_headings() -> None:
    chunks = document().chunks(max_tokens=60)
    last = chunks[-1]
    assert "highest tide" in last.text
    assert any("Result" in heading for heading in last.header_path)


def test_elements_are_found_once_and_do_not_change_equality() -> None:
    one, other = document(), document()
    assert one.elements is one.elements
    assert one == other
    assert DocumentResult.model_validate_json(one.model_dump_json()) == one


def test_pages_that_were_chosen_keep_their_numbers() -> None:
    whole = document()
    chosen = whole.model_copy(update={"pages": whole.pages[1:]})
    assert [chunk.page for chunk in chosen.chunks()] == [2]
    assert [chunk.page for chunk in whole.chunks()] == [1, 1, 2]


def test_lines_of_text_keep_what_only_markup_would_take_away() -> None:
    text = "Open C:\\small\\left on \\\\nas\\x\nUse <img> and <box>; it costs $5 or $6, {x} ~ ``y''."
    page = PageResult(source="a.png", number=1, label="1", width=9, height=9, text=text, finish_reason="stop")
    whole = DocumentResult(source="a.png", sha256=None, pages=(page,), model=document().model)
    expected = text + "\n"
    assert to_text(page.elements) == to_text(whole.elements) == expected
    assert [chunk.text for chunk in whole.chunks()] == [to_markdown(whole.elements).strip()]
    layer = page.model_copy(update={"task": Formatted(), "finish_reason": "text_layer"})
    assert to_text(layer.elements) == expected
