"""Parts of an element that was split: their metadata are those of the part, not of the whole."""

import re
from pathlib import Path

from helpers.loader_files import Scripted
from langchain_core.documents import Document

from got_loaders.langchain import GotLoader
from got_runtime.markup.split.score import ScoreRecords

ROWS = [f"Item {number} & {number * 3} & \\( x_{{{number}}} \\)" for number in range(100)]
TABLE = (
    "\\begin{table}\\caption{Stock}\\begin{tabular}{lll}\\hline Name & Count & Size \\\\ \\hline "
    + " \\\\ ".join(ROWS)
    + " \\\\ \\hline\\end{tabular}\\end{table}"
)


def chunks(scripted: Scripted, file: Path, answer: str) -> list[Document]:
    loader = GotLoader(file, mode="chunk", pages="1", task="format", max_tokens=60, runtime=scripted(answer))
    return loader.load()


def test_a_part_of_a_table_has_the_html_of_its_own_rows(scripted: Scripted, three_pages: Path) -> None:
    parts = chunks(scripted, three_pages, TABLE)
    assert len(parts) > 10
    seen = []
    for part in parts:
        html = part.metadata["text_as_html"]
        names = re.findall(r"Item \d+", part.page_content)
        assert re.findall(r"Item \d+", html) == names
        assert "<th>Name</th>" in html
        assert len(html) < 4 * len(part.page_content)
        seen += names
    assert seen == [f"Item {number}" for number in range(100)]


def test_formulas_in_the_html_of_metadata_are_latex(scripted: Scripted, three_pages: Path) -> None:
    answer = "\\begin{tabular}{ll} a & \\( x < \\frac{1}{2} \\) \\\\ \\end{tabular}"
    [table] = chunks(scripted, three_pages, answer)
    assert r"\(x &lt; \frac{1}{2}\)" in table.metadata["text_as_html"].replace("x  &lt;", "x &lt;")


def test_a_part_of_a_score_is_a_score(scripted: Scripted, three_pages: Path) -> None:
    bars = "".join(f"={bar}\t={bar}\n4c\t4{'abcdefg'[bar % 7]}\n" for bar in range(1, 60))
    parts = chunks(scripted, three_pages, f"**kern\t**kern\n*clefG2\t*clefF4\n{bars}*-\t*-\n")
    assert len(parts) > 3
    for part in parts:
        records = part.metadata["kern"].splitlines()
        assert records[:2] == ["**kern\t**kern", "*clefG2\t*clefF4"]
        assert records[-1] == "*-\t*-"
        assert part.metadata["kern"].strip() in part.page_content
    assert sum(part.metadata["kern"].count("=") for part in parts) == 2 * 59


def test_a_part_of_a_formula_has_the_latex_of_its_own_rows(scripted: Scripted, three_pages: Path) -> None:
    rows = " \\\\ ".join(f"a_{number} & = b + {number}" for number in range(40))
    parts = chunks(scripted, three_pages, f"\\begin{{align}}{rows}\\end{{align}}")
    assert len(parts) > 2
    for part in parts:
        latex = part.metadata["latex"]
        assert part.page_content == f"$${latex}$$"
        assert latex.startswith("\\begin{aligned}")
        assert latex.endswith("\\end{aligned}")


def test_a_score_is_cut_where_a_spine_is_divided() -> None:
    humdrum = "**kern\t**dynam\n*M3/4\t*\n*^\t*\n4c\t4e\tf\n*v\t*v\t*\n4d\tp\n*-\t*-\n"
    score = ScoreRecords(humdrum)
    assert score.part(3, 4, lasting=True) == "**kern\t**kern\t**dynam\n*M3/4\t*M3/4\t*\n4c\t4e\tf\n*-\t*-\t*-\n"
    assert score.part(5, 7, lasting=False) == "**kern\t**dynam\n4d\tp\n*-\t*-\n"
    assert score.part(0, len(score.lines), lasting=True) == humdrum
