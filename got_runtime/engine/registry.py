"""The engines that can be chosen by name, and the configuration that all of them take."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self, SupportsIndex, get_args

from got_runtime.engine import threads as _threads  # noqa: F401  # before weights are loaded: see its end
from got_runtime.engine.protocol import Engine
from got_runtime.errors import EngineError, OptionError, check_names

if TYPE_CHECKING:
    import torch

    from got_runtime.model.checkpoint import LoadedModel

__all__ = ["ENGINES", "EngineConfig", "Quantization", "check_engine", "make_engine"]

Quantization = Literal["auto", "int8"]
"""The checkpoint's precision, or 8-bit integers: faster, but the tokens may differ from the checkpoint's."""


@dataclass(frozen=True)
class EngineConfig:
    """Settings of an engine. An engine that has no use for a setting ignores it.

    Attributes:
        batch_size: pages that are decoded together, at most.
        weight_dtype: precision of the decoder's weights. ``"int8"`` is approximate, and available from the torch engine
            in bfloat16 on a CPU.
        kv_cache_dtype: precision of the KV cache, with the same values and limits.
        kv_cache_bytes: size of the KV cache in bytes; ``None`` takes a fraction of the free memory
            (:data:`~got_runtime.engine.memory.KV_CACHE_FRACTION`). A page that needs more is decoded alone.
        threads: CPU threads of the torch engine. ``None`` takes as many as the process may use (affinity, quota of the
            container), and fewer while other processes use the cores.

    Raises:
        OptionError: an unknown setting (the message names the nearest one), or a number that is none.
        EngineError: a value that no engine can run with.
    """

    batch_size: int = 8
    weight_dtype: Quantization = "auto"
    kv_cache_dtype: Quantization = "auto"
    kv_cache_bytes: int | None = None
    threads: int | None = None

    if not TYPE_CHECKING:  # type checkers know the settings from the dataclass

        def __new__(cls, *values: Any, **settings: Any) -> Self:
            """Raises OptionError for an unknown setting."""
            check_names(settings, cls.__dataclass_fields__, "EngineConfig")
            return super().__new__(cls)

    def __post_init__(self) -> None:
        for name in ("batch_size", "kv_cache_bytes", "threads"):
            number = getattr(self, name)
            whole = isinstance(number, SupportsIndex) and not isinstance(number, bool)
            if not whole and (number is not None or name == "batch_size"):
                raise OptionError(f"{name}={number!r}: give a whole number")
        if self.batch_size < 1:
            raise EngineError(f"batch_size={self.batch_size}: at least one page is decoded at a time")
        for name, value in (("weight_dtype", self.weight_dtype), ("kv_cache_dtype", self.kv_cache_dtype)):
            if value not in get_args(Quantization):
                raise EngineError(f"{name}={value!r}: choose one of {', '.join(get_args(Quantization))}")
        if self.kv_cache_bytes is not None and self.kv_cache_bytes < 1:
            raise EngineError(
                f"kv_cache_bytes={self.kv_cache_bytes}: give a number of bytes, or None (a fraction of free memory)"
            )
        if self.threads is not None and self.threads < 1:
            raise EngineError(f"threads={self.threads}: give at least 1, or None (what the process may use)")


def _torch(checkpoint: "LoadedModel", config: EngineConfig) -> Engine:
    from got_runtime.engine.torch_engine.engine import TorchEngine

    return TorchEngine(
        checkpoint.model,
        checkpoint.end_tokens,
        batch_size=config.batch_size,
        weight_dtype=config.weight_dtype,
        kv_cache_dtype=config.kv_cache_dtype,
        kv_cache_bytes=config.kv_cache_bytes,
        threads=config.threads,
    )


def _transformers(checkpoint: "LoadedModel", config: EngineConfig) -> Engine:
    from got_runtime.engine.transformers_engine import TransformersEngine

    return TransformersEngine(checkpoint.model, checkpoint.end_tokens)


def _vllm(checkpoint: "LoadedModel", config: EngineConfig) -> Engine:
    from pathlib import Path

    from got_runtime.engine.memory import KV_CACHE_FRACTION, free_memory
    from got_runtime.engine.vllm_engine.engine import CONTEXT, VllmEngine
    from got_runtime.engine.vllm_engine.plugin import register

    register()
    folder = Path(checkpoint.model.name_or_path)
    if not (folder / "config.json").exists():
        raise EngineError(
            f"vLLM reads checkpoints in transformers' format, and {checkpoint.name} was not loaded from one: "
            "give a folder or a hub id of that format, or use the engine 'torch'"
        )
    weight, text = checkpoint.model.lm_head.weight, checkpoint.model.config.text_config
    context = min(checkpoint.context, CONTEXT)
    head_width = text.hidden_size // text.num_attention_heads
    bytes_per_token = 2 * text.num_hidden_layers * text.num_key_value_heads * head_width * weight.element_size()
    device = checkpoint.device or weight.device
    useful = (config.batch_size + 1) * context * bytes_per_token  # vLLM allocates all that it is given, at once
    return VllmEngine(
        folder,
        checkpoint.image_token,
        checkpoint.end_tokens,
        dtype=str(checkpoint.model.dtype).removeprefix("torch."),
        batch_size=config.batch_size,
        kv_cache_bytes=config.kv_cache_bytes or min(useful, int(free_memory(device) * KV_CACHE_FRACTION)),
        context=context,
        **_vllm_memory(device),
    )


def _vllm_memory(device: "torch.device") -> dict[str, float]:
    """The part of a GPU that vLLM may take. By default it does not start unless nine tenths are free."""
    if device.type != "cuda":
        return {}
    import torch

    free, total = torch.cuda.mem_get_info(device)
    return {"gpu_memory_utilization": round(min(0.9, 0.95 * free / total), 3)}


ENGINES: dict[str, Callable[["LoadedModel", EngineConfig], Engine]] = {
    "torch": _torch,
    "transformers": _transformers,
    "vllm": _vllm,
}


def check_engine(engine: str | Engine, config: object) -> None:
    """Check the arguments of :func:`make_engine` before weights are loaded.

    Raises:
        EngineError: no engine has this name, the object is no engine, or ``config`` is no EngineConfig.
    """
    if isinstance(engine, str) and engine not in ENGINES:
        raise EngineError(f"no engine {engine!r}: choose one of {', '.join(ENGINES)}")
    if not isinstance(engine, str) and (isinstance(engine, type) or not callable(getattr(engine, "session", None))):
        raise EngineError(f"engine={engine!r}: give one of {', '.join(ENGINES)}, or an engine object")
    if config is not None and not isinstance(config, EngineConfig):
        raise EngineError(f"engine_config={config!r}: give an EngineConfig, such as EngineConfig(batch_size=4)")


def make_engine(engine: str | Engine, checkpoint: "LoadedModel", config: EngineConfig | None = None) -> Engine:
    """Make the engine with this name; an engine that exists already is returned as it is.

    Raises:
        EngineError: no engine has this name, or it cannot run with this configuration.
    """
    check_engine(engine, config)
    if not isinstance(engine, str):
        return engine
    return ENGINES[engine](checkpoint, config or EngineConfig())
