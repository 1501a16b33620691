"""One engine process for each device behind one engine: pages are dealt to whoever has the fewest."""

import itertools
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
from got_runtime.engine.protocol import Completion, OnToken, Request
from got_runtime.engine.registry import EngineConfig
from got_runtime.engine.reorder_buffer import ReorderBuffer
from got_runtime.engine.worker import CheckpointRef, serve
from got_runtime.errors import EngineError

__all__ = ["CheckpointRef", "MultiDeviceEngine"]

PATIENCE = 10.0
"""Seconds a worker gets to end by itself."""
_POLL = 0.05
_BURIAL = 2.0
"""Seconds for a worker that has closed its connection to be gone, so that its exit code is known."""


class MultiDeviceEngine:
    """See :class:`got_runtime.engine.protocol.Engine`. Safe to use from several threads.

    A worker that dies, or whose engine gives a call up, costs the pages it had; the others go on. :meth:`close`, or
    letting go of the engine, ends the workers. They are spawned: each imports the script that makes this engine, which
    therefore stands under ``if __name__ == "__main__":`` there.

    Args:
        weights: what to load.
        devices: one worker each; ``["cpu", "cpu"]`` is two processes that share the cores.
        engine: name of the engine in each worker.
        config: of the engine in each worker.
    """

    def __init__(
        self,
        weights: CheckpointRef,
        devices: Sequence[str],
        engine: str = "torch",
        config: EngineConfig | None = None,
    ) -> None:
        if not devices:
            raise EngineError("devices=[]: name at least one, such as 'cuda:0' or 'cpu'")
        config = config or EngineConfig()
        share = len(devices) if "cpu" in devices else 1
        self._workers = [_Worker(weights, device, engine, config, share) for device in devices]
        self._cap = config.batch_size + 2
        self._calls = itertools.count()
        self._finalizer = weakref.finalize(self, _end, self._workers)

    def close(self) -> None:
        """End the workers; what they are at is lost."""
        self._finalizer()

    def answer(
        self, requests: Iterable[Request | None], on_token: OnToken | None = None
    ) -> Iterator[Completion | Exception | None]:
        """See :class:`got_runtime.engine.protocol.Engine`."""
        call, events = next(self._calls), queue.SimpleQueue[tuple[Any, ...]]()
        order = ReorderBuffer()
        pending: dict[int, _Worker] = {}
        dead: dict[_Worker, str] = {}
        for worker in self._workers:
            worker.open(call, events, on_token is not None)
        ahead = Prefetcher(requests)
        try:
            while True:
                alive = [worker for worker in self._workers if worker.alive and worker not in dead]
                while order.room(len(pending), self._cap * max(1, len(alive))):
                    taken = ahead.take(wait=not pending)
                    if taken is None:
                        break
                    number = order.number(taken[0])
                    if taken[0] is None:
                        order.done[number] = None
                    elif not alive:
                        reason = next(iter(dead.values()), self._workers[0].reason)
                        order.done[number] = EngineError(f"no engine process is left: {reason}")
                    else:
                        loads = [list(pending.values()).count(worker) for worker in alive]
                        pending[number] = alive[loads.index(min(loads))]
                        pending[number].ask(call, number, taken[0])
                yield from order.ready()
                if pending:
                    self._take_in(
                        events, on_token, pending, order.done, dead, wait=_POLL if not ahead.exhausted else 1.0
                    )
                elif order.handed_on and ahead.exhausted:
                    return
        finally:
            for worker in self._workers:
                worker.shut(call)
            ahead.close()

    @staticmethod
    def _take_in(
        events: "queue.SimpleQueue[tuple[Any, ...]]",
        on_token: OnToken | None,
        pending: "dict[int, _Worker]",
        done: dict[int, Completion | Exception | None],
        dead: "dict[_Worker, str]",
        wait: float,
    ) -> None:
        """What a worker has to say, if one says anything in time."""
        try:
            kind, *rest = events.get(timeout=wait)
        except queue.Empty:
            return
        if kind == "token" and on_token is not None:
            on_token(*rest)
        elif kind == "answer":
            order, answer = rest
            del pending[order]
            done[order] = answer
        elif kind == "died":
            worker, reason = rest
            dead[worker] = reason
            for order in [order for order, owner in pending.items() if owner is worker]:
                del pending[order]
                done[order] = EngineError(reason)


class _Worker:
    """This side of one process: what is sent to it, and a thread that hands on what comes back."""

    def __init__(self, weights: CheckpointRef, device: str, engine: str, config: EngineConfig, share: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._device = device
        self._sending = threading.Lock()
        self._events: dict[int, queue.SimpleQueue[tuple[Any, ...]]] = {}
        self.alive = True
        self.reason = f"the engine process on {device} has ended"
        self.process: BaseProcess = context.Process(
            target=serve,
            args=(theirs, weights, device, engine, config, share),
            name=f"got-ocr {device}",
            daemon=True,
        )
        self.process.start()
        theirs.close()
        self.thread = threading.Thread(target=self._receive, name=f"got-ocr from {device}", daemon=True)
        self.thread.start()

    def open(self, call: int, events: "queue.SimpleQueue[tuple[Any, ...]]", tokens: bool) -> None:
        self._events[call] = events
        self._send(("open", call, tokens))

    def ask(self, call: int, order: int, request: Request) -> None:
        # As an array: a tensor would travel as an open file.
        pixels: Any = request.pixels.numpy()
        self._send(("ask", call, order, replace(request, pixels=pixels)))

    def shut(self, call: int) -> None:
        self._events.pop(call, None)
        self._send(("shut", call))

    def end(self) -> None:
        self._send(("end",))
        self.process.join(PATIENCE)
        if self.process.is_alive():
            self.process.terminate()
            self.process.join(PATIENCE)
        self.thread.join(PATIENCE)

    def _send(self, message: tuple[Any, ...]) -> None:
        with self._sending:
            try:
                self._connection.send(message)
            except OSError:
                self.alive = False

    def _receive(self) -> None:
        try:
            while True:
                kind, *rest = self._connection.recv()
                if kind == "failed":
                    self.reason = f"the engine process on {self._device} has ended: {rest[0]}"
                    break
                call, *what = rest
                events = self._events.get(call)
                if events is None:
                    continue
                if kind == "died":
                    what = [self, f"the engine on {self._device} gave up: {what[0]}"]
                events.put((kind, *what))
        except (EOFError, OSError):
            self.process.join(_BURIAL)
            self.reason += _exit(self.process.exitcode)
        self.alive = False
        for events in list(self._events.values()):
            events.put(("died", self, self.reason))


def _exit(code: int | None) -> str:
    """What the exit code of a process that said nothing tells."""
    if not code:
        return ""
    if code < 0:
        return f": it was killed (signal {-code}, {signal.strsignal(-code)})"
    return f' with exit code {code} (a script that uses devices= needs an if __name__ == "__main__": around its calls)'


def _end(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.end()
