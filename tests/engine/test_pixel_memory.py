"""Pixels on their way to an engine process, in memory that both share."""

import multiprocessing
import os
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.deadlines import in_time
from helpers.engine_requests import generate, tokens_of
from helpers.random_networks import request_for

from got_runtime import Plain
from got_runtime.engine.multi_device import CheckpointRef, MultiDeviceEngine
from got_runtime.engine.pixel_memory import BLOCK_BYTES, BLOCKS, PixelMemory
from got_runtime.engine.protocol import Completion, Request
from got_runtime.engine.registry import EngineConfig
from got_runtime.errors import EngineError
from got_runtime.model.checkpoint import LoadedModel

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="pixels go through the pipe elsewhere")


def finished(engine: Any, requests: Any) -> Any:
    return list(generate(engine, requests))


@pytest.fixture
def memory() -> Iterator[PixelMemory]:
    memory = PixelMemory()
    yield memory
    memory.close()


def page(blocks: int, value: int) -> "np.ndarray[Any, Any]":
    return np.full((blocks, BLOCK_BYTES), value, np.uint8)


def test_arrays_do_not_overlap_and_what_was_read_makes_room(memory: PixelMemory) -> None:
    half = memory.write(page(BLOCKS // 2, 1))
    rest = memory.write(page(BLOCKS // 2 - 1, 2))
    last = memory.write(np.arange(6.0, dtype=np.float32).reshape(2, 3)[:, ::2])
    assert half is not None
    assert rest is not None
    assert last is not None
    assert memory.write(page(1, 3)) is None
    assert (memory.read(half) == 1).all()
    assert (memory.read(rest) == 2).all()
    assert memory.read(last).tolist() == [[0, 2], [3, 5]]
    memory.free(rest)
    assert memory.write(page(BLOCKS // 2, 3)) is None, "a page needs blocks in a row"
    again = memory.write(page(3, 4))
    assert again is not None
    assert (memory.read(half) == 1).all()
    assert (memory.read(again) == 4).all()


def test_what_is_larger_than_the_memory_or_comes_after_its_end_has_no_place(memory: PixelMemory) -> None:
    assert memory.write(page(BLOCKS + 1, 1)) is None
    memory.close()
    assert memory.write(page(1, 1)) is None


def is_mapped() -> bool:
    """Whether this process has such memory."""
    return "got-ocr-requests" in Path("/proc/self/maps").read_text()


def test_memory_that_cannot_be_mapped_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.listdir("/proc/self/fd")
    monkeypatch.setattr("mmap.mmap", refuse)
    memory = PixelMemory()
    assert memory.write(page(1, 5)) is None
    assert os.listdir("/proc/self/fd") == before


def refuse(*_: Any) -> int:
    raise PermissionError("no memfd_create here")


def one_tile(checkpoint: LoadedModel, count: int) -> list[Request]:
    """Requests whose pixels differ, in uint8."""
    pixels = (
        torch.arange(count).repeat_interleave(3 * 1024 * 1024).mul(40).to(torch.uint8).view(count, 1, 3, 1024, 1024)
    )
    levels = torch.linspace(-2, 2, 256).repeat(3, 1)
    request = request_for(checkpoint, Plain(), budget=4)
    return [replace(request, pixels=each, levels=levels) for each in pixels]


def test_pages_do_not_go_through_the_pipe_and_all_memory_is_free_after_them(
    checkpoint: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = one_tile(checkpoint, 5)
    found = []
    for refused in (True, False):
        with monkeypatch.context() as patch:
            if refused:
                patch.setattr(os, "memfd_create", refuse)
            engine = MultiDeviceEngine(CheckpointRef(dtype="float32"), ["cpu"], config=EngineConfig(batch_size=2))
        [worker] = engine._workers
        sent = 0

        def count(message: Any, send: Any = worker._connection.send) -> None:
            nonlocal sent
            sent += len(multiprocessing.reduction.ForkingPickler.dumps(message))
            send(message)

        monkeypatch.setattr(worker._connection, "send", count)
        try:
            found.append(tokens_of(in_time(partial(finished, engine, requests))))
            assert not any(worker._memory._used)
        finally:
            in_time(engine.close)
        assert (sent < 1 << 20) is not refused
    assert found[0] == found[1]


def test_a_process_that_dies_with_pages_in_the_memory_leaves_none(checkpoint: LoadedModel) -> None:
    engine = MultiDeviceEngine(CheckpointRef(dtype="float32"), ["cpu"], config=EngineConfig(batch_size=2))
    [worker] = engine._workers
    with pytest.MonkeyPatch.context() as patch:  # it has not read its requests when it dies
        patch.setattr(worker, "_send", lambda message: None)
        worker.send_request(0, 0, one_tile(checkpoint, 1)[0])
    assert any(worker._memory._used)
    assert is_mapped()
    worker.process.kill()
    try:
        completions = in_time(lambda: list(generate(engine, one_tile(checkpoint, 2))))
        worker.thread.join(10)
        assert not is_mapped()
    finally:
        in_time(engine.close)
    assert not any(isinstance(completion, Completion) for completion in completions)
    assert all(isinstance(completion, EngineError) for completion in completions)
