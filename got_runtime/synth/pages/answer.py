"""The answer of a typeset page, written piece by piece; each piece is linked to the colour that it is printed in.

The typesetter does not report where it puts a letter, but it prints in given colours. Each symbol or word gets its own
colour, its *ink*; the position of each ink is then found in the rendered page (:mod:`.typeset`).
"""

import re
from dataclasses import dataclass, field
from typing import Literal

At = Literal["letters", "whole", "left", "next", "previous", "space", "cross"]
_COMMAND = re.compile(r"\\[A-Za-z]+$")
_ESCAPED = "%&#_$"


@dataclass(frozen=True)
class Piece:
    """Characters of the answer, and how their boxes are found."""

    text: str
    at: At
    """``letters``: each character has the box of its own letter of ``ink``. ``whole``: all have the box of ``ink``.
    ``left``: the part of that box left of the next ink (a radical). ``next``, ``previous``: the box of the neighbouring
    character. ``space``: the gap between both neighbours. ``cross``: where the column of ``ink`` meets the row of
    ``row``."""
    ink: int = 0
    row: int = 0
    symbol: str | None = None
    """Name of the drawn symbol."""
    printed: str = ""
    """The printed letters: the symbols, where ``symbol`` names none."""


@dataclass
class TypesetAnswer:
    """The pieces of an answer; every method that adds something printed returns the ink to print it in."""

    pieces: list[Piece] = field(default_factory=list)
    inks: int = 0

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)

    def new_ink(self) -> int:
        self.inks += 1
        return self.inks

    def symbol(self, latex: str, name: str | None = None, *, at: At = "whole", printed: str = "") -> int:
        """``latex`` that is one drawn symbol: ``x``, ``\\alpha``, ``\\frac{`` (its bar)."""
        self._separate(latex)
        ink = self.new_ink()
        self.pieces.append(Piece(latex, at, ink, symbol=name, printed=printed))
        return ink

    def again(self, latex: str, ink: int) -> None:
        """More markup with the box of a symbol that is printed already."""
        self.pieces.append(Piece(latex, "whole", ink))

    def word(self, printed: str) -> int:
        """Letters of running text; LaTeX's special characters are escaped."""
        ink = self.new_ink()
        text = "".join("\\" + c if c in _ESCAPED else c for c in printed)
        self.pieces.append(Piece(text, "letters", ink, printed=printed))
        return ink

    def space(self, text: str = " ") -> None:
        self.pieces.append(Piece(text, "space"))

    def opening(self, text: str) -> None:
        """Markup with the box of the next character."""
        self.pieces.append(Piece(text, "next"))

    def closing(self, text: str) -> None:
        """Markup with the box of the previous character."""
        self.pieces.append(Piece(text, "previous"))

    def cross(self, text: str, column: int, row: int) -> None:
        """Markup with a box where two rulers of a table meet."""
        self.pieces.append(Piece(text, "cross", column, row))

    def _separate(self, latex: str) -> None:
        """Add the space that ends a command's name: ``\\alpha x``."""
        if self.pieces and latex[0].isalnum() and _COMMAND.search(self.pieces[-1].text):
            self.opening(" ")
