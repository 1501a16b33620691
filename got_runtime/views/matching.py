"""Lines of an answer → the pieces of the view that was read: which line belongs to which piece."""

import difflib
from collections.abc import Sequence

from got_runtime.views.pieces import Piece

__all__ = ["matched_lines"]

SAME_LINE = 0.72
"""Similarity (difflib's ratio) from which a line counts as the same line read twice."""
TWICE_WITHIN = 2
"""A line read twice follows the first reading within so many lines."""


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
