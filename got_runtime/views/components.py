"""Connected components of a mask: the letters, dots, rules and pictures that print is made of."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = [
    "Boxes",
    "Components",
    "Integers",
    "Mask",
    "Runs",
    "bounding_boxes",
    "connected_components",
    "drawn_sides",
    "joined_runs",
    "mask_of",
    "runs_of",
    "smallest_labels",
    "touching_runs",
]

Mask = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
Boxes = npt.NDArray[np.int64]
"""``(n, 4)``: left, top, right, bottom in pixels; right and bottom are the first pixel outside."""


class Runs(NamedTuple):
    """Horizontal runs of set pixels, sorted by row and column: ``begins`` to ``ends``, the first column outside."""

    rows: Integers
    begins: Integers
    ends: Integers

    @property
    def lengths(self) -> Integers:
        return self.ends - self.begins

    def chosen(self, which: npt.NDArray[np.bool_]) -> "Runs":
        return Runs(self.rows[which], self.begins[which], self.ends[which])


class Components(NamedTuple):
    """``boxes`` and ``areas`` (pixels) of the components; all ``runs``, and the component of each as ``label``."""

    boxes: Boxes
    areas: Integers
    runs: Runs
    label: Integers

    @property
    def widths(self) -> Integers:
        return self.boxes[:, 2] - self.boxes[:, 0]

    @property
    def heights(self) -> Integers:
        return self.boxes[:, 3] - self.boxes[:, 1]


def runs_of(mask: Mask) -> Runs:
    """The runs of a mask of shape (height, width)."""
    height, width = mask.shape
    stride = width + 1  # a blank column behind each row, so that no run goes on in the next one
    padded = np.zeros(height * stride + 1, np.bool_)
    padded[1:].reshape(height, stride)[:, :width] = mask
    changes = np.flatnonzero(padded[1:] != padded[:-1])
    rows = changes[::2] // stride
    return Runs(rows, changes[::2] - rows * stride, changes[1::2] - rows * stride)


def connected_components(mask: Mask) -> Components:
    """Components of 8-connected pixels of a mask."""
    return components_of(runs_of(mask))


def components_of(runs: Runs) -> Components:
    """Components of runs: those of neighbouring rows that touch, corners included, belong together."""
    return joined_runs(runs, *touching_runs(runs))


def joined_runs(runs: Runs, one: Integers, other: Integers) -> Components:
    """Components of runs of which the pairs (``one[i]``, ``other[i]``) belong together."""
    rows, begins, ends = runs
    label = smallest_labels(len(rows), one, other)
    boxes = bounding_boxes(np.stack([begins, rows, ends, rows + 1], axis=1), label)
    return Components(boxes, np.bincount(label, ends - begins).astype(np.int64), runs, label)


def mask_of(runs: Runs, box: Sequence[int]) -> Mask:
    """The runs of a component as a mask of its ``box`` (left, top, right, bottom)."""
    left, top, right, bottom = box
    rows, begins, ends = runs
    edges = np.zeros((bottom - top, right - left + 1), np.int8)
    np.add.at(edges, (rows - top, begins - left), 1)
    np.add.at(edges, (rows - top, ends - left), -1)
    return np.cumsum(edges, axis=1, dtype=np.int8)[:, :-1].astype(bool)


def drawn_sides(mask: Mask, part: int) -> tuple[float, float]:
    """How much of the length of the level sides is drawn, and of the upright ones: of the poorer one of both.

    A side is the outer one of ``part`` strips.
    """
    deep, wide = (max(1, side // part) for side in mask.shape)
    across = min(mask[:deep].any(axis=0).mean(), mask[-deep:].any(axis=0).mean())
    down = min(mask[:, :wide].any(axis=1).mean(), mask[:, -wide:].any(axis=1).mean())
    return float(across), float(down)


def touching_runs(runs: Runs) -> tuple[Integers, Integers]:
    """Pairs of runs of neighbouring rows that touch, corners included: the upper ones and the lower ones."""
    rows, begins, ends = runs
    if not len(rows):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    # Runs are sorted by row and column, so those of the next row that touch a run lie between two positions.
    stride = int(ends.max()) + 2
    place, below = rows * stride, (rows + 1) * stride
    first = np.searchsorted(place + ends, below + begins, "left")
    last = np.searchsorted(place + begins, below + ends, "right")
    touching = np.maximum(last - first, 0)
    upper = np.repeat(np.arange(len(rows)), touching)
    within = np.arange(len(upper)) - np.repeat(np.cumsum(touching) - touching, touching)
    return upper, within + np.repeat(first, touching)


def smallest_labels(count: int, one: Integers, other: Integers) -> Integers:
    """Labels 0, 1, 2… of ``count`` items, of which the pairs (``one[i]``, ``other[i]``) belong together."""
    label = np.arange(count)
    while True:
        a, b = label[one], label[other]
        apart = a != b
        if not apart.any():
            return np.unique(label, return_inverse=True)[1]
        one, other, a, b = one[apart], other[apart], a[apart], b[apart]
        np.minimum.at(label, np.maximum(a, b), np.minimum(a, b))
        while not np.array_equal(shorter := label[label], label):  # every label points to its root
            label = shorter


def bounding_boxes(boxes: Boxes, label: Integers) -> Boxes:
    """For each label the box around the boxes that carry it."""
    around = np.empty((int(label.max(initial=-1)) + 1, 4), np.int64)
    around[:, :2], around[:, 2:] = np.iinfo(np.int64).max, 0
    for side in (0, 1):
        np.minimum.at(around[:, side], label, boxes[:, side])
    for side in (2, 3):
        np.maximum.at(around[:, side], label, boxes[:, side])
    return around
