r"""Comments are left out, as LaTeX does; a sign that a model wrote for ``\%`` is kept."""

import pytest

from got_runtime.markup import parse, to_text

CELLS = {
    "{% left\na} & b": "a\tb",
    "{ % left of b\na} & {%left\nb}": "a\tb",
    "\\multicolumn{1}{c}{% over both\na} & b": "a\tb",
    "{% \\bf left\na} & b": "a\tb",
    "{\\% left} & 50% \n& c": "% left\t50%\tc",
    "{50% left\nof a} & b": "50% left of a\tb",
    "\\textbf{% of\npatients} & b": "% of patients\tb",
    "{%of the\npatients} & b": "%of the patients\tb",
    "{% of\npatients} & b": "% of patients\tb",
    "{% left} & b": "% left\tb",
    "{%} & b": "%\tb",
}


@pytest.mark.parametrize(("row", "shown"), list(CELLS.items()))
def test_a_comment_behind_the_brace_of_a_cell_is_left_out(row: str, shown: str) -> None:
    assert to_text(parse(f"\\begin{{tabular}}{{ll}}\n{row} \\\\\n\\end{{tabular}}")) == shown + "\n"


@pytest.mark.parametrize(
    "columns",
    [
        "{cc% two\n}",
        "{c c % two\n}",
        "{c% Small\nc}",
        "{% two columns\ncc}",
        "{cc% two}",
        "{|c|p{2cm}|% more\n}",
        "[t]{>{\\bfseries}cc% Sum\n}",
        "{cc% two\n}% and more\n",
        "{cc} % name & \\textbf{sum}",
    ],
)
def test_a_comment_in_the_columns_of_a_table_is_left_out(columns: str) -> None:
    table, *others = parse(f"\\begin{{tabular}}{columns}\na & b \\\\\n1 & 50% \\\\\n\\end{{tabular}}")
    assert (table.kind, others, to_text([table])) == ("table", [], "a\tb\n1\t50%\n")
    wide = parse(f"\\begin{{tabularx}}{{5cm}}{columns.removeprefix('[t]')}\na & b \\\\\n\\end{{tabularx}}")
    assert to_text(wide) == "a\tb\n"


def test_percent_signs_behind_columns_are_none_of_their_comments() -> None:
    assert to_text(parse("\\begin{tabular}{|c|c| a% & 5%\nb \\\\ c & d \\end{tabular}")) == "a%\t5% b\nc\td\n"
    assert to_text(parse("\\begin{tabular}{cc} % & Share \\\\ a & b \\end{tabular}")) == "%\tShare\na\tb\n"
    assert to_text(parse("It is {cc% two\n} and X%\nof it.")) == "It is {cc% two\n} and X% of it.\n"


@pytest.mark.parametrize("space", ["", " "])
def test_comments_behind_the_settings_of_a_table_are_left_out(space: str) -> None:
    settings = ["[h]", "\\centering", "\\renewcommand{\\arraystretch}{1.2}", "\\caption{A}", "\\label{b}"]
    rows = "\\begin{tabular}{ll}a & 5\\%\\\\\\end{tabular}"
    answer = "\\begin{table}" + "".join(f"{each}{space}% note\n" for each in settings) + rows + "\\end{table}"
    assert to_text(parse(answer)) == "A\n\na\t5%\n"
