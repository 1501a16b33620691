"""Lines → pieces: parts of about as many characters as the network reads well in one line, cut between words."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from got_runtime.views.blanks import Gap
from got_runtime.views.ink import Mask
from got_runtime.views.lines import PageLines
from got_runtime.views.reading_order import TextLine

__all__ = [
    "ADVANCE",
    "Piece",
    "around",
    "cut_into_pieces",
    "median_advance",
    "merged",
    "runs_of_flags",
    "word_gaps",
    "x_in_page",
]

Box = tuple[int, int, int, int]
Floats = npt.NDArray[np.float64]

ADVANCE = 1.02
"""Mean width of a character with the blank behind it, in x-heights."""
MAX_CHARACTERS_OF_WIDTH = 1.6
"""By how much the strokes may raise the number of characters that the width suggests: condensed type."""
MIN_WORD_GAP, USUAL_WORD_GAP, MAX_WORD_GAP = 0.3, 0.42, 0.62
"""In x-heights: no blank between words is narrower, none need be wider."""
MAX_PARTS = 6
"""Cells of a row that share a piece."""


@dataclass(frozen=True)
class Piece:
    """A part of a line, or cells of a row set side by side. ``box`` is around all ``parts``, in pixels.

    ``line`` is the index of its (last) line in the page's lines, ``row`` its row; ``characters`` is an estimate.
    ``goes_on`` where no blank stands before it: a long word, such as an address, was cut.
    """

    box: Box
    x_height: float
    line: int
    row: int
    characters: float
    parts: tuple[Box, ...]
    light_on_dark: bool = False
    goes_on: bool = False


def cut_into_pieces(page: PageLines, max_characters: int) -> list[Piece]:
    """Pieces of at most about ``max_characters``, in reading order; short cells of a row share a piece."""
    pieces: list[Piece] = []
    for index, line in enumerate(page.lines):
        for box, within_word in _cut(page.ink, line, max_characters):
            characters = _characters(page.ink, box, line.x_height)
            piece = Piece(box, line.x_height, index, line.row, characters, (box,), line.light_on_dark, within_word)
            if pieces and _share_a_piece(pieces[-1], piece, max_characters):
                pieces[-1] = _side_by_side(pieces[-1], piece)
            else:
                pieces.append(piece)
    return pieces


def median_advance(page: PageLines, pieces: list[Piece]) -> float:
    """Median width of a character in pixels of the page, about 5 % too large; infinite without pieces."""
    parts = [(part, piece.x_height) for piece in pieces for part in piece.parts]
    advances = [(part[2] - part[0]) / _characters(page.ink, part, x_height) for part, x_height in parts]
    return float(np.median(advances)) if advances else math.inf


def word_gaps(ink: Mask, piece: Piece) -> tuple[float, list[Gap]]:
    """The width of a piece in pixels, and its gaps between words; its parts stand side by side, a gap between them."""
    gaps: list[Gap] = []
    width = 0.0
    for left, top, right, bottom in piece.parts:
        if width:
            gaps.append(Gap(width, width + USUAL_WORD_GAP * piece.x_height))
            width = gaps[-1].end
        starts, ends = _runs(ink[top:bottom, left:right])
        begins, stops = ends[:-1], starts[1:]
        wide = stops - begins >= _word_gap((stops - begins).astype(float), piece.x_height)
        gaps += [Gap(width + begin, width + stop) for begin, stop in zip(begins[wide], stops[wide], strict=True)]
        width += right - left
    return width, gaps


def x_in_page(piece: Piece, x: float) -> int:
    """Where a position of :func:`word_gaps` is in the page: its parts stand side by side there."""
    begin = 0.0
    for left, _, right, _ in piece.parts[:-1]:
        if x <= begin + right - left:
            return left + round(max(0.0, x - begin))
        begin += right - left + USUAL_WORD_GAP * piece.x_height
    return piece.parts[-1][0] + round(max(0.0, x - begin))


def _characters(ink: Mask, box: Box, x_height: float) -> float:
    """About how many characters a box holds: by its width, or by its strokes where the type is narrow."""
    left, top, right, bottom = box
    strokes = len(_runs(ink[top:bottom, left:right])[0])
    by_width = (right - left) / (ADVANCE * x_height)
    return float(max(by_width, min(1.15 * strokes, MAX_CHARACTERS_OF_WIDTH * by_width), 1.0))


def _runs(ink: Mask) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Begin and end of each run of inked columns."""
    return runs_of_flags(ink.max(axis=0, initial=False))


def runs_of_flags(flags: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Begin and end of each run of flags that are set."""
    edges = np.diff(np.pad(flags, 1).astype(np.int8))
    return np.nonzero(edges == 1)[0], np.nonzero(edges == -1)[0]


def _cut(ink: Mask, line: TextLine, max_characters: int) -> list[tuple[Box, bool]]:
    """The line's box, cut at word gaps into nearly equal parts; whole where there is no gap to cut at.

    With each part comes whether the cut before it is within a word.
    """
    left, top, right, bottom = line.box
    starts, ends = _runs(ink[top:bottom, left:right])
    width = right - left
    gap_begin, gap_end = ends[:-1], starts[1:]
    gaps = (gap_end - gap_begin).astype(float)
    word_gap = _word_gap(gaps, line.x_height)
    by_width = width / (ADVANCE * line.x_height)
    by_strokes = len(starts) + int((gaps >= word_gap).sum())
    characters = max(by_width, min(by_strokes, MAX_CHARACTERS_OF_WIDTH * by_width))
    count = max(1, math.ceil(characters / max_characters - 0.05))
    if count == 1 or len(starts) < 2:
        return [(line.box, False)]
    middle = (gap_begin + gap_end) / 2
    reach = 0.38 * width / count  # a cut further from the ideal one would leave a piece of half the length
    edges, within_word = [0], [False]
    for number in range(1, count):
        ideal = edges[-1] + (width - edges[-1]) / (count - number + 1)
        distance = np.abs(middle - ideal)
        beyond_last = middle > edges[-1] + 2 * line.x_height
        possible = beyond_last & (distance < reach) & (gaps >= word_gap)
        if not possible.any():
            possible = beyond_last & (distance < 1.3 * reach) & (gaps >= 0.6 * word_gap)
        if not possible.any():
            continue
        # A wide gap is surely one between words; the nearest one makes equal pieces.
        value = np.minimum(gaps, 2.5 * word_gap) / word_gap - 1.6 * distance / reach
        best = int(np.where(possible, value, -np.inf).argmax())
        edges += [int(gap_begin[best]), int(gap_end[best])]
        within_word.append(bool(gaps[best] < word_gap))
    edges.append(width)
    boxes = [(left + begin, top, left + end, bottom) for begin, end in zip(edges[::2], edges[1::2], strict=True)]
    return list(zip(boxes, within_word, strict=True))


def _word_gap(gaps: Floats, x_height: float) -> float:
    """The smallest gap between words in pixels: where the gaps of a line part best into two classes."""
    ordered = np.sort(gaps)
    threshold, best = USUAL_WORD_GAP * x_height, -1.0
    if len(ordered) < 4:
        return threshold
    for cut in range(1, len(ordered)):
        if ordered[cut] == ordered[cut - 1]:
            continue
        within, between = np.log1p(ordered[:cut]), np.log1p(ordered[cut:])
        separation = len(within) * len(between) * float(within.mean() - between.mean()) ** 2
        if separation > best:
            best, threshold = separation, float(ordered[cut] + ordered[cut - 1]) / 2
    return float(np.clip(threshold, MIN_WORD_GAP * x_height, MAX_WORD_GAP * x_height))


def _share_a_piece(last: Piece, piece: Piece, max_characters: int) -> bool:
    """Whether two neighbours of one row are short enough, and alike enough, to be read as one line."""
    larger, smaller = max(last.x_height, piece.x_height), min(last.x_height, piece.x_height)
    return (
        last.row == piece.row
        and last.line != piece.line
        and last.characters + piece.characters + 2 <= max_characters
        and last.light_on_dark == piece.light_on_dark
        and larger < 1.7 * smaller
        and len(last.parts) < MAX_PARTS
    )


def _side_by_side(last: Piece, piece: Piece) -> Piece:
    (a0, b0, a1, b1), (x0, y0, x1, y1) = last.box, piece.box
    characters = last.characters + piece.characters + 1
    return replace(
        last,
        box=(min(a0, x0), min(b0, y0), max(a1, x1), max(b1, y1)),
        line=piece.line,
        characters=characters,
        parts=(*last.parts, *piece.parts),
        # Of very few letters the height is uncertain: the larger one leaves room for both.
        x_height=max(last.x_height, piece.x_height) if characters < 6 else last.x_height,
    )


def around(boxes: Sequence[Box]) -> Box:
    """The smallest box around all of them."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def merged(pieces: Sequence[Piece]) -> Piece:
    """The pieces of a row as one."""
    parts = tuple(part for piece in pieces for part in piece.parts)
    characters = sum(piece.characters + 1 for piece in pieces) - 1
    return replace(pieces[0], box=around(parts), parts=parts, characters=characters)
