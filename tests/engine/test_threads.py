"""The number of CPU threads follows what the process may use and what other processes use."""

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch
from helpers.engine_requests import generate
from helpers.random_networks import NARROW_TEXT, NARROW_VISION, TASKS, network, request_for

from got_runtime.engine import threads
from got_runtime.engine.threads import ThreadCount, allowed_threads, beside_the_network
from got_runtime.engine.torch_engine.engine import TorchEngine


class Machine:
    """Cores of which other processes use some."""

    def __init__(self, cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall = self.busy = self.own = 0.0
        monkeypatch.setattr(threads, "_cores", lambda: set(range(cores)))
        monkeypatch.setattr(threads, "_busy_seconds", lambda: self.busy)
        monkeypatch.setattr("time.monotonic", lambda: self.wall)
        monkeypatch.setattr("time.process_time", lambda: self.own)
        monkeypatch.setattr(threads, "_last", threads._Sample.take())

    def run(self, seconds: float, own: float, others: float) -> None:
        """Let time pass; ``own`` and ``others`` are cores in use."""
        self.wall += seconds
        self.own += own * seconds
        self.busy += (own + others) * seconds


@pytest.fixture(autouse=True)
def number() -> Iterator[None]:
    """torch's number of threads is 8 and is restored."""
    before = torch.get_num_threads()
    torch.set_num_threads(8)
    yield
    torch.set_num_threads(before)


def test_threads_leave_the_cores_that_others_use_and_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(8, monkeypatch)
    count = ThreadCount()
    found = []
    for others in (0, 3, 3.2, 8, 0.3, 0):
        machine.run(1, own=4, others=others)
        count.adapt()
        found.append(torch.get_num_threads())
    assert found == [8, 5, 5, 2, 8, 8]


def test_the_load_while_the_network_was_loaded_counts_for_the_first_page(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(2, monkeypatch)
    machine.run(3, own=1, others=1)
    ThreadCount().adapt()
    assert torch.get_num_threads() == 1


def test_the_load_is_not_measured_over_a_short_time(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(8, monkeypatch)
    count = ThreadCount()
    machine.run(0.1, own=0, others=8)
    count.adapt()
    assert torch.get_num_threads() == 8


def test_a_second_engine_is_not_limited_by_what_the_first_adapted_to(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(8, monkeypatch)
    for others, expected in ((6, 2), (0, 8)):
        machine.run(1, own=1, others=others)
        count = ThreadCount()
        machine.run(1, own=1, others=others)
        count.adapt()
        assert torch.get_num_threads() == expected


def test_threads_that_prepare_pages_leave_their_cores_to_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, without waiting for the next measurement of the load, and not below a quarter of the threads."""
    machine = Machine(8, monkeypatch)
    count = ThreadCount()
    machine.run(1, own=4, others=1)
    found = []
    with ExitStack() as pages:
        for _ in range(3):
            count.adapt()
            found.append(torch.get_num_threads())
            for _ in range(3):
                pages.enter_context(beside_the_network())
    count.adapt()
    assert [*found, torch.get_num_threads()] == [7, 4, 2, 7]


@pytest.mark.skipif(threads._pause() is None, reason="torch has another OpenMP")
def test_a_thread_that_stops_reading_leaves_no_helper_threads() -> None:
    """They would slow down the thread that reads next, although they only wait."""
    torch.set_num_threads(3)
    small = network(256, NARROW_VISION, NARROW_TEXT, scale=0.25)
    engine = TorchEngine(small.model, small.end_tokens, threads=3)
    before = len(os.listdir("/proc/self/task"))
    seen: list[int] = []

    def read() -> None:
        list(generate(engine, [request_for(small, TASKS[0], 4)], lambda *_: seen.append(tasks())))
        seen.append(tasks())

    def tasks() -> int:
        return len(os.listdir("/proc/self/task"))

    reader = threading.Thread(target=read)
    reader.start()
    reader.join()
    assert seen[0] == before + 1 + 2
    assert seen[-1] == before + 1


def test_a_fixed_number_is_kept_whatever_others_do(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(8, monkeypatch)
    count = ThreadCount(3)
    machine.run(1, own=0, others=8)
    count.adapt()
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize(
    ("quota", "expected"), [("200000 100000", 2), ("150000 100000", 2), ("max 100000", 6), ("", 6)]
)
def test_the_quota_of_a_container_is_respected(
    quota: str, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr(threads, "_CGROUP", tmp_path / "cpu.max")
    monkeypatch.setattr(threads, "_cores", lambda: set(range(6)))
    assert allowed_threads() == expected


def test_without_proc_all_allowed_threads_are_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(threads, "_STAT", tmp_path / "stat")
    monkeypatch.setattr(threads, "_cores", lambda: set(range(4)))
    monkeypatch.setattr(threads, "_last", threads._Sample(-10.0, None, 0.0))
    ThreadCount().adapt()
    assert torch.get_num_threads() == 4
