"""olmOCR-bench's checks of single facts."""

import sys

import pytest

from got_runtime.errors import MissingExtra
from got_runtime.evaluation.checks import (
    AbsentCheck,
    BaselineCheck,
    Check,
    MathCheck,
    PresentCheck,
    TableCheck,
    TextOrderCheck,
)
from got_runtime.markup import parse, to_markdown

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
def test_checks_of_facts_on_the_page_pass(check: Check) -> None:
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
def test_checks_of_facts_not_on_the_page_fail(check: Check) -> None:
    assert not check.passes(PAGE)


def test_gots_own_tables_pass_table_checks() -> None:
    output = r"\begin{tabular}{ll}\hline & \multicolumn{2}{c}{both} \\ \hline x & 1 & 2 \\ \hline\end{tabular}"
    assert TableCheck("t", cell="2", up="both", left="1", left_heading="x", top_heading="both").passes(output)


@pytest.mark.parametrize("text", ["", "  \n", "---", "word " * 40, "Text 漢字", "nice 😀"])
def test_empty_looping_and_foreign_pages_fail_the_baseline(text: str) -> None:
    assert not BaselineCheck("b").passes(text)


def test_a_blank_page_may_hold_only_a_little() -> None:
    assert BaselineCheck("b", max_length=3).passes("12")
    assert not PresentCheck("p", text="a long phrase").passes(" ")
    assert AbsentCheck("a", text="a long phrase").passes("")


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fuzzysearch", None)
    with pytest.raises(MissingExtra, match=r"fuzzysearch is not installed: pip install 'got-ocr\[eval\]'"):
        TextOrderCheck("o", before="a", after="b").passes("a b")


def test_checks_search_our_own_markdown() -> None:
    page = to_markdown(parse("It costs \\$5 and \\(x^2\\), H\\textsubscript{2}O, 5 * 3"))
    assert MathCheck("m", math="x^2").passes(page)
    assert PresentCheck("p", text="costs $5 and").passes(page)
    assert PresentCheck("p", text="H2O, 5 * 3").passes(page)
