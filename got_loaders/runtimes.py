"""Weights, device and engine of a loader, and the loaded runtimes, one for all loaders with the same settings."""

import asyncio
import logging
import os
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypedDict

from got_runtime.errors import OptionError, check_names

if TYPE_CHECKING:
    from got_runtime import GotRuntime
    from got_runtime.engine.registry import EngineConfig, Quantization

__all__ = ["ModelConfig", "ModelConfigDict", "RuntimeHandle", "call_repr", "close_runtimes", "shared_runtime"]

logger = logging.getLogger(__name__)


class ModelConfigDict(TypedDict, total=False):
    """The keyword arguments of :class:`ModelConfig`, for ``**options: Unpack[ModelConfigDict]`` (PEP 692)."""

    model: str | os.PathLike[str] | None
    device: str
    dtype: str
    revision: str | None
    local_files_only: bool
    engine: str
    devices: Sequence[str]
    batch_size: int | None
    weight_dtype: "Quantization"
    kv_cache_dtype: "Quantization"
    kv_cache_bytes: int | None
    threads: int | None
    cache: str | os.PathLike[str] | None


@dataclass(frozen=True)
class ModelConfig:
    """Weights, device and engine of a loader: the arguments of ``GotRuntime.from_pretrained``, as JSON values only.

    Attributes:
        model: ``None`` for the embedded demonstration network got-nano, a folder, or a hub id such as
            ``"stepfun-ai/GOT-OCR-2.0-hf"``.
        device: ``"auto"`` (CUDA if available), ``"cpu"``, ``"cuda"``, ``"cuda:1"`` …
        dtype: ``"auto"``, ``"float32"``, ``"bfloat16"`` or ``"float16"``.
        revision: branch, tag or commit of a hub id.
        local_files_only: whether a hub id is looked up in the local cache only.
        engine: name of the decoding engine: ``"torch"``, ``"vllm"`` or ``"transformers"``.
        devices: devices that get an engine process each, such as ``["cuda:0", "cuda:1"]``; ``device`` is ignored then.
        batch_size: maximum number of pages decoded together; ``None`` for the engine's default.
        weight_dtype, kv_cache_dtype, kv_cache_bytes, threads: as in :class:`~got_runtime.EngineConfig`.
        cache: folder or address where the answers for pages are kept, so that a folder that is loaded again is not read
            again.

    Raises:
        OptionError: a setting has the wrong type.
        EngineError: an engine setting that no engine can run with.
    """

    model: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    revision: str | None = None
    local_files_only: bool = False
    engine: str = "torch"
    devices: tuple[str, ...] = ()
    batch_size: int | None = None
    weight_dtype: "Quantization" = "auto"
    kv_cache_dtype: "Quantization" = "auto"
    kv_cache_bytes: int | None = None
    threads: int | None = None
    cache: str | None = None

    def __post_init__(self) -> None:
        from got_runtime.model.arguments import check_arguments

        names = ("device", "dtype", "revision", "local_files_only")
        check_arguments(self.model, self.devices, {name: getattr(self, name) for name in names})
        if self.model is not None:
            object.__setattr__(self, "model", os.fspath(self.model))
        object.__setattr__(self, "devices", tuple(self.devices))
        if self.cache is not None:
            if not isinstance(self.cache, str | os.PathLike):
                raise OptionError(f"cache={self.cache!r}: give a folder or an address such as 's3://bucket/readings'")
            object.__setattr__(self, "cache", os.fspath(self.cache))
        if not isinstance(self.engine, str):
            raise OptionError("engine= is the name of an engine: pass runtime=GotRuntime(…) to use an engine object")
        self.engine_config()

    @classmethod
    def of(cls, given: Mapping[str, Any], *, caller: str, other_names: Collection[str] = ()) -> "ModelConfig":
        """Settings from keyword arguments.

        Args:
            given: names and values.
            caller: name of the loader, for messages.
            other_names: further keyword arguments of the loader, which a message may suggest.

        Raises:
            OptionError: an unknown name, or a value of the wrong type.
            EngineError: an engine setting that no engine can run with.
        """
        check_names(given, [*cls.names(), *other_names], caller)
        return cls(**given)

    @classmethod
    def names(cls) -> list[str]:
        """The names of all settings."""
        return [each.name for each in fields(cls)]

    def engine_config(self) -> "EngineConfig":
        """The engine's settings."""
        from got_runtime.engine.registry import EngineConfig

        config = EngineConfig(
            weight_dtype=self.weight_dtype,
            kv_cache_dtype=self.kv_cache_dtype,
            kv_cache_bytes=self.kv_cache_bytes,
            threads=self.threads,
        )
        return config if self.batch_size is None else replace(config, batch_size=self.batch_size)

    def load(self) -> "GotRuntime":
        """A new runtime with these settings.

        Raises:
            CheckpointError: the weights cannot be loaded.
            EngineError: the engine does not exist or cannot run with these settings.
        """
        from got_runtime import GotRuntime

        logger.info("loading %s for the loaders", self.model or "got-nano")
        return GotRuntime.from_pretrained(
            self.model,
            device=self.device,
            dtype=self.dtype,
            revision=self.revision,
            local_files_only=self.local_files_only,
            engine=self.engine,
            engine_config=self.engine_config(),
            devices=self.devices,
            cache=self.cache,
        )

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON values, by the names of the keyword arguments."""
        return asdict(self) | {"devices": list(self.devices)}


class _SharedRuntimes:
    """Loaded runtimes by their settings. A thread that needs one that is being loaded waits for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        """Of ``_loading``."""
        self._loading: dict[ModelConfig, threading.Lock] = {}
        """A lock for each of the settings, held while their runtime is loaded."""
        self._loaded: dict[ModelConfig, GotRuntime] = {}

    def get(self, config: ModelConfig) -> "GotRuntime":
        with self._lock:
            loading = self._loading.setdefault(config, threading.Lock())
        with loading:
            if config not in self._loaded:
                self._loaded[config] = config.load()
            return self._loaded[config]

    def close(self, config: ModelConfig | None) -> None:
        with self._lock:
            chosen = [config] if config is not None else list(self._loading)
            locks = [(each, self._loading[each]) for each in chosen if each in self._loading]
        for each, loading in locks:
            with loading:  # waits for a runtime that is being loaded, which would otherwise stay open
                runtime = self._loaded.pop(each, None)
            if runtime is not None:
                runtime.close()


_SHARED = _SharedRuntimes()


def shared_runtime(config: ModelConfig) -> "GotRuntime":
    """The process's runtime for these settings, loaded at the first call. Thread-safe.

    Raises:
        CheckpointError: the weights cannot be loaded.
        EngineError: the engine does not exist or cannot run with these settings.
    """
    return _SHARED.get(config)


def close_runtimes(config: ModelConfig | None = None) -> None:
    """Close the shared runtime of these settings, or all shared runtimes, and free their memory.

    A loader that reads again loads the weights again.
    """
    _SHARED.close(config)


class RuntimeHandle:
    """The runtime of one loader: the one it was given, or the shared one of its settings, loaded at the first call.

    A pickled handle contains the settings and not the weights.

    Raises:
        OptionError: the runtime is no GotRuntime, or both a runtime and model settings are given.
    """

    def __init__(self, runtime: "GotRuntime | None", config: ModelConfig) -> None:
        if runtime is not None:
            from got_runtime import GotRuntime

            if not isinstance(runtime, GotRuntime):
                raise OptionError(f"runtime={runtime!r}: give a GotRuntime, or leave it out to load one")
        if runtime is not None and config != ModelConfig():
            default = ModelConfig().to_dict()
            given = [name for name, value in config.to_dict().items() if value != default[name]]
            raise OptionError(f"runtime= is loaded already: leave {', '.join(given)} out, or leave runtime out")
        self._runtime = runtime
        self._config = config

    def __call__(self) -> "GotRuntime":
        """The runtime; raises ``CheckpointError`` if the weights cannot be loaded."""
        return self._runtime if self._runtime is not None else shared_runtime(self._config)

    @property
    def given(self) -> "dict[str, GotRuntime]":
        """The runtime that the loader was given, as a keyword argument."""
        return {} if self._runtime is None else {"runtime": self._runtime}

    async def aload(self) -> "GotRuntime":
        """The runtime, without blocking the event loop."""
        from got_runtime.model.checkpoint import is_embedded
        from got_runtime.model.demo_warning import warn_of_demo_model

        if self._runtime is None and is_embedded(self._config.model):
            warn_of_demo_model()  # here, because the worker thread does not know the user's line
        return await asyncio.to_thread(self)

    def __getstate__(self) -> dict[str, Any]:
        if self._runtime is not None:
            name = self._runtime.model_info.name
            logger.warning(
                "a loader was pickled without its runtime (%s): its copy loads %s; use model= instead of runtime= to "
                "choose the weights of the copy",
                name,
                self._config.model or "got-nano",
            )
        return {"_runtime": None, "_config": self._config}


def call_repr(name: str, options: Mapping[str, Any], defaults: Mapping[str, Any], *first: str) -> str:
    """A call as Python code, with the options that differ from their defaults. A password is shown as ``…``."""
    from got_runtime.sources.names import one_line

    changed = {key: value for key, value in options.items() if key not in defaults or value != defaults[key]}
    shown = (f"{key}={'…' if key == 'password' else one_line(repr(value), 80)}" for key, value in changed.items())
    return f"{name}({', '.join([*first, *shown])})"
