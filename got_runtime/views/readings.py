"""A zoomed view, what was read of its pieces, and which of them are read again."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from PIL import Image

from got_runtime.views.pieces import Box

__all__ = ["FurtherReadings", "PieceText", "ReadLine", "ZoomedView", "best_of"]

MIN_TEXT_CONFIDENCE, MIN_ODD_CONFIDENCE = 0.7, 0.85
"""Mean probability of the tokens of text; and of text with commands of LaTeX, or that does not fit what is printed."""
SURE, SURE_TOKEN = 0.98, 0.8
"""Mean and least probability of the tokens of a piece below which it is read again."""
FURTHER_READINGS = ((4, 1.0), (5, 1.2), (3, 1.1))
"""Pieces of a view in each further reading of what is uncertain, and how much wider the view is than it need be.

Few pieces in a view are read better than many, and type of another size is often read otherwise. On 39 public pages
none of these readings leaves 2.36 % errors, one 1.90 %, two 1.78 %, three 1.56 %; a fourth gains nothing."""


@dataclass(frozen=True, eq=False)
class ZoomedView:
    """One view: the indices of its pieces in the page's, its picture, the estimated length of its text, the heights of
    the middles of its pieces, from 0 (the view's top) to 1, whether it is read as a formula (``formatted``), and
    whether its pieces have been read before and were uncertain (``again``)."""

    pieces: tuple[int, ...]
    image: Image.Image
    characters: int
    heights: tuple[float, ...]
    formatted: bool = False
    again: bool = False


class ReadLine(NamedTuple):
    """A line of the page that was read: its text, its box in pixels of the page, and what is known of its reading.

    ``confidence`` is the mean probability of its tokens. ``matched`` is False where a part of it does not fit what is
    printed, or was left out. Where no part of it ``is_text``, it is a logo or a part of a figure. Lines with the same
    ``block`` are of one paragraph, or of another group of lines."""

    text: str
    box: Box
    confidence: float | None
    matched: bool
    is_text: bool = True
    block: int = 0


@dataclass(frozen=True)
class PieceText:
    """What was read of a piece."""

    text: str = ""
    confidence: float | None = None
    matched: bool = True
    least: float | None = None
    agreed: bool = False
    """Whether two readings had this text."""
    others: frozenset[str] = frozenset()
    """Texts of readings with less confidence."""

    @property
    def is_sure(self) -> bool:
        """Whether it need not be read again."""
        unlikely = (self.confidence or 1.0) < SURE or (self.least or 1.0) < SURE_TOKEN
        return self.agreed or not self.text or (self.matched and not unlikely)

    @property
    def is_text(self) -> bool:
        """Whether it was read with some confidence; otherwise it is no text, but a logo or a part of a figure."""
        odd = "\\" in self.text or not self.matched
        return self.confidence is None or self.confidence >= (MIN_ODD_CONFIDENCE if odd else MIN_TEXT_CONFIDENCE)


def best_of(first: PieceText, further: PieceText) -> PieceText:
    """The text of a piece that was read twice, else the one with more confidence, or that fits where the first did not.

    Args:
        first: the best of the readings before.
        further: of another one.
    """
    if further.text in first.others or further.text == first.text:
        confidence = max(first.confidence or 0.0, further.confidence or 0.0)
        return replace(further, confidence=confidence, agreed=True)
    # Without an uncertain full stop at its end a text is surer, but not more likely right.
    is_cut = first.text.startswith(further.text) or first.text.endswith(further.text)
    is_surer = (further.confidence or 0.0) > (first.confidence or 0.0) and not is_cut
    best = further if is_surer or not first.matched else first
    return replace(best, others=first.others | {first.text, further.text})


@dataclass(eq=False)
class FurtherReadings:
    """The readings of pieces that are uncertain after the first."""

    _begun: int = 0
    _views: dict[tuple[int, ...], float] = field(default_factory=dict)
    """The views of the reading that goes on, and how much wider they are than they need be."""
    _unrecorded: set[int] = field(default_factory=set)

    def begin(self, texts: Mapping[int, PieceText]) -> list[tuple[int, ...]]:
        """The pieces of each view of the next reading; empty when nothing is uncertain, or after the last one."""
        if self._begun == len(FURTHER_READINGS):
            return []
        rows, wider = FURTHER_READINGS[self._begun]
        self._begun += 1
        # What is hardly text after two readings is a logo or a part of a figure.
        wanted = {index for index, text in texts.items() if not text.is_sure and (self._begun == 1 or text.is_text)}
        uncertain = sorted(wanted)
        views = [tuple(uncertain[start : start + rows]) for start in range(0, len(uncertain), rows)]
        self._views, self._unrecorded = dict.fromkeys(views, wider), set(uncertain)
        if not views:
            self.stop()
        return views

    def stop(self) -> None:
        """No further reading begins, or goes on."""
        self._begun, self._views, self._unrecorded = len(FURTHER_READINGS), {}, set()

    def wider(self, pieces: tuple[int, ...]) -> float | None:
        """How much wider a view is than it need be; None if it is none of the reading that goes on."""
        return self._views.get(pieces)

    def record(self, pieces: tuple[int, ...]) -> None:
        """A view of the reading that goes on has been read."""
        self._unrecorded -= set(pieces)

    def is_over(self, index: int) -> bool:
        """Whether an uncertain piece is not read again."""
        return self._begun == len(FURTHER_READINGS) and index not in self._unrecorded
