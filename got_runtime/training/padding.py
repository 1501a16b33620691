"""Padding of token sequences to one tensor."""

import torch
from torch import Tensor

__all__ = ["IGNORED", "LENGTH_STEP", "pad", "padded_length"]

IGNORED = -100
"""Target of a position that has no loss: the default of ``torch.nn.functional.cross_entropy``."""
LENGTH_STEP = 32
"""Sequences are padded to a multiple of this: for each new shape oneDNN compiles every kernel of the step."""


def padded_length(longest: int) -> int:
    """The smallest multiple of :data:`LENGTH_STEP` that holds ``longest`` tokens."""
    return -(-longest // LENGTH_STEP) * LENGTH_STEP


def pad(sequences: list[list[int]], value: int) -> Tensor:
    """Token ids → ``(sequences, padded length)``, filled up with ``value`` at the end."""
    length = padded_length(max(map(len, sequences)))
    return torch.tensor([sequence + [value] * (length - len(sequence)) for sequence in sequences])
