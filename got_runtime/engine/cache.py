"""Keys and values of the rows being decoded together."""

import torch
from torch import Tensor


class SlotCache:
    """``[layers, slots, capacity, heads, head width]`` for keys and for values; live rows are the first slots.

    Token by token, as kernels for rows of unlike length want it. Capacity grows by doubling when a row needs it: a
    500-token page does not pay for the 8,000-token limit.
    """

    def __init__(self, layers: int, slots: int, heads: int, width: int, like: Tensor) -> None:
        self._shape = (layers, slots, 0, heads, width)
        self.keys = like.new_empty(self._shape)
        self.values = like.new_empty(self._shape)

    @property
    def capacity(self) -> int:
        return self.keys.shape[2]

    def reserve(self, length: int) -> None:
        """Room for rows of ``length`` tokens."""
        if length <= self.capacity:
            return
        capacity = max(512, self.capacity)
        while capacity < length:
            capacity *= 2
        for name in ("keys", "values"):
            old: Tensor = getattr(self, name)
            new = old.new_zeros((*old.shape[:2], capacity, *old.shape[3:]))
            new[:, :, : old.shape[2]] = old
            setattr(self, name, new)

    def move(self, source: int, target: int, length: int) -> None:
        """Row ``source`` takes slot ``target`` (live rows stay together at the front)."""
        for store in (self.keys, self.values):
            store[:, target, :length] = store[:, source, :length]

    def write_prompt(self, layer: int, slot: int, key: Tensor, value: Tensor) -> None:
        """A prompt's keys and values, ``(1, heads, t, width)`` each."""
        self.keys[layer, slot, : key.shape[2]] = key[0].transpose(0, 1)
        self.values[layer, slot, : value.shape[2]] = value[0].transpose(0, 1)

    def write_step(self, layer: int, rows: Tensor, lengths: Tensor, key: Tensor, value: Tensor) -> None:
        """One token of each live row, ``(rows, heads, 1, width)`` each, at the row's own length."""
        self.keys[layer, rows, lengths] = key[:, :, 0]
        self.values[layer, rows, lengths] = value[:, :, 0]

    def view(self, layer: int, rows: int, length: int) -> tuple[Tensor, Tensor]:
        """The first ``rows`` slots up to ``length`` tokens, ``(rows, heads, length, width)``."""
        keys, values = self.keys[layer, :rows, :length], self.values[layer, :rows, :length]
        return keys.transpose(1, 2), values.transpose(1, 2)


def length_mask(lengths: Tensor, longest: int) -> Tensor:
    """``(rows, 1, 1, longest)``: true where a row has a token."""
    return (torch.arange(longest, device=lengths.device) < lengths[:, None])[:, None, None]
