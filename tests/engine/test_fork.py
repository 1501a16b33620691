"""A forked process cannot use the engine of its parent: it gets an error and does not hang. It can make its own."""

import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator

import pytest
import torch
from helpers.engine_requests import generate
from helpers.random_networks import NARROW_TEXT, NARROW_VISION, TASKS, network, request_for
from helpers.virtual_rows import VirtualEngine, request_of

from got_runtime.engine.protocol import Completion, Engine
from got_runtime.engine.torch_engine.engine import TorchEngine
from got_runtime.errors import EngineError

pytestmark = pytest.mark.skipif(not hasattr(os, "register_at_fork"), reason="the system has no fork")
SECONDS = 30


def in_forked_process(check: Callable[[], None]) -> int:
    """The exit code of a forked process that runs ``check``: 0 if it raised nothing, negative if it hung."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads, which is what is tested
        child = os.fork()
    if child == 0:
        try:
            signal.alarm(SECONDS)
            check()
            os._exit(0)
        except BaseException:  # noqa: BLE001 - the exit code tells
            traceback.print_exc(file=sys.stderr)
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    torch.ones(3000, 300) @ torch.ones(300, 300)  # OpenMP has a helper thread now
    yield
    torch.set_num_threads(before)


def refuses(engine: Engine) -> Callable[[], None]:
    session = engine.session()
    session.add(0, request_of(5))

    def check() -> None:
        for use in (engine.session, session.step, session.has_room, lambda: session.cancel(0)):
            try:
                use()
            except EngineError as error:
                assert "make a runtime in each process" in str(error)  # noqa: PT017 - another process
            else:
                raise AssertionError("no error")
        session.close()
        engine.close()

    return check


def test_an_engine_whose_thread_makes_a_step_refuses_in_a_forked_process() -> None:
    engine = VirtualEngine(4)
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            list(generate(engine, [request_of(50)]))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(5):
            assert in_forked_process(refuses(engine)) == 0
            time.sleep(0.01)
        with engine.batch._lock:  # as if another thread held it
            child_check = refuses_when_locked(engine)
            assert in_forked_process(child_check) == 0
    finally:
        stop.set()
        reader.join()
    assert not engine.rows.closed


def refuses_when_locked(engine: VirtualEngine) -> Callable[[], None]:
    def check() -> None:
        with pytest.raises(EngineError, match="forked"):
            engine.session()
        engine.close()

    return check


def test_a_forked_process_reads_with_an_engine_of_its_own(two_threads: None) -> None:
    small = network(256, NARROW_VISION, NARROW_TEXT, scale=0.25)
    request = request_for(small, TASKS[0], 6)
    [expected] = generate(TorchEngine(small.model, small.end_tokens, threads=2), [request])

    def check() -> None:
        [completion] = generate(TorchEngine(small.model, small.end_tokens, threads=2), [request])
        assert isinstance(completion, Completion)
        assert completion.tokens == expected.tokens
        assert torch.get_num_threads() == 1

    assert in_forked_process(check) == 0
