"""Keys and values of one row, in the layout ``step.c`` reads."""

import torch
import torch.nn.functional as F
from torch import Tensor

from got_runtime.engine.torch_engine.allocator import advise_huge_pages

__all__ = ["LANES", "RowCache", "bytes_per_token"]

LANES = 16
"""Tokens to a block of keys."""
WIDTH = 64
"""Of a head."""


def bytes_per_token(layers: int, heads: int, int8: bool) -> int:
    """What one token of one row takes."""
    return 2 * layers * heads * (WIDTH + 4 if int8 else 2 * WIDTH)


class RowCache:
    """Every row has its own memory, so a row costs what it is long, and rows come and go without being copied.

    Shapes as described in ``step.c``. In int8 every token of every head has its own scale.
    """

    def __init__(self, layers: int, heads: int, int8: bool) -> None:
        self._int8 = int8
        self.capacity = 0
        kind = torch.int8 if int8 else torch.bfloat16
        inner = (WIDTH // 2, LANES, 2) if int8 else (WIDTH, LANES)
        self.keys = torch.empty(layers, heads, 0, *inner, dtype=kind)
        self.values = torch.empty(layers, heads, 0, WIDTH, dtype=kind)
        self.key_scales = torch.empty(layers, heads, 0)
        self.value_scales = torch.empty(layers, heads, 0)

    def reserve(self, length: int) -> None:
        """Room for ``length`` tokens; a quarter more than before, at least."""
        if length <= self.capacity:
            return
        wanted = max(length, self.capacity * 5 // 4)
        self.capacity = (wanted + LANES - 1) // LANES * LANES
        self.keys = _grown(self.keys, self.capacity // LANES)
        self.values = _grown(self.values, self.capacity)
        if self._int8:
            self.key_scales = _grown(self.key_scales, self.capacity)
            self.value_scales = _grown(self.value_scales, self.capacity)

    def write_prompt(self, layer: int, key: Tensor, value: Tensor) -> None:
        """A prompt's keys and values, ``(heads, tokens, 64)`` each, from the row's beginning."""
        heads, tokens, _ = key.shape
        blocks = (tokens + LANES - 1) // LANES
        key, value = (F.pad(x, (0, 0, 0, blocks * LANES - tokens)) for x in (key, value))
        if not self._int8:
            self.keys[layer, :, :blocks] = key.view(heads, blocks, LANES, WIDTH).transpose(-1, -2)
            self.values[layer, :, : blocks * LANES] = value
            return
        rounded, self.key_scales[layer, :, : blocks * LANES] = _rounded(key)
        self.keys[layer, :, :blocks] = rounded.view(heads, blocks, LANES, WIDTH // 2, 2).transpose(2, 3)
        rounded, self.value_scales[layer, :, : blocks * LANES] = _rounded(value)
        pairs = self.values[layer, :, : blocks * LANES].view(heads, -1, WIDTH, 2)
        pairs.copy_(rounded.view(heads, -1, 2, WIDTH).transpose(2, 3))

    def pointers(self) -> list[int]:
        """The row as ``step.c`` knows it, but for its length."""
        scales = [self.key_scales.data_ptr(), self.value_scales.data_ptr()] if self._int8 else [0, 0]
        return [self.keys.data_ptr(), self.values.data_ptr(), *scales, self.capacity]


def _grown(old: Tensor, size: int) -> Tensor:
    new = old.new_empty((*old.shape[:2], size, *old.shape[3:]))
    advise_huge_pages(new)
    new[:, :, old.shape[2] :] = 0
    new[:, :, : old.shape[2]] = old
    return new


def _rounded(x: Tensor) -> tuple[Tensor, Tensor]:
    scale = x.float().abs().amax(dim=-1).clamp(min=1e-12) / 127
    return (x.float() / scale[..., None]).round().to(torch.int8), scale
