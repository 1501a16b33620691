"""What is known of a checkpoint before its weights are loaded."""

from dataclasses import dataclass
from pathlib import Path

from got_runtime.model.checkpoint import check_config, choose_device, choose_dtype, commit_of, find_folder
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
    import torch

    display, folder = find_folder(name, revision, local_files_only)
    if not is_original(folder):
        check_config(folder)
    chosen = choose_device(device)
    precision = choose_dtype(dtype, chosen, compiled)
    return CheckpointDescription(
        display,
        commit_of(folder),
        folder,
        str(torch.empty(0, device=chosen).device),  # with its number
        str(precision).removeprefix("torch."),
    )
