"""A network that is loaded when the first page has to be decoded: pages that are kept need none."""

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from got_runtime.engine.protocol import Engine, Event, Request, Session, engine_closed

if TYPE_CHECKING:
    from got_runtime.model.checkpoint import LoadedModel

__all__ = ["LazyNetwork"]


class LazyNetwork:
    """The checkpoint and engine of a runtime, loaded at first use. Safe to use from several threads.

    Args:
        make: loads them.
        batch_size: that of the engine.
    """

    def __init__(self, make: "Callable[[], tuple[LoadedModel, Engine]]", batch_size: int) -> None:
        self._make = make
        self._batch_size = batch_size
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._loaded: tuple[LoadedModel, Engine] | None = None
        self._closed = False

    @property
    def checkpoint(self) -> "LoadedModel":
        """Stands for the checkpoint; each of its attributes loads it, and raises what loading raises."""
        return cast("LoadedModel", _Checkpoint(self))

    @property
    def engine(self) -> Engine:
        """Stands for the engine, which is loaded with the first request."""
        return _Engine(self, self._batch_size)

    @property
    def is_loaded(self) -> bool:
        """Whether it was loaded."""
        return self._loaded is not None

    def load(self) -> "tuple[LoadedModel, Engine]":
        """The checkpoint and the engine. Raises what loading raises, and EngineError after :meth:`close`."""
        if os.getpid() != self._process:  # forked: a thread that is not here may hold the lock
            self._lock, self._process = threading.Lock(), os.getpid()
        with self._lock:
            if self._closed:
                raise engine_closed()
            if self._loaded is None:
                self._loaded = self._make()
            return self._loaded

    def close(self) -> None:
        """Close the engine, and load nothing from now on."""
        with self._lock:
            self._closed = True
            loaded, self._loaded = self._loaded, None
        if loaded is not None:
            loaded[1].close()

    def check_open(self) -> None:
        """Raises EngineError after :meth:`close`."""
        if self._closed:
            raise engine_closed()


class _Checkpoint:
    def __init__(self, network: LazyNetwork) -> None:
        self._network = network

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked for by copy and pickle
            raise AttributeError(name)
        return getattr(self._network.load()[0], name)


class _Engine:
    """See :class:`got_runtime.engine.protocol.Engine`."""

    def __init__(self, network: LazyNetwork, batch_size: int) -> None:
        self._network = network
        self._batch_size = batch_size

    def session(self, tokens: bool = True) -> Session:
        self._network.check_open()
        return _Session(self._network, tokens, self._batch_size)

    def close(self) -> None:
        self._network.close()


class _Session:
    """See :class:`got_runtime.engine.protocol.Session`."""

    def __init__(self, network: LazyNetwork, tokens: bool, batch_size: int) -> None:
        self._network = network
        self._tokens = tokens
        self._session: Session | None = None
        self._batch_size = batch_size

    @property
    def batch_size(self) -> int:
        return self._batch_size if self._session is None else self._session.batch_size

    def _open(self) -> Session:
        if self._session is None:
            self._session = self._network.load()[1].session(self._tokens)
        return self._session

    def has_room(self) -> bool:
        self._network.check_open()
        return self._session is None or self._session.has_room()

    def add(self, id: int, request: Request) -> None:
        self._open().add(id, request)

    def step(self) -> list[Event]:
        return self._open().step()

    def cancel(self, id: int) -> None:
        if self._session is not None:
            self._session.cancel(id)

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
