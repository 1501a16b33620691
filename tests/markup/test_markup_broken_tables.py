"""Broken tables: no letter is lost, no layout command is in a cell, and the grid is the one that was meant."""

import os

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from got_runtime.markup import parse, to_html, to_markdown, to_text

EXAMPLES = int(os.environ.get("GOT_MARKUP_EXAMPLES", "300"))

GRID = "a\tb\n1\t2\n"
READ = {
    "a comment behind a wrapper": (
        "\\resizebox{\\textwidth}{!}{%\n\\begin{tabular}{lc} a & b \\\\ 1 & 2 \\\\ \\end{tabular}%\n}",
        GRID,
    ),
    "a comment in a cell": ("\\begin{tabular}{lc} \\resizebox{2cm}{!}{%\na} & b \\\\ 1 & 2 \\end{tabular}", GRID),
    "rows that end with one backslash": ("\\begin{tabular}{lc}\n\\hline a & b \\\n1 & 2 \\\n\\end{tabular}", GRID),
    "one backslash and a blank before a rule": (
        "\\begin{tabular}{lc} a & b \\ \n\\hline 1 & 2 \\ \n\\end{tabular}",
        GRID,
    ),
    "a part of a rule that is shortened by lengths": (
        r"\begin{tabular}{lc} a & b \\ \cmidrule(l{2pt}r{2pt}){1-2} 1 & 2 \\ \cmidrule(lr){1-1} \end{tabular}",
        GRID,
    ),
    "columns of a dashed rule": (r"\begin{tabular}{lc} a & b \\ \hdashline{1-2} 1 & 2 \\ \end{tabular}", GRID),
    "a rule that is one with a word": (
        r"\begin{tabular}{lc} \topruel a & b \\ \hlineName & Age \\ \midruleT & 4 \\ \end{tabular}",
        "a\tb\nName\tAge\nT\t4\n",
    ),
    "rules of which letters are in another order": (
        r"\begin{tabular}{lc}\tropule a & b \\ \mdirule 1 & 2 \\ \bottmorule\end{tabular}",
        GRID,
    ),
    "rules that are one with a small letter or two": (
        r"\begin{tabular}{lc}\hlinex a & b \\ \hlinex & y \\ \hlinezw & 2 \\ \hlinewd{1pt} 3 & 4 \\ \end{tabular}",
        "a\tb\nx\ty\nzw\t2\n3\t4\n",
    ),
    "the corners of a double frame": (
        r"\begin{tabular}{||c|c||}\hhline{|t:==:t|} a & b \\ \hhline{|:=|=:|} 1 & 2 \\ \hhline{|b:==:b|} \end{tabular}",
        GRID,
    ),
    "comments with words around a table": (
        "\\resizebox{4cm}{!}{% fit to it\n\\begin{tabular}{% cols\nlc} a & b \\\\ 1 & 2 \\\\ \\end{tabular}% end\n}",
        GRID,
    ),
    "a percent sign behind bold words": (
        "\\begin{tabular}{lc}a & \\textbf{b}%\n\\\\ \\multirow{1}{*}{% of\nc} & 2 \\\\ \\end{tabular}",
        "a\tb%\n% of c\t2\n",
    ),
    "columns that are never closed": (r"\begin{tabular}{|l|c \hline a & b \\ 1 & 2 \\ \end{tabular}", GRID),
    "columns that run into a cell": (r"\begin{tabular}{|l|c| a & b \\ 1 & 2 \\ \end{tabular}", GRID),
    "columns that touch a cell": (r"\begin{tabular}{|l|c|a & b \\ 1 & 2 \\ \end{tabular}", GRID),
    "an open width in the columns": (r"\begin{tabular}{|l|p{2cm \hline a & b \\ 1 & 2 \\ \end{tabular}", GRID),
    "no columns": (r"\begin{tabular} {\bf a} & b \\ 1 & 2 \\ \end{tabular}", GRID),
    "columns without braces": (r"\begin{tabular}|l|c| a & b \\ 1 & 2 \\ \end{tabular}", GRID),
    "no beginning": (r"\hline a & b \\ \hline 1 & 2 \\ \hline \end{tabular}", GRID),
    "a beginning of which the columns are left": (r"{|l|c|} \hline a & b \\ 1 & 2 \\ \end{tabular}", GRID),
    "a beginning of which its name is left": (r"tabular}{lc} a & b \\ 1 & 2 \\ \end{tabular}", GRID),
    "rows with empty lines and an end": ("\\hline a & b \\\\\n\n1 & 2 \\\\\n\n\\hline\\end{tabular}", GRID),
    "neither beginning nor end": ("a & b \\\\\n1 & 2 \\\\", GRID),
    "rows and rules alone": (r"\hline a & b \\ \hline 1 & 2 \\ \hline", GRID),
    "a name without its brace": (r"\begin{tabular{lc} a & b \\ 1 & 2 \\ \end{tabular", GRID),
    "a name with a syllable too many": (r"\begin{tabularular}{lc} a & b \\ 1 & 2 \\ \end{tabular}", GRID),
    "letters swapped": (r"\bgein{tabluar}{lc} a & b \\ 1 & 2 \\ \ned{tabualr}", GRID),
    "an end that was run over": (r"\begin{tabular}{lc} a & b \\ \hline 1 & 2 \\ \htabular}", GRID),
    "misspelt rules": (r"\begin{tabular}{lc}\Hline a & b \\ \hcline \hilne 1 & 2 \\ \hdashline\end{tabular}", GRID),
    "rules with lengths": (
        r"\begin{tabular}{lc}\toprule[1pt] a & b \\ \specialrule{1pt}{2pt}{3pt} \noalign{\vskip 2pt} 1 & 2 \\"
        r" \addlinespace[2pt] \Xhline{2pt}\end{tabular}",
        GRID,
    ),
    "lengths that are assigned": (
        r"\begin{tabular}{lc}\arrayrulewidth=1pt a & b \\ \extrarowheight 2pt 1 & 2 \\ \end{tabular}",
        GRID,
    ),
    "a rule that is never closed": (
        r"\begin{tabular}{lc}\hhline{|-|- a & b \\ \cline{1-2 1 & 2 \\ \end{tabular}",
        GRID,
    ),
    "a rule before a group": (r"\begin{tabular}{lc}\hhline {\bf a} & b \\ \hline {\it 1} & 2 \\ \end{tabular}", GRID),
    "a rule instead of a row's end": (r"\begin{tabular}{lc} a & b \hline 1 & 2 \hline \end{tabular}", GRID),
    "a rule within a row": (r"\begin{tabular}{lc} a \hline & b \\ 1 & \Hline 2 \\ \end{tabular}", GRID),
    "spacing behind a blank": (r"\begin{tabular}{lc} a & b \\ [1ex] 1 & 2 \\[-.5\baselineskip] \end{tabular}", GRID),
    "a citation at the start of a row": (
        r"\begin{tabular}{lc} a & b \\ [1] & 2 \\[3] & 4 \\ \end{tabular}",
        "a\tb\n[1]\t2\n[3]\t4\n",
    ),
    "comments": (
        "\\begin{tabular}{lc} % two columns\na & b \\\\ % the head\n% below\n1 & 2 \\\\%\n\\end{tabular}",
        GRID,
    ),
    "a percent sign is no comment": (
        "\\begin{tabular}{lc}a & b \\\\\n% of 5 & 50% \\\\\n\\end{tabular}",
        "a\tb\n% of 5\t50%\n",
    ),
    "a span without its braces": (r"\begin{tabular}{lc}\multirow{2}*{a} & b \\ & 2 \\ \end{tabular}", "a\tb\n\t2\n"),
    "a span within braces": (r"\begin{tabular}{lc}{\multirow{2}{*}{a}} & b \\ & 2 \\ \end{tabular}", "a\tb\n\t2\n"),
    "a span without its width": (
        r"\begin{tabular}{lc}\multirow{2}{big a} & b \\ & 2 \\ \end{tabular}",
        "big a\tb\n\t2\n",
    ),
    "a slanted line": (
        r"\begin{tabular}{lc}\diagbox[width=6em]{a}{x} & \slashbox{b}{y} \\ 1 & 2 \\ \end{tabular}",
        "a \\ x\tb / y\n1\t2\n",
    ),
    "a slanted line of three parts": (
        r"\begin{tabular}{lc}\multirow{2}{*}{\diagbox{a}{b}{c}} & x \\"
        r" & \backslashbox[1cm]{d}{\textbf{e}} \\ \end{tabular}",
        "a \\ b \\ c\tx\n\td \\ e\n",
    ),
    "numbers and units": (
        r"\begin{tabular}{lS[table-format=3.2]}\num{88.2} & \SI{5}{\meter} \\ \qty{3e-4}{\kilo\gram\per\cubic\meter}"
        r" & \SIrange{1}{2}{\percent} \\ \si{m.s^{-2}} & \ang{45;30} \\ \end{tabular}",
        "88.2\t5 m\n3 × 10⁻⁴ kg/m³\t1–2 %\nm·s⁻²\t45°30′\n",
    ),
    "lines in a cell": (
        r"\begin{tabular}{lc}\shortstack[l]{a\\x} & b\tnote{1} \\"
        r" \begin{itemize}\item 1 \item 3\end{itemize} & 2 \\ \end{tabular}",
        "a x\tb1\n• 1 • 3\t2\n",
    ),
    "columns of other types": (
        r"\begin{tabular}{|L{2cm}|Y|D{.}{.}{-1}|w{c}{2cm}|}a & b & c & d \\ \end{tabular}",
        "a\tb\tc\td\n",
    ),
    "a dashed rule with its pattern, and a star behind a row": (
        r"\begin{tabular}{lc}a & b \\ \hdashline[2pt/2pt] 1 & 2 \\*[1ex] 3 & 4 \\*"
        "\n% a comment\n5 & 6 \\\\* p & 7 \\\\ \\end{tabular}",
        "a\tb\n1\t2\n3\t4\n5\t6\n* p\t7\n",
    ),
    "braces around whole cells": (
        r"\begin{tabular}{lc}{Name} & {Two words}\\ {12.5} & {a} {b} \\ {\{1\}} & {{x} y} \\ \end{tabular}",
        "Name\tTwo words\n12.5\t{a} {b}\n{1}\t{x} y\n",
    ),
    "numbers of items": (
        r"\begin{tabular}{lc}\begin{enumerate}\item a \item[*] b \item c \begin{enumerate}\item d \item e"
        r"\end{enumerate}\item f\end{enumerate} & \begin{itemize}\item g\end{itemize} \\ \item h & 2 \end{tabular}",
        "1. a * b 2. c (a) d (b) e 3. f\t• g\n• h\t2\n",
    ),
    "text in columns of numbers": (
        r"\begin{tabular}{lS[table-format=1.1]}{Part} & {Mass / \si{\gram}} \\ {a} & 1{,}5 \\ \end{tabular}",
        "Part\tMass / g\na\t1,5\n",
    ),
    "more cells than columns below a span": (
        r"\begin{tabular}{ll} & & \multirow{2}{*}{a} \\ 1 & 2 & & & b \\ \end{tabular}",
        "\t\ta\n1\t2\t\t\tb\n",
    ),
    "the heads and feet of a longtable": (
        r"\begin{longtable}{lc}\caption{Table 1: T}\\ \hline a & b \\ \hline\endfirsthead"
        r"\multicolumn{2}{l}{continued} \\ \hline a & b \\ \hline\endhead"
        r"\hline\multicolumn{2}{r}{next page} \\ \endfoot \hline end & \\ \endlastfoot 1 & 2 \\ \end{longtable}",
        "Table 1: T\n\na\tb\n1\t2\nend\n",
    ),
}


@pytest.mark.parametrize(("answer", "text"), list(READ.values()), ids=list(READ))
def test_a_broken_table_is_read_as_it_was_meant(answer: str, text: str) -> None:
    elements = parse(answer)
    assert to_text(elements) == text
    assert elements[-1].kind == "table"
    assert "".join(answer[slice(*element.span)] for element in elements) == answer


@pytest.mark.parametrize(
    "answer",
    [
        "Before.\n\\hline a & b \\\\ \\hline 1 & 2 \\\\ \\hline\nAfter.",
        "Before.\n\na & b \\\\\n1 & 2 \\\\\nAfter.",
        "Before.\n\\hline a & b \\\\ 1 & 2 \\\\ \\end{tabular}\nAfter.",
    ],
)
def test_text_around_rows_without_an_environment_stays_text(answer: str) -> None:
    elements = parse(answer)
    assert [element.kind for element in elements] == ["paragraph", "table", "paragraph"]
    assert to_text(elements) == f"Before.\n\n{GRID}\nAfter.\n"
    assert [repair.code for repair in elements[1].warnings] == ["unclosed-environment"]


@pytest.mark.parametrize("name", ["tabular", "longtable"])
def test_a_caption_behind_a_row_that_does_not_end_is_no_part_of_it(name: str) -> None:
    answer = f"\\begin{{table}}\\begin{{{name}}}{{ll}} a & b \\\\ 1 & 2 \\caption{{Tab. 1: X}}"
    for end in ("\\end{table}", f"\\end{{{name}}}\\end{{table}}"):
        assert to_text(parse(answer + end)) == f"{GRID}\nTab. 1: X\n"


@pytest.mark.parametrize("title", [r"\caption{SPD}", r"\section*{LCD}", r"\subsection*{T}", r"\textbf{CPL}"])
def test_a_title_in_capitals_before_rows_without_an_environment_is_no_columns(title: str) -> None:
    word = title.partition("{")[2].rstrip("}")
    shown = to_text(parse(f"{title}\n\\hline a & b \\\\\n1 & 2 \\\\ \\hline"))
    assert shown == f"{word}\n\n{GRID}"


def test_a_sign_stands_before_rows_without_an_environment() -> None:
    assert to_text(parse(r"{\alpha \hline a & b \endtabular}}")) == "α a, b\n"


@pytest.mark.parametrize("line", ["Research & Development", "if (a && b) \\\\ return", "AT&T \\\\ Bell Labs"])
def test_an_ampersand_makes_no_table(line: str) -> None:
    assert [element.kind for element in parse(line)] == ["paragraph"]


def test_a_table_in_html_is_one_with_its_spans() -> None:
    html = (
        '<html><body><table border="1"><caption>Table 1: Prices</caption><thead><tr><th rowspan="2">Part</th>'
        '<th colspan="2">Price</th></tr><tr><th>old</th><th align=right>new</th></tr></thead><tbody>'
        "<tr><td>Belt <b>B</b></td><td>15 &lt; \\(x^{2}\\)</td><td>16 &amp; up</td></tr></tbody></table></body></html>"
    )
    heading, caption, table, below = parse(f"\\section*{{Prices}}\n{html}\nBelow.")
    assert [each.kind for each in (heading, caption, table, below)] == ["heading", "caption", "table", "paragraph"]
    assert table.grid.header_rows == 2  # type: ignore[union-attr]
    assert to_markdown([table]) == (
        "| Part | Price | Price |\n| --- | --- | --- |\n| Part | old | new |\n| Belt **B** | 15 < $x^{2}$ | 16 & up |\n"
    )
    assert '<th rowspan="2">Part</th><th colspan="2">Price</th>' in to_html([table])


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>1<td>2", GRID),
        ("<TABLE class='x'>\n<TR>\n<TD>a</TD>\n<TD>b</TD></TR>\n<TR><TD>1</TD><TD>2</TD></TR></TABLE>", GRID),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>1<td>2</t", GRID),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>1<td>2</td></tr></tabl", GRID),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>1<td>2</td></tr><tr><td rowsp", "a\tb\n1\t2\n\n"),
        ("<table><tr><td>a</td><td>x<table><tr><td>1<td>2</table></td></tr></table>", "a\tx1, 2\n"),
        ("<table><tr><td rowspan=2>a</td><td>b</td></tr><tr><td>2</td></tr></table>", "a\tb\n\t2\n"),
        ("<table><tr><td>a<br>b</td><td><x></td></tr></table>", "a b\t<x>\n"),
    ],
    ids=[
        "never closed",
        "capitals",
        "cut in an end",
        "cut in the last end",
        "cut in a cell",
        "a table in a cell",
        "a cell over two rows",
        "breaks and unknown tags",
    ],
)
def test_tables_in_html_of_other_kinds(answer: str, text: str) -> None:
    assert to_text(parse(answer)) == text


def test_words_about_html_are_no_table() -> None:
    assert [element.kind for element in parse("A <table> element has <tr> elements.")] == ["paragraph"]
    assert [element.kind for element in parse("<table><tr><td>a</td></tr></table>", is_latex=False)] == ["paragraph"]


BEGINS = r"""
\begin{tabular}{|l|c|r|} : \begin{tabular}{|l|c|r : \begin{tabular{lcr} : \begin{tabularular}{lcr} : \begin{tabular}
: \begin{longtable}{lcr} : \begin{tabularx}{\textwidth}{lXr} : \bgin{tabular}{lcr} : \begin{array}{lcr}
: \begin{tabular}{l>{\bf}p{3cm}@{}r} :
"""
ENDS = r"\end{tabular} : \end{tabularular} : \end{tabular : \htabular} : \end{table} : "
SEPARATORS = r"""
\\ : \\ \hline : \\[1ex] : \\ [1ex] : \tabularnewline : \\ \Hline : \\\hcline : \hline : \\ \cline{1-2}
: \\ \cmidrule(lr){2-3} : \\ \specialrule{1pt}{2pt}{3pt} : \\ \noalign{\smallskip} : \\ \hhline{|-|-|} : \\ \hhline{|-
: \\ \hdashline : \\ \midrule[1pt] \rowcolor{gray}
"""
CELLS = r"""
@ :  : \textbf{@} : {\bf @} : \multicolumn{2}{c|}{@} : \multirow{2}{*}{@} : \multirow{-2}{*}{@} : \multirow{2}*{@}
: {\multirow{3}{*}{@}} : \multirow{@} : \multicolumn{2}{@} : \multirow{2}{*} @ : \cellcolor{gray}@ : \shortstack{@\\@}
: \multicolumn{2}{c}{\multirow{2}{*}{@}} : \makecell{@ \\ @} : \diagbox{@}{@} : \slashbox[1cm]{@}{@} : @\tnote{@}
: @\hspace{1cm} : @\hspace{1cm @ : \textbf{@ : @} : [@] : @ \hline : \centering @ : \parbox[t]{2cm}{@} : (@)
: \begin{tabular}{c}@ \\ @\end{tabular}
"""
WORDS = [first + second for first in "adfgjkqvxyzu" for second in "dfgjkqvxyzu"]


def one_of(pieces: str) -> st.SearchStrategy[str]:
    return st.sampled_from([piece.strip() for piece in pieces.replace("\n", " ").split(" : ")])


separators = one_of(SEPARATORS) | st.sampled_from(["\\\\%\n", "\\\\\n\n"])
rows = st.lists(st.tuples(st.lists(one_of(CELLS), min_size=1, max_size=5), separators), max_size=5)


@settings(max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES <= 300, suppress_health_check=list(HealthCheck))
@given(one_of(BEGINS), rows, one_of(ENDS))
@example("\\begin{tabular}{|l|c|r", [(["@", "@"], "\\\\")], "")
@example("", [(["@"], "\\\\\n\n"), (["[@]"], "\\\\")], "\\end{tabular}")
def test_letters_in_are_letters_out(begin: str, rows: list[tuple[list[str], str]], end: str) -> None:
    body = "".join(" & ".join(cells) + f" {separator} " for cells, separator in rows)
    first, *parts = body.split("@")
    words = WORDS[: len(parts)]
    answer = begin + " " + first + "".join(word + part for word, part in zip(words, parts, strict=True)) + end
    elements = parse(answer)
    letters = sorted(character for character in to_text(elements) if character.isalpha())
    assert letters == sorted("".join(words))
    for element in elements:
        if element.kind == "table":
            assert "\\" not in to_text([element]).replace(" \\ ", "")


def test_a_comment_behind_a_brace_is_none_behind_a_number() -> None:
    assert to_markdown(parse("\\fbox{%\nHello}")) == "Hello\n"
    assert to_markdown(parse("\\begin{adjustbox}{width=1}%\nHello\n\\end{adjustbox}%\n\nNext")) == "Hello\n\nNext\n"
    assert "**Yield** %" in to_markdown(parse("\\textbf{Yield} %\nof it"))
    assert "**Yield**%" in to_markdown(parse("The \\textbf{Yield}%\nof it"))
    assert "**50**%" in to_markdown(parse("It grew by \\textbf{50}%\nin a year."))
