"""Writes the parts of a page in GOT's markup, with the place of each line in the text."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from got_runtime.markup.latex.divided_words import hyphen_between
from got_runtime.views.formatted import FormattedPage
from got_runtime.views.parts import Part
from got_runtime.views.readings import ReadLine
from got_runtime.views.tables import Table

__all__ = ["FormattedText", "formatted_text"]

_SPECIAL = re.compile(r"[%&#_$]")
_INLINE = re.compile(r"(\\\(.*?\\\))")
_MARK = re.compile(r"(?:[•◦▪·●○–—*o-]|[Il]\.|\(?\d{1,2}[.)])\s+")
_AROUND = {
    "title": ("\\title{\n", "\n}"),
    "author": ("\\author{\n", "\n}"),
    "abstract": ("\\begin{abstract}\n", "\n\\end{abstract}"),
    "section": ("\\section*{", "}"),
    "subsection": ("\\subsection*{", "}"),
    "footnote": ("\\footnotetext{\n", "\n}"),
}


class FormattedText(NamedTuple):
    """The text of a page, and where each of its lines begins and ends in it; None for lines that are left out."""

    text: str
    spans: tuple[tuple[int, int] | None, ...]


def formatted_text(page: FormattedPage, lines: Sequence[ReadLine]) -> FormattedText:
    """The page in GOT's markup.

    Args:
        page: as it was read.
        lines: its lines.
    """
    writer = _Writer(lines)
    for part in page.parts(lines):
        if not any(lines[index].text for index in part.lines):
            continue
        if writer.text:
            writer.text += "\n\n"
        if part.kind == "table":
            writer.table(page.tables[part.number], part.lines)
        elif part.kind == "formula":
            writer.line(part.lines[0], lines[part.lines[0]].text)
        elif part.kind in ("bullets", "numbers"):
            writer.list_of_items(part)
        else:
            begin, end = _AROUND.get(part.kind, ("", ""))
            writer.text += begin
            writer.paragraph(part.items[-1] if part.kind == "abstract" else part.lines)
            writer.text += end
    return FormattedText(writer.text, tuple(writer.spans))


class _Writer:
    def __init__(self, lines: Sequence[ReadLine]) -> None:
        self.text = ""
        self.spans: list[tuple[int, int] | None] = [None] * len(lines)
        self._lines = lines

    def line(self, index: int, text: str) -> None:
        self.spans[index] = len(self.text), len(self.text) + len(text)
        self.text += text

    def paragraph(self, lines: Sequence[int]) -> None:
        begin = len(self.text)
        for index in lines:
            text = _escaped(self._lines[index].text)
            if not text:
                continue
            self._join(begin, text)
            self.line(index, text)

    def _join(self, begin: int, text: str) -> None:
        """What stands between the text that began at ``begin`` and the next line."""
        if len(self.text) == begin:
            return
        divided = hyphen_between(self.text[begin:], text)
        if divided is None:
            self.text += " "
        else:
            self.text = self.text[:begin] + "".join(divided)

    def list_of_items(self, part: Part) -> None:
        name = "itemize" if part.kind == "bullets" else "enumerate"
        self.text += f"\\begin{{{name}}}"
        for first, *others in part.items:
            self.text += "\n\\item "
            begin = len(self.text)
            self.line(first, _escaped(_MARK.sub("", self._lines[first].text, count=1)))
            for index in others:
                text = _escaped(self._lines[index].text)
                self._join(begin, text)
                self.line(index, text)
        self.text += f"\n\\end{{{name}}}"

    def table(self, table: Table, lines: Sequence[int]) -> None:
        bars = ["|" if edge else "" for edge in table.upright]
        columns = bars[0] + "".join(map("".join, zip(table.alignment, bars[1:], strict=True)))
        self.text += f"\\begin{{tabular}}{{{columns}}}"
        cells = {(cell.row, cell.column): cell for cell in table.cells}
        covered = {(cell.row + down, cell.column): cell.columns for cell in table.cells for down in range(1, cell.rows)}
        for row in range(table.rows + 1):
            self._rule(table, row)
            column, gap = 0, ""
            while row < table.rows and column < table.columns:
                if column:
                    self.text += gap + "& "
                gap = ""
                cell = cells.get((row, column))
                if cell is None:
                    column += covered.get((row, column), 1)
                    continue
                own = [lines[number - table.lines[0]] for number in cell.lines]
                opened = 0
                if cell.columns > 1:
                    before = bars[0] if column == 0 else ""
                    self.text += f"\\multicolumn{{{cell.columns}}}{{{before}c{bars[column + cell.columns]}}}{{"
                    opened += 1
                if cell.rows > 1:
                    self.text += f"\\multirow{{{cell.rows}}}{{*}}{{"
                    opened += 1
                begin = len(self.text)
                self.paragraph(own)
                gap = " " if len(self.text) > begin else ""
                self.text += "}" * opened
                column += cell.columns
            if row < table.rows:
                self.text += gap + "\\\\"
        self.text += "\\end{tabular}" if self.text.endswith("\n") else "\n\\end{tabular}"

    def _rule(self, table: Table, row: int) -> None:
        ruled, space = table.level[row], " " if row < table.rows else ""
        if all(ruled):
            self.text += "\n\\hline" + space
        elif any(ruled):
            first = ruled.index(True)
            end = next((index for index in range(first, len(ruled)) if not ruled[index]), len(ruled))
            self.text += f"\n\\cline{{{first + 1}-{end}}}" + space
        else:
            self.text += "\n" if row < table.rows else ""


def _escaped(text: str) -> str:
    """The text with LaTeX's special characters escaped outside of formulas."""
    texts = _INLINE.split(text)
    return "".join(part if number % 2 else _SPECIAL.sub(r"\\\g<0>", part) for number, part in enumerate(texts))
