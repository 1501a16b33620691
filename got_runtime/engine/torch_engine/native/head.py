"""A step's last product and its choice: in bfloat16, or in 8 bits with the likeliest tokens looked at again."""

import ctypes
from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from got_runtime.engine.torch_engine.native.linear import lay_out

__all__ = ["BfloatHead", "Choice", "Head", "Int8Head"]


class Choice(NamedTuple):
    """The likeliest token of each row, the probability softmax gives it, and a row's logits if asked for.

    Where a row's logits are not finite, neither is its probability.
    """

    tokens: list[int]
    probabilities: list[float]
    logits: Callable[[int], Tensor]


class Head(Protocol):
    """Hidden states ``(rows, width)``, bfloat16 → the choice."""

    def __call__(self, hidden: Tensor) -> Choice: ...


class BfloatHead:
    """As the port computes it."""

    def __init__(self, library: ctypes.CDLL, weight: Tensor) -> None:
        self._library = library
        self._linear = lay_out(library, weight, int8=False)
        self._vocabulary = len(weight)

    def __call__(self, hidden: Tensor) -> Choice:
        logits = self._linear(hidden)
        rows = len(hidden)
        token, probability = torch.empty(rows, dtype=torch.int64), torch.empty(rows)
        self._library.choose(logits.data_ptr(), token.data_ptr(), probability.data_ptr(), rows, self._vocabulary)
        return Choice(token.tolist(), probability.tolist(), lambda row: logits[row].float())


class Int8Head:
    """Reads half the bytes. The 16 likeliest tokens are computed again from the weights as they are, so that rounding
    does not choose between them; it is left in the sum that a probability is divided by."""

    def __init__(self, library: ctypes.CDLL, weight: Tensor) -> None:
        self._library = library
        self._linear = lay_out(library, weight, int8=True)
        self._weight = weight

    def __call__(self, hidden: Tensor) -> Choice:
        logits = self._linear(hidden, torch.float32)
        rows = len(hidden)
        token, probability = torch.empty(rows, dtype=torch.int64), torch.empty(rows)
        self._library.choose_again(
            logits.data_ptr(), hidden.data_ptr(), self._weight.data_ptr(), token.data_ptr(), probability.data_ptr(),
            rows, *self._weight.shape,
        )  # fmt: skip
        return Choice(token.tolist(), probability.tolist(), lambda row: (self._weight @ hidden[row]).float())
