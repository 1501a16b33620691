"""The parts of formatted pages: tables, formulas and text are told apart in the pixels, and read in their order."""

import re

import pytest
from helpers.printed_pages import printed_page, words_of
from helpers.sample_reader import read_sample
from PIL import Image, ImageDraw

from got_runtime.pipeline.formatted_text import formatted_text
from got_runtime.synth.kinds import page_of
from got_runtime.synth.streams import HELD_OUT_STREAM
from got_runtime.views.formatted import FormattedPage
from got_runtime.views.formulas import latex_of, spans_of_formulas
from got_runtime.views.lines import find_lines
from got_runtime.views.matching import AnswerLine
from got_runtime.views.note_marks import MARK, with_mark, with_mark_before
from got_runtime.views.part_lines import PartLine
from got_runtime.views.parts import parts_of
from got_runtime.views.tables import Table, with_tables

SIZE = 20


def kinds_of(page: FormattedPage) -> list[str]:
    return [part.kind for part in page.parts(page.lines())]


def tables_of(image: Image.Image) -> list[Table]:
    page = find_lines(image)
    return with_tables(page.lines, page.rules, page.ink, page.x_height)[1]


def test_heading_paragraph_and_table_come_in_order_and_in_gots_markup() -> None:
    sample = page_of("formatted", (HELD_OUT_STREAM + 3, 0))
    page = read_sample(sample)
    assert kinds_of(page) == ["section", "paragraph", "table", "subsection", "paragraph"]
    text = formatted_text(page, page.lines()).text
    assert text.replace("{|c|c|}\n", "{|l|c|}\n") == sample.text.replace("{|c|c|}\n", "{|l|c|}\n")


def test_paragraph_formula_list_and_table_are_told_apart() -> None:
    page = read_sample(page_of("formatted", (HELD_OUT_STREAM + 3, 5)))
    assert kinds_of(page) == ["paragraph", "formula", "numbers", "table"]
    (table,) = page.tables
    assert (table.rows, table.columns, table.cells[0].columns) == (3, 3, 3)


def test_title_author_abstract_and_headings_are_found_by_size_and_place() -> None:
    page = read_sample(page_of("formatted", (HELD_OUT_STREAM + 3, 3)))
    assert kinds_of(page) == ["title", "author", "abstract", "section", "paragraph", "formula"]


def test_lists_go_on_in_the_next_line_and_follow_a_table_in_the_other_column() -> None:
    sample = page_of("formatted", (HELD_OUT_STREAM + 3, 7))
    page = read_sample(sample)
    assert kinds_of(page) == ["paragraph", "table", "bullets", "paragraph"]
    assert [len(part.items) for part in page.parts(page.lines())] == [1, 1, 3, 1]


def test_every_line_of_the_markup_has_its_place_in_the_text() -> None:
    page = read_sample(page_of("formatted", (HELD_OUT_STREAM + 3, 5)))
    lines = page.lines()
    text, spans = formatted_text(page, lines)
    placed = [(line.text, text[span[0] : span[1]]) for line, span in zip(lines, spans, strict=True) if span is not None]
    assert len(placed) == len([line for line in lines if line.text])
    for printed, written in placed:
        assert printed.endswith(re.sub(r"\\(?=[%#])", "", written))


def test_a_grid_of_rules_is_a_table_with_its_spans() -> None:
    image = printed_page(
        [((140, 60), "Results of both years", SIZE), ((90, 110), "North", SIZE), ((290, 110), "12.5", SIZE),
         ((90, 160), "South", SIZE), ((290, 160), "7", SIZE)],
        (500, 240),
    )  # fmt: skip
    draw = ImageDraw.Draw(image)
    for y in (50, 98, 148, 198):
        draw.line((70, y, 430, y), fill="black", width=2)
    for x, top in ((70, 50), (250, 98), (430, 50)):
        draw.line((x, top, x, 198), fill="black", width=2)
    (table,) = tables_of(image)
    assert (table.rows, table.columns) == (3, 2)
    assert [(cell.row, cell.column, cell.columns) for cell in table.cells] == [
        (0, 0, 2), (1, 0, 1), (1, 1, 1), (2, 0, 1), (2, 1, 1),
    ]  # fmt: skip
    assert table.upright == (True, True, True)
    assert all(all(edge) for edge in table.level)


def test_rows_below_a_rule_make_a_table_without_upright_rules() -> None:
    rows = [("Town", "Length", "Cost"), ("Northfield", "12.5", "800"), ("Southam", "7", "1200"), ("Oldbury", "9", "15")]
    placed = [
        ((80 + 200 * column, 60 + 44 * row), text, SIZE)
        for row, cells in enumerate(rows)
        for column, text in enumerate(cells)
    ]
    image = printed_page(placed, (700, 300))
    draw = ImageDraw.Draw(image)
    for y in (50, 94, 230):
        draw.line((70, y, 600, y), fill="black", width=2)
    (table,) = tables_of(image)
    assert (table.rows, table.columns) == (4, 3)
    assert [all(edge) for edge in table.level] == [True, True, False, False, True]
    assert not any(table.upright)


def test_a_frame_around_paragraphs_and_a_list_are_no_tables() -> None:
    lines = [((60, 50 + 36 * row), words_of(9, 4 * row), SIZE) for row in range(7)]
    image = printed_page(lines, (900, 340))
    ImageDraw.Draw(image).rectangle((40, 30, 860, 310), outline="black", width=2)
    assert not tables_of(image)
    items = [
        ((60 + 50 * part, 50 + 40 * row), text, SIZE)
        for row in range(4)
        for part, text in enumerate((f"{row + 1}.", words_of(6, row)))
    ]
    assert not tables_of(printed_page(items, (900, 260)))


@pytest.mark.parametrize("kind", ["chart", "molecule", "geometry"])
def test_figures_are_not_taken_for_text(kind: str) -> None:
    image = page_of(kind, (HELD_OUT_STREAM + 7, 1)).image
    assert not FormattedPage.where_needed(image, 42.0, 1024).is_needed(42.0, 1024)


def test_words_that_are_probably_formulas_are_found() -> None:
    assert spans_of_formulas(["Graphically", "77", "A", "<", "e", "drivers", "driven"]) == [(1, 5)]
    assert spans_of_formulas(["exiting:", "29u", "–", "26", "bw", "colored", "others"]) == [(1, 5)]
    assert spans_of_formulas(["from", "1990", "–", "1995", "in", "a", "town", "–", "as", "he", "said"]) == []
    assert spans_of_formulas(["they", "u", "-+ik-", "-", "ye", ">", "b", "saw"]) == [(1, 7)]
    assert spans_of_formulas(["at", "x+2y", "there"]) == [(1, 2)]
    assert spans_of_formulas(["Plan", "B", "is", "in", "use"]) == []


def test_only_mathematics_is_kept_as_a_formula() -> None:
    assert latex_of([AnswerLine("\\[ 46\\leq z \\]", 0.9)]) == "46\\leq z"
    assert latex_of([AnswerLine("\\[ Abstract \\]", 0.9)]) is None
    assert latex_of([AnswerLine("\\[ 46\\leq z \\]", 0.3)]) is None
    assert latex_of([AnswerLine("<smiles>CCO</smiles>", 0.9)]) is None
    assert latex_of([]) is None


def test_words_beside_a_formula_are_none_of_it() -> None:
    assert latex_of([AnswerLine("\\[ h>9gb within. \\]", 0.9)]) == "h>9gb"
    assert latex_of([AnswerLine("\\[ the same h>9gb \\]", 0.9)]) == "h>9gb"


def test_a_product_of_letters_is_a_displayed_formula_and_within_a_line_perhaps_a_word() -> None:
    answer = [AnswerLine("\\[ \\sqrt{bkT}\\in G \\]", 0.9)]
    assert latex_of(answer, displayed=True) == "\\sqrt{bkT}\\in G"
    assert latex_of(answer) is None
    assert latex_of([AnswerLine("\\[ Abstract \\]", 0.9)], displayed=True) is None


def test_a_formula_is_read_before_a_short_heading_below_it_on_the_left() -> None:
    sample = page_of("formatted", (HELD_OUT_STREAM, 2))
    assert kinds_of(read_sample(sample))[:4] == ["section", "paragraph", "formula", "subsection"]


def test_justified_columns_whose_lines_stand_level_are_read_one_after_the_other() -> None:
    """Widely justified lines fill as little of their column as cells do, but most end where it ends."""
    page = read_sample(page_of("formatted", (HELD_OUT_STREAM, 11)))
    kinds = kinds_of(page)
    assert (kinds[0], kinds.index("bullets")) == ("section", len(kinds) - 1)


def test_a_page_without_lines_has_no_parts() -> None:
    page = FormattedPage.of(Image.new("RGB", (300, 200), "white"))
    assert page.pending() == []
    assert not page.is_needed(42.0, 1024)
    assert page.parts(page.lines()) == []


def test_the_mark_of_a_note_is_written_where_it_stands_and_before_the_note() -> None:
    page = read_sample(page_of("formatted", (HELD_OUT_STREAM + 5, 6)))
    text = formatted_text(page, page.lines()).text
    assert text.count(MARK) == 2
    assert f"thc{MARK} " in text
    assert f"\\footnotetext{{\n{MARK} Tong" in text


def test_a_mark_replaces_what_was_read_for_it() -> None:
    assert with_mark(["after", 'peace"', "they", "met"], 0.6) == ["after", f"peace{MARK}", "they", "met"]
    assert with_mark(["after", "peace.", "–", "they"], 0.6) == ["after", f"peace.{MARK}", "they"]
    assert with_mark_before("'Tertiary care") == f"{MARK} Tertiary care"
    assert with_mark_before("iTossed coins") == f"{MARK} Tossed coins"
    assert with_mark_before("Tossed coins") == f"{MARK} Tossed coins"


def test_text_below_a_rule_across_its_column_is_no_footnote() -> None:
    places = [(50, 60 + 40 * row, 800, 80 + 40 * row) for row in range(4)]
    lines = [PartLine(words_of(9, row), place, 10.0, 2.0, place[1] + 16) for row, place in enumerate(places)]
    across, short = (50, 128, 800, 130), (50, 128, 280, 130)
    assert [part.kind for part in parts_of(lines, [across])] == ["paragraph", "paragraph"]
    assert [part.kind for part in parts_of(lines, [short])] == ["paragraph", "footnote"]


def test_thousands_of_rules_are_no_table() -> None:
    page = printed_page([((60, 1500 + 30 * row), words_of(8, 5 * row), SIZE) for row in range(4)], (2400, 1700))
    draw = ImageDraw.Draw(page)
    for number in range(1400):
        left, top = 20 + 118 * (number % 20), 20 + 20 * (number // 20)
        draw.line((left, top, left + 90, top), fill="black", width=2)
    found = find_lines(page)
    assert len(found.rules.level) > 1000
    assert with_tables(found.lines, found.rules, found.ink, found.x_height)[1] == []
    assert len(found.lines) >= 4
