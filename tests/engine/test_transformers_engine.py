"""The reference engine."""

from dataclasses import replace

import pytest
from helpers.deadlines import in_time
from helpers.engine_requests import generate, tokens_of
from helpers.random_networks import (
    NARROW_TEXT,
    NARROW_VISION,
    TASKS,
    generated,
    network,
    request_for,
)

from got_runtime import Plain
from got_runtime.engine.protocol import Completion
from got_runtime.engine.transformers_engine import TransformersEngine
from got_runtime.model.checkpoint import LoadedModel


@pytest.fixture(scope="module")
def small() -> LoadedModel:
    return network(256, NARROW_VISION, NARROW_TEXT, scale=0.25)


def test_the_reference_engine_equals_generate(small: LoadedModel) -> None:
    requests = [request_for(small, task, budget=12) for task in TASKS]
    streamed: list[tuple[int, int]] = []
    engine = TransformersEngine(small.model, small.end_tokens)
    completions = list(generate(engine, requests, lambda index, token: streamed.append((index, token))))
    assert tokens_of(completions) == [generated(small, request) for request in requests]
    assert streamed == [(n, token) for n, completion in enumerate(tokens_of(completions)) for token in completion]
    assert all(
        0 < p <= 1 for completion in completions if isinstance(completion, Completion) for p in completion.probabilities
    )


def test_the_reference_engine_stops_at_the_time_limit(small: LoadedModel) -> None:
    request = replace(request_for(small, Plain(), budget=4000), max_seconds=0.2)
    [completion] = in_time(lambda: list(generate(TransformersEngine(small.model, small.end_tokens), [request])))
    assert completion.finish == "time"
    assert 0 < len(completion.tokens) < 4000
