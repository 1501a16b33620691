"""What this machine can do at most: bytes read and products made in a second, measured."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = [
    "Machine",
    "Spread",
    "forget_peak",
    "measure_machine",
    "peak_memory",
    "process_memory",
    "synchronise",
    "timed",
]


@dataclass(frozen=True)
class Spread:
    """Seconds of repeated measurements."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, seconds: list[float]) -> "Spread":
        """Of at least one measurement."""
        return cls(statistics.median(seconds), min(seconds), max(seconds))


@dataclass(frozen=True)
class Machine:
    """Bytes a second from memory, and floating-point operations a second in the network's precision."""

    device: str
    threads: int
    bandwidth: float
    flops: float


def timed(action: Callable[[], object], device: "torch.device") -> float:
    """Seconds that one call takes, the device's work included."""
    synchronise(device)
    began = time.perf_counter()
    action()
    synchronise(device)
    return time.perf_counter() - began


def synchronise(device: "torch.device") -> None:
    """Wait for what the device has been given to do."""
    if device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)


def measure_machine(device: "torch.device", dtype: "torch.dtype") -> Machine:
    """The best of several tries: a limit, not an average."""
    import torch

    on_gpu = device.type == "cuda"
    read = torch.ones((4 << 30 if on_gpu else 1 << 30) // 4, device=device)
    bandwidth = read.nbytes / min(timed(read.sum, device) for _ in range(5))
    side = 8192 if on_gpu else 2048
    factor = torch.ones(side, side, device=device, dtype=dtype)
    flops = 2 * side**3 / min(timed(lambda: factor @ factor, device) for _ in range(7))
    name = torch.cuda.get_device_name(device) if on_gpu else f"{torch.get_num_threads()} CPU threads"
    return Machine(name, torch.get_num_threads(), bandwidth, flops)


def forget_peak(device: "torch.device") -> None:
    """Let :func:`peak_memory` count from now on."""
    import torch

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif (switch := Path("/proc/self/clear_refs")).exists():
        switch.write_text("5")


def peak_memory(device: "torch.device") -> int | None:
    """Most bytes held so far, on a GPU by torch, else by the process; None where the system does not say."""
    import torch

    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return process_memory("VmHWM")


def process_memory(field: str) -> int | None:
    """Bytes of this process: ``VmRSS`` lie in memory now, ``VmHWM`` at most so far. None without ``/proc``."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="ascii").splitlines() if status.exists() else []
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith(f"{field}:")), None)
