"""A page shown in zoomed views: whether it needs them, which they are, and the page's lines from their answers.

Type that is too small for the network in one view of the page is cut into pieces and stacked into views of large type.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from PIL import Image

from got_runtime.views.blanks import blanks_at_gaps, with_blanks
from got_runtime.views.blocks import PlacedLine, block_numbers
from got_runtime.views.lines import QUARTER_TURNS, PageLines, box_as_given, find_lines
from got_runtime.views.matching import AnswerLine, are_in_their_places, matched_lines, mean_of_known
from got_runtime.views.pieces import Box, Piece, around, cut_into_pieces, median_advance, merged, word_gaps
from got_runtime.views.readings import FurtherReadings, PieceText, ReadLine, ZoomedView, best_of
from got_runtime.views.stack import stacked_view

__all__ = ["ZoomedPage", "characters_of_piece"]

MIN_PIECE_TYPE_WIDTH = 12.0
"""Least width of a character in zoomed views, in pixels. Networks that read smaller type are shown no smaller type."""
WIDER_ON_PAGES = 1.4
"""How much wider the type of a whole page has to be than that of zoomed views, which show lines of text alone."""
PIECE_ROWS = 10 / 34
"""Pieces of a view for each character of a piece. With pieces of 34 characters 14 rows and more are risky: 5.5 %
errors on a book where 8 to 10 gave 1.3 %. Pieces of 44 characters gave 15.5 % errors on scans."""
MIN_BLANKS_AT_GAPS = 0.58
"""Least part of its gaps where a line has its blanks; else it may be the text of another line."""
MAX_PIXELS = 40_000_000
"""Pixels to which a larger page is reduced: an A4 page at 640 dpi. The analysis takes 2 to 3 s and 0.8 GB."""
ESTIMATE_PIXELS = 1_200_000
"""Pixels to which a page is reduced for the first estimate of the width of its type."""


@dataclass(eq=False)
class ZoomedPage:
    """The pieces of a page and what has been read of them.

    Read every view of :meth:`pending` and :meth:`record` its answer. A view whose answer does not fit its pieces comes
    again in halves. When all pieces are read, the uncertain ones come again. The page is read when all views
    are recorded and none is pending."""

    page: PageLines
    pieces: Sequence[Piece]
    scale: float = 1.0
    """Pixels of the page as it was given for each pixel in which its lines were found."""
    views_read: int = 0
    read_again: int = 0
    """Views that were read again in halves, or because their lines were uncertain."""
    _texts: dict[int, PieceText] = field(default_factory=dict)
    _doubted: dict[int, str] = field(default_factory=dict)
    """Texts that seem to be another line's, or markup; one that is read again is taken."""
    _pending: list[tuple[int, ...]] = field(default_factory=list)
    _open: int = 0
    """Views that are pending no longer, and not yet recorded."""
    further: FurtherReadings = field(default_factory=FurtherReadings)
    _streamed: int = 0

    @classmethod
    def of(cls, image: Image.Image, max_characters: int = 34, scale: float = 1.0) -> Self:
        """The page's lines found and cut. Without any line it has no pieces and no views.

        Args:
            image: the page.
            max_characters: about the length of a piece.
            scale: pixels of the page as it was given for each pixel of ``image``.
        """
        return cls.of_lines(find_lines(image), max_characters, scale)

    @classmethod
    def of_lines(cls, page: PageLines, max_characters: int, scale: float) -> Self:
        """As :meth:`of`, where the page's lines are known."""
        pieces = cut_into_pieces(page, max_characters)
        rows = max(1, round(PIECE_ROWS * max_characters))
        # As many views as are needed, with as few rows in each as that allows: a last view of one row gains nothing.
        views = math.ceil(len(pieces) / rows)
        edges = [len(pieces) * number // max(1, views) for number in range(views + 1)]
        groups = [tuple(range(begin, end)) for begin, end in itertools.pairwise(edges)]
        return cls(page, pieces, scale, _pending=groups)

    @classmethod
    def where_needed(cls, image: Image.Image, readable_width: float, view_size: int) -> Self:
        """The page's lines; :meth:`is_needed` says whether it should be read in zoomed views.

        Of a page whose type is large only a reduced picture is analysed.

        Args:
            image: the page.
            readable_width: width of characters, in pixels of a view, from which the network reads them.
            view_size: width of a view in pixels.
        """
        max_characters = characters_of_piece(readable_width, view_size)
        for pixels in (ESTIMATE_PIXELS, MAX_PIXELS):
            factor = min(1.0, math.sqrt(pixels / (image.width * image.height)))
            size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
            reduced = image.resize(size, Image.Resampling.BOX) if factor < 1 else image
            page = cls.of(reduced, max_characters, 1 / factor)
            if factor == 1 or (page.pieces and not page.is_needed(readable_width, view_size)):
                return page
        return page

    def is_needed(self, readable_width: float, view_size: int) -> bool:
        """Whether type is narrower than ``readable_width`` where the whole page is one view of ``view_size``."""
        return self.character_width(view_size) < readable_width

    def character_width(self, view_size: int) -> float:
        """Median width of a character, in pixels, where the whole page is one view of ``view_size`` pixels.

        Infinite without lines.
        """
        return median_advance(self.page, list(self.pieces)) * view_size / self.page.image.width

    @property
    def turned(self) -> int:
        """Degrees (counter-clockwise) by which the page was turned."""
        return 90 * self.page.quarter_turns

    def upright(self, image: Image.Image) -> Image.Image:
        """The page's ``image`` turned so that it stands upright."""
        return image.transpose(QUARTER_TURNS[self.page.quarter_turns]) if self.turned else image

    def pending(self) -> list[tuple[int, ...]]:
        """The pieces of each view that is to be read next, as indices; each is handed out once."""
        if not self._pending and not self._open:
            self._pending = self.further.begin(self._texts)
        pending, self._pending = self._pending, []
        self._open += len(pending)
        return pending

    def view(self, pieces: tuple[int, ...]) -> ZoomedView:
        """The view of some pieces."""
        shown = [self.pieces[index] for index in pieces]
        characters = math.ceil(sum(piece.characters for piece in shown))
        wider = self.further.wider(pieces)
        stacked = stacked_view(self.page, shown, wider or 1.0)
        return ZoomedView(pieces, stacked.image, characters, stacked.heights, again=wider is not None)

    def record(self, view: ZoomedView, answer: Sequence[AnswerLine] | None, final: bool = False) -> bool:
        """Record the lines of a view's answer, or None where the view could not be read.

        Args:
            view: what was read.
            answer: its lines.
            final: whether the pieces are not to be read again, where the lines do not fit them.

        Returns:
            Whether the answer was kept. If not, the view's pieces are pending again, unless the answer is ``final``,
            None, or of a further reading.
        """
        pieces = [self.pieces[index] for index in view.pieces]
        self.views_read += 1
        self._open -= 1
        if view.again:
            return self._record_again(view, answer or ())
        if final:  # what cut this one off would cut off further readings
            self.further.stop()
        if answer is None:
            self._texts |= {index: PieceText(matched=False) for index in view.pieces}
            return False
        lines = matched_lines([line.text for line in answer], pieces)
        if lines is not None and len(pieces) > 1 and not final:
            doubted = self._doubt(view.pieces, lines)
            if doubted or not are_in_their_places(lines, answer, view.heights):
                lines = None
        if lines is not None:
            self._texts |= self._texts_of(view.pieces, lines, answer)
        elif final:
            for index, part in zip(view.pieces, [*answer, *[AnswerLine("")] * len(pieces)], strict=False):
                self._texts[index] = PieceText(part.text, part.confidence, matched=False)
        elif len(pieces) > 1:
            middle = (len(pieces) + 1) // 2
            self._pending += [view.pieces[:middle], view.pieces[middle:]]
            self.read_again += 1
            return False
        else:
            text = " ".join(line.text for line in answer if line.text)[: int(2 * pieces[0].characters + 8)]
            self._texts[view.pieces[0]] = PieceText(
                text, mean_of_known([line.confidence for line in answer]), matched=False
            )
        return True

    def _texts_of(
        self, indices: Sequence[int], lines: Sequence[str], answer: Sequence[AnswerLine]
    ) -> dict[int, PieceText]:
        """The text of each piece: its line, with the blanks where the page has gaps."""
        known = {line.text: line for line in answer}
        parted = AnswerLine("", mean_of_known([line.confidence for line in answer]))
        texts = {}
        for index, text in zip(indices, lines, strict=True):
            line = known.get(text, parted)
            blanked = with_blanks(text, *word_gaps(self.page.ink, self.pieces[index]))
            texts[index] = PieceText(blanked, line.confidence, least=line.least)
        return texts

    def _record_again(self, view: ZoomedView, answer: Sequence[AnswerLine]) -> bool:
        """Keep what is better than the reading before; whether anything is."""
        self.read_again += 1
        self.further.record(view.pieces)
        lines = matched_lines([line.text for line in answer], [self.pieces[index] for index in view.pieces])
        if lines is None or (len(lines) > 1 and not are_in_their_places(lines, answer, view.heights)):
            return False
        before = {index: self._texts[index].text for index in view.pieces}
        texts = self._texts_of(view.pieces, lines, answer)
        for index, line in zip(view.pieces, lines, strict=True):
            if not self._is_odd(index, line):
                self._texts[index] = best_of(self._texts[index], texts[index])
        return any(self._texts[index].text != text for index, text in before.items())

    def _doubt(self, indices: Sequence[int], lines: Sequence[str]) -> bool:
        """Whether one of the lines seems to be another one's, or markup that is not printed."""
        doubted = {
            index: line
            for index, line in zip(indices, lines, strict=True)
            if self._doubted.get(index) != line and self._is_odd(index, line)
        }
        self._doubted |= doubted
        return bool(doubted)

    def _is_odd(self, index: int, line: str) -> bool:
        """Whether a line has commands of LaTeX or broken characters, or its words are not where the page has them."""
        gaps = word_gaps(self.page.ink, self.pieces[index])
        return "\\" in line or "\ufffd" in line or blanks_at_gaps(line, *gaps) < MIN_BLANKS_AT_GAPS

    def record_whole(self, answer: Sequence[AnswerLine]) -> dict[str, str]:
        """The answer of the whole page in one view: its lines have boxes where they match the lines found.

        Returns:
            Lines of the answer, and the same with the blanks that they lack.
        """
        whole = [merged([self.pieces[index] for index in row]) for row in self._rows()]
        lines = matched_lines([line.text for line in answer], whole)
        self.pieces = whole
        if lines is None:
            return {}
        confidences = {line.text: line.confidence for line in answer}
        texts = [with_blanks(line, *word_gaps(self.page.ink, piece)) for line, piece in zip(lines, whole, strict=True)]
        known = enumerate(zip(texts, lines, strict=True))
        self._texts = {index: PieceText(text, confidences.get(line)) for index, (text, line) in known}
        return {line: text for line, text in zip(lines, texts, strict=True) if line != text}

    def lines(self) -> list[ReadLine]:
        """The rows of which anything is known, from the top."""
        rows = [row for row in self._rows() if any(index in self._texts for index in row)]
        lines = [self._line(indices) for indices in rows]
        of_text = [number for number, line in enumerate(lines) if line.is_text]
        placed = [PlacedLine(*self._box(rows[number]), self.pieces[rows[number][0]].x_height) for number in of_text]
        for number, block in zip(of_text, block_numbers(placed), strict=True):
            lines[number] = lines[number]._replace(block=block)
        return lines

    def new_text(self) -> str:
        """Text of the rows that have been completed, up to the first incomplete one, since the last call."""
        text = ""
        for indices in self._rows():
            if indices[0] < self._streamed:
                continue
            if not all(self._is_settled(index) for index in indices):
                break
            line = self._line(indices)
            if line.text and line.is_text:
                text += line.text + "\n"
            self._streamed = indices[-1] + 1
        return text

    def _is_settled(self, index: int) -> bool:
        text = self._texts.get(index)
        return text is not None and (text.is_sure or self.further.is_over(index))

    def _line(self, indices: Sequence[int]) -> ReadLine:
        known = [index for index in indices if index in self._texts]
        of_text = [index for index in known if self._texts[index].is_text]
        shown = of_text or known  # a figure beside text costs no text, and does not come with it
        blanked = (("" if self.pieces[index].goes_on else " ") + self._texts[index].text for index in shown)
        return ReadLine(
            " ".join("".join(blanked).split()),
            box_as_given(self.page, self._box(shown), self.scale),
            mean_of_known([self._texts[index].confidence for index in shown]),
            all(self._texts[index].matched for index in shown) and len(shown) == len(indices),
            bool(of_text),
        )

    def _box(self, indices: Sequence[int]) -> Box:
        return around([self.pieces[index].box for index in indices])

    def _rows(self) -> list[list[int]]:
        """The indices of the pieces of each row."""
        rows = itertools.groupby(range(len(self.pieces)), key=lambda index: self.pieces[index].row)
        return [list(members) for _, members in rows]


def characters_of_piece(readable_width: float, view_size: int) -> int:
    """About the length of the pieces for a network that reads characters of ``readable_width`` pixels on a page."""
    return int(view_size / max(readable_width / WIDER_ON_PAGES, MIN_PIECE_TYPE_WIDTH))
