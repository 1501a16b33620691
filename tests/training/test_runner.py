"""The training loop: logging, saving, resuming, stopping and the learning-rate schedule, on a network of one weight."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from got_runtime.errors import GotError
from got_runtime.training.optimizer import MixedPrecisionOptimizer
from got_runtime.training.runner import LogEntry, Runner, read_state
from got_runtime.training.schedule import Progress, cosine_decay, linear_decay, linear_warmup

CPU = torch.device("cpu")


class LineFit(Runner[int]):
    """Fits ``y = weight · x`` to ``y = 3 x``; batch ``i`` is ``x = i mod 4``."""

    def __init__(self, folder: Path, steps: int, log_steps: int = 2, validate_seconds: float | None = None) -> None:
        self.weight = nn.Parameter(torch.zeros(1, dtype=torch.bfloat16))
        optimizer = MixedPrecisionOptimizer([self.weight], set(), set(), 1.0)
        super().__init__(folder, optimizer, log_steps=log_steps, save_seconds=1e9, validate_seconds=validate_seconds)
        self.steps = steps
        state = read_state(folder, CPU)
        if state is not None:
            self.load_state(state)

    def progress(self) -> Progress:
        return Progress(self.steps)

    def learning_rate(self, progress: Progress) -> float:
        return 0.1

    def batches(self) -> Iterator[int]:
        number = self.step
        while True:
            yield number % 4
            number += 1

    def backward(self, batch: int) -> Iterator[Mapping[str, Any]]:
        loss = ((self.weight * batch - 3.0 * batch) ** 2).sum()
        loss.backward()
        yield {"loss": loss.detach(), "x": batch}

    def validate(self) -> LogEntry:
        return {"distance": abs(3.0 - float(self.weight.detach()))}


def log_of(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_the_log_has_averages_of_every_few_steps_and_the_last_entry_is_validated(tmp_path: Path) -> None:
    entries = list(LineFit(tmp_path, steps=5, validate_seconds=1e9).run())
    assert entries == log_of(tmp_path)
    assert [entry["step"] for entry in entries] == [2, 4, 5]
    assert [entry["x"] for entry in entries] == [0.5, 2.5, 0]
    assert ["distance" in entry for entry in entries] == [False, False, True]


def test_validation_runs_at_its_interval(tmp_path: Path) -> None:
    entries = list(LineFit(tmp_path, steps=4, validate_seconds=0.0).run())
    assert all("distance" in entry for entry in entries)


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    whole = LineFit(tmp_path / "whole", steps=6)
    list(whole.run())
    list(LineFit(tmp_path / "parts", steps=3).run())
    resumed = LineFit(tmp_path / "parts", steps=3)
    assert resumed.step == 3
    list(resumed.run())
    assert resumed.step == 6
    assert torch.equal(resumed.optimizer.masters[0], whole.optimizer.masters[0])
    assert [entry["step"] for entry in log_of(tmp_path / "parts")] == [2, 3, 4, 6]
    assert resumed.seconds > 0


def test_a_stopped_run_ends_after_the_step_and_is_saved(tmp_path: Path) -> None:
    trainer = LineFit(tmp_path, steps=1000, log_steps=1)
    for entry in trainer.run():
        trainer.stopping = entry["step"] == 3
    assert LineFit(tmp_path, steps=1).step == 3


def test_a_run_of_no_steps_takes_none(tmp_path: Path) -> None:
    assert list(LineFit(tmp_path, steps=0).run()) == []
    assert LineFit(tmp_path, steps=0).step == 0


def test_an_interrupted_save_leaves_the_previous_state(tmp_path: Path) -> None:
    class Unsaveable(LineFit):
        def extra_state(self) -> dict[str, Any]:
            return {"generator": (number for number in range(3))}  # cannot be pickled

    list(LineFit(tmp_path, steps=2).run())
    with pytest.raises(TypeError, match="pickle"):
        list(Unsaveable(tmp_path, steps=2).run())
    assert LineFit(tmp_path, steps=1).step == 2


def test_a_damaged_state_is_a_clear_error(tmp_path: Path) -> None:
    list(LineFit(tmp_path, steps=2).run())
    state = tmp_path / "state.pt"
    state.write_bytes(state.read_bytes()[:100])
    with pytest.raises(GotError, match=r"state\.pt is damaged .*: start again in another folder"):
        LineFit(tmp_path, steps=1)
    torch.save({"step": 1}, state)
    with pytest.raises(GotError, match="older version"):
        LineFit(tmp_path, steps=1)


def test_progress_is_by_steps_or_by_the_clock() -> None:
    by_steps = Progress(steps=4, done=1)
    assert by_steps.fraction == 0.25
    by_steps.done = 4
    assert by_steps.finished
    assert 0 < Progress(minutes=1000).fraction < 1e-3
    assert Progress(minutes=1e-12).finished
    assert Progress(steps=0).finished
    assert Progress(steps=10, minutes=1e-12).finished, "whichever ends first"
    assert not Progress().finished


def test_schedules_rise_and_fall_in_a_line_or_a_cosine() -> None:
    assert [linear_warmup(done, 4) for done in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    assert linear_warmup(0, 0) == 1.0
    assert [linear_decay(progress, 0.5) for progress in (0.0, 0.5, 0.75, 1.0)] == [1.0, 1.0, 0.5, 0.0]
    assert linear_decay(0.99, 0.0) == 1.0
    assert [round(cosine_decay(done, 4), 3) for done in range(5)] == [1.0, 0.854, 0.5, 0.146, 0.0]
