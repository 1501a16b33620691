"""Chooses the number of CPU threads: what the process may use, less what other processes use at the moment.

Threads of OpenMP wait for each other after every product. Where one of them has to share its core, the others wait for
it, and they wait by spinning: got-nano reads a page in 1.2 s on two idle cores, in 7.5 s beside two busy processes, and
beside them in 2.3 s with one thread.

A forked process has one thread: OpenMP's helper threads do not exist there, and its main thread would wait for them.
"""

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

__all__ = ["ThreadCount", "adapt_threads", "allowed_threads", "use_threads"]

_CGROUP = Path("/sys/fs/cgroup/cpu.max")
_STAT = Path("/proc/stat")
_WINDOW = 0.5
"""Seconds over which the load of other processes is averaged, at least; ``/proc/stat`` counts hundredths."""
_SLACK = 0.4
"""Part of a core that others may use while it still gets a thread."""
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
        self._most = fixed or min(before if current == ours else current, allowed_threads())

    def adapt(self) -> None:
        """Set torch's number of threads for the calling thread. Cheap: the load is measured twice a second."""
        import torch

        global _replaced
        wanted, current = 1 if _forked else self._fixed or self._wanted(), torch.get_num_threads()
        if wanted is not None and wanted != current:
            before, ours = _replaced
            _replaced = before if current == ours else current, wanted
            torch.set_num_threads(wanted)

    def _wanted(self) -> int | None:
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


def _after_fork() -> None:
    global _forked
    _forked = True
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


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
