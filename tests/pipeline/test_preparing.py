"""How many pages are prepared at once: by the cores and the memory that the process may use."""

import threading

import pytest
from helpers.deadlines import in_time

from got_runtime.pipeline import preparing as module
from got_runtime.pipeline.preparing import ANALYSIS_BYTES, MEMORY_FRACTION, most_pages, preparing

PIXELS = 8_000_000


@pytest.mark.parametrize(
    ("cores", "here", "most"), [(2, True, 2), (8, True, 2), (16, True, 4), (64, True, 7), (2, False, 2), (16, False, 7)]
)
def test_the_number_follows_the_cores_and_where_the_network_runs(
    monkeypatch: pytest.MonkeyPatch, cores: int, here: bool, most: int
) -> None:
    monkeypatch.setattr("got_runtime.engine.threads.allowed_threads", lambda: cores)
    monkeypatch.setattr(module, "allowed_threads", lambda: cores)
    monkeypatch.setattr(module, "network_is_here", lambda: here)
    assert most_pages() == most


def prepared_together(pages: int) -> int:
    """How many of ``pages`` were prepared at the same time, each in its own thread, when no more would begin."""
    begun, end = threading.Semaphore(0), threading.Event()

    def prepare() -> None:
        with preparing(PIXELS):
            begun.release()
            end.wait(20)

    threads = [threading.Thread(target=prepare) for _ in range(pages)]
    for thread in threads:
        thread.start()
    count = 0
    while begun.acquire(timeout=0.3):
        count += 1
    end.set()
    for thread in threads:
        in_time(thread.join)
    return count


@pytest.mark.parametrize(("rooms", "together"), [(0.5, 1), (3.5, 3), (100, 5)])
def test_large_pages_wait_for_memory(monkeypatch: pytest.MonkeyPatch, rooms: float, together: int) -> None:
    monkeypatch.setattr(module, "most_pages", lambda: 5)
    monkeypatch.setattr(module, "free_memory", lambda _: rooms * PIXELS * ANALYSIS_BYTES / MEMORY_FRACTION)
    assert prepared_together(7) == together


def test_a_page_that_fails_gives_its_room_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "most_pages", lambda: 1)
    page = preparing(PIXELS)
    page.__enter__()
    assert not page.__exit__(ValueError, ValueError("torn"), None)
    assert prepared_together(2) == 1
