"""Matrix products whose weights are laid out once for oneDNN, in bfloat16 or in int8."""

import ctypes
from typing import Any, Protocol

import torch
from torch import Tensor

__all__ = ["BfloatLinear", "Int8Linear", "Linear"]

_ROWS = 32
"""Rows for which the bf16 layout is chosen; it serves any number."""


class Linear(Protocol):
    """``(rows, inputs)`` → ``(rows, outputs)``, bfloat16."""

    def __call__(self, x: Tensor) -> Tensor: ...


class BfloatLinear:
    """Without this, oneDNN lays the weights out anew in every product: 80 ms a step instead of 50 at full size."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self._operations: Any = torch.ops.mkldnn
        self._weight = self._operations._reorder_linear_weight(weight.contiguous(), _ROWS)
        self._bias = bias

    def __call__(self, x: Tensor) -> Tensor:
        product: Tensor = self._operations._linear_pointwise(x, self._weight, self._bias, "none", [], "")
        return product


class Int8Linear:
    """Weights in int8 with a scale for each output; inputs rounded to int8 with a scale for each row."""

    def __init__(self, library: ctypes.CDLL, weight: Tensor, bias: Tensor | None = None) -> None:
        self._library = library
        self._operations: Any = torch.ops.onednn
        scale = weight.float().abs().amax(dim=1).clamp(min=1e-12) / 127
        rounded = (weight.float() / scale[:, None]).round().to(torch.int8)
        self._weight = self._operations.qlinear_prepack(rounded, None)
        self._scale = scale
        self._zero = torch.zeros(len(scale), dtype=torch.int32)
        self._bias = bias.float() if bias is not None else None

    def product(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The product in float32 without the bias, and ``(rows,)`` what each row of it is worth."""
        rounded, unit = torch.empty(x.shape, dtype=torch.int8), torch.empty(len(x))
        self._library.round_rows(x.data_ptr(), rounded.data_ptr(), unit.data_ptr(), *x.shape)
        product: Tensor = self._operations.qlinear_pointwise(
            rounded, 1.0, 0, self._weight, self._scale, self._zero, None, 1.0, 0, torch.float32, "none", [], ""
        )
        return product, unit

    def __call__(self, x: Tensor) -> Tensor:
        product, unit = self.product(x)
        out = product.new_empty(product.shape, dtype=torch.bfloat16)
        bias = self._bias.data_ptr() if self._bias is not None else None
        self._library.scale_rows(product.data_ptr(), unit.data_ptr(), bias, out.data_ptr(), *out.shape)
        return out
