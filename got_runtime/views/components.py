"""Connected components of a mask: the letters, dots, rules and pictures that print is made of."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from got_runtime.views.ink import Mask

__all__ = ["Boxes", "Components", "bounding_boxes", "connected_components", "smallest_labels"]

Boxes = npt.NDArray[np.int64]
"""``(n, 4)``: left, top, right, bottom in pixels; right and bottom are the first pixel outside."""


class Components(NamedTuple):
    """``boxes`` of the components and their ``areas`` in pixels, both in no particular order."""

    boxes: Boxes
    areas: npt.NDArray[np.int64]

    @property
    def widths(self) -> npt.NDArray[np.int64]:
        return self.boxes[:, 2] - self.boxes[:, 0]

    @property
    def heights(self) -> npt.NDArray[np.int64]:
        return self.boxes[:, 3] - self.boxes[:, 1]


def connected_components(mask: Mask) -> Components:
    """Components of 8-connected pixels, by joining runs of neighbouring rows."""
    width = mask.shape[1]
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    _, ends = np.nonzero(edges == -1)
    if not len(starts):
        return Components(np.zeros((0, 4), np.int64), np.zeros(0, np.int64))
    # Runs are sorted by row and column, so those of the next row that touch a run lie between two positions.
    stride = width + 2
    first = np.searchsorted(rows * stride + ends, (rows + 1) * stride + starts, "left")
    last = np.searchsorted(rows * stride + starts, (rows + 1) * stride + ends, "right")
    touching = np.maximum(last - first, 0)
    upper = np.repeat(np.arange(len(starts)), touching)
    within = np.arange(touching.sum()) - np.repeat(np.cumsum(touching) - touching, touching)
    label = smallest_labels(len(starts), upper, within + np.repeat(first, touching))
    runs = np.stack([starts, rows, ends, rows + 1], axis=1)
    return Components(bounding_boxes(runs, label), np.bincount(label, ends - starts).astype(np.int64))


def smallest_labels(count: int, one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
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


def bounding_boxes(boxes: Boxes, label: npt.NDArray[np.int64]) -> Boxes:
    """For each label the box around the boxes that carry it."""
    around = np.empty((int(label.max()) + 1, 4), np.int64)
    around[:, :2], around[:, 2:] = np.iinfo(np.int64).max, 0
    for side in (0, 1):
        np.minimum.at(around[:, side], label, boxes[:, side])
    for side in (2, 3):
        np.maximum.at(around[:, side], label, boxes[:, side])
    return around
