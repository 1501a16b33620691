"""BlockParser of a page: what an environment prints is there, its settings are not, and no element hides in another."""

import pytest

from got_runtime.markup import parse, to_markdown, to_text

SIMPLE = "| a | b |\n| --- | --- |\n| 1 | 2 |\n"
MARKDOWN = {
    "molecules side by side": (
        "<smiles>CO</smiles><smiles>CC</smiles>",
        "```smiles\nCO\n```\n\n```smiles\nCC\n```\n",
    ),
    "molecules on two lines": (
        "<smiles>CO</smiles>\n<smiles>CC</smiles>",
        "```smiles\nCO\n```\n\n```smiles\nCC\n```\n",
    ),
    "molecules in a line": ("with <smiles>CO</smiles><smiles>CC</smiles>", "with `CO` `CC`\n"),
    "a caption inside a longtable": (
        r"\begin{longtable}{ll}\caption{Table 1: Few.}\label{t} \\ \hline a & b \\ \hline 1 & 2 \\ \end{longtable}",
        "Table 1: Few.\n\n" + SIMPLE,
    ),
    "a caption below the rows of a longtable": (
        r"\begin{longtable}{ll}a & b \\ 1 & 2 \\ \caption*{Few.}\end{longtable}",
        SIMPLE + "\nFew.\n",
    ),
    "an unclosed table with empty lines": (
        "\\begin{tabular}{ll}\na & b \\\\\n\n\\hline\n\n1 & 2 \\\\\n\nMore text, AT&T.",
        SIMPLE + "\nMore text, AT\\&T.\n",
    ),
    "widths and places": (
        r"\begin{minipage}[t]{0.4\textwidth}left\end{minipage}\begin{multicols}{2}two\end{multicols}"
        r"\begin{subfigure}[b]{5cm}one\end{subfigure}",
        "left\n\ntwo\n\none\n",
    ),
    "colours of cells": (
        r"\begin{tabular}{ll}\rowcolor{gray} a & \cellcolor[HTML]{EEEEEE} b \\ 1 & 2 \\ \end{tabular}",
        SIMPLE,
    ),
    "a colour before a span": (
        r"\begin{tabular}{ll}\cellcolor{gray}\multicolumn{2}{c}{a} \\ 1 & 2 \\ \end{tabular}",
        "| a | a |\n| --- | --- |\n| 1 | 2 |\n",
    ),
    "a resized table": (
        r"\resizebox{\textwidth}{!}{\begin{tabular}{ll}a & b \\ 1 & 2 \\ \end{tabular}}",
        SIMPLE,
    ),
    "a table in display delimiters": (r"\[\begin{tabular}{ll}a & b \\ 1 & 2 \\ \end{tabular}\]", SIMPLE),
    "a table in inline delimiters": (r"\(\begin{tabular}{ll}a & b \\ 1 & 2 \\ \end{tabular}\)", SIMPLE),
    "an array with rules": (
        r"\[\begin{array}{|l|l|}\hline \text{Year} & x_{1} \\ \hline 2019 & \frac{1}{2} \\ \hline\end{array}\]",
        "| Year | $x_{1}$ |\n| --- | --- |\n| 2019 | $\\frac{1}{2}$ |\n",
    ),
    "a matrix": (
        r"\[\begin{array}{cc}1 & 2 \\ 3 & 4\end{array}\]",
        r"$$\begin{array}{cc}1 & 2 \\ 3 & 4\end{array}$$" + "\n",
    ),
    "a number that the label takes no part in": (
        r"\begin{enumerate}\item a \item[b)] b \item c\end{enumerate}",
        "1. a\n\n- **b)** b\n\n2. c\n",
    ),
    "a list that goes on from another": (
        r"\begin{enumerate}\setcounter{enumi}{4}\item a\end{enumerate}",
        "5. a\n",
    ),
    "the settings of a list": (
        r"\begin{enumerate}[label=(\alph*), start=3]\item a\item x\end{enumerate}",
        "- **(c)** a\n- **(d)** x\n",
    ),
    "a list in Roman numbers": (
        r"\begin{enumerate}[(i)]\item a\item x\end{enumerate}",
        "- **(i)** a\n- **(ii)** x\n",
    ),
    "a list with boxes": (
        r"\begin{itemize}\item[$\square$] a\item[\checkmark] b\end{itemize}",
        "- **□** a\n- **✓** b\n",
    ),
    "the mark of a footnote": ("Prices in EUR.\n* plus VAT\n\n* a\n* b", "Prices in EUR.\n\n- plus VAT\n- a\n- b\n"),
    "the mark of a lone footnote": ("1 Author.\n* Equal work.", "1 Author.\\\n\\* Equal work.\n"),
    "code with settings": (
        "\\begin{lstlisting}[language=Python, caption={Hello}]\nx[0] = 1\n\\end{lstlisting}",
        "Hello\n\n```python\nx[0] = 1\n```\n",
    ),
    "code with a language": (
        "\\begin{minted}[linenos]{c++}\nmain();\n\\end{minted}\n\\begin{lstlisting}\n[1] = x\n\\end{lstlisting}",
        "```c++\nmain();\n```\n\n```\n[1] = x\n```\n",
    ),
    "an algorithm": (
        r"\begin{algorithmic}[1]\Require \(a\)\Procedure{F}{$a,b$}\While{$b \neq 0$}\Comment{loop}\State\Call{G}{$b$}"
        r"\EndWhile\STATE \IF{\(x\)}\State stop\ELSE\State go\EndIf\State\Return $a$\end{algorithmic}",
        "Require: $a$\\\nprocedure F($a,b$)\\\nwhile $b \\neq 0$ do ▷ loop\\\nG($b$)\\\nend while\\\n"
        "if $x$ then\\\nstop\\\nelse\\\ngo\\\nend if\\\nreturn $a$\n",
    ),
    "an algorithm with commands in capitals": (
        r"\begin{algorithmic}\FOR{$i=1$ \TO $n$} \IF{$x$ \AND $y$} \RETURN $x$ \ENDIF \ENDFOR \RETURN $0$ "
        r"\STATE \RETURN $1$\end{algorithmic}",
        "for $i=1$ to $n$ do\\\nif $x$ and $y$ then\\\nreturn $x$\\\nend if\\\nend for\\\nreturn $0$\\\nreturn $1$\n",
    ),
    "an algorithm of algorithm2e": (
        r"\begin{algorithm}\KwIn{n}\While{x}{\eIf{a}{b}{c}\lIf{d}{e}\uIf{f}{g}\Else{h}}\end{algorithm}",
        "Input: n\\\nwhile x do\\\nif a then\\\nb\\\nelse\\\nc\\\nif d then e\\\nif f then\\\ng\\\nelse\\\nh\n",
    ),
    "numbered steps": (
        "1: for \\(t=1\\) to \\(T\\) do\n2: \\(x\\)\n3: end for",
        "1: for $t=1$ to $T$ do\\\n2: $x$\\\n3: end for\n",
    ),
    "an exercise with its points": (
        r"\begin{exercise}[2 points] Prove.\end{exercise}",
        "**Exercise (2 points).** Prove.\n",
    ),
    "a citation of a page": (r"see \citep[p.~3]{doe}, \cite{x,y}", "see [doe, p. 3], [x,y]\n"),
    "an empty heading": (r"\section*{}text", "text\n"),
    "a chart without values": ("{'title': 'T', 'values': {}}", "**T**\n"),
    "a chart of lists": (
        "{'title': 'T', 'source': None, 'x': [1, 2], 'y': [3, 4]}",
        "**T**\n\n| x | y |\n| --- | ---: |\n| 1 | 3 |\n| 2 | 4 |\n",
    ),
    "a chart with commas in its numbers": (
        "{'values': {'Men': 1,234.5, 'Women': 12,345, 'All': 7, '2019': 1,}}",
        "| category | value |\n| --- | ---: |\n| Men | 1234.5 |\n| Women | 12345 |\n| All | 7 |\n| 2019 | 1 |\n",
    ),
    "a theorem that names itself": (r"\begin{theorem} Theorem 1. So. \end{theorem}", "Theorem 1. So.\n"),
    "points of a Chinese list": (
        "如下：\n1、苹果\n2、梨\n（一）甲\n①乙\n一、二月",
        "如下：\n\n1、苹果\n\n2、梨\n\n（一）甲\n\n①乙\n\n一、二月\n",
    ),
    "a caption right above its table": (
        "The text.\n表 1：数据\n\\begin{tabular}{ll}a & b \\\\ 1 & 2 \\\\ \\end{tabular}",
        "The text.\n\n表 1：数据\n\n" + SIMPLE,
    ),
    "a circuit, which is not drawn": (
        "A circuit:\n\\begin{circuitikz} \\draw (0,0) to[R=$R_1$] (3,3); \\end{circuitikz}",
        "A circuit:\n\n```latex\n\\begin{circuitikz} \\draw (0,0) to[R=$R_1$] (3,3); \\end{circuitikz}\n```\n",
    ),
    "a diagram between the delimiters of a formula": (
        r"\[\begin{tikzcd} A \arrow[r] & B \end{tikzcd}\]",
        "```latex\n\\begin{tikzcd} A \\arrow[r] & B \\end{tikzcd}\n```\n",
    ),
    "a figure as a formula": (
        r"a $$\begin{tikzpicture}\draw (0,0);\end{tikzpicture}$$ b",
        "a\n\n```latex\n\\begin{tikzpicture}\\draw (0,0);\n\\end{tikzpicture}\n```\n\nb\n",
    ),
    "code in a formula": (
        r"\[ x = \begin{verbatim}a_b\end{verbatim} \] \( \begin{asy} A \end{asy} \)",
        "$$x = \\texttt{a\\_b}$$\n\n$\\texttt{\\textbackslash{}begin\\{asy\\} A \\textbackslash{}end\\{asy\\}}$\n",
    ),
    "environments of formulas without delimiters": (
        r"\begin{Bmatrix} a \\ b \end{Bmatrix} \begin{CD} A @>f>> B \end{CD}",
        "$$\\begin{Bmatrix}a \\\\ b\\end{Bmatrix}$$\n\n$$\\begin{CD}A @>f>> B\\end{CD}$$\n",
    ),
    "text behind a fence that ends code within a line": (
        "a ```\nb\n``` 1. c d\n\ne",
        "a \\`\\`\\`\\\nb\n\n```\n1. c d\n\ne\n```\n",
    ),
    "a fence with settings": ('```python title="a.py"\nx\n```', "```python\nx\n```\n"),
    "code that is never closed in a cell": (
        "<table><tr><td>a ```\nb\n```\nc & d",
        "| a \\`\\`\\` b `c & d` |\n| --- |\n",
    ),
    "a heading in a formula that is never closed": (
        "\\[ a = b\n\\section*{Next}\nText.",
        "$$a = b$$\n\n## Next\n\nText.\n",
    ),
    "a caption of a table in a cell": (
        "<table><tr><td>x<table><caption>T</caption><tr><td>1</td></tr></table></td></tr></table>",
        "| x<br>T<br>1 |\n| --- |\n",
    ),
    "theorem and proof": (
        r"\begin{theorem}[Main] It holds. \end{theorem}\begin{proof}\[ x \] so. \qed\end{proof}",
        "**Theorem (Main).** It holds.\n\n**Proof.**\n\n$$x$$\n\nso. ∎\n",
    ),
}


@pytest.mark.parametrize(("answer", "markdown"), list(MARKDOWN.values()), ids=list(MARKDOWN))
def test_an_answer_is_the_blocks_that_it_prints(answer: str, markdown: str) -> None:
    elements = parse(answer)
    assert to_markdown(elements) == markdown
    assert "".join(answer[slice(*element.span)] for element in elements) == answer


def test_each_molecule_of_two_is_an_element() -> None:
    assert [element.kind for element in parse("<smiles>CO</smiles>\n<smiles>CC</smiles>")] == ["molecule"] * 2
    assert to_text(parse("<smiles>CO</smiles><smiles>CC</smiles>")) == "CO\n\nCC\n"


def test_the_caption_of_a_longtable_is_one_of_a_table() -> None:
    caption, table = parse(MARKDOWN["a caption inside a longtable"][0])
    assert (caption.kind, table.kind) == ("caption", "table")
    assert caption.of == "table"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("Tabelle 1: Teile", "table"),
        ("Abb. 3: Ein Haus", "figure"),
        ("Tableau 2: Pi\u00e8ces", "table"),
        ("Figura 4. Casa", "figure"),
        ("Tabelle 1 zeigt es.", None),
        ("Tableau de bord", None),
    ],
)
def test_captions_in_other_languages(line: str, kind: str | None) -> None:
    (element,) = parse(line)
    assert getattr(element, "of", None) == kind
