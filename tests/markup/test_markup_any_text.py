"""Whatever the text: no exception, every character in one span, grids that survive rendering, linear time.

The number of examples is GOT_MARKUP_EXAMPLES (default 150 a test, so that a normal run stays short); the full
measure of the project is ``GOT_MARKUP_EXAMPLES=10000 pytest tests/markup/test_markup_any_text.py``.
"""

import os
import sys
import time
from collections.abc import Callable

import pytest
from helpers.latex_writer import render_tabular
from helpers.markup_answers import ANSWERS
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from got_runtime.markup import chunk, parse, to_html, to_markdown, to_text
from got_runtime.markup.latex.formula import _Balancer
from got_runtime.markup.latex.parser import repeated_tail
from got_runtime.markup.latex.plain_formula import as_written
from got_runtime.markup.latex.token_reader import TokenReader

EXAMPLES = int(os.environ.get("GOT_MARKUP_EXAMPLES", "150"))
# The short run is the same every time, so that CI speaks of the change at hand; the full one draws afresh.
often = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES <= 150,
    suppress_health_check=list(HealthCheck),
)

WORDS = r"""
\begin{tabular}{|l|c|} \end{tabular} \begin{array}{cc} \end{array} \begin{itemize} \end{itemize} \item { } [ ] &
\\ \hline \( \) \[ \] $ $$ ** * text 1. - # | \multicolumn{2}{c}{ \multirow{2}{*}{ \multirow{-2}{*}{x} \textbf{ \left(
\right) \section*{ \caption{ \begin{table} \end{table} \footnote{ \href{http://a_b}{ <smiles> </smiles> <|im_end|>
``` **kern *- \begin{tikzpicture} \end{tikzpicture} \'e \c{c} \% _ ^ \textbackslash{} \newline ~ < ' " ` !!! \cline{1-2}
\tag{1} \label{x} \verb|a| `` '' \caption{x} \begin{longtable}{l} \begin{minipage}{2cm} \begin{proof}
\begin{equation} \end{equation} \alpha [2pt] {'a': \bibitem{k} ![a](b) |---| *{2}{c} \left. é 表
"""
PIECES = [*WORDS.split(), " ", "\n", "\n\n", "\t", "\f", "\r\n", "|a|b|\n"]
dialect = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


@st.composite
def mutations(draw: st.DrawFn) -> str:
    """An answer of the corpus with a piece cut out, doubled or inserted at another index."""
    text = draw(st.sampled_from(list(ANSWERS.values())))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 30)))
        piece = draw(st.sampled_from([*PIECES, text[start:end] * 2, ""]))
        text = text[:start] + piece + text[end:]
    return text


any_text = st.one_of(st.text(max_size=200), dialect, mutations())


@often
@given(any_text, st.booleans())
@example("\\begin{tabular}\\caption{\f", True)
def test_spans_cover_any_text_exactly_once(text: str, is_latex: bool) -> None:
    position = 0
    for element in parse(text, is_latex=is_latex):
        assert element.span[0] == position < element.span[1]
        position = element.span[1]
    assert position == len(text)


@often
@given(any_text)
def test_lines_of_text_keep_every_character_that_is_seen(text: str) -> None:
    text = text.replace("\ufeff", "").replace("\u00ad", "")
    text = " ".join(text.replace("|", "/").replace("![", "[").split())
    assume(repeated_tail(text) is None)  # a loop is cut wherever it stands
    kept = "".join(to_text(parse(f"a {text}", is_latex=False)).split())
    assert kept == "".join(f"a {text}".split())


@often
@given(any_text, st.booleans())
def test_every_renderer_takes_what_the_parser_gives(text: str, is_latex: bool) -> None:
    elements = parse(text, is_latex=is_latex)
    to_markdown(elements)
    to_text(elements)
    to_html(elements, pictures=False)
    chunk(elements, max_tokens=20)


@often
@given(st.one_of(dialect, mutations()))
@example("\\href{http://ok.example/~a''b``}{~x~ ``y''}")
@example("a \\\\ {}[2pt]")
@example("```$```")
@example("$`$`")
@example("\\textbf{```\\cline{1-2}``")
@example("\\footnote{```\n\n```")
@example("\\textbf{```\\begin{tabular}{|l|c|}``")
@example("```\\begin{tabular}{|l|c|}```")
@example("\\begin{equation}\\section*{\\hline\\end{equation}")
@example("<smiles>C</smiles>\\)<smiles>O</smiles>")
@example("<smiles>C</smiles>{<smiles>O</smiles>}\\textbf{<smiles>N</smiles>}")
def test_a_grid_is_read_back_from_its_latex(text: str) -> None:
    for element in parse("\\begin{tabular}{lcr}" + text + "\\end{tabular}"):
        if element.kind == "table":
            again = parse(render_tabular(element.grid))
            assert [each.grid for each in again] == [element.grid]  # type: ignore[union-attr]
            assert not again[0].warnings


@often
@given(st.one_of(dialect, mutations()))
@example("<\\label{x}smiles>C</smiles>")
@example("\\end{t\\end{tabular}abular}")
@example("\\label\\end{tabular}{x}y")
@example("\\begi\\end{tabular}{tabular}{l}a \\\\ \\end{tabular}")
@example("\\begi<|im_end|>{tabular}")
@example("{\\h\\end{tabular}tabular}")
@example("\\begi  {tabular}{l}a \\\\ \\end{tabular}")
@example("\\edn\n{tabular}{l}a")
@example("\\begin{tabular}{|\\section*{l|c|}a b. c.\n")
@example("\\begin{tabu\\begin{\\begin{tabular}{|l|c|}tabular}{ll}a & b \\\\ \\end{tabular}")
@example("\n\n\\begin{hline a & b \\\\ \\hline \\end{tabular}")
@example("\\begin{tabular}{l}a \\\\ \\e\\hlinetabular}\\end{tabular}")
@example("\\textbf{\\end{tabular}$")
@example("\\verb|`\\a`| \\verb|<smiles>C \\_ tabular}|")
@example("\\begin{tabular}{l}a \\\\ \\hline {t\\begin{tabular}{l}b\\end{tabular}}\\end{tabular}")
def test_repairing_a_formula_twice_changes_nothing(text: str) -> None:
    for element in parse("\\[x" + text + "\\]"):
        if element.kind == "formula" and element.display and not element.number and "\\tag" not in element.latex:
            again = parse(f"\\[{element.latex}\\]")
            assert [each.latex for each in again] == [element.latex]  # type: ignore[union-attr]


FORMULA = [
    "x",
    "\\alpha",
    "{",
    "}",
    "_",
    "^",
    " ",
    "\\frac",
    "\\,",
    "\\ ",
    "é",
    "`",
    "12",
    "\\hline",
    "\\text",
    "*",
    "\n",
    "\\",
]


@often
@given(st.lists(st.sampled_from(FORMULA), max_size=9).map("".join))
@example("\\alphaé")
@example("\\bgein {x}")
def test_a_formula_that_needs_no_repair_is_what_the_repair_writes(text: str) -> None:
    reader = TokenReader(text)
    written = as_written(reader, 0, len(reader.tokens))
    if written is not None:
        balance = _Balancer(reader)
        for token in reader.tokens:
            balance.add(token)
        assert written == balance.finish()


def steps(work: Callable[[], object]) -> int:
    """Number of lines of Python that ``work`` runs: a measure of time that a busy machine does not change."""
    count = 0

    def line(frame: object, event: str, argument: object) -> object:
        nonlocal count
        count += 1
        return line

    sys.settrace(line)  # type: ignore[arg-type]
    try:
        work()
    finally:
        sys.settrace(None)
    return count


GROWING = {
    "open braces": "{",
    "open environments": "\\begin{table}",
    "open lists": "\\begin{itemize}\\item ",
    "open tables": "\\begin{tabular}{l}",
    "closed nesting": "\\textbf{a",
    "open formulas": "\\( ",
    "displays": "\\[ a",
    "lefts": "\\(\\left( x \\) ",
    "stars": "**a ",
    "dollars": "$a ",
    "prices": "$1",
    "prices in bold": "**$1",
    "pages of signs": "[\f",
    "cells": "a & ",
    "pipes": "|a|b|\n",
    "tables with empty lines": "\\begin{tabular}{l}\n\na & \\\\\n\nb.\n\n",
    "tables in formulas": "\\[\\begin{tabular}{l}a",
    "captions in tables": "\\caption{a}\\\\ ",
    "texts in a formula": "\\[1\\textbf{",
    "formulas in texts": "\\[\\text{$a$",
    "groups": "{a ",
    "groups in a row": "{a}",
    "rules in open formulas": "\\hline{\\[",
    "brackets before commands": "[\\frac",
    "quotation marks": "``a ",
    "molecules": "<smiles>C</smiles>",
    "rows": "a \\\\ ",
    "smiles": "<smiles>C ",
    "options": "\\item[ ",
    "ends": "\\end{tabular} ",
    "pages": "a\f",
    "items": "- a\n",
    "fences": "```\n",
    "spines": "**kern\n*^\n",
    "keys": "{'a': 1, ",
    "words": "word ",
    "paragraphs": "word\n\n",
    "accents": "\\'",
    "figures": "![a](b",
    "sections": "\\section*{a}\n[1] b\n",
}


@pytest.mark.parametrize("piece", list(GROWING.values()), ids=list(GROWING))
@pytest.mark.parametrize("frame", ["{}", "\\begin{{tabular}}{{ll}}{}\\end{{tabular}}"], ids=["bare", "in a table"])
def test_twice_the_text_takes_at_most_twice_the_steps(piece: str, frame: str) -> None:
    def cost(times: int) -> int:
        # the mark keeps the parser from cutting the text off as an endless repetition
        text = frame.format(piece * times) + "\n\n~"
        return steps(lambda: parse(text))

    # past the bounds that change the way a text is read: 64 spines of a score, 512 columns of a table
    assert cost(1200) <= 2.05 * cost(600)  # what is looked back for is bounded, and begins at once


def test_bars_on_pages_of_their_own_take_linear_time() -> None:
    def seconds(times: int) -> float:
        begin = time.process_time()
        parse("\f|" * times + "~")
        return time.process_time() - begin

    assert seconds(60_000) <= 8 * seconds(15_000)  # a search to the end of the line from each takes 16 times as long
