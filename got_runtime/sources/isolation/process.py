"""One child process: its start, requests with a deadline, and its end.

Over 300 lines because a request, its deadline and how the child ended change together.
"""

import json
import math
import os
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from PIL import Image

from got_runtime.errors import SourceError
from got_runtime.sources.answers import Pixels
from got_runtime.sources.content import FileKind
from got_runtime.sources.isolation.descriptors import standard_descriptors_taken
from got_runtime.sources.isolation.pixels import SharedPixels, image_in_strips, is_large

__all__ = ["ChildEnded", "ChildProcess", "Reply"]

START_SECONDS = 120.0
"""Longest time until a child has started and imported its libraries, from a slow disk and beside other processes."""
EXIT_SECONDS = 1.0
"""Time that a child has to end by itself when its pipe is closed; it is killed then."""
MAX_WAIT_MS = 1 << 30
"""Longest time that the system can wait: twelve days."""
KEPT_BYTES = 128 << 20
"""Memory that a child keeps for its next page rather than return it: fresh memory costs milliseconds a page."""
INHERITS_FILES = os.name == "posix"
"""Whether a child gets the shared memory; else pixels are sent through the pipe."""

NO_REQUEST: dict[str, Any] = {"method": None, "kind": None, "open": None, "close": []}
"""Closes files, and imports a library where ``kind`` is set."""
_CODE = "import sys; from got_runtime.sources.isolation.child import serve; serve({descriptors}, {kind!r})"


class ChildEnded(Exception):
    """The child ended during a request: it was ended at the deadline, ended itself at a limit, or crashed."""

    def __init__(self, is_late: bool, status: int | None) -> None:
        super().__init__(f"the child ended with status {status}")
        self.is_late = is_late
        self.status = status


class Reply:
    """The reply to a request."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.value: dict[str, Any] = fields.get("value", {})
        self.pixels: tuple[str, int, int] | None = tuple(fields["pixels"]) if "pixels" in fields else None
        """Mode, width and height of the picture."""
        self.slot: int = fields.get("slot", 0)
        """Number of the shared memory that the picture is in."""
        self.error: list[str] | None = fields.get("error")
        """Class and message."""
        self.is_open: bool = fields.get("is_open", True)
        """Whether the child has the file open."""
        self.messages: tuple[str, ...] = tuple(fields.get("messages", ()))
        self.retires: bool = fields.get("retire", False)
        """Whether the child ends now, since a page took much memory."""


class ChildProcess:
    """A child process, used by one thread at a time. It is a new interpreter and no fork, whatever this process runs.

    Args:
        kind: of file that it will open first.

    Raises:
        SourceError: it cannot be started.
    """

    def __init__(self, kind: FileKind) -> None:
        if not sys.executable or getattr(sys, "frozen", False):
            raise _not_started("this program has no Python interpreter of its own")
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)),
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "MALLOC_MMAP_THRESHOLD_": str(KEPT_BYTES),  # of glibc
            "MALLOC_TRIM_THRESHOLD_": str(KEPT_BYTES),
        }
        self._shared: list[SharedPixels] = []
        self._slot = 0
        try:
            with standard_descriptors_taken():
                # Two, since the next page is rendered while the pixels of one are copied.
                self._shared += [SharedPixels(), SharedPixels()] if INHERITS_FILES else []
                descriptors = [shared.descriptor for shared in self._shared]
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-c", _CODE.format(descriptors=descriptors, kind=kind)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    cwd=tempfile.gettempdir(),
                    env=environment,
                    pass_fds=descriptors,
                    creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                )
        except OSError as error:
            self._release()
            raise _not_started(str(error)) from error
        self._poller: Any = None
        if hasattr(select, "poll"):
            assert self._process.stdout is not None
            self._poller = select.poll()
            self._poller.register(self._process.stdout, select.POLLIN)
        self._deadline = self._out_of_time = math.inf
        self._timer: threading.Timer | None = None
        self._is_late = False
        self._first = kind
        self._prepared: set[FileKind] = set()
        self.has_ended = False
        self.files: dict[int, None] = {}
        """Files that it has open, the last used at the end."""
        self.closing: list[int] = []
        """Files that it has open and should close."""

    @property
    def pid(self) -> int:
        return self._process.pid

    def prepare(self, kind: FileKind) -> None:
        """Wait until the child has started and imported the library for a kind of file.

        Raises:
            SourceError: it could not.
        """
        try:
            if not self._prepared:
                self._set_deadline(START_SECONDS)
                self.receive()
                self._prepared.add(self._first)
            if kind not in self._prepared:
                self.send({**NO_REQUEST, "kind": kind}, None, START_SECONDS)
                self.receive()
                self._prepared.add(kind)
        except ChildEnded as ended:
            raise _not_started(str(ended)) from ended

    def send(self, fields: dict[str, Any], memory: bytes | None, seconds: float) -> None:
        """Send a request. The library for its kind of file is imported. A failure is left to :meth:`receive`.

        Args:
            fields: of the request.
            memory: bytes of a file, for a request that opens it.
            seconds: until the child is ended.
        """
        self._slot = 1 - self._slot
        self._set_deadline(seconds)
        self._out_of_time = time.monotonic() + fields.get("seconds", math.inf)
        with self._ended_if_interrupted():
            assert self._process.stdin is not None
            with suppress(OSError, ValueError):
                self._process.stdin.write(_line({**fields, "slot": self._slot}))
                if memory is not None:
                    self._process.stdin.write(memory)
                self._process.stdin.flush()

    def receive(self) -> Reply:
        """The reply to the request sent.

        Raises:
            ChildEnded: the child was ended at the deadline, or crashed.
        """
        answers = self._process.stdout
        assert answers is not None
        try:
            with self._ended_if_interrupted():
                if self._poller is not None and not self._poller.poll(self._milliseconds_left()):
                    self._stop()
                reply = Reply(json.loads(answers.readline()))
        except (OSError, ValueError) as error:  # ValueError: no line, or half of one
            is_over = time.monotonic() >= self._out_of_time
            self.end(wait=not self._is_late)  # its own status tells how it ended
            self._is_late |= is_over and not self._process.returncode  # unknown where SIGCHLD is ignored
            raise ChildEnded(self._is_late, self._process.returncode) from error
        if self._timer is not None:
            self._timer.cancel()
        return reply

    def is_ready(self, seconds: float = 0) -> bool:
        """Whether the reply is there, or the child has ended, within so many seconds."""
        try:
            return self._poller is None or bool(self._poller.poll(seconds * 1000))
        except (OSError, ValueError):
            return True

    def image(self, reply: Reply) -> Image.Image | None:
        """The picture of a reply, copied. Called before the request after the next one is sent.

        Raises:
            ChildEnded: there are fewer pixels than announced.
        """
        if reply.pixels is None:
            return None
        try:
            with self._ended_if_interrupted():
                return self._copied(*reply.pixels, reply.slot)
        except (OSError, ValueError) as error:
            self.end()
            raise ChildEnded(False, None) from error

    def _copied(self, mode: str, width: int, height: int, slot: int) -> Image.Image:
        pixels = Pixels(mode, width, height, None)
        if self._shared:
            if is_large(pixels):
                self._shared[1 - slot].unmap()
            return self._shared[slot].image(pixels)
        assert self._process.stdout is not None
        return image_in_strips(pixels, self._process.stdout.read)

    def take_closing(self) -> list[int]:
        """The files of :attr:`closing`, which are told to the child."""
        keys, self.closing = self.closing, []
        return keys

    def close_files(self) -> None:
        """Close the files of :attr:`closing`, without waiting for it."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(_line({**NO_REQUEST, "close": self.take_closing()}))
            self._process.stdin.flush()
        except (OSError, ValueError):
            self.end()

    @contextmanager
    def _ended_if_interrupted(self) -> Iterator[None]:
        """A reply that nobody waits for would answer the next request."""
        try:
            yield
        except (OSError, ValueError):
            raise
        except BaseException:
            self.end()
            raise

    def _set_deadline(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        if self._poller is None:  # a thread for each request costs more than many requests, so only on Windows
            self._timer = threading.Timer(seconds, self._stop)
            self._timer.daemon = True
            self._timer.start()

    def _milliseconds_left(self) -> float:
        return min(max(self._deadline - time.monotonic(), 0) * 1000, MAX_WAIT_MS)

    def _stop(self) -> None:
        self._is_late = True
        self._process.kill()

    def end(self, wait: bool = False) -> None:
        """End the child.

        Args:
            wait: let it end by itself, for a second.
        """
        if self.has_ended:
            return
        self.has_ended = True
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        if wait:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(EXIT_SECONDS)
        self._process.kill()
        self._process.wait()
        self._release()

    def kill(self) -> None:
        """End the child during a request of another thread, which gets :class:`ChildEnded`."""
        self._process.kill()

    def forget(self) -> None:
        """Release the pipes of a child of the process that this one was forked from."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.raw.close()  # type: ignore[attr-defined]  # without the lock of the buffer, which may be held
        self._process.returncode = 0  # or its finalizer warns of a process that runs
        self._release()

    def _release(self) -> None:
        for shared in self._shared:
            shared.close()


def _line(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def _not_started(why: str) -> SourceError:
    return SourceError(
        f"no process to open files in could be started ({why}): free memory or processes, "
        "or open trusted files in this process with Limits(isolate=False)"
    )
