"""One engine that distributes requests over several processes, one for each device."""

import itertools
import logging
import multiprocessing
import os
import queue
import signal
import threading
import weakref
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.process import BaseProcess
from typing import Any

from got_runtime.engine.pixel_memory import PixelMemory
from got_runtime.engine.protocol import (
    Event,
    Failure,
    Request,
    Session,
    Token,
    engine_closed,
    engine_of_another_process,
)
from got_runtime.engine.registry import EngineConfig
from got_runtime.engine.worker import CheckpointRef, serve
from got_runtime.errors import EngineError

__all__ = ["CheckpointRef", "MultiDeviceEngine"]

WORKER_STOP_TIMEOUT_S = 10.0
"""Time that a process gets to end by itself; afterwards it is terminated."""
WORKER_EXIT_TIMEOUT_S = 2.0
"""Time to wait for the exit code of a process that has closed its connection."""
EVENT_INTERVAL_S = 0.05
"""Longest wait for an event in a step: afterwards the caller may have more requests."""
EXTRA_REQUESTS = 2
"""Requests sent to a process beyond its batch size, so that it need not wait for the next one."""

logger = logging.getLogger(__name__)

_Events = queue.SimpleQueue[tuple[Any, ...]]


class MultiDeviceEngine:
    """See :class:`got_runtime.engine.protocol.Engine`. Safe to use from several threads.

    Each request goes to the process with the fewest pending ones. A process that dies, or whose engine fails a call,
    fails the requests it had; the other processes go on. :meth:`close`, or deleting the engine, ends the processes.

    The processes are spawned: each imports the script that makes this engine, so the script needs ``if __name__ ==
    "__main__":`` around its calls.

    Args:
        checkpoint: loaded by each process.
        devices: one process for each; ``["cpu", "cpu"]`` is two processes that share the cores.
        engine: name of the engine in each process.
        config: configuration of the engine in each process.

    Raises:
        EngineError: ``devices`` is empty.
    """

    def __init__(
        self,
        checkpoint: CheckpointRef,
        devices: Sequence[str],
        engine: str = "torch",
        config: EngineConfig | None = None,
    ) -> None:
        if not devices:
            raise EngineError("devices=[]: name at least one, such as 'cuda:0' or 'cpu'")
        config = config or EngineConfig()
        processes_on_cpu = len(devices) if "cpu" in devices else 1
        self._workers = [
            _Worker(checkpoint, device, engine, config, processes_on_cpu, list(devices).count(device))
            for device in devices
        ]
        self._batch_size = config.batch_size
        self._calls = itertools.count()
        self._process = os.getpid()
        self._finalizer = weakref.finalize(self, _stop, self._workers, self._process)

    def close(self) -> None:
        """See :class:`got_runtime.engine.protocol.Engine`. Pending requests are lost."""
        self._finalizer()

    def session(self, tokens: bool = True) -> Session:
        """See :class:`got_runtime.engine.protocol.Engine`."""
        self.check_open()
        return _Session(self, self._workers, next(self._calls), tokens, self._batch_size)

    def is_forked(self) -> bool:
        """Whether this process was forked from the one that made the engine: the pipes are those of that one."""
        return os.getpid() != self._process

    def check_open(self) -> None:
        """Raises EngineError if the engine is closed, or if this process was forked from the one that made it."""
        if self.is_forked():
            raise engine_of_another_process()
        if not self._finalizer.alive:
            raise engine_closed()


class _Session:
    """See :class:`got_runtime.engine.protocol.Session`: a session in each process."""

    def __init__(
        self, engine: MultiDeviceEngine, workers: "Sequence[_Worker]", call: int, tokens: bool, batch_size: int
    ) -> None:
        self._engine = engine
        self._workers = workers
        self._call = call
        self.batch_size = batch_size * len(workers)
        self._requests_per_worker = batch_size + EXTRA_REQUESTS
        self._arrivals = _Events()
        self._lost: list[Event] = []
        """Failures of requests that no process can take."""
        self._pending: dict[int, _Worker] = {}
        self._failed: dict[_Worker, str] = {}
        for worker in workers:
            worker.open_call(call, self._arrivals, tokens)

    def _alive(self) -> "list[_Worker]":
        return [worker for worker in self._workers if worker.alive and worker not in self._failed]

    def has_room(self) -> bool:
        self._engine.check_open()
        return len(self._pending) + len(self._lost) < self._requests_per_worker * max(1, len(self._alive()))

    def add(self, id: int, request: Request) -> None:
        self._engine.check_open()
        if alive := self._alive():
            loads = list(self._pending.values())
            self._pending[id] = min(alive, key=loads.count)
            self._pending[id].send_request(self._call, id, request)
        else:
            reason = next(iter(self._failed.values()), self._workers[0].exit_reason)
            self._lost.append(Failure(id, EngineError(f"no engine process is left: {reason}")))

    def step(self) -> list[Event]:
        self._engine.check_open()
        events, self._lost = self._lost, []
        wait = not events and bool(self._pending)
        try:
            while True:
                events += self._events_of(*self._arrivals.get(wait, EVENT_INTERVAL_S))
                wait = False
        except queue.Empty:
            return events

    def _events_of(self, kind: str, *content: Any) -> list[Event]:
        if kind == "events":
            events = [event for event in content[0] if event.id in self._pending]
            for event in events:
                if not isinstance(event, Token):
                    del self._pending[event.id]
            return events
        worker, reason = content
        self._failed[worker] = reason
        lost = [id for id, owner in self._pending.items() if owner is worker]
        for id in lost:
            del self._pending[id]
        return [Failure(id, EngineError(reason)) for id in lost]

    def cancel(self, id: int) -> None:
        self._engine.check_open()
        self._lost = [event for event in self._lost if event.id != id]
        if worker := self._pending.pop(id, None):
            worker.cancel_request(self._call, id)

    def close(self) -> None:
        self._pending.clear()
        if self._engine.is_forked():
            return
        for worker in self._workers:
            worker.close_call(self._call)


class _Worker:
    """This side of one process: sends it messages; a thread passes its events to the calls."""

    def __init__(
        self,
        checkpoint: CheckpointRef,
        device: str,
        engine: str,
        config: EngineConfig,
        processes_on_cpu: int,
        processes_on_device: int,
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, other_end = context.Pipe()
        self._memory = PixelMemory()
        self._device = device
        self._sending = threading.Lock()
        self._events: dict[int, _Events] = {}
        self.alive = True
        self.exit_reason = f"the engine process on {device} has ended"
        self.process: BaseProcess = context.Process(
            target=serve,
            args=(other_end, self._memory, checkpoint, device, engine, config, processes_on_cpu, processes_on_device),
            name=f"got-ocr {device}",
            daemon=True,
        )
        self.process.start()
        other_end.close()
        self.thread = threading.Thread(target=self._receive, name=f"got-ocr from {device}", daemon=True)
        self.thread.start()

    def open_call(self, call: int, events: _Events, wants_tokens: bool) -> None:
        self._events[call] = events
        self._send(("open", call, wants_tokens))

    def send_request(self, call: int, id: int, request: Request) -> None:
        # As arrays: a tensor would be sent as an open file.
        array = request.pixels.numpy()
        place = self._memory.write(array)
        pixels: Any = array if place is None else place
        levels: Any = None if request.levels is None else request.levels.numpy()
        self._send(("request", call, id, replace(request, pixels=pixels, levels=levels)))

    def cancel_request(self, call: int, id: int) -> None:
        self._send(("cancel", call, id))

    def close_call(self, call: int) -> None:
        if self._events.pop(call, None) is not None:
            self._send(("close", call))

    def stop(self) -> None:
        self._send(("exit",))
        self.process.join(WORKER_STOP_TIMEOUT_S)
        if self.process.is_alive():
            logger.warning("the engine process on %s does not end: it is terminated", self._device)
            self.process.terminate()
            self.process.join(WORKER_STOP_TIMEOUT_S)
        self.thread.join(WORKER_STOP_TIMEOUT_S)

    def _send(self, message: tuple[Any, ...]) -> None:
        with self._sending:
            try:
                self._connection.send(message)
            except OSError:  # the process has ended: _receive() reports it
                self.alive = False

    def _receive(self) -> None:
        try:
            while True:
                kind, *rest = self._connection.recv()
                if kind == "process_failed":
                    self.exit_reason = f"the engine process on {self._device} has ended: {rest[0]}"
                    break
                if kind == "read":
                    self._memory.free(rest[0])
                    continue
                call, *content = rest
                events = self._events.get(call)
                if events is None:
                    continue
                if kind == "call_failed":
                    content = [self, f"the engine on {self._device} failed: {content[0]}"]
                events.put((kind, *content))
        except (EOFError, OSError):
            self.process.join(WORKER_EXIT_TIMEOUT_S)
            self.exit_reason += _describe_exit(self.process.exitcode)
        self.alive = False
        self._memory.close()
        if self._events:
            logger.warning("%s", self.exit_reason)
        for events in list(self._events.values()):
            events.put(("call_failed", self, self.exit_reason))


def _describe_exit(code: int | None) -> str:
    """A process's exit code in words, to be appended to a sentence; empty where it ended normally."""
    if not code:
        return ""
    if code < 0:
        return f": it was killed (signal {-code}, {signal.strsignal(-code)})"
    return f' with exit code {code} (a script that uses devices= needs an if __name__ == "__main__": around its calls)'


def _stop(workers: Sequence[_Worker], process: int) -> None:
    if os.getpid() != process:  # a forked process ends; the one that made the engine goes on
        return
    for worker in workers:
        worker.stop()
