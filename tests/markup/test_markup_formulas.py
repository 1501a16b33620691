"""Formulas shown: rows and columns in MathML, and words that mean what the formula means."""

import re

import pytest

from got_runtime.markup import parse, to_html, to_markdown, to_text

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


def test_indices_before_a_letter_and_signs_have_their_mathml() -> None:
    html = to_html(parse(r"\[\prescript{14}{6}{C} + \slashed{p} + 5\permil\]"))
    assert "<msubsup><mrow></mrow><mrow><mn>6</mn></mrow><mrow><mn>14</mn></mrow></msubsup>" in html
    assert ("menclose" in html, "‰" in html, "\\" in html.partition("<math")[2]) == (True, True, False)


@pytest.mark.parametrize(
    ("latex", "shown"),
    [
        (r"\mathop {\lim }\limits_{x \to 0} f", "limx→0f"),
        (r"\mathop{\arg\min}\limits_{x}", "arg\u2009minx"),
        (r"\mathop{\mathrm{Tr}}_i", "Tri"),
        (r"\mathop{\sum}\limits_i^n a", "∑ina"),
        (r"\mathop{AB}\limits^{\frown}", "AB⌢"),
        (r"\mathop{a+b}\limits_c", "a+bc"),
        (r"a \mathrel{\mathop:}= b", "a:=b"),
        (r"\mathopen{(} a \mathbin{\circ} b \mathclose{)} \mathord{c} \mathpunct{;}", "(a∘b)c;"),
        (r"\mathop\sum_x", "∑x"),
        (r"a &lt; b &gt; c", "a&lt;b&gt;c"),
        (r"\cancelto{0}{x}", "x0"),
        (r"A \buildrel f \over \longrightarrow B", "A⟶fB"),
        (r"a = b \eqno(3)", "a=b(3)"),
        (r"\begin{aligned}[t] a &= b \end{aligned}", "a=b"),
        (r"\begin{array}{cc} a & b \\ \multicolumn{2}{c}{d} \end{array}", "abd"),
        (r"\begin{pmatrix} a & b \\ \hdotsfor{2} \end{pmatrix}", "(ab⋯)"),
        (r"\begin{pmatrix*}[r] a & b \end{pmatrix*} \begin{vmatrix*} c \end{vmatrix*}", "(ab)|c|"),
        (r"\begin{array}{ll} a & b \\[4mm] [c] & \\ [-.5ex] d \\[e] & \end{array}", "ab[c]d[e]"),
        (r"\begin{pmatrix} 1 & 0 \\ 2 & & \end{pmatrix}", "(102)"),
        (r"\lang a \rang \rule[6pt]{2ex}{1ex} \underbracket[1pt][2pt]{b} \varinjlim c", "⟨a⟩b⎵lim→c"),
        (
            r"\enclose{box,circle}{a} \enclose{horizontalstrike}[color='red']{b} \require{x}\enclose{left}{\frac c d}",
            "abcd",
        ),
        (r"\wideparen{AB} \utilde{x} \smash[b]{y} \centernot\in", "AB⏜x~y∉"),
        (r"\enclose{longdiv}{12} \bbox[red]{e} \bbox[border: 1px solid]{f} \mathchoice{g}{h}{i}{j}", ")12―efg"),
        (r"\dv{f}{x} \pdv{u}{x}{y} \dv[n]{t}", "dfdx∂2u∂x∂ydndtn"),
        (r"\framebox{a} x\textsuperscript{b} \overarc{AB} \resizebox{1cm}{!}{c}", "axbAB⏜c"),
    ],
)
def test_signs_in_commands_for_their_spacing_are_shown(latex: str, shown: str) -> None:
    html = to_html(parse(f"\\[{latex}\\]"))
    assert "<mo></mo>" not in html
    assert re.sub(r"<[^>]*>|\s*\n\s*", "", html.partition("<math")[2].partition(">")[2]) == shown


WORDS = {
    r"\tfrac12": "1/2",
    r"\dfrac{a}{b}": "a/b",
    r"\frac{a+b}{c}": "(a+b)/c",
    r"\frac{1}{2x}": "1/(2x)",
    r"\binom{n}{k}": "(n choose k)",
    r"\enclose{circle,box}{x} + \enclose{longdiv}[color='red']{12} + \bbox[5px]{\smash[b]{y}}": "x + 12 + y",
    r"\mathchoice{a}{b}{c}{d} + 1": "a + 1",
    r"\sqrt[3]{x}": "³√(x)",
    r"\begin{array}{l} a \\[x] \\[2pt] b \end{array}": "a; [x]; b",
    r"\begin{pmatrix*}[r] a & b \end{pmatrix*}_{\rule[1pt]{2pt}{3pt}\varinjlim}": "(a b)_lim→",
    r"\|x\|": "‖x‖",
    r"a \pmod{n}": "a (mod n)",
    r"\frac": r"\frac",
    r"\dv{f}{x} + \pdv[2]{f}{x} + \dv{t}": "(d f)/(d x) + (∂^2 f)/(∂x^2) + d/(d t)",
    r"\pdv{f(x, {y})}{x}{y}": "(∂^2 f(x, y))/(∂x ∂y)",
    r"\sideset{_a}{^b}\prod x + \sideset{}{'}\sum_{i} y": "_a∏^b x + ∑'_i y",
    r"\dddot{x} + \ddddot{y}": "x\u20db + y\u20dc",
    r"x \gets y": "x ←y",
    r"x \coloneqq \triangle": "x ≔△",
    r"a \ne b \implies \neg c": "a ≠b ⇒¬c",
    r"\log x + \det(A)": "log x + det(A)",
    r"A \xrightarrow{f} B": "A f→ B",
    r"\mbox{if } x = \texttt{a} + \textsf{b}": "if x = a + b",
}


@pytest.mark.parametrize(("latex", "words"), list(WORDS.items()))
def test_the_words_of_a_formula_mean_the_same(latex: str, words: str) -> None:
    assert to_text(parse(f"\\[{latex}\\]")) == words + "\n"


@pytest.mark.parametrize(
    ("operator", "shown"),
    [
        (r"\operatorname*{arg\,max}_{x}", "arg\u2009max"),
        (r"\operatorname*{arg\;max}", "arg\u2009max"),
        (r"\operatorname*{\arg\max}", "arg\u2009max"),
        (r"\operatorname*{ess\,sup}", "ess\u2009sup"),
        (r"\operatorname*{lim\ inf}", "lim\u2009inf"),
        (r"\operatorname{\mathrm{rank}}", "rank"),
    ],
)
def test_an_operator_is_one_upright_word(operator: str, shown: str) -> None:
    html = to_html(parse(rf"\[{operator} f\]"))
    assert re.search(rf"<mo[^>]*>{shown}</mo>", html)
    assert "<mi>m</mi>" not in html


def test_an_operator_with_other_signs_is_upright_text() -> None:
    assert "<mtext>p.v.</mtext>" in to_html(parse(r"\[\operatorname{p.v.}\int f\]"))


NUMBERED = {
    "align": (
        r"\begin{align} a&=b \tag{1}\\ c&=d\tag{2}\end{align}",
        r"$$\begin{align*}a&=b \tag{1}\\ c&=d\tag{2}\end{align*}$$",
    ),
    "gather": (
        r"\begin{gather} a \tag{1}\\ c\tag{2}\end{gather}",
        r"$$\begin{gather*}a \tag{1}\\ c\tag{2}\end{gather*}$$",
    ),
    "alignat": (
        r"\begin{alignat}{2} a&=b \tag{1}\\ c&=d\tag{2}\end{alignat}",
        r"$$\begin{alignat*}{2} a&=b \tag{1}\\ c&=d\tag{2}\end{alignat*}$$",
    ),
    "no environment": (r"\[a \tag{1}\\ c\tag{2}\]", r"$$\begin{gather*}a \tag{1}\\ c\tag{2}\end{gather*}$$"),
    "inside a box": (
        r"\[\boxed{\begin{aligned}a \tag{1}\\ c\tag{2}\end{aligned}}\]",
        r"$$\boxed{\begin{aligned}a \qquad\text{(1)}\\ c\qquad\text{(2)}\end{aligned}}$$",
    ),
    "twice in a row": (r"\[a \tag{1} b\tag*{2}\]", r"$$a \qquad\text{(1)} b\qquad\text{2}$$"),
    "one with a letter": (r"\[a \tag{3\text{a}}\]", r"$$a \tag{3a}$$"),
}


@pytest.mark.parametrize(("answer", "markdown"), list(NUMBERED.values()), ids=list(NUMBERED))
def test_numbers_of_rows_stand_where_viewers_accept_them(answer: str, markdown: str) -> None:
    elements = parse(answer)
    assert to_markdown(elements) == markdown + "\n"
    assert "tag" not in to_html(elements) + to_text(elements)


def test_general_fractions_and_physical_units_are_shown() -> None:
    html = to_html(parse(r"\[\genfrac{(}{)}{0pt}{}{n}{k} + \pu{5 kJ//mol}\]"))
    assert 'linethickness="0"' in html
    assert "5&nbsp;kJ/mol" in html or "5\u00a0kJ/mol" in html
    assert to_text(parse(r"\(\pu{1.2e3 m s-1}\)")) == "1.2 × 10³ m s⁻¹\n"


@pytest.mark.parametrize(
    ("source", "latex"),
    [
        (r"x_\text { if $\frac{1}{2} > y$ and \( z \)}", r"x_{\text{ if }\frac{1}{2} > y\text{ and }z}"),
        (r"\mbox{$a$} \hbox{b $\text{c $d$}$}", r"{a} {\hbox{b }{\text{c }d}}"),
        (r"\text{$a$ costs $5}", r"{a\text{ costs 5}}"),
        (r"\text { no formula }", r"\text { no formula }"),
    ],
)
def test_a_formula_in_a_text_stands_behind_the_text_since_no_dollar_stays(source: str, latex: str) -> None:
    (formula,) = parse(f"\\[{source}\\]")
    assert formula.latex == latex  # type: ignore[union-attr]


def test_code_and_molecules_in_a_formula_are_kept_as_text() -> None:
    (formula,) = parse(r"\[x = \verb|a_b{| + <smiles>C[O-]</smiles> \]")
    assert formula.latex == r"x = \texttt{a\_b\{} + \texttt{C[O-]}"  # type: ignore[union-attr]
    assert ("a_b{" in to_html([formula]), "C[O-]" in to_text([formula])) == (True, True)
