"""The parts of a statement of TikZ: options, points, and the path so far."""

import re
from collections.abc import Callable

from got_runtime.markup.notation.tikz_math import NotDrawn, Point, closing, point
from got_runtime.markup.notation.tikz_options import Frame
from got_runtime.markup.notation.tikz_sheet import Sheet

__all__ = ["StatementReader"]


class StatementReader:
    """Reads one statement from left to right."""

    def __init__(self, sheet: Sheet, frame: Frame, styles: dict[str, str]) -> None:
        self.sheet, self.frame, self.styles = sheet, frame, styles
        self.points: list[Point] = []
        self.first: Point | None = None
        self.boxed: dict[Point, tuple[float, float]] = {}
        self.lines: list[list[Point]] = []
        self.rounds: list[tuple[Point, float]] = []
        self.labels: list[Callable[[], None]] = []
        self.text, self.position = "", 0

    def _space(self) -> None:
        while self.position < len(self.text) and self.text[self.position].isspace():
            self.position += 1

    def _take(self, pattern: str) -> re.Match[str] | None:
        self._space()
        found = re.compile(pattern).match(self.text, self.position)
        if found:
            self.position = found.end()
        return found

    def _group(self, opening: str) -> str | None:
        """What is in the brackets that open here; None if others do."""
        self._space()
        if self.text[self.position : self.position + 1] != opening:
            return None
        end = closing(self.text, self.position)
        inside, self.position = self.text[self.position + 1 : end], end + 1
        return inside

    def _options(self) -> str:
        return self._group("[") or ""

    def _place(self, text: str) -> Point:
        """A point of the current frame."""
        name = text.strip()
        if name.partition(".")[0] in self.sheet.boxes and "." in name:
            raise NotDrawn
        name = name.removesuffix(".center")
        named = self.sheet.named
        if self.frame.matrix != Frame().matrix:
            named = (
                {key: self.frame.inverse(place) for key, place in named.items()} if re.search("[A-Za-z$]", name) else {}
            )
        place = point(name, named)
        if name in self.sheet.boxes:
            self.boxed[place] = self.sheet.boxes[name]
        return place

    def _coordinate(self) -> Point | None:
        relative = self._take(r"\+\+?")
        inside = self._group("(")
        if inside is None:
            if relative:
                raise NotDrawn
            return None
        place = self._place(inside)
        if relative:
            if not self.points:
                raise NotDrawn
            place = self.points[-1][0] + place[0], self.points[-1][1] + place[1]
        return place

    def _needed(self) -> Point:
        place = self._coordinate()
        if place is None:
            raise NotDrawn
        return place

    def _last(self) -> Point:
        if not self.points:
            raise NotDrawn
        return self.points[-1]

    def _break(self) -> None:
        if len(self.points) > 1:
            self.lines.append(self.points)
        self.points = self.points[-1:]

    def _first_options(self) -> str:
        found = re.match(r"\\\w+\s*\[", self.text)
        return self.text[found.end() : closing(self.text, found.end() - 1)] if found else ""
