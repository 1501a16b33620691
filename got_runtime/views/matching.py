"""Lines of an answer → the pieces of the view that was read: which line belongs to which piece."""

import difflib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from got_runtime.views.pieces import Piece

__all__ = ["AnswerLine", "are_in_their_places", "matched_lines"]

SAME_LINE = 0.72
"""Similarity (difflib's ratio) from which a line counts as the same line read twice."""
TWICE_WITHIN = 2
"""A line read twice follows the first reading within so many lines."""
MAX_AWAY = 0.4
"""By how many line pitches the attention to a line may be away from it. Of lines that were read right 98 % are within
.3: an image token is .6 of a pitch high."""


class AnswerLine(NamedTuple):
    """A line of the network's answer, the mean and the least probability of its tokens, and where the view was read.

    ``height`` goes from 0 (the view's top) to 1. What is not known is None.
    """

    text: str
    confidence: float | None = None
    height: float | None = None
    least: float | None = None


def mean_of_known(values: Iterable[float | None]) -> float | None:
    """The mean of the values that are known; None where none is."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def matched_lines(answer: Sequence[str], pieces: Sequence[Piece]) -> list[str] | None:
    """One line of text for each piece, or None where the answer does not fit them.

    A line that was read twice is dropped. Two pieces that the network joined over a hyphen are parted. Lines that are
    much shorter or longer than their pieces do not fit: something was left out or repeated.
    """
    lines = _without_repeated([line for line in answer if line.strip()], len(pieces))
    lines = _parted_at_hyphens(lines, pieces)
    if len(lines) != len(pieces):
        return None
    return lines if all(_fits(line, piece) for line, piece in zip(lines, pieces, strict=True)) else None


def are_in_their_places(lines: Sequence[str], answer: Sequence[AnswerLine], heights: Sequence[float]) -> bool:
    """Whether each line was read where its piece is: of lines that look alike some are skipped, and some read twice.

    Args:
        lines: one for each piece.
        answer: the lines that were read.
        heights: of the pieces in the view; at least two.
    """
    pitch = (heights[-1] - heights[0]) / (len(heights) - 1)
    read_at: dict[str, list[float]] = {}
    for line in answer:
        if line.height is not None:
            read_at.setdefault(line.text, []).append(line.height)
    return all(
        any(abs(height - own) <= MAX_AWAY * pitch for height in read_at.get(line, [own]))
        for line, own in zip(lines, heights, strict=True)
    )


def _without_repeated(lines: list[str], count: int) -> list[str]:
    while len(lines) > count:
        similarity, index = max(
            (
                (difflib.SequenceMatcher(None, lines[later], lines[earlier], autojunk=False).ratio(), later)
                for later in range(1, len(lines))
                for earlier in range(max(0, later - TWICE_WITHIN), later)
            ),
            default=(0.0, 0),
        )
        if similarity < SAME_LINE:
            break
        lines = [*lines[:index], *lines[index + 1 :]]
    return lines


def _parted_at_hyphens(lines: list[str], pieces: Sequence[Piece]) -> list[str]:
    """Lines with those parted that hold two pieces: at the hyphen nearest to the end of the first one."""
    while len(lines) < len(pieces):
        for index, line in enumerate(lines):
            first = pieces[index].characters
            if len(line) <= 0.75 * (first + pieces[index + 1].characters):
                continue
            hyphens = [end for end in range(2, len(line)) if line[end - 1] == "-"]
            cut = min(hyphens, key=lambda end: abs(end - first), default=0)
            if cut and abs(cut - first) <= max(4, 0.3 * first):
                lines = [*lines[:index], line[:cut], line[cut:].strip(), *lines[index + 1 :]]
                break
        else:
            return lines
    return lines


def _fits(line: str, piece: Piece) -> bool:
    return 0.45 * piece.characters - 3 <= len(line) <= 1.9 * piece.characters + 4
