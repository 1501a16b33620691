"""An answer written piece by piece, each piece tied to the ink of the page that it reads.

A typesetter does not say where it puts a letter, but it prints each thing in the colour it is told: every sign or word
gets a colour of its own, its *ink*, and the printed page then says where each ink lies (:mod:`.typeset`).
"""

import re
from dataclasses import dataclass, field
from typing import Literal

At = Literal["letters", "whole", "left", "next", "previous", "space", "cross"]
_COMMAND = re.compile(r"\\[A-Za-z]+$")
_ESCAPED = "%&#_$"


@dataclass(frozen=True)
class Piece:
    """Characters of the answer and where they stand.

    ``at``: ``letters``, each on its own letter of ``ink``; ``whole``, all of them on ``ink``; ``left``, on the part of
    ``ink`` left of what follows (a radical); ``next`` and ``previous``, on the neighbouring character that has a place;
    ``space``, between these two; ``cross``, where the column of ``ink`` meets the row of ``row``.
    ``mark`` names the drawn sign; without one, ``printed`` are the signs, letter by letter.
    """

    text: str
    at: At
    ink: int = 0
    row: int = 0
    mark: str | None = None
    printed: str = ""


@dataclass
class Answer:
    """The pieces written so far; every method that prints returns the ink to print with."""

    pieces: list[Piece] = field(default_factory=list)
    inks: int = 0

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)

    def new_ink(self) -> int:
        self.inks += 1
        return self.inks

    def sign(self, latex: str, mark: str | None = None, *, at: At = "whole", printed: str = "") -> int:
        """``latex`` that is one drawn sign: ``x``, ``\\alpha``, ``\\frac{`` (its bar)."""
        self._keep_apart(latex)
        ink = self.new_ink()
        self.pieces.append(Piece(latex, at, ink, mark=mark, printed=printed))
        return ink

    def again(self, latex: str, ink: int) -> None:
        """More markup that stands on a sign already printed."""
        self.pieces.append(Piece(latex, "whole", ink))

    def word(self, printed: str) -> int:
        """Letters of running text; what LaTeX would take for markup is escaped."""
        ink = self.new_ink()
        text = "".join("\\" + c if c in _ESCAPED else c for c in printed)
        self.pieces.append(Piece(text, "letters", ink, printed=printed))
        return ink

    def space(self, text: str = " ") -> None:
        self.pieces.append(Piece(text, "space"))

    def opening(self, text: str) -> None:
        """Markup that stands on what comes next."""
        self.pieces.append(Piece(text, "next"))

    def closing(self, text: str) -> None:
        """Markup that stands on what came last."""
        self.pieces.append(Piece(text, "previous"))

    def cross(self, text: str, column: int, row: int) -> None:
        """Markup that stands where two rulers of a table meet."""
        self.pieces.append(Piece(text, "cross", column, row))

    def _keep_apart(self, latex: str) -> None:
        """``\\alpha x``: the space that ends a command's name."""
        if self.pieces and latex[0].isalnum() and _COMMAND.search(self.pieces[-1].text):
            self.opening(" ")
