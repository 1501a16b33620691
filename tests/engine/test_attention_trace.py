"""Which image token had the most attention for each token: computed for many tokens at once."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from got_runtime.engine.torch_engine.attention_trace import TOKENS_TOGETHER, AttentionTrace, record_attention

LAYERS, HEADS, KEY_HEADS, WIDTH = 3, 4, 2, 64
IMAGE = torch.arange(5, 45)


def recorded(queries: list[Tensor], keys: list[Tensor]) -> AttentionTrace:
    trace = AttentionTrace(IMAGE)
    for key in keys:
        trace.add_prompt_keys(key)
    for query in queries:
        trace.record(query)
    return trace


def made(tokens: int) -> tuple[list[Tensor], list[Tensor]]:
    torch.manual_seed(tokens)
    queries = [torch.randn(LAYERS, HEADS, WIDTH).bfloat16() for _ in range(tokens)]
    return queries, [torch.randn(KEY_HEADS, 60, WIDTH).bfloat16() for _ in range(LAYERS)]


def by_hand(queries: list[Tensor], keys: list[Tensor]) -> list[tuple[int, float]]:
    """The attention of every head and token, one after the other; that of the head with the greatest mean."""
    heads = []
    for layer in range(LAYERS):
        for head in range(HEADS):
            key = keys[layer][head * KEY_HEADS // HEADS][IMAGE].float()
            weights = [torch.softmax(key @ query[layer, head].float() / WIDTH**0.5, dim=0) for query in queries]
            heads.append([(int(weight.argmax()), float(weight.max())) for weight in weights])
    return max(heads, key=lambda head: sum(weight for _, weight in head))


@pytest.mark.parametrize("tokens", [1, 9, TOKENS_TOGETHER, TOKENS_TOGETHER + 1, 2 * TOKENS_TOGETHER + 7])
def test_positions_and_weights_are_those_of_the_sharpest_head(tokens: int) -> None:
    queries, keys = made(tokens)
    expected = by_hand(queries, keys)
    found = recorded(queries, keys).token_positions(tokens)
    assert [position for position, _ in found] == [position for position, _ in expected]
    assert [weight for _, weight in found] == pytest.approx([weight for _, weight in expected], abs=1e-5)


@pytest.mark.parametrize("kept", [1, 10, TOKENS_TOGETHER - 1, TOKENS_TOGETHER, TOKENS_TOGETHER + 3])
def test_tokens_that_are_decoded_again_are_recorded_once(kept: int) -> None:
    """A step that failed is repeated, behind tokens whose attention was computed already, and behind others."""
    queries, keys = made(TOKENS_TOGETHER + 9)
    trace = recorded(queries, keys)
    trace.truncate(kept)
    for query in queries[kept:]:
        trace.record(query)
    repeated, whole = trace.token_positions(len(queries)), recorded(queries, keys).token_positions(len(queries))
    assert [position for position, _ in repeated] == [position for position, _ in whole]
    assert [weight for _, weight in repeated] == pytest.approx([weight for _, weight in whole], abs=1e-5)


def test_a_prompt_that_is_repeated_has_its_own_keys() -> None:
    queries, keys = made(12)
    trace = recorded(queries[:3], [key + 1 for key in keys])
    trace.truncate(0)
    for key in keys:
        trace.add_prompt_keys(key)
    for query in queries:
        trace.record(query)
    assert trace.token_positions(12) == recorded(queries, keys).token_positions(12)


def test_a_step_has_few_operations_for_the_rows_that_are_recorded() -> None:
    """With 3 operations for each layer and row, recording took twice as long as the steps of got-nano."""

    class Count(TorchDispatchMode):
        def __init__(self) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self.operations = 0

        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            self.operations += 1
            return function(*args, **(kwargs or {}))

    queries, keys = made(2 * TOKENS_TOGETHER)
    traces = [recorded([], keys) for _ in range(8)]
    with Count() as count:
        for query in queries:
            record_attention([*traces, None], query.expand(9, -1, -1, -1))
    assert count.operations / len(queries) / len(traces) < 2
