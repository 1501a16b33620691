"""GOT's text decoder (Qwen2) on the weights of transformers' module; attention is passed in by the caller.

One function runs the layers; the caller's ``attend`` receives each layer's rotated queries and keys. Prefill, the
batched decoding step and training differ in nothing else.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Attend = Callable[[int, Tensor, Tensor, Tensor], Tensor]
"""``(layer, query, key, value)``, each ``(n, heads, t, head width)`` → ``(n, heads, t, head width)``."""


def forward(language: Any, embeddings: Tensor, positions: Tensor, attend: Attend) -> Tensor:
    """Hidden states after the final norm.

    Args:
        language: transformers' ``Qwen2Model``.
        embeddings: ``(n, t, width)``.
        positions: ``(n or 1, t)`` positions of the embeddings in their sequences.
        attend: attention of one layer.
    """
    hidden = embeddings
    cosine, sine = language.rotary_emb(hidden, positions)
    cosine, sine = cosine[:, None], sine[:, None]
    for index, layer in enumerate(language.layers):
        attention = layer.self_attn
        entering = layer.input_layernorm(hidden)
        query, key, value = (
            project(entering).unflatten(-1, (-1, attention.head_dim)).transpose(1, 2)
            for project in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        out = attend(index, rotate(query, cosine, sine), rotate(key, cosine, sine), value)
        hidden = hidden + attention.o_proj(out.transpose(1, 2).flatten(2))
        hidden = hidden + layer.mlp(layer.post_attention_layernorm(hidden))
    normed: Tensor = language.norm(hidden)
    return normed


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotary position embedding; the two halves of a head form the pairs, as in Qwen2."""
    half = x.shape[-1] // 2
    return x * cosine + torch.cat([-x[..., half:], x[..., :half]], dim=-1) * sine


def causal(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Causal attention over a whole sequence; key heads may be grouped."""
    return F.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=query.shape[1] != key.shape[1])


def masked(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """Attention to the keys where ``mask`` is true (to all of them without one); key heads may be grouped."""
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, enable_gqa=query.shape[1] != key.shape[1])
