"""olmOCR-bench's checks: single facts that the text of a page must contain, each passed or failed.

Definitions follow the benchmark (github.com/allenai/olmocr, ``olmocr/bench/tests.py``): the text is normalised, then
searched for the expected text with up to ``max_diffs`` edits. There are two differences. ``math`` compares normalised
LaTeX, where the benchmark renders both formulas with KaTeX in a browser and compares the images; it is stricter here.
Tables are also found in GOT's ``tabular``.
"""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from got_runtime.errors import MissingExtra
from got_runtime.evaluation.exact import same_formula
from got_runtime.evaluation.tables import cell_text, extract_tables
from got_runtime.markup.content import Cell, Grid
from got_runtime.markup.latex.grid import covering_cells

__all__ = [
    "AbsentCheck",
    "BaselineCheck",
    "Check",
    "MathCheck",
    "PresentCheck",
    "TableCheck",
    "TextOrderCheck",
    "normalise",
]

_DASHES_AND_QUOTES = str.maketrans(
    dict.fromkeys("‘’‚", "'") | dict.fromkeys("“”„", '"') | dict.fromkeys("–—‑‒−", "-") | {"＿": "_", "µ": "μ"}
)
_FORMULA = re.compile(r"\\\((.+?)\\\)|\\\[(.+?)\\\]|(?<!\\)\$\$(.+?)\$\$|(?<!\\)\$(.+?)(?<!\\)\$", re.DOTALL)
_DISALLOWED = re.compile("[\u4e00-\u9fff\u3040-\u30ff\U0001f600-\U0001f64f\U0001f300-\U0001f6ff\U0001f1e0-\U0001f1ff]")
"""Chinese and Japanese characters and emoji, which the benchmark's pages do not have."""

_MAX_REPEATS = 30
_MAX_REPEATED_LENGTH = 5
"""A page ends in a loop if its last 1 to 5 characters stand there more than 30 times in a row."""

_MIN_CELL_RATIO = 0.5
"""A cell never matches below this similarity, whatever ``max_diffs`` allows."""


def normalise(text: str) -> str:
    """``text`` without Markdown's emphasis and escapes, in NFC, with single spaces and ASCII quotes and dashes."""
    text = re.sub(r"<br/?>", " ", text)
    text = re.sub(r"</?(?:b|i|strong|su[bp])>", "", text)
    text = re.sub(r"(?<!\\)(\*\*|__)(.*?)(?<!\\)\1", r"\2", text)
    text = re.sub(r"(?<!\\)(\*|_)(.*?)(?<!\\)\1", r"\2", text)
    text = re.sub(r"\\([\\`*_$~<&|\[\]])", r"\1", text)
    return unicodedata.normalize("NFC", re.sub(r"\s+", " ", text)).translate(_DASHES_AND_QUOTES)


@dataclass(frozen=True)
class Check:
    """One fact. ``name`` is the benchmark's id; ``max_diffs`` is the number of edits allowed in each expected text."""

    name: str
    max_diffs: int = 0

    def passes(self, text: str) -> bool:
        """Whether ``text`` (a page as Markdown, HTML or GOT's markup) contains the fact.

        Raises:
            MissingExtra: a package that the check needs is not installed.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class PresentCheck(Check):
    """``text`` is on the page, or among its first or last characters."""

    text: str = ""
    case_sensitive: bool = True
    first_n: int | None = None
    last_n: int | None = None

    def passes(self, text: str) -> bool:
        page, expected = normalise(text), normalise(self.text)
        if not self.case_sensitive:
            page, expected = page.lower(), expected.lower()
        if self.first_n or self.last_n:
            page = (page[: self.first_n] if self.first_n else "") + (page[-self.last_n :] if self.last_n else "")
        if len(page) < len(expected) - self.max_diffs:  # partial_ratio would compare the page with a part of `expected`
            return False
        return _similarity("partial_ratio", expected, page) >= 1 - self.max_diffs / max(1, len(expected))


@dataclass(frozen=True)
class AbsentCheck(PresentCheck):
    """``text`` (a running head, a page number) is not there."""

    def passes(self, text: str) -> bool:
        return not super().passes(text)


@dataclass(frozen=True)
class TextOrderCheck(Check):
    """An occurrence of ``before`` starts before an occurrence of ``after``."""

    before: str = ""
    after: str = ""

    def passes(self, text: str) -> bool:
        try:
            from fuzzysearch import find_near_matches
        except ImportError as error:
            raise MissingExtra("eval", "fuzzysearch") from error

        page = normalise(text)
        both = [normalise(self.before), normalise(self.after)]
        if not all(map(str.strip, both)):  # nothing is left of a text of emphasis marks
            return False
        before, after = (
            [match.start for match in find_near_matches(expected, page, max_l_dist=self.max_diffs)] for expected in both
        )
        return bool(before and after) and min(before) < max(after)


@dataclass(frozen=True)
class TableCheck(Check):
    """A table has ``cell``, with these cells next to it and these headings above it and to its left."""

    cell: str = ""
    up: str = ""
    down: str = ""
    left: str = ""
    right: str = ""
    top_heading: str = ""
    left_heading: str = ""

    def passes(self, text: str) -> bool:
        return any(
            all(self._matches(expected, cells) for expected, cells in self._neighbours(grid, cell) if expected)
            for grid in extract_tables(text)
            for cell in grid.cells
            if self._matches(self.cell, [cell])
        )

    def _matches(self, expected: str, cells: Collection[Cell]) -> bool:
        expected = normalise(expected)
        threshold = max(_MIN_CELL_RATIO, 1 - self.max_diffs / max(1, len(expected)))
        return any(_similarity("ratio", expected, normalise(cell_text(cell.content))) >= threshold for cell in cells)

    def _neighbours(self, grid: Grid, cell: Cell) -> list[tuple[str, list[Cell]]]:
        """The expected text on each side of ``cell``, and the cells that are there."""
        covering = list(covering_cells(grid))
        rows = range(cell.row, cell.row + cell.rowspan)
        columns = range(cell.column, cell.column + cell.colspan)

        def cells_at(positions: list[tuple[int, int]]) -> list[Cell]:
            inside = [(row, column) for row, column in positions if 0 <= row < grid.rows and 0 <= column < grid.columns]
            return [found for row, column in inside if (found := covering[row][column]) is not None]

        above = cells_at([(row, column) for column in columns for row in range(cell.row)])
        before = cells_at([(row, column) for row in rows for column in range(cell.column)])
        heading_above = [each for each in above if each.row < grid.header_rows] or _outermost(above, "row")
        return [
            (self.up, cells_at([(cell.row - 1, column) for column in columns])),
            (self.down, cells_at([(rows.stop, column) for column in columns])),
            (self.left, cells_at([(row, cell.column - 1) for row in rows])),
            (self.right, cells_at([(row, columns.stop) for row in rows])),
            (self.top_heading, heading_above),
            (self.left_heading, _outermost(before, "column")),
        ]


@dataclass(frozen=True)
class MathCheck(Check):
    """The formula ``math`` is on the page, alone or inside a larger one, as normalised LaTeX."""

    math: str = ""

    def passes(self, text: str) -> bool:
        expected = "".join(self.math.split())
        formulas = ["".join(filter(None, match)) for match in _FORMULA.findall(text)]
        return any(same_formula(formula, self.math) or expected in "".join(formula.split()) for formula in formulas)


@dataclass(frozen=True)
class BaselineCheck(Check):
    """The page has letters or digits, does not end in a loop, and has no Chinese or Japanese character or emoji.

    With ``max_length`` the page is blank: it has at most that many letters and digits.
    """

    max_length: int | None = None
    check_disallowed_characters: bool = True

    def passes(self, text: str) -> bool:
        characters = sum(map(str.isalnum, text))
        if self.max_length is not None:
            return characters <= self.max_length
        lengths = range(1, _MAX_REPEATED_LENGTH + 1)
        if not characters or any(_count_repeats(text, length) > _MAX_REPEATS for length in lengths):
            return False
        return not (self.check_disallowed_characters and _DISALLOWED.search(text))


def _outermost(cells: list[Cell], side: Literal["row", "column"]) -> list[Cell]:
    return [cell for cell in cells if getattr(cell, side) == min(getattr(each, side) for each in cells)]


def _count_repeats(text: str, length: int) -> int:
    """Number of consecutive copies of the last ``length`` characters at the end; counts to the limit only."""
    last, count = text[-length:], 0
    while last and text.endswith(last * (count + 1)):
        count += 1
        if count > _MAX_REPEATS:
            break
    return count


def _similarity(name: Literal["ratio", "partial_ratio"], expected: str, text: str) -> float:
    """rapidfuzz's ``fuzz.ratio`` or ``fuzz.partial_ratio``, 0–1."""
    try:
        from rapidfuzz import fuzz
    except ImportError as error:
        raise MissingExtra("eval", "rapidfuzz") from error

    ratio = fuzz.partial_ratio(expected, text) if name == "partial_ratio" else fuzz.ratio(expected, text)
    return float(ratio) / 100
