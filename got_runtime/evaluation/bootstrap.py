"""How far a number could be off because these pages were measured and not others: percentile bootstrap.

Pages are drawn with replacement, as many as there are, and the number is computed again; the middle 95 % of the
results is the interval (Efron & Tibshirani, *An Introduction to the Bootstrap*, 1993, chapter 13). Pages are the unit,
not characters: errors on one page are not independent.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEVEL", "RESAMPLES", "mean_interval", "ratio_interval"]

LEVEL = 0.95
RESAMPLES = 2_000
"""Enough for the ends of a 95 % interval to move by a few per cent of its width from seed to seed."""

_DRAWS_AT_ONCE = 2_000_000
"""Page numbers held in memory at a time (16 MB), whatever the number of pages."""


def ratio_interval(
    numerators: Sequence[float],
    denominators: Sequence[float],
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float]:
    """Interval of ``sum(numerators) / sum(denominators)``, one entry a page (edits and lengths: a corpus's error rate).

    A resample with nothing to read counts 0 if nothing was read and 1 otherwise, as
    :func:`got_runtime.evaluation.metrics.error_rate` does. Same pages and ``seed``, same interval.
    """
    above, below = np.asarray(numerators, dtype=np.float64), np.asarray(denominators, dtype=np.float64)
    if above.shape != below.shape:
        raise ValueError(f"{above.size} numerators need as many denominators, got {below.size}")

    def ratio(pages: NDArray[np.int64]) -> NDArray[np.float64]:
        top, bottom = above[pages].sum(axis=1), below[pages].sum(axis=1)
        ratios: NDArray[np.float64] = (top > 0).astype(np.float64)  # stays where there is nothing to read
        np.divide(top, bottom, out=ratios, where=bottom > 0)
        return ratios

    return _interval(ratio, above.size, level, resamples, seed)


def mean_interval(
    values: Sequence[float], *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """Interval of the mean of ``values``, one a page."""
    each = np.asarray(values, dtype=np.float64)

    def mean(pages: NDArray[np.int64]) -> NDArray[np.float64]:
        means: NDArray[np.float64] = each[pages].mean(axis=1)
        return means

    return _interval(mean, each.size, level, resamples, seed)


def _interval(
    statistic: Callable[[NDArray[np.int64]], NDArray[np.float64]], count: int, level: float, resamples: int, seed: int
) -> tuple[float, float]:
    if count == 0:
        raise ValueError("no pages to draw from")
    if not 0 < level < 1:
        raise ValueError(f"level is a share between 0 and 1, got {level}")
    rng = np.random.default_rng(seed)
    block = max(1, _DRAWS_AT_ONCE // count)
    sizes = [min(block, resamples - start) for start in range(0, resamples, block)]
    results = np.concatenate([statistic(rng.integers(count, size=(size, count))) for size in sizes])
    low, high = np.quantile(results, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
