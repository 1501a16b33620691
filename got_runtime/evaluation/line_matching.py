"""Compares a prediction with the lines of its reference, whatever the order of both.

Following Clausner, Pletschacher and Antonacopoulos, "Flexible character accuracy measure for reading-order-independent
evaluation" (Pattern Recognition Letters 131, 2020), the longest line of the reference is found first in the prediction
and taken out of it, then the next one, and what cannot be found as a whole is divided and tried again. Approximate
string matching (Sellers, 1980) takes the place of their search with penalties: a line matches the part of the
prediction that has the fewest edits, wherever the prediction breaks its lines.
"""

import heapq
import importlib
import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from got_runtime.errors import MissingExtra
from got_runtime.evaluation.scores import LineScore

__all__ = ["MAX_EDITS", "match_lines"]

MAX_EDITS = 0.4
"""Edits per character up to which a line counts as found. Parts of unrelated English texts differ by .6 to .8."""

_SHORTEST_IN_ORDER = 4
"""Characters of a piece that counts for the order; shorter ones ("of", "3.") stand in many places."""
_NEARLY_IN_ORDER = 0.9
"""Part of the found text from which edits between the whole texts tell how much of it is out of order: of two lines
that differ by a word, either may be found in the place of the other. Where more is out of order, equal letters meet
by chance.
"""
_SHORTEST_ANYWHERE = 8
"""Characters from which a piece may begin and end within words of the prediction."""

_SHORTEST_INSERTION = 3
"""Characters inserted at one place from which they do not count as misread: they may belong to another line."""

_LEAST_SIMILARITY = 50
"""rapidfuzz's ratio, below which a line is not searched for: it is above 60 where ``MAX_EDITS`` is kept."""

_TAKEN = "\0"
"""Stands for characters of the prediction that belong to a line found before; it is part of no line."""

_SCALE = 1 << 20
"""Costs are multiples of this; the rest of the number is the rank of the start, so that one minimum decides both."""

Integers = NDArray[np.int64]


class _Piece(NamedTuple):
    """A line of the reference or a part of one."""

    text: str
    start: int

    def cut(self, first: int, last: int) -> "_Piece":
        """The characters from ``first`` to before ``last``, without a space at the end."""
        return _Piece(self.text[first:last].rstrip(), self.start + first)


class _Found(NamedTuple):
    """A piece and where it stands in the prediction."""

    piece: _Piece
    start: int
    end: int


class _Aligned(NamedTuple):
    """A piece with the part of the prediction that is nearest to it: the edits between them, and words not there."""

    found: list[_Found]
    misread: int
    unread: list[_Piece]


def match_lines(reference: Sequence[str], prediction: str) -> LineScore:
    """How well the lines of ``reference`` are found in ``prediction``, and in which order.

    Args:
        reference: lines in reading order, each with single spaces; the cells of a row are lines of their own.
        prediction: text of one line with single spaces.

    Raises:
        MissingExtra: rapidfuzz is not installed.
    """
    starts = list(accumulate((len(line) + 1 for line in reference), initial=0))
    total = max(0, starts.pop() - 1)  # a space for each line break
    rest = prediction
    queue = [(-len(line), start, _Piece(line, start)) for line, start in zip(reference, starts, strict=True)]
    heapq.heapify(queue)
    found: list[_Found] = []
    misread = missed = 0
    while queue:
        *_, piece = heapq.heappop(queue)
        expected = int(piece.start * len(prediction) / total)
        place = _exact(rest, piece.text, expected) or _approximate(rest, piece.text, expected)
        aligned = None if place is None else _align(piece, rest, *place)
        if aligned is not None:
            misread += aligned.misread
            found += aligned.found
            for part in aligned.found:
                rest = rest[: part.start] + _TAKEN * (part.end - part.start) + rest[part.end :]
            smaller = aligned.unread
        elif " " in piece.text:
            smaller = _halves(piece)
        else:
            missed += len(piece.text) + (piece.start + len(piece.text) < total)  # and the space after it
            smaller = []
        for each in smaller:
            heapq.heappush(queue, (-len(each.text), each.start, each))
    false_text = sum(len(part.strip()) for part in rest.split(_TAKEN))
    edits = misread + missed + false_text
    order = _order(found)
    if order is not None:
        moved = _rapidfuzz("distance").Levenshtein.distance(" ".join(reference), prediction) - edits
        in_place = 1 - max(0, moved) / sum(len(each.piece.text) for each in found)
        order = in_place if in_place > max(order, _NEARLY_IN_ORDER) else order
    return LineScore(characters=total, misread=misread, missed=missed, false_text=false_text, order=order)


def _halves(piece: _Piece) -> list[_Piece]:
    """Both parts of a piece, divided at the space nearest its middle."""
    middle = len(piece.text) / 2
    cut = min((match.start() for match in re.finditer(" ", piece.text)), key=lambda index: abs(index - middle))
    return [piece.cut(0, cut), piece.cut(cut + 1, len(piece.text))]


def _align(piece: _Piece, rest: str, start: int, end: int) -> _Aligned | None:
    """Compare a piece with the part of ``rest`` from ``start`` to ``end``; ``None`` if no word of it stands there.

    The words that do are those with the most characters beyond twice their edits; those before and after are unread.
    Long insertions are left to other pieces: columns of a table that are read one by one stand between the cells of a
    row.
    """
    text = piece.text
    errors, places, gaps = [0] * len(text), [(start, start)] * len(text), []
    for operation in _rapidfuzz("distance").Levenshtein.opcodes(text, rest[start:end]):
        tag, first, last = operation.tag, operation.src_start, operation.src_end
        place, place_end = start + operation.dest_start, start + operation.dest_end
        if tag == "insert" and place_end - place >= _SHORTEST_INSERTION:
            gaps.append((first, place, place_end))
        elif tag == "insert":
            errors[min(first, len(text) - 1)] += place_end - place
        for index in range(first, last):
            errors[index] += tag != "equal"
            places[index] = (place, place) if tag == "delete" else (place + index - first, place + index - first + 1)
    words = [match.span() for match in re.finditer("[^ ]+", text)]
    run = _best_run([last - first - 2 * sum(errors[first:last]) for first, last in words])
    if run is None:
        return None
    first, last = words[run[0]][0], words[run[1]][1]
    found, part, place = [], first, places[first][0]
    for index, gap_start, gap_end in gaps:
        if first < index < last:
            found.append(_Found(piece.cut(part, index), place, gap_start))
            part, place = index, gap_end
    found.append(_Found(piece.cut(part, last), place, places[last - 1][1]))
    unread = [piece.cut(0, first), piece.cut(last + 1, len(text))]
    return _Aligned(found, sum(errors[first:last]), [each for each in unread if each.text])


def _best_run(gains: Sequence[int]) -> tuple[int, int] | None:
    """First and last index of the consecutive values with the largest sum; ``None`` if no sum is above 0."""
    best, run = 0, None
    total = first = 0
    for index, gain in enumerate(gains):
        if total <= 0:
            total, first = 0, index
        total += gain
        if total > best:
            best, run = total, (first, index)
    return run


def _exact(rest: str, text: str, expected: int) -> tuple[int, int] | None:
    """Start and end of the occurrence of ``text`` nearest to ``expected``."""
    pattern = re.escape(text)
    if len(text) < _SHORTEST_ANYWHERE:
        pattern = rf"(?<![^\s{_TAKEN}]){pattern}(?![^\s{_TAKEN}])"
    starts = [match.start() for match in re.finditer(pattern, rest)]
    if not starts:
        return None
    start = min(starts, key=lambda each: abs(each - expected))
    return start, start + len(text)


def _approximate(rest: str, text: str, expected: int) -> tuple[int, int] | None:
    """Start and end of the part of ``rest`` nearest to ``text`` in edits; ``None`` above :data:`MAX_EDITS`.

    Among parts of equal edits those that begin and end at words are preferred, then the one nearest to ``expected``.
    """
    most = int(MAX_EDITS * len(text))
    offset, rest = _neighbourhood(rest, text, most)
    if not most or not rest:
        return None
    expected -= offset
    codes = np.array([ord(character) for character in rest], dtype=np.int64)
    taken = codes == ord(_TAKEN)
    gap = taken | (codes == ord(" "))
    place = np.arange(len(rest) + 1)
    # Starts in order of preference: at words before others, then by their distance from the expected place.
    inside, inside_end = ~np.concatenate([[True], gap]), ~np.concatenate([gap, [True]])
    starts = np.lexsort((np.abs(place - expected), inside))
    ranks = np.empty_like(place)
    ranks[starts] = place
    refused = _SCALE * (most + 1) * (len(text) < _SHORTEST_ANYWHERE)
    costs = _costs(codes, taken, text, ranks + refused * inside) + refused * inside_end
    edits = costs // _SCALE
    fewest = int(edits.min())
    if fewest > most:
        return None
    ends = np.flatnonzero(edits == fewest)
    end = int(ends[np.lexsort((np.abs(ends - len(text) - expected), inside_end[ends]))[0]])
    return offset + int(starts[costs[end] % _SCALE]), offset + end


def _neighbourhood(rest: str, text: str, most: int) -> tuple[int, str]:
    """The part of ``rest`` around the window that is most similar to ``text``, and its start; empty if none is.

    rapidfuzz searches a page some fifty times faster than :func:`_costs`, but for windows of one length only.
    """
    if len(rest) <= 2 * len(text):
        return 0, rest
    window = _rapidfuzz("fuzz").partial_ratio_alignment(text, rest, score_cutoff=_LEAST_SIMILARITY)
    if window is None:
        return 0, ""
    start = max(0, window.dest_start - most)
    return start, rest[start : window.dest_end + most]


def _rapidfuzz(module: str) -> ModuleType:
    try:
        return importlib.import_module(f"rapidfuzz.{module}")
    except ImportError as error:
        raise MissingExtra("eval", "rapidfuzz") from error


def _costs(codes: Integers, taken: NDArray[np.bool_], text: str, ranks: Integers) -> Integers:
    """Cost of the best part that ends before each character: its edits times ``_SCALE``, plus the rank of its start.

    A part never reaches over a taken character: the search begins anew after it.
    """
    # Each insertion costs one, and one over a taken character more than any part can.
    crossing = np.concatenate([[0], np.cumsum(taken)]) * (len(codes) + len(text))
    walk = (np.arange(len(codes) + 1) + crossing) * _SCALE
    costs = ranks
    for row, character in enumerate(text, start=1):
        substituted = costs[:-1] + _SCALE * (codes != ord(character))
        step = np.concatenate([costs[:1] + _SCALE, np.minimum(substituted, costs[1:] + _SCALE)])
        step[1:][taken] = ranks[1:][taken] + row * _SCALE
        costs = np.minimum.accumulate(step - walk) + walk
    return costs


def _order(found: Sequence[_Found]) -> float | None:
    """The largest fraction of the found text, by characters, that stands in the order of the reference.

    The rest would have to be moved: this is 1 − the Ulam distance, weighted by length. ``None`` below two pieces.
    """
    same_text: dict[str, list[_Found]] = defaultdict(list)
    for each in found:
        if len(each.piece.text) >= _SHORTEST_IN_ORDER:
            same_text[each.piece.text].append(each)
    places: list[tuple[int, int, int]] = []
    for text, members in same_text.items():  # equal pieces are interchangeable: the first is the first
        pairs = zip(sorted(each.piece.start for each in members), sorted(each.start for each in members), strict=True)
        places += [(expected, place, len(text)) for expected, place in pairs]
    if len(places) < 2:
        return None
    best: list[tuple[int, int]] = []
    for _, place, length in sorted(places):
        before = max((weight for other, weight in best if other < place), default=0)
        best.append((place, before + length))
    return max(weight for _, weight in best) / sum(length for *_, length in places)
