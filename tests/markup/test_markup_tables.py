"""Tables: one grid from many dialects, and the same grid as Mathpix's own renderer sees."""

import json
import shutil
import subprocess
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from helpers.markup_answers import ANSWERS

from got_runtime.markup import MarkdownOptions, parse, to_markdown, to_text
from got_runtime.markup.content import Grid, plain_text
from got_runtime.markup.latex.grid import covering_cells
from got_runtime.markup.render.table import to_csv, to_html_table, to_records
from got_runtime.markup.render.words import content_words

Shape = list[tuple[int, int, int, int, str]]  # row, column, rowspan, colspan, letters


def grid_of(answer: str) -> Grid:
    return next(element.grid for element in parse(answer) if element.kind == "table")


def letters(text: str) -> str:
    return "".join(character for character in text if character.isalnum())


class _Tables(HTMLParser):
    """The cells of every table that stands in no other, laid out as HTML lays them out."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[tuple[int, int, list[str]]]]] = []
        self.depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.depth += 1
            if self.depth == 1:
                self.tables.append([])
        elif self.depth == 1 and tag == "tr":
            self.tables[-1].append([])
        elif self.depth == 1 and tag in ("td", "th"):
            given = dict(attrs)
            self.tables[-1][-1].append((int(given.get("rowspan") or 1), int(given.get("colspan") or 1), []))

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag == "table"

    def handle_data(self, data: str) -> None:
        if self.depth and self.tables[-1] and self.tables[-1][-1]:
            self.tables[-1][-1][-1][2].append(data)


def shape_of_html(html: str) -> Shape:
    reader = _Tables()
    reader.feed(html)
    rows = reader.tables[0]
    taken: set[tuple[int, int]] = set()
    shape: Shape = []
    for row, cells in enumerate(rows):
        column = 0
        for rowspan, colspan, words in cells:
            while (row, column) in taken:
                column += 1
            rowspan = min(rowspan, len(rows) - row)
            taken |= {(row + down, column + right) for down in range(rowspan) for right in range(colspan)}
            text = letters("".join(words))
            if text or rowspan > 1 or colspan > 1:
                shape.append((row, column, rowspan, colspan, text))
            column += colspan
    return shape


def shape_of(grid: Grid) -> Shape:
    return [
        (cell.row, cell.column, cell.rowspan, cell.colspan, letters(content_words(cell.content))) for cell in grid.cells
    ]


TABLES = [name for name, text in ANSWERS.items() if any(element.kind == "table" for element in parse(text))]


@pytest.mark.parametrize("name", TABLES)
def test_html_has_the_spans_of_the_grid(name: str) -> None:
    grid = grid_of(ANSWERS[name])
    assert shape_of_html(to_html_table(grid, lambda content: content_words(content).replace("<", "&lt;"))) == shape_of(
        grid
    )


@pytest.mark.parametrize("name", TABLES)
def test_no_cells_overlap_and_all_lie_inside(name: str) -> None:
    grid = grid_of(ANSWERS[name])
    covered = sum(cell.rowspan * cell.colspan for cell in grid.cells)
    assert covered == sum(cell is not None for row in covering_cells(grid) for cell in row)


def test_spans_are_repeated_or_left_blank_in_a_pipe_table() -> None:
    elements = parse(r"\begin{tabular}{ll}\hline \multicolumn{2}{c}{wide} \\ \hline 1 & 2 \\ \hline\end{tabular}")
    assert to_markdown(elements).startswith("| wide | wide |")
    assert to_markdown(elements, MarkdownOptions(spans="blank")).startswith("| wide |  |")


def test_records_join_the_rows_of_a_header() -> None:
    records = to_records(grid_of(ANSWERS["table-spans"]))
    assert records[0] == {"Model": "A", "Scores / P": "1", "Scores / R": "2", "Note": ""}


def test_records_make_equal_names_unique() -> None:
    grid = grid_of(r"\begin{tabular}{ll}\hline a & a \\ \hline 1 & 2 \\ \hline\end{tabular}")
    assert to_records(grid) == [{"a": "1", "a (2)": "2"}]


@pytest.mark.parametrize(
    ("table", "header"),
    [
        (r"\hline \multirow{3}{*}{A} & 1 \\ \cline{2-2} & 2 \\ \cline{2-2} & 3 \\ \hline B & 1 \\ \hline", 0),
        (r"\hline \multirow{2}{*}{A} & n \\ \cline{2-2} & \% \\ \hline B & 1 \\ \hline", 2),
        (r"\hline a & of \\ & all \\ & men \\ \hline B & 1 \\ \hline", 3),
    ],
    ids=["a group of rows", "a header of two rows", "a header of three lines"],
)
def test_a_group_of_rows_is_no_header(table: str, header: int) -> None:
    assert grid_of(r"\begin{tabular}{|l|l|}" + table + r"\end{tabular}").header_rows == header


def test_csv_quotes_what_must_be_quoted() -> None:
    grid = grid_of('\\begin{tabular}{ll}\\hline a, b & "c" \\\\ \\hline \\(\\alpha\\) & 2 \\\\ \\hline\\end{tabular}')
    assert to_csv(grid) == '"a, b","""c"""\nα,2\n'


def test_a_span_of_a_million_columns_costs_nothing() -> None:
    grid = grid_of(r"\begin{tabular}{ll}\multicolumn{99999}{c}{x} \\ \multirow{99999}{*}{y} & z \\\end{tabular}")
    assert grid.rows * grid.columns < 5000


NASTY = [
    r"\begin{tabular}{|l|c|}\hline a & b \\ \hline \multirow{2}{*}{x} & 1 \\ \cline{2-2} & 2 \\ \hline\end{tabular}",
    r"\begin{tabular}{lll} a & b \\ c & d & e & f \\ \multicolumn{4}{c}{x} \\ \end{tabular}",
    r"\begin{tabular}{lll} \multicolumn{2}{c}{\multirow{2}{*}{X}} & 1 \\ \multicolumn{2}{c}{} & 2 \\"
    r" a & b & c \\ \end{tabular}",
    r"\begin{tabular}{lll} \multicolumn{2}{c}{\multirow{2}{*}{X}} & 1 \\ & & 2 \\ a & b & c \\ \end{tabular}",
    r"\begin{tabular}{ll} \multirow{5}{*}{X} & 1 \\  & 2 \\ \end{tabular}",
    r"\begin{tabular}{ll} a & 1 \\ \\ b & 2 \\ \end{tabular}",
    r"\begin{tabular}{ll} a & \begin{tabular}{c} p \\ q \end{tabular} \\  b & 2 \\ \end{tabular}",
    r"\begin{tabular}{|l|l|l|}\hline & & c \\ \hline 1 & 2 & 3 \\ \hline\end{tabular}",
    r"\begin{tabular}{llll}\multirow{3}{*}{a} & \multicolumn{2}{c}{b} & c \\ \cline{2-3}"
    r" & d & e & \multirow{2}{*}{f} \\ & g & h & \\ \end{tabular}",
    r"\begin{tabular}{ll}\hline\hline a & b \\ \hline\hline \multicolumn{2}{|c|}{total} \\ \hline\end{tabular}",
    ANSWERS["table-spans"],
    ANSWERS["table-simple"],
]
ORACLE = """
const {MathpixMarkdownModel} = require('mathpix-markdown-it');
let text = ''; process.stdin.on('data', part => text += part); process.stdin.on('end', () => {
  const options = {outMath: {include_mathml: false, include_svg: false, include_latex: true}};
  console.log(JSON.stringify(JSON.parse(text).map(each => MathpixMarkdownModel.markdownToHTML(each, options))));
});
"""


@pytest.fixture(scope="module")
def mathpix() -> list[str]:
    """The HTML that ``mathpix-markdown-it`` (npm, installed where node looks for it) makes of each nasty table."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    call = [node, "-e", ORACLE]
    done = subprocess.run(
        call, input=json.dumps(NASTY), capture_output=True, text=True, check=False, cwd=Path(__file__).parent
    )
    if done.returncode:
        pytest.skip("mathpix-markdown-it is not installed: npm install mathpix-markdown-it, and set NODE_PATH")
    html: list[str] = json.loads(done.stdout)
    return html


@pytest.mark.parametrize("index", range(len(NASTY)))
def test_the_grid_is_the_one_mathpix_renders(index: int, mathpix: list[str]) -> None:
    assert shape_of(grid_of(NASTY[index])) == shape_of_html(mathpix[index])


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        (r"`\begin{tabular}{|l|}`", r"\begin{tabular}{|l|}"),
        (r"`\end{tabular}`", r"\end{tabular}"),
        (r"`&`\&`}{`", "&&}{"),
        ("```\nx & y\n```", "x & y"),
        (r"`quoted' and `twice'", "`quoted' and `twice'"),
        ("\\begin{lstlisting}[language=C]\nx & y\n  return z;\n\\end{lstlisting}", "x & y return z;"),
        (r"\begin{verbatim}x & y\end{verbatim}", "x & y"),
    ],
)
def test_code_in_a_cell_divides_no_table(cell: str, shown: str) -> None:
    grid = grid_of(
        "\\begin{tabular}{ll}\n\\hline " + cell + " & b \\\\\n\\hline c & d \\\\\n\\hline\n\\end{tabular}\n\nz"
    )
    assert [plain_text(each.content) for each in grid.cells] == [shown, "b", "c", "d"]


def test_the_end_of_fenced_code_in_a_cell_opens_none() -> None:
    answer = (
        "\\begin{tabular}{ll}\n\\hline ab ```\nx\n``` & 1 \\\\\n\\hline c & d \\\\ \\hline\n\\end{tabular}\n\nBelow."
    )
    assert to_text(parse(answer)).splitlines()[-3:] == ["c\td", "", "Below."]


@pytest.mark.parametrize(
    ("answer", "kinds"),
    [
        ("{\\small Sums\n@}", "paragraph table"),
        ("Sums \\textbf{of it @} end", "paragraph table paragraph"),
        ("{\\small @ and @}", "table paragraph table"),
        ("Table 1: Sums {\\small @ of \\begin{tabular}{c} x \\\\ y \\end{tabular}}", "caption table paragraph"),
    ],
)
def test_a_table_in_a_group_behind_words_is_a_table(answer: str, kinds: str) -> None:
    answer = answer.replace("@", "\\begin{tabular}{ll} a & 1 \\\\ b & 2 \\end{tabular}")
    elements = parse(answer)
    assert " ".join(element.kind for element in elements) == kinds
    assert all(one.span[1] == other.span[0] for one, other in pairwise(elements))


def test_a_declared_column_that_no_row_reaches_is_not_printed() -> None:
    grid = grid_of("\\begin{tabular}{|l|c|r|r|} a & b & c \\\\ d & e & \\\\ \\end{tabular}")
    assert (grid.columns, grid.alignment) == (3, ("left", "center", "right"))
    assert grid_of("\\begin{tabular}{ll} a & \\\\ b & \\end{tabular}").columns == 2


def test_items_in_a_cell_have_their_own_labels() -> None:
    items = "\\begin{itemize} \\item[] one \\item[a)] two \\item three \\end{itemize}"
    assert to_text(parse(f"\\begin{{tabular}}{{l}} {items} \\\\ x \\end{{tabular}}")) == "one a) two • three\nx\n"
