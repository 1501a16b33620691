"""Matrix products with weights that are packed once, in bfloat16 or int8: by AMX tiles, or by oneDNN."""

import ctypes
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from got_runtime.engine.torch_engine.allocator import advise_huge_pages
from got_runtime.engine.torch_engine.native.library import load_products

__all__ = ["BfloatLinear", "Int8Linear", "Linear", "TileLinear", "pack_linear", "quantize"]

_PACKED_FOR_ROWS = 32
"""Number of rows for which oneDNN packs bf16 weights; the packed weights work for any number."""
_TILE_ROWS = 16
"""Rows of an AMX tile."""


class Linear(Protocol):
    """``(rows, inputs)`` in bfloat16 → ``(rows, outputs)`` in bfloat16 or float32. A row is a token."""

    def __call__(self, x: Tensor, dtype: torch.dtype = torch.bfloat16) -> Tensor: ...


def pack_linear(library: ctypes.CDLL, weight: Tensor, bias: Tensor | None = None, *, int8: bool) -> Linear:
    """Pack a weight for the fastest product that this machine has.

    Args:
        library: ``step.c``, loaded.
        weight: ``(outputs, inputs)``, in bfloat16.
        bias: ``(outputs,)``, if any.
        int8: quantise weights and inputs to 8 bits.
    """
    products = load_products()
    if products is not None and weight.shape[1] % 64 == 0:
        return TileLinear(library, products, weight, bias, int8)
    return Int8Linear(library, weight, bias) if int8 else BfloatLinear(weight, bias)


class TileLinear:
    """The product of ``products.c``.

    A full-size step of 32 sequences takes 29 ms in bf16 and 16 in int8; with oneDNN, 35 and 26.
    """

    def __init__(
        self, library: ctypes.CDLL, products: ctypes.CDLL, weight: Tensor, bias: Tensor | None, int8: bool
    ) -> None:
        self._library, self._products = library, products
        self._outputs = len(weight)
        self._bias = bias.float() if bias is not None else None
        self._scale: Tensor | None = None
        if int8:
            weight, self._scale = quantize(weight)
        group = 4 // weight.element_size()
        weight = F.pad(weight, (0, 0, 0, -len(weight) % (2 * _TILE_ROWS)))
        tiles = weight.unflatten(0, (-1, 2, _TILE_ROWS)).unflatten(3, (-1, _TILE_ROWS, group)).permute(0, 3, 1, 4, 2, 5)
        self._weight = torch.empty(tiles.shape, dtype=weight.dtype)
        advise_huge_pages(self._weight)
        self._weight.copy_(tiles)

    def __call__(self, x: Tensor, dtype: torch.dtype = torch.bfloat16) -> Tensor:
        rows, inputs = x.shape
        padded = torch.empty(rows + -rows % _TILE_ROWS, inputs, dtype=self._weight.dtype)
        input_scale: Tensor | None = None
        if self._scale is None:
            padded[:rows] = x
        else:
            input_scale = torch.empty(rows)
            self._library.quantize_rows(x.data_ptr(), padded.data_ptr(), input_scale.data_ptr(), rows, inputs)
        out = torch.empty(rows, self._outputs, dtype=dtype)
        optional = (each.data_ptr() if each is not None else None for each in (input_scale, self._scale, self._bias))
        self._products.multiply(
            padded.data_ptr(), self._weight.data_ptr(), *optional, out.data_ptr(),
            rows, self._outputs, inputs * padded.element_size(), dtype == torch.float32,
        )  # fmt: skip
        return out


class BfloatLinear:
    """oneDNN's product in bf16.

    Without packing, oneDNN would pack the weights in every product: a full-size step took 80 ms instead of 50.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self._operations: Any = torch.ops.mkldnn
        self._weight = self._operations._reorder_linear_weight(weight.contiguous(), _PACKED_FOR_ROWS)
        self._bias = bias

    def __call__(self, x: Tensor, dtype: torch.dtype = torch.bfloat16) -> Tensor:
        product: Tensor = self._operations._linear_pointwise(x, self._weight, self._bias, "none", [], "")
        return product.to(dtype)


class Int8Linear:
    """oneDNN's product in int8: weights have a scale for each output, inputs a scale for each row."""

    def __init__(self, library: ctypes.CDLL, weight: Tensor, bias: Tensor | None = None) -> None:
        self._library = library
        self._operations: Any = torch.ops.onednn
        quantized, self._scale = quantize(weight)
        self._weight = self._operations.qlinear_prepack(quantized, None)
        self._zero = torch.zeros(len(weight), dtype=torch.int32)
        self._bias = bias.float() if bias is not None else None

    def __call__(self, x: Tensor, dtype: torch.dtype = torch.bfloat16) -> Tensor:
        quantized, input_scale = torch.empty(x.shape, dtype=torch.int8), torch.empty(len(x))
        self._library.quantize_rows(x.data_ptr(), quantized.data_ptr(), input_scale.data_ptr(), *x.shape)
        product: Tensor = self._operations.qlinear_pointwise(
            quantized, 1.0, 0, self._weight, self._scale, self._zero, None, 1.0, 0, torch.float32, "none", [], ""
        )
        product *= input_scale[:, None]
        if self._bias is not None:
            product += self._bias
        return product.to(dtype)


def quantize(x: Tensor) -> tuple[Tensor, Tensor]:
    """int8 values, and a scale for each row of the last dimension."""
    scale = x.float().abs().amax(dim=-1).clamp(min=1e-12) / 127
    return (x.float() / scale[..., None]).round().to(torch.int8), scale
