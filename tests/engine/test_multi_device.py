"""One engine process for each device."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from helpers.deadlines import in_time
from helpers.engine_requests import generate, tokens_of
from helpers.random_networks import (
    NARROW_TEXT,
    NARROW_VISION,
    network,
    request_for,
)

from got_runtime import GotRuntime, Plain
from got_runtime.engine.multi_device import CheckpointRef, MultiDeviceEngine
from got_runtime.engine.protocol import Completion, Request
from got_runtime.engine.registry import EngineConfig
from got_runtime.engine.torch_engine.engine import TorchEngine
from got_runtime.errors import EngineError
from got_runtime.model.checkpoint import LoadedModel


@pytest.fixture(scope="module")
def small() -> LoadedModel:
    return network(256, NARROW_VISION, NARROW_TEXT, scale=0.25)


@pytest.fixture(scope="module")
def two_processes() -> Iterator[MultiDeviceEngine]:
    engine = MultiDeviceEngine(CheckpointRef(dtype="float32"), ["cpu", "cpu"], config=EngineConfig(batch_size=2))
    yield engine
    engine.close()


def alone(checkpoint: LoadedModel, requests: list[Request]) -> list[list[int]]:
    """The tokens of the same engine in this process, which are those of ``generate()`` (test_tokens.py)."""
    return tokens_of(list(generate(TorchEngine(checkpoint.model, checkpoint.end_tokens), requests)))


def test_pages_decoded_in_two_processes_come_back_in_order(
    two_processes: MultiDeviceEngine, checkpoint: LoadedModel
) -> None:
    requests = [request_for(checkpoint, Plain(), budget=5 + 3 * (n % 3), number=n) for n in range(5)]
    streamed: dict[int, list[int]] = {}
    completions = in_time(
        lambda: list(
            generate(two_processes, requests, lambda index, token: streamed.setdefault(index, []).append(token))
        )
    )
    expected = alone(checkpoint, requests)
    assert tokens_of(completions) == expected
    assert [streamed[index] for index in sorted(streamed)] == expected


def test_a_call_within_a_call_is_served(two_processes: MultiDeviceEngine, checkpoint: LoadedModel) -> None:
    request = request_for(checkpoint, Plain(), budget=4)

    def nested() -> list[Any]:
        return [list(generate(two_processes, [request])) for _ in generate(two_processes, [request, request])]

    assert tokens_of([inner for [inner] in in_time(nested)]) == alone(checkpoint, [request]) * 2


def test_a_process_that_dies_fails_only_its_pages(checkpoint: LoadedModel) -> None:
    engine = MultiDeviceEngine(CheckpointRef(dtype="float32"), ["cpu", "cpu"], config=EngineConfig(batch_size=1))
    requests = [request_for(checkpoint, Plain(), budget=6, number=n) for n in range(6)]
    killed: list[bool] = []

    def kill(index: int, token: int) -> None:
        if not killed:
            killed.append(True)
            engine._workers[0].process.kill()

    try:
        completions = in_time(lambda: list(generate(engine, requests, kill)))
    finally:
        in_time(engine.close)
    lost = [completion for completion in completions if isinstance(completion, EngineError)]
    assert 0 < len(lost) < len(requests)
    assert "has ended: it was killed (signal 9" in str(lost[0])
    for expected, completion in zip(alone(checkpoint, requests), completions, strict=True):
        assert isinstance(completion, EngineError) or list(completion.tokens) == expected


def test_an_engine_that_fails_fails_only_its_pages(two_processes: MultiDeviceEngine, checkpoint: LoadedModel) -> None:
    requests = [request_for(checkpoint, Plain(), budget=4, number=n) for n in range(3)]
    breaking = replace(requests[0], max_new_tokens=cast(int, None))
    completions = in_time(lambda: list(generate(two_processes, [breaking, *requests])))
    assert "the engine on cpu failed: TypeError" in str(completions[0])
    assert any(isinstance(completion, Completion) for completion in completions[1:])
    again = in_time(lambda: list(generate(two_processes, requests)))
    assert tokens_of(again) == alone(checkpoint, requests)


def test_an_interrupt_does_not_end_the_processes(two_processes: MultiDeviceEngine, checkpoint: LoadedModel) -> None:
    """Ctrl-C, which a notebook sends whenever a cell is stopped, reaches the whole group of processes."""
    requests = [request_for(checkpoint, Plain(), budget=4, number=n) for n in range(2)]
    expected = alone(checkpoint, requests)
    assert tokens_of(in_time(lambda: list(generate(two_processes, requests)))) == expected
    for worker in two_processes._workers:
        os.kill(worker.process.pid or 0, signal.SIGINT)
    assert tokens_of(in_time(lambda: list(generate(two_processes, requests)))) == expected


def test_a_device_that_does_not_exist_is_named_in_the_error(small: LoadedModel) -> None:
    engine = MultiDeviceEngine(CheckpointRef(dtype="float32"), ["cuda:99"])
    try:
        [completion] = in_time(lambda: list(generate(engine, [request_for(small, Plain())])))
    finally:
        in_time(engine.close)
    assert isinstance(completion, EngineError)
    assert "'cuda:99' cannot be used" in str(completion)


def test_a_runtime_reads_on_several_devices_and_ends_their_processes(
    pages: Path, runtime: GotRuntime, small: LoadedModel
) -> None:
    several = GotRuntime.from_pretrained(dtype="float32", devices=["cpu"])
    assert several._loaded is not None
    engine = several._loaded[1]
    assert isinstance(engine, MultiDeviceEngine)
    [worker] = engine._workers
    text = several.read(pages / "letter.png", max_new_tokens=12, zoom="off").text
    assert text == runtime.read(pages / "letter.png", max_new_tokens=12, zoom="off").text
    in_use = generate(engine, [request_for(small, Plain(), number=n) for n in range(3)])
    in_time(several.close)
    assert not worker.process.is_alive()
    for iterator in (in_use, generate(engine, [])):
        with pytest.raises(EngineError, match="closed: make a new runtime"):
            next(iterator)
