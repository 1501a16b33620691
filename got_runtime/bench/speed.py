"""Measures engines on a page of fixed length, in turns, and compares them with the roofline."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from got_runtime.bench.hardware import Hardware, Spread, peak_memory, reset_peak_memory
from got_runtime.bench.roofline import Work
from got_runtime.bench.stages import Stages

if TYPE_CHECKING:
    import torch

__all__ = ["BatchSpeed", "EngineSpeed", "SpeedReport", "measure_speed"]

_PAGES_PER_TURN = 3
"""Pages measured one after the other in each turn: in the first one the CPU caches hold data of the previous engine."""


@dataclass(frozen=True)
class BatchSpeed:
    """Decoding with one batch size.

    Attributes:
        batch_size: sequences that are decoded together.
        step: seconds of a decoding step.
        step_limit: least seconds of a step, by the roofline.
        page_seconds: seconds a page, for encoder, prefill and decoding one after the other.
        page_limit: least seconds a page, by the roofline.
    """

    batch_size: int
    step: Spread
    step_limit: float
    page_seconds: float
    page_limit: float

    @property
    def tokens_per_second(self) -> float:
        """Tokens of all sequences, without encoder and prefill."""
        return self.batch_size / self.step.median

    @property
    def pages_per_second(self) -> float:
        """Pages a second, with encoder, prefill and decoding one after the other."""
        return 1 / self.page_seconds


@dataclass(frozen=True)
class EngineSpeed:
    """The speed of one engine.

    Attributes:
        name: of the engine and its precision.
        peak_memory: most bytes held during its turns, or None if unknown.
        encode: seconds of the vision encoder for one page.
        prefill: seconds of one prompt.
        batches: decoding with each batch size.
    """

    name: str
    peak_memory: int | None
    encode: Spread
    prefill: Spread
    batches: tuple[BatchSpeed, ...]


@dataclass(frozen=True)
class SpeedReport:
    """The speed of several engines, and the conditions of the measurement.

    Attributes:
        model: name of the network.
        dtype: its precision.
        prompt: tokens of a prompt.
        tokens: tokens of a completion.
        rounds: measurements of each engine.
        hardware: its limits.
        code: what runs the torch engine: compiled C with its instructions, or torch.
        left_out: batch sizes that do not fit into memory, each in a sentence.
        encode_limit: least seconds of the vision encoder, by the roofline.
        prefill_limit: least seconds of a prompt, by the roofline.
        engines: in the order of their turns.
    """

    model: str
    dtype: str
    prompt: int
    tokens: int
    rounds: int
    hardware: Hardware
    code: str
    left_out: tuple[str, ...]
    encode_limit: float
    prefill_limit: float
    engines: tuple[EngineSpeed, ...]


def measure_speed(
    engines: Sequence[tuple[Stages, Work]],
    hardware: Hardware,
    *,
    device: "torch.device",
    prompt: int,
    tokens: int,
    rounds: int,
    repeats: int = 5,
    on_progress: Callable[[str], None] = lambda _: None,
) -> tuple[EngineSpeed, ...]:
    """Measure every stage of every engine ``rounds`` times, in turns, so that disturbances affect all of them.

    Args:
        engines: with the work of one page in their precision.
        hardware: for the roofline.
        device: of the engines.
        prompt: tokens of a prompt.
        tokens: tokens of a completion.
        rounds: turns of each engine.
        repeats: steps measured in each turn and batch size.
        on_progress: called with progress messages.
    """
    encodes: list[list[float]] = [[] for _ in engines]
    prefills: list[list[float]] = [[] for _ in engines]
    steps: list[dict[int, list[float]]] = [{size: [] for size in stages.batch_sizes} for stages, _ in engines]
    peaks = [0 for _ in engines]
    for stages, _ in engines:
        on_progress(f"warming up {stages.name}")
        stages.encode()
    for turn in range(rounds):
        for index, (stages, _) in enumerate(engines):
            on_progress(f"round {turn + 1} of {rounds}: {stages.name}")
            reset_peak_memory(device)
            encodes[index] += [stages.encode() for _ in range(_PAGES_PER_TURN)]
            prefills[index] += [stages.prefill() for _ in range(_PAGES_PER_TURN)]
            for batch_size in stages.batch_sizes:
                steps[index][batch_size] += stages.steps(batch_size, tokens, repeats)
            peaks[index] = max(peaks[index], peak_memory(device) or 0)
    return tuple(
        EngineSpeed(
            stages.name,
            peaks[index] or None,
            Spread.of(encodes[index]),
            Spread.of(prefills[index]),
            _batch_speeds(work, hardware, prompt, tokens, encodes[index], prefills[index], steps[index]),
        )
        for index, (stages, work) in enumerate(engines)
    )


def _batch_speeds(
    work: Work,
    hardware: Hardware,
    prompt: int,
    tokens: int,
    encode: list[float],
    prefill: list[float],
    steps: dict[int, list[float]],
) -> tuple[BatchSpeed, ...]:
    before_decoding = Spread.of(encode).median + Spread.of(prefill).median
    before_decoding_limit = work.encode(hardware) + work.prefill(hardware)
    speeds = []
    for batch_size, seconds in steps.items():
        step, limit = Spread.of(seconds), work.step(hardware, batch_size, prompt + tokens / 2)
        speeds.append(
            BatchSpeed(
                batch_size,
                step,
                limit,
                before_decoding + tokens * step.median / batch_size,
                before_decoding_limit + tokens * limit / batch_size,
            )
        )
    return tuple(speeds)
