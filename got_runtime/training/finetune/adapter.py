"""Low-rank adapters (LoRA, Hu et al. 2021) on the decoder's linear layers, by peft."""

import warnings
from pathlib import Path
from typing import Any

from got_runtime.errors import MissingExtra

__all__ = ["attach", "merge", "save"]

TARGETS = r".*language_model\.layers\.\d+\.(self_attn\.[qkvo]|mlp\.(gate|up|down))_proj"


def attach(model: Any, rank: int, alpha: int, name: str) -> Any:
    """Put adapters into ``model`` and freeze the rest; gives peft's handle. ``name`` is the base's, for the files.

    The adapters change nothing until they are trained. They have the base's element type: the float32 copies are the
    optimiser's. Raises MissingExtra.
    """
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise MissingExtra("fine-tune", "peft") from error
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=TARGETS)
    with warnings.catch_warnings():
        # peft asks the port for a property that transformers has renamed.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        adapted = get_peft_model(model, config, autocast_adapter_dtype=False)
    adapted.peft_config["default"].base_model_name_or_path = name
    return adapted


def save(adapted: Any, folder: Path) -> None:
    """peft's own files, which ``PeftModel.from_pretrained`` puts onto the port's model."""
    # "auto" may ask the hub whether the vocabulary has grown; no embedding is adapted.
    adapted.save_pretrained(folder, save_embedding_layers=False)


def merge(adapted: Any) -> Any:
    """The network with the adapters added to its weights: the port's plain class again."""
    return adapted.merge_and_unload()
