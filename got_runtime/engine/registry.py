"""Engines by name. All of them stand behind :class:`got_runtime.engine.protocol.Engine`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from got_runtime.engine.protocol import Engine
from got_runtime.errors import EngineError

if TYPE_CHECKING:
    from got_runtime.model.checkpoint import Checkpoint

__all__ = ["ENGINES", "EngineOptions", "Rounding", "make_engine"]

Rounding = Literal["auto", "int8"]
"""The checkpoint's precision, or 8-bit integers: faster, and not to the token what the network says."""


@dataclass(frozen=True)
class EngineOptions:
    """How an engine is to run; one that has no use for an option leaves it aside.

    ``slots`` pages are decoded together at most. ``weights`` and ``cache`` (keys and values) may be kept in 8 bits; the
    torch engine does so in bfloat16 on a CPU, and says so where it cannot. ``memory`` bounds keys and values of pages
    together, in bytes; a page that needs more by itself is read alone.

    Raises:
        EngineError: a value that no engine can run with.
    """

    slots: int = 8
    weights: Rounding = "auto"
    cache: Rounding = "auto"
    memory: int | None = None

    def __post_init__(self) -> None:
        if self.slots < 1:
            raise EngineError(f"slots={self.slots}: at least one page is decoded at a time")
        for name, rounding in (("weights", self.weights), ("cache", self.cache)):
            if rounding not in get_args(Rounding):
                raise EngineError(f"{name}={rounding!r}: choose one of {', '.join(get_args(Rounding))}")
        if self.memory is not None and self.memory < 1:
            raise EngineError(f"memory={self.memory}: bytes for keys and values, or None for a share of what is free")


def _torch(checkpoint: "Checkpoint", options: EngineOptions) -> Engine:
    from got_runtime.engine.torch_engine.engine import TorchEngine

    return TorchEngine(
        checkpoint.model,
        checkpoint.end_tokens,
        slots=options.slots,
        weights=options.weights,
        cache=options.cache,
        memory=options.memory,
    )


def _transformers(checkpoint: "Checkpoint", options: EngineOptions) -> Engine:
    from got_runtime.engine.transformers_engine import TransformersEngine

    return TransformersEngine(checkpoint.model, checkpoint.end_tokens)


def _vllm(checkpoint: "Checkpoint", options: EngineOptions) -> Engine:
    from pathlib import Path

    from got_runtime.engine.memory import SHARE, free_memory
    from got_runtime.engine.vllm_engine.engine import CONTEXT, VllmEngine
    from got_runtime.engine.vllm_engine.plugin import register

    register()
    folder = Path(checkpoint.model.name_or_path)
    if not (folder / "config.json").exists():
        raise EngineError(
            f"vLLM reads checkpoints in the port's format, and {checkpoint.name} was not loaded from one: "
            "give a folder or a hub id of that format, or use the engine 'torch'"
        )
    weight, text = checkpoint.model.lm_head.weight, checkpoint.model.config.text_config
    context = min(checkpoint.context, CONTEXT)
    width = text.hidden_size // text.num_attention_heads
    token = 2 * text.num_hidden_layers * text.num_key_value_heads * width * weight.element_size()
    useful = (options.slots + 1) * context * token  # vLLM takes all that it is given, at once
    return VllmEngine(
        folder,
        checkpoint.image_token,
        checkpoint.end_tokens,
        dtype=str(checkpoint.model.dtype).removeprefix("torch."),
        slots=options.slots,
        memory=options.memory or min(useful, int(free_memory(weight.device) * SHARE)),
        context=context,
    )


def _scripted(checkpoint: "Checkpoint", options: EngineOptions) -> Engine:
    from got_runtime.engine.scripted import ScriptedEngine

    return ScriptedEngine(checkpoint.encode, ["scripted answer"])


ENGINES: dict[str, Callable[["Checkpoint", EngineOptions], Engine]] = {
    "torch": _torch,
    "transformers": _transformers,
    "vllm": _vllm,
    "scripted": _scripted,
}


def make_engine(engine: str | Engine, checkpoint: "Checkpoint", options: EngineOptions | None = None) -> Engine:
    """An engine by its name; one that is made already is taken as it is.

    Raises EngineError for an unknown name, and for options that it cannot run with.
    """
    if not isinstance(engine, str):
        return engine
    if engine not in ENGINES:
        raise EngineError(f"no engine {engine!r}: choose one of {', '.join(ENGINES)}")
    return ENGINES[engine](checkpoint, options or EngineOptions())
