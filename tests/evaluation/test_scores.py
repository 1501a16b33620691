"""TEDS, exact match and olmOCR-bench's checks: values worked out by hand, and what must not count."""

import sys

import pytest

from got_runtime.errors import MissingExtra
from got_runtime.evaluation import exact
from got_runtime.evaluation.checks import (
    AbsentCheck,
    BaselineCheck,
    Check,
    MathCheck,
    PresentCheck,
    TableCheck,
    TextOrderCheck,
)
from got_runtime.evaluation.tables import cell_text, extract_tables, remove_html_tables
from got_runtime.evaluation.teds import build_tree, teds, teds_scores
from got_runtime.markup import parse, to_markdown
from got_runtime.markup.latex import table as markup_table
from got_runtime.markup.render.html import content_html

LATEX = r"\begin{tabular}{|l|c|}\hline a & b \\ \hline \multicolumn{2}{|c|}{\(x^2\)} \\ \hline\end{tabular}"
HTML = "<table><thead><tr><th>a</th><th>b</th></tr></thead><tr><td colspan='2'>$x^2$</td></tr></table>"


# --- tables in three syntaxes, and TEDS


def test_a_table_is_the_same_in_latex_and_html() -> None:
    (latex,), (html,) = extract_tables(LATEX), extract_tables(HTML)
    assert build_tree(latex) == build_tree(html)
    assert teds(latex, html) == 1


def test_a_pipe_table_is_the_same_as_its_html() -> None:
    (pipes,) = extract_tables("Text\n\n| a | b |\n|---|---|\n| 1 | |\n")
    (html,) = extract_tables("<TABLE><tr><td> a<td>b <tr><td>1</td><td></td></tr></TABLE>")
    assert build_tree(pipes) == build_tree(html)


def test_gots_table_survives_the_way_through_our_html() -> None:
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


def test_tables_without_a_partner_score_nothing() -> None:
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


def test_hostile_tables_cost_no_time() -> None:
    (huge,) = extract_tables("<table><tr><td rowspan=999999999 colspan=999999999>x<table></table></table>")
    assert (huge.rows, huge.columns) == (1, 512)
    endless = r"\begin{tabular}{ll}" + r"a & b \\ " * 3000 + r"\end{tabular}"
    assert teds_scores(endless, LATEX)["TEDS"] < 0.01
    assert len(extract_tables("<table><tr><td>never closed")) == 1


# --- exact match


@pytest.mark.parametrize(
    ("kind", "prediction", "reference"),
    [
        ("molecule", "<smiles>OCC</smiles>", "<smiles>CCO</smiles>"),
        ("molecule", "c1ccccc1", "<smiles>C1=CC=CC=C1</smiles>"),
        ("music", "**kern\t**kern\r\n4c  4e\n\n!! a comment\n*-\t*-", "**kern\t**kern\n4c\t4e\n*-\t*-"),
        ("geometry", r"\draw （0，0）--(1,1);", "\\draw (0,0) --\n(1,1);"),
        ("formula", r"\[ x^{2} + y \]", "$$x^{2}+y$$"),
        ("chart", "{'b': '2', 'a': 1.0}", '{"a": 1, "b": 2}'),
        ("chart", '{"title": "A  b", "values": {"x": [1, 2]}}', '{"values": {"x ": [1, 2.0]}, "title": "A b"}'),
    ],
)
def test_answers_that_mean_the_same_match(kind: str, prediction: str, reference: str) -> None:
    assert exact.EXACT_MATCHERS[kind](prediction, reference)


@pytest.mark.parametrize(
    ("kind", "prediction", "reference"),
    [
        ("molecule", "<smiles>CCN</smiles>", "<smiles>CCO</smiles>"),
        ("molecule", "<smiles>C1CC</smiles>", "<smiles>CCO</smiles>"),
        ("music", "**kern\n4c\n*-", "**kern\n4d\n*-"),
        ("geometry", r"\draw (0,0) -- (1,2);", r"\draw (0,0) -- (1,1);"),
        ("formula", r"\top", r"\to p"),
        ("chart", '{"a": 1}', '{"a": 1, "b": 2}'),
        ("chart", '{"a": "1x"}', '{"a": 1}'),
        ("chart", "no data", "no data"),
    ],
)
def test_answers_that_mean_something_else_do_not(kind: str, prediction: str, reference: str) -> None:
    assert not exact.EXACT_MATCHERS[kind](prediction, reference)


def test_without_rdkit_molecules_are_compared_as_they_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("rdkit.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rdkit", None)
    assert exact.same_molecule("<smiles>CCO</smiles>", "CCO")
    assert not exact.same_molecule("OCC", "CCO")


# --- olmOCR-bench's checks

PAGE = """The “first” sentence — of **it** all.

| | Before | After |
|---|---|---|
| Men | 1 | 2 |
| Women | 3 | 4 |

Then $$a^2 + b^2 = c^2$$ and the last sentence. 17
"""


@pytest.mark.parametrize(
    "check",
    [
        PresentCheck("p", text='The "first" sentence - of it'),
        PresentCheck("p", text="the LAST sentence", case_sensitive=False),
        PresentCheck("p", max_diffs=2, text="the lost centence"),
        PresentCheck("p", text="17", last_n=5),
        AbsentCheck("a", text="17", first_n=20),
        AbsentCheck("a", text="the lost sentence"),
        TextOrderCheck("o", before="first", after="last"),
        TextOrderCheck("o", max_diffs=1, before="frst", after="sentence"),
        TableCheck("t", cell="3", left="Women", up="1", right="4"),
        TableCheck("t", cell="4", top_heading="After", left_heading="Women", up="2"),
        TableCheck("t", max_diffs=1, cell="Womem", right="3"),
        MathCheck("m", math="a^2 + b^2"),
        MathCheck("m", math="a^2+b^2=c^2"),
        BaselineCheck("b"),
    ],
)
def test_facts_that_the_page_states_pass(check: Check) -> None:
    assert check.passes(PAGE)


@pytest.mark.parametrize(
    "check",
    [
        PresentCheck("p", text="the lost sentence"),
        PresentCheck("p", text="the LAST sentence"),
        PresentCheck("p", text="17", first_n=20),
        AbsentCheck("a", text="17", last_n=5),
        TextOrderCheck("o", before="last sentence", after="first"),
        TextOrderCheck("o", before="nowhere", after="first"),
        TextOrderCheck("o", before="****", after="first"),
        TableCheck("t", cell="3", left="Men"),
        TableCheck("t", cell="4", top_heading="Before"),
        TableCheck("t", cell="Before", up="anything"),
        TableCheck("t", cell="5"),
        MathCheck("m", math="a^2 - b^2"),
        MathCheck("m", math="the last sentence"),
        BaselineCheck("b", max_length=10),
    ],
)
def test_facts_that_it_does_not_state_fail(check: Check) -> None:
    assert not check.passes(PAGE)


def test_gots_own_tables_pass_table_checks() -> None:
    answer = r"\begin{tabular}{ll}\hline & \multicolumn{2}{c}{both} \\ \hline x & 1 & 2 \\ \hline\end{tabular}"
    assert TableCheck("t", cell="2", up="both", left="1", left_heading="x", top_heading="both").passes(answer)


@pytest.mark.parametrize("text", ["", "  \n", "---", "word " * 40, "Text 漢字", "nice 😀"])
def test_empty_looping_and_foreign_pages_fail_the_baseline(text: str) -> None:
    assert not BaselineCheck("b").passes(text)


def test_a_blank_page_may_hold_only_a_little() -> None:
    assert BaselineCheck("b", max_length=3).passes("12")
    assert not PresentCheck("p", text="a long phrase").passes(" ")
    assert AbsentCheck("a", text="a long phrase").passes("")


@pytest.mark.parametrize(
    ("package", "check"),
    [("fuzzysearch", TextOrderCheck("o", before="a", after="b")), ("apted", None)],
)
def test_a_missing_package_names_the_extra(package: str, check: Check | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=rf"{package} is not installed: pip install 'got-ocr\[eval\]'"):
        _ = check.passes("a b") if check else teds_scores(LATEX, LATEX.replace("a &", "c &"))


def test_our_own_markdown_is_looked_through() -> None:
    page = to_markdown(parse("It costs \\$5 and \\(x^2\\), H\\textsubscript{2}O, 5 * 3"))
    assert MathCheck("m", math="x^2").passes(page)
    assert PresentCheck("p", text="costs $5 and").passes(page)
    assert PresentCheck("p", text="H2O, 5 * 3").passes(page)
