"""One child process: its start, requests with a deadline, and its end."""

import json
import os
import select
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from PIL import Image

from got_runtime.errors import SourceError
from got_runtime.sources.answers import Pixels
from got_runtime.sources.content import FileKind
from got_runtime.sources.isolation.pixels import SharedPixels

__all__ = ["ChildEnded", "ChildProcess", "Reply"]

START_SECONDS = 120.0
"""Longest time until a child has started and imported its libraries, from a slow disk and beside other processes."""
EXIT_SECONDS = 1.0
"""Time that a child has to end by itself when its pipe is closed; it is killed then."""
MAX_WAIT_MS = 1 << 30
"""Longest time that the system can wait: twelve days."""
KEPT_BYTES = 128 << 20
"""Memory that a child keeps for its next page rather than return it: fresh memory costs milliseconds a page."""

NO_REQUEST: dict[str, Any] = {"method": None, "kind": None, "open": None, "close": []}
"""Closes files, and imports a library where ``kind`` is set."""
_CODE = "import sys; from got_runtime.sources.isolation.child import serve; serve({descriptor}, {kind!r})"


class ChildEnded(Exception):
    """The child ended during a request: it was ended at the deadline, or it crashed."""

    def __init__(self, is_late: bool, status: int | None) -> None:
        super().__init__(f"the child ended with status {status}")
        self.is_late = is_late
        self.status = status


class Reply:
    """The reply to a request."""

    def __init__(self, fields: dict[str, Any], image: Image.Image | None) -> None:
        self.value: dict[str, Any] = fields.get("value", {})
        self.image = image
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
        self._shared = SharedPixels() if os.name == "posix" else None
        descriptor = self._shared.descriptor if self._shared is not None else None
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
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _CODE.format(descriptor=descriptor, kind=kind)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=tempfile.gettempdir(),
                env=environment,
                pass_fds=() if descriptor is None else (descriptor,),
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
                self._exchange(None, None, START_SECONDS)
                self._prepared.add(self._first)
            if kind not in self._prepared:
                self._exchange(_line({**NO_REQUEST, "kind": kind}), None, START_SECONDS)
                self._prepared.add(kind)
        except ChildEnded as ended:
            raise _not_started(str(ended)) from ended

    def request(self, fields: dict[str, Any], memory: bytes | None, seconds: float) -> Reply:
        """Send a request and wait for its reply. The library for its kind of file is imported.

        Args:
            fields: of the request.
            memory: bytes of a file, for a request that opens it.
            seconds: until the child is ended.

        Raises:
            ChildEnded: it was ended at the deadline, or crashed.
        """
        return self._exchange(_line(fields), memory, seconds)

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

    def _exchange(self, line: bytes | None, memory: bytes | None, seconds: float) -> Reply:
        requests, answers = self._process.stdin, self._process.stdout
        assert requests is not None
        assert answers is not None
        late = threading.Event()
        try:
            with self._deadline(seconds, late) as wait:
                if line is not None:
                    requests.write(line)
                    if memory is not None:
                        requests.write(memory)
                    requests.flush()
                wait()
                fields = json.loads(answers.readline())
                return Reply(fields, self._image(fields))
        except (OSError, ValueError) as error:  # ValueError: no line, or half of one
            self.end(wait=not late.is_set())  # its own status tells how it ended
            raise ChildEnded(late.is_set(), self._process.returncode) from error
        except BaseException:  # interrupted: a reply that nobody waits for would answer the next request
            self.end()
            raise

    @contextmanager
    def _deadline(self, seconds: float, late: threading.Event) -> Iterator[Callable[[], object]]:
        """Kills the child after ``seconds`` and sets ``late``. The function given waits for the reply to begin."""

        def stop() -> None:
            late.set()
            self._process.kill()

        def wait() -> None:
            if not self._poller.poll(min(seconds * 1000, MAX_WAIT_MS)):
                stop()

        if self._poller is not None:  # a thread for each request would cost more than the request
            yield wait
            return
        timer = threading.Timer(seconds, stop)
        timer.daemon = True
        timer.start()
        try:
            yield lambda: None
        finally:
            timer.cancel()

    def _image(self, fields: dict[str, Any]) -> Image.Image | None:
        if "pixels" not in fields:
            return None
        mode, width, height = fields["pixels"]
        size = Pixels(mode, width, height, None).size
        if self._shared is None:
            assert self._process.stdout is not None
            return Pixels(mode, width, height, self._process.stdout.read(size)).image()
        with self._shared.read(fields["offset"], size) as data:
            # Copied into the image at once: the memory is used for the next page.
            image = Pixels(mode, width, height, data).image()
        self._shared.done()
        return image

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
        if self._shared is not None:
            self._shared.close()


def _line(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def _not_started(why: str) -> SourceError:
    return SourceError(
        f"no process to open files in could be started ({why}): free memory or processes, "
        "or open trusted files in this process with Limits(isolate=False)"
    )
