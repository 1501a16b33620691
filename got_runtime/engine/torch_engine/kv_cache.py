"""The KV cache of :class:`got_runtime.engine.torch_engine.torch_decoder.TorchDecoder`: slots of equal length."""

import torch
from torch import Tensor

__all__ = ["SlotCache", "length_mask"]


class SlotCache:
    """Keys and values, ``(layers, slots, capacity, heads, head width)`` each. It begins without slots.

    Tokens come before heads because kernels for sequences of different length need them so.

    Args:
        layers: of the decoder.
        heads: key heads.
        width: of a head.
        like: a tensor of the cache's device and precision.
    """

    def __init__(self, layers: int, heads: int, width: int, like: Tensor) -> None:
        self.keys = like.new_empty(layers, 0, 0, heads, width)
        self.values = like.new_empty(layers, 0, 0, heads, width)

    @property
    def slots(self) -> int:
        """Sequences there is room for."""
        return self.keys.shape[1]

    @property
    def capacity(self) -> int:
        """Tokens that a slot can hold."""
        return self.keys.shape[2]

    def resize(self, slots: int, capacity: int) -> None:
        """Change the number of slots and their capacity. What fits is kept; if memory runs out, nothing changes."""
        kept_slots, kept_tokens = min(slots, self.slots), min(capacity, self.capacity)
        shape = (self.keys.shape[0], slots, capacity, *self.keys.shape[3:])
        keys, values = self.keys.new_zeros(shape), self.values.new_zeros(shape)
        keys[:, :kept_slots, :kept_tokens] = self.keys[:, :kept_slots, :kept_tokens]
        values[:, :kept_slots, :kept_tokens] = self.values[:, :kept_slots, :kept_tokens]
        self.keys, self.values = keys, values

    def zero(self, slot: int) -> None:
        """Fill one slot with zeros."""
        for tensor in (self.keys, self.values):
            tensor[:, slot] = 0

    def move(self, source: int, target: int, length: int) -> None:
        """Copy ``length`` tokens from slot ``source`` to slot ``target``."""
        for tensor in (self.keys, self.values):
            tensor[:, target, :length] = tensor[:, source, :length]

    def write_prompt(self, layer: int, slot: int, key: Tensor, value: Tensor) -> None:
        """Write a prompt's keys and values, ``(1, heads, tokens, width)`` each."""
        self.keys[layer, slot, : key.shape[2]] = key[0].transpose(0, 1)
        self.values[layer, slot, : value.shape[2]] = value[0].transpose(0, 1)

    def write_step(self, layer: int, slots: Tensor, lengths: Tensor, key: Tensor, value: Tensor) -> None:
        """Write one token of each sequence, ``(sequences, heads, 1, width)`` each, at its own length."""
        self.keys[layer, slots, lengths] = key[:, :, 0]
        self.values[layer, slots, lengths] = value[:, :, 0]

    def view(self, layer: int, slots: int, length: int) -> tuple[Tensor, Tensor]:
        """Keys and values of the first slots and tokens, ``(slots, heads, length, width)`` each."""
        keys, values = self.keys[layer, :slots, :length], self.values[layer, :slots, :length]
        return keys.transpose(1, 2), values.transpose(1, 2)


def length_mask(lengths: Tensor, longest: int) -> Tensor:
    """``(sequences, 1, 1, longest)``: true where a sequence has a token."""
    return (torch.arange(longest, device=lengths.device) < lengths[:, None])[:, None, None]
