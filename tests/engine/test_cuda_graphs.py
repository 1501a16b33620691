"""Asynchronous steps: the code that a GPU runs as CUDA graphs, here on a CPU; and a test on a GPU."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from helpers.engine_requests import TOKEN_BYTES, AsyncEngine, generate, tokens_of
from helpers.random_networks import (
    NARROW_TEXT,
    NARROW_VISION,
    TASKS,
    generated,
    network,
    request_for,
)

from got_runtime.engine.torch_engine.engine import TorchEngine
from got_runtime.engine.torch_engine.torch_decoder import TorchDecoder
from got_runtime.model.checkpoint import LoadedModel


@pytest.fixture(scope="module")
def small() -> LoadedModel:
    return network(256, NARROW_VISION, NARROW_TEXT, scale=0.25)


def test_asynchronous_steps_respect_memory_and_recorded_attention(small: LoadedModel) -> None:
    """Sequences are preempted while a step runs, and steps whose attention is recorded come between."""
    requests = [
        replace(
            request_for(small, TASKS[number % len(TASKS)], 490 + 10 * number, number=number),
            record_attention=number == 3,
        )
        for number in range(5)
    ]
    engine = AsyncEngine(small.model, small.end_tokens, batch_size=3, kv_cache_bytes=4 * 512 * TOKEN_BYTES)
    completions: list[Any] = list(generate(engine, requests))
    assert tokens_of(completions) == [generated(small, request) for request in requests]
    assert any(completion.warnings for completion in completions)
    assert [bool(completion.token_positions) for completion in completions] == [False, False, False, True, False]


@torch.inference_mode()
def test_asynchronous_steps_choose_the_same_tokens(small: LoadedModel) -> None:
    """The step that is captured as a CUDA graph, run without one, with free slots and a cache that grows."""
    there, here = (
        TorchDecoder(small.model, 5, 8 * 1024 * TOKEN_BYTES, run_async=run_async) for run_async in (True, False)
    )
    assert there.async_steps is not None
    torch.manual_seed(0)
    texts = [[number] * length for number, length in enumerate([20, 509, 33], start=1)]
    for slot, text in enumerate(texts):
        prompt = torch.randn(len(text) - 1, 64)
        for decoder in (there, here):
            decoder.prefill(slot, prompt, len(text), None)
        there.async_steps.set_tokens(slot, text, ngram_ban=0)
    for _ in range(6):
        tokens, probabilities = there.async_steps.launch(3)()
        hidden = here.step([text[-1] for text in texts], [len(text) - 1 for text in texts], [None] * 3)
        expected = here.choose(hidden, [()] * 3)
        assert tokens == expected[0]
        assert probabilities == pytest.approx(expected[1], rel=1e-4)
        for text, token in zip(texts, tokens, strict=True):
            text.append(token)


@pytest.mark.gpu
def test_on_a_gpu_tokens_equal_those_of_generate(small: LoadedModel) -> None:
    import copy

    there = replace(small, model=copy.deepcopy(small.model).to("cuda"))
    requests = [request_for(small, task) for task in TASKS]
    completions = list(generate(TorchEngine(there.model, there.end_tokens, batch_size=4), requests))
    assert tokens_of(completions) == [generated(small, request) for request in requests]
    assert torch.cuda.is_available()
