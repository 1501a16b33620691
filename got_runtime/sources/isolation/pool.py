"""The child processes of this process, and which of them has which file open.

A child serves one request at a time, and any of them can serve any file: it opens a file that it does not have open.
So a child that was ended costs the page that ended it, and the file is opened again for the next page.

Over 300 lines because which child is free, which file is open where, and who waits change together, under one lock.
"""

import atexit
import itertools
import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from PIL import Image

from got_runtime.errors import SourceError
from got_runtime.sources.content import FileKind
from got_runtime.sources.isolation.process import ChildEnded, ChildProcess, Reply

__all__ = ["Opening", "Pending", "Pool", "Request", "new_key", "pool", "start_child"]

MAX_CHILDREN = 8
"""Children of this process. A second one starts only for a second thread that reads at the same time."""
LEAVING_SECONDS = 0.2
"""Time that closing a file waits for a page of it that is being rendered."""
MAX_OPEN_FILES = 16
"""Files that a child has open; the one that was not used for longest is closed."""


@dataclass(frozen=True)
class Opening:
    """How a child opens a file."""

    kind: FileKind
    name: str
    path: str | None
    """Absolute; None for a file in memory, and for one that only this process can open."""
    read: Callable[[], bytes]
    """Its bytes, where ``path`` is None."""
    arguments: dict[str, Any]
    """See :func:`got_runtime.sources.opened.open_file`."""

    def fields(self, memory: bytes | None) -> dict[str, Any]:
        """Of a request that opens it; ``memory`` is what :attr:`read` gave."""
        size = len(memory) if memory is not None else 0
        return {"name": self.name, "path": self.path, "bytes": size, "arguments": self.arguments}


@dataclass(frozen=True)
class Request:
    """A request for a file."""

    key: int
    """Of the file."""
    fields: dict[str, Any]
    """Without those of opening."""
    opening: Opening
    seconds: float
    """Of processor time until the child ends itself."""
    wall_seconds: float
    """On the clock, until it is ended."""


class Pending:
    """A request that a child works at. Its result is kept until it is taken, once or more."""

    def __init__(self, pool: "Pool", child: ChildProcess, key: int) -> None:
        self._pool, self._child, self._key = pool, child, key
        self._lock = threading.Lock()
        self._result: tuple[Reply, Image.Image | None] | Exception | None = None
        self.is_left = False
        """Whether its owner has closed the file and wants no result."""

    def collect(self, following: Request | None = None) -> "tuple[Reply, Image.Image | None, Pending | None]":
        """The reply, its image, and the pending result of the request that follows it.

        Args:
            following: sent to the child before the pixels are copied, so that it works meanwhile.

        Raises:
            ChildEnded: the child was ended at the deadline, or crashed.
        """
        ahead = None
        with self._lock:
            if self._result is None:
                self._result, ahead = self._collected(following)
            if isinstance(self._result, Exception):
                raise self._result
            return *self._result, ahead

    def collect_quietly(self) -> None:
        """Wait until the child has finished; its result, or failure, is kept."""
        with suppress(ChildEnded):
            self.collect()

    def leave(self) -> None:
        """Take no result. The child is free again when it has finished, for which this waits a moment."""
        self.is_left = True
        if not self._pool.is_free():
            return
        if self._lock.acquire(blocking=False):
            try:
                if self._result is None and self._child.is_ready(LEAVING_SECONDS):
                    self._result, _ = self._collected(None)
            finally:
                self._lock.release()
        if self._result is not None:
            self._pool.taken(self)

    def _collected(
        self, following: Request | None
    ) -> "tuple[tuple[Reply, Image.Image | None] | Exception, Pending | None]":
        child, pool, ahead = self._child, self._pool, None
        try:
            reply = pool.received(child, self._key)
            if following is not None and not reply.retires:
                ahead = pool.sent_ahead(child, following)
            image = None if self.is_left else child.image(reply)
            if reply.retires:
                child.end(wait=True)
            return (reply, image), ahead
        except ChildEnded as ended:
            return ended, ahead
        finally:
            if ahead is None:
                pool.give_back(child)
            else:  # until here nobody else may use the child, whose next but one page overwrites the pixels
                ahead._lock.release()


class Pool:
    """Children that wait for requests, and those at work."""

    def __init__(self) -> None:
        # Not reentrant: a garbage collector may close files at any allocation, also while its thread holds the lock.
        self._changed = threading.Condition(threading.Lock())
        self._waiting: list[ChildProcess] = []
        self._working: list[ChildProcess] = []
        self._starting = 0
        self._limit = max(1, min(MAX_CHILDREN, _processors()))
        self._ahead: list[Pending] = []
        """Requests that were sent ahead, and whose results nobody has taken."""
        self._closed: deque[int] = deque()
        self._has_ended = False

    def start(self, kind: FileKind) -> None:
        """Start a child if there is none, without waiting for it. A failure is left to the first request."""
        with self._changed:
            if self._waiting or self._working or self._starting or self._has_ended:
                return
            self._starting += 1
        with suppress(SourceError):
            self.give_back(self._started(kind))

    def send(self, request: Request) -> "Pending":
        """Send a request to a child that has the file open, or opens it.

        Raises:
            SourceError: the file cannot be read, or no child could be started.
        """
        child = self._take(request.key, request.opening.kind)
        try:
            child.prepare(request.opening.kind)
            return self._sent(child, request)
        except BaseException:
            self.give_back(child)
            raise

    def _sent(self, child: ChildProcess, request: Request) -> "Pending":
        is_open, opening = request.key in child.files, request.opening
        memory = opening.read() if not is_open and opening.path is None else None
        fields = {
            **request.fields,
            "file": request.key,
            "kind": opening.kind,
            "seconds": request.seconds,
            "wall_seconds": request.wall_seconds,
            "close": child.take_closing(),
            "open": None if is_open else opening.fields(memory),
        }
        child.send(fields, memory, request.wall_seconds)
        return Pending(self, child, request.key)

    def received(self, child: ChildProcess, key: int) -> Reply:
        """The reply of a child to a request for a file. Raises ChildEnded as :meth:`ChildProcess.receive` does."""
        reply = child.receive()
        child.files.pop(key, None)
        if reply.is_open:
            child.files[key] = None
        if len(child.files) > MAX_OPEN_FILES:
            oldest = next(iter(child.files))
            del child.files[oldest]
            child.closing.append(oldest)
        return reply

    def sent_ahead(self, child: ChildProcess, request: Request) -> "Pending | None":
        """Send a further request to a child at once, whose result is taken later; None if the file cannot be read."""
        try:
            pending = self._sent(child, request)
        except SourceError:
            return None
        pending._lock.acquire()  # released by the caller, when it has copied the pixels of this page
        with self._changed:
            self._ahead.append(pending)
        return pending

    def is_free(self) -> bool:
        """Whether this thread may use the pool: a garbage collector may have interrupted it there."""
        if not self._changed.acquire(blocking=False):
            return False
        self._changed.release()
        return True

    def taken(self, pending: "Pending") -> None:
        """The owner of a request that was sent ahead takes its result."""
        with self._changed:
            if pending in self._ahead:
                self._ahead.remove(pending)

    def close(self, key: int) -> None:
        """Close a file in the children that have it open: at once in those that wait, else after their request."""
        self._closed.append(key)
        if not self._changed.acquire(blocking=False):
            return  # closed by the thread that has the lock, or with the next request
        try:
            self._distribute()
            idle = [child for child in self._waiting if child.closing]
            for child in idle:
                self._waiting.remove(child)
                self._working.append(child)
        finally:
            self._changed.release()
        for child in idle:
            self.give_back(child)

    def end(self) -> None:
        """End all children; those at work are killed."""
        with self._changed:
            self._has_ended = True
            waiting, working = [*self._waiting], [*self._working]
            self._waiting.clear()
            self._changed.notify_all()
        for child in working:
            child.kill()
        for child in waiting:
            child.end(wait=True)

    def forget(self) -> None:
        """Release the pipes to the children of the process that this one was forked from."""
        for child in [*self._waiting, *self._working]:
            child.forget()

    def _take(self, key: int, kind: FileKind) -> ChildProcess:
        """A child for this thread: one that has the file open, one that waits, or a new one."""
        while True:
            with self._changed:
                if self._has_ended:
                    raise SourceError("this program is ending: no file can be opened any more")
                self._distribute()
                if self._waiting:
                    child = next((each for each in self._waiting if key in each.files), self._waiting[-1])
                    self._waiting.remove(child)
                    self._working.append(child)
                    return child
                is_full = len(self._working) + self._starting >= self._limit
                ahead = next((each for each in self._ahead if is_full or each.is_left), None)
                if ahead is not None:
                    self._ahead.remove(ahead)
                elif is_full:
                    self._changed.wait()
                    continue
                else:
                    self._starting += 1
                    break
            # A child whose result nobody has taken yet serves others too.
            ahead.collect_quietly()
        return self._started(kind)

    def _started(self, kind: FileKind) -> ChildProcess:
        child: ChildProcess | None = None
        try:
            child = ChildProcess(kind)
            return child
        finally:
            with self._changed:
                self._starting -= 1
                if child is not None:
                    self._working.append(child)
                self._changed.notify()

    def give_back(self, child: ChildProcess) -> None:
        """Let a child wait for the next request, once it was told to close what it should."""
        while True:
            with self._changed:
                self._distribute()
                if child.has_ended or not child.closing:
                    self._working.remove(child)
                    if not child.has_ended:
                        self._waiting.append(child)
                    self._changed.notify()
                    return
            child.close_files()

    def _distribute(self) -> None:
        """Tell the children that have closed files open to close them. Called with the lock."""
        while self._closed:
            key = self._closed.popleft()
            for child in [*self._waiting, *self._working]:
                if key in child.files:
                    del child.files[key]
                    child.closing.append(key)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_keys = itertools.count(1)
_pool: Pool | None = None
_pool_lock = threading.Lock()


def new_key() -> int:
    """A number for a file, which is that of no other file, also after a fork."""
    return next(_keys)


def pool() -> Pool:
    """The children of this process."""
    global _pool
    with _pool_lock:
        if _pool is None:
            _pool = Pool()
            atexit.register(_pool.end)
        return _pool


def start_child(kind: FileKind = "PDF") -> None:
    """Start a child ahead of the first file, for example while a model is loaded. Does nothing if there is one."""
    pool().start(kind)


def _forget_after_fork() -> None:
    global _pool, _pool_lock
    inherited, _pool, _pool_lock = _pool, None, threading.Lock()
    if inherited is not None:
        atexit.unregister(inherited.end)
        inherited.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
