"""Requests and checks that the tests of the engines use."""

import random
from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from typing import Any

from helpers.random_networks import TASKS, request_for

from got_runtime.engine.protocol import Completion, Engine, Request, completions
from got_runtime.engine.torch_engine.engine import TorchEngine
from got_runtime.engine.torch_engine.torch_decoder import TorchDecoder
from got_runtime.model.checkpoint import LoadedModel


def generate(
    engine: Engine, requests: Iterable[Request], on_token: Callable[[int, int], None] | None = None
) -> Generator[Any, None, None]:
    """:func:`got_runtime.engine.protocol.completions`, with what it yields taken for what a test expects."""
    return completions(engine, requests, on_token)


def tokens_of(completions: list[Any]) -> list[list[int]]:
    for completion in completions:
        assert isinstance(completion, Completion), completion
    return [list(completion.tokens) for completion in completions]


def mixed_requests(checkpoint: LoadedModel, count: int, longest: int) -> list[Request]:
    """All tasks, ``max_new_tokens`` of 1 to ``longest``, bans of several lengths."""
    rng = random.Random(0)
    return [
        replace(
            request_for(checkpoint, TASKS[number % len(TASKS)], rng.randint(1, longest), number=number % 9),
            ngram_ban=rng.choice([0, 2, 20, checkpoint.ngram_ban]),
        )
        for number in range(count)
    ]


TOKEN_BYTES = 2 * 2 * 2 * 16 * 4
"""Bytes of KV cache for one token of the small network: keys and values, layers, heads, width, float32."""


class AsyncEngine(TorchEngine):
    """The steps that a GPU runs, on a CPU: each step begins before the tokens of the last one are read."""

    def _decoder(self) -> TorchDecoder:
        assert self._network is not None
        return TorchDecoder(
            self._network[0], self._batch_size + 1, self._kv_cache_bytes or 8 * 1024 * TOKEN_BYTES, run_async=True
        )
