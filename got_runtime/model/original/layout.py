"""Converts names of weights and the configuration from the original format to that of transformers' port.

As in LLaVA, the configuration is that of Qwen2, and the vision tower and the connector are part of the model's weights
(official ``GOT/model/GOT_ocr_2_0.py``, ``GOT/model/vision_encoder/vary_b.py``). No configuration file has the encoder's
sizes; they follow from the shapes of its weights.
"""

import re
from collections.abc import Mapping
from typing import Any

from got_runtime.errors import CheckpointInvalid

__all__ = ["port_config", "port_name", "published_name"]

Shape = tuple[int, ...]

_TOWER = "model.vision_tower_high."

# First match wins; the names are those of transformers' GotOcr2ForConditionalGeneration.
_RENAMED = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"model\.vision_tower_high\.patch_embed\.proj\.", "model.vision_tower.patch_embed.projection."),
        (r"model\.vision_tower_high\.blocks\.(\d+)\.norm([12])\.", r"model.vision_tower.layers.\1.layer_norm\2."),
        (r"model\.vision_tower_high\.blocks\.", "model.vision_tower.layers."),
        (r"model\.vision_tower_high\.neck\.0\.", "model.vision_tower.neck.conv1."),
        (r"model\.vision_tower_high\.neck\.1\.", "model.vision_tower.neck.layer_norm1."),
        (r"model\.vision_tower_high\.neck\.2\.", "model.vision_tower.neck.conv2."),
        (r"model\.vision_tower_high\.neck\.3\.", "model.vision_tower.neck.layer_norm2."),
        (r"model\.vision_tower_high\.net_2\.", "model.multi_modal_projector.conv_upsampler1."),
        (r"model\.vision_tower_high\.net_3\.", "model.multi_modal_projector.conv_upsampler2."),
        (r"model\.vision_tower_high\.", "model.vision_tower."),
        (r"model\.mm_projector_vary\.", "model.multi_modal_projector.multimodal_projector."),
        (r"model\.", "model.language_model."),
    )
]

_TEXT_FIELDS = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "hidden_act",
    "max_position_embeddings",
    "rms_norm_eps",
)
"""Fields that are copied. All are required, because today's defaults may differ from those in training."""

_UNSUPPORTED = ("use_sliding_window", "rope_scaling", "quantization_config")
"""Fields that no published GOT checkpoint sets; to ignore them would change the tokens."""


def port_name(original: str) -> str:
    """The port's name of an original weight; unknown names are returned unchanged."""
    for pattern, replacement in _RENAMED:
        if pattern.match(original):
            return pattern.sub(replacement, original, count=1)
    return original


def published_name(port: str) -> str:
    """The name under which the published port (``stepfun-ai/GOT-OCR-2.0-hf``) stores a weight; all versions read it."""
    if port.startswith("lm_head."):
        return f"language_model.{port}"
    return port.replace("model.language_model.", "language_model.model.", 1).removeprefix("model.")


def port_config(original: Mapping[str, Any], shapes: Mapping[str, Shape], image_token: int) -> dict[str, Any]:
    """The port's ``GotOcr2Config`` as a dictionary.

    Args:
        original: the original ``config.json``.
        shapes: shapes of all weights, by original name.
        image_token: id of ``<imgpad>`` in the vocabulary of the checkpoint.

    Raises:
        CheckpointInvalid: a field or a weight is missing, or has a value or shape that no GOT checkpoint has.
    """
    refused = [field for field in _UNSUPPORTED if original.get(field)]
    if refused:
        raise CheckpointInvalid(
            f"config.json sets {refused[0]}, which no GOT weights use: give the published checkpoint"
        )
    stated = original.get("im_patch_token", image_token)
    if stated != image_token:
        raise CheckpointInvalid(
            f"<imgpad> is token {stated} in config.json and {image_token} in the vocabulary: "
            "take both files from one checkpoint"
        )
    text = {field: _field(original, field) for field in _TEXT_FIELDS}
    if text["vocab_size"] <= image_token:
        raise CheckpointInvalid(
            f"config.json's vocabulary of {text['vocab_size']} has no token {image_token} (<imgpad>): "
            "take qwen.tiktoken from the same checkpoint"
        )
    tied = bool(_field(original, "tie_word_embeddings"))
    vision = _vision_config(shapes)
    return {
        "architectures": ["GotOcr2ForConditionalGeneration"],
        "model_type": "got_ocr2",
        "vision_config": vision,
        "text_config": text
        | {
            "model_type": "qwen2",
            "rope_parameters": {"rope_type": "default", "rope_theta": _field(original, "rope_theta")},
            "tie_word_embeddings": tied,
        },
        "image_token_index": image_token,
        "image_seq_length": (vision["image_size"] // vision["patch_size"] // 4) ** 2,
        "tie_word_embeddings": tied,
    }


def _vision_config(shapes: Mapping[str, Shape]) -> dict[str, Any]:
    """The encoder's sizes, from its weights.

    A layer's table of relative positions has ``2 · extent - 1`` rows, one for each distance between two patches. The
    extent is that of the whole grid in a global layer, of one window in the others. A row has the width of a head.
    """
    width, channels, patch, _ = _shape(shapes, f"{_TOWER}patch_embed.proj.weight", 4)
    _, grid, _, _ = _shape(shapes, f"{_TOWER}pos_embed", 4)
    layers = len({name.split(".")[3] for name in shapes if name.startswith(f"{_TOWER}blocks.")})
    tables = [_shape(shapes, f"{_TOWER}blocks.{layer}.attn.rel_pos_h", 2) for layer in range(layers)]
    extents = [(rows + 1) // 2 for rows, _ in tables]
    if not tables or width % tables[0][1]:
        raise CheckpointInvalid(
            f"an encoder of {layers} layers, {width} wide, is not GOT's: fetch the checkpoint again"
        )
    return {
        "hidden_size": width,
        "num_channels": channels,
        "patch_size": patch,
        "image_size": grid * patch,
        "num_hidden_layers": layers,
        "num_attention_heads": width // tables[0][1],
        "mlp_dim": _shape(shapes, f"{_TOWER}blocks.0.mlp.lin1.weight", 2)[0],
        "output_channels": _shape(shapes, f"{_TOWER}neck.0.weight", 4)[0],
        "global_attn_indexes": [layer for layer, extent in enumerate(extents) if extent == grid],
        "window_size": min(extents) if min(extents) < grid else 0,
        # Not in any shape; as in the official encoder (vary_b.py).
        "layer_norm_eps": 1e-6,
        "hidden_act": "gelu",
        "qkv_bias": True,
        "use_abs_pos": True,
        "use_rel_pos": True,
    }


def _field(config: Mapping[str, Any], name: str) -> Any:
    if config.get(name) is None:
        raise CheckpointInvalid(f"config.json does not state {name}: take it from the published checkpoint")
    return config[name]


def _shape(shapes: Mapping[str, Shape], name: str, dimensions: int) -> Shape:
    if name not in shapes:
        raise CheckpointInvalid(f"the weights lack {name}: fetch the checkpoint again")
    if len(shapes[name]) != dimensions or 0 in shapes[name]:
        raise CheckpointInvalid(f"{name} has the shape {shapes[name]}, which is not GOT's: fetch the checkpoint again")
    return shapes[name]
