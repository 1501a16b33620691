"""Chooses the number of CPU threads: what the process may use, less what other processes use at the moment.

Threads of OpenMP wait for each other after every product. Where one of them has to share its core, the others wait for
it, and they wait by spinning: got-nano reads a page in 1.2 s on two idle cores, in 7.5 s beside two busy processes, and
beside them in 2.3 s with one thread.

The same holds for threads of this process that prepare pages: a step of six rows of got-nano takes 3 ms with two
threads beside one that prepares pages, and 1.3 ms with one.

Helper threads belong to the thread that started them, and wait, also after its work is done. With more of them than
cores, OpenMP lets all threads sleep instead of spin after every product: a step of eight rows of got-nano takes 1.0 ms,
and 3.2 where another thread of the process has ever run the network. So a thread that stops running it ends its own.

A forked process has one thread: OpenMP's helper threads do not exist there, and its main thread would wait for them.
"""

import ctypes
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self, cast

__all__ = [
    "ThreadCount",
    "adapt_threads",
    "allowed_threads",
    "beside_the_network",
    "network_is_here",
    "reading_threads",
    "release_helper_threads",
    "use_threads",
]

_CGROUP = Path("/sys/fs/cgroup/cpu.max")
_STAT = Path("/proc/stat")
_WINDOW = 0.5
"""Seconds over which the load of other processes is averaged, at least; ``/proc/stat`` counts hundredths."""
_SLACK = 0.4
"""Part of a core that others may use while it still gets a thread."""
_PAUSE_SOFT = 1
"""``omp_pause_soft`` in OpenMP: settings are kept."""
_MOST_READING = 7
"""Threads that prepare pages for a fast device. One core renders 25 pages of text a second, or 8 scans; the memory of
an H200 lets it read about 50 pages of 1,000 tokens."""
_LEAST = 4
"""A quarter of the threads is used however busy the machine is: others get fewer cores when this process has more."""


@dataclass(frozen=True)
class _Sample:
    """Seconds on one clock.

    Attributes:
        wall: of the clock.
        busy: that the process's cores worked, for any process; None where ``/proc/stat`` is missing.
        own: that they worked for this process.
    """

    wall: float
    busy: float | None
    own: float

    @classmethod
    def take(cls) -> Self:
        return cls(time.monotonic(), _busy_seconds(), time.process_time())


def allowed_threads() -> int:
    """Cores that the process may use, by its affinity and by the quota of its control group."""
    cores = len(_cores())
    try:
        quota, period = _CGROUP.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return cores
    return max(1, min(cores, -(-int(quota) // int(period)))) if quota.isdigit() else cores


def reading_threads(device: str) -> int:
    """Threads that open and prepare the pages of a document for a network on ``device``: where that is the processor
    one, since the network needs the cores itself."""
    return 1 if device.startswith("cpu") else max(1, min(_MOST_READING, allowed_threads() - 1))


class ThreadCount:
    """Keeps torch's number of threads at what is useful.

    Args:
        fixed: a number that is used whatever other processes do. None: at most torch's number when this is made and at
            most :func:`allowed_threads`, adapted to the load.
    """

    def __init__(self, fixed: int | None = None) -> None:
        import torch

        self._fixed = fixed
        before, ours = _replaced
        current = torch.get_num_threads()
        self._most = self._useful = fixed or min(before if current == ours else current, allowed_threads())

    def adapt(self) -> None:
        """Set torch's number of threads for the calling thread. Cheap: the load is measured twice a second."""
        import torch

        global _replaced
        current = torch.get_num_threads()
        if _forked:
            wanted = 1
        elif self._fixed:
            wanted = self._fixed
        else:
            self._useful = self._measured() or self._useful
            wanted = max(1, -(-self._most // _LEAST), self._useful - _beside)
        if wanted != current:
            before, ours = _replaced
            _replaced = before if current == ours else current, wanted
            torch.set_num_threads(wanted)

    def _measured(self) -> int | None:
        """Threads by the load since the last measurement; None where it was just made, or where the load is unknown."""
        global _last
        before = _last
        if time.monotonic() - before.wall < _WINDOW:
            return None
        _last = now = _Sample.take()
        if before.busy is None or now.busy is None:
            return self._most
        others = (now.busy - before.busy - (now.own - before.own)) / (now.wall - before.wall)
        free = int(len(_cores()) - max(0.0, others) + _SLACK)
        return max(1, -(-self._most // _LEAST), min(self._most, free))


_in_use: ThreadCount | None = None
_beside = 0
"""Threads of this process that are in :func:`beside_the_network`."""
_counting = threading.Lock()
_forked = False
"""Whether this process was forked from one that has loaded this module."""
_replaced = 0, 0
"""torch's number of threads before this module changed it, and the one that replaced it."""


def use_threads(fixed: int | None) -> None:
    """Choose the number of CPU threads of this process: ``fixed``, or what is useful (None). torch has one number only,
    so the last call counts."""
    global _in_use
    _in_use = ThreadCount(fixed)
    _in_use.adapt()


def adapt_threads() -> None:
    """:meth:`ThreadCount.adapt`; called before every piece of work that takes milliseconds or more."""
    if _in_use is not None:
        _in_use.adapt()


def network_is_here() -> bool:
    """Whether a network runs on the cores of this process."""
    return _in_use is not None


@contextmanager
def beside_the_network() -> Iterator[None]:
    """While a thread of this process uses a core for something else, the network is run by one thread less."""
    _count_beside(1)
    try:
        yield
    finally:
        _count_beside(-1)


def _count_beside(change: int) -> None:
    global _beside
    with _counting:
        _beside += change


def _after_fork() -> None:
    global _forked, _beside, _counting
    _forked, _beside, _counting = True, 0, threading.Lock()
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def release_helper_threads() -> None:
    """End OpenMP's helper threads of the calling thread. Its next work makes new ones, which takes a third of a
    millisecond. Without effect where torch has another OpenMP than GNU's."""
    pause = _pause()
    if pause is not None and not _forked:
        pause(_PAUSE_SOFT)


@cache
def _pause() -> Callable[[int], int] | None:
    """``omp_pause_resource_all`` of the OpenMP that torch uses, or None."""
    from got_runtime.model.native.build import openmp_library

    library = openmp_library()
    pause = None if library is None else getattr(ctypes.CDLL(str(library)), "omp_pause_resource_all", None)
    return cast("Callable[[int], int] | None", pause)


def _cores() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _busy_seconds() -> float | None:
    """Seconds that the process's cores have worked since the start of the system, or None without ``/proc/stat``."""
    try:
        lines = _STAT.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    cores, ticks = _cores(), 0
    for line in lines:
        name, *times = line.split()
        if name.startswith("cpu") and name[3:].isdigit() and int(name[3:]) in cores:
            user, nice, system, _idle, _wait, interrupts, soft, stolen = map(int, times[:8])
            ticks += user + nice + system + interrupts + soft + stolen
    return ticks / os.sysconf("SC_CLK_TCK")


_last = _Sample.take()  # loading a network takes seconds: the load is known when the first page is read
