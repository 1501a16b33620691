"""Confidence intervals of corpus metrics by the percentile bootstrap.

Pages are drawn with replacement, as many as there are, and the metric is computed again; the middle 95 % of the results
is the interval (Efron & Tibshirani, *An Introduction to the Bootstrap*, 1993, chapter 13). Pages are drawn and not
characters, because errors on one page are not independent.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEVEL", "RESAMPLES", "mean_interval", "ratio_interval"]

LEVEL = 0.95
RESAMPLES = 2_000
"""The ends of a 95 % interval then vary by a few per cent of its width from seed to seed."""

_MAX_DRAWS_IN_MEMORY = 2_000_000
"""Page indices drawn at a time (16 MB), independent of the number of pages."""


def ratio_interval(
    numerators: Sequence[float],
    denominators: Sequence[float],
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float]:
    """Interval of ``sum(numerators) / sum(denominators)``, one entry a page: edits and lengths, for an error rate.

    A resample whose denominators are all 0 counts 0 if its numerators are too and 1 otherwise, as in
    :func:`got_runtime.evaluation.metrics.error_rate`. The same pages and ``seed`` give the same interval.
    """
    above, below = np.asarray(numerators, dtype=np.float64), np.asarray(denominators, dtype=np.float64)
    if above.shape != below.shape:
        raise ValueError(f"{above.size} numerators need as many denominators, got {below.size}")

    def ratio(pages: NDArray[np.int64]) -> NDArray[np.float64]:
        top, bottom = above[pages].sum(axis=1), below[pages].sum(axis=1)
        ratios: NDArray[np.float64] = (top > 0).astype(np.float64)  # kept where the denominator is 0
        np.divide(top, bottom, out=ratios, where=bottom > 0)
        return ratios

    return _interval(ratio, above.size, level, resamples, seed)


def mean_interval(
    values: Sequence[float], *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """Interval of the mean of ``values``, one a page."""
    page_values = np.asarray(values, dtype=np.float64)

    def mean(pages: NDArray[np.int64]) -> NDArray[np.float64]:
        means: NDArray[np.float64] = page_values[pages].mean(axis=1)
        return means

    return _interval(mean, page_values.size, level, resamples, seed)


def _interval(
    statistic: Callable[[NDArray[np.int64]], NDArray[np.float64]], count: int, level: float, resamples: int, seed: int
) -> tuple[float, float]:
    """``statistic`` takes page indices of shape (resamples, count) and gives one value a resample."""
    if count == 0:
        raise ValueError("no pages to draw from")
    if not 0 < level < 1:
        raise ValueError(f"level is between 0 and 1, got {level}")
    rng = np.random.default_rng(seed)
    block = max(1, _MAX_DRAWS_IN_MEMORY // count)
    sizes = [min(block, resamples - start) for start in range(0, resamples, block)]
    results = np.concatenate([statistic(rng.integers(count, size=(size, count))) for size in sizes])
    low, high = np.quantile(results, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
