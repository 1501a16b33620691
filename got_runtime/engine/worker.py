"""The process of one device: an engine that serves the calls of :mod:`got_runtime.engine.multi_device`.

Both sides send tuples that begin with their kind.

    to the process:    open (call, whether tokens are wanted) · request (call, id, request) · cancel (call, id)
                       close (call) · exit
    from the process:  read (place of pixels in the shared memory) · events (call, list of events)
                       call_failed (call, reason) · process_failed (reason), once for all calls

A call is a session in each process.
"""

import pickle
import queue
import signal
import threading
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from got_runtime.engine.pixel_memory import PixelMemory, Place
from got_runtime.engine.protocol import Engine, Event, Failure, Request, Token
from got_runtime.engine.registry import EngineConfig, make_engine
from got_runtime.errors import EngineError

if TYPE_CHECKING:
    import torch

    from got_runtime.model.checkpoint import LoadedModel

__all__ = ["CheckpointRef", "serve"]

_Arrivals = queue.SimpleQueue[tuple[int, Request | None] | None]
"""Requests of one call with their ids; without a request, the id is cancelled. None ends the call."""


@dataclass(frozen=True)
class CheckpointRef:
    """Which checkpoint each process loads; the arguments of :func:`got_runtime.model.checkpoint.load`."""

    name: str | Path | None = None
    dtype: str = "auto"
    revision: str | None = None
    local_files_only: bool = True
    compiled: bool = False

    def load(self, device: str, loaded_again: bool = False) -> "LoadedModel":
        """Load the checkpoint onto one device."""
        from got_runtime.model.checkpoint import load

        arguments = self.name, device, self.dtype, self.revision, self.local_files_only, self.compiled
        return load(*arguments, loaded_again=loaded_again, plain=self.compiled)


def serve(
    connection: Connection,
    memory: PixelMemory | None,
    checkpoint: CheckpointRef,
    device: str,
    engine_name: str,
    config: EngineConfig,
    processes_on_cpu: int,
    processes_on_device: int,
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
        loaded = checkpoint.load(device, engine_name == "vllm")
        engine = make_engine(engine_name, loaded, share_memory(config, torch.device(device), processes_on_device))
    except Exception as error:  # noqa: BLE001 - sent to the process that made the calls
        send("process_failed", str(error))
        return
    calls: dict[int, _Arrivals] = {}
    while True:
        try:
            kind, *rest = connection.recv()
        except (EOFError, OSError):
            return
        if kind == "open":
            call, wants_tokens = rest
            calls[call] = queue.SimpleQueue()
            arguments = (engine, call, calls[call], wants_tokens, send)
            threading.Thread(target=_serve_call, args=arguments, name=f"got-ocr call {call}", daemon=True).start()
        elif kind == "request":
            call, id, request = rest
            pixels = request.pixels
            if isinstance(pixels, Place):
                assert memory is not None
                place, pixels = pixels, memory.read(pixels)
                send("read", place)
            levels = None if request.levels is None else torch.from_numpy(request.levels)
            calls[call].put((id, replace(request, pixels=torch.from_numpy(pixels), levels=levels)))
        elif kind == "cancel":
            call, id = rest
            calls[call].put((id, None))
        elif kind == "close":
            calls.pop(rest[0]).put(None)
        else:
            return


def share_memory(config: EngineConfig, device: "torch.device", processes: int) -> EngineConfig:
    """The configuration of one of several processes on a device: each takes its part of the free memory."""
    if processes == 1 or config.kv_cache_bytes is not None:
        return config
    from got_runtime.engine.memory import KV_CACHE_FRACTION, free_memory

    return replace(config, kv_cache_bytes=max(1, int(free_memory(device) * KV_CACHE_FRACTION / processes)))


def _serve_call(engine: Engine, call: int, arrivals: _Arrivals, wants_tokens: bool, send: Callable[..., None]) -> None:
    """Serve one call until it is closed."""
    waiting: deque[tuple[int, Request]] = deque()
    open_ids: set[int] = set()
    try:
        with closing(engine.session(wants_tokens)) as session:
            while True:
                while not open_ids or not arrivals.empty():
                    arrival = arrivals.get()
                    if arrival is None:
                        return
                    id, request = arrival
                    if request is not None:
                        open_ids.add(id)
                        waiting.append((id, request))
                    elif id in open_ids:
                        open_ids.remove(id)
                        waiting = deque(each for each in waiting if each[0] != id)
                        session.cancel(id)
                while waiting and session.has_room():
                    session.add(*waiting.popleft())
                events = session.step()
                open_ids -= {event.id for event in events if not isinstance(event, Token)}
                if events:
                    send("events", call, [_picklable(event) for event in events])
    except OSError:  # the process that made the call has ended
        return
    except Exception as error:  # noqa: BLE001 - sent to the process that made the call
        send("call_failed", call, f"{type(error).__name__}: {error}")


def _picklable(event: Event) -> Event:
    """The event, with an exception that can be sent: an exception may carry anything."""
    if isinstance(event, Failure):
        try:
            pickle.loads(pickle.dumps(event.error))
        except Exception:  # noqa: BLE001
            return Failure(event.id, EngineError(f"{type(event.error).__name__}: {event.error}"))
    return event
