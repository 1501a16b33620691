"""One engine that distributes requests over several processes, one for each device."""

import itertools
import logging
import multiprocessing
import queue
import signal
import threading
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from multiprocessing.process import BaseProcess
from typing import Any

from got_runtime.engine.prefetch import Prefetcher
from got_runtime.engine.protocol import Completion, OnToken, Request, engine_closed
from got_runtime.engine.registry import EngineConfig
from got_runtime.engine.reorder_buffer import ReorderBuffer
from got_runtime.engine.worker import CheckpointRef, serve
from got_runtime.errors import EngineError

__all__ = ["CheckpointRef", "MultiDeviceEngine"]

WORKER_STOP_TIMEOUT_S = 10.0
"""Time that a process gets to end by itself; afterwards it is terminated."""
WORKER_EXIT_TIMEOUT_S = 2.0
"""Time to wait for the exit code of a process that has closed its connection."""
DRAW_INTERVAL_S = 0.05
"""Longest wait for an event while more requests may arrive."""
EVENT_INTERVAL_S = 1.0
"""Longest wait for an event once all requests are sent."""
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
        self._workers = [_Worker(checkpoint, device, engine, config, processes_on_cpu) for device in devices]
        self._requests_per_worker = config.batch_size + EXTRA_REQUESTS
        self._calls = itertools.count()
        self._finalizer = weakref.finalize(self, _stop, self._workers)

    def close(self) -> None:
        """See :class:`got_runtime.engine.protocol.Engine`. Pending requests are lost."""
        self._finalizer()

    def generate(
        self, requests: Iterable[Request | None], on_token: OnToken | None = None
    ) -> Iterator[Completion | Exception | None]:
        """See :class:`got_runtime.engine.protocol.Engine`."""
        self._check_open()
        call, events = next(self._calls), _Events()
        buffer = ReorderBuffer()
        pending: dict[int, _Worker] = {}
        failed: dict[_Worker, str] = {}
        for worker in self._workers:
            worker.open_call(call, events, on_token is not None)
        prefetcher = Prefetcher(requests)
        try:
            while True:
                self._check_open()
                alive = [worker for worker in self._workers if worker.alive and worker not in failed]
                while buffer.has_room(len(pending), self._requests_per_worker * max(1, len(alive))):
                    taken = prefetcher.take(wait=not pending)
                    if taken is None:
                        break
                    index = buffer.add(taken[0])
                    if taken[0] is None:
                        buffer.finished[index] = None
                    elif not alive:
                        reason = next(iter(failed.values()), self._workers[0].exit_reason)
                        buffer.finished[index] = EngineError(f"no engine process is left: {reason}")
                    else:
                        loads = [list(pending.values()).count(worker) for worker in alive]
                        pending[index] = alive[loads.index(min(loads))]
                        pending[index].send_request(call, index, taken[0])
                yield from buffer.pop_ready()
                if pending:
                    timeout = EVENT_INTERVAL_S if prefetcher.exhausted else DRAW_INTERVAL_S
                    self._handle_event(events, on_token, pending, buffer.finished, failed, timeout)
                elif buffer.all_returned and prefetcher.exhausted:
                    return
        finally:
            for worker in self._workers:
                worker.close_call(call)
            prefetcher.close()

    def _check_open(self) -> None:
        if not self._finalizer.alive:
            raise engine_closed()

    @staticmethod
    def _handle_event(
        events: _Events,
        on_token: OnToken | None,
        pending: "dict[int, _Worker]",
        finished: dict[int, Completion | Exception | None],
        failed: "dict[_Worker, str]",
        timeout: float,
    ) -> None:
        """Handle one event of a worker, if one arrives within ``timeout`` seconds."""
        try:
            kind, *rest = events.get(timeout=timeout)
        except queue.Empty:
            return
        if kind == "token" and on_token is not None:
            on_token(*rest)
        elif kind == "completion":
            index, completion = rest
            del pending[index]
            finished[index] = completion
        elif kind == "call_failed":
            worker, reason = rest
            failed[worker] = reason
            for index in [index for index, owner in pending.items() if owner is worker]:
                del pending[index]
                finished[index] = EngineError(reason)


class _Worker:
    """This side of one process: sends it messages; a thread passes its events to the calls."""

    def __init__(
        self, checkpoint: CheckpointRef, device: str, engine: str, config: EngineConfig, processes_on_cpu: int
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, other_end = context.Pipe()
        self._device = device
        self._sending = threading.Lock()
        self._events: dict[int, _Events] = {}
        self.alive = True
        self.exit_reason = f"the engine process on {device} has ended"
        self.process: BaseProcess = context.Process(
            target=serve,
            args=(other_end, checkpoint, device, engine, config, processes_on_cpu),
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

    def send_request(self, call: int, index: int, request: Request) -> None:
        # As an array: a tensor would be sent as an open file.
        pixels: Any = request.pixels.numpy()
        self._send(("request", call, index, replace(request, pixels=pixels)))

    def close_call(self, call: int) -> None:
        self._events.pop(call, None)
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


def _stop(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.stop()
