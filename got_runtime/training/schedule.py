"""Progress of a run, and factors of its learning rate."""

import math
import time

__all__ = ["Progress", "cosine_decay", "linear_decay", "linear_warmup"]


class Progress:
    """The fraction of a run that is done, by its number of steps (reproducible), by the clock, or by the nearer end.

    Args:
        steps: length of the run in steps; None for no limit.
        minutes: length of the run in minutes, counted from now; None for no limit.
        done: steps of the run that were taken before.
    """

    def __init__(self, steps: int | None = None, minutes: float | None = None, done: int = 0) -> None:
        self.steps, self.minutes, self.done = steps, minutes, done
        self._started = time.monotonic()

    @property
    def fraction(self) -> float:
        """From 0 (begun) to 1 (finished)."""
        by_steps = 0.0 if self.steps is None else self.done / self.steps if self.steps else 1.0
        elapsed = time.monotonic() - self._started
        by_clock = 0.0 if self.minutes is None else elapsed / (60 * self.minutes) if self.minutes else 1.0
        return min(1.0, max(by_steps, by_clock))

    @property
    def finished(self) -> bool:
        return self.fraction >= 1.0


def linear_warmup(done: int, steps: int) -> float:
    """Factor of the learning rate of the step after ``done`` others: rises to 1 in the last of ``steps`` steps."""
    return min(1.0, (done + 1) / steps) if steps else 1.0


def linear_decay(progress: float, decay: float) -> float:
    """Factor of the learning rate: 1, then a straight fall to 0 over the last fraction ``decay`` of the run."""
    return min(1.0, (1.0 - progress) / decay) if decay else 1.0


def cosine_decay(done: int, steps: int) -> float:
    """Factor of the learning rate: half a cosine from 1 to 0 over ``steps`` steps."""
    return 0.5 * (1 + math.cos(math.pi * min(1.0, done / max(1, steps))))
