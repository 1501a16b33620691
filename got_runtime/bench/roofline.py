"""The roofline: the least time that a device needs, from the bytes and operations that cannot be avoided."""

from dataclasses import dataclass
from typing import Any

from got_runtime.bench.hardware import Hardware

__all__ = ["Work", "work_of"]


@dataclass(frozen=True)
class Work:
    """The work of one page, whichever engine does it. Bytes are counted in the precision that is measured, and an
    operation in 8 bits as half of one.

    Attributes:
        encoder_flops: floating-point operations for one tile.
        prefill_flops: floating-point operations for one prompt.
        step_flops: floating-point operations of a step for one sequence, without attention.
        weight_bytes: read in every step, whatever the batch size.
        token_bytes: keys and values of one earlier token of one sequence.
    """

    encoder_flops: float
    prefill_flops: float
    step_flops: float
    weight_bytes: float
    token_bytes: float

    def encode(self, hardware: Hardware) -> float:
        """Least seconds for one tile."""
        return self.encoder_flops / hardware.flops

    def prefill(self, hardware: Hardware) -> float:
        """Least seconds for one prompt."""
        return max(self.prefill_flops / hardware.flops, self.weight_bytes / hardware.bandwidth)

    def step(self, hardware: Hardware, batch_size: int, context: float) -> float:
        """Least seconds for a step of ``batch_size`` sequences with ``context`` tokens each, on average."""
        read = (self.weight_bytes + batch_size * context * self.token_bytes) / hardware.bandwidth
        return max(read, batch_size * self.step_flops / hardware.flops)


def work_of(model: Any, prompt: int, weight_bits: int, cache_bits: int) -> Work:
    """Count the work from the network's sizes; a multiplication with its addition counts as two operations.

    Args:
        model: transformers' ``GotOcr2ForConditionalGeneration``.
        prompt: tokens of a prompt.
        weight_bits: bits of a weight.
        cache_bits: bits of a key or value.
    """
    text, vision = model.config.text_config, model.config.vision_config
    head_width = text.hidden_size // text.num_attention_heads
    keys = text.num_key_value_heads * head_width
    layer = text.hidden_size * (2 * text.hidden_size + 2 * keys + 3 * text.intermediate_size)
    body, head = text.num_hidden_layers * layer, text.vocab_size * text.hidden_size
    attention = 2 * prompt**2 * text.hidden_size * text.num_hidden_layers
    scales = 4 * keys / head_width if cache_bits == 8 else 0
    # The hardware's limit is measured in the checkpoint's precision; in 8 bits it makes twice as many products.
    product = 2 if weight_bits > 8 else 1
    return Work(
        encoder_flops=_encoder_flops(vision),
        prefill_flops=product * body * prompt + attention + product * head,
        step_flops=product * (body + head),
        weight_bytes=(body + head) * weight_bits / 8,
        token_bytes=2 * text.num_hidden_layers * (keys * cache_bits / 8 + scales),
    )


def _encoder_flops(vision: Any) -> float:
    grid = vision.image_size // vision.patch_size
    tokens, width = grid**2, vision.hidden_size
    padded = (grid + -grid % vision.window_size) ** 2 if vision.window_size else tokens
    linear = 2 * tokens * width * (width + 2 * vision.mlp_dim)
    windowed_layer = linear + 2 * padded * width * 3 * width + 4 * padded * vision.window_size**2 * width
    global_layer = linear + 2 * tokens * width * 3 * width + 4 * tokens**2 * width
    global_layers = len(vision.global_attn_indexes)
    neck = 2 * tokens * vision.output_channels * (width + 9 * vision.output_channels)
    windowed_layers = vision.num_hidden_layers - global_layers
    return float(global_layers * global_layer + windowed_layers * windowed_layer + neck)
