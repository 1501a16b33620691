"""Small checkpoints in GOT's original format: the published names, shapes and configuration, at narrow sizes."""

import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import GotOcr2Config, GotOcr2ForConditionalGeneration

from got_runtime.model.original.vocabulary import SPECIAL_TOKENS

# Names and shapes as the official class prints them, one layer and one block of each kind.
PUBLISHED: dict[str, tuple[str, tuple[int, ...]]] = {
    "model.embed_tokens.weight": ("language_model.embed_tokens.weight", (151860, 1024)),
    "model.layers.N.self_attn.q_proj.weight": ("language_model.layers.N.self_attn.q_proj.weight", (1024, 1024)),
    "model.layers.N.self_attn.q_proj.bias": ("language_model.layers.N.self_attn.q_proj.bias", (1024,)),
    "model.layers.N.self_attn.k_proj.weight": ("language_model.layers.N.self_attn.k_proj.weight", (1024, 1024)),
    "model.layers.N.self_attn.k_proj.bias": ("language_model.layers.N.self_attn.k_proj.bias", (1024,)),
    "model.layers.N.self_attn.v_proj.weight": ("language_model.layers.N.self_attn.v_proj.weight", (1024, 1024)),
    "model.layers.N.self_attn.v_proj.bias": ("language_model.layers.N.self_attn.v_proj.bias", (1024,)),
    "model.layers.N.self_attn.o_proj.weight": ("language_model.layers.N.self_attn.o_proj.weight", (1024, 1024)),
    "model.layers.N.mlp.gate_proj.weight": ("language_model.layers.N.mlp.gate_proj.weight", (2816, 1024)),
    "model.layers.N.mlp.up_proj.weight": ("language_model.layers.N.mlp.up_proj.weight", (2816, 1024)),
    "model.layers.N.mlp.down_proj.weight": ("language_model.layers.N.mlp.down_proj.weight", (1024, 2816)),
    "model.layers.N.input_layernorm.weight": ("language_model.layers.N.input_layernorm.weight", (1024,)),
    "model.layers.N.post_attention_layernorm.weight": (
        "language_model.layers.N.post_attention_layernorm.weight",
        (1024,),
    ),
    "model.norm.weight": ("language_model.norm.weight", (1024,)),
    "model.vision_tower_high.pos_embed": ("vision_tower.pos_embed", (1, 64, 64, 768)),
    "model.vision_tower_high.patch_embed.proj.weight": (
        "vision_tower.patch_embed.projection.weight",
        (768, 3, 16, 16),
    ),
    "model.vision_tower_high.patch_embed.proj.bias": ("vision_tower.patch_embed.projection.bias", (768,)),
    "model.vision_tower_high.blocks.M.norm1.weight": ("vision_tower.layers.M.layer_norm1.weight", (768,)),
    "model.vision_tower_high.blocks.M.norm1.bias": ("vision_tower.layers.M.layer_norm1.bias", (768,)),
    "model.vision_tower_high.blocks.M.attn.rel_pos_h": ("vision_tower.layers.M.attn.rel_pos_h", (27, 64)),
    "model.vision_tower_high.blocks.M.attn.rel_pos_w": ("vision_tower.layers.M.attn.rel_pos_w", (27, 64)),
    "model.vision_tower_high.blocks.M.attn.qkv.weight": ("vision_tower.layers.M.attn.qkv.weight", (2304, 768)),
    "model.vision_tower_high.blocks.M.attn.qkv.bias": ("vision_tower.layers.M.attn.qkv.bias", (2304,)),
    "model.vision_tower_high.blocks.M.attn.proj.weight": ("vision_tower.layers.M.attn.proj.weight", (768, 768)),
    "model.vision_tower_high.blocks.M.attn.proj.bias": ("vision_tower.layers.M.attn.proj.bias", (768,)),
    "model.vision_tower_high.blocks.M.norm2.weight": ("vision_tower.layers.M.layer_norm2.weight", (768,)),
    "model.vision_tower_high.blocks.M.norm2.bias": ("vision_tower.layers.M.layer_norm2.bias", (768,)),
    "model.vision_tower_high.blocks.M.mlp.lin1.weight": ("vision_tower.layers.M.mlp.lin1.weight", (3072, 768)),
    "model.vision_tower_high.blocks.M.mlp.lin1.bias": ("vision_tower.layers.M.mlp.lin1.bias", (3072,)),
    "model.vision_tower_high.blocks.M.mlp.lin2.weight": ("vision_tower.layers.M.mlp.lin2.weight", (768, 3072)),
    "model.vision_tower_high.blocks.M.mlp.lin2.bias": ("vision_tower.layers.M.mlp.lin2.bias", (768,)),
    "model.vision_tower_high.neck.0.weight": ("vision_tower.neck.conv1.weight", (256, 768, 1, 1)),
    "model.vision_tower_high.neck.1.weight": ("vision_tower.neck.layer_norm1.weight", (256,)),
    "model.vision_tower_high.neck.1.bias": ("vision_tower.neck.layer_norm1.bias", (256,)),
    "model.vision_tower_high.neck.2.weight": ("vision_tower.neck.conv2.weight", (256, 256, 3, 3)),
    "model.vision_tower_high.neck.3.weight": ("vision_tower.neck.layer_norm2.weight", (256,)),
    "model.vision_tower_high.neck.3.bias": ("vision_tower.neck.layer_norm2.bias", (256,)),
    "model.vision_tower_high.net_2.weight": ("multi_modal_projector.conv_upsampler1.weight", (512, 256, 3, 3)),
    "model.vision_tower_high.net_3.weight": ("multi_modal_projector.conv_upsampler2.weight", (1024, 512, 3, 3)),
    "model.mm_projector_vary.weight": ("multi_modal_projector.multimodal_projector.weight", (1024, 1024)),
    "model.mm_projector_vary.bias": ("multi_modal_projector.multimodal_projector.bias", (1024,)),
}

PUBLISHED_CONFIG = {
    "architectures": ["GOTQwenForCausalLM"],
    "model_type": "GOT",
    "attention_dropout": 0.0,
    "bos_token_id": 151643,
    "eos_token_id": 151643,
    "hidden_act": "silu",
    "hidden_size": 1024,
    "im_end_token": 151858,
    "im_patch_token": 151859,
    "im_start_token": 151857,
    "image_token_len": 256,
    "initializer_range": 0.02,
    "intermediate_size": 2816,
    "max_position_embeddings": 32768,
    "max_window_layers": 21,
    "num_attention_heads": 16,
    "num_hidden_layers": 24,
    "num_key_value_heads": 16,
    "rms_norm_eps": 1e-06,
    "rope_theta": 1000000.0,
    "sliding_window": 32768,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "use_im_start_end": True,
    "use_sliding_window": False,
    "vocab_size": 151860,
}

MERGES = 300
"""Ordinary tokens beyond the 256 bytes: the beginning of Qwen's file is a smaller vocabulary of the same kind."""


def narrow_config() -> GotOcr2Config:
    """Nothing in it is GOT's size; the encoder's windows do not divide its grid, and two heads share a key."""
    return GotOcr2Config(
        vision_config={
            "hidden_size": 24,
            "num_attention_heads": 3,
            "num_hidden_layers": 3,
            "mlp_dim": 40,
            "output_channels": 12,
            "window_size": 5,
            "global_attn_indexes": [1],
            "image_size": 128,
            "patch_size": 8,
        },
        text_config={
            "model_type": "qwen2",
            "vocab_size": 256 + MERGES + len(SPECIAL_TOKENS),
            "hidden_size": 32,
            "intermediate_size": 56,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 1024,
            "rms_norm_eps": 1e-5,
            "rope_parameters": {"rope_type": "default", "rope_theta": 5000.0},
            "tie_word_embeddings": True,
        },
        image_token_index=256 + MERGES + SPECIAL_TOKENS.index("<imgpad>"),
        image_seq_length=16,
        tie_word_embeddings=True,
    )


def original_name(port: str) -> str:
    """The key map read from right to left."""
    for pattern, replacement in (
        (r"^model\.vision_tower\.layers\.(\d+)\.layer_norm", r"model.vision_tower_high.blocks.\1.norm"),
        (r"^model\.vision_tower\.layers", "model.vision_tower_high.blocks"),
        (r"^model\.vision_tower\.patch_embed\.projection", "model.vision_tower_high.patch_embed.proj"),
        (r"^model\.vision_tower\.neck\.conv1", "model.vision_tower_high.neck.0"),
        (r"^model\.vision_tower\.neck\.layer_norm1", "model.vision_tower_high.neck.1"),
        (r"^model\.vision_tower\.neck\.conv2", "model.vision_tower_high.neck.2"),
        (r"^model\.vision_tower\.neck\.layer_norm2", "model.vision_tower_high.neck.3"),
        (r"^model\.vision_tower\.pos_embed", "model.vision_tower_high.pos_embed"),
        (r"^model\.multi_modal_projector\.conv_upsampler1", "model.vision_tower_high.net_2"),
        (r"^model\.multi_modal_projector\.conv_upsampler2", "model.vision_tower_high.net_3"),
        (r"^model\.multi_modal_projector\.multimodal_projector", "model.mm_projector_vary"),
        (r"^model\.language_model\.", "model."),
    ):
        renamed = re.sub(pattern, replacement, port)
        if renamed != port:
            return renamed
    return port


def original_config(config: GotOcr2Config) -> dict[str, Any]:
    text: Any = config.text_config
    return PUBLISHED_CONFIG | {
        "vocab_size": text.vocab_size,
        "hidden_size": text.hidden_size,
        "intermediate_size": text.intermediate_size,
        "num_hidden_layers": text.num_hidden_layers,
        "num_attention_heads": text.num_attention_heads,
        "num_key_value_heads": text.num_key_value_heads,
        "max_position_embeddings": text.max_position_embeddings,
        "rms_norm_eps": text.rms_norm_eps,
        "rope_theta": text.rope_parameters["rope_theta"],
        "tie_word_embeddings": text.tie_word_embeddings,
        "im_patch_token": config.image_token_index,
    }


def save_original(folder: Path, config: GotOcr2Config, weights: dict[str, Tensor]) -> Path:
    """A folder as the official code writes it."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(original_config(config)))
    spec = find_spec("dashscope")
    assert spec is not None
    assert spec.origin is not None
    vocabulary = Path(spec.origin).parent / "resources" / "qwen.tiktoken"
    lines = vocabulary.read_bytes().splitlines(keepends=True)[: 256 + MERGES]
    (folder / "qwen.tiktoken").write_bytes(b"".join(lines))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def random_network(config: GotOcr2Config) -> GotOcr2ForConditionalGeneration:
    """Every weight differs from zero and one: one that is lost or mixed up changes the logits."""
    torch.manual_seed(0)
    network = GotOcr2ForConditionalGeneration(config)
    network.eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(mean=0.1, std=0.2)
    return network


def original_weights(network: GotOcr2ForConditionalGeneration) -> dict[str, Tensor]:
    """Under the original names; the tied head is stored as well, as in the published files."""
    return {original_name(name): tensor.clone() for name, tensor in network.state_dict().items()}


@torch.no_grad()
def logits(network: Any) -> Tensor:
    """Of a prompt with one tile."""
    config = network.config
    pads = [config.image_token_index] * 16
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randn(1, 3, config.vision_config.image_size, config.vision_config.image_size, generator=generator)
    answer: Tensor = network(
        input_ids=torch.tensor([[5, 6, *pads, 7, 8, 9]]), pixel_values=pixels.to(network.dtype)
    ).logits
    return answer
