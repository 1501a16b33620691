"""What the stages of :mod:`got_runtime.bench.gpu_check` measure: a network, decoders that are filled, whole pages."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from got_runtime.bench.hardware import synchronize, timed
from got_runtime.bench.model_under_test import ModelUnderTest, load_model_under_test
from got_runtime.engine import sequence
from got_runtime.engine.protocol import Completion, Request, completions
from got_runtime.engine.torch_engine.cuda_graphs import GraphedSteps
from got_runtime.engine.torch_engine.engine import TorchEngine
from got_runtime.engine.torch_engine.torch_decoder import TorchDecoder

__all__ = ["Check", "Finding", "median_ms", "read_pages", "step_ms", "token_bytes"]


@dataclass(frozen=True)
class Finding:
    """One line of a stage.

    Attributes:
        what: is measured.
        expected: in words.
        measured: in words.
        passed: whether it is as expected; None where there is nothing to compare.
    """

    what: str
    expected: str
    measured: str
    passed: bool | None = None


@dataclass(frozen=True)
class Check:
    """What the stages measure.

    Attributes:
        device: torch's name.
        model: as for :func:`~got_runtime.bench.model_under_test.load_model_under_test`.
        batch_sizes: pages decoded together.
        tokens: of a page, on average.
    """

    device: str
    model: str
    batch_sizes: tuple[int, ...]
    tokens: int

    @cached_property
    def tested(self) -> ModelUnderTest:
        """The network, loaded at first use."""
        return load_model_under_test(self.model, self.device)

    @property
    def on_gpu(self) -> bool:
        """Whether what is expected of a GPU applies."""
        return self.tested.device.type == "cuda"

    def decoder(self, rows: int) -> tuple[TorchDecoder, GraphedSteps]:
        """A decoder with ``rows`` sequences, which are spread over their completions."""
        tested, prompt = self.tested, len(self.tested.prompt)
        lengths = [prompt + self.tokens * (2 * row + 1) // (2 * rows) for row in range(rows)]
        budget = (sum(lengths) + 512 * rows) * token_bytes(tested)
        decoder = TorchDecoder(tested.model, rows, budget, run_async=True)
        steps = decoder.async_steps
        assert steps is not None
        generator = torch.Generator(tested.device).manual_seed(0)
        width = tested.model.config.text_config.hidden_size
        embedded = torch.randn(prompt, width, device=tested.device, generator=generator).to(tested.dtype) * 0.02
        for row, length in enumerate(lengths):
            decoder.prefill(row, embedded, length + 256, None)
            steps.set_tokens(row, [1 + number * 7 % 200 for number in range(length + 1)], 20)
        return decoder, steps


def token_bytes(tested: ModelUnderTest) -> int:
    text = tested.model.config.text_config
    width = text.num_key_value_heads * (text.hidden_size // text.num_attention_heads)
    return int(2 * text.num_hidden_layers * width * tested.dtype.itemsize)


def read_pages(
    check: Check, rows: int, lengths: list[int], budget: int | None
) -> tuple[list[Completion | Exception], float]:
    """Pages of given lengths through the whole engine: the outcomes, and seconds."""
    tested = check.tested
    pixels = torch.randn(1, 3, tested.image_size, tested.image_size)
    engine = TorchEngine(tested.model, frozenset(), batch_size=rows, kv_cache_bytes=budget)
    try:
        with _loops_go_on():
            warm_up = Request(tested.prompt, pixels, 4, 0)
            list(completions(engine, [warm_up] * min(rows, 2)))
            started = time.perf_counter()
            outcomes = list(completions(engine, [Request(tested.prompt, pixels, n, 0) for n in lengths]))
            return outcomes, time.perf_counter() - started
    finally:
        engine.close()


@contextmanager
def _loops_go_on() -> Iterator[None]:
    """Completions get all of their tokens, although those of random weights repeat."""
    module: Any = sequence
    detector = module.loop_period
    module.loop_period = lambda tokens: 0
    try:
        yield
    finally:
        module.loop_period = detector


def step_ms(steps: GraphedSteps, rows: int, check: Check) -> float:
    """Milliseconds of an asynchronous step, of many that are launched without waiting between."""
    count = 50 if check.on_gpu else 2
    steps.launch(rows)()
    synchronize(check.tested.device)
    started = time.perf_counter()
    for _ in range(count):
        read = steps.launch(rows)
    read()
    synchronize(check.tested.device)
    return (time.perf_counter() - started) / count * 1e3


def median_ms(action: Callable[[], object], check: Check) -> float:
    repeats = 10 if check.on_gpu else 1
    times = sorted(timed(action, check.tested.device) for _ in range(repeats + 1))
    return times[repeats // 2] * 1e3
