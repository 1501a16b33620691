"""Formulas shown: rows and columns in MathML, and words that mean what the formula means."""

import pytest

from got_runtime.markup import parse, to_html, to_text

ROWS = [
    r"\begin{aligned}a &= b \\ c &= d\end{aligned}",
    r"\begin{alignedat}{2}a &= b \\ c &= d\end{alignedat}",
    r"\begin{gathered}a = b \\ c = d\end{gathered}",
    r"\begin{multline}a = b \\ c = d\end{multline}",
    r"f = \left\{\begin{aligned}a &= b \\ c &= d\end{aligned}\right.",
    r"\begin{dcases}a & b \\ c & d\end{dcases}",
    r"a = b \\ c = d",
    r"a &= b \\ c &= d",
]


@pytest.mark.parametrize("latex", ROWS)
def test_each_row_of_a_formula_is_a_row(latex: str) -> None:
    html = to_html(parse(f"\\[{latex}\\]"))
    assert html.count("<mtr>") == 2
    assert "&amp;" not in html


def test_a_formula_of_an_unknown_layout_is_shown_as_source() -> None:
    assert "<code>" in to_html(parse(r"\[\begin{xymatrix}a & b\end{xymatrix}\]"))


WORDS = {
    r"\tfrac12": "1/2",
    r"\dfrac{a}{b}": "a/b",
    r"\frac{a+b}{c}": "(a+b)/c",
    r"\frac{1}{2x}": "1/(2x)",
    r"\binom{n}{k}": "(n choose k)",
    r"\sqrt[3]{x}": "³√(x)",
    r"\|x\|": "‖x‖",
    r"a \pmod{n}": "a (mod n)",
    r"\frac": r"\frac",
    r"x \gets y": "x ←y",
    r"x \coloneqq \triangle": "x ≔△",
    r"a \ne b \implies \neg c": "a ≠b ⇒¬c",
    r"\log x + \det(A)": "log x + det(A)",
    r"A \xrightarrow{f} B": "A f→ B",
}


@pytest.mark.parametrize(("latex", "words"), list(WORDS.items()))
def test_the_words_of_a_formula_mean_the_same(latex: str, words: str) -> None:
    assert to_text(parse(f"\\[{latex}\\]")) == words + "\n"
