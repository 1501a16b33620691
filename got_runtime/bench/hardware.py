"""Measures the hardware's limits: memory bandwidth and floating-point operations a second."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = [
    "Hardware",
    "Spread",
    "measure_hardware",
    "peak_memory",
    "process_memory",
    "reset_peak_memory",
    "synchronize",
    "timed",
]


@dataclass(frozen=True)
class Spread:
    """Median, least and greatest of repeated measurements, in seconds."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, seconds: list[float]) -> "Spread":
        """The spread of at least one measurement."""
        return cls(statistics.median(seconds), min(seconds), max(seconds))


@dataclass(frozen=True)
class Hardware:
    """The limits of a device.

    Attributes:
        device: name of the GPU, or name and instructions of the CPU with the number of threads.
        threads: CPU threads that torch uses.
        bandwidth: bytes a second, read from memory.
        flops: floating-point operations a second, in the network's precision.
    """

    device: str
    threads: int
    bandwidth: float
    flops: float


def timed(action: Callable[[], object], device: "torch.device") -> float:
    """Seconds that one call takes, including the work it starts on the device."""
    synchronize(device)
    started = time.perf_counter()
    action()
    synchronize(device)
    return time.perf_counter() - started


def synchronize(device: "torch.device") -> None:
    """Wait until the device has finished its work."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "xpu":
        torch.xpu.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def measure_hardware(device: "torch.device", dtype: "torch.dtype") -> Hardware:
    """Measure the limits of a device: the best of several runs, because a limit is measured, not an average."""
    import torch

    from got_runtime.engine.processor import processor
    from got_runtime.engine.torch_engine.allocator import advise_huge_pages
    from got_runtime.model.native.build import has_bf16_products

    on_gpu = device.type == "cuda"
    read = torch.empty((4 << 30 if on_gpu else 1 << 30) // 4, device=device)
    if device.type == "cpu":
        advise_huge_pages(read)  # as weights and KV cache are; in small pages reading is a third slower
    read.fill_(1)
    bandwidth = read.nbytes / min(timed(read.sum, device) for _ in range(5))
    if device.type == "cpu" and dtype == torch.bfloat16 and not has_bf16_products():
        dtype = torch.float32  # in which compiled C adds there; torch multiplies bfloat16 in a plain loop
    side = 8192 if on_gpu else 2048
    factor = torch.ones(side, side, device=device, dtype=dtype)
    flops = 2 * side**3 / min(timed(lambda: factor @ factor, device) for _ in range(7))
    name = torch.cuda.get_device_name(device) if on_gpu else f"{processor()}, {torch.get_num_threads()} CPU threads"
    return Hardware(name, torch.get_num_threads(), bandwidth, flops)


def reset_peak_memory(device: "torch.device") -> None:
    """Make :func:`peak_memory` count from now on."""
    import torch

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif (switch := Path("/proc/self/clear_refs")).exists():
        switch.write_text("5")


def peak_memory(device: "torch.device") -> int | None:
    """Greatest number of bytes allocated by torch on a GPU, or by this process on a CPU; None if it is unknown."""
    import torch

    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return process_memory("VmHWM")


def process_memory(field: str) -> int | None:
    """Bytes of this process: ``VmRSS`` are resident now, ``VmHWM`` is their peak. None without ``/proc``."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="ascii").splitlines() if status.exists() else []
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith(f"{field}:")), None)
