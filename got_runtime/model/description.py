"""What is known of a checkpoint before its weights are loaded."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from got_runtime.model.checkpoint import DTYPES, check_config, choose_device, choose_dtype, commit_of, find_folder
from got_runtime.model.original import is_original

__all__ = ["CheckpointDescription", "describe"]


@dataclass(frozen=True)
class CheckpointDescription:
    """A checkpoint, and what it would be loaded onto.

    Attributes:
        name, revision, folder: see :class:`~got_runtime.model.checkpoint.LoadedModel`.
        device, dtype: torch's names.
    """

    name: str
    revision: str | None
    folder: Path
    device: str
    dtype: str


def describe(
    name: str | Path | None,
    device: str,
    dtype: str,
    revision: str | None = None,
    local_files_only: bool = False,
    compiled: bool = False,
) -> CheckpointDescription:
    """Describe what :func:`got_runtime.model.checkpoint.load` would load; its arguments and errors."""
    display, folder = find_folder(name, revision, local_files_only)
    if not is_original(folder):
        check_config(folder)
    chosen = _without_torch(device, dtype) or _with_torch(device, dtype, compiled)
    return CheckpointDescription(display, commit_of(folder), folder, *chosen)


def _with_torch(device: str, dtype: str, compiled: bool) -> tuple[str, str]:
    import torch

    chosen = choose_device(device)
    precision = choose_dtype(dtype, chosen, compiled)
    return str(torch.empty(0, device=chosen).device), str(precision).removeprefix("torch.")  # the device's number


def _without_torch(device: str, dtype: str) -> tuple[str, str] | None:
    """Device and dtype where they are certain without torch, whose import is half of a run with all pages kept."""
    if device != "cpu" and not (device == "auto" and version("torch").endswith("+cpu")):
        return None
    if dtype in DTYPES:
        return "cpu", DTYPES[dtype]
    return ("cpu", "bfloat16") if dtype == "auto" and _has_bf16() else None


def _has_bf16() -> bool:
    """Whether the CPU has AVX-512 bf16, as Linux tells; False where it is not known."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any("avx512_bf16" in line.split() for line in lines if line.startswith("flags"))
