"""Signs: outside formulas as characters, in formulas as MathML; what prints nothing is nothing."""

import re
from html import unescape

import pytest

from got_runtime.markup import parse, to_html, to_text
from got_runtime.markup.render.mathml import to_mathml

IN_TEXT = {
    r"The answer is (C\).": "The answer is (C).",
    r"Both (B\) and (C\), not \(A).": "Both (B) and (C), not (A).",
    r"See [1\], where \( x \) is (D\).": "See [1], where x is (D).",
    r"an end \) of nothing": "an end of nothing",
    r"a\({ }^{}\)b \(\) c \( { }_{ } \)": "ab c",
    r"\textcircled{1} one, \textcircled{20}, \textcircled{a}, \textcircled{..}": "① one, ⑳, ⓐ, (..)",
    r"\textcircled 3, \textcircled{③}": "③, ③",
    r"5 \pm 1, 3 \times 4 \sim 12 \leq 13": "5 ± 1, 3 × 4 ∼ 12 ≤ 13",
    r"at 30^\circ C an \alpha-ray \to \infty": "at 30° C an α-ray → ∞",
    r"\textminus1.20 \textexclamdown{}s\'i! 1\up{er} \textrightarrow{} 5\textthreequarters": "−1.20 ¡sí! 1^er → 5¾",
    r"dit \og tr\`es bien\fg{} et \og oui \fg.": "dit « très bien » et « oui ».",
    r"\AA ngstrom, \unknown": r"Ångstrom, \unknown",
    r"选（B\)或(A\), [0, 1\), (2, 3\]": "选（B）或(A), [0, 1), (2, 3]",
    r"10^{5} cells, CO_{2}, 90^{\circ}, f^{\prime}, x_{\max}": "10⁵ cells, CO2, 90°, f′, xmax",
    r"\ce{2H2 + O2 -> 2H2O}": "2H2 + O2 -> 2H2O",
    r"\sin x, \log_{10} y, \bar{x}=5, n\textordmasculine{} 5, \TH or": "sin x, log10 y, x̅=5, nº 5, Þor",
    r"A. 1\hspace{2cm}B. 2\hfill C. 3\hspace{-1em}4\hspace{0pt}5": "A. 1 B. 2 C. 345",
    r"1{,}234{.}5 at C:\textbackslash Users \big(x\big)": r"1,234.5 at C:\Users (x)",
    r"$-$0,75, $\pm$0.3, $<$5, costs $5 or $6": "-0,75, ±0.3, <5, costs $5 or $6",
    r"\color{red}{a} \fontsize{10}{12}{b} {x, y}": "a b {x, y}",
    r"a \underline{\hspace{2cm}} b \(\underline{\qquad}\)": "a ____ b ____",
    r"c \rule{2cm}{0.4pt} \rule{0pt}{2ex}d": "c ____ d",
    r"Name: \hrulefill": "Name: ____",
    "\ufeffA mark\ufeff of byte order": "A mark of byte order",
}


@pytest.mark.parametrize(("answer", "text"), list(IN_TEXT.items()))
def test_a_sign_in_text_is_its_character(answer: str, text: str) -> None:
    assert to_text(parse(answer)) == text + "\n"


@pytest.mark.parametrize("is_latex", [True, False])
def test_a_byte_order_mark_hides_no_block(is_latex: bool) -> None:
    elements = parse("\ufeff# Title\n\n\ufeff- item", is_latex=is_latex)
    assert [element.kind for element in elements] == ["heading", "list_item"]
    assert parse("\ufeff{'title': 'T', 'values': {'a': 1}}")[0].kind == "chart"


IN_FORMULAS = {
    r"\bigl\{ x \bigr\}": "{x}",
    r"\Big\{ x \Big\}": "{x}",
    r"\Bigm\vert x \Bigr\Vert": "|x‖",
    r"50\% \text{ and 50\%, \#1, A\&B, a<b, \{x\}}": "50% and 50%, #1, A&B, a<b, {x}",
    r"\arg z": "argz",
    r"\text{a\,b\;c\:d\!e\ f}": "a\u2009b\u2004c\u2005def",
    r"\cfrac[l]{1}{1+x}": "11+x",
    r"a & b &": "ab",
    r"\mathop{\sum\nolimits}_{i} a": "∑ia",
    r"a \not= b": "a≠b",
    r"x_{\mathchoice{a}{b}{c}{d}} \mathchoice{a}{b}{c}{d}^\mathchoice{1}{2}{3}{4}": "xca3",
    r"\begin{CD} A @>f>> B \\ @VgVV @| \\ C @<<{h>}< D @= E @. F \end{CD}": "A→fBg↓‖C←h>D=EF",
    r"\AA + \text{\AA, \'e, \c{c}, stra\ss e}": "Å+Å, é, ç, straße",
    r"\text{if $x$ and \(y\)}": "if x and y",
    r"\mbox{\scriptsize ren\hspace{1cm}d}": "ren d",
    r"\begin{rcases}a & b \\ c & d\end{rcases}": "abcd}",
    r"\begin{drcases}a \\ b\end{drcases}": "ab}",
    "x'''^2": "x′′′2",
    "x^2'_1": "x1′2",
    "f''(x)": "f″(x)",
    r"a^{b}^{c}": "abc",
    r"\textcircled{2} \circledR": "②®",
    r"\pmatrix{1 & 2 \cr 3 & 4 \cr}": "(1234)",
    r"x\sp2 + y\sb{3}": "x2+y3",
    r"\R \ni \Alpha \approxcolon \Zeta": "ℝ∋Α≈:Ζ",
    r"\raisebox{2pt}{x} \llap{y} \boldmath z \label{a}": "xyz",
    r"10 % of x": "10%ofx",
    r"\Set{x} \Ket{\psi} \overgroup{AB}": "{x}|ψ⟩AB⏠",
    r"\htmlClass{a}{x} \href{http://a.b}{y}": "xy",
    r"\ce{2H2 + O2 -> 2H2O}": "2H2 + O2 → 2H2O",
    r"\ce{SO4^{2-} + Na+ <=>[heat] CO2 ^}": "SO42− + Na+ ⇌heat CO2 ↑",
    r"\ce{[Fe(CN)6]^3-}": "[Fe(CN)6]3−",
}


@pytest.mark.parametrize(("latex", "shown"), list(IN_FORMULAS.items()))
def test_a_sign_in_a_formula_is_in_its_mathml(latex: str, shown: str) -> None:
    mathml = to_mathml(latex, display=True)
    assert mathml is not None
    words = unescape(re.sub("<[^>]*>", "", mathml)).replace("\xa0", " ")
    assert words.replace(" ", "") == shown.replace(" ", "")


@pytest.mark.parametrize("latex", [r"\SI{5}{\kilo\gram}", r"\num{1e5}", r"\nicefrac{1}{2}", r"\textcircled{\small 1}"])
def test_a_measure_in_a_formula_is_no_raw_command(latex: str) -> None:
    assert "\\" not in (to_mathml(latex, display=True) or "\\")


def test_operators_are_operators_and_letters_identifiers() -> None:
    mathml = to_mathml(r"\R \colonequals x", display=True) or ""
    assert "<mi>ℝ</mi>" in mathml
    assert "<mo>≔</mo>" in mathml


def test_a_sign_of_markup_in_a_text_stays_a_sign() -> None:
    html = to_html(parse(r"\(\text{\textless script\textgreater alert(1) a<b>c \& d}\)"))
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "a&lt;b&gt;c" in html


@pytest.mark.parametrize(
    ("latex", "words"),
    [
        (r"\textcircled{3}", "③"),
        (r"\ce{SO4^{2-}}", "SO4^{2-}"),
        (r"\R \rArr \alef", "ℝ⇒ℵ"),
        (r"\arg z", "arg z"),
        (r"\cfrac[l]{1}{1+x}", "1/(1+x)"),
        (r"a \section*{b} \title{c}", "a b c"),
        (r"x_{\mathchoice{a}{b}{c}{d}}", "x_c"),
        (r"\begin{CD} A @>f>> B \\ @VgVV @AAhA \\ C @= D \end{CD}", "A f→ B; g↓ ↑h; C = D"),
        (r"30^{\circ} f^\prime", "30° f′"),
        (r"x^{2n+1} + a_{n-1} e^{-x} \mathrm{Ca}^{2+}", "x^(2n+1) + a_(n-1) e^-x Ca^2+"),
        (r"\sfrac{1}{2} \nicefrac{3}{4} \braket{a|b}", "1/2 3/4 ⟨a|b⟩"),
        (r"\left\{\begin{array}{l}x=1\\[2pt] y=3\end{array}\right.", "{x=1; y=3"),
        (r"f(x)=\begin{cases}1, & x>0\\ 0\end{cases}", "f(x)={1, x>0; 0"),
        (r"\begin{vmatrix}a&b\\c&d\end{vmatrix} \left.x\right|_0", "|a b; c d| x|_0"),
        (r"A\xlongequal{\Delta}B\xrightleftharpoons{k}C", "A Δ= B k⇌ C"),
        (r"f'(x) g''_1 \operatorname*{arg\,max}\limits_x \varliminf", "f′(x) g′′_1 arg max_x lim inf"),
        (r"a \pitchfork b \thicksim c \iiiint d", "a ⋔b ∼ c ⨌ d"),
        (r"\rotatebox{90}{x} \raisebox{2pt}{y} \phantom{z} a\kern-2pt b", "x y a b"),
        (r"\SI{5}{\kilo\gram} \ce{A ->[\Delta] B}", "5 kg A ->[Δ] B"),
    ],
)
def test_the_words_of_a_sign(latex: str, words: str) -> None:
    assert to_text(parse(f"\\[{latex}\\]")) == words + "\n"
