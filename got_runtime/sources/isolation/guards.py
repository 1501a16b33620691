"""Limits of a child process: memory, time, and its end with its parent.

MuPDF holds Python's lock while it renders, so that no thread of Python can end a child that hangs in it. A signal can,
and, on Windows, a thread of C.
"""

import faulthandler
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

__all__ = ["OUT_OF_TIME", "Guards", "private_bytes"]

fcntl: Any
resource: Any
try:
    import fcntl
    import resource
except ImportError:  # Windows
    fcntl = resource = None

OUT_OF_TIME = -signal.SIGPROF if hasattr(signal, "SIGPROF") else None
"""Exit status of a child that used up its processor time; None on Windows, where it is not limited."""
ORPHAN_SECONDS = 5.0
"""Time after its deadline at which a child ends itself: its parent, which would have ended it, is gone."""
LONGEST_SECONDS = 1e9
"""Longest time that a timer takes."""
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class Guards:
    """Guards of the requests of this process, whose standard input is the pipe from its parent."""

    def __init__(self) -> None:
        self._null = open(os.devnull, "wb")  # noqa: SIM115 - for the whole process
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C on a terminal reaches both; the parent decides
        if resource is not None:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        self._base = _data_bytes()
        if fcntl is not None:
            endings = (signal.SIGIO, signal.SIGALRM, signal.SIGPROF)
            for ending in endings:
                signal.signal(ending, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, endings)
            fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())

    @contextmanager
    def active(self, seconds: float, wall_seconds: float, max_bytes: int) -> Iterator[None]:
        """End this process if its parent ends, or at a limit of time; memory beyond ``max_bytes`` is refused.

        Args:
            seconds: of processor time.
            wall_seconds: on the clock, after which the parent ends this process.
            max_bytes: of memory.
        """
        self._limit_memory(max_bytes)
        self._end_after(seconds, wall_seconds + ORPHAN_SECONDS)
        self._signal_on_end_of_input(True)
        try:
            yield
        finally:
            self._signal_on_end_of_input(False)
            self._end_after(0, 0)

    def _end_after(self, seconds: float, wall_seconds: float) -> None:
        """End this process after so many seconds of processor time, or on the clock; 0 for never."""
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_PROF, min(seconds, LONGEST_SECONDS))
            signal.setitimer(signal.ITIMER_REAL, min(wall_seconds, LONGEST_SECONDS))
        elif wall_seconds:
            faulthandler.dump_traceback_later(min(wall_seconds, threading.TIMEOUT_MAX), exit=True, file=self._null)
        else:
            faulthandler.cancel_dump_traceback_later()

    def _signal_on_end_of_input(self, active: bool) -> None:
        """While a request runs, nothing but the parent's end happens on standard input: SIGIO ends this process."""
        if fcntl is None or not hasattr(os, "O_ASYNC"):
            return  # the time limit ends it then
        flags = fcntl.fcntl(0, fcntl.F_GETFL)
        fcntl.fcntl(0, fcntl.F_SETFL, flags | os.O_ASYNC if active else flags & ~os.O_ASYNC)

    def _limit_memory(self, max_bytes: int) -> None:
        if resource is None or self._base is None:
            return
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        limit = self._base + max_bytes
        with suppress(OSError, ValueError):
            resource.setrlimit(
                resource.RLIMIT_DATA, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard)
            )


def _data_bytes() -> int | None:
    """Data of this process as RLIMIT_DATA counts it; None where the system does not tell (macOS, Windows)."""
    pages = _pages_of_memory()
    return pages[5] * PAGE_BYTES if pages else None


def private_bytes() -> int:
    """Memory that this process alone occupies now; 0 where the system does not tell."""
    pages = _pages_of_memory()
    return (pages[1] - pages[2]) * PAGE_BYTES if pages else 0


def _pages_of_memory() -> list[int]:
    try:
        with open("/proc/self/statm", "rb") as file:
            return [int(number) for number in file.read().split()]
    except (OSError, ValueError):
        return []
