"""Matrix products whose weights are laid out once, in bfloat16 or in int8: for matrix tiles, or for oneDNN."""

import ctypes
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from got_runtime.engine.torch_engine.allocator import advise_huge_pages
from got_runtime.engine.torch_engine.native.library import load_products

__all__ = ["BfloatLinear", "Int8Linear", "Linear", "TileLinear", "lay_out"]

_ROWS = 32
"""Rows for which oneDNN's bf16 layout is chosen; it serves any number."""
_SIDE = 16
"""Rows of a matrix tile."""


class Linear(Protocol):
    """``(rows, inputs)``, bfloat16 → ``(rows, outputs)``, bfloat16 or float32."""

    def __call__(self, x: Tensor, dtype: torch.dtype = torch.bfloat16) -> Tensor: ...


def lay_out(library: ctypes.CDLL, weight: Tensor, bias: Tensor | None = None, *, int8: bool) -> Linear:
    """The fastest product this machine has for a weight of ``(outputs, inputs)``.

    Args:
        library: ``step.c``, loaded.
        int8: round weights and inputs to 8 bits.
    """
    products = load_products()
    if products is not None and weight.shape[1] % 64 == 0:
        return TileLinear(library, products, weight, bias, int8)
    return Int8Linear(library, weight, bias) if int8 else BfloatLinear(weight, bias)


class TileLinear:
    """See ``products.c``. 32 rows of a full-size step take 29 ms in bf16 and 16 in int8; by oneDNN, 35 and 26."""

    def __init__(
        self, library: ctypes.CDLL, products: ctypes.CDLL, weight: Tensor, bias: Tensor | None, int8: bool
    ) -> None:
        self._library, self._products = library, products
        self._outputs = len(weight)
        self._bias = bias.float() if bias is not None else None
        self._scale: Tensor | None = None
        if int8:
            weight, self._scale = _rounded(weight)
        group = 4 // weight.element_size()
        weight = F.pad(weight, (0, 0, 0, -len(weight) % (2 * _SIDE)))
        pairs = weight.unflatten(0, (-1, 2, _SIDE)).unflatten(3, (-1, _SIDE, group)).permute(0, 3, 1, 4, 2, 5)
        self._weight = torch.empty(pairs.shape, dtype=weight.dtype)
        advise_huge_pages(self._weight)
        self._weight.copy_(pairs)

    def __call__(self, x: Tensor, dtype: torch.dtype = torch.bfloat16) -> Tensor:
        rows, inputs = x.shape
        whole = torch.empty(rows + -rows % _SIDE, inputs, dtype=self._weight.dtype)
        unit: Tensor | None = None
        if self._scale is None:
            whole[:rows] = x
        else:
            unit = torch.empty(rows)
            self._library.round_rows(x.data_ptr(), whole.data_ptr(), unit.data_ptr(), rows, inputs)
        out = torch.empty(rows, self._outputs, dtype=dtype)
        optional = (each.data_ptr() if each is not None else None for each in (unit, self._scale, self._bias))
        self._products.multiply(
            whole.data_ptr(), self._weight.data_ptr(), *optional, out.data_ptr(),
            rows, self._outputs, inputs * whole.element_size(), dtype == torch.float32,
        )  # fmt: skip
        return out


class BfloatLinear:
    """By oneDNN, which would else lay weights out anew in every product: 80 ms a step instead of 50 at full size."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self._operations: Any = torch.ops.mkldnn
        self._weight = self._operations._reorder_linear_weight(weight.contiguous(), _ROWS)
        self._bias = bias

    def __call__(self, x: Tensor, dtype: torch.dtype = torch.bfloat16) -> Tensor:
        product: Tensor = self._operations._linear_pointwise(x, self._weight, self._bias, "none", [], "")
        return product.to(dtype)


class Int8Linear:
    """By oneDNN: weights in int8 with a scale for each output; inputs rounded to int8 with a scale for each row."""

    def __init__(self, library: ctypes.CDLL, weight: Tensor, bias: Tensor | None = None) -> None:
        self._library = library
        self._operations: Any = torch.ops.onednn
        rounded, self._scale = _rounded(weight)
        self._weight = self._operations.qlinear_prepack(rounded, None)
        self._zero = torch.zeros(len(weight), dtype=torch.int32)
        self._bias = bias.float() if bias is not None else None

    def __call__(self, x: Tensor, dtype: torch.dtype = torch.bfloat16) -> Tensor:
        rounded, unit = torch.empty(x.shape, dtype=torch.int8), torch.empty(len(x))
        self._library.round_rows(x.data_ptr(), rounded.data_ptr(), unit.data_ptr(), *x.shape)
        product: Tensor = self._operations.qlinear_pointwise(
            rounded, 1.0, 0, self._weight, self._scale, self._zero, None, 1.0, 0, torch.float32, "none", [], ""
        )
        product *= unit[:, None]
        if self._bias is not None:
            product += self._bias
        return product.to(dtype)


def _rounded(weight: Tensor) -> tuple[Tensor, Tensor]:
    """int8, and ``(outputs,)`` what one of them is worth."""
    scale = weight.float().abs().amax(dim=1).clamp(min=1e-12) / 127
    return (weight.float() / scale[:, None]).round().to(torch.int8), scale
