"""Low-rank adapters (LoRA, Hu et al. 2021) on the decoder's linear layers, by peft."""

import warnings
from pathlib import Path
from typing import Any

from got_runtime.errors import MissingExtra

__all__ = ["attach", "merge", "save"]

TARGETS = r".*language_model\.layers\.\d+\.(self_attn\.[qkvo]|mlp\.(gate|up|down))_proj"


def attach(model: Any, rank: int, alpha: int, name: str) -> Any:
    """Put adapters into ``model`` and freeze all other weights.

    New adapters do not change the output. They have the model's element type; the optimiser holds float32 copies.

    Args:
        model: transformers' ``GotOcr2ForConditionalGeneration``.
        rank: rank of the adapters.
        alpha: the adapters' output is scaled by ``alpha / rank``.
        name: name of the base model, written into the adapter's files.

    Returns:
        peft's wrapper of the model.

    Raises:
        MissingExtra: peft is not installed.
    """
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise MissingExtra("fine-tune", "peft") from error
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=TARGETS)
    with warnings.catch_warnings():
        # peft reads a property that transformers has renamed.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        adapted = get_peft_model(model, config, autocast_adapter_dtype=False)
    adapted.peft_config["default"].base_model_name_or_path = name
    return adapted


def save(adapted: Any, folder: Path) -> None:
    """Write peft's own files, which ``PeftModel.from_pretrained`` loads onto the base model."""
    # "auto" may query the hub for the size of the vocabulary; no embedding is adapted.
    adapted.save_pretrained(folder, save_embedding_layers=False)


def merge(adapted: Any) -> Any:
    """The model with the adapters added to its weights, without peft's wrapper."""
    return adapted.merge_and_unload()
