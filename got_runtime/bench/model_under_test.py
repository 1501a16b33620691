"""The network that is measured: a checkpoint, or GOT's full size with random weights."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from got_runtime.model.prompt import build_prompt

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer

__all__ = ["RANDOM", "ModelUnderTest", "full_size", "got_tokenizer", "load_model_under_test"]

RANDOM = "random"
"""Name of the full-size network with random weights."""

_VOCABULARY = 151_860
_IMAGE_PAD = 151_859
_VISION = {
    "image_size": 1024,
    "patch_size": 16,
    "window_size": 14,
    "output_channels": 256,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "mlp_dim": 3072,
    "global_attn_indexes": [2, 5, 8, 11],
}
_TEXT = {
    "model_type": "qwen2",
    "vocab_size": _VOCABULARY,
    "hidden_size": 1024,
    "intermediate_size": 2816,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "num_key_value_heads": 16,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000.0},
    "tie_word_embeddings": True,
    "bos_token_id": None,
    "eos_token_id": None,
}


@dataclass(frozen=True, eq=False)
class ModelUnderTest:
    """A network with the prompt of one page of the task ``plain``.

    Attributes:
        name: for reports.
        model: transformers' ``GotOcr2ForConditionalGeneration``.
        prompt: token ids.
        image_size: side of a tile, in pixels.
    """

    name: str
    model: Any
    prompt: tuple[int, ...]
    image_size: int

    @property
    def device(self) -> "torch.device":
        """The device of the weights."""
        device: torch.device = self.model.lm_head.weight.device
        return device

    @property
    def dtype(self) -> "torch.dtype":
        """The precision of the weights."""
        dtype: torch.dtype = self.model.lm_head.weight.dtype
        return dtype


def load_model_under_test(name: str, device: str = "auto", dtype: str = "auto") -> ModelUnderTest:
    """Load :data:`RANDOM`, or any checkpoint that the runtime loads.

    Raises:
        CheckpointNotFound, CheckpointInvalid: as :func:`got_runtime.model.checkpoint.load`.
    """
    from got_runtime.model.checkpoint import choose_device, choose_dtype, load

    chosen = choose_device(device)
    if name == RANDOM:
        return full_size(chosen, choose_dtype(dtype, chosen, compiled=True))
    checkpoint = load(name, device, dtype, compiled=True)
    prompt = checkpoint.encode(build_prompt("OCR: ", checkpoint.tokens_per_tile))
    return ModelUnderTest(checkpoint.name, checkpoint.model, prompt, checkpoint.image_processor.size[0])


def full_size(
    device: "torch.device", dtype: "torch.dtype", text_layers: int = 24, vision_layers: int = 12
) -> ModelUnderTest:
    """GOT's network with random weights: the arithmetic and the prompt length of the official weights."""
    import torch
    from transformers import GotOcr2Config, GotOcr2ForConditionalGeneration

    vision = _VISION | {"num_hidden_layers": vision_layers, "global_attn_indexes": [*range(2, vision_layers, 3)]}
    config = GotOcr2Config(
        vision_config=vision,
        text_config=_TEXT | {"num_hidden_layers": text_layers},
        image_token_index=_IMAGE_PAD,
        tie_word_embeddings=True,
    )
    generator = None if device.type == "meta" else torch.Generator(device).manual_seed(0)
    with torch.device("meta"):
        model = GotOcr2ForConditionalGeneration(config)
    network: Any = model
    model = network.to(dtype).to_empty(device=device).eval()
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.data.normal_(std=0.02, generator=generator)
        else:
            parameter.data.fill_(1.0 if parameter.ndim else 0.0)
    model.tie_weights()
    rotary = model.model.language_model.rotary_emb
    theta = _TEXT["rope_parameters"]["rope_theta"]  # type: ignore[index]
    exponents = torch.arange(0, 64, 2, device=device).float() / 64
    rotary.inv_freq = rotary.original_inv_freq = 1.0 / theta**exponents
    return ModelUnderTest("full size, random weights", model, _prompt(), _VISION["image_size"])  # type: ignore[arg-type]


def got_tokenizer() -> "Tokenizer | None":
    """GOT's tokenizer, built from Qwen's vocabulary; None where ``dashscope``, which contains it, is not installed."""
    from got_runtime.model.original.vocabulary import build_tokenizer, read_ranks

    found = importlib.util.find_spec("dashscope")
    if found is None or not found.submodule_search_locations:
        return None
    return build_tokenizer(read_ranks(Path(found.submodule_search_locations[0]) / "resources"))


def _prompt() -> tuple[int, ...]:
    """The prompt of one page; without the tokenizer, as many arbitrary tokens (287)."""
    tokenizer = got_tokenizer()
    if tokenizer is None:
        return (*range(23), *[_IMAGE_PAD] * 256, *range(8))
    return tuple(tokenizer.encode(build_prompt("OCR: ", 256), add_special_tokens=False).ids)
