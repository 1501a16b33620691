"""Callers in several threads and event loops on one engine, cancelled at random: tokens equal ``generate()``'s."""

import asyncio
import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from helpers.engine_requests import TOKEN_BYTES, AsyncEngine, mixed_requests
from helpers.random_networks import NARROW_TEXT, NARROW_VISION, generated, network

from got_runtime.engine.protocol import Completed, Engine, Failure, Request, Session, Token
from got_runtime.engine.torch_engine.engine import TorchEngine
from got_runtime.model.checkpoint import LoadedModel


class Caller:
    """Adds some of the requests at random times, cancels some, and checks the tokens of the others."""

    def __init__(self, engine: Engine, requests: list[Request], expected: list[list[int]], seed: int) -> None:
        self.rng = random.Random(seed)
        self.session: Session = engine.session()
        self.requests, self.expected = requests, expected
        self.left = [self.rng.randrange(len(requests)) for _ in range(self.rng.randint(1, 5))]
        self.open: dict[int, tuple[int, list[int]]] = {}
        self.ids = iter(range(1000))
        self.completed = 0

    def step(self) -> bool:
        """One turn; False at the end."""
        while self.left and self.session.has_room():
            index, id = self.left.pop(), next(self.ids)
            self.session.add(id, self.requests[index])
            self.open[id] = index, []
            if self.rng.random() < 0.3:
                break
        for event in self.session.step():
            index, tokens = self.open[event.id]
            assert not isinstance(event, Failure), event
            if isinstance(event, Token):
                tokens.append(event.token)
                continue
            del self.open[event.id]
            got, expected = list(event.completion.tokens), self.expected[index]
            # generate() does not detect loops, which the ban of two tokens makes likely.
            assert got == (expected[: len(got)] if event.completion.finish == "repetition" else expected)
            assert tokens[: len(got)] == got
            assert isinstance(event, Completed)
            self.completed += 1
        if self.open and self.rng.random() < 0.02:
            id = self.rng.choice(list(self.open))
            self.session.cancel(id)
            del self.open[id]
        if not self.left and not self.open:
            self.session.close()
            return False
        return True


def read_from_everywhere(engine: Engine, checkpoint: LoadedModel, threads: int, loops: int, seconds: float) -> int:
    """Callers come and go for some seconds; returns the number of completions."""
    requests = [
        replace(each, max_new_tokens=min(each.max_new_tokens, 40)) for each in mixed_requests(checkpoint, 12, 40)
    ]
    expected = [generated(checkpoint, request) for request in requests]
    until = time.monotonic() + seconds
    failures: list[BaseException] = []
    completed: list[int] = []

    def thread(seed: int) -> None:
        while time.monotonic() < until:
            caller = Caller(engine, requests, expected, seed)
            while caller.step():
                pass
            completed.append(caller.completed)
            seed += 1000

    async def task(seed: int) -> None:
        while time.monotonic() < until:
            caller = Caller(engine, requests, expected, seed)
            while await asyncio.to_thread(caller.step):
                pass
            completed.append(caller.completed)
            seed += 1000

    async def tasks(seed: int) -> None:
        await asyncio.gather(*(task(seed + number) for number in range(2)))

    def guarded(run: Callable[[int], Any], seed: int) -> None:
        try:
            run(seed)
        except BaseException as error:  # noqa: BLE001 - reported below
            failures.append(error)

    workers = [threading.Thread(target=guarded, args=(thread, number)) for number in range(threads)]
    workers += [
        threading.Thread(target=guarded, args=(lambda seed: asyncio.run(tasks(seed)), 100 + 10 * number))
        for number in range(loops)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(seconds + 240)
    assert not failures, failures
    assert not any(worker.is_alive() for worker in workers)
    return sum(completed)


@pytest.fixture(scope="module")
def small() -> LoadedModel:
    return network(256, NARROW_VISION, NARROW_TEXT, scale=0.25)


@pytest.mark.parametrize("kind", [TorchEngine, AsyncEngine])
def test_callers_in_threads_and_event_loops_get_the_same_tokens_as_alone(
    small: LoadedModel, kind: type[TorchEngine]
) -> None:
    engine = kind(small.model, small.end_tokens, batch_size=4)
    assert read_from_everywhere(engine, small, threads=4, loops=2, seconds=1.0) > 4
    assert not engine.rows.running


def test_callers_whose_pages_do_not_fit_together_get_the_same_tokens_as_alone(small: LoadedModel) -> None:
    engine = TorchEngine(small.model, small.end_tokens, batch_size=4, kv_cache_bytes=600 * TOKEN_BYTES)
    assert read_from_everywhere(engine, small, threads=3, loops=1, seconds=0.5) > 2
    assert not engine.rows.waiting


@pytest.mark.slow
@pytest.mark.parametrize("kind", [TorchEngine, AsyncEngine])
def test_sixteen_threads_and_three_event_loops(small: LoadedModel, kind: type[TorchEngine]) -> None:
    engine = kind(small.model, small.end_tokens, batch_size=8, kv_cache_bytes=2000 * TOKEN_BYTES)
    assert read_from_everywhere(engine, small, threads=16, loops=3, seconds=60) > 100
