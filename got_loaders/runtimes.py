"""Loaders with the same model settings share one loaded runtime in a process."""

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from got_runtime import GotRuntime

__all__ = ["ModelSettings", "close_runtimes", "shared_runtime"]


@dataclass(frozen=True)
class ModelSettings:
    """Which weights, and where; the fields are those of ``GotRuntime.from_pretrained``."""

    model: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    revision: str | None = None
    local_files_only: bool = False


class _Runtimes:
    """Loaded runtimes by their settings; a second thread that asks for the same one waits for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loading: dict[ModelSettings, threading.Lock] = {}
        self._loaded: dict[ModelSettings, GotRuntime] = {}

    def get(self, settings: ModelSettings) -> "GotRuntime":
        with self._lock:
            loading = self._loading.setdefault(settings, threading.Lock())
        with loading:
            if settings not in self._loaded:
                from got_runtime import GotRuntime

                self._loaded[settings] = GotRuntime.from_pretrained(
                    settings.model,
                    device=settings.device,
                    dtype=settings.dtype,
                    revision=settings.revision,
                    local_files_only=settings.local_files_only,
                )
            return self._loaded[settings]

    def close(self, settings: ModelSettings | None) -> None:
        for each in [settings] if settings is not None else list(self._loaded):
            runtime = self._loaded.pop(each, None)
            if runtime is not None:
                runtime.close()


_RUNTIMES = _Runtimes()


def shared_runtime(settings: ModelSettings) -> "GotRuntime":
    """The process's runtime for these settings, loaded when first asked for. Safe to call from several threads.

    Raises:
        CheckpointError: the weights cannot be loaded.
    """
    return _RUNTIMES.get(settings)


def close_runtimes(settings: ModelSettings | None = None) -> None:
    """Let go of the shared runtime of these settings, or of all.

    Its memory is free once the last reading with it has ended; the next loader that needs it loads it again.
    """
    _RUNTIMES.close(settings)
