"""A page shown for formatted reading: text in zoomed views, cells of tables as lines, displayed formulas alone."""

import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, Self

import numpy as np
from PIL import Image

from got_runtime.views.formulas import (
    displayed_formulas,
    formula_view,
    has_words,
    latex_of,
    spans_of_formulas,
    with_limits,
)
from got_runtime.views.lines import PageLines, body_band, box_as_given, find_lines
from got_runtime.views.matching import AnswerLine, mean_of_known
from got_runtime.views.note_marks import raised_marks, with_mark, with_mark_before
from got_runtime.views.part_lines import PartLine
from got_runtime.views.parts import Part, parts_of
from got_runtime.views.pieces import Box, around, word_gaps, x_in_page
from got_runtime.views.readings import ReadLine, ZoomedView
from got_runtime.views.tables import Table, place_of, with_tables
from got_runtime.views.zoom import ZoomedPage

__all__ = ["FormattedPage"]

logger = logging.getLogger(__name__)

MAX_FORMULA_CONFIDENCE = 0.8
"""Mean probability of the tokens of plain text below which a line may be a formula. Of printed text it is above .85."""
MAX_CONFIDENCE_WITHOUT_WORDS = 0.9
"""The same for a line without a word of three letters that stands where a displayed formula may."""
MAX_FORMULAS = 24
"""Formulas of a page that are shown alone; what is more stays as it was read."""
MIN_LINE_CHARACTERS = 15.0
MIN_TEXT_CHARACTERS = 60.0
"""Characters of a page's lines of so many characters, or of its tables, from which it is text rather than a figure."""
MAX_INK_BESIDE_CELLS = 0.1
"""Part of the ink that may lie outside of the cells where a page has tables alone: a grid of a chart is none."""
MAX_OTHER_INK = 0.35
"""Part of the ink that may lie outside of lines: of a chart it is most."""


class _Formula(NamedTuple):
    """A formula to be shown alone: its box, and its pieces; of one within a line the row, and its words there."""

    box: Box
    pieces: tuple[int, ...]
    words: tuple[int, int] | None = None


@dataclass(eq=False)
class FormattedPage(ZoomedPage):
    """The pieces of a page with its tables; what is hardly text is read again as formulas, each alone."""

    tables: Sequence[Table] = ()
    formulas: dict[tuple[int, ...], str] = field(default_factory=dict)
    """The LaTeX of displayed formulas by the indices of their pieces."""
    _sought: list[_Formula] | None = None
    """The formulas that are shown alone, once the text is read."""
    _marks: dict[int, float] = field(default_factory=dict)
    """Where the mark of a note is in a row, by its first piece: 0 before the note itself, 1 at the end of a line."""
    _inline: dict[int, list[tuple[int, int, str]]] = field(default_factory=dict)
    """Formulas within a row by its first piece: words from and to, and LaTeX."""

    @classmethod
    def of(cls, image: Image.Image, max_characters: int = 34, scale: float = 1.0) -> Self:
        """As :meth:`ZoomedPage.of`; the lines of a table stand one after another."""
        page = find_lines(image)
        lines, tables = with_tables(page.lines, page.rules, page.ink, page.x_height)
        zoomed = cls.of_lines(replace(page, lines=tuple(lines)), max_characters, scale)
        zoomed.tables = tables
        return zoomed

    def is_needed(self, readable_width: float, view_size: int) -> bool:
        """Whether type is narrower than the network reads, on a page of text: figures have no lines of many letters."""
        return super().is_needed(readable_width, view_size) and self._is_text()

    def _is_text(self) -> bool:
        of_tables = self._lines_of_tables()
        characters = sum(
            piece.characters
            for piece in self.pieces
            if piece.line in of_tables or piece.characters >= MIN_LINE_CHARACTERS
        )
        only_tables = bool(self.pieces) and all(piece.line in of_tables for piece in self.pieces)
        if characters < MIN_TEXT_CHARACTERS and not only_tables:
            return False
        most = MAX_INK_BESIDE_CELLS if only_tables else MAX_OTHER_INK
        rest = self.page.ink.copy()
        for left, top, right, bottom in (line.box for line in self.page.lines):
            rest[top:bottom, left:right] = False
        return float(rest.sum()) < most * float(self.page.ink.sum())

    def pending(self) -> list[tuple[int, ...]]:
        """The pieces of each view that is to be read next; when the text is read, the number of each formula."""
        pending = super().pending()
        if not pending and self._sought is None and not self._open:
            self._sought = self._formulas_to_show()
            pending = [(number,) for number in range(len(self._sought))]
        return pending

    def view(self, pieces: tuple[int, ...]) -> ZoomedView:
        """The view of some pieces, or of a formula."""
        if self._sought is None:
            return super().view(pieces)
        formula = self._sought[pieces[0]]
        x_height = float(np.median([self.pieces[index].x_height for index in formula.pieces]))
        characters = int(2 * (formula.box[2] - formula.box[0]) / x_height) + 8
        return ZoomedView(pieces, formula_view(self.page, formula.box, x_height), characters, (), formatted=True)

    def record(self, view: ZoomedView, answer: Sequence[AnswerLine] | None, final: bool = False) -> bool:
        """As :meth:`ZoomedPage.record`; what is read of a formula is kept if it is one."""
        if self._sought is None or not view.formatted:
            return super().record(view, answer, final)
        self.views_read += 1
        formula = self._sought[view.pieces[0]]
        latex = latex_of(answer or (), displayed=formula.words is None)
        if latex is None:
            return False
        first, *others = formula.pieces
        if formula.words is not None:
            self._inline.setdefault(first, []).append((*formula.words, latex))
            return True
        self.formulas[formula.pieces] = latex
        confidence = mean_of_known(line.confidence for line in answer or ())
        self._texts[first] = replace(self._texts[first], text=f"\\[ {latex} \\]", confidence=confidence, matched=True)
        self._texts |= {index: replace(self._texts[first], text="") for index in others}
        return True

    def _line(self, indices: Sequence[int]) -> ReadLine:
        r"""As it was read, with the formulas within it between ``\(`` and ``\)``, and a mark of a note."""
        line = super()._line(indices)
        if indices[0] in self._inline or any(indices[0] in pieces for pieces in self.formulas):
            # What was read with little confidence is a formula now, and no longer left out.
            text = " ".join(self._texts[index].text for index in indices)
            line = line._replace(text=text, box=box_as_given(self.page, self._box(indices), self.scale), is_text=True)
        words = line.text.split()
        for begin, end, latex in sorted(self._inline.get(indices[0], ()), reverse=True):
            words[begin:end] = [f"\\({latex}\\)"]
        if words and (place := self._marks.get(indices[0])) is not None:
            words = with_mark(words, place) if place else [with_mark_before(" ".join(words))]
        return line._replace(text=" ".join(words))

    def _find_marks(self) -> None:
        """The mark of the first note below a short rule, and the first one in the lines above."""
        rules = self._rules_outside_tables()
        rows = self._rows_outside_tables()
        boxes = [self._box(row) for row in rows]
        marks = []
        for box in boxes if rules else ():
            _, base = body_band(self.page.ink[box[1] : box[3], box[0] : box[2]])
            marks.append(raised_marks(self.page.ink, box, box[1] + base))
        for left, top, right, _ in rules:
            below = [each for each, box in enumerate(boxes) if box[1] > top - 2 and box[0] < right and box[2] > left]
            note = min(below, key=lambda number: boxes[number][1], default=None)
            near = self.page.x_height
            if note is None or not marks[note] or marks[note][0][0] > boxes[note][0] + near:
                continue
            inner = [
                (height, number, x)
                for number, found in enumerate(marks)
                for x, height in found
                if number not in below and x > boxes[number][0] + 2 * near
            ]
            if inner:
                _, number, x = max(inner)
                self._marks[rows[number][0]] = (x - boxes[number][0]) / (boxes[number][2] - boxes[number][0])
            self._marks[rows[note][0]] = 0.0
            return

    def _formulas_to_show(self) -> list[_Formula]:
        try:
            self._find_marks()
            found = self._displayed()
            taken = {index for formula in found for index in formula.pieces}
            found += self._within_lines([row for row in self._rows() if row[0] not in taken])
        except Exception:  # an unforeseen page must not lose the text that was read
            logger.exception("formulas could not be looked for")
            return []
        return found[:MAX_FORMULAS]

    def _displayed(self) -> list[_Formula]:
        rows = self._rows_outside_tables()
        boxes = [self._box(row) for row in rows]
        hardly_text = [self._is_hardly_text(row, MAX_CONFIDENCE_WITHOUT_WORDS) for row in rows]
        found = []
        for group in displayed_formulas(boxes, hardly_text, self.page.x_height):
            box = around([boxes[number] for number in group])
            others = [each for number, each in enumerate(boxes) if number not in group]
            pieces = tuple(index for number in group for index in rows[number])
            found.append(_Formula(with_limits(self.page, box, others), pieces))
        return found

    def _is_hardly_text(self, row: Sequence[int], without_words: float = MAX_FORMULA_CONFIDENCE) -> bool:
        texts = [self._texts[index] for index in row]
        confidence = mean_of_known(text.confidence for text in texts)
        limit = MAX_FORMULA_CONFIDENCE if any(has_words(text.text) for text in texts) else without_words
        doubted = confidence is not None and confidence < limit
        return doubted or not any(text.is_text for text in texts)

    def _within_lines(self, rows: Sequence[Sequence[int]]) -> list[_Formula]:
        """Words that are probably formulas, and cells of tables that are hardly text."""
        of_tables = self._lines_of_tables()
        found = []
        for row in rows:
            if any(self.pieces[index].goes_on for index in row):
                continue
            words = [(index, word) for index in row for word in self._texts[index].text.split()]
            spans = spans_of_formulas([word for _, word in words])
            if words and self.pieces[row[0]].line in of_tables and self._is_hardly_text(row):
                spans = [(0, len(words))]
            for begin, end in spans:
                left = self._edge(words, begin, 0)
                right = self._edge(words, end - 1, 1)
                if left is not None and right is not None and right - left > 0.5 * self.page.x_height:
                    _, top, _, bottom = self._box(row)
                    found.append(_Formula((left, top, right, bottom), tuple(row), (begin, end)))
        return found

    def _edge(self, words: Sequence[tuple[int, str]], number: int, side: int) -> int | None:
        """Where a word of a row begins (``side`` 0) or ends (1), by the gaps on that side of it in its piece."""
        index = words[number][0]
        piece, (_, gaps) = (self.pieces[index], word_gaps(self.page.ink, self.pieces[index]))
        own = [each for each, (other, _) in enumerate(words) if other == index]
        beside = number - own[0] if side == 0 else own[-1] - number
        if beside > len(gaps):
            return None
        if beside == 0:
            return piece.box[2 * side]
        return x_in_page(piece, gaps[beside - 1].end if side == 0 else gaps[-beside].begin)

    def _lines_of_tables(self) -> dict[int, int]:
        """The number of its table for each line of a table."""
        return {index: number for number, table in enumerate(self.tables) for index in range(*table.lines)}

    def parts(self, lines: Sequence[ReadLine]) -> list[Part]:
        """The parts of the page; ``lines`` are those of :meth:`lines`."""
        rows = [row for row in self._rows() if any(index in self._texts for index in row)]
        of_table = self._lines_of_tables()
        of_formula = {index: number for number, pieces in enumerate(self.formulas) for index in pieces}
        placed = []
        for row, line in zip(rows, lines, strict=True):
            part: tuple[Literal["formula", "table"], int] | None = None
            if row[0] in of_formula:
                part = "formula", of_formula[row[0]]
            elif self.pieces[row[0]].line in of_table:
                part = "table", of_table[self.pieces[row[0]].line]
            box = self._box(row)
            x_height = float(np.median([self.pieces[index].x_height for index in row]))
            text = line.text if line.is_text or part is not None else ""
            _, bottom = body_band(self.page.ink[box[1] : box[3], box[0] : box[2]])
            placed.append(PartLine(text, box, x_height, _stroke(self.page, box), box[1] + bottom, part))
        kept = self._in_order([index for index, line in enumerate(placed) if line.text or line.part], placed)
        found = parts_of([placed[index] for index in kept], self._rules_outside_tables())
        return [
            replace(part, items=tuple(tuple(kept[index] for index in item) for item in part.items)) for part in found
        ]

    @staticmethod
    def _in_order(rows: list[int], placed: Sequence[PartLine]) -> list[int]:
        """Rows in reading order: a formula below a column is none of the lines at the foot of the page."""
        groups = itertools.groupby(rows, key=lambda index: placed[index].part or index)
        units = [list(group) for _, group in groups]
        boxes = [around([placed[index].box for index in unit]) for unit in units]
        formulas = [number for number, unit in enumerate(units) if (placed[unit[0]].part or ("",))[0] == "formula"]
        ordered = [number for number in range(len(units)) if number not in formulas]
        for number in formulas:
            ordered.insert(place_of(boxes[number], [boxes[each] for each in ordered]), number)
        return [index for number in ordered for index in units[number]]

    def _rows_outside_tables(self) -> list[list[int]]:
        of_tables = self._lines_of_tables()
        return [row for row in self._rows() if self.pieces[row[0]].line not in of_tables]

    def _rules_outside_tables(self) -> list[Box]:
        """The level rules that are none of a table's."""
        tables = [around([self.page.lines[index].box for index in range(*table.lines)]) for table in self.tables]
        across, down = 4 * self.page.x_height, 2 * self.page.x_height
        return [
            (x0, y0, x1, y1)
            for x0, y0, x1, y1 in self.page.rules.level.tolist()
            if not any(
                left - across < x0 and x1 < right + across and top - down < y0 and y1 < bottom + down
                for left, top, right, bottom in tables
            )
        ]


def _stroke(page: PageLines, box: Box) -> float:
    """Mean width of the strokes of a line in pixels."""
    left, top, right, bottom = box
    ink = page.ink[top:bottom, left:right]
    runs = int((ink & ~np.pad(ink, ((0, 0), (1, 0)))[:, :-1]).sum())
    return float(ink.sum()) / max(1, runs)
