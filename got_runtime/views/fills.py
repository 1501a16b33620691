"""Filled areas: boxes, cells and bars of one grey level, which are the paper of the print that they hold."""

import numpy as np
import numpy.typing as npt

from got_runtime.views.components import Components, Mask, Runs, drawn_sides, joined_runs, mask_of, touching_runs

__all__ = ["filled_areas"]

Levels = npt.NDArray[np.int16]

SAME_LEVEL = 6
"""Grey levels, of 255, by which neighbouring pixels of one area differ at most: JPEG leaves less in a flat area."""
MAX_DEVIATION = 5.0
"""Standard deviation of the levels of an area from one level, or from an even gradient. Shaded paper varies more."""
MIN_WIDTH, MIN_HEIGHT = 40, 16
"""Pixels. A smaller area holds no print, or is the inside of a letter."""
MIN_FILL = 0.35
"""Part of its bounding box that an area covers; the rest is the print in it."""
MIN_RUN = 0.6
"""Length of the longest run of an area, relative to its width: above or below its print it is empty."""
MAX_LETTER = 400
"""Pixels. An area of less height may be a letter of large type, unless it has the four sides of a box."""
MIN_ACROSS, MIN_DOWN = 0.9, 0.7
"""Part of the upper and lower side of a box, and of its other sides, that the area covers. Corners may be round."""
MAX_AREAS = 400
"""The largest areas that are looked at; a page of photographs has thousands."""
STEP = 2
"""Every second row and column says enough."""


def filled_areas(grey: npt.NDArray[np.uint8]) -> Levels:
    """For each pixel the level of the filled area that it lies in, or -1 on the page's own paper. Shape as ``grey``.

    The page's own paper is the largest area of one level. Print in an area belongs to it; where an area lies within
    another one, the inner one counts.
    """
    reduced = grey[::STEP, ::STEP].astype(np.int16)
    found: Levels | None = None
    parts, levels, deviations = _flat_areas(reduced)
    if len(parts.areas):
        paper = int(parts.areas.argmax())
        large = (parts.widths >= MIN_WIDTH // STEP) & (parts.heights >= MIN_HEIGHT // STEP)
        large &= parts.areas >= MIN_FILL * parts.widths * parts.heights
        longest = np.zeros(len(parts.areas), np.int64)
        np.maximum.at(longest, parts.label, parts.runs.lengths)
        large &= longest >= MIN_RUN * parts.widths  # letters that touch have no such run
        large[paper] = True
        numbers = np.flatnonzero(large)
        numbers = numbers[np.argsort(-parts.areas[numbers])][:MAX_AREAS]
        around = (parts.widths * parts.heights)[numbers]
        by_label = np.argsort(parts.label, kind="stable")
        begins = np.searchsorted(parts.label[by_label], np.arange(len(parts.areas) + 1))
        for number in numbers[np.argsort(-around, kind="stable")].tolist():
            if number == paper and found is None:
                continue
            own = by_label[begins[number] : begins[number + 1]]
            left, top, right, bottom = parts.boxes[number].tolist()
            area = _area(parts, number, own)
            # Print may stand so close to an edge that nothing of the area is left between them in its row.
            inside = _between_first_and_last(area) | _between_first_and_last(area.T).T
            if bottom - top < MAX_LETTER // STEP and not _is_box(area, inside):
                continue
            level = np.full((bottom - top, right - left), round(float(levels[number])), np.int16)
            if number == paper or deviations[number] > MAX_DEVIATION:
                gradient = None if number == paper else _gradient(reduced, parts, number, own)
                level = np.full_like(level, -1) if gradient is None else gradient
            if found is None:
                found = np.full(reduced.shape, -1, np.int16)
            found[top:bottom, left:right][inside] = level[inside]
    if found is None:
        return np.broadcast_to(np.int16(-1), grey.shape)
    full = np.repeat(np.repeat(found, STEP, axis=0), STEP, axis=1)
    return full[: grey.shape[0], : grey.shape[1]]


def _flat_areas(grey: Levels) -> tuple[Components, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Areas of neighbouring pixels of about one level, their mean levels, and the deviations from them."""
    width = grey.shape[1]
    flat = grey.ravel()
    starts = np.ones(len(flat), np.bool_)
    starts[1:] = np.abs(np.diff(flat)) > SAME_LEVEL
    starts[::width] = True
    begins = np.flatnonzero(starts)
    lengths = np.diff(begins, append=len(flat))
    sums = np.add.reduceat(flat.astype(np.int64), begins)
    long = lengths >= MIN_WIDTH // STEP // 4
    begins, lengths, mean = begins[long], lengths[long], sums[long] / lengths[long]
    rows = begins // width
    runs = Runs(rows, begins - rows * width, begins - rows * width + lengths)
    one, other = touching_runs(runs)
    # Compared where both runs are, since the level of a gradient changes along them.
    begin, end = np.maximum(runs.begins[one], runs.begins[other]), np.minimum(runs.ends[one], runs.ends[other])
    across = np.minimum((begin + end) // 2, width - 1)
    alike = (begin < end) & (np.abs(grey[runs.rows[one], across] - grey[runs.rows[other], across]) <= SAME_LEVEL)
    parts = joined_runs(runs, one[alike], other[alike])
    weight = np.maximum(parts.areas, 1)
    levels = np.bincount(parts.label, mean * lengths, len(weight)) / weight
    squares = np.bincount(parts.label, mean**2 * lengths, len(weight)) / weight
    return parts, levels, np.sqrt(np.maximum(squares - levels**2, 0))


def _gradient(grey: Levels, parts: Components, number: int, own: npt.NDArray[np.int64]) -> Levels | None:
    """The levels of an area that gets evenly darker or lighter in one direction, or None where it does not."""
    left, top, right, bottom = parts.boxes[number].tolist()
    rows, begins, ends = (each[own] for each in parts.runs)
    xs, ys = np.concatenate([begins, (begins + ends) // 2, ends - 1]), np.tile(rows, 3)
    values = grey[ys, xs].astype(np.float64)
    terms = np.stack([np.ones(len(xs)), xs - left, ys - top], axis=1)
    (level, across, down), *_ = np.linalg.lstsq(terms, values)
    if np.std(values - terms @ (level, across, down)) > MAX_DEVIATION:
        return None
    plane = level + across * np.arange(right - left) + down * np.arange(bottom - top)[:, None]
    return np.asarray(np.clip(np.round(plane), 0, 255), np.int16)


def _is_box(area: Mask, inside: Mask) -> bool:
    """Whether an area has four sides, and something in it or no shape of an upright stroke, such as that of an I."""
    height, width = area.shape
    across, down = drawn_sides(area, 8)
    return bool(across >= MIN_ACROSS and down >= MIN_DOWN and (width >= height or (inside & ~area).any()))


def _area(parts: Components, number: int, own: npt.NDArray[np.int64]) -> Mask:
    """The pixels of an area, whose runs are ``own``, in its bounding box."""
    return mask_of(Runs(*(each[own] for each in parts.runs)), parts.boxes[number])


def _between_first_and_last(mask: Mask) -> Mask:
    """The pixels of each row from its first to its last one."""
    from_left = np.logical_or.accumulate(mask, axis=1)
    from_right = np.logical_or.accumulate(mask[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(from_left & from_right)
