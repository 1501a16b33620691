"""The host's own work in a step of many rows: a GPU must not wait for it."""

import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from got_runtime.engine.protocol import Request
from got_runtime.engine.shared import SharedBatch
from got_runtime.engine.torch_engine.decoder import StepResult
from got_runtime.engine.torch_engine.scheduler import Scheduler

ROWS, STEPS = 128, 100
MOST_MS = 1.0


class WithoutDevice:
    """A decoder whose steps take no time: see :class:`got_runtime.engine.torch_engine.decoder.Decoder`."""

    max_tokens = 1 << 30

    def __init__(self) -> None:
        self.async_steps = self
        rng = random.Random(0)
        self._chosen = [[rng.randrange(1000) for _ in range(ROWS)] for _ in range(997)]
        self._steps = 0

    def has_room(self, tokens: int) -> bool:
        return True

    def prefill(self, slot: int, embedded: Tensor, capacity: int, attention_trace: Any) -> Tensor:
        return torch.zeros(1, 1)

    def choose(self, hidden: Tensor, banned: Sequence[Sequence[int]]) -> StepResult:
        return [5] * len(hidden), [0.5] * len(hidden)

    def launch(self, batch_size: int, attention_traces: Any = ()) -> Callable[[], StepResult]:
        self._steps += 1
        chosen = self._chosen[self._steps % len(self._chosen)][:batch_size]
        return lambda: (chosen, [0.5] * batch_size)

    def set_tokens(self, slot: int, tokens: Sequence[int], ngram_ban: int) -> None: ...

    def step(self, *_: Any) -> Tensor:
        raise AssertionError("steps are asynchronous")

    def zero(self, slot: int) -> None: ...

    def move(self, source: int, target: int, length: int) -> None: ...

    def release(self, slot: int) -> None: ...


class WithoutEncoder:
    """See :class:`got_runtime.engine.torch_engine.prefill.Prefill`."""

    layers = 1

    def embed(self, request: Request) -> tuple[Tensor, Tensor]:
        return torch.zeros(4, 1), torch.zeros(0, dtype=torch.long)

    def extend(self, embedded: Tensor, tokens: list[int]) -> Tensor:
        return embedded


def test_a_step_of_128_rows_takes_the_host_less_than_a_millisecond() -> None:
    """With an n-gram ban, loop detection, and a caller that wants every token; the machine may be busy, so its own time
    is not counted. A step takes an H200 seven milliseconds."""
    encoder: Any = WithoutEncoder()
    rows = Scheduler(WithoutDevice, encoder, frozenset(), ROWS)
    session = SharedBatch(rows, clock=lambda: 0.0).session()
    for id in range(ROWS):
        session.add(id, Request(tuple(range(287)), torch.zeros(1, 3, 1, 1), 4000, 20))
    while len(rows.running) < ROWS:
        session.step()
    milliseconds = []
    for _ in range(5):
        started = time.thread_time()
        for _ in range(STEPS):
            session.step()
        milliseconds.append((time.thread_time() - started) / STEPS * 1e3)
    assert len(rows.running) == ROWS
    assert min(milliseconds) < MOST_MS
