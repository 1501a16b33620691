"""The least time a machine needs, from the bytes and products that cannot be avoided."""

from dataclasses import dataclass
from typing import Any

from got_runtime.bench.hardware import Machine

__all__ = ["Work", "work_of"]


@dataclass(frozen=True)
class Work:
    """What one page costs, whoever does it. Floating-point operations, and bytes in the precision chosen."""

    encoder_flops: float
    prefill_flops: float
    step_flops: float
    """Of one row, attention left out."""
    weight_bytes: float
    """Read in every step, whatever the number of rows."""
    token_bytes: float
    """Keys and values of one earlier token of one row."""

    def encode(self, machine: Machine) -> float:
        """Seconds a tile."""
        return self.encoder_flops / machine.flops

    def prefill(self, machine: Machine) -> float:
        """Seconds a prompt."""
        return max(self.prefill_flops / machine.flops, self.weight_bytes / machine.bandwidth)

    def step(self, machine: Machine, rows: int, context: float) -> float:
        """Seconds a step of ``rows`` rows with ``context`` tokens each, on average."""
        read = (self.weight_bytes + rows * context * self.token_bytes) / machine.bandwidth
        return max(read, rows * self.step_flops / machine.flops)


def work_of(model: Any, prompt: int, weight_bits: int, cache_bits: int) -> Work:
    """Counted from the network's sizes; a multiplication with its addition counts as two operations."""
    text, vision = model.config.text_config, model.config.vision_config
    head_width = text.hidden_size // text.num_attention_heads
    keys = text.num_key_value_heads * head_width
    layer = text.hidden_size * (2 * text.hidden_size + 2 * keys + 3 * text.intermediate_size)
    body, head = text.num_hidden_layers * layer, text.vocab_size * text.hidden_size
    attention = 2 * prompt**2 * text.hidden_size * text.num_hidden_layers
    scales = 4 * keys / head_width if cache_bits == 8 else 0
    return Work(
        encoder_flops=_encoder_flops(vision),
        prefill_flops=2 * body * prompt + attention + 2 * head,
        step_flops=2 * (body + head),
        weight_bytes=(body + head) * weight_bits / 8,
        token_bytes=2 * text.num_hidden_layers * (keys * cache_bits / 8 + scales),
    )


def _encoder_flops(vision: Any) -> float:
    grid = vision.image_size // vision.patch_size
    tokens, width = grid**2, vision.hidden_size
    padded = (grid + -grid % vision.window_size) ** 2 if vision.window_size else tokens
    linear = 2 * tokens * width * (width + 2 * vision.mlp_dim)
    windowed = linear + 2 * padded * width * 3 * width + 4 * padded * vision.window_size**2 * width
    whole = linear + 2 * tokens * width * 3 * width + 4 * tokens**2 * width
    dense = len(vision.global_attn_indexes)
    neck = 2 * tokens * vision.output_channels * (width + 9 * vision.output_channels)
    return float(dense * whole + (vision.num_hidden_layers - dense) * windowed + neck)
