"""Inline content: text keeps its characters, LaTeX's own signs are removed, and Markdown renders the same words."""

import pytest

from got_runtime.markup import parse, to_markdown, to_text

PRINTED = {
    "significance stars": (
        r"\begin{tabular}{lll} x & 0.53** & 0.21*** \\ y & -0.1** & **bold** \\ \end{tabular}",
        "x\t0.53**\t0.21***\ny\t-0.1**\tbold\n",
    ),
    "stars that touch the next cell": (
        r"\begin{tabular}{ll} 0.5**&$7 \\ 0.3**&$8 \\ \end{tabular}",
        "0.5**\t$7\n0.3**\t$8\n",
    ),
    "masked digits": ("Tel: **** **** **** 1234", "Tel: **** **** **** 1234\n"),
    "four stars": ("0.12****", "0.12****\n"),
    "braces of code": ("int f() { return 0; }", "int f() { return 0; }\n"),
    "braces of a set": ("{1, 2, 3} and ${HOME} and P{x > 3}", "{1, 2, 3} and ${HOME} and P{x > 3}\n"),
    "braces of an unknown command": (r"\unknown{x}", "\\unknown{x}\n"),
    "accents below": (r"\d{h}, \b{d}, \t{oo}", "ḥ, ḏ, o͡o\n"),
    "letters by name": (
        r"\AA ngstr\"om, stra\ss e, \S 3, \ldots and \LaTeX is",
        "Ångström, straße, § 3, … and LaTeX is\n",
    ),
    "ties": (
        r"Fig.~2, Table~\ref{x}, A~\cite{b}, Eq.~(1), et~al.~[3], but ~100, 5~10, a~z, 周一~周五, http://x.y/~me",
        "Fig. 2, Table x, A [b], Eq. (1), et al. [3], but ~100, 5~10, a~z, 周一~周五, http://x.y/~me\n",
    ),
    "a tie in an address": (r"\url{http://x.y/\textasciitilde me}", "http://x.y/~me\n"),
    "quotation marks": (
        r"``one'', ``two \textbf{words}'', 5'' and f'', ``open",
        "“one”, “two words”, 5'' and f'', ``open\n",
    ),
    "verbatim in a line": (r"\verb|a_b{| and \verb{c}", "a_b{ and c\n"),
    "the end of a proof": (r"so. \qed", "so. ∎\n"),
    "braces of LaTeX": (r"{\bf x} \small{y} {\'e}t{\'e} {[}1{]} \ldots{} \textbf{{z}}", "x y été [1] … z\n"),
}


@pytest.mark.parametrize(("answer", "text"), list(PRINTED.values()), ids=list(PRINTED))
def test_text_is_what_the_page_prints(answer: str, text: str) -> None:
    elements = parse(answer)
    assert to_text(elements) == text


def test_stars_in_a_cell_do_not_swallow_the_next_row() -> None:
    elements = parse(r"\begin{tabular}{lll} x & 0.53** & 0.21*** \\ y & -0.1* & 0.3** \\ \end{tabular}")
    assert to_markdown(elements).splitlines()[2] == r"| y | -0.1\* | 0.3\*\* |"
    assert elements[0].warnings == ()


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (r"Contents \dotfill 21", "Contents 21"),
        (r"a \hskip 2pt plus 1fil minus 1pt b", "a b"),
        (r"a \kern-2pt b", "a b"),
        (r"\tabcolsep=3pt b", "b"),
        (r"\raisebox{-1.5ex}[0pt][0pt]{b}", "b"),
        (r"\makebox[2cm][l]{b}", "b"),
        (r"\hypertarget{x}{b}", "b"),
        (r"\MakeUppercase{b} \hl{c}", "b c"),
        (r"yes \ding{51}, no \ding{55}, \ding{172}", "yes ✓, no ✗, ①"),
        (r"\guillemotleft b\guillemotright", "«b»"),
        (r"\ding{9999}", r"\ding{9999}"),
        (r"see \pageref{a}", "see a"),
    ],
)
def test_layout_is_dropped_and_what_is_printed_is_kept(source: str, shown: str) -> None:
    assert to_text(parse(source)) == shown + "\n"
    cell = f"\\begin{{tabular}}{{l}}x \\\\ {source} \\\\\\end{{tabular}}"
    assert to_text(parse(cell)) == f"x\n{shown}\n"


@pytest.mark.parametrize("latex", [r"\frac{1}{2}", r"\sqrt[3]{x}", r"\mathbb{R}", r"\overline{AB}", r"\stackrel{a}{=}"])
def test_commands_of_formulas_outside_one_are_formulas(latex: str) -> None:
    [element] = parse(f"the value {latex} is")
    assert [piece.latex for piece in element.content if piece.kind == "math"] == [latex]  # type: ignore[union-attr]
    [element] = parse(r"the value \frac is")
    assert to_text([element]) == "the value \\frac is\n"
