"""A long page costs its own length of KV cache, growing holds no second copy, and no page that fits is lost."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from helpers.engine_requests import TOKEN_BYTES
from helpers.random_networks import NARROW_TEXT, NARROW_VISION, network
from torch import Tensor

from got_runtime.engine import memory
from got_runtime.engine.protocol import Completion, Request, completions
from got_runtime.engine.torch_engine import kv_cache, torch_decoder
from got_runtime.engine.torch_engine.engine import TorchEngine
from got_runtime.engine.torch_engine.kv_cache import RowCache
from got_runtime.engine.torch_engine.prefill import Prefill
from got_runtime.engine.torch_engine.torch_decoder import TorchDecoder
from got_runtime.model.checkpoint import LoadedModel


@pytest.fixture(scope="module")
def small() -> LoadedModel:
    return network(256, NARROW_VISION, NARROW_TEXT, scale=0.25)


class WithoutArithmetic(TorchEngine):
    """Counts steps and takes memory as the network would, but chooses tokens without it."""

    def __init__(self, checkpoint: LoadedModel, room: int | None, batch_size: int, paged: bool) -> None:
        self.steps = 0
        self.paged = paged
        bytes_ = None if room is None else room * TOKEN_BYTES
        super().__init__(checkpoint.model, frozenset(), batch_size=batch_size, kv_cache_bytes=bytes_)

    def _prefill(self, model: Any, tile_batch: int, packed: Any) -> Prefill:
        class Embeddings(Prefill):
            def embed(self, request: Request) -> tuple[Tensor, Tensor]:
                return torch.zeros(len(request.prompt), 64), torch.zeros(0, dtype=torch.long)

            def extend(self, embedded: Tensor, tokens: list[int]) -> Tensor:
                return torch.zeros(len(embedded) + len(tokens), 64)

        return Embeddings(model, tile_batch)

    def _decoder(self) -> TorchDecoder:
        assert self._network is not None
        engine, budget = self, self._kv_cache_bytes or int(memory.free_memory(self._device) * memory.KV_CACHE_FRACTION)
        rng = random.Random(0)

        class Decoder(TorchDecoder):
            def step(self, *arguments: Any) -> Tensor:
                engine.steps += 1
                return super().step(*arguments)

            def choose(self, hidden: Tensor, banned: Sequence[Sequence[int]]) -> tuple[list[int], list[float]]:
                return [rng.randrange(250) for _ in hidden], [1.0] * len(hidden)

        decoder = Decoder(self._network[0], self._batch_size + 1, budget, run_async=self.paged)
        decoder.async_steps = None
        return decoder


def steps_of(
    checkpoint: LoadedModel,
    lengths: list[int],
    room: int | None,
    monkeypatch: pytest.MonkeyPatch,
    *,
    paged: bool,
    batch_size: int = 8,
) -> int:
    """Steps until all pages are read; each gets all of its tokens."""

    def without_layers(language: Any, embedded: Tensor, positions: Tensor, attend: Any) -> Tensor:
        return embedded

    monkeypatch.setattr(torch_decoder, "forward", without_layers)
    engine = WithoutArithmetic(checkpoint, room, batch_size, paged)
    requests = (Request((1,) * 20, torch.zeros(1), length, 0) for length in lengths)
    for completion, length in zip(completions(engine, requests), lengths, strict=True):
        assert isinstance(completion, Completion)
        assert len(completion.tokens) == length
    return engine.steps


SHORT = [300] * 95
WITH_A_LONG_ONE = [*SHORT[:10], 2500, *SHORT[10:]]


@pytest.mark.parametrize("paged", [False, True])
def test_one_long_page_among_short_ones_costs_few_steps(
    small: LoadedModel, paged: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In slots of equal length 3,168 of 7,147 steps had a single row."""
    alone = steps_of(small, SHORT, 8 * 1000, monkeypatch, paged=paged)
    assert steps_of(small, WITH_A_LONG_ONE, 8 * 1000, monkeypatch, paged=paged) <= 1.2 * alone


@pytest.mark.parametrize("paged", [False, True])
def test_the_default_budget_holds_32_pages_and_a_long_one_in_float32_on_24_gib(
    small: LoadedModel, paged: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many tokens as the full-size network has room for beside its weights and 2 GiB of other things.

    2,500 steps are needed for the long page alone, whatever runs beside it: from its end on all pages have been read.
    """
    full_size_token, weights = 2 * 24 * 16 * 64 * 4, 560_000_000 * 4
    tokens = ((22 << 30) - weights) // full_size_token
    monkeypatch.setattr(memory, "free_memory", lambda device: tokens * TOKEN_BYTES)
    arguments = {"monkeypatch": monkeypatch, "paged": paged, "batch_size": 32}
    alone = steps_of(small, SHORT * 8, None, **arguments)  # type: ignore[arg-type]
    assert alone <= 1.1 * sum(SHORT * 8) / 32 + 300
    assert steps_of(small, [2500, *SHORT * 8], None, **arguments) <= 1.2 * alone  # type: ignore[arg-type]


@pytest.mark.parametrize("paged", [False, True])
def test_pages_that_fit_alone_are_all_read(small: LoadedModel, paged: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each long page needs nearly all of the room; one needs more than that and is read alone."""
    steps_of(small, [700, 40, 700, 40, 1500, 700, 40], 800, monkeypatch, paged=paged)


def test_growing_holds_the_keys_of_one_layer_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = RowCache(6, 2, 4, torch.zeros(1))
    cache.reserve(0, 100)
    for layer in range(6):
        cache.write_prompt(layer, 0, torch.full((1, 2, 100, 4), float(layer)), torch.full((1, 2, 100, 4), -1.0))
    enlarged, most = kv_cache._enlarged, [0]

    def watched(old: Tensor, capacity: int) -> Tensor:
        if len(most) == 6:
            raise torch.OutOfMemoryError("out of memory")
        new = enlarged(old, capacity)
        most.append(new.numel() + sum(tensor.numel() for pair in cache._rows[0] for tensor in pair))
        return new

    monkeypatch.setattr(kv_cache, "_enlarged", watched)
    with pytest.raises(torch.OutOfMemoryError):
        cache.reserve(0, 113)
    assert cache.capacity(0) == 112
    monkeypatch.setattr(kv_cache, "_enlarged", enlarged)
    cache.reserve(0, 113)
    whole = sum(tensor.numel() for pair in cache._rows[0] for tensor in pair)
    assert max(most) <= whole * 7 / 6
    for layer, (keys, values) in enumerate(cache._rows[0]):
        assert keys.shape == values.shape
        assert keys[:, :100].eq(layer).all()
        assert values[:, :100].eq(-1).all()
