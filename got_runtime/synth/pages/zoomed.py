"""Kind ``zoomed``: a view as the runtime shows pages of small type, pieces of their lines stacked one below the other.

A page of small type is made, its lines are found and cut by :mod:`got_runtime.views`, and the answer is what is printed
on the pieces of one view. Pages are tilted and degraded before that. The held-out views change with the views' code.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from PIL import Image

from got_runtime.synth.degrade import turned
from got_runtime.synth.faces import Face
from got_runtime.synth.pages.character_boxes import Overfull
from got_runtime.synth.pages.plain import HELD_OUT, TRAINING, plain_page
from got_runtime.synth.pages.prose import prose_page
from got_runtime.synth.sample import PageSample
from got_runtime.views.lines import PageLines, find_lines
from got_runtime.views.pieces import Piece, cut_into_pieces
from got_runtime.views.stack import stacked_view

SMALL_TYPE = replace(
    HELD_OUT,
    max_lines=14,
    line_characters=(42, 96),
    em=(14.0, 26.0),
    min_advance=0.0,
    full=0.7,
    ratio=(0.9, 1.6),
    long_side=(900.0, 1600.0),
)
"""As type of 10 points at 100 to 250 dots per inch, on small pages: finding lines takes longer on large ones."""
PROSE_SHARE = 0.65
"""Of the pages; the others are words by frequency, in training with random strings."""
SCAN_SHARE = 0.3
"""Of the pages: scanned at a low resolution and compressed."""
CHARACTERS, ROWS = 34, 10
"""Length of a piece and pieces of a view; in training also shorter, longer and fewer."""
VIEWS = 4
"""Seeds of a training stream that share a page."""
EDGE = 0.3
"""x-heights beside a piece's box that its picture surely shows."""


def make(seed: tuple[int, int], faces: Sequence[Face], training: bool) -> PageSample:
    """One view of a page of small type. In training, neighbours in a stream may be views of the same page.

    Raises:
        Overfull: no line of the page was found whole.
    """
    stream, index = seed
    page, found = _page_and_lines((stream, index - index % VIEWS if training else index), tuple(faces), training)
    rng = np.random.default_rng((*seed, 1))
    characters = int(rng.integers(26, 39)) if training else CHARACTERS
    pieces = _known_pieces(page, found, cut_into_pieces(found, characters))
    if not pieces:
        raise Overfull("no line of the page was found whole")
    rows = max(1, round(ROWS / CHARACTERS * characters))
    begin = rows * int(rng.integers(-(-len(pieces) // rows)))
    shown = pieces[begin : begin + rows]
    if training and rng.random() < 0.2:  # a view whose answer did not fit is read again in halves
        shown = shown[: max(1, len(shown) // int(rng.choice([2, 4])))]
    return replace(_view_of(page, found, shown), seed=seed)


@lru_cache(maxsize=2)
def _page_and_lines(seed: tuple[int, int], faces: tuple[Face, ...], training: bool) -> tuple[PageSample, PageLines]:
    """A page of small type and its lines; kept, because finding them takes longer than all the rest."""
    rng = np.random.default_rng(seed)
    style = replace(SMALL_TYPE, faces=faces, noise=TRAINING.noise if training else 0.0)
    if rng.random() < PROSE_SHARE:
        page = prose_page(seed, replace(style, noise=style.noise / 2), training)
    else:
        page = plain_page(seed, style)
    if rng.random() < SCAN_SHARE:
        page = _scanned(rng, page)
    return page, find_lines(page.image)


def _scanned(rng: np.random.Generator, page: PageSample) -> PageSample:
    """The page at 70 to 95 % of its resolution, as JPEG of low quality."""
    part = rng.uniform(0.7, 0.95)
    width, height = (round(part * side) for side in page.image.size)
    buffer = io.BytesIO()
    page.image.resize((width, height), Image.Resampling.BOX).save(buffer, "JPEG", quality=int(rng.integers(30, 70)))
    buffer.seek(0)
    scale = np.array([width / page.image.width, height / page.image.height] * 2, dtype=np.float32)
    return replace(page, image=Image.open(buffer).convert("RGB"), boxes=page.boxes * scale)


@dataclass(frozen=True)
class _KnownPiece:
    """A piece, and for each of its parts the characters of the page that are printed on it."""

    piece: Piece
    parts: tuple[range, ...]


def _known_pieces(page: PageSample, found: PageLines, pieces: Sequence[Piece]) -> list[_KnownPiece]:
    """The pieces of whose every part the text is known."""
    boxes = turned(page.boxes, found.angle, page.image.size)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    visible = np.array([not character.isspace() for character in page.text])
    known = []
    for piece in pieces:
        parts = [_printed_on(part, piece.x_height, page.text, centres, visible) for part in piece.parts]
        if all(parts):
            known.append(_KnownPiece(piece, tuple(part for part in parts if part)))
    return known


def _printed_on(
    box: tuple[int, int, int, int], x_height: float, text: str, centres: np.ndarray, visible: np.ndarray
) -> range | None:
    """The characters in a box; None where there are none, or where they do not follow one another on one line."""
    left, top, right, bottom = box
    x, y = centres.T
    inside = visible & (x > left - EDGE * x_height) & (x < right + EDGE * x_height) & (y > top) & (y < bottom)
    indices = np.flatnonzero(inside)
    if not len(indices):
        return None
    first, last = int(indices[0]), int(indices[-1])
    between = slice(first, last + 1)
    whole = "\n" not in text[between] and bool(inside[between][visible[between]].all())
    return range(first, last + 1) if whole else None


def _view_of(page: PageSample, found: PageLines, pieces: Sequence[_KnownPiece]) -> PageSample:
    boxes = turned(page.boxes, found.angle, page.image.size)
    view = stacked_view(found, [each.piece for each in pieces])
    text: list[str] = []
    placed: list[np.ndarray] = []
    for each, placements in zip(pieces, view.placements, strict=True):
        for number, (part, (scale, offset)) in enumerate(zip(each.parts, placements, strict=True)):
            here = boxes[part.start : part.stop] * scale + np.array(offset * 2)
            if number:
                text.append(" ")
                placed.append(np.array([[placed[-1][-1, 2], here[0, 1], here[0, 0], here[0, 3]]]))
            text.append(page.text[part.start : part.stop])
            placed.append(here)
        text.append("\n")
        placed.append(placed[-1][-1:, [2, 1, 2, 3]])
    joined = np.concatenate(placed[:-1]).astype(np.float32)
    return replace(page, image=view.image.convert("RGB"), text="".join(text[:-1]), boxes=joined)
