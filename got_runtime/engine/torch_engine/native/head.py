"""The last product of a step and the choice of its tokens, in bfloat16 or in 8 bits."""

import ctypes
from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from got_runtime.engine.torch_engine.native.linear import PackedLinear

__all__ = ["BfloatHead", "Choice", "Head", "Int8Head"]


class Choice(NamedTuple):
    """The most probable token of each sequence.

    Attributes:
        tokens: of each sequence.
        probabilities: softmax of the chosen token; not finite where the logits of the sequence are not.
        logits: computes the logits of one sequence, ``(vocabulary,)``, from its index.
    """

    tokens: list[int]
    probabilities: list[float]
    logits: Callable[[int], Tensor]


class Head(Protocol):
    """Chooses tokens from hidden states ``(sequences, width)`` in bfloat16."""

    def __call__(self, hidden: Tensor) -> Choice: ...


class BfloatHead:
    """The product as transformers computes it.

    Args:
        library: ``step.c``, loaded.
        weight: of the ``lm_head``, ``(vocabulary, width)``.
    """

    def __init__(self, library: ctypes.CDLL, weight: Tensor) -> None:
        self._library = library
        self._linear = PackedLinear(library, weight, int8=False)
        self._vocabulary = len(weight)

    def __call__(self, hidden: Tensor) -> Choice:
        logits = self._linear(hidden)
        count = len(hidden)
        token, probability = torch.empty(count, dtype=torch.int64), torch.empty(count)
        self._library.choose(logits.data_ptr(), token.data_ptr(), probability.data_ptr(), count, self._vocabulary)
        return Choice(token.tolist(), probability.tolist(), lambda index: logits[index].float())


class Int8Head:
    """Reads half the bytes of :class:`BfloatHead`.

    The 16 most probable tokens are recomputed from the bfloat16 weights, so that quantisation does not choose between
    them. The other terms of the softmax's sum stay quantised.

    Args:
        library: ``step.c``, loaded.
        weight: of the ``lm_head``, ``(vocabulary, width)``.
    """

    def __init__(self, library: ctypes.CDLL, weight: Tensor) -> None:
        self._library = library
        self._linear = PackedLinear(library, weight, int8=True)
        self._weight = weight

    def __call__(self, hidden: Tensor) -> Choice:
        logits = self._linear(hidden, torch.float32)
        count = len(hidden)
        token, probability = torch.empty(count, dtype=torch.int64), torch.empty(count)
        self._library.choose_int8(
            logits.data_ptr(), hidden.data_ptr(), self._weight.data_ptr(), token.data_ptr(), probability.data_ptr(),
            count, *self._weight.shape,
        )  # fmt: skip
        return Choice(token.tolist(), probability.tolist(), lambda index: (self._weight @ hidden[index]).float())
