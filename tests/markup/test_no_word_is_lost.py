r"""Markup of all kinds, also unclosed and unopened, in any order: every word of it is in each form of the output.

GOT_MARKUP_EXAMPLES is the number of random answers.
"""

import os
import re

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from got_runtime.markup import chunk, parse, to_html, to_markdown, to_text

EXAMPLES = int(os.environ.get("GOT_MARKUP_EXAMPLES", "300"))

# Each @ is a word.
FRAGMENTS = r"""
@ @. / \section*{@} / \title{@} / \author{@ \\ @} / \caption{@} / Table 3: @ / - @ / 1. @ / > @ / [1] @
@\footnote{@} / \hline @ & @ \\ @ & @ \\ \hline / \begin{tabular}{ll}@ & @ \\ @ & @ \end{tabular}
\begin{tabular}{l|l @ & @ \\ @ & @ / @ & @ \\ @ & @ \\ \end{tabular} / \begin{table}@ / \end{table} / \begin{figure}
\end{figure} / \end{tabular} / & @ / \begin{longtable}{ll}@ & @ \\ \endhead @ & @ \end{longtable} / \multirow{2}{*}{@}
\multicolumn{2}{c}{@} / \\ @ / } @ / \makecell{@ \\ @} / \diagbox{@}{@} & @ / \shortstack{@ \\ @}
<table><tr><td>@</td><td>@ / \begin{itemize}\item @ \item @
<table><caption>@</caption><tr><th colspan=2>@</th></tr></table> / \end{itemize}
\begin{enumerate}\item[@] @\end{enumerate} / \[ @ = \text{@} \] / \( @ \) / $@$ / $$@$$ / \[ @ / \( @ / \] @ / \) @
\begin{align}@ & @ \\ @ \end{align} / \tag{@} / \begin{cases}@ & @ / \begin{CD}@ @>@>> @\end{CD}
\(\begin{tabular}{l}@\end{tabular}\) / \item @ / \bibitem{@} @ / \footnotetext{@} / \textbf{@ / {\bf @} / \text{@}
\underline{@} / \verb|@| / \begin{verbatim}@\end{verbatim} / \ce{@} / \begin{abstract}@ / \end{abstract}
\begin{center}@\end{center} / \begin{quote}@\end{quote} / \parbox{3cm}{@} / \SI{5}{@}
\begin{tikzpicture}\node {@};\end{tikzpicture} / \begin{circuitikz}@\end{circuitikz} / \begin{theorem}@\end{theorem}
\begin{minipage}{3cm}@\end{minipage} / \begin{unknown}@\end{unknown} / \unknown{@}
\begin{subtable}{2cm}@\end{subtable} / \begin{algorithmic}\State @ \If{@} \Return @ \EndIf\end{algorithmic}
\href{http://a.de}{@} / <smiles>CCO</smiles>
"""
FRAGMENT = st.sampled_from([each.strip() for line in FRAGMENTS.strip().splitlines() for each in line.split(" / ")])
SEPARATOR = st.sampled_from(["\n\n", "\n", " ", " \\\\ ", " & "])


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(FRAGMENT, SEPARATOR), min_size=1, max_size=6))
@example([(r"\caption{SPD}", "\n"), (r"\hline @ & @ \\ @ & @ \\ \hline", "\n")])
@example([(r"\[ @", " & "), (r"\begin{enumerate}\item[@] @\end{enumerate}", " & ")])
@example([(r"\begin{cases}@ & @", "\n"), (r"\title{@}", " & ")])
@example([("| @ | @ |\n|---|---|\n| @ | @ | & ```\n@\n``` @", "\n"), ("@", "\n")])
@example([("| @ | @ |\n|---|---|\n| @ | <table><tr><td>@</td><td>@\n@</td></tr></table> |\n| @ | @ |", "\n")])
@example([("a ```\n@\n``` @ @", "\n")])
@example([("<table><tr><td>@ ```\n@\n```\n@ & @", "\n")])
@example([(r"\[\begin{tikzcd}@ \end{tikzcd}\]", "\n")])
def test_every_word_is_in_each_form(parts: list[tuple[str, str]]) -> None:
    source = "".join(fragment + separator for fragment, separator in parts)
    numbers = iter(range(100, 1000))
    answer = re.sub(r"@(?!>)", lambda _: _word(next(numbers)), source)  # @> is an arrow of CD
    words = re.findall(r"wo[b-q]+ax", answer)
    elements = parse(answer)
    chunks = "\n".join(each.text for each in chunk(elements, max_tokens=8))
    for shown in (to_text(elements), to_markdown(elements), to_html(elements), chunks):
        letters = re.sub(r"</?m[a-z]+[^>]*>", "", shown)  # a formula has an element for each letter
        assert [word for word in words if word not in letters] == []


def _word(number: int) -> str:
    return "wo" + "".join("bdfghjkmpq"[int(digit)] for digit in str(number)) + "ax"
