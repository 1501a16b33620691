"""The training loop of pre-training and fine-tuning: takes steps, logs, validates, saves, resumes and stops.

A run has a folder: ``state.pt`` (weights, optimiser and position, replaced atomically) and ``log.jsonl`` (one JSON
object a line, appended). The subclass defines the batches and their gradients.
"""

import json
import logging
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch

from got_runtime.errors import GotError
from got_runtime.training.optimizer import MixedPrecisionOptimizer
from got_runtime.training.schedule import Progress

__all__ = ["LogEntry", "Runner", "read_state"]

logger = logging.getLogger(__name__)

STATE_FILE, LOG_FILE = "state.pt", "log.jsonl"

LogEntry = dict[str, float]
"""One line of ``log.jsonl``: names and values."""

BatchT = TypeVar("BatchT")


def read_state(folder: Path, device: torch.device) -> dict[str, Any] | None:
    """The state that a run has saved in ``folder``, or None where there is none.

    Raises:
        GotError: the file is damaged.
    """
    file = folder / STATE_FILE
    if not file.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(file, map_location=device, weights_only=True)
        _ = state["optimiser"], state["step"], state["seconds"]
    except Exception as error:  # torch.load raises many types for a broken file
        reason = type(error).__name__
        raise GotError(f"{file} is damaged or of an older version ({reason}): start again in another folder") from error
    return state


class Runner(ABC, Generic[BatchT]):
    """A network in training.

    Args:
        folder: folder of the run.
        optimizer: holds the trained parameters and what the optimiser keeps of them.
        log_steps: steps from one log entry to the next.
        save_seconds: seconds from one save to the next.
        validate_seconds: seconds from one validation to the next; None for no validation.
    """

    def __init__(
        self,
        folder: Path,
        optimizer: MixedPrecisionOptimizer,
        *,
        log_steps: int,
        save_seconds: float,
        validate_seconds: float | None = None,
    ) -> None:
        self.folder, self.optimizer = folder, optimizer
        self.log_steps, self.save_seconds, self.validate_seconds = log_steps, save_seconds, validate_seconds
        self.step = 0
        """Steps taken, over all runs in the folder; also the number of the next batch."""
        self.seconds = 0.0
        """Time spent in steps and waiting for batches, over all runs in the folder."""
        self.stopping = False
        """Set it from outside to end the run after the step in progress."""

    @abstractmethod
    def progress(self) -> Progress:
        """The length of the run that begins now."""

    @abstractmethod
    def learning_rate(self, progress: Progress) -> float:
        """Learning rate of the next step."""

    @abstractmethod
    def batches(self) -> Iterator[BatchT]:
        """Endless batches, beginning with number :attr:`step`."""

    @abstractmethod
    def backward(self, batch: BatchT) -> Iterator[Mapping[str, Any]]:
        """Compute the gradients of one optimiser step, then yield the values to be logged; as often as needed.

        The loop calls the optimiser after each. Values are numbers or tensors of one number.
        """

    def validate(self) -> LogEntry:
        """Measure the network on held-out data."""
        return {}

    def log_fields(self, progress: Progress) -> LogEntry:
        """Further fields of a log entry, in front of the averages."""
        return {}

    def extra_state(self) -> dict[str, Any]:
        """Entries that the subclass adds to ``state.pt``."""
        return {}

    def state(self) -> dict[str, Any]:
        """All that a run needs to continue: read by :meth:`load_state`."""
        own = {"optimiser": self.optimizer.state(), "step": self.step, "seconds": self.seconds}
        return own | self.extra_state()

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a state of :func:`read_state`."""
        self.optimizer.load(state["optimiser"])
        self.step, self.seconds = state["step"], state["seconds"]
        logger.info("%s: resumed at step %d", self.folder, self.step)

    def save(self) -> None:
        """Write ``state.pt`` atomically: an interrupted save leaves the previous state whole."""
        partial = self.folder / f"{STATE_FILE}.partial"
        torch.save(self.state(), partial)
        os.replace(partial, self.folder / STATE_FILE)
        logger.info("%s: saved at step %d", self.folder, self.step)

    def run(self) -> Iterator[LogEntry]:
        """Train to the end of :meth:`progress` and save; yields the entries of ``log.jsonl``, the last validated."""
        progress = self.progress()
        averages = _Averages()
        saved = validated = time.monotonic()
        ended = self.stopping or progress.finished
        batches = self.batches()
        with open(self.folder / LOG_FILE, "a", encoding="utf-8") as log:
            while not ended:
                started = time.monotonic()
                rate = self._step(next(batches), progress, averages)
                self.seconds += time.monotonic() - started
                ended = self.stopping or progress.finished
                if ended or self.step % self.log_steps == 0:
                    entry = {"step": self.step, "seconds": round(self.seconds, 3), "rate": rate}
                    entry |= self.log_fields(progress) | averages.take()
                    if self.validate_seconds is not None and (
                        ended or time.monotonic() - validated > self.validate_seconds
                    ):
                        entry |= self.validate()
                        validated = time.monotonic()
                    print(json.dumps(entry), file=log, flush=True)
                    yield entry
                    ended = ended or self.stopping  # set while the caller had the entry
                if not ended and time.monotonic() - saved > self.save_seconds:
                    self.save()
                    saved = time.monotonic()
        self.save()

    def _step(self, batch: BatchT, progress: Progress, averages: "_Averages") -> float:
        """Train on one batch; returns the learning rate."""
        rate = self.learning_rate(progress)
        for values in self.backward(batch):
            averages.add({**values, "norm": self.optimizer.step(rate)})
        self.step, progress.done = self.step + 1, progress.done + 1
        return rate


class _Averages:
    """Means of logged values since the last log entry."""

    def __init__(self) -> None:
        self._values: dict[str, list[float]] = {}

    def add(self, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            self._values.setdefault(name, []).append(float(value))

    def take(self) -> LogEntry:
        """The means, rounded to 6 decimals; the values are then cleared."""
        means = {name: round(sum(values) / len(values), 6) for name, values in self._values.items()}
        self._values = {}
        return means
