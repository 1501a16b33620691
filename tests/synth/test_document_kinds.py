"""Formulas, tables and formatted pages of the data engine: text, boxes and symbols agree with the picture."""

import re

import numpy as np
import pytest

from got_runtime.markup import parse
from got_runtime.synth.faces import HELD_OUT_FACES, TRAINING_FACES
from got_runtime.synth.kinds import page_of
from got_runtime.synth.pages import document
from got_runtime.synth.pages.character_boxes import Overfull
from got_runtime.synth.sample import PageSample
from got_runtime.synth.text import english_words

KINDS = ("formula", "table", "formatted")
SEED = 31


def pages(kind: str, count: int) -> list[PageSample]:
    return [page_of(kind, (SEED, index), HELD_OUT_FACES) for index in range(count)]


def darkness(page: PageSample) -> np.ndarray:
    """Difference of each pixel from the paper, 0 to 255."""
    grey = np.asarray(page.image.convert("L"), dtype=np.int16)
    difference: np.ndarray = np.abs(grey - int(np.median(grey)))
    return difference


def inked(ink: np.ndarray, box: tuple[float, float, float, float]) -> bool:
    """Whether ink is in the box, with a pixel of tolerance, because a degraded picture is rotated and blurred."""
    x1, y1 = np.floor(box[:2]).astype(int) - 1
    x2, y2 = np.ceil(box[2:]).astype(int) + 1
    return bool(ink[max(0, y1) : y2, max(0, x1) : x2].max() > 40)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("training", [True, False])
def test_the_same_seed_makes_the_same_page(kind: str, training: bool) -> None:
    one, other = (page_of(kind, (SEED, 5), TRAINING_FACES, training) for _ in range(2))
    assert one.text == other.text
    assert one.image.tobytes() == other.image.tobytes()
    assert np.array_equal(one.boxes, other.boxes)
    assert one.symbols == other.symbols


@pytest.mark.parametrize("kind", KINDS)
def test_every_character_has_a_box_on_the_picture(kind: str) -> None:
    for page in pages(kind, 8):
        assert np.isfinite(page.boxes).all()
        x, y = (page.boxes[:, :2] + page.boxes[:, 2:]).T / 2
        assert (x > -2).all()
        assert (x < page.image.width + 2).all()
        assert (y > -2).all()
        assert (y < page.image.height + 2).all()


@pytest.mark.parametrize("kind", KINDS)
def test_every_drawn_symbol_has_ink_in_its_box(kind: str) -> None:
    for page in pages(kind, 5):
        ink = darkness(page)
        assert page.symbols
        assert [(name, box) for name, box in page.symbols if not inked(ink, box)] == []


def test_the_markup_of_a_power_has_the_powers_box() -> None:
    """The characters of a command share one symbol's box, and a power is above its base."""
    page = next(p for p in pages("formula", 20) if re.search(r"[a-z]\^\{\d\}", p.text))
    start = page.text.index("^{")
    power, base = page.boxes[start + 2], page.boxes[start - 1]
    assert np.array_equal(page.boxes[start], power)
    assert np.array_equal(page.boxes[start + 3], power)
    assert power[3] < base[3]


def test_lone_formulas_are_displayed_formulas() -> None:
    for page in pages("formula", 12):
        elements = parse(page.text)
        assert {element.kind for element in elements} == {"formula"}
        assert not [element.warnings for element in elements if element.warnings]


def test_lone_tables_are_one_table_with_every_cell() -> None:
    spans = 0
    for page in pages("table", 16):
        (table,) = parse(page.text)
        assert table.kind == "table"
        assert not table.warnings
        assert table.grid.rows == page.text.count("\\\\\n")
        alignment = page.text.removeprefix("\\begin{tabular}{").partition("}")[0]
        assert table.grid.columns == len(alignment.replace("|", ""))
        spans += any(cell.rowspan * cell.colspan > 1 for cell in table.grid.cells)
    assert 0 < spans < 16


def test_a_column_separator_is_between_its_cells() -> None:
    page = next(p for p in pages("table", 20) if "multi" not in p.text and "& &" not in p.text)
    start = page.text.index(" & ")
    left, mark, right = page.boxes[start - 1], page.boxes[start + 1], page.boxes[start + 3]
    assert left[0] < (mark[0] + mark[2]) / 2 < right[2]


def test_formatted_pages_have_every_part_in_thirty_pages() -> None:
    kinds: set[str] = set()
    inline = 0
    for page in pages("formatted", 30):
        elements = parse(page.text)
        assert not [element.warnings for element in elements if element.warnings]
        kinds |= {element.kind for element in elements}
        inline += "\\(" in page.text
    assert kinds == {"heading", "author", "abstract", "paragraph", "list_item", "formula", "table", "footnote"}
    assert inline


def test_words_follow_one_another_along_the_line() -> None:
    """In a word, letters go from left to right on one line."""
    page = pages("formatted", 1)[0]
    for before, after in zip(range(len(page.text) - 1), range(1, len(page.text)), strict=True):
        if page.text[before].isalpha() and page.text[after].islower() and page.text[before].islower():
            first, second = page.boxes[before], page.boxes[after]
            if second[1] < first[3] and first[1] < second[3]:
                assert second[0] >= first[0] - 0.5


def test_an_overfull_page_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words of 70 letters at first, as a wide bold face makes them of 20."""
    calls: list[str] = []

    def words() -> tuple[tuple[str, ...], np.ndarray]:
        calls.append("")
        return (("w" * 70,), np.ones(1)) if len(calls) < limit else english_words()

    monkeypatch.setattr(document, "english_words", words)
    monkeypatch.setattr(document, "printable_words", lambda *_: list(words()[0][:5]))
    limit = 10
    page = page_of("formatted", (SEED, 2))
    assert len(calls) >= limit
    assert "w" * 70 not in page.text
    limit = 10_000
    with pytest.raises(Overfull, match=r"kind formatted from \(31, 2\)"):
        page_of("formatted", (SEED, 2))
