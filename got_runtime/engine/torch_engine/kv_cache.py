"""Keys and values of each sequence in memory of its own: the KV cache of torch's modules on a CPU."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from got_runtime.model.decoder import masked

__all__ = ["AttendStep", "RowCache", "length_mask"]

AttendStep = Callable[[int, Tensor, Tensor, Tensor], Tensor]
"""Writes a layer's keys and values of one token of each sequence, and attends to all that the sequences have."""

_ROUND_TOKENS = 16
"""Capacities are multiples of this."""


class RowCache:
    """Keys and values of each sequence in memory of its own, so that a long sequence costs its own length alone.

    A sequence grows layer by layer: its old and new keys are never held together for more than one layer.

    Args:
        layers: of the decoder.
        heads: key heads.
        width: of a head.
        like: a tensor of the cache's device and precision.
    """

    def __init__(self, layers: int, heads: int, width: int, like: Tensor) -> None:
        self._empty = like.new_empty(heads, 0, width)
        self._layers = layers
        self._rows: list[list[tuple[Tensor, Tensor]]] = []
        """For each slot and layer, keys and values, ``(heads, capacity, width)`` each."""

    @property
    def tokens(self) -> int:
        """Tokens that memory is taken for, of all sequences."""
        return sum(self.capacity(slot) for slot in range(len(self._rows)))

    def capacity(self, slot: int) -> int:
        """Tokens that the sequence in a slot has room for; 0 for a free slot."""
        return self._rows[slot][0][0].shape[1] if slot < len(self._rows) else 0

    def growth(self, slot: int) -> int:
        """Tokens by which a sequence grows at least."""
        return self.capacity(slot) // 4 + _ROUND_TOKENS

    def reserve(self, slot: int, tokens: int) -> None:
        """Make room for ``tokens`` tokens in a used slot, or in the first free one."""
        if slot == len(self._rows):
            self._rows.append([(self._empty, self._empty)] * self._layers)
        if tokens <= self.capacity(slot):
            return
        wanted = max(tokens, self.capacity(slot) + self.growth(slot)) if self.capacity(slot) else tokens
        capacity = -(-wanted // _ROUND_TOKENS) * _ROUND_TOKENS
        row = self._rows[slot]
        # From the last layer to the first, whose size is the row's capacity: a failure on the way can be repeated.
        for layer in reversed(range(self._layers)):
            if row[layer][0].shape[1] < capacity:
                row[layer] = _enlarged(row[layer][0], capacity), _enlarged(row[layer][1], capacity)

    def write_prompt(self, layer: int, slot: int, key: Tensor, value: Tensor) -> None:
        """Write a prompt's keys and values, ``(1, heads, tokens, width)`` each."""
        keys, values = self._rows[slot][layer]
        keys[:, : key.shape[2]] = key[0]
        values[:, : value.shape[2]] = value[0]

    def step(self, lengths: Sequence[int]) -> AttendStep:
        """A step of the first sequences, which have ``lengths`` tokens before it."""

        def attend(layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            attended = []
            for slot, length in enumerate(lengths):
                keys, values = self._rows[slot][layer]
                keys[:, length], values[:, length] = key[slot, :, 0], value[slot, :, 0]
                now = slice(0, length + 1)
                attended.append(masked(query[slot : slot + 1], keys[None, :, now], values[None, :, now], None))
            return torch.cat(attended)

        return attend

    def move(self, source: int, target: int) -> None:
        """Let the sequence in slot ``source`` be in slot ``target``."""
        self._rows[target] = self._rows[source]

    def release(self, slot: int) -> None:
        """Free the last slot, if it is used, and its memory."""
        del self._rows[slot:]


def length_mask(lengths: Tensor, longest: int) -> Tensor:
    """``(sequences, 1, 1, longest)``: true where a sequence has a token."""
    return (torch.arange(longest, device=lengths.device) < lengths[:, None])[:, None, None]


def _enlarged(old: Tensor, capacity: int) -> Tensor:
    """A copy with room for ``capacity`` tokens."""
    new = old.new_empty(old.shape[0], capacity, old.shape[2])
    new[:, : old.shape[1]] = old
    return new
