"""A page shown in zoomed views: whether it needs them, which they are, and the page's text from their answers.

Type that is too small for the network in one view of the page is cut into pieces and stacked into views of large type.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

from PIL import Image

from got_runtime.views.lines import PageLines, find_lines
from got_runtime.views.matching import matched_lines
from got_runtime.views.pieces import Box, Piece, cut_into_pieces, median_advance
from got_runtime.views.stack import stacked_view

__all__ = ["PieceText", "ZoomedPage", "ZoomedView"]

MAX_CHARACTERS = 34
"""Characters of a piece. 44 came out at 15.5 % errors on scans."""
PIECES_OF_A_VIEW = 10
"""14 and more are risky: 5.5 % errors on a book where 8 to 10 gave 1.3 %."""


@dataclass(frozen=True, eq=False)
class ZoomedView:
    """One view: the indices of its pieces in the page's, and its picture."""

    pieces: tuple[int, ...]
    image: Image.Image


@dataclass(frozen=True)
class PieceText:
    """What was read of a piece. ``matched`` is False where the answer did not fit and was kept all the same."""

    text: str = ""
    confidence: float | None = None
    matched: bool = True


@dataclass(eq=False)
class ZoomedPage:
    """The pieces of a page and what has been read of them.

    Read every view of :meth:`views` and :meth:`record` its answer; a view whose answer does not fit its pieces comes
    again in halves, until :meth:`views` is empty.
    """

    page: PageLines
    pieces: Sequence[Piece]
    _texts: dict[int, PieceText] = field(default_factory=dict)
    _pending: list[tuple[int, ...]] = field(default_factory=list)
    read_again: int = 0
    """Views that were read again in halves."""

    @classmethod
    def of(cls, image: Image.Image) -> "ZoomedPage":
        """The page's lines found and cut. Without any line it has no pieces and no views."""
        page = find_lines(image)
        pieces = cut_into_pieces(page, MAX_CHARACTERS)
        indices = range(len(pieces))
        groups = [tuple(indices[begin : begin + PIECES_OF_A_VIEW]) for begin in indices[::PIECES_OF_A_VIEW]]
        return cls(page, pieces, _pending=groups)

    def character_width(self, view_size: int) -> float:
        """Median width of a character, in pixels, where the whole page is one view of ``view_size`` pixels.

        Infinite where no line was found: such a page needs no zoom.
        """
        return median_advance(self.page, list(self.pieces)) * view_size / self.page.image.width

    def views(self) -> list[ZoomedView]:
        """The views that are to be read next; each is handed out once."""
        pending, self._pending = self._pending, []
        return [ZoomedView(group, stacked_view(self.page, [self.pieces[i] for i in group])) for group in pending]

    def record(self, view: ZoomedView, text: str, confidence: float | None = None) -> None:
        """The answer of a view that was read, with its mean token probability."""
        pieces = [self.pieces[index] for index in view.pieces]
        lines = matched_lines(text.split("\n"), pieces)
        if lines is not None:
            for index, line in zip(view.pieces, lines, strict=True):
                self._texts[index] = PieceText(line, confidence)
        elif len(view.pieces) == 1:
            most = int(2 * pieces[0].characters + 8)
            self._texts[view.pieces[0]] = PieceText(" ".join(text.split())[:most], confidence, matched=False)
        else:
            middle = (len(view.pieces) + 1) // 2
            self._pending += [view.pieces[:middle], view.pieces[middle:]]
            self.read_again += 1

    def row_texts(self) -> list[tuple[str, Box, list[PieceText]]]:
        """For each row from the top: its text, its box in pixels of the page as it was given, and its pieces' texts."""
        rows = []
        for _, members in groupby(range(len(self.pieces)), key=lambda index: self.pieces[index].row):
            indices = list(members)
            texts = [self._texts.get(index, PieceText(matched=False)) for index in indices]
            boxes = [self.pieces[index].box for index in indices]
            around = (
                min(box[0] for box in boxes),
                min(box[1] for box in boxes),
                max(box[2] for box in boxes),
                max(box[3] for box in boxes),
            )
            rows.append((" ".join(each.text for each in texts if each.text), self._as_given(around), texts))
        return rows

    @property
    def text(self) -> str:
        """The rows' texts, a line each."""
        return "\n".join(text for text, _, _ in self.row_texts() if text)

    def _as_given(self, box: Box) -> Box:
        """A box of the levelled page in pixels of the page before it was turned: the box around its corners."""
        angle = math.radians(self.page.angle)
        if not angle:
            return box
        width, height = self.page.image.size
        middle_x, middle_y = width / 2, height / 2
        corners = [(x - middle_x, y - middle_y) for x in (box[0], box[2]) for y in (box[1], box[3])]
        xs = [x * math.cos(angle) - y * math.sin(angle) + middle_x for x, y in corners]
        ys = [x * math.sin(angle) + y * math.cos(angle) + middle_y for x, y in corners]
        return (
            max(0, math.floor(min(xs))),
            max(0, math.floor(min(ys))),
            min(width, math.ceil(max(xs))),
            min(height, math.ceil(max(ys))),
        )
