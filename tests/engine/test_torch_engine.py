"""Unlike requests in one batch, and everything that can go wrong while they are read.

What each test demands must come about before a deadline: a hang is a failure.
"""

import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from helpers.deadlines import DEADLINE, in_time
from helpers.random_networks import (
    GOT_TEXT,
    GOT_VISION,
    NARROW_TEXT,
    NARROW_VISION,
    TASKS,
    drawn_page,
    generated,
    network,
    request_for,
)

from got_runtime import GotRuntime, Plain
from got_runtime.engine.multi_device import CheckpointRef, MultiDeviceEngine
from got_runtime.engine.protocol import Completion, Engine, Request
from got_runtime.engine.registry import ENGINES, EngineConfig, make_engine
from got_runtime.engine.torch_engine.engine import TorchEngine
from got_runtime.engine.torch_engine.torch_decoder import TorchDecoder
from got_runtime.engine.transformers_engine import TransformersEngine
from got_runtime.errors import EngineError, SourceCorrupt
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


def begun(engine: Engine, requests: Iterable[Request]) -> Generator[Any, None, None]:
    """The engine's answers, to be closed before their end."""
    yield from engine.generate(requests)


def tokens_of(answers: list[Any]) -> list[list[int]]:
    for answer in answers:
        assert isinstance(answer, Completion), answer
    return [list(answer.tokens) for answer in answers]


def mixed_requests(checkpoint: LoadedModel, count: int, longest: int) -> list[Request]:
    """All tasks, answers of 1 to ``longest`` tokens, bans of several lengths."""
    rng = random.Random(0)
    return [
        replace(
            request_for(checkpoint, TASKS[number % len(TASKS)], rng.randint(1, longest), number=number % 9),
            ngram_ban=rng.choice([0, 2, 20, checkpoint.ngram_ban]),
        )
        for number in range(count)
    ]


A_TOKEN = 2 * 2 * 2 * 16 * 4
"""Bytes that one token takes in the small network: keys and values, layers, heads, width, float32."""


class RunningAhead(TorchEngine):
    """What a GPU runs, here without one: each step begins before the last one's tokens are read."""

    def _decoder(self, network: Any) -> TorchDecoder:
        return TorchDecoder(network.model, self._batch_size, self._kv_cache_bytes or 1 << 30, ahead=True)


def assert_mixed_requests_answer_alone(
    checkpoint: LoadedModel, count: int, longest: int, slots: int, kind: type[TorchEngine] = TorchEngine
) -> None:
    """They arrive at odd times, while other streams on the same engine are begun and cancelled."""
    requests = mixed_requests(checkpoint, count, longest)
    expected = [generated(checkpoint, request) for request in requests]
    engine = kind(checkpoint.model, checkpoint.end_tokens, batch_size=slots)
    finished = threading.Event()

    def arriving() -> Iterator[Request]:
        rng = random.Random(1)
        for request in requests:
            time.sleep(rng.choice([0, 0, 0.01, 0.05]))
            yield request

    def disturb() -> None:
        while not finished.is_set():
            stream = begun(engine, requests[1:4])
            next(stream)
            stream.close()
            finished.wait(0.5)

    other = threading.Thread(target=disturb)
    other.start()
    answers: list[Any] = []
    try:
        answers = list(engine.generate(arriving()))
    finally:
        finished.set()
        other.join(DEADLINE)
    for answer, tokens in zip(answers, expected, strict=True):
        # generate() does not see a loop, which the ban of two tokens makes likely.
        same = tokens[: len(answer.tokens)] if answer.finish == "repetition" else tokens
        assert list(answer.tokens) == same


@pytest.mark.parametrize("kind", [TorchEngine, RunningAhead])
def test_mixed_requests_answer_as_one_at_a_time(small: LoadedModel, kind: type[TorchEngine]) -> None:
    assert_mixed_requests_answer_alone(small, count=18, longest=40, slots=5, kind=kind)


def test_running_ahead_keeps_to_memory_and_to_recorded_attention(small: LoadedModel) -> None:
    """Rows are parked while a step runs, and steps whose attention is recorded come between."""
    requests = [
        replace(
            request_for(small, TASKS[number % len(TASKS)], 490 + 10 * number, number=number),
            record_attention=number == 3,
        )
        for number in range(5)
    ]
    engine = RunningAhead(small.model, small.end_tokens, batch_size=3, kv_cache_bytes=3 * 512 * A_TOKEN)
    answers: list[Any] = list(engine.generate(requests))
    assert tokens_of(answers) == [generated(small, request) for request in requests]
    assert any(answer.warnings for answer in answers)
    assert [bool(answer.token_positions) for answer in answers] == [False, False, False, True, False]


@pytest.mark.slow
def test_two_hundred_mixed_requests_on_got_nano(checkpoint: LoadedModel) -> None:
    assert_mixed_requests_answer_alone(checkpoint, count=200, longest=400, slots=16)


@pytest.mark.slow
def test_two_hundred_mixed_requests_at_full_width() -> None:
    wide = network(512, GOT_VISION, GOT_TEXT | {"num_hidden_layers": 4}, scale=0.05)
    assert_mixed_requests_answer_alone(wide, count=200, longest=400, slots=16)


def test_when_memory_runs_out_half_the_pages_wait_and_nothing_is_lost(small: LoadedModel) -> None:
    budgets = [10, 490, 10, 490, 10]
    requests = [request_for(small, Plain(), budget, number=n) for n, budget in enumerate(budgets)]
    expected = [generated(small, request) for request in requests]
    # Four slots of the first capacity, which four longer ones exceed.
    engine = TorchEngine(small.model, small.end_tokens, batch_size=4, kv_cache_bytes=4 * 512 * A_TOKEN)
    told: dict[int, list[int]] = {}
    answers = in_time(
        lambda: list(engine.generate(requests, lambda order, token: told.setdefault(order, []).append(token)))
    )
    assert tokens_of(answers) == expected
    assert [told[order] for order in range(len(requests))] == expected, "a token was told twice, or not at all"
    warnings = [warning for answer in answers for warning in answer.warnings]
    assert warnings
    assert all("memory ran out" in warning for warning in warnings)


def test_pages_that_fit_one_by_one_only_are_read_one_by_one(small: LoadedModel) -> None:
    requests = [request_for(small, Plain(), budget=20, number=n) for n in range(3)]
    engine = TorchEngine(small.model, small.end_tokens, batch_size=4, kv_cache_bytes=1)
    assert tokens_of(in_time(lambda: list(engine.generate(requests)))) == [generated(small, r) for r in requests]


def test_a_page_that_breaks_the_encoder_leaves_its_neighbours_alone(small: LoadedModel) -> None:
    good = [request_for(small, Plain(), number=n) for n in range(3)]
    broken = replace(good[1], pixels=good[1].pixels[:, :2])
    answers = in_time(lambda: list(TorchEngine(small.model, small.end_tokens, 4).generate([good[0], broken, good[2]])))
    assert isinstance(answers[1], RuntimeError | ValueError)
    assert tokens_of([answers[0], answers[2]]) == [generated(small, good[0]), generated(small, good[2])]


def test_what_a_callback_raises_reaches_the_caller(small: LoadedModel) -> None:
    engine = TorchEngine(small.model, small.end_tokens, batch_size=2)
    requests = [request_for(small, Plain(), number=n) for n in range(4)]

    def picky(order: int, token: int) -> None:
        if order == 1:
            raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        in_time(lambda: list(engine.generate(requests, picky)))
    assert tokens_of(in_time(lambda: list(engine.generate(requests[:1])))) == [generated(small, requests[0])]


def test_a_stream_that_is_cancelled_ends_at_once_and_draws_no_more(small: LoadedModel) -> None:
    drawn = []

    def endless() -> Iterator[Request]:
        for number in range(10**9):
            drawn.append(number)
            yield request_for(small, Plain(), number=number)

    def cancel() -> None:
        stream = begun(TorchEngine(small.model, small.end_tokens, batch_size=2), endless())
        next(stream)
        stream.close()

    in_time(cancel)
    seen = len(drawn)
    time.sleep(0.3)
    assert len(drawn) == seen


def test_an_error_while_pages_are_drawn_comes_after_the_pages_before_it(small: LoadedModel) -> None:
    def torn() -> Iterator[Request]:
        yield request_for(small, Plain())
        raise SourceCorrupt("the second page is torn")

    stream = TorchEngine(small.model, small.end_tokens, batch_size=4).generate(torn())
    assert isinstance(in_time(lambda: next(stream)), Completion)
    with pytest.raises(SourceCorrupt, match="torn"):
        in_time(lambda: next(stream))


@pytest.mark.parametrize(("picture", "most"), [(0, 100), (80 << 20, 10)])
def test_pages_come_from_far_fewer_ahead_than_there_are(small: LoadedModel, picture: int, most: int) -> None:
    """Memory is bounded by what waits, not by the length of the document: fewer of large scans, kept for a retry."""
    drawn = []

    def many() -> Iterator[Request]:
        for number in range(400):
            drawn.append(number)
            yield replace(request_for(small, Plain(), budget=1, number=number % 3), kept_bytes=picture)

    stream = begun(TorchEngine(small.model, small.end_tokens, batch_size=2), many())
    in_time(lambda: next(stream))
    time.sleep(0.5)
    assert len(drawn) < most
    stream.close()


READING = """
    import multiprocessing, signal, sys
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs the tests may have it ignored
    from got_runtime import GotRuntime
    if __name__ == "__main__":
        runtime = GotRuntime.from_pretrained(dtype="float32", devices=sys.argv[2:])
        print(*[process.pid for process in multiprocessing.active_children()], flush=True)
        tell = lambda page, text: print(text, flush=True)
        for page in runtime.stream([sys.argv[1]] * 200, max_new_tokens=400, on_token=tell):
            print(page.text, flush=True)
"""


def reading(page: Path, *devices: str) -> subprocess.Popen[str]:
    """A process in the middle of a page."""
    command = [sys.executable, "-c", textwrap.dedent(READING), str(page), *devices]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_ctrl_c_ends_the_reading(pages: Path) -> None:
    with reading(pages / "letter.png") as process:
        assert process.stdout is not None
        for _ in range(2):
            process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=DEADLINE)
        assert process.returncode != 0
        assert "KeyboardInterrupt" in said


def test_a_killed_process_leaves_no_worker_behind(pages: Path) -> None:
    with reading(pages / "letter.png", "cpu") as process:
        assert process.stdout is not None
        [worker] = map(int, process.stdout.readline().split())
        process.stdout.readline()
        process.kill()
        process.wait(DEADLINE)
        deadline = time.monotonic() + DEADLINE
        while Path(f"/proc/{worker}/stat").exists() and time.monotonic() < deadline:
            if Path(f"/proc/{worker}/stat").read_text().split()[2] == "Z":
                break  # dead, and nobody to bury it in this container
            time.sleep(0.05)
        assert time.monotonic() < deadline, "the worker lives on"


def test_a_reader_that_goes_away_ends_the_process(pages: Path) -> None:
    with reading(pages / "letter.png") as process:
        assert process.stdout is not None
        for _ in range(2):
            process.stdout.readline()
        process.stdout.close()
        assert process.wait(DEADLINE) != 0


def test_a_full_pipe_holds_the_reading_up_and_nothing_is_lost(checkpoint: LoadedModel, small: LoadedModel) -> None:
    """A consumer that takes its time finds every answer, in order."""
    requests = [request_for(small, Plain(), budget=3, number=n) for n in range(12)]
    expected = [generated(small, request) for request in requests]
    found = []
    for answer in TorchEngine(small.model, small.end_tokens, batch_size=3).generate(requests):
        time.sleep(0.05)
        found.append(answer)
    assert tokens_of(found) == expected


@pytest.mark.parametrize(("kept_bytes", "others"), [(0, 12), (200 << 20, 2)])
def test_behind_a_long_page_short_ones_go_on_as_far_as_memory_allows(
    small: LoadedModel, kept_bytes: int, others: int
) -> None:
    lengths = [1, 60, *[2] * 12]  # a document's first page is not held up by others
    requests = [replace(request_for(small, Plain(), n), kept_bytes=kept_bytes) for n in lengths]
    begun: list[int] = []
    engine = TorchEngine(small.model, small.end_tokens, batch_size=3)
    for answer in engine.generate(requests, lambda order, _: begun.append(order)):
        assert isinstance(answer, Completion)
        if len(answer.tokens) == 60:
            assert len(set(begun)) == 2 + others
    assert len(set(begun)) == 14


def test_engines_have_names(checkpoint: LoadedModel) -> None:
    assert set(ENGINES) == {"torch", "transformers", "vllm"}
    engine = make_engine("transformers", checkpoint)
    assert isinstance(engine, TransformersEngine)
    assert make_engine(engine, checkpoint) is engine
    with pytest.raises(EngineError, match="choose one of torch"):
        make_engine("abacus", checkpoint)


def test_the_reference_engine_is_generate(small: LoadedModel) -> None:
    requests = [request_for(small, task, budget=12) for task in TASKS]
    told: list[tuple[int, int]] = []
    engine = TransformersEngine(small.model, small.end_tokens)
    answers = list(engine.generate([*requests, None], lambda order, token: told.append((order, token))))
    assert answers.pop() is None
    assert tokens_of(answers) == [generated(small, request) for request in requests]
    assert told == [(n, token) for n, answer in enumerate(tokens_of(answers)) for token in answer]
    assert all(0 < p <= 1 for answer in answers if isinstance(answer, Completion) for p in answer.probabilities)


def test_the_reference_engine_keeps_to_its_time(small: LoadedModel) -> None:
    request = replace(request_for(small, Plain(), budget=4000), max_seconds=0.2)
    [answer] = in_time(lambda: list(TransformersEngine(small.model, small.end_tokens).generate([request])))
    assert answer.finish == "time"
    assert 0 < len(answer.tokens) < 4000


@pytest.fixture(scope="module")
def two_processes() -> Iterator[MultiDeviceEngine]:
    engine = MultiDeviceEngine(CheckpointRef(dtype="float32"), ["cpu", "cpu"], config=EngineConfig(batch_size=2))
    yield engine
    engine.close()


class TestDevices:
    """One process for each device."""

    @pytest.fixture(autouse=True)
    def _no_thread_is_left_behind(self) -> None:
        """The processes outlive a test; their threads too."""

    def test_pages_dealt_to_two_processes_come_back_in_order(
        self, two_processes: MultiDeviceEngine, checkpoint: LoadedModel
    ) -> None:
        requests = [request_for(checkpoint, Plain(), budget=5 + 3 * (n % 3), number=n) for n in range(5)]
        told: dict[int, list[int]] = {}
        mixed = [requests[0], None, *requests[1:]]
        answers = in_time(
            lambda: list(two_processes.generate(mixed, lambda order, token: told.setdefault(order, []).append(token)))
        )
        assert answers.pop(1) is None
        expected = [generated(checkpoint, request) for request in requests]
        assert tokens_of(answers) == expected
        assert [told[order] for order in sorted(told)] == expected

    def test_a_call_within_a_call_is_answered(self, two_processes: MultiDeviceEngine, checkpoint: LoadedModel) -> None:
        request = request_for(checkpoint, Plain(), budget=4)

        def nested() -> list[Any]:
            return [list(two_processes.generate([request])) for _ in two_processes.generate([request, request])]

        assert tokens_of([inner for [inner] in in_time(nested)]) == [generated(checkpoint, request)] * 2

    def test_a_process_that_dies_costs_its_pages_only(self, checkpoint: LoadedModel) -> None:
        engine = MultiDeviceEngine(CheckpointRef(dtype="float32"), ["cpu", "cpu"], config=EngineConfig(batch_size=1))
        requests = [request_for(checkpoint, Plain(), budget=6, number=n) for n in range(6)]
        killed: list[bool] = []

        def kill(order: int, token: int) -> None:
            if not killed:
                killed.append(True)
                engine._workers[0].process.kill()

        try:
            answers = in_time(lambda: list(engine.generate(requests, kill)))
        finally:
            in_time(engine.close)
        lost = [answer for answer in answers if isinstance(answer, EngineError)]
        assert 0 < len(lost) < len(requests)
        assert "has ended: it was killed (signal 9" in str(lost[0])
        for request, answer in zip(requests, answers, strict=True):
            assert isinstance(answer, EngineError) or list(answer.tokens) == generated(checkpoint, request)

    def test_an_engine_that_gives_up_costs_its_pages_only(
        self, two_processes: MultiDeviceEngine, checkpoint: LoadedModel
    ) -> None:
        requests = [request_for(checkpoint, Plain(), budget=4, number=n) for n in range(3)]
        breaking = replace(requests[0], max_new_tokens=cast(int, None))
        answers = in_time(lambda: list(two_processes.generate([breaking, *requests])))
        assert "the engine on cpu gave up: TypeError" in str(answers[0])
        assert any(isinstance(answer, Completion) for answer in answers[1:])
        again = in_time(lambda: list(two_processes.generate(requests)))
        assert tokens_of(again) == [generated(checkpoint, request) for request in requests]

    def test_an_interrupt_leaves_the_processes_alone(
        self, two_processes: MultiDeviceEngine, checkpoint: LoadedModel
    ) -> None:
        """Ctrl-C, which a notebook sends whenever a cell is stopped, reaches the whole group of processes."""
        requests = [request_for(checkpoint, Plain(), budget=4, number=n) for n in range(2)]
        expected = [generated(checkpoint, request) for request in requests]
        assert tokens_of(in_time(lambda: list(two_processes.generate(requests)))) == expected
        for worker in two_processes._workers:
            os.kill(worker.process.pid or 0, signal.SIGINT)
        assert tokens_of(in_time(lambda: list(two_processes.generate(requests)))) == expected

    def test_a_device_that_is_not_there_is_named(self, small: LoadedModel) -> None:
        engine = MultiDeviceEngine(CheckpointRef(dtype="float32"), ["cuda:99"])
        try:
            [answer] = in_time(lambda: list(engine.generate([request_for(small, Plain())])))
        finally:
            in_time(engine.close)
        assert isinstance(answer, EngineError)
        assert "'cuda:99' cannot be used" in str(answer)

    def test_a_runtime_reads_on_several_devices(self, pages: Path) -> None:
        runtime = GotRuntime.from_pretrained(dtype="float32", devices=["cpu"])
        alone = GotRuntime.from_pretrained(dtype="float32")
        page = pages / "letter.png"
        assert runtime.read(page, max_new_tokens=12).text == alone.read(page, max_new_tokens=12).text


def test_eight_bits_say_nearly_what_sixteen_say(pages: Path) -> None:
    """got-nano in bfloat16 reads a page letter by letter the same with weights, keys and values in 8 bits.

    Of the letter, where it is unsure of a word, it may make a longer one: edits are counted there.
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


@torch.inference_mode()
def test_steps_on_the_device_are_the_same_steps(small: LoadedModel) -> None:
    """What is recorded as a CUDA graph, run without one: idle rows beside live ones, and a cache that grows."""
    there, here = (TorchDecoder(small.model, 5, 1 << 30, ahead=way) for way in (True, False))
    assert there.ahead is not None
    torch.manual_seed(0)
    texts = [[number] * length for number, length in enumerate([20, 509, 33], start=1)]
    for slot, text in enumerate(texts):
        prompt = torch.randn(len(text) - 1, 64)
        for decoder in (there, here):
            decoder.prefill(slot, prompt, len(text), None)
        there.ahead.follow(slot, text, ban=0)
    for _ in range(6):
        tokens, probabilities = there.ahead.launch(3)()
        hidden = here.step([text[-1] for text in texts], [len(text) - 1 for text in texts], [None] * 3)
        expected = here.choose(hidden, [()] * 3)
        assert tokens == expected[0]
        assert probabilities == pytest.approx(expected[1], rel=1e-4)
        for text, token in zip(texts, tokens, strict=True):
            text.append(token)


@pytest.mark.gpu
def test_on_a_gpu_tokens_are_generates(small: LoadedModel) -> None:
    import copy

    there = replace(small, model=copy.deepcopy(small.model).to("cuda"))
    requests = [request_for(small, task) for task in TASKS]
    answers = list(TorchEngine(there.model, there.end_tokens, batch_size=4).generate(requests))
    assert tokens_of(answers) == [generated(small, request) for request in requests]
    assert torch.cuda.is_available()


def test_a_page_says_that_memory_ran_out(small: LoadedModel) -> None:
    crowded = GotRuntime(
        small, TorchEngine(small.model, small.end_tokens, batch_size=4, kv_cache_bytes=4 * 512 * A_TOKEN)
    )
    found = list(crowded.stream([drawn_page(number) for number in range(2)], max_new_tokens=490))
    assert not any(page.error for page in found)
    assert any("memory ran out with 2 pages together" in warning for page in found for warning in page.warnings)
