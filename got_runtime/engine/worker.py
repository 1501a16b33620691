"""An engine in a process of its own, which answers what :mod:`got_runtime.engine.multi_device` asks of it.

Both sides send tuples that begin with their kind. To the process: ``open`` (call, whether tokens are wanted), ``ask``
(call, order, request), ``shut`` (call), ``end``. From it: ``token`` (call, order, token), ``answer`` (call, order,
answer), ``died`` (call, reason) and, once for all calls, ``failed`` (reason).
"""

import pickle
import queue
import signal
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from got_runtime.engine.protocol import Request
from got_runtime.engine.registry import EngineConfig, make_engine
from got_runtime.errors import EngineError

if TYPE_CHECKING:
    from got_runtime.model.checkpoint import LoadedModel

__all__ = ["CheckpointRef", "serve"]


@dataclass(frozen=True)
class CheckpointRef:
    """What every worker loads for itself."""

    name: str | Path | None = None
    dtype: str = "auto"
    revision: str | None = None
    local_files_only: bool = True

    def load(self, device: str) -> "LoadedModel":
        """Onto one device."""
        from got_runtime.model.checkpoint import load

        return load(self.name, device, self.dtype, self.revision, self.local_files_only)


def serve(
    connection: Connection, weights: CheckpointRef, device: str, engine: str, config: EngineConfig, share: int
) -> None:
    """The worker process: a thread for every call that is open, all on one engine."""
    # Ctrl-C reaches the whole process group, but only the owner of the calls knows which of them it ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    import torch

    torch.set_num_threads(max(1, torch.get_num_threads() // share))
    sending = threading.Lock()

    def send(*message: Any) -> None:
        with sending:
            connection.send(message)

    try:
        checkpoint = weights.load(device)
        host = make_engine(engine, checkpoint, config)
    except Exception as error:  # noqa: BLE001 - told to whoever waits
        send("failed", str(error))
        return
    calls: dict[int, queue.SimpleQueue[tuple[int, Request] | None]] = {}
    while True:
        try:
            kind, *rest = connection.recv()
        except (EOFError, OSError):
            return
        if kind == "open":
            call, tokens = rest
            calls[call] = queue.SimpleQueue()
            answering = (host, call, calls[call], calls, tokens, send)
            threading.Thread(target=_answer, args=answering, name=f"got-ocr call {call}", daemon=True).start()
        elif kind == "ask":
            call, order, request = rest
            calls[call].put((order, replace(request, pixels=torch.from_numpy(request.pixels))))
        elif kind == "shut":
            calls.pop(rest[0]).put(None)
        else:
            return


class _Shut(Exception):
    """The call was closed by its owner."""


class _Requests(Iterator[Request]):
    """What is asked within one call, as it comes; ``orders`` are the places the caller has given them."""

    def __init__(self, asked: "queue.SimpleQueue[tuple[int, Request] | None]") -> None:
        self._asked = asked
        self.orders: list[int] = []

    def __next__(self) -> Request:
        item = self._asked.get()
        if item is None:
            raise StopIteration
        self.orders.append(item[0])
        return item[1]

    def wake(self) -> None:
        """Nothing more is wanted: the call was shut, or the engine gave up while this waited."""
        self._asked.put(None)


def _answer(host: Any, call: int, asked: Any, calls: Collection[int], tokens: bool, send: Any) -> None:
    """One call, until it is not among the open ``calls`` any more; it may be shut before this begins."""
    requests = _Requests(asked)

    def told(place: int, token: int) -> None:
        if call not in calls:
            raise _Shut
        if tokens:
            send("token", call, requests.orders[place], token)

    try:
        for place, answer in enumerate(host.answer(requests, told)):
            send("answer", call, requests.orders[place], _picklable(answer))
    except (_Shut, OSError):
        return
    except Exception as error:  # noqa: BLE001 - told to whoever waits
        send("died", call, f"{type(error).__name__}: {error}")


def _picklable(answer: Any) -> Any:
    try:
        pickle.loads(pickle.dumps(answer))
    except Exception:  # noqa: BLE001 - exceptions may hold anything
        return EngineError(f"{type(answer).__name__}: {answer}")
    return answer
