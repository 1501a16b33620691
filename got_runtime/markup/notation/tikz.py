"""TikZ → SVG for the subset that geometric figures and graphs of functions use, without LaTeX.

Supported are the drawing commands with straight lines, curves, ``rectangle``, ``circle``, ``ellipse``, ``arc``,
``grid``, ``plot``, nodes and angles; points as ``(x,y)``, ``(angle:radius)``, ``(name)``, relative ones, and those of
the calc library; calculations, loops, scopes, styles, macros, comments; and the axes of pgfplots. A statement that is
not fully understood is left out and counted.
"""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from got_runtime.markup.notation.tikz_axis import read_axis
from got_runtime.markup.notation.tikz_math import NotDrawn, closing
from got_runtime.markup.notation.tikz_options import Frame, apply, parse_options
from got_runtime.markup.notation.tikz_path import PathReader
from got_runtime.markup.notation.tikz_sheet import Sheet
from got_runtime.markup.notation.tikz_statements import loop, macro, statements, substitute, unrolled, without_comments

__all__ = ["Figure", "draw", "to_svg"]

_MAX_STATEMENTS = 2000
_DECLARATIONS = ("\\usetikzlibrary", "\\centering", "\\small", "\\footnotesize", "\\large", "\\pgfplotsset")


class Figure(NamedTuple):
    """A drawing, and how many of the statements of its source it shows."""

    svg: str | None
    drawn: int
    statements: int


def to_svg(tikz: str) -> str | None:
    """An SVG of the figure; None if no part of it can be drawn."""
    return draw(tikz).svg


def draw(tikz: str) -> Figure:
    """The figure with the statements that can be drawn right."""
    picture = _Picture()
    body = without_comments(tikz)
    start = body.find("\\begin{tikzpicture}")
    before, body = (body[:start], body[start + 19 :]) if start >= 0 else ("", body)
    body = body.partition("\\end{tikzpicture}")[0].lstrip()
    for statement in statements(before):
        picture.read(statement, Frame())
    frame = Frame()
    if body.startswith("["):
        try:
            end = closing(body, 0)
            frame = apply(frame, parse_options(body[1:end], picture.styles), {})
            body = body[end + 1 :]
        except NotDrawn:
            return Figure(None, 0, sum(1 for _ in statements(body)))
    picture.read_all(body, frame)
    return Figure(picture.sheet.svg(), picture.drawn, picture.statements)


@dataclass
class _Picture:
    sheet: Sheet = field(default_factory=Sheet)
    styles: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    drawn: int = 0
    statements: int = 0

    def read_all(self, body: str, frame: Frame, depth: int = 0) -> None:
        """Draws the statements of a figure or scope, up to a clip, without which the rest would be drawn wrong."""
        is_clipped = False
        for statement in statements(body):
            is_clipped = is_clipped or re.match(r"\\(clip|(path|draw|fill)\s*\[[^]]*\bclip\b)", statement) is not None
            if is_clipped:
                self.statements += 1
            else:
                self.read(statement, frame, depth)

    def read(self, statement: str, frame: Frame, depth: int = 0) -> None:
        """Draws one statement, or none of it."""
        if self.statements >= _MAX_STATEMENTS or depth > 8:
            self.statements += 1
            return
        before = self.sheet.mark()
        try:
            if self._enclosing(statement, frame, depth):
                return
            self._read(statement, frame)
        except (NotDrawn, ArithmeticError, RecursionError, ValueError):
            self.statements += 1
            self.sheet.back_to(before)
        else:
            self.statements += 1
            self.drawn += 1

    def _enclosing(self, statement: str, frame: Frame, depth: int) -> bool:
        """Whether the statement contains others, which are read."""
        if statement.startswith("\\begin{scope}"):
            body = statement.removeprefix("\\begin{scope}").removesuffix("\\end{scope}").lstrip()
            inner = frame
            if body.startswith("["):
                end = closing(body, 0)
                inner = apply(frame, parse_options(substitute(body[1:end], self.values), self.styles), self.sheet.named)
                body = body[end + 1 :]
            self.read_all(body, inner, depth + 1)
            return True
        if statement.startswith("\\foreach"):
            found = loop(substitute(statement, self.values))
            if found is None:
                raise NotDrawn
            for values in found[0]:
                outer = self.values
                self.values = outer | values
                self.read_all(found[1], frame, depth + 1)
                self.values = outer
            return True
        return False

    def _read(self, statement: str, frame: Frame) -> None:
        if statement.startswith(_DECLARATIONS):
            return
        if statement.startswith(("\\tikzset", "\\tikzstyle")):
            self._style(statement)
            return
        if statement.startswith("\\begin{axis}"):
            counts = read_axis(substitute(statement, self.values), self.sheet)
            self.statements += counts[1] - 1
            self.drawn += counts[0] - 1
            return
        if macro(substitute_value(statement, self.values), self.values):
            return
        statement = unrolled(substitute(statement.rstrip("; \n"), self.values))
        PathReader(self.sheet, frame, self.styles).read(statement)

    def _style(self, statement: str) -> None:
        if statement.startswith("\\tikzstyle"):
            name, _, options = statement.removeprefix("\\tikzstyle").partition("=")
            self.styles[name.strip(" {}")] = options.strip().strip(";").strip().strip("[]")
            return
        for key, value in parse_options(statement.removeprefix("\\tikzset").strip().strip(";")[1:-1], {}):
            if not key.endswith("/.style"):
                raise NotDrawn
            self.styles[key.removesuffix("/.style")] = value


def substitute_value(statement: str, values: dict[str, str]) -> str:
    """A definition whose value, but not its name, has its macros replaced."""
    opening = statement.rfind("{")
    return statement[:opening] + substitute(statement[opening:], values) if opening > 0 else statement
