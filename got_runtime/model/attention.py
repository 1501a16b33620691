"""Attention over a grid of patches with decomposed relative positions, in torch; compiled C does it where it can
(:mod:`got_runtime.model.native.grid_attention`).

Every logit is ``q·k·scale + by_row[q, row of k] + by_column[q, column of k]``. Folding the two terms makes heads three
times as wide (4,096 tokens, 12 heads, bf16, two AMX cores: 128 ms a layer, compiled 55 ms). Adding a bias of one head
at a time (32 MB at 4,096 tokens) was measured too: no faster than folding.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["attend"]

Bias = tuple[Tensor, Tensor]
"""``(n, heads, tokens, rows)`` and ``(…, columns)``: the term of each query for each row and each column of keys."""

MAX_EXPLICIT_TOKENS = 2048
"""Tokens below which explicit products are faster than the fused kernel's backward pass on a CPU.

Measured with a 192-wide encoder in bf16 on two AMX cores: at 64 tokens forward and backward take 8 ms explicit
against 42 ms; at 4,096 the explicit softmax no longer fits the cache.
"""


def attend(query: Tensor, key: Tensor, value: Tensor, bias: Bias | None, scale: float) -> Tensor:
    """Attention of every token to every other.

    Args:
        query, key, value: ``(n, heads, tokens, head width)``, tokens in row-major order of the grid.
        bias: the terms by row and by column, or None.
        scale: factor of the products.

    Returns:
        ``(n, heads, tokens, head width)``.
    """
    if bias is None:
        return F.scaled_dot_product_attention(query, key, value, scale=scale)
    if query.device.type == "cpu" and query.shape[-2] < MAX_EXPLICIT_TOKENS and torch.is_grad_enabled():
        return _explicit(query, key, value, bias, scale)
    return _folded(query, key, value, bias, scale)


def _folded(query: Tensor, key: Tensor, value: Tensor, bias: Bias, scale: float) -> Tensor:
    """Without a bias matrix: ``q' = [q·scale, by_row, by_column]`` and ``k' = [k, onehot(row), onehot(column)]``."""
    query, key = _fold(query, key, bias, scale)
    width = value.shape[-1]
    # The kernels need one width for all three, a multiple of 32.
    round_up = -query.shape[-1] % 32
    query, key = F.pad(query, (0, round_up)), F.pad(key, (0, round_up))
    value = F.pad(value, (0, query.shape[-1] - width))
    return F.scaled_dot_product_attention(query, key, value, scale=1.0)[..., :width]


def _explicit(query: Tensor, key: Tensor, value: Tensor, bias: Bias, scale: float) -> Tensor:
    """The folded logits, written out."""
    query, key = _fold(query, key, bias, scale)
    return torch.softmax(query @ key.transpose(-1, -2), dim=-1) @ value


def _fold(query: Tensor, key: Tensor, bias: Bias, scale: float) -> tuple[Tensor, Tensor]:
    rows, columns = (terms.shape[-1] for terms in bias)
    by_row = torch.eye(rows, dtype=key.dtype, device=key.device).repeat_interleave(columns, dim=0)
    by_column = torch.eye(columns, dtype=key.dtype, device=key.device).repeat(rows, 1)
    onehot = torch.cat([by_row, by_column], dim=1).expand(*key.shape[:-1], -1)
    return torch.cat([query * scale, *bias], dim=-1), torch.cat([key, onehot], dim=-1)
