"""Tables in three syntaxes as grids, and TEDS: values computed by hand."""

import sys

import pytest

from got_runtime.errors import MissingExtra
from got_runtime.evaluation.tables import cell_text, extract_tables, remove_html_tables
from got_runtime.evaluation.teds import build_tree, teds, teds_scores
from got_runtime.markup.render import table as markup_table
from got_runtime.markup.render.html import content_html

LATEX = r"\begin{tabular}{|l|c|}\hline a & b \\ \hline \multicolumn{2}{|c|}{\(x^2\)} \\ \hline\end{tabular}"
HTML = "<table><thead><tr><th>a</th><th>b</th></tr></thead><tr><td colspan='2'>$x^2$</td></tr></table>"


def test_a_table_is_the_same_in_latex_and_html() -> None:
    (latex,), (html,) = extract_tables(LATEX), extract_tables(HTML)
    assert build_tree(latex) == build_tree(html)
    assert teds(latex, html) == 1


def test_a_pipe_table_is_the_same_as_its_html() -> None:
    (pipes,) = extract_tables("Text\n\n| a | b |\n|---|---|\n| 1 | |\n")
    (html,) = extract_tables("<TABLE><tr><td> a<td>b <tr><td>1</td><td></td></tr></TABLE>")
    assert build_tree(pipes) == build_tree(html)


def test_gots_table_is_the_same_after_conversion_to_html() -> None:
    spans = r"\begin{tabular}{lll}\multirow{2}{*}{m} & a & b \\ & c & d \\ \multicolumn{3}{c}{e \& f}\end{tabular}"
    (grid,) = extract_tables(spans)
    (again,) = extract_tables(markup_table.to_html_table(grid, content_html))
    assert build_tree(again) == build_tree(grid)


def test_teds_by_hand() -> None:
    (reference,) = extract_tables("<table><tr><td>ab</td><td>cd</td></tr><tr><td>ef</td><td>gh</td></tr></table>")
    assert build_tree(reference).size() == 6  # two rows, four cells; the table itself does not count
    (one_wrong,) = extract_tables("<table><tr><td>ax</td><td>cd</td></tr><tr><td>ef</td><td>gh</td></tr></table>")
    assert teds(one_wrong, reference) == pytest.approx(1 - 0.5 / 6)  # a cell of half its text
    assert teds(one_wrong, reference, structure_only=True) == 1
    (spanned,) = extract_tables("<table><tr><td colspan=2>ab</td></tr><tr><td>ef</td><td>gh</td></tr></table>")
    assert teds(spanned, reference) == pytest.approx(1 - 2 / 6)  # a cell of other spans, and a cell too few
    (row_less,) = extract_tables("<table><tr><td>ab</td><td>cd</td></tr></table>")
    assert teds(row_less, reference, structure_only=True) == pytest.approx(1 - 3 / 6)


def test_tables_without_a_counterpart_score_zero() -> None:
    assert teds_scores("no table", "none") == {}
    assert teds_scores("no table", LATEX) == {"TEDS": 0, "TEDS-S": 0}
    assert teds_scores(LATEX + LATEX, LATEX) == {"TEDS": 0.5, "TEDS-S": 0.5}


def test_a_table_inside_a_table_belongs_to_its_cell() -> None:
    inner = "<table><tr><td>b</td></tr></table>"
    text = f"Before <table><tr><td>a {inner}</td></tr><tr><td>c</td></tr></table> between {inner} after"
    outer, alone = extract_tables(text)
    assert [cell_text(cell.content) for cell in outer.cells] == ["a b", "c"]
    assert alone.rows == 1
    assert remove_html_tables(text).split() == ["Before", "between", "after"]
    assert remove_html_tables(f"Before <table>{inner} after <table>").split() == ["Before", "after"]


def test_hostile_tables_are_parsed_in_little_time() -> None:
    (huge,) = extract_tables("<table><tr><td rowspan=999999999 colspan=999999999>x<table></table></table>")
    assert (huge.rows, huge.columns) == (1, 512)
    endless = r"\begin{tabular}{ll}" + r"a & b \\ " * 3000 + r"\end{tabular}"
    assert teds_scores(endless, LATEX)["TEDS"] < 0.01
    assert len(extract_tables("<table><tr><td>never closed")) == 1


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apted", None)
    with pytest.raises(MissingExtra, match=r"apted is not installed: pip install 'got-ocr\[eval\]'"):
        teds_scores(LATEX, LATEX.replace("a &", "c &"))
