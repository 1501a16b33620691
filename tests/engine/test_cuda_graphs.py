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

from got_runtime.engine.torch_engine.cuda_graphs import GraphedSteps, _Step
from got_runtime.engine.torch_engine.engine import TorchEngine
from got_runtime.engine.torch_engine.prefill import Prefill
from got_runtime.engine.torch_engine.torch_decoder import TorchDecoder
from got_runtime.model.checkpoint import LoadedModel


@pytest.fixture(scope="module")
def small() -> LoadedModel:
    return network(256, NARROW_VISION, NARROW_TEXT, scale=0.25)


def test_asynchronous_steps_respect_memory_and_recorded_attention(small: LoadedModel) -> None:
    """Sequences are preempted while a step runs, also one whose attention is recorded."""
    requests = [
        replace(
            request_for(small, TASKS[number % len(TASKS)], 490 + 10 * number, number=number),
            record_attention=number == 3,
        )
        for number in range(5)
    ]
    engine = AsyncEngine(small.model, small.end_tokens, batch_size=3, kv_cache_bytes=3 * 512 * TOKEN_BYTES)
    completions: list[Any] = list(generate(engine, requests))
    assert tokens_of(completions) == [generated(small, request) for request in requests]
    assert any(completion.warnings for completion in completions)
    assert [bool(completion.token_positions) for completion in completions] == [False, False, False, True, False]
    [whole] = generate(TorchEngine(small.model, small.end_tokens), requests[3:4])
    assert_same_attention(completions[3], whole)


def test_asynchronous_steps_record_the_attention_of_each_token_once(small: LoadedModel) -> None:
    """No step runs one by one for it, and nothing of the step behind the last token is left."""
    requests = [replace(request_for(small, task, 150), record_attention=True, ngram_ban=0) for task in TASKS[:4]]
    there, here = AsyncEngine(small.model, small.end_tokens), TorchEngine(small.model, small.end_tokens)
    vars(there.rows._decoder)["step"] = None
    for completion, whole in zip(generate(there, requests), generate(here, requests), strict=True):
        assert_same_attention(completion, whole)


def assert_same_attention(completion: Any, whole: Any) -> None:
    assert completion.tokens == whole.tokens
    assert len(completion.token_positions) == len(completion.tokens)
    assert [at for at, _ in completion.token_positions] == [at for at, _ in whole.token_positions]
    weights = [weight for _, weight in whole.token_positions]
    assert [weight for _, weight in completion.token_positions] == pytest.approx(weights, abs=1e-3)


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


@torch.inference_mode()
@pytest.mark.parametrize("failures", [1, 2])
def test_graphs_that_cannot_be_captured_cost_speed_and_no_page(
    small: LoadedModel, failures: int, caplog: pytest.LogCaptureFixture
) -> None:
    """First masked attention is tried instead, then steps without graphs; there is one warning."""
    attempts: list[bool] = []

    def capture(step: _Step) -> None:
        attempts.append(step._flash)
        if len(attempts) <= failures:
            raise RuntimeError("varlen_attn() got an unexpected keyword argument 'seqused_k'")

    decoder = TorchDecoder(small.model, 4, 8 * 1024 * TOKEN_BYTES, run_async=True)
    assert decoder.async_steps is not None
    decoder.async_steps.flash, decoder.async_steps._capture = True, capture
    for slot in range(3):
        decoder.prefill(slot, torch.randn(20, 64), 40, None)
        decoder.async_steps.set_tokens(slot, [5] * 21, ngram_ban=0)
    for batch_size in (1, 2, 3):  # three graphs
        tokens, _ = decoder.async_steps.launch(batch_size)()
        assert len(tokens) == batch_size
    assert attempts == ([True, False, False, False] if failures == 1 else [True, False])
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@torch.inference_mode()
def test_a_lack_of_memory_while_a_graph_is_captured_is_no_reason_to_do_without(small: LoadedModel) -> None:
    def capture(step: _Step) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    decoder = TorchDecoder(small.model, 4, 8 * 1024 * TOKEN_BYTES, run_async=True)
    assert decoder.async_steps is not None
    decoder.async_steps._capture = capture
    decoder.prefill(0, torch.randn(20, 64), 40, None)
    decoder.async_steps.set_tokens(0, [5] * 21, ngram_ban=0)
    with pytest.raises(torch.OutOfMemoryError):
        decoder.async_steps.launch(1)
    assert decoder.async_steps._capture is capture


def test_graphs_are_captured_once_for_all_sessions(small: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not anew for each call."""
    made: list[int] = []
    monkeypatch.setattr(_Step, "capture", lambda step: made.append(len(step._slots)))
    engine = AsyncEngine(small.model, small.end_tokens, batch_size=2)
    steps = engine.rows._decoder.async_steps
    assert isinstance(steps, GraphedSteps)
    steps._capture = _Step.capture
    request = request_for(small, TASKS[0], 4)
    request = replace(request, ngram_ban=0)
    first = [list(generate(engine, [request, request])) for _ in range(3)]
    assert len({completion.tokens for completions in first for completion in completions}) == 1
    assert sorted(made) == sorted(set(made))


def test_pages_that_are_encoded_together_have_the_same_tokens(small: LoadedModel) -> None:
    """As on a GPU, whose encoder one page does not fill; pages of two tiles, and a broken one, are encoded alone."""
    requests = [request_for(small, TASKS[number % len(TASKS)], 12, number=number) for number in range(14)]
    prompt = list(requests[6].prompt)
    prompt.remove(small.image_token)
    requests[6] = replace(requests[6], prompt=tuple(prompt))
    together: list[int] = []

    class Together(AsyncEngine):
        def _prefill(self, model: Any, tile_batch: int, packed: Any) -> Prefill:
            class Counting(Prefill):
                def embed_together(self, requests: Any) -> Any:
                    encoded = super().embed_together(requests)
                    together.append(len(requests))
                    return encoded

            return Counting(model, tile_batch)

    engine = Together(small.model, small.end_tokens, batch_size=6)
    engine.rows.encode_batch = 4
    outcomes: list[Any] = list(generate(engine, requests))
    expected: list[Any] = list(generate(AsyncEngine(small.model, small.end_tokens, batch_size=6), requests))
    for outcome, single in zip(outcomes, expected, strict=True):
        assert type(outcome) is type(single)
        assert isinstance(outcome, Exception) or outcome.tokens == single.tokens
    assert isinstance(outcomes[6], ValueError)
    assert max(together) > 1


@pytest.mark.gpu
def test_on_a_gpu_tokens_equal_those_of_generate(small: LoadedModel) -> None:
    import copy

    there = replace(small, model=copy.deepcopy(small.model).to("cuda"))
    requests = [request_for(small, task) for task in TASKS]
    completions = list(generate(TorchEngine(there.model, there.end_tokens, batch_size=4), requests))
    assert tokens_of(completions) == [generated(small, request) for request in requests]
    assert torch.cuda.is_available()
