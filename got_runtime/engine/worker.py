"""The process of one device: an engine that serves the calls of :mod:`got_runtime.engine.multi_device`.

Both sides send tuples that begin with their kind.

    to the process:    open (call, whether tokens are wanted) · request (call, index, request) · close (call) · exit
    from the process:  token (call, index, token) · completion (call, index, completion or exception)
                       call_failed (call, reason) · process_failed (reason), once for all calls
"""

import pickle
import queue
import signal
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from got_runtime.engine.protocol import Completion, Engine, Request, RequestSource
from got_runtime.engine.registry import EngineConfig, make_engine
from got_runtime.errors import EngineError

if TYPE_CHECKING:
    from got_runtime.model.checkpoint import LoadedModel

__all__ = ["CheckpointRef", "serve"]

_RequestQueue = queue.SimpleQueue[tuple[int, Request] | None]
"""Requests of one call with their index in that call; None ends the call."""


@dataclass(frozen=True)
class CheckpointRef:
    """Which checkpoint each process loads; the arguments of :func:`got_runtime.model.checkpoint.load`."""

    name: str | Path | None = None
    dtype: str = "auto"
    revision: str | None = None
    local_files_only: bool = True
    compiled: bool = False

    def load(self, device: str) -> "LoadedModel":
        """Load the checkpoint onto one device."""
        from got_runtime.model.checkpoint import load

        return load(self.name, device, self.dtype, self.revision, self.local_files_only, self.compiled)


def serve(
    connection: Connection,
    checkpoint: CheckpointRef,
    device: str,
    engine_name: str,
    config: EngineConfig,
    processes_on_cpu: int,
) -> None:
    """The main function of the process: one thread for each open call, all on one engine."""
    # Ctrl-C reaches the whole process group. The process that made the calls closes those that it interrupts.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    import torch

    torch.set_num_threads(max(1, torch.get_num_threads() // processes_on_cpu))
    sending = threading.Lock()

    def send(*message: Any) -> None:
        with sending:
            connection.send(message)

    try:
        engine = make_engine(engine_name, checkpoint.load(device), config)
    except Exception as error:  # noqa: BLE001 - sent to the process that made the calls
        send("process_failed", str(error))
        return
    calls: dict[int, _RequestQueue] = {}
    while True:
        try:
            kind, *rest = connection.recv()
        except (EOFError, OSError):
            return
        if kind == "open":
            call, wants_tokens = rest
            calls[call] = queue.SimpleQueue()
            arguments = (engine, call, calls[call], calls, wants_tokens, send)
            threading.Thread(target=_serve_call, args=arguments, name=f"got-ocr call {call}", daemon=True).start()
        elif kind == "request":
            call, index, request = rest
            calls[call].put((index, replace(request, pixels=torch.from_numpy(request.pixels))))
        elif kind == "close":
            calls.pop(rest[0]).put(None)
        else:
            return


class _CallClosed(Exception):
    """The caller closed the call."""


class _CallRequests(RequestSource):
    """The requests of one call as they arrive. ``indices`` are their indices in the caller's process."""

    def __init__(self, arrivals: _RequestQueue) -> None:
        self._arrivals = arrivals
        self.indices: list[int] = []

    def __next__(self) -> Request:
        arrival = self._arrivals.get()
        if arrival is None:
            raise StopIteration
        index, request = arrival
        self.indices.append(index)
        return request

    def wake(self) -> None:
        self._arrivals.put(None)


def _serve_call(
    engine: Engine,
    call: int,
    arrivals: _RequestQueue,
    open_calls: Collection[int],
    wants_tokens: bool,
    send: Callable[..., None],
) -> None:
    """Serve one call until it is closed, which may happen before this function begins."""
    requests = _CallRequests(arrivals)

    def on_token(index: int, token: int) -> None:
        if call not in open_calls:
            raise _CallClosed
        if wants_tokens:
            send("token", call, requests.indices[index], token)

    try:
        for index, completion in enumerate(engine.generate(requests, on_token)):
            send("completion", call, requests.indices[index], _picklable(completion))
    except (_CallClosed, OSError):
        return
    except Exception as error:  # noqa: BLE001 - sent to the process that made the call
        send("call_failed", call, f"{type(error).__name__}: {error}")


def _picklable(completion: Completion | Exception | None) -> Completion | Exception | None:
    try:
        pickle.loads(pickle.dumps(completion))
    except Exception:  # noqa: BLE001 - an exception may carry anything
        return EngineError(f"{type(completion).__name__}: {completion}")
    return completion
