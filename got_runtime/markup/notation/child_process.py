"""Runs functions of the drawing libraries in a child process, which may be ended without harm to this one.

verovio ends its process at some scores, RDKit lays a long chain out for half a minute. So :func:`in_child_process` runs
such a function in one child, which starts at the first call and serves all later ones. It is ended when a call exceeds
a limit, and the next call starts another. The child is a new interpreter and no fork, so that it works on every system,
whatever threads this process has.
"""

import atexit
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache, wraps
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ParamSpec, TypeVar

from got_runtime.errors import DrawingError, MissingExtra

resource: Any
try:
    import resource
except ImportError:  # Windows
    resource = None

__all__ = ["in_child_process", "serve"]

MAX_SECONDS = 10
"""Most processor time of one call, where the system can limit it. A page of print takes less than one second in each
of the libraries."""
MAX_WAIT_SECONDS = 60.0
"""Longest time of a call, of the start of the child, and of the first import of a library from a slow disk."""
MAX_REQUEST_BYTES = 1_000_000
"""Most bytes of the arguments, as JSON. GOT writes 4,096 tokens a page, about 10,000 bytes."""
MAX_RESULT_BYTES = 16_000_000
"""Most bytes of a result, as JSON."""
MAX_MEMORY_BYTES = 4 << 30
"""Address space of the child, where the system can limit it."""

_OUT_OF_TIME = getattr(signal, "SIGXCPU", 0)
_CODE = "from got_runtime.markup.notation.child_process import serve; serve()"

P = ParamSpec("P")
R = TypeVar("R")


def in_child_process(extra: str, module: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorator: each call of the function runs in the child process.

    Arguments and result are values that JSON can carry. Calls raise ``MissingExtra`` if the package is not installed,
    and ``DrawingError`` if the library failed, crashed, or exceeded a limit.

    Args:
        extra: installs the package.
        module: of the package, imported before the time of a call begins.
    """
    package = module.partition(".")[0]

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def call(*arguments: P.args, **keywords: P.kwargs) -> R:
            if find_spec(package) is None:
                raise MissingExtra(extra, package)
            request = json.dumps([module, function.__module__, function.__name__, arguments, keywords]).encode()
            if len(request) > MAX_REQUEST_BYTES:
                raise DrawingError(f"more than {MAX_REQUEST_BYTES:,} bytes are not drawn")
            result: R = _child(os.getpid()).call(module, request)
            return result

        return call

    return decorate


@cache
def _child(process: int) -> "_Child":
    """The child of a process: after a fork, the number of the process is another and so is its child."""
    return _Child()


class _Child:
    """A child process and the pipes to it; one call at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: str | None = None
        self._imported: set[str] = set()
        self._owner = os.getpid()
        atexit.register(self.end)

    def call(self, module: str, request: bytes) -> Any:
        """The result of a request that needs a module. Raises ``DrawingError``."""
        with self._lock:
            try:
                if self._process is None or self._process.poll() is not None:
                    self.end()
                    self._start()
                if module not in self._imported:
                    self._exchange(json.dumps([module]).encode(), module)
                    self._imported.add(module)
                return self._exchange(request, module)
            except DrawingError:
                raise
            except BaseException:  # interrupted: a result that nobody waits for would answer the next request
                self.end()
                raise

    def _start(self) -> None:
        if not sys.executable or getattr(sys, "frozen", False):
            raise DrawingError("drawing needs a Python interpreter to run in, and this program has none")
        try:
            # Removed with the child, which cannot remove its temporary files when it is killed.
            self._folder = tempfile.mkdtemp(prefix="got-ocr-")
            environment = {
                **os.environ,
                "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)),
                "OPENBLAS_NUM_THREADS": "1",
                **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), self._folder),
            }
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _CODE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=self._folder,
                env=environment,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            raise DrawingError(f"no process to draw in could be started ({error})") from error
        self._exchange(b'["sys"]', "Python")

    def _exchange(self, request: bytes, module: str) -> Any:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        late = threading.Event()

        def stop() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(MAX_WAIT_SECONDS, stop)
        timer.daemon = True
        timer.start()
        try:
            try:
                process.stdin.write(request + b"\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except OSError:  # the child has ended
                line = b""
        finally:
            timer.cancel()
            timer.join()
        if late.is_set() or not line:
            slow = self.end() == -_OUT_OF_TIME or late.is_set()
            why = (
                f"took longer than {MAX_WAIT_SECONDS if late.is_set() else MAX_SECONDS:g} seconds"
                if slow
                else "crashed"
            )
            raise DrawingError(f"{module.partition('.')[0]} {why}")
        answer = json.loads(line)
        if "error" in answer:
            raise DrawingError(answer["error"])
        return answer["result"]

    def end(self) -> int | None:
        """End the child, so that a later call starts another; its exit status, negative for a signal."""
        if os.getpid() != self._owner:
            return None  # a fork, which inherits the exit handler
        process, self._process = self._process, None
        folder, self._folder = self._folder, None
        self._imported.clear()
        if process is not None:
            process.kill()
            process.communicate()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        return process.returncode if process is not None else None


def serve() -> None:
    """Answers the requests of the parent process until it closes the pipe: what the child process runs."""
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # the libraries print
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C on a terminal reaches both; the parent decides
    _limit_memory()
    for line in sys.stdin.buffer:
        answer = json.dumps(_answer(*json.loads(line))).encode()
        if len(answer) > MAX_RESULT_BYTES:
            answer = json.dumps({"error": f"the picture has more than {MAX_RESULT_BYTES:,} bytes"}).encode()
        answers.write(answer + b"\n")
        answers.flush()


def _answer(
    library: str, module: str = "", name: str = "", arguments: Any = (), keywords: Any = None
) -> dict[str, Any]:
    """The result of a function, or the error; without a function the library is imported."""
    try:
        _limit_time(MAX_SECONDS if name else math.ceil(MAX_WAIT_SECONDS))
        if not name:
            return {"result": import_module(library).__name__}
        function = getattr(import_module(module), name)
        return {"result": function.__wrapped__(*arguments, **keywords)}
    except DrawingError as error:
        return {"error": str(error)}
    except Exception as error:  # noqa: BLE001 - whatever a library raises, the next picture is drawn
        return {"error": f"{library.partition('.')[0]} failed ({type(error).__name__}: {str(error)[:300]})"}


def _limit_memory() -> None:
    if resource is None:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    if most == resource.RLIM_INFINITY or most > MAX_MEMORY_BYTES:
        with suppress(OSError, ValueError):  # macOS
            resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, most))


def _limit_time(seconds: int) -> None:
    """Ends the process when it has used the processor for so many more seconds."""
    if resource is not None:
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time()) + seconds, most))
