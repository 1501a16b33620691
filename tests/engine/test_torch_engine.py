"""Different requests in one batch, and failures while they are decoded.

Every action has a deadline: a hang is a failure.
"""

import random
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers.deadlines import DEADLINE_S, in_time
from helpers.engine_requests import TOKEN_BYTES, AsyncEngine, generate, mixed_requests, tokens_of
from helpers.native_code import needs_compiled_steps
from helpers.random_networks import (
    GOT_TEXT,
    GOT_VISION,
    NARROW_TEXT,
    NARROW_VISION,
    drawn_page,
    generated,
    network,
    request_for,
)

from got_runtime import GotRuntime, Plain
from got_runtime.engine.protocol import Request
from got_runtime.engine.registry import EngineConfig
from got_runtime.engine.torch_engine.engine import TorchEngine
from got_runtime.evaluation.metrics import character_error_rate
from got_runtime.model.checkpoint import LoadedModel


@pytest.fixture(scope="module")
def small() -> LoadedModel:
    return network(256, NARROW_VISION, NARROW_TEXT, scale=0.25)


@pytest.fixture(autouse=True)
def _no_thread_is_left_behind() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        left = [thread for thread in threading.enumerate() if thread not in before and "got-ocr" in thread.name]
        if not left:
            return
        time.sleep(0.02)
    raise AssertionError(f"left behind: {left}")


def assert_mixed_requests_get_the_same_tokens_as_alone(
    checkpoint: LoadedModel, count: int, longest: int, batch_size: int, kind: type[TorchEngine] = TorchEngine
) -> None:
    """Requests arrive at random times, while other streams on the same engine are started and cancelled."""
    requests = mixed_requests(checkpoint, count, longest)
    expected = [generated(checkpoint, request) for request in requests]
    engine = kind(checkpoint.model, checkpoint.end_tokens, batch_size=batch_size)
    finished = threading.Event()

    def arriving() -> Iterator[Request]:
        rng = random.Random(1)
        for request in requests:
            time.sleep(rng.choice([0, 0, 0.01, 0.05]))
            yield request

    def disturb() -> None:
        while not finished.is_set():
            stream = generate(engine, requests[1:4])
            next(stream)
            stream.close()
            finished.wait(0.5)

    other = threading.Thread(target=disturb)
    other.start()
    completions: list[Any] = []
    try:
        completions = list(generate(engine, arriving()))
    finally:
        finished.set()
        other.join(DEADLINE_S)
    for completion, tokens in zip(completions, expected, strict=True):
        # generate() does not detect loops, which the ban of two tokens makes likely.
        same = tokens[: len(completion.tokens)] if completion.finish == "repetition" else tokens
        assert list(completion.tokens) == same


@pytest.mark.parametrize("kind", [TorchEngine, AsyncEngine])
def test_mixed_requests_in_one_batch_get_the_same_tokens_as_alone(small: LoadedModel, kind: type[TorchEngine]) -> None:
    assert_mixed_requests_get_the_same_tokens_as_alone(small, count=18, longest=40, batch_size=5, kind=kind)


@pytest.mark.slow
def test_two_hundred_mixed_requests_on_got_nano(checkpoint: LoadedModel) -> None:
    assert_mixed_requests_get_the_same_tokens_as_alone(checkpoint, count=200, longest=400, batch_size=16)


@pytest.mark.slow
def test_two_hundred_mixed_requests_at_full_width() -> None:
    wide = network(512, GOT_VISION, GOT_TEXT | {"num_hidden_layers": 4}, scale=0.05)
    assert_mixed_requests_get_the_same_tokens_as_alone(wide, count=200, longest=400, batch_size=16)


def test_when_memory_runs_out_half_of_the_pages_wait_and_no_token_is_lost(small: LoadedModel) -> None:
    budgets = [10, 490, 10, 490, 10]
    requests = [request_for(small, Plain(), budget, number=n) for n, budget in enumerate(budgets)]
    expected = [generated(small, request) for request in requests]
    # Two short sequences fit, and two long ones do not.
    engine = TorchEngine(small.model, small.end_tokens, batch_size=4, kv_cache_bytes=1000 * TOKEN_BYTES)
    streamed: dict[int, list[int]] = {}
    completions = in_time(
        lambda: list(generate(engine, requests, lambda index, token: streamed.setdefault(index, []).append(token)))
    )
    assert tokens_of(completions) == expected
    assert [streamed[index] for index in range(len(requests))] == expected, (
        "a token was passed to on_token twice, or not at all"
    )
    warnings = [warning for completion in completions for warning in completion.warnings]
    assert warnings
    assert all("memory ran out" in warning for warning in warnings)


def test_pages_that_only_fit_alone_are_decoded_one_by_one(small: LoadedModel) -> None:
    requests = [request_for(small, Plain(), budget=20, number=n) for n in range(3)]
    engine = TorchEngine(small.model, small.end_tokens, batch_size=4, kv_cache_bytes=1)
    assert tokens_of(in_time(lambda: list(generate(engine, requests)))) == [generated(small, r) for r in requests]


def test_a_page_that_fails_in_the_encoder_fails_alone(small: LoadedModel) -> None:
    good = [request_for(small, Plain(), number=n) for n in range(3)]
    broken = replace(good[1], pixels=good[1].pixels[:, :2])
    completions = in_time(
        lambda: list(generate(TorchEngine(small.model, small.end_tokens, 4), [good[0], broken, good[2]]))
    )
    assert isinstance(completions[1], RuntimeError | ValueError)
    assert tokens_of([completions[0], completions[2]]) == [generated(small, good[0]), generated(small, good[2])]


def test_an_exception_of_a_callback_reaches_the_caller(small: LoadedModel) -> None:
    engine = TorchEngine(small.model, small.end_tokens, batch_size=2)
    requests = [request_for(small, Plain(), number=n) for n in range(4)]

    def picky(index: int, token: int) -> None:
        if index == 1:
            raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        in_time(lambda: list(generate(engine, requests, picky)))
    assert tokens_of(in_time(lambda: list(generate(engine, requests[:1])))) == [generated(small, requests[0])]


def test_a_cancelled_stream_ends_at_once_and_draws_no_more_requests(small: LoadedModel) -> None:
    drawn = []

    def endless() -> Iterator[Request]:
        for number in range(10**9):
            drawn.append(number)
            yield request_for(small, Plain(), number=number)

    def cancel() -> None:
        stream = generate(TorchEngine(small.model, small.end_tokens, batch_size=2), endless())
        next(stream)
        stream.close()

    in_time(cancel)
    seen = len(drawn)
    time.sleep(0.3)
    assert len(drawn) == seen


def test_a_slow_consumer_gets_every_completion_in_order(small: LoadedModel) -> None:
    requests = [request_for(small, Plain(), budget=3, number=n) for n in range(12)]
    expected = [generated(small, request) for request in requests]
    found = []
    for completion in generate(TorchEngine(small.model, small.end_tokens, batch_size=3), requests):
        time.sleep(0.05)
        found.append(completion)
    assert tokens_of(found) == expected


@needs_compiled_steps
def test_int8_reads_nearly_the_same_text_as_bfloat16(pages: Path) -> None:
    """got-nano reads a clear page with the same characters when weights, keys and values are in 8 bits.

    On the letter, where it is unsure of a word, the lengths may differ: the error rate is compared there.
    """
    exact = GotRuntime.from_pretrained(dtype="bfloat16")
    rounded = GotRuntime.from_pretrained(
        dtype="bfloat16", engine_config=EngineConfig(weight_dtype="int8", kv_cache_dtype="int8")
    )
    sure, unsure = (
        tuple(r.read(pages / name, max_new_tokens=150).text for r in (rounded, exact))
        for name in ("held-out-faces/poem.webp", "letter.png")
    )
    assert sum(a == b for a, b in zip(*sure, strict=False)) >= 0.9 * len(sure[1])
    assert character_error_rate(*unsure) <= 0.1


def test_a_page_has_a_warning_that_memory_ran_out(small: LoadedModel) -> None:
    crowded = GotRuntime(
        small, TorchEngine(small.model, small.end_tokens, batch_size=4, kv_cache_bytes=1000 * TOKEN_BYTES)
    )
    found = list(crowded.stream([drawn_page(number) for number in range(2)], max_new_tokens=490))
    assert not any(page.error for page in found)
    assert any("memory ran out with 2 pages together" in warning for page in found for warning in page.warnings)


def test_the_code_path_and_preemptions_are_logged(small: LoadedModel, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="got_runtime.engine")
    engine = TorchEngine(small.model, small.end_tokens, batch_size=4, kv_cache_bytes=1000 * TOKEN_BYTES)
    list(generate(engine, [request_for(small, Plain(), budget=490, number=n) for n in range(2)]))
    messages = [record.getMessage() for record in caplog.records]
    assert messages[0] == "decoding on cpu in float32 with torch, batch size 4"
    assert messages[1].startswith("memory ran out with 2 pages together")
    assert caplog.records[1].levelname == "WARNING"
