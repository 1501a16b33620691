"""The data of charts: titles, labels and values that can be read off exactly."""

import string
from dataclasses import dataclass

import numpy as np

from got_runtime.synth.text import english_words

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_PRINTED = 0.85
"""Fraction of bar and line charts that print their values; on the others the values are on grid lines."""


@dataclass(frozen=True)
class ChartData:
    """The data of a chart. ``printed`` is the notation of each value, in the chart and in the answer."""

    kind: str
    title: str
    x_title: str
    labels: tuple[str, ...]
    values: tuple[float, ...]
    printed: tuple[str, ...]
    step: float
    """Distance of the axis' ticks; 0 where no axis is drawn."""
    shown: bool
    """Whether the values are printed in the chart."""

    @property
    def top(self) -> float:
        """End of the axis of values."""
        return self.step * np.ceil(max(self.values) / self.step * 1.02) if self.step else max(self.values)


def _words(rng: np.random.Generator, count: int, longest: int, training: bool) -> list[str]:
    """``count`` different capitalised words of 2 to ``longest`` letters; in training some are random strings."""
    words, cumulative = english_words()
    found: list[str] = []
    while len(found) < count:
        if training and rng.random() < 0.3:
            letters = string.ascii_letters + string.digits
            word = "".join(letters[i] for i in rng.integers(len(letters), size=rng.integers(2, longest + 1)))
        else:
            word = words[min(int(np.searchsorted(cumulative, rng.random())), len(words) - 1)].capitalize()
        if 2 <= len(word) <= longest and word.isalnum() and word not in found:
            found.append(word)
    return found


def _labels(rng: np.random.Generator, count: int, longest: int, training: bool) -> list[str]:
    kind = rng.integers(5)
    if kind == 0 and longest >= 4:
        first, gap = int(rng.integers(1950, 2025)), int(rng.choice([1, 1, 2, 5]))
        return [str(first + gap * i) for i in range(count)]
    if kind == 1:
        first = int(rng.integers(len(_MONTHS) - count + 1))
        return list(_MONTHS[first : first + count])
    if kind == 2:
        first = int(rng.integers(20))
        return list(string.ascii_uppercase[first : first + count])
    return _words(rng, count, longest, training)


def _numbers(rng: np.random.Generator, count: int, shown: bool) -> tuple[list[float], list[str], float]:
    """Values, their notation, and the distance of the axis' ticks."""
    unit = float(rng.choice([1, 2, 5, 10, 20, 50, 100]))
    ticks = int(rng.integers(4, 7))
    if not shown:
        values = [unit * int(i) for i in rng.integers(1, ticks + 1, size=count)]
        return values, [f"{value:g}" for value in values], unit
    decimals = 1 if unit <= 10 and rng.random() < 0.3 else 0
    values = [round(float(v), decimals) for v in rng.uniform(max(0.06 * ticks * unit, 1), ticks * unit, size=count)]
    return values, [f"{value:.{decimals}f}" for value in values], unit


def _percentages(rng: np.random.Generator, count: int) -> list[int]:
    """Integer percentages of at least 6 that add up to 100."""
    parts = rng.dirichlet(np.full(count, 3.0)) * (100 - 6 * count)
    whole = [int(part) + 6 for part in parts]
    whole[int(np.argmax(whole))] += 100 - sum(whole)
    return whole


def chart_data(rng: np.random.Generator, training: bool) -> ChartData:
    """Two to six points, titles and the kind of chart they are drawn as: bar, barh (lying bars), line or pie."""
    kind = str(rng.choice(["bar", "barh", "line", "pie"], p=[0.4, 0.2, 0.2, 0.2]))
    count = int(rng.integers(2, 6 if kind == "pie" else 7))
    labels = _labels(rng, count, 6 if kind in ("barh", "pie") else 4 if count > 4 else 6, training)
    title = " ".join(_words(rng, int(rng.integers(1, 4)), 8, training)) if rng.random() < 0.85 else ""
    if kind == "pie":
        percentages = _percentages(rng, count)
        return ChartData(
            kind, title, "", tuple(labels), tuple(percentages), tuple(f"{s}%" for s in percentages), 0.0, True
        )
    shown = bool(rng.random() < _PRINTED)
    numbers, printed, step = _numbers(rng, count, shown)
    if shown and rng.random() < 0.3:
        step = 0.0
    x_title = _words(rng, 1, 10, training)[0] if rng.random() < 0.4 else ""
    return ChartData(kind, title, x_title, tuple(labels), tuple(numbers), tuple(printed), step, shown)
