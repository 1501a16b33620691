"""Measures the free memory, of which the KV cache takes a fraction."""

import re
from pathlib import Path

import torch

__all__ = ["KV_CACHE_FRACTION", "free_memory", "is_out_of_memory"]

KV_CACHE_FRACTION = 0.6
"""Fraction of the free memory that the KV cache may take; the rest is for activations, page images and other
processes."""

_ASSUMED_BYTES = 4 << 30
_CGROUP = Path("/sys/fs/cgroup")
_MEMINFO = Path("/proc/meminfo")

_OUT_OF_MEMORY = re.compile("out of memory|(allocate|enough) memory|ALLOC_FAILED")
"""Messages of the libraries under torch; "illegal memory access" is a different error."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on the host or on a device."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or _OUT_OF_MEMORY.search(str(error)) is not None


def free_memory(device: torch.device) -> int:
    """Bytes that can still be allocated on a device, within the container's limit; 4 GiB where neither is known."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        reserved = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(free + reserved)
    if device.type == "xpu":
        return int(torch.xpu.mem_get_info(device)[0])
    known = [size for size in (_available_memory(), _cgroup_memory()) if size is not None]
    return min(known, default=_ASSUMED_BYTES)


def _available_memory() -> int | None:
    """Bytes that the system has available, or None without ``/proc``."""
    try:
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")), None)


def _cgroup_memory() -> int | None:
    """Bytes left below the control group's limit. Idle page cache counts as free: the kernel drops it on demand."""
    try:
        limit = (_CGROUP / "memory.max").read_text(encoding="ascii").strip()
        used = int((_CGROUP / "memory.current").read_text(encoding="ascii"))
        lines = (_CGROUP / "memory.stat").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    idle = next((int(line.split()[1]) for line in lines if line.startswith("inactive_file ")), 0)
    return max(0, int(limit) - max(0, used - idle)) if limit.isdigit() else None
