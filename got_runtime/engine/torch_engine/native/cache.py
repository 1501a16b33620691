"""The KV cache of one sequence, in the memory layout that ``step.c`` reads."""

import torch
import torch.nn.functional as F
from torch import Tensor

from got_runtime.engine.torch_engine.allocator import advise_huge_pages
from got_runtime.engine.torch_engine.native.linear import quantize

__all__ = ["BLOCK_TOKENS", "HEAD_WIDTH", "SequenceCache", "bytes_per_token"]

BLOCK_TOKENS = 16
"""Tokens in a block of keys; ``BLOCK`` in ``step.c``."""
HEAD_WIDTH = 64
"""Width of a head in every GOT network; ``WIDTH`` in ``step.c``."""


def bytes_per_token(layers: int, heads: int, int8: bool) -> int:
    """Bytes of KV cache for one token of one sequence."""
    return 2 * layers * heads * (HEAD_WIDTH + 4 if int8 else 2 * HEAD_WIDTH)


class SequenceCache:
    """Keys and values of one sequence, in its own memory.

    Memory follows the length of each sequence, and sequences are added and removed without copying. ``step.c``
    describes the shapes. In int8 every token of every head has its own scale.

    Args:
        layers: of the decoder.
        heads: key heads.
        int8: keep keys and values in 8 bits instead of bfloat16.
    """

    def __init__(self, layers: int, heads: int, int8: bool) -> None:
        self._int8 = int8
        self.capacity = 0
        dtype = torch.int8 if int8 else torch.bfloat16
        self.keys = torch.empty(layers, heads, 0, HEAD_WIDTH // 2, BLOCK_TOKENS, 2, dtype=dtype)
        self.values = torch.empty(layers, heads, 0, HEAD_WIDTH, dtype=dtype)
        self.key_scales = torch.empty(layers, heads, 0)
        self.value_scales = torch.empty(layers, heads, 0)

    def reserve(self, length: int) -> None:
        """Make room for ``length`` tokens. The capacity grows by at least a quarter."""
        if length <= self.capacity:
            return
        wanted = max(length, self.capacity * 5 // 4)
        self.capacity = (wanted + BLOCK_TOKENS - 1) // BLOCK_TOKENS * BLOCK_TOKENS
        self.keys = _enlarged(self.keys, self.capacity // BLOCK_TOKENS)
        self.values = _enlarged(self.values, self.capacity)
        if self._int8:
            self.key_scales = _enlarged(self.key_scales, self.capacity)
            self.value_scales = _enlarged(self.value_scales, self.capacity)

    def write_prompt(self, layer: int, key: Tensor, value: Tensor) -> None:
        """Write a prompt's keys and values, ``(heads, tokens, 64)`` each, from position 0."""
        heads, tokens, _ = key.shape
        blocks = (tokens + BLOCK_TOKENS - 1) // BLOCK_TOKENS
        padded = blocks * BLOCK_TOKENS
        key, value = (F.pad(x, (0, 0, 0, padded - tokens)) for x in (key, value))
        if self._int8:
            key, self.key_scales[layer, :, :padded] = quantize(key)
            value, self.value_scales[layer, :, :padded] = quantize(value)
        self.keys[layer, :, :blocks] = key.view(heads, blocks, BLOCK_TOKENS, HEAD_WIDTH // 2, 2).transpose(2, 3)
        pairs = self.values[layer, :, :padded].view(heads, -1, HEAD_WIDTH, 2)
        pairs.copy_(value.view(heads, -1, 2, HEAD_WIDTH).transpose(2, 3))

    def pointers(self) -> list[int]:
        """The fields of ``Sequence`` in ``step.c``, except the length."""
        scales = [self.key_scales.data_ptr(), self.value_scales.data_ptr()] if self._int8 else [0, 0]
        return [self.keys.data_ptr(), self.values.data_ptr(), *scales, self.capacity]


def _enlarged(old: Tensor, size: int) -> Tensor:
    """A copy with ``size`` entries in the third dimension, the new ones 0."""
    new = old.new_empty((*old.shape[:2], size, *old.shape[3:]))
    advise_huge_pages(new)
    new[:, :, old.shape[2] :] = 0
    new[:, :, : old.shape[2]] = old
    return new
