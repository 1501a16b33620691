"""Element boxes from the decoder's attention: which ink was looked at while an element was read.

A look names one cell of the 16×16 grid of image tokens, which is coarser than a line of print. So the ink of each
column of cells is cut into runs (the lines of print, at this place), each run goes to the element whose characters were
read from its cell, and an element's box is drawn around the ink it got.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from got_runtime.results import ElementBox

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["TokenPosition", "TokenPositions", "attention_boxes"]

CONTRAST = 60
"""Difference (of 255) from the paper's tone that makes a pixel ink."""
SIDE = 1024
"""Pixels of the view in which ink is looked for."""
GAP, SPECK, TALLEST = 5, 3, 160
"""Rows of that view: gaps inside a line of print, runs too low for one, and too high."""
SOUND = 0.5
"""Least score of a box that is given: at least half of the attention fell on the ink inside.

With got-nano 86 % of the boxes above 0.9 are right (IoU of at least one half), and 54 % of those below
(``examples/boxes.py --scores``). The bar is not put there because got-nano's heads were taught where to look: that of
other weights may be spread wider. Who wants surer boxes asks for a ``bbox_score``.
"""


class TokenPosition(NamedTuple):
    """The character a token of the answer starts at, the image token it was read from, and the attention there."""

    start: int
    row: int
    column: int
    weight: float


class TokenPositions(NamedTuple):
    """A whole answer's looks over a view of ``side`` × ``side`` image tokens."""

    side: int
    tokens: tuple[TokenPosition, ...]


@dataclass
class _Run:
    """Ink of one line of print in one column of cells, in pixels of the view; whose it is, once that is known."""

    column: int
    top: int
    bottom: int
    left: int
    right: int
    owner: int | None = None


def attention_boxes(
    image: "Image.Image",
    spans: Sequence[tuple[int, int]],
    looks: TokenPositions,
    sound: float = SOUND,
) -> list[ElementBox]:
    """Boxes in pixels of ``image`` for those ``spans`` of the answer that can be placed.

    Args:
        image: the page as the network saw it, in one view.
        spans: characters ``[start, end)`` of the elements, in reading order.
        looks: where each token of the answer was read.
        sound: least score of a box.
    """
    if not looks.tokens:
        return []
    grid = looks.side
    cells = _looked_at(spans, looks)
    runs = list(_runs(image, grid))
    _claim(runs, cells, SIDE // grid)
    _spread(runs)
    boxes = []
    for index, span in enumerate(spans):
        own = [run for run in runs if run.owner == index]
        score = _score(cells, index, own, SIDE // grid)
        if own and score >= sound:
            edges = _hull(own)
            box = ElementBox(span=span, bbox=edges, score=score, source="attention")
            boxes.append(box.scaled(image.width / SIDE, image.height / SIDE))
    return boxes


_Cells = dict[tuple[int, int], dict[int, float]]
"""Row and column → element → attention it paid there."""


def _looked_at(spans: Sequence[tuple[int, int]], looks: TokenPositions) -> _Cells:
    cells: _Cells = defaultdict(lambda: defaultdict(float))
    element = 0
    for look in looks.tokens:
        while element < len(spans) - 1 and look.start >= spans[element][1]:
            element += 1
        cells[look.row, look.column][element] += look.weight
    return cells


def _ink(image: "Image.Image") -> npt.NDArray[np.bool_]:
    """Whether each pixel of the view differs from the tone of the paper around it."""
    view = np.asarray(image.convert("L").resize((SIDE, SIDE)), dtype=np.int16)
    blocks = view.reshape(8, SIDE // 8, 8, SIDE // 8).swapaxes(1, 2).reshape(8, 8, -1)
    paper = np.median(blocks, axis=2).astype(np.int16)
    difference = np.abs(view - paper.repeat(SIDE // 8, 0).repeat(SIDE // 8, 1))
    contrast = min(CONTRAST, max(20, int(np.percentile(difference, 99)) // 2))
    inked: npt.NDArray[np.bool_] = difference > contrast
    return inked


def _runs(image: "Image.Image", grid: int) -> Iterator[_Run]:
    ink, width = _ink(image), SIDE // grid
    for column in range(grid):
        strip = ink[:, column * width : (column + 1) * width]
        rows = np.flatnonzero(strip.any(axis=1))
        if not len(rows):
            continue
        for band in np.split(rows, np.flatnonzero(np.diff(rows) > GAP) + 1):
            top, bottom = int(band[0]), int(band[-1]) + 1
            if SPECK < bottom - top < TALLEST:
                columns = np.flatnonzero(strip[top:bottom].any(axis=0)) + column * width
                yield _Run(column, top, bottom, int(columns[0]), int(columns[-1]) + 1)


def _claim(runs: list[_Run], cells: _Cells, height: int) -> None:
    """Each run goes to the element that looked most at its cell; two lines in one cell are told apart by order."""
    shared: dict[tuple[int, int], list[_Run]] = defaultdict(list)
    for run in runs:
        shared[(run.top + run.bottom) // 2 // height, run.column].append(run)
    for cell, inside in shared.items():
        if not (claims := cells.get(cell)):
            continue
        total = sum(claims.values())
        owners = sorted(element for element, share in claims.items() if share >= 0.25 * total)
        for place, run in enumerate(inside):
            in_order = owners[place * len(owners) // len(inside)]
            run.owner = in_order if len(inside) > 1 else max(claims, key=claims.__getitem__)


def _spread(runs: list[_Run]) -> None:
    """A run nobody looked at belongs to its neighbour on the line, where the neighbours agree."""
    for run in [run for run in runs if run.owner is None]:
        beside = Counter(
            other.owner
            for other in runs
            if other.owner is not None and abs(other.column - run.column) == 1 and _overlap(run, other) > 0.5
        )
        if len(beside) == 1:
            run.owner = next(iter(beside))


def _overlap(one: _Run, other: _Run) -> float:
    """Share of the lower run's height that both cover."""
    common = min(one.bottom, other.bottom) - max(one.top, other.top)
    return common / min(one.bottom - one.top, other.bottom - other.top)


def _score(cells: _Cells, element: int, own: list[_Run], height: int) -> float:
    """Share of the element's attention that fell on the ink it got, a cell around included."""
    got = {((run.top + run.bottom) // 2 // height, run.column) for run in own}
    paid = [(cell, shares[element]) for cell, shares in cells.items() if element in shares]
    total = sum(share for _, share in paid)
    near = sum(share for (row, column), share in paid if any((row + d, column) in got for d in (0, -1, 1)))
    return min(1.0, near / total) if total else 0.0


def _hull(runs: list[_Run]) -> tuple[float, float, float, float]:
    return (
        float(min(run.left for run in runs)),
        float(min(run.top for run in runs)),
        float(max(run.right for run in runs)),
        float(max(run.bottom for run in runs)),
    )
