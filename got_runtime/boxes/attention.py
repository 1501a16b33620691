"""Element boxes from the decoder's attention: the ink that was attended to while an element was decoded.

A token position is one cell of the 16×16 grid of image tokens, which is coarser than a line of print. So the ink of
each column of cells is cut into runs, one for each line of print. A run is assigned to the element whose tokens
attended to its cell, and an element's box is the hull of its runs.
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

MAX_INK_CONTRAST = 60
"""Difference (of 255) from the paper's tone from which a pixel is always ink."""
MIN_INK_CONTRAST = 20
"""Difference below which a pixel never is."""
VIEW_SIDE = 1024
"""Width and height in pixels to which the page is resized to find ink."""
MAX_LINE_GAP = 5
"""Rows without ink inside one line of print, at most."""
MAX_SPECK_HEIGHT, MAX_LINE_HEIGHT = 3, 160
"""Runs up to the first height (rows) are specks, from the second on they are no line of print."""
MIN_ATTENTION_FRACTION = 0.25
"""Fraction of a cell's attention from which one of several runs in it can be assigned to an element."""
MIN_LINE_OVERLAP = 0.5
"""Fraction of the lower run's height that two neighbouring runs of one line have in common."""
MIN_ATTENTION_SCORE = 0.5
"""Lowest score of a box that is returned: at least half of the element's attention fell on the ink inside.

With got-nano 96 % of the 195 boxes above 0.9 are right (IoU of at least one half), and nine of the twelve below
(``examples/boxes.py --scores``). The bound is lower because got-nano was trained to attend to the position that is
read, and the attention of other weights may be spread wider. For fewer and better boxes, callers select by ``score``.
"""


class TokenPosition(NamedTuple):
    """One token: the index of its first character in the text, and the image token with the most attention.

    ``row`` and ``column`` are those of the image token in the grid, ``weight`` is its attention (0 to 1).
    """

    start: int
    row: int
    column: int
    weight: float


class TokenPositions(NamedTuple):
    """The tokens of one completion over a view of ``side`` × ``side`` image tokens."""

    side: int
    tokens: tuple[TokenPosition, ...]


@dataclass
class _Run:
    """Ink of one line of print in one column of cells, in pixels of the view, and the element that it belongs to."""

    column: int
    top: int
    bottom: int
    left: int
    right: int
    owner: int | None = None


def attention_boxes(
    image: "Image.Image",
    spans: Sequence[tuple[int, int]],
    positions: TokenPositions,
    min_score: float = MIN_ATTENTION_SCORE,
) -> list[ElementBox]:
    """Boxes in pixels of ``image`` for those ``spans`` of the text that can be located.

    Args:
        image: the page image, in one view.
        spans: characters ``[start, end)`` of the elements, in reading order.
        positions: the image token of each token of the text.
        min_score: lowest score of a box.
    """
    if not positions.tokens:
        return []
    grid = positions.side
    cells = _attention_by_cell(spans, positions)
    runs = list(_runs(image, grid))
    _assign_by_attention(runs, cells, VIEW_SIDE // grid)
    _assign_by_neighbours(runs)
    boxes = []
    for index, span in enumerate(spans):
        own = [run for run in runs if run.owner == index]
        score = _score(cells, index, own, VIEW_SIDE // grid)
        if own and score >= min_score:
            edges = _hull(own)
            box = ElementBox(span=span, bbox=edges, score=score, source="attention")
            boxes.append(box.scaled(image.width / VIEW_SIDE, image.height / VIEW_SIDE))
    return boxes


_Cells = dict[tuple[int, int], dict[int, float]]
"""Row and column of a cell → index of an element → attention of its tokens to the cell."""


def _attention_by_cell(spans: Sequence[tuple[int, int]], positions: TokenPositions) -> _Cells:
    cells: _Cells = defaultdict(lambda: defaultdict(float))
    element = 0
    for position in positions.tokens:
        while element < len(spans) - 1 and position.start >= spans[element][1]:
            element += 1
        cells[position.row, position.column][element] += position.weight
    return cells


def _ink(image: "Image.Image") -> npt.NDArray[np.bool_]:
    """Whether each pixel of the view differs from the tone of the paper around it."""
    view = np.asarray(image.convert("L").resize((VIEW_SIDE, VIEW_SIDE)), dtype=np.int16)
    blocks = view.reshape(8, VIEW_SIDE // 8, 8, VIEW_SIDE // 8).swapaxes(1, 2).reshape(8, 8, -1)
    paper = np.median(blocks, axis=2).astype(np.int16)
    difference = np.abs(view - paper.repeat(VIEW_SIDE // 8, 0).repeat(VIEW_SIDE // 8, 1))
    contrast = min(MAX_INK_CONTRAST, max(MIN_INK_CONTRAST, int(np.percentile(difference, 99)) // 2))
    inked: npt.NDArray[np.bool_] = difference > contrast
    return inked


def _runs(image: "Image.Image", grid: int) -> Iterator[_Run]:
    ink, width = _ink(image), VIEW_SIDE // grid
    for column in range(grid):
        strip = ink[:, column * width : (column + 1) * width]
        rows = np.flatnonzero(strip.any(axis=1))
        if not len(rows):
            continue
        for band in np.split(rows, np.flatnonzero(np.diff(rows) > MAX_LINE_GAP) + 1):
            top, bottom = int(band[0]), int(band[-1]) + 1
            if MAX_SPECK_HEIGHT < bottom - top < MAX_LINE_HEIGHT:
                columns = np.flatnonzero(strip[top:bottom].any(axis=0)) + column * width
                yield _Run(column, top, bottom, int(columns[0]), int(columns[-1]) + 1)


def _assign_by_attention(runs: list[_Run], cells: _Cells, height: int) -> None:
    """Assign each run to the element with the most attention to its cell, and several runs in a cell in their order."""
    by_cell: dict[tuple[int, int], list[_Run]] = defaultdict(list)
    for run in runs:
        by_cell[(run.top + run.bottom) // 2 // height, run.column].append(run)
    for cell, inside in by_cell.items():
        if not (claims := cells.get(cell)):
            continue
        total = sum(claims.values())
        owners = sorted(element for element, weight in claims.items() if weight >= MIN_ATTENTION_FRACTION * total)
        for index, run in enumerate(inside):
            in_order = owners[index * len(owners) // len(inside)]
            run.owner = in_order if len(inside) > 1 else max(claims, key=claims.__getitem__)


def _assign_by_neighbours(runs: list[_Run]) -> None:
    """Assign a run without attention to the element of its neighbours on the line, where they agree."""
    for run in [run for run in runs if run.owner is None]:
        neighbours = Counter(
            other.owner
            for other in runs
            if other.owner is not None
            and abs(other.column - run.column) == 1
            and _overlap(run, other) > MIN_LINE_OVERLAP
        )
        if len(neighbours) == 1:
            run.owner = next(iter(neighbours))


def _overlap(one: _Run, other: _Run) -> float:
    """Fraction of the lower run's height that both cover."""
    common = min(one.bottom, other.bottom) - max(one.top, other.top)
    return common / min(one.bottom - one.top, other.bottom - other.top)


def _score(cells: _Cells, element: int, own: list[_Run], height: int) -> float:
    """Fraction of the element's attention that fell on its runs or one cell above or below them."""
    owned = {((run.top + run.bottom) // 2 // height, run.column) for run in own}
    attention = [(cell, weights[element]) for cell, weights in cells.items() if element in weights]
    total = sum(weight for _, weight in attention)
    near = sum(weight for (row, column), weight in attention if any((row + d, column) in owned for d in (0, -1, 1)))
    return min(1.0, near / total) if total else 0.0


def _hull(runs: list[_Run]) -> tuple[float, float, float, float]:
    return (
        float(min(run.left for run in runs)),
        float(min(run.top for run in runs)),
        float(max(run.right for run in runs)),
        float(max(run.bottom for run in runs)),
    )
