"""olmOCR-bench's checks: single facts about a page that its text must state, each passed or failed.

Definitions follow the bench (github.com/allenai/olmocr, ``olmocr/bench/tests.py``): text is normalised, then looked for
with up to ``max_diffs`` edits. Two differences: ``math`` compares normalised LaTeX where the bench renders both
formulas with KaTeX in a browser and compares the pictures, so it is stricter; tables are also found in GOT's
``tabular``.
"""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass

from got_runtime.errors import MissingExtra
from got_runtime.evaluation.exact import same_formula
from got_runtime.evaluation.tables import cell_text, tables_of
from got_runtime.markup.content import Cell, Grid
from got_runtime.markup.latex.grid import places

__all__ = ["Absent", "Baseline", "Check", "Maths", "Order", "Present", "TableCell", "normalised"]

_DASHES_AND_QUOTES = str.maketrans(
    dict.fromkeys("‘’‚", "'") | dict.fromkeys("“”„", '"') | dict.fromkeys("–—‑‒−", "-") | {"＿": "_", "µ": "μ"}
)
_FORMULA = re.compile(r"\\\((.+?)\\\)|\\\[(.+?)\\\]|(?<!\\)\$\$(.+?)\$\$|(?<!\\)\$(.+?)(?<!\\)\$", re.DOTALL)
_UNEXPECTED = re.compile("[\u4e00-\u9fff\u3040-\u30ff\U0001f600-\U0001f64f\U0001f300-\U0001f6ff\U0001f1e0-\U0001f1ff]")

_MOST_REPEATS = 30
_LONGEST_REPEATED = 5


def normalised(text: str) -> str:
    """Without bold, italics and the escapes of Markdown, white space single, NFC, plain quotes and dashes."""
    text = re.sub(r"<br/?>", " ", text)
    text = re.sub(r"</?(?:b|i|strong|su[bp])>", "", text)
    text = re.sub(r"(?<!\\)(\*\*|__)(.*?)(?<!\\)\1", r"\2", text)
    text = re.sub(r"(?<!\\)(\*|_)(.*?)(?<!\\)\1", r"\2", text)
    text = re.sub(r"\\([\\`*_$~<&|\[\]])", r"\1", text)
    return unicodedata.normalize("NFC", re.sub(r"\s+", " ", text)).translate(_DASHES_AND_QUOTES)


@dataclass(frozen=True)
class Check:
    """One fact. ``name`` is the bench's id; ``max_diffs`` are edits forgiven in each text looked for."""

    name: str
    max_diffs: int = 0

    def passes(self, text: str) -> bool:
        """Whether the page's ``text`` (Markdown, HTML or GOT's dialect) states the fact."""
        raise NotImplementedError


@dataclass(frozen=True)
class Present(Check):
    """``text`` stands on the page, or among its first or last characters."""

    text: str = ""
    case_sensitive: bool = True
    first_n: int | None = None
    last_n: int | None = None

    def passes(self, text: str) -> bool:
        page, sought = normalised(text), normalised(self.text)
        if not self.case_sensitive:
            page, sought = page.lower(), sought.lower()
        if self.first_n or self.last_n:
            page = (page[: self.first_n] if self.first_n else "") + (page[-self.last_n :] if self.last_n else "")
        if len(page) < len(sought) - self.max_diffs:  # a partial ratio would compare the page with a part of `sought`
            return False
        return _ratio("partial_ratio", sought, page) >= 1 - self.max_diffs / max(1, len(sought))


@dataclass(frozen=True)
class Absent(Present):
    """``text`` (a running head, a page number) does not stand there."""

    def passes(self, text: str) -> bool:
        return not super().passes(text)


@dataclass(frozen=True)
class Order(Check):
    """Some place of ``before`` starts before some place of ``after``."""

    before: str = ""
    after: str = ""

    def passes(self, text: str) -> bool:
        try:
            from fuzzysearch import find_near_matches
        except ImportError as error:
            raise MissingExtra("eval", "fuzzysearch") from error

        page = normalised(text)
        wanted = [normalised(self.before), normalised(self.after)]
        if not all(map(str.strip, wanted)):  # nothing but marks of emphasis
            return False
        before, after = (
            [match.start for match in find_near_matches(sought, page, max_l_dist=self.max_diffs)] for sought in wanted
        )
        return bool(before and after) and min(before) < max(after)


@dataclass(frozen=True)
class TableCell(Check):
    """Some table has ``cell``, with these cells beside it and these headings above and to its left."""

    cell: str = ""
    up: str = ""
    down: str = ""
    left: str = ""
    right: str = ""
    top_heading: str = ""
    left_heading: str = ""

    def passes(self, text: str) -> bool:
        return any(
            all(self._is(wanted, found) for wanted, found in self._relations(grid, cell) if wanted)
            for grid in tables_of(text)
            for cell in grid.cells
            if self._is(self.cell, [cell])
        )

    def _is(self, wanted: str, cells: Collection[Cell]) -> bool:
        sought = normalised(wanted)
        least = max(0.5, 1 - self.max_diffs / max(1, len(sought)))
        return any(_ratio("ratio", sought, normalised(cell_text(cell.content))) >= least for cell in cells)

    def _relations(self, grid: Grid, cell: Cell) -> list[tuple[str, list[Cell]]]:
        """What is wanted on each side, and the cells that stand there."""
        at = list(places(grid))
        rows = range(cell.row, cell.row + cell.rowspan)
        columns = range(cell.column, cell.column + cell.colspan)

        def standing(where: list[tuple[int, int]]) -> list[Cell]:
            inside = [(row, column) for row, column in where if 0 <= row < grid.rows and 0 <= column < grid.columns]
            return [found for row, column in inside if (found := at[row][column]) is not None]

        above = standing([(row, column) for column in columns for row in range(cell.row)])
        before = standing([(row, column) for row in rows for column in range(cell.column)])
        heading_above = [each for each in above if each.row < grid.header_rows] or _outermost(above, "row")
        return [
            (self.up, standing([(cell.row - 1, column) for column in columns])),
            (self.down, standing([(rows.stop, column) for column in columns])),
            (self.left, standing([(row, cell.column - 1) for row in rows])),
            (self.right, standing([(row, columns.stop) for row in rows])),
            (self.top_heading, heading_above),
            (self.left_heading, _outermost(before, "column")),
        ]


@dataclass(frozen=True)
class Maths(Check):
    """The formula ``math`` stands on the page, alone or inside a larger one, as normalised LaTeX."""

    math: str = ""

    def passes(self, text: str) -> bool:
        sought = "".join(self.math.split())
        formulas = ["".join(filter(None, match)) for match in _FORMULA.findall(text)]
        return any(same_formula(formula, self.math) or sought in "".join(formula.split()) for formula in formulas)


@dataclass(frozen=True)
class Baseline(Check):
    """The page has letters or digits, does not end in a loop, and has no character of another script or emoji.

    With ``max_length`` the page is blank: it has at most so many letters and digits.
    """

    max_length: int | None = None
    check_disallowed_characters: bool = True

    def passes(self, text: str) -> bool:
        characters = sum(map(str.isalnum, text))
        if self.max_length is not None:
            return characters <= self.max_length
        if not characters or any(_repeats(text, length) > _MOST_REPEATS for length in range(1, _LONGEST_REPEATED + 1)):
            return False
        return not (self.check_disallowed_characters and _UNEXPECTED.search(text))


def _outermost(cells: list[Cell], side: str) -> list[Cell]:
    return [cell for cell in cells if getattr(cell, side) == min(getattr(each, side) for each in cells)]


def _repeats(text: str, length: int) -> int:
    """How often the last ``length`` characters stand at the end, one after the other."""
    last, count = text[-length:], 0
    while last and text.endswith(last * (count + 1)):
        count += 1
        if count > _MOST_REPEATS:
            break
    return count


def _ratio(name: str, sought: str, text: str) -> float:
    try:
        from rapidfuzz import fuzz
    except ImportError as error:
        raise MissingExtra("eval", "rapidfuzz") from error

    ratio = fuzz.partial_ratio(sought, text) if name == "partial_ratio" else fuzz.ratio(sought, text)
    return float(ratio) / 100
