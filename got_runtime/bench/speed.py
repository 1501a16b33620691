"""Engines side by side on a page of fixed length, in turns, against the limit of the machine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from got_runtime.bench.hardware import Machine, Spread, forget_peak, peak_memory
from got_runtime.bench.roofline import Work
from got_runtime.bench.stages import Stages

if TYPE_CHECKING:
    import torch

__all__ = ["EngineSpeed", "RowSpeed", "SpeedReport", "measure_speed"]


_IN_A_ROW = 3
"""Pages a turn, one behind the other as they come: the first finds memory as the last engine left it."""


@dataclass(frozen=True)
class RowSpeed:
    """Decoding with so many rows together. ``floor`` is the least seconds a step can take on this machine."""

    rows: int
    step: Spread
    floor: float
    page_seconds: float
    page_floor: float

    @property
    def tokens_per_second(self) -> float:
        """Of all rows together, prefill and encoder left out."""
        return self.rows / self.step.median

    @property
    def pages_per_second(self) -> float:
        """Encoder, prefill and decoding one after the other."""
        return 1 / self.page_seconds


@dataclass(frozen=True)
class EngineSpeed:
    """One engine's stages, in seconds, and the most bytes the process held in its turns."""

    name: str
    peak_memory: int | None
    encode: Spread
    prefill: Spread
    rows: tuple[RowSpeed, ...]


@dataclass(frozen=True)
class SpeedReport:
    """``tokens`` of answer a page."""

    subject: str
    dtype: str
    prompt: int
    tokens: int
    rounds: int
    machine: Machine
    encode_floor: float
    prefill_floor: float
    engines: tuple[EngineSpeed, ...]


def measure_speed(
    engines: Sequence[tuple[Stages, Work]],
    machine: Machine,
    *,
    device: "torch.device",
    prompt: int,
    tokens: int,
    rounds: int,
    repeats: int = 5,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[EngineSpeed, ...]:
    """Every stage of every engine, ``rounds`` times in turns: what disturbs the machine disturbs all of them."""
    encodes: list[list[float]] = [[] for _ in engines]
    prefills: list[list[float]] = [[] for _ in engines]
    steps: list[dict[int, list[float]]] = [{rows: [] for rows in stages.rows} for stages, _ in engines]
    peaks = [0 for _ in engines]
    for stages, _ in engines:
        say(f"warming up {stages.name}")
        stages.encode()
    for turn in range(rounds):
        for place, (stages, _) in enumerate(engines):
            say(f"round {turn + 1} of {rounds}: {stages.name}")
            forget_peak(device)
            encodes[place] += [stages.encode() for _ in range(_IN_A_ROW)]
            prefills[place] += [stages.prefill() for _ in range(_IN_A_ROW)]
            for rows in stages.rows:
                steps[place][rows] += stages.steps(rows, tokens, repeats)
            peaks[place] = max(peaks[place], peak_memory(device) or 0)
    return tuple(
        EngineSpeed(
            stages.name,
            peaks[place] or None,
            Spread.of(encodes[place]),
            Spread.of(prefills[place]),
            _row_speeds(work, machine, prompt, tokens, encodes[place], prefills[place], steps[place]),
        )
        for place, (stages, work) in enumerate(engines)
    )


def _row_speeds(
    work: Work,
    machine: Machine,
    prompt: int,
    tokens: int,
    encode: list[float],
    prefill: list[float],
    steps: dict[int, list[float]],
) -> tuple[RowSpeed, ...]:
    before = Spread.of(encode).median + Spread.of(prefill).median
    least = work.encode(machine) + work.prefill(machine)
    speeds = []
    for rows, seconds in steps.items():
        step, floor = Spread.of(seconds), work.step(machine, rows, prompt + tokens / 2)
        speeds.append(RowSpeed(rows, step, floor, before + tokens * step.median / rows, least + tokens * floor / rows))
    return tuple(speeds)
