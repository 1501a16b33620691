"""The Markdown we write, read back by a Markdown parser: the same headings, lists and tables."""

import html
import re

import pytest
from helpers.markup_answers import ANSWERS
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from got_runtime.markup import MarkdownOptions, parse, to_html, to_markdown, to_text
from got_runtime.markup.content import Text
from got_runtime.markup.elements import ListItem
from got_runtime.markup.latex.grid import covering_cells
from got_runtime.markup.render.words import content_words


def read_back(markdown: str) -> tuple[list[int], int, list[tuple[int, int]], int]:
    """Heading levels, list items, rows × columns of each table, code blocks."""
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    headings = [int(token.tag[1]) for token in tokens if token.type == "heading_open"]
    items = sum(token.type == "list_item_open" for token in tokens)
    fences = sum(token.type == "fence" for token in tokens)
    tables: list[tuple[int, int]] = []
    for token in tokens:
        if token.type == "table_open":
            tables.append((0, 0))
        elif token.type == "tr_open":
            tables[-1] = (tables[-1][0] + 1, 0)
        elif token.type in ("td_open", "th_open"):
            tables[-1] = (tables[-1][0], tables[-1][1] + 1)
    return headings, items, tables, fences


@pytest.mark.parametrize("name", list(ANSWERS))
def test_markdown_is_read_back_as_the_same_structure(name: str) -> None:
    elements = parse(ANSWERS[name])
    headings, items, tables, fences = read_back(to_markdown(elements))
    grids = [element.grid for element in elements if element.kind == "table"]
    charts = sum(element.kind == "chart" for element in elements)
    assert headings == [element.level for element in elements if element.kind == "heading"]
    assert items == sum(element.kind == "list_item" for element in elements)
    assert [shape for shape in tables if charts == 0] == [(grid.rows, grid.columns) for grid in grids]
    assert len(tables) == len(grids) + charts
    assert fences == sum(element.kind in ("code", "music", "geometry", "molecule") for element in elements)


def test_cells_are_read_back_as_the_same_words() -> None:
    grid = next(element.grid for element in parse(ANSWERS["table-pipes"]) if element.kind == "table")
    again = next(
        element.grid for element in parse(to_markdown(parse(ANSWERS["table-pipes"]))) if element.kind == "table"
    )
    assert again == grid
    assert [[content_words(cell.content) if cell else "" for cell in row] for row in covering_cells(grid)][1] == [
        "a|b",
        "1",
    ]


@pytest.mark.parametrize(
    "line",
    [
        *("# no heading", "- no item", "* no item", "+ no item", "1. no item", "> no quotation", "| no | table |"),
        *("=====", "---", "* * *", "```", "~~~"),
    ],
)
def test_text_with_the_form_of_markup_stays_text(line: str) -> None:
    answer = "\\begin{abstract}" + "{}" + line + "\\end{abstract}"
    tokens = MarkdownIt("commonmark").enable("table").parse(to_markdown(parse(answer)))
    assert {token.type for token in tokens} <= {"paragraph_open", "inline", "paragraph_close"}


@pytest.mark.parametrize("line", ["１. 概要", "²) see below", "１２) 概要"])
def test_numbers_that_open_no_list_are_not_escaped(line: str) -> None:
    assert to_markdown(parse("\\begin{abstract}" + line + "\\end{abstract}")) == line + "\n"


@pytest.mark.parametrize(
    ("answer", "markdown"),
    [
        (r"\texttt{CCO} is ethanol", "`CCO` is ethanol\n"),
        (r"\sout{old} new", "~~old~~ new\n"),
        (r"\begin{itemize}\item \texttt{a} b\end{itemize}", "- `a` b\n"),
        (r"\author{A \\ \texttt{b}}", "A\\\n`b`\n"),
    ],
)
def test_list_and_heading_signs_at_the_start_of_a_line_of_text_are_escaped(answer: str, markdown: str) -> None:
    assert to_markdown(parse(answer)) == markdown


@pytest.mark.parametrize(
    ("answer", "html"),
    [
        (r"公式\textbf{（注）}说明", "公式<strong>（注）</strong>说明"),
        (r"foo\textbf{“bar”}baz", "foo<strong>“bar”</strong>baz"),
        (r"\textbf{摘要：}本文", "<strong>摘要：</strong>本文"),
        (r"a\textbf{\textit{(b)}}c", "a<em><strong>(b)</strong></em>c"),
        (r"\textbf{a}\textit{b}", "<strong>a</strong><em>b</em>"),
        (r"a\sout{!}b", "a<s>!</s>b"),
        (r"a \textbf{b}, (\textit{c})", "a <strong>b</strong>, (<em>c</em>)"),
    ],
)
def test_marks_beside_punctuation_are_read_back(answer: str, html: str) -> None:
    assert MarkdownIt("commonmark").enable("strikethrough").renderInline(to_markdown(parse(answer)).strip()) == html


MARKED = ["{}", "\\textbf{{{}}}", "\\textit{{{}}}", "\\texttt{{{}}}", "\\sout{{{}}}", "<smiles>{}</smiles>"]
runs = st.lists(st.tuples(st.sampled_from(MARKED), st.text("a(,。（字1*）_`x. -", min_size=1, max_size=4)), min_size=2)


@settings(deadline=None, derandomize=True)
@given(runs)
@example([("\\textit{{{}}}", "*"), ("{}", "a")])
@example([("\\texttt{{{}}}", "a"), ("<smiles>{}</smiles>", "C")])
def test_marked_words_are_read_back_as_they_are(runs: list[tuple[str, str]]) -> None:
    elements = parse("text " + "".join(mark.format(text) for mark, text in runs))
    read = MarkdownIt("commonmark").enable("strikethrough").renderInline(to_markdown(elements).strip())
    words = html.unescape(re.sub("<[^>]*>", "", read))
    assert words.replace(" ", "") == to_text(elements).strip().replace(" ", "")


def test_formulas_by_dollars_or_brackets() -> None:
    elements = parse(r"\( x \) and \[ y \tag{2} \]")
    assert to_markdown(elements) == "$x$ and\n\n$$y \\tag{2}$$\n"
    assert to_markdown(elements, MarkdownOptions(math="bracket")) == "\\(x\\) and\n\n\\[y \\tag{2}\\]\n"


def test_page_anchors_on_request() -> None:
    elements = parse("one\fNext")
    assert to_markdown(elements) == "one\n\nNext\n"
    assert to_markdown(elements, MarkdownOptions(page_anchors=True)) == 'one\n\n<a id="page-2"></a>\n\nNext\n'


def test_a_script_address_is_no_link() -> None:
    assert to_markdown(parse(r"\href{javascript:alert(1)}{click}")) == "click\n"


LISTS = {
    "an item in an item, whose number does not follow": (
        "0.1 0.2 0.4 1.2 1.5 0.5",
        "<ol>1 2</ol><ol start=4>4<ol start=2>2</ol><ol start=5>5</ol>5</ol>",
    ),
    "inner items whose outer item is not there": ("1.1 1.2 0.2 1.1 0.3", "<ol>1 2</ol><ol start=2>2<ol>1</ol>3</ol>"),
    "inner items of three depths": ("2.1 1.3 0.2", "<ol>1</ol><ol start=3>3</ol><ol start=2>2</ol>"),
    "numbers that are the same": ("0.1 0.1 0.1", "<ol>1 1 1</ol>"),
    "bullets whose outer item is not there": ("1- 1- 0- 1-", "<ul>- -</ul><ul>-<ul>-</ul></ul>"),
    "inner items": ("0.9 1- 1- 0.10", "<ol start=9>9<ul>- -</ul>10</ol>"),
}


def list_items(spec: str) -> list[ListItem]:
    """Items by their depth and number: ``0.9 1-``."""
    return [
        ListItem(
            span=(0, 0),
            depth=int(each[0]),
            ordered=each[1] == ".",
            number=int(each[2:]) if each[1] == "." else None,
            content=(Text(text=each[2:] or "-."),),
        )
        for each in spec.split()
    ]


@pytest.mark.parametrize(("spec", "shown"), list(LISTS.values()), ids=list(LISTS))
def test_a_viewer_of_markdown_shows_the_numbers_and_depths_of_items(spec: str, shown: str) -> None:
    html = MarkdownIt("commonmark").render(to_markdown(list_items(spec)))
    html = re.sub(r"</?(?:p|li)>|\n", " ", html).replace('"', "").replace("-.", "-")
    assert re.sub(r" *(</?[ou]l[^>]*>) *", r"\1", " ".join(html.split())) == shown


def test_html_shows_the_numbers_of_items() -> None:
    html = to_html(list_items("1.2 0.11 0.12 0.14 1.3"))
    found = re.findall(r'<ol[^>]*>|<li value="\d+">', html)
    assert found == ["<ol>", '<ol start="2">', '<li value="11">', '<li value="14">', '<ol start="3">']
