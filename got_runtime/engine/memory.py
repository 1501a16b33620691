"""How much memory there is for keys and values."""

from pathlib import Path

import torch

__all__ = ["SHARE", "free_memory"]

SHARE = 0.6
"""Of what is free when a batch begins; the rest is for activations, page images and everybody else."""

_ASSUMED = 4 << 30
_CGROUP = Path("/sys/fs/cgroup")
_MEMINFO = Path("/proc/meminfo")


def free_memory(device: torch.device) -> int:
    """Bytes that a device can still give, the container's limit included; 4 GiB where the system does not say."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        reserved = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(free + reserved)
    known = [amount for amount in (_available(), _allowed()) if amount is not None]
    return min(known, default=_ASSUMED)


def _available() -> int | None:
    try:
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")), None)


def _allowed() -> int | None:
    """What is left of the control group's limit; idle page cache gives way when memory is asked for."""
    try:
        limit = (_CGROUP / "memory.max").read_text(encoding="ascii").strip()
        used = int((_CGROUP / "memory.current").read_text(encoding="ascii"))
        lines = (_CGROUP / "memory.stat").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    idle = next((int(line.split()[1]) for line in lines if line.startswith("inactive_file ")), 0)
    return max(0, int(limit) - max(0, used - idle)) if limit.isdigit() else None
