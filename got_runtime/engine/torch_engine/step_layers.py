"""The decoder's layers for steps on a device: the products that can be made together are.

A step of one sequence is bound by the number of its operations. This makes 20 a layer with flash attention, and
:func:`got_runtime.model.decoder.forward` 44: queries, keys and values are one product, gate and up are one, the
rotation of queries and keys is one, and the RMS norm is torch's own. Sums are made in another order than transformers
makes them, so that in 16 bits a token may differ where two are about equally probable.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from got_runtime.model.decoder import Attend

__all__ = ["StepLayers"]


@dataclass(frozen=True)
class _Layer:
    norm: Tensor
    qkv: tuple[Tensor, Tensor | None]
    out: tuple[Tensor, Tensor | None]
    mlp_norm: Tensor
    gate_up: tuple[Tensor, Tensor | None]
    down: tuple[Tensor, Tensor | None]


class StepLayers:
    """Packs the weights of a network; its own become views of the packed ones, so that they take no memory.

    Args:
        language: transformers' ``Qwen2Model``, for which :meth:`is_supported`.
    """

    def __init__(self, language: Any) -> None:
        config = language.config
        self._language = language
        self._heads, self._key_heads = config.num_attention_heads, config.num_key_value_heads
        self._width: int = language.layers[0].self_attn.head_dim
        self._epsilon = float(config.rms_norm_eps)
        self._layers = [_packed(layer) for layer in language.layers]

    @staticmethod
    def is_supported(language: Any) -> bool:
        """Whether all products are plain ones, without an adapter, and the activation is SiLU."""
        modules = [
            module
            for layer in language.layers
            for module in (
                *_projections(layer.self_attn),
                layer.self_attn.o_proj,
                *_gates(layer.mlp),
                layer.mlp.down_proj,
            )
        ]
        return all(type(module) is nn.Linear for module in modules) and language.config.hidden_act == "silu"

    def __call__(self, embedded: Tensor, positions: Tensor, attend: Attend) -> Tensor:
        """Hidden states after the final norm of the next token of each sequence.

        Args:
            embedded: ``(sequences, 1, width)``.
            positions: ``(sequences, 1)``.
            attend: attention of one layer.

        Returns:
            ``(sequences, width)``.
        """
        cosine, sine = (x[:, 0, None] for x in self._language.rotary_emb(embedded, positions))
        half = self._width // 2
        # x·cos + (-x2, x1)·sin is x·cos + (x2, x1)·(-sin, sin), exactly: the sign is applied once for all layers.
        sine = torch.cat([-sine[..., :half], sine[..., half:]], dim=-1)
        hidden = embedded[:, 0]
        for index, layer in enumerate(self._layers):
            qkv = F.linear(self._norm(hidden, layer.norm), *layer.qkv).unflatten(-1, (-1, self._width))
            rotated = qkv[:, : self._heads + self._key_heads]
            swapped = torch.cat([rotated[..., half:], rotated[..., :half]], dim=-1)
            rotated = rotated * cosine + swapped * sine
            query, key = rotated[:, : self._heads], rotated[:, self._heads :]
            value = qkv[:, self._heads + self._key_heads :]
            attended = attend(index, query[:, :, None], key[:, :, None], value[:, :, None])
            hidden = hidden + F.linear(attended.flatten(1), *layer.out)
            gate, up = F.linear(self._norm(hidden, layer.mlp_norm), *layer.gate_up).chunk(2, dim=-1)
            hidden = hidden + F.linear(F.silu(gate) * up, *layer.down)
        return self._norm(hidden, self._language.norm.weight)

    def _norm(self, x: Tensor, weight: Tensor) -> Tensor:
        return F.rms_norm(x, weight.shape, weight, self._epsilon)


def _projections(attention: Any) -> Sequence[nn.Linear]:
    return attention.q_proj, attention.k_proj, attention.v_proj


def _gates(mlp: Any) -> Sequence[nn.Linear]:
    return mlp.gate_proj, mlp.up_proj


@torch.inference_mode(False)  # the network's parameters cannot be views of tensors that are made in that mode
@torch.no_grad()
def _packed(layer: Any) -> _Layer:
    return _Layer(
        layer.input_layernorm.weight,
        _together(_projections(layer.self_attn)),
        _together([layer.self_attn.o_proj]),
        layer.post_attention_layernorm.weight,
        _together(_gates(layer.mlp)),
        _together([layer.mlp.down_proj]),
    )


def _together(modules: Sequence[nn.Linear]) -> tuple[Tensor, Tensor | None]:
    """Weights and biases one below the other. Those of the modules become views of them, unless they are already."""
    weight = _stacked(modules, lambda module: module.weight)
    if modules[0].bias is None:
        return weight, None
    return weight, _stacked(modules, lambda module: module.bias)


def _stacked(modules: Sequence[nn.Linear], parameter: Callable[[nn.Linear], Tensor]) -> Tensor:
    parts = [parameter(module) for module in modules]
    if len(parts) == 1:
        return parts[0]
    first, rows = parts[0], sum(len(part) for part in parts)
    if all(_follows(part, parts[:index]) for index, part in enumerate(parts)):
        return first.as_strided((rows, *first.shape[1:]), first.stride())
    stacked = torch.cat(parts)
    for part, view in zip(parts, stacked.split([len(part) for part in parts]), strict=True):
        part.data = view
    return stacked


def _follows(part: Tensor, before: Sequence[Tensor]) -> bool:
    """Whether a parameter lies behind others in the same memory."""
    if not before:
        return True
    first = before[0]
    offset = first.storage_offset() + sum(each.numel() for each in before)
    same = part.untyped_storage().data_ptr() == first.untyped_storage().data_ptr()
    return same and part.is_contiguous() and part.storage_offset() == offset
