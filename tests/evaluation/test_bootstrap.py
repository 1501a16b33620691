"""Bootstrap confidence intervals."""

import math
from collections import Counter

import numpy as np
import pytest

from got_runtime.evaluation.bootstrap import mean_interval, ratio_interval


def test_the_interval_of_equal_pages_is_a_point() -> None:
    assert ratio_interval([1, 1, 1], [10, 10, 10]) == (0.1, 0.1)
    assert mean_interval([0.25]) == (0.25, 0.25)


def test_the_interval_is_the_same_for_the_same_seed() -> None:
    values = list(np.random.default_rng(0).random(50))
    assert mean_interval(values, seed=3) == mean_interval(values, seed=3)
    assert mean_interval(values, seed=3) != mean_interval(values, seed=4)


def test_blank_pages_do_not_divide_by_zero() -> None:
    assert ratio_interval([0, 0], [0, 0]) == (0, 0)
    assert ratio_interval([3, 3], [0, 0]) == (1, 1)


def test_no_pages_and_impossible_levels_are_refused() -> None:
    with pytest.raises(ValueError, match="no pages"):
        mean_interval([])
    with pytest.raises(ValueError, match="level"):
        mean_interval([1.0], level=95)
    with pytest.raises(ValueError, match="as many denominators"):
        ratio_interval([1], [1, 2])


def test_the_interval_covers_the_true_rate_about_19_times_in_20() -> None:
    rng = np.random.default_rng(5)
    corpora, pages, rate = 200, 80, 0.06
    covered = Counter[bool]()
    for _ in range(corpora):
        lengths = rng.integers(20, 600, size=pages)
        edits = rng.binomial(lengths, rng.beta(2, 2 / rate - 2, size=pages))  # pages differ in difficulty
        low, high = ratio_interval(edits.tolist(), lengths.tolist(), resamples=500)
        covered[low <= rate <= high] += 1
    assert 0.89 <= covered[True] / corpora <= 0.99


def test_the_mean_interval_is_that_of_the_normal_for_many_pages() -> None:
    values = np.random.default_rng(1).normal(0.5, 0.1, size=1000)
    half = 1.96 * values.std() / math.sqrt(values.size)
    assert mean_interval(values.tolist()) == pytest.approx((values.mean() - half, values.mean() + half), abs=half * 0.1)
