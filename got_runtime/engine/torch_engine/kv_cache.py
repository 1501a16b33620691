"""Keys and values of the rows being decoded together."""

import torch
from torch import Tensor


class SlotCache:
    """``[layers, slots, capacity, heads, head width]`` for keys and for values; live rows are the first slots.

    Token by token, as kernels for rows of unlike length want it. It begins empty.
    """

    def __init__(self, layers: int, heads: int, width: int, like: Tensor) -> None:
        self.keys = like.new_empty(layers, 0, 0, heads, width)
        self.values = like.new_empty(layers, 0, 0, heads, width)

    @property
    def slots(self) -> int:
        """Rows there is room for."""
        return self.keys.shape[1]

    @property
    def capacity(self) -> int:
        """Tokens a row may have."""
        return self.keys.shape[2]

    def resize(self, slots: int, capacity: int) -> None:
        """Another number of slots or capacity; what finds room in it stays. Nothing is changed when memory runs out."""
        rows, length = min(slots, self.slots), min(capacity, self.capacity)
        shape = (self.keys.shape[0], slots, capacity, *self.keys.shape[3:])
        keys, values = self.keys.new_zeros(shape), self.values.new_zeros(shape)
        keys[:, :rows, :length] = self.keys[:, :rows, :length]
        values[:, :rows, :length] = self.values[:, :rows, :length]
        self.keys, self.values = keys, values

    def wipe(self, slot: int) -> None:
        """Zeros in one slot."""
        for store in (self.keys, self.values):
            store[:, slot] = 0

    def move(self, source: int, target: int, length: int) -> None:
        """Sequence ``source`` takes slot ``target`` (live rows stay together at the front)."""
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
