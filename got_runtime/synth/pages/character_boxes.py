"""The box of every character of an answer on its typeset page."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from got_runtime.synth.pages.answer import Piece, TypesetAnswer
from got_runtime.synth.pages.typeset import Box, Typeset

_UNKNOWN = (float("nan"),) * 4


class Overfull(ValueError):
    """Something is printed beyond the edge of its page, such as a table of long words in a bold face."""


def character_boxes(answer: TypesetAnswer, page: Typeset, em: float) -> tuple[np.ndarray, list[tuple[str, Box]]]:
    """The boxes ``(characters, 4)`` of an answer's characters, and the drawn symbols with theirs, in pixels.

    Args:
        em: type size in pixels; decides the size of boxes of markup that has a position but no ink.

    Raises:
        Overfull: something is not on the page.
    """
    boxes: list[Box] = []
    pending: list[int] = []
    symbols: list[tuple[str, Box]] = []
    spaces: list[int] = []

    def put(box: Box, times: int) -> None:
        if times and box == box:  # not NaN
            for index in pending:
                boxes[index] = box
            pending.clear()
        boxes.extend([box] * times)

    for number, piece in enumerate(answer.pieces):
        count = len(piece.text)
        if piece.at == "next":
            pending.extend(range(len(boxes), len(boxes) + count))
            boxes.extend([_UNKNOWN] * count)
        elif piece.at == "space":
            spaces.extend(range(len(boxes), len(boxes) + count))
            boxes.extend([_UNKNOWN] * count)
        elif piece.at == "previous":
            boxes.extend([next((b for b in reversed(boxes) if b[0] == b[0]), _UNKNOWN)] * count)
        elif piece.at == "letters":
            _put_letters(piece, page, put, symbols)
        else:
            box = _area(piece, page, em, answer.pieces[number + 1 :])
            put(box, count)
            if piece.symbol:
                symbols.append((piece.symbol, box))
            else:
                letters = page.letters.get(piece.ink, ()) if piece.printed else ()
                symbols.extend(zip(piece.printed, letters, strict=len(letters) == len(piece.printed)))
    _fill_spaces(boxes, spaces)
    return np.array(boxes, dtype=np.float32).reshape(-1, 4), symbols


def _put_letters(piece: Piece, page: Typeset, put: Any, symbols: list[tuple[str, Box]]) -> None:
    letters = page.letters.get(piece.ink, ())
    if len(letters) != len(piece.printed):
        raise Overfull(f"{piece.printed!r} was printed as {len(letters)} letters")
    rest = piece.text
    for character, box in zip(piece.printed, letters, strict=True):
        width = 1 + rest.startswith("\\")
        put(box, width)
        symbols.append((character, box))
        rest = rest[width:]


def _area(piece: Piece, page: Typeset, em: float, following: Sequence[Piece]) -> Box:
    if piece.at == "cross":
        if not {piece.ink, piece.row} <= page.letters.keys():
            raise Overfull("a ruler of the table is not on the page")
        (column, *_), (row, *_) = page.letters[piece.ink], page.letters[piece.row]
        x, y = column[0], row[3]
        return x - 0.3 * em, y - 0.4 * em, x + 0.3 * em, y + 0.4 * em
    box = page.areas.get(piece.ink) or _around(page.letters.get(piece.ink, ()))
    if piece.at == "left":
        after = next((page.areas[p.ink] for p in following if p.ink != piece.ink and p.ink in page.areas), box)
        return box[0], box[1], min(box[2], max(after[0], box[0] + 1)), box[3]
    return box


def _around(letters: Sequence[Box]) -> Box:
    """The box around letters, for an ink that covers no pixel completely."""
    if not letters:
        return _UNKNOWN
    left, top, right, bottom = zip(*letters, strict=True)
    return min(left), min(top), max(right), max(bottom)


def _fill_spaces(boxes: list[Box], spaces: Sequence[int]) -> None:
    """A space has the box between its neighbours, or no width where its line ends."""
    unknown = set(spaces)
    for index in spaces:
        before = next((boxes[i] for i in range(index - 1, -1, -1) if i not in unknown), None)
        after = next((boxes[i] for i in range(index + 1, len(boxes)) if i not in unknown), None)
        if before is None:
            boxes[index] = after or _UNKNOWN
        elif after is not None and after[0] >= before[2] - 1 and after[1] < before[3] and before[1] < after[3]:
            boxes[index] = (before[2], before[1], max(after[0], before[2]), before[3])
        else:
            boxes[index] = (before[2], before[1], before[2], before[3])
